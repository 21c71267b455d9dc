# SPDX-License-Identifier: Apache-2.0
"""Writes float16_dense.tflite and float16_sparse.tflite: one network with four fifths of zeros, in float16, converted without and
with sparsity. The dense layer's zeros are in blocks of four, so that the converter stores blocks.

Run in a throw-away environment: pip install tensorflow==2.21.0; python make_tflite_models.py
"""
import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
import numpy as np
import tensorflow as tf

random = np.random.default_rng(0)


def pruned(*shape, block=1):
    weights = random.normal(0, 0.3, shape)
    kept = random.uniform(size=(shape[0] // block, *shape[1:])) < 0.2
    return tf.constant(np.where(np.repeat(kept, block, 0), weights, 0), tf.float32)


FILTERS, UNITS = pruned(3, 3, 4, 8), pruned(128, 16, block=4)


def network(x):
    y = tf.nn.relu(tf.nn.conv2d(x, FILTERS, 1, "SAME") + 0.1)
    return tf.matmul(tf.reshape(y, [1, -1]), UNITS) + 0.1


function = tf.function(network, input_signature=[tf.TensorSpec((1, 4, 4, 4), tf.float32)]).get_concrete_function()
for name, optimizations in (("float16_dense", []), ("float16_sparse", [tf.lite.Optimize.EXPERIMENTAL_SPARSITY])):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
    converter.optimizations = optimizations + [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    with open(f"{name}.tflite", "wb") as file:
        file.write(converter.convert())
