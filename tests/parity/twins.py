# SPDX-License-Identifier: Apache-2.0
"""slimpilot's named networks as Keras models: the same layers, made by Keras 2 or 3 and trained for a few steps on a
recording, so that signals have their usual size and BatchNorm real statistics. TWINS has a function for each name.
"""
import csv
import dataclasses
import functools
import pathlib
from collections.abc import Callable

import numpy as np

import pictures

PILOTNET, DENSE = (24, 36, 48, 64, 64), (1164, 100, 50, 10)
OUTPUTS = {"v": (6.5, 24), "w": (-7.1, 7.1)}
CROP = (240, 480)
MOMENTUM = 0.8  # of BatchNorm's statistics, for few steps
BATCH = 8


def dense_layers(L, x, units, between=lambda x: x, bias="zeros", **options):
    """`bias` is that of the outputs."""
    for one in units:
        x = between(L.Dense(one, activation="relu", **options)(x))
    return L.Dense(len(OUTPUTS), bias_initializer=bias)(x)


def norm(L, **options):
    return L.BatchNormalization(momentum=MOMENTUM, **options)


def image_convs(L, x, filters, padding, wrap=lambda layer: layer):
    """Three of 5×5 that halve the image, then 3×3."""
    for i, count in enumerate(filters):
        kernel, stride = (5, 2) if i < 3 else (3, 1)
        x = wrap(L.Conv2D(count, kernel, strides=stride, padding=padding, activation="relu"))(x)
    return x


def sequence_convs(L, x, after):
    for i, count in enumerate(PILOTNET):
        kernel, stride = (5, 2) if i < 3 else (3, 1)
        x = after(L.Conv3D(count, kernel, strides=stride, padding="same", activation="relu")(x))
    return x


def pilotnet(keras, shape=(66, 200, 3), filters=PILOTNET, padding="valid"):
    L = keras.layers
    image = L.Input(shape)
    x = image_convs(L, norm(L)(image), filters, padding)
    return keras.Model(image, dense_layers(L, L.Flatten()(x), DENSE))


def lively(keras):
    """Weights with which signals pass a recurrent layer at about their size; Keras' own let a stack of them forget the image."""
    return {name: keras.initializers.VarianceScaling(16, seed=5) for name in ("kernel_initializer", "recurrent_initializer")}


def conv_lstms(keras, x, count):
    L = keras.layers
    for i in range(count):
        x = L.ConvLSTM2D(8, 5, padding="same", return_sequences=i + 1 < count, **lively(keras))(x)
    return dense_layers(L, L.Flatten()(x), (50, 10))


def deepest_lstm_tiny_pilotnet(keras):
    L = keras.layers
    image = x = L.Input((50, 100, 3))
    for _ in range(3):
        x = L.Conv2D(8, 3, strides=2, activation="relu")(x)
    x = L.Reshape((1, 5, 11, 8))(L.Dropout(0.2)(x))
    return keras.Model(image, conv_lstms(keras, x, 3))


def pilotnet_x3(keras):
    """It hardly learns: with the others' rate its LSTMs soon are at their ends and yield the same for all images."""
    L = keras.layers
    frames = L.Input((3, 50, 100, 3))
    x = image_convs(L, norm(L)(frames), PILOTNET, "same", L.TimeDistributed)
    x = L.TimeDistributed(L.Flatten())(x)
    for i in range(4):
        x = L.LSTM(4, return_sequences=i < 3, **lively(keras))(x)
    return keras.Model(frames, dense_layers(L, x, DENSE, bias="ones", kernel_initializer="he_uniform"))


def pilotnet_x3_conv3d(keras):
    L = keras.layers
    frames = L.Input((3, 66, 200, 3))
    x = sequence_convs(L, norm(L)(frames), lambda x: L.Dropout(0.25)(norm(L)(x)))
    x = L.GlobalAveragePooling3D()(x)
    return keras.Model(frames, dense_layers(L, x, DENSE, lambda x: L.Dropout(0.5)(norm(L)(x))))


def memdccp(keras):
    L = keras.layers
    frames = L.Input((3, 50, 100, 3))
    x = sequence_convs(L, norm(L)(frames), lambda x: x)
    return keras.Model(frames, conv_lstms(keras, L.Reshape((1, 13, 64, 7))(x), 4))


def inception(L, x, filters, is_first):
    conv = lambda count, kernel, padding="valid": L.Conv2D(count, kernel, padding=padding, activation="relu")
    by3 = conv(filters[1], 3, "same")(conv(filters[0], 1)(x))
    by5 = conv(filters[2], 3 if is_first else 1)(x)
    by5 = conv(filters[3], 5)(L.ZeroPadding2D(3)(by5)) if is_first else conv(filters[3], 5, "same")(by5)
    pooled = conv(filters[4], 1)(L.ZeroPadding2D(1)(L.MaxPooling2D(3, strides=1)(x)))
    return L.Concatenate()([L.Conv2D(filters[5], 1)(x), by3, by5, pooled])


