# SPDX-License-Identifier: Apache-2.0
"""Writes the golden Keras models of this folder that are no plain chains: functional ones with branches and several outputs,
models in models, layers over sequences, quantization-aware training. Each NAME.h5 or NAME.keras (or both, of one model) has a
NAME.json; golden_io.py says what is in it.

Run in a throw-away environment: pip install tensorflow tf_keras h5py tensorflow-model-optimization; python
make_keras_branches.py
"""
import json
import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_USE_LEGACY_KERAS"] = "1"  # for tensorflow_model_optimization
import h5py
import keras as keras3
import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras as keras2
from golden_io import random, randomize, write_io


def write(name, keras, build, endings, **io_options):
    keras.backend.clear_session()
    model = build(keras, keras.layers)
    randomize(model)
    for ending in endings:
        model.save(name + ending)
    write_io(name, model, **io_options)
    return model


def donkey(image, L):
    """Donkey Car's trunk, narrower."""
    x = L.Conv2D(3, 5, strides=2, activation="relu", name="conv2d_1")(image)
    x = L.Dropout(0.2)(x)
    x = L.Conv2D(4, 3, activation="relu", name="conv2d_2")(x)
    x = L.Flatten(name="flattened")(x)
    x = L.Dense(8, activation="relu", name="dense_1")(x)
    return L.Dropout(0.2)(x)


def donkey_linear(keras, L):
    image = L.Input((14, 18, 3), name="img_in")
    x = donkey(image, L)
    heads = [L.Dense(1, activation="linear", name="n_outputs" + str(i))(x) for i in range(2)]
    return keras.Model(image, heads, name="linear")


def donkey_categorical(keras, L):
    image = L.Input((14, 18, 3), name="img_in")
    x = donkey(image, L)
    return keras.Model(image, [L.Dense(15, activation="softmax", name="angle_out")(x),
                               L.Dense(20, activation="softmax", name="throttle_out")(x)], name="categorical")


def branches(keras, L):
    image = L.Input((9, 10, 3))
    scaled = L.Rescaling(1 / 4, offset=[-0.5, 0.25, 0.0] if keras is keras2 else -0.5)(image)
    normal = L.Normalization(mean=[0.1, -0.2, 0.3], variance=[0.5, 2.0, 1.0])(scaled)
    a = L.Conv2D(4, 3, padding="same")(normal)
    a = L.LeakyReLU(0.2)(a)
    b = L.DepthwiseConv2D(3, padding="same", activation="relu")(normal)
    b = L.SeparableConv2D(4, 3, padding="same", activation="elu")(b)
    c = L.Add()([a, b, L.Activation("tanh")(a)])
    gate = L.GlobalAveragePooling2D(keepdims=True)(c)
    gate = L.Dense(4, activation="sigmoid")(gate)
    d = L.Multiply()([gate, c])
    e = L.Concatenate()([d, L.GaussianNoise(0.1)(normal), b])
    e = L.Permute((2, 3, 1))(e)
    e = L.ActivityRegularization()(L.SpatialDropout2D(0.1)(e))
    f = L.Concatenate(axis=1)([L.GlobalMaxPooling2D()(e), L.GlobalAveragePooling2D()(d)])
    return keras.Model(image, [L.Softmax()(L.Dense(3)(f)), L.ReLU(negative_slope=0.1)(L.Dense(2)(f)), L.Dense(1)(f)])


def sequences(keras, L):
    trunk = keras.Sequential([L.Input((8, 9, 2)), L.Conv2D(3, 3, activation="relu"), L.BatchNormalization(),
                              L.Conv2D(2, 2, strides=2)], name="trunk")
    frames = L.Input((4, 8, 9, 2))
    a = L.TimeDistributed(trunk)(frames)
    a = L.TimeDistributed(L.LeakyReLU())(a)
    a = L.TimeDistributed(L.MaxPooling2D(2, strides=1))(a)
    a = L.TimeDistributed(L.Flatten())(a)
    a = L.TimeDistributed(L.Dense(3, activation="tanh"))(a)
    b = L.Conv3D(3, (2, 3, 3), strides=(2, 1, 2), activation="relu")(frames)
    b = L.MaxPooling3D((1, 2, 2), padding="same")(b)
    b = L.Conv3D(2, 3, padding="same")(b)
    b = L.AveragePooling3D((2, 3, 1))(b)
    b = L.BatchNormalization()(b)
    return keras.Model(frames, L.Dense(2)(L.Concatenate()([L.Flatten()(a), L.Flatten()(b)])))


