# SPDX-License-Identifier: Apache-2.0
"""Whether quantize_dynamic_range quantizes weights as TensorFlow's converter does: the same Keras models through both, and every
layer's weights compared: type, bytes and scales. The technique's order_channels, which TensorFlow has not, is left out. Prints
a line per layer; exits with 1 if one differs.

usage: dynamic_range_bytes.py --build BUILD
"""
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf
from absl import logging
from ai_edge_litert.interpreter import Interpreter

import pictures
from parity_run import run_checks

logging.set_verbosity(logging.ERROR)
L = tf.keras.layers


def plain():
    return [
        L.Conv2D(24, 5, strides=2, activation="relu", input_shape=(66, 200, 3)),
        L.Conv2D(36, 5, strides=2, activation="relu"),
        L.Conv2D(7, 3, padding="same", activation="relu"),
        L.Flatten(),
        L.Dense(50, activation="relu"),
        L.Dense(2),
    ]


def pooled():
    return [
        L.Conv2D(64, 5, padding="same", activation="relu", input_shape=(40, 60, 3)),
        L.MaxPooling2D(4),
        L.Conv2D(1, 5, use_bias=False, activation="tanh"),
        L.Flatten(),
        L.Dense(64, activation="sigmoid"),
        L.Dense(16, activation="relu"),
        L.Dense(2),
    ]


def one_output():
    return [L.AveragePooling2D(4, input_shape=(80, 160, 3)), L.Flatten(), L.Dense(1)]


def awkward_weights(model):
    """Channels of very different size, one of zeros, one of tiny numbers, one whose maximum is negative."""
    generator = np.random.default_rng(17)
    for layer in model.layers:
        values = []
        for weights in layer.get_weights():
            channels = weights.shape[-1]
            random = generator.normal(0, 10.0 ** generator.uniform(-3, 1, channels), weights.shape)
            if weights.ndim > 1 and channels > 6:
                random[..., 1], random[..., 2] = 0, 1e-9 * random[..., 2]
                random[..., 3] = -np.abs(random[..., 3])
            values.append(random)
        layer.set_weights(values)


def make_models():
    for architecture in (plain, pooled, one_output):
        yield f"{architecture.__name__}_glorot", tf.keras.Sequential(architecture())
        model = tf.keras.Sequential(architecture())
        awkward_weights(model)
        yield f"{architecture.__name__}_awkward", model


def converted(model):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def layer_weights(content):
    """(operator, weights, scales) of each layer in order."""
    interpreter = Interpreter(model_content=content)
    details = {t["index"]: t for t in interpreter.get_tensor_details()}
    layers = []
    for op in interpreter._get_ops_details():
        if op["op_name"] in ("CONV_2D", "FULLY_CONNECTED"):
            index = op["inputs"][1]
            layers.append((op["op_name"], interpreter.get_tensor(index), details[index]["quantization_parameters"]["scales"]))
    return layers


def compare(results, name, ours, theirs):
    results.add(name, "layers", [x[0] for x in ours] == [x[0] for x in theirs], f"{len(ours)} and {len(theirs)}")
    for i, ((op, w, scale), (_, expected, expected_scale)) in enumerate(zip(ours, theirs)):
        same_type = w.dtype == expected.dtype and w.shape == expected.shape
        different = int((w != expected).sum()) if same_type else -1
        scales = np.array_equal(scale, expected_scale)
        detail = f"{w.dtype} {w.shape}, {different} of {w.size} weights differ, {len(scale)} scales {'equal' if scales else 'DIFFER'}"
        results.add(name, f"{i} {op}", different == 0 and scales, detail if same_type else f"{w.dtype} {w.shape}, not {expected.dtype} {expected.shape}")


def check_all(results, runner, _):
    recording = runner.folder / "synthetic"
    pictures.make_synthetic_recording(recording, 8)
    for name, model in make_models():
        path, out = runner.folder / f"{name}.h5", runner.folder / name
        model.save(path, include_optimizer=False)
        _, height, width, _ = model.input_shape
        outputs = "v,w" if model.output_shape[-1] == 2 else "v"
        options = ["--recipe", "dynamic_range=quantize_dynamic_range", "--techniques", "dynamic_range"]
        options += ["--resize", f"{width}x{height}", "--outputs", outputs]
        runner.optimize(path, recording, out, options)
        compare(results, name, layer_weights((out / "dynamic_range.tflite").read_bytes()), layer_weights(converted(model)))


if __name__ == "__main__":
    run_checks(check_all)
