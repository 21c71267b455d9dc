# SPDX-License-Identifier: Apache-2.0
"""Writes dynamic_range.tflite, whose layers quantize what they read while they compute, and dynamic_range.json: an input and what
LiteRT's reference kernels make of it.

Run in a throw-away environment: pip install tensorflow==2.21.0 ai-edge-litert==2.3.0; python make_dynamic_range.py
"""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
import json

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

random = np.random.default_rng(7)


def weights(*shape):
    return tf.constant(random.normal(0, 0.2, shape), tf.float32)


# The converter quantizes what has 1024 numbers or more.
FIRST, SECOND, HIDDEN, LAST = weights(3, 3, 3, 40), weights(3, 3, 40, 8), weights(48, 24), weights(24, 48)
BIASES = [weights(count) for count in (40, 8, 24, 48)]


def network(x):
    x = tf.nn.relu(tf.nn.conv2d(x, FIRST, 2, "VALID") + BIASES[0])
    x = tf.nn.relu(tf.nn.conv2d(x, SECOND, 1, "VALID") + BIASES[1])
    x = tf.matmul(tf.reshape(x, [1, -1]), HIDDEN) + BIASES[2]
    return tf.nn.relu(tf.matmul(x, LAST) + BIASES[3])


function = tf.function(network, input_signature=[tf.TensorSpec((1, 9, 12, 3), tf.float32)]).get_concrete_function()
converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
converter.optimizations = [tf.lite.Optimize.DEFAULT]
content = converter.convert()
interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
interpreter.allocate_tensors()
image = random.uniform(-1, 2, (1, 9, 12, 3)).astype(np.float32)
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
interpreter.invoke()
output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
with open("dynamic_range.tflite", "wb") as file:
    file.write(content)
with open("dynamic_range.json", "w") as file:
    json.dump({name: numbers.ravel().tolist() for name, numbers in (("input", image), ("output", output))}, file)
