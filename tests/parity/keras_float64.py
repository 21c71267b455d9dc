# SPDX-License-Identifier: Apache-2.0
"""Keras' definitions in numpy and float64: an evaluation of a Sequential .h5 file that shares nothing with Keras or slimpilot."""
import json

import h5py
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "elu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),  # of Keras 1 and 2
}


def windows(x, size, strides, padding, fill):
    """[rows, columns, channels, kernel rows, kernel columns] of an image [rows, columns, channels]."""
    if padding == "same":
        margins = []
        for length, window, stride in zip(x.shape, size, strides):
            total = max((-(-length // stride) - 1) * stride + window - length, 0)
            margins.append((total // 2, total - total // 2))
        x = np.pad(x, [*margins, (0, 0)], constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(x, size, (0, 1))[:: strides[0], :: strides[1]]


def convolve(x, kernel, strides=(1, 1), padding="valid"):
    return np.einsum("hwcij,ijco->hwo", windows(x, kernel.shape[:2], strides, padding, 0), kernel, optimize=True)


def conv_lstm(x, config, kernel, recurrent, bias):
    """Over a sequence [steps, rows, columns, channels], from a zero state."""
    filters = recurrent.shape[2]
    activate, gate = FUNCTIONS[config["activation"]], FUNCTIONS[config["recurrent_activation"]]
    h = c = None
    results = []
    for image in x:
        z = convolve(image, kernel, config["strides"], config["padding"]) + bias
        if h is not None:
            z = z + convolve(h, recurrent, padding="same")
        i, f, new, o = (z[..., k * filters : (k + 1) * filters] for k in range(4))
        c = gate(i) * activate(new) + (0 if c is None else gate(f) * c)
        h = gate(o) * activate(c)
        results.append(h)
    return np.stack(results) if config["return_sequences"] else results[-1]


def apply_layer(kind, config, weights, x, lambdas):
    activate = FUNCTIONS[config.get("activation", "linear")] if kind != "ConvLSTM2D" else None
    padding = config.get("padding", config.get("border_mode"))
    strides = config.get("strides", config.get("subsample"))
    if kind in ("InputLayer", "Dropout"):
        return x
    if kind == "Lambda":
        scale, offset = lambdas[config["name"]]
        return x * scale + offset
    if kind == "Cropping2D":
        (top, bottom), (left, right) = config["cropping"]
        return x[top : x.shape[0] - bottom, left : x.shape[1] - right]
    if kind in ("Conv2D", "Convolution2D"):
        return activate(convolve(x, weights[0], strides, padding) + weights[1])
    if kind == "MaxPooling2D":
        return windows(x, config["pool_size"], strides, padding, -np.inf).max((3, 4))
    if kind == "Reshape":
        return x.reshape(config["target_shape"])
    if kind == "ConvLSTM2D":
        return conv_lstm(x, config, *weights)
    if kind == "Flatten":
        return x.ravel()
    if kind == "Dense":
        return activate(x @ weights[0] + weights[1])
    raise ValueError(f"no definition of {kind}")


def evaluate(path, frames, lambdas=None):
    """Outputs [frame, element] for float images [frame, row, column, channel]."""
    with h5py.File(path) as file:
        config = json.loads(file.attrs["model_config"])["config"]
        layers = config if isinstance(config, list) else config["layers"]
        stored = file["model_weights"] if "model_weights" in file else file
        group_of = lambda name: stored[name] if name in stored else None
        weights = []
        for layer in layers:
            group = group_of(layer["config"]["name"])
            names = [] if group is None else group.attrs.get("weight_names", [])
            weights.append([np.asarray(group[name], np.float64) for name in names])
    results = []
    for x in np.asarray(frames, np.float64):
        for layer, values in zip(layers, weights):
            x = apply_layer(layer["class_name"], layer["config"], values, x, lambdas or {})
        results.append(x)
    return np.stack(results)
