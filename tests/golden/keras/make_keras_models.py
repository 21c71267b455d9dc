# SPDX-License-Identifier: Apache-2.0
"""Writes the golden Keras models of this folder: NAME.h5 and NAME.json with one input, the output that Keras computes,
and the [scale, offset] that stands for each Lambda.

Run in a throw-away environment: pip install tensorflow tf_keras h5py; python make_keras_models.py
Keras 2 files come from tf_keras, keras3.h5 from Keras 3. Nothing current writes Keras 1.2: keras1.h5 holds an equal
Keras 2 model's weights under Keras 1.2's names, with the equal model's output. make_keras_branches.py writes the others.
"""
import json
import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
import h5py
import keras as keras3
import numpy as np
import tf_keras as keras
from golden_io import randomize, write_io
from tf_keras import layers as L


def write(name, layers, **io_options):
    keras.backend.clear_session()
    model = keras.Sequential(layers)
    randomize(model)
    model.save(name + ".h5", include_optimizer=False)
    write_io(name, model, **io_options)
    return model


def write_keras1():
    keras.backend.clear_session()
    model = keras.Sequential([
        L.Rescaling(0.25, -0.5, input_shape=(12, 14, 3)),
        L.Cropping2D(((2, 1), (0, 3))),
        L.ZeroPadding2D(((1, 0), (2, 1))),
        L.Conv2D(4, (3, 2), strides=(2, 1), padding="same", activation="elu"),
        L.BatchNormalization(epsilon=1e-2),
        L.MaxPooling2D((2, 2), padding="same"),
        L.Flatten(),
        L.Dense(5, activation="hard_sigmoid", use_bias=False),
        L.Dense(2)])
    randomize(model)
    common = {"trainable": True}
    tf = {"dim_ordering": "tf"}
    config = [
        ("Lambda", "lambda_1", {"function": ["not bytecode", None, None], "function_type": "lambda", "arguments": {},
                                "input_dtype": "float32", "batch_input_shape": [None, 12, 14, 3]}),
        ("Cropping2D", "cropping2d_1", {"cropping": [[2, 1], [0, 3]], **tf}),
        ("ZeroPadding2D", "zeropadding2d_1", {"padding": [1, 0, 2, 1], **tf}),
        ("Convolution2D", "convolution2d_1", {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "subsample": [2, 1], "bias": True,
                                              "border_mode": "same", "activation": "elu", **tf}),
        ("BatchNormalization", "batchnormalization_1", {"epsilon": 1e-2, "mode": 0, "axis": -1, "momentum": 0.99}),
        ("MaxPooling2D", "maxpooling2d_1", {"pool_size": [2, 2], "strides": [2, 2], "border_mode": "same", **tf}),
        ("Flatten", "flatten_1", {}),
        ("Dense", "dense_1", {"output_dim": 5, "input_dim": None, "bias": False, "activation": "hard_sigmoid"}),
        ("Dense", "dense_2", {"output_dim": 2, "input_dim": None, "bias": True, "activation": "linear"})]
    entries = [{"class_name": kind, "config": {"name": name, **common, **own}} for kind, name, own in config]
    suffixes = {"Convolution2D": ["W", "b"], "Dense": ["W", "b"],
                "BatchNormalization": ["gamma", "beta", "running_mean", "running_std"]}
    with h5py.File("keras1.h5", "w") as file:
        file.attrs["keras_version"] = b"1.2.1"
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": entries}).encode()
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = np.array([name.encode() for _, name, _ in config])
        for layer, (kind, name, _) in zip(model.layers, config):
            group = weights.create_group(name)
            names = [f"{name}_{suffix}:0" for suffix in suffixes.get(kind, [])][:len(layer.get_weights())]
            group.attrs["weight_names"] = np.array([n.encode() for n in names])
            for n, values in zip(names, layer.get_weights()):
                group.create_dataset(n, data=values)
    write_io("keras1", model, low=0, high=4, lambdas={"lambda_1": [0.25, -0.5]})


write("convolutions", [
    L.Conv2D(3, (3, 2), strides=(2, 1), activation="relu", input_shape=(9, 8, 2)),
    L.Conv2D(4, 3, strides=2, padding="same", activation="elu", use_bias=False),
    L.Dropout(0.2), L.Flatten(), L.Dense(5, activation="tanh"), L.Dense(2)])
write("batch_norm", [
    L.BatchNormalization(epsilon=1e-3, input_shape=(6, 5, 3)),
    L.Conv2D(4, 3), L.BatchNormalization(scale=False), L.Activation("relu"),
    L.Flatten(), L.Dense(4), L.BatchNormalization(center=False, epsilon=1e-2), L.Dense(2)])
write("pools", [
    L.ZeroPadding2D(((1, 2), (0, 3)), input_shape=(9, 8, 2)), L.MaxPooling2D((3, 2), strides=(2, 1)),
    L.AveragePooling2D((2, 3), strides=(2, 2), padding="same"), L.Cropping2D(((1, 0), (1, 1))), L.Flatten(), L.Dense(2)])
write("conv_lstm", [
    L.Conv2D(3, 3, activation="relu", input_shape=(8, 8, 2)), L.Reshape((2, 3, -1, 3)),
    L.ConvLSTM2D(2, 3, padding="same", activation="tanh", recurrent_activation="hard_sigmoid", return_sequences=True),
    L.ConvLSTM2D(2, (2, 3), strides=(1, 2), padding="valid", activation="relu", recurrent_activation="sigmoid",
                 use_bias=False),
    L.Flatten(), L.Dense(2)])
write("activations", [
    L.Conv2D(2, 3, activation="relu6", input_shape=(6, 6, 1)), L.SpatialDropout2D(0.3), L.ELU(), L.Activation("linear"),
    L.Conv2D(2, 1, activation="sigmoid"), L.ReLU(), L.Conv2D(2, 1), L.ReLU(max_value=6.0), L.Flatten(),
    L.Dense(4, activation="hard_sigmoid"), L.Dense(3), L.Activation("tanh")], low=-4, high=4)
# Compiled by hand because bytecode names its source file, with the folder.
normalize = eval(compile("lambda x: x / 127.5 - 1.0", "lambda", "eval"))
write("lambda", [
    L.Lambda(normalize, name="normalize", input_shape=(6, 6, 3)), L.Conv2D(2, 3), L.Flatten(), L.Dense(1)],
    low=0, high=255, lambdas={"normalize": [1 / 127.5, -1.0]})
write_keras1()

model = keras3.Sequential([
    keras3.layers.Input((6, 6, 2)), keras3.layers.Conv2D(3, 3, activation="relu"), keras3.layers.BatchNormalization(),
    keras3.layers.MaxPooling2D(2), keras3.layers.Dropout(0.2), keras3.layers.Flatten(),
    keras3.layers.Dense(2, activation="sigmoid")])
randomize(model)
model.save("keras3.h5", include_optimizer=False)
write_io("keras3", model)