def global_pools(keras, L):
    frames = L.Input((3, 4, 5, 2))
    a = L.GlobalAveragePooling3D()(frames)
    b = L.GlobalMaxPooling3D()(L.Conv3D(3, 2, activation="tanh")(frames))
    c = L.Flatten()(L.GlobalMaxPooling3D(keepdims=True)(frames))
    return keras.Model(frames, L.Dense(2)(L.Concatenate()([a, b, c])))


def recurrent_sequences(keras, L):
    frames = L.Input((3, 6, 7, 2))
    x = L.ConvLSTM2D(2, 3, padding="same", return_sequences=True, recurrent_activation="sigmoid")(frames)
    x = L.TimeDistributed(L.Conv2D(3, 3, activation="relu"))(x)
    y = L.LSTM(4, return_sequences=True)(L.TimeDistributed(L.Flatten())(x))
    y = L.LSTM(3, use_bias=False, activation="relu")(y)
    x = L.ConvLSTM2D(2, 2, recurrent_activation="sigmoid")(x)
    return keras.Model(frames, L.Dense(2)(L.Concatenate()([L.Flatten()(x), y])))


def nested(keras, L):
    """A model that is called twice holds a model and a Sequential one; a layer that is called twice."""
    inside = L.Input((5, 5, 2))
    first = L.Conv2D(2, 3, padding="same", name="conv")(inside)
    core = keras.Sequential([L.Input((5, 5, 2)), L.Conv2D(3, 2, name="conv2", activation="relu"), L.BatchNormalization(name="norm")],
                            name="core")
    block = keras.Model(inside, [core(first), first], name="block")
    image = L.Input((5, 5, 2))
    pooled, kept = block(image)
    again, _ = block(kept)
    head = L.Dense(2, name="head")
    flat = L.Flatten()
    return keras.Model(image, [head(flat(pooled)), head(flat(again))])


def write_quantized():
    """Ranges and counters beside the weights, as one training step leaves them."""
    keras2.backend.clear_session()
    L = keras2.layers
    model = keras2.Sequential([L.Conv2D(3, 3, activation="relu", input_shape=(7, 8, 2)), L.Flatten(), L.Dense(4, activation="relu"),
                               L.Dense(2)])
    randomize(model)
    model = tfmot.quantization.keras.quantize_model(model)
    model.compile(optimizer="sgd", loss="mse")
    model.fit(random.uniform(-1, 1, (8, 7, 8, 2)), random.uniform(-1, 1, (8, 2)), epochs=1, verbose=0)
    model.save("quantized.h5", include_optimizer=False)
    plain = keras2.Sequential([L.Conv2D(3, 3, activation="relu", input_shape=(7, 8, 2)), L.Flatten(), L.Dense(4, activation="relu"),
                               L.Dense(2)])
    plain.build()
    by_end = {w.name.split("/")[-2] + "/" + w.name.split("/")[-1].split(":")[0]: w.numpy() for w in model.weights}
    for layer in plain.layers:
        if not layer.weights:
            continue
        (wrapped,) = [l.layer for l in model.layers if l.name.startswith("quant_" + type(layer).__name__.lower()) and
                      getattr(l.layer, "units", None) == getattr(layer, "units", None)]
        layer.set_weights([by_end[wrapped.name + "/" + what] for what in ("kernel", "bias")])
    write_io("quantized", plain)


