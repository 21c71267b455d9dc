# SPDX-License-Identifier: Apache-2.0
"""Integer models of one or two operations as TensorFlow's converter writes them: what slimpilot computes of other people's
files, op by op, on inputs that cover the type."""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf
from absl import logging

logging.set_verbosity(logging.ERROR)
SHAPE = (1, 16, 16, 4)
generator = np.random.default_rng(3)


def constant(*shape, size=0.4):
    return tf.constant(generator.normal(0, size, shape), tf.float32)


def conv(strides, padding, kernel=3):
    weights, bias = constant(kernel, kernel, 4, 7), constant(7)
    return lambda x: tf.nn.conv2d(x, weights, strides, padding) + bias


def depthwise(strides, padding):
    weights, bias = constant(3, 3, 4, 1), constant(4)
    return lambda x: tf.nn.depthwise_conv2d(x, weights, [1, strides, strides, 1], padding) + bias


def dense(units):
    weights, bias = constant(1024, units, size=0.05), constant(units)
    return lambda x: tf.matmul(tf.reshape(x, [1, 1024]), weights) + bias


OPERATIONS = {
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "tanh": tf.tanh,
    "sigmoid": tf.sigmoid,
    "elu": tf.nn.elu,
    "conv_valid": conv(1, "VALID"),
    "conv_same_stride2": conv(2, "SAME", 5),
    "conv_relu6": lambda x, f=conv(1, "SAME"): tf.nn.relu6(f(x)),
    "depthwise_same": depthwise(1, "SAME"),
    "depthwise_stride2_relu": lambda x, f=depthwise(2, "VALID"): tf.nn.relu(f(x)),
    "dense": dense(300),
    "dense_relu": lambda x, f=dense(301): tf.nn.relu(f(x)),
    "max_pool": lambda x: tf.nn.max_pool2d(x, (3, 2), (2, 2), "SAME"),
    "average_pool": lambda x: tf.nn.avg_pool2d(x, (3, 2), (2, 2), "SAME"),
    "pad_conv": lambda x, f=conv(1, "VALID"): f(tf.pad(x, [[0, 0], [2, 1], [0, 3], [0, 0]])),
    "crop_conv": lambda x, f=conv(1, "VALID"): f(x[:, 2:13, 1:15, :]),
    "add_branches": lambda x, f=conv(1, "SAME"), g=conv(1, "SAME", 1): f(x) + g(x),
    "multiply_branches": lambda x, f=conv(1, "SAME"), g=conv(1, "SAME", 1): f(x) * tf.sigmoid(g(x)),
}
NO_INT16 = {"elu"}


def convert(operation, int16):
    """The bytes of a fully integer .tflite file."""
    function = tf.function(operation, input_signature=[tf.TensorSpec(SHAPE, tf.float32)]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    low, high = generator.uniform(2, 14, 2)  # beyond where tanh and sigmoid saturate
    samples = generator.uniform(-low, high, (20, *SHAPE)).astype(np.float32)
    converter.representative_dataset = lambda: ([x] for x in samples)
    if int16:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    else:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    kind = tf.int16 if int16 else tf.int8
    converter.inference_input_type = converter.inference_output_type = kind
    return converter.convert()


def models(only):
    """(name, file, whether LiteRT's reference kernels have the op) for every operation whose name holds `only`."""
    for name, operation in OPERATIONS.items():
        if only not in name:
            continue
        yield f"{name}_int8", convert(operation, False), name != "elu"
        if name not in NO_INT16:
            yield f"{name}_int16x8", convert(operation, True), True