def deeppilot(keras):
    L = keras.layers
    relu = lambda x: L.Activation("relu")(norm(L, epsilon=1e-5)(x))
    image = L.Input((224, 224, 3))
    x = relu(L.MaxPooling2D(3, strides=2)(L.Conv2D(64, 7, strides=2, activation="relu")(image)))
    x = L.Conv2D(64, 1, activation="relu")(x)
    x = L.MaxPooling2D(3, strides=2)(relu(L.Conv2D(192, 3, activation="relu")(x)))
    x = inception(L, x, (96, 128, 16, 32, 32, 64), True)
    x = inception(L, x, (128, 192, 32, 96, 64, 128), False)
    x = inception(L, L.MaxPooling2D(3, strides=2)(x), (96, 208, 16, 48, 64, 192), False)
    x = L.Conv2D(128, 1, activation="relu")(L.AveragePooling2D(5, strides=3)(x))
    x = L.Flatten()(x)
    # From zero a head learns what its features agree on; what it made of them by chance would be noise in 8 bits.
    return keras.Model(image, [L.Dense(1, kernel_initializer="zeros")(L.Dense(1024, activation="relu")(x)) for _ in OUTPUTS])


def spread(keras, model, images):
    """Layer by layer, what each filter yields for the images gets mean 0 and deviation 1 before its ReLU (Mishkin and Matas 2016,
    with biases). By themselves branches of many layers make all images alike, and what tells them apart is lost in 8 bits.
    """
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        activation, layer.activation = layer.activation, keras.activations.linear
        results = keras.Model(model.input, layer.output).predict(images, verbose=0)
        layer.activation = activation
        mean, deviation = results.mean((0, 1, 2)), results.std((0, 1, 2)) + 1e-6
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel / deviation, (bias - mean) / deviation])


@dataclasses.dataclass
class Twin:
    build: Callable  # of the Keras module
    normalize: str
    frames_back: tuple = (0,)
    rate: float = 1e-3  # of Adam
    steps: int = 20
    is_deep: bool = False  # weights must be spread before they learn


SEQUENCE = (9, 5, 0)
TWINS = {
    "pilotnet": Twin(pilotnet, "unit"),
    "pilotnet_same": Twin(functools.partial(pilotnet, padding="same"), "imagenet"),
    "deepest_lstm_tiny_pilotnet": Twin(deepest_lstm_tiny_pilotnet, "imagenet"),
    "pilotnet_stacked": Twin(functools.partial(pilotnet, shape=(66, 200, 6), filters=(36, 48, 64, 80, 80)), "unit", (1, 0)),
    "pilotnet_x3": Twin(pilotnet_x3, "imagenet", SEQUENCE, 1e-5),
    "pilotnet_x3_conv3d": Twin(pilotnet_x3_conv3d, "imagenet", SEQUENCE, steps=3),
    "memdccp": Twin(memdccp, "imagenet", SEQUENCE, steps=3),
    "deeppilot": Twin(deeppilot, "unit", steps=40, is_deep=True),
}


def options(twin, shape):
    """What `slimpilot optimize` must be told of a Keras file, whose input has this shape without batch."""
    outputs = ",".join(f"{name}:{low}:{high}" for name, (low, high) in OUTPUTS.items())
    frames = ["--frames-back", ",".join(map(str, twin.frames_back))] if len(twin.frames_back) > 1 else []
    crop, size = ":".join(map(str, CROP)), f"{shape[-2]}x{shape[-3]}"
    return ["--crop", crop, "--resize", size, "--normalize", twin.normalize, "--outputs", outputs, *frames]


def inputs(twin, shape, paths):
    """Network inputs [frame, …] of a recording's pictures; the first one stands for those before it."""
    images = pictures.prepare(paths, (1, *shape[-3:]), CROP, normalize=twin.normalize)
    times = [images[np.maximum(np.arange(len(images)) - back, 0)] for back in twin.frames_back]
    return np.stack(times, 1) if len(shape) == 4 else np.concatenate(times, -1)


def labels(recording):
    """[frame, output], scaled to 0…1."""
    with open(pathlib.Path(recording) / "data.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [[(float(row[name]) - low) / (high - low) for row in rows] for name, (low, high) in OUTPUTS.items()]
    return np.array(columns, np.float32).T


def rows(outputs):
    """Keras' outputs, of one head or several, as [frame, element]."""
    heads = outputs if isinstance(outputs, list) else [outputs]
    return np.concatenate([np.asarray(head).reshape(len(head), -1) for head in heads], 1)


def trained(keras, name, recording, paths):
    """(model, all frames of the recording as its inputs)."""
    keras.utils.set_random_seed(3)
    twin = TWINS[name]
    model = twin.build(keras)
    frames, wanted = inputs(twin, model.input_shape[1:], paths), labels(recording)
    wanted = np.split(wanted, len(OUTPUTS), 1) if isinstance(model.output, list) else wanted
    if twin.is_deep:
        spread(keras, model, frames[:BATCH])
    model.compile(optimizer=keras.optimizers.Adam(twin.rate), loss="mse")
    for step in range(twin.steps):
        chosen = np.random.default_rng(step).integers(0, len(frames), BATCH)
        model.train_on_batch(frames[chosen], [one[chosen] for one in wanted] if isinstance(wanted, list) else wanted[chosen])
    return model, frames


def copied(keras, model, name):
    """The same network with the same weights by another version of Keras; its ConvLSTM has another hard sigmoid."""
    copy = TWINS[name].build(keras)
    with_weights = lambda one: [layer for layer in one.layers if layer.get_weights()]
    for target, source in zip(with_weights(copy), with_weights(model), strict=True):
        target.set_weights(source.get_weights())
    return copy