def write_keras1_branches():
    """Keras 1.2's functional models: Merge layers, Convolution3D; an equal Keras 2 model gives weights and output."""
    keras2.backend.clear_session()
    L = keras2.layers
    frames = L.Input((3, 6, 7, 2))
    a = L.Conv3D(2, (2, 3, 3), activation="relu", name="convolution3d_1")(frames)
    b = L.TimeDistributed(L.Conv2D(2, 3, name="inner"), name="timedistributed_1")(frames)
    b = L.MaxPooling3D((2, 1, 1), strides=(1, 1, 1), name="maxpooling3d_1")(b)
    c = L.Flatten(name="flatten_1")(L.Concatenate(name="merge_1")([a, b]))
    d = L.Dense(3, name="dense_1")(c)
    model = keras2.Model(frames, [L.Add(name="merge_2")([d, L.LeakyReLU(0.3, name="leakyrelu_1")(d)])])
    randomize(model)
    tf, pool = {"dim_ordering": "tf"}, {"border_mode": "valid", "dim_ordering": "tf"}
    conv2d = {"name": "inner", "nb_filter": 2, "nb_row": 3, "nb_col": 3, "subsample": [1, 1], "bias": True,
              "border_mode": "valid", "activation": "linear", **tf}
    entries = [
        ("InputLayer", "input_1", {"batch_input_shape": [None, 3, 6, 7, 2], "input_dtype": "float32", "sparse": False}, []),
        ("Convolution3D", "convolution3d_1", {"nb_filter": 2, "kernel_dim1": 2, "kernel_dim2": 3, "kernel_dim3": 3, "bias": True,
                                              "subsample": [1, 1, 1], "activation": "relu", **pool}, ["input_1"]),
        ("TimeDistributed", "timedistributed_1", {"layer": {"class_name": "Convolution2D", "config": conv2d}}, ["input_1"]),
        ("MaxPooling3D", "maxpooling3d_1", {"pool_size": [2, 1, 1], "strides": [1, 1, 1], **pool}, ["timedistributed_1"]),
        ("Merge", "merge_1", {"mode": "concat", "concat_axis": -1, "dot_axes": -1}, ["convolution3d_1", "maxpooling3d_1"]),
        ("Flatten", "flatten_1", {}, ["merge_1"]),
        ("Dense", "dense_1", {"output_dim": 3, "bias": True, "activation": "linear"}, ["flatten_1"]),
        ("LeakyReLU", "leakyrelu_1", {"alpha": 0.3}, ["dense_1"]),
        ("Merge", "merge_2", {"mode": "sum", "concat_axis": -1, "dot_axes": -1}, ["dense_1", "leakyrelu_1"])]
    layers = [{"class_name": kind, "name": name, "config": {"name": name, "trainable": True, **own},
               "inbound_nodes": [[[source, 0, 0] for source in sources]] if sources else []}
              for kind, name, own, sources in entries]
    config = {"class_name": "Model", "config": {"name": "model_1", "layers": layers, "input_layers": [["input_1", 0, 0]],
                                                "output_layers": [["merge_2", 0, 0]]}}
    with h5py.File("keras1_branches.h5", "w") as file:
        file.attrs["keras_version"] = b"1.2.2"
        file.attrs["model_config"] = json.dumps(config).encode()
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = np.array([name.encode() for _, name, _, _ in entries])
        for _, name, _, sources in entries:
            arrays = model.get_layer(name).get_weights() if sources else []
            group = weights.create_group(name)
            names = [f"{name}_{suffix}:0" for suffix in ("W", "b")][:len(arrays)]
            group.attrs["weight_names"] = np.array([n.encode() for n in names])
            for n, values in zip(names, arrays):
                group.create_dataset(n, data=values)
    write_io("keras1_branches", model)


write("donkey_linear", keras2, donkey_linear, [".h5"])
write("donkey_categorical", keras3, donkey_categorical, [".keras"])
write("branches", keras2, branches, [".h5"])
write("branches3", keras3, branches, [".h5", ".keras"])
write("sequences", keras2, sequences, [".h5"])
write("sequences3", keras3, sequences, [".h5", ".keras"])
write("global_pools", keras2, global_pools, [".h5"])
write("global_pools3", keras3, global_pools, [".keras"])
write("recurrent_sequences", keras2, recurrent_sequences, [".h5"])
write("recurrent_sequences3", keras3, recurrent_sequences, [".keras"])
write("nested", keras2, nested, [".h5", ".keras"])
write("nested3", keras3, nested, [".h5", ".keras"])
write_quantized()
write_keras1_branches()
