# SPDX-License-Identifier: Apache-2.0
"""Trains a network of the reference study in PyTorch or Keras on Formula 1 recordings, as `slimpilot train` does without
augmentation, and prints one line of JSON per epoch. What scripts/compare_training puts beside our own numbers."""
import argparse
import csv
import json
import math
import pathlib
import time

import numpy as np

MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def resize(image, height, width):
    """Bilinear, half-pixel centres, weights of 11 bits, rounded to 8 bits: the engine's, close to OpenCV's INTER_LINEAR."""
    def samples(source, target):
        position = (np.arange(target) + 0.5) * source / target - 0.5
        first = np.clip(np.floor(position).astype(int), 0, source - 1)
        return first, np.minimum(first + 1, source - 1), np.floor(np.clip(position - first, 0, 1) * 2048 + 0.5) / 2048
    above, below, down = samples(image.shape[0], height)
    left, right, across = samples(image.shape[1], width)
    rows = image[above] * (1 - down)[:, None, None] + image[below] * down[:, None, None]
    columns = rows[:, left] * (1 - across)[None, :, None] + rows[:, right] * across[None, :, None]
    return np.floor(columns + 0.5)


def read_picture(path, height, width):
    """The road in a frame at the network's size, uint8 (height, width, 3)."""
    from PIL import Image
    picture = np.asarray(Image.open(path).convert("RGB"), np.float32)
    return resize(picture[240:480], height, width).astype(np.uint8)


def read_labels(folder):
    """Paths of a recording's pictures and v and w, scaled to 0…1."""
    with open(folder / "data.csv") as file:
        rows = list(csv.DictReader(file))
    labels = [[(float(row["v"]) - 6.5) / 17.5, (float(row["w"]) + 7.1) / 14.2] for row in rows]
    return [folder / row["image_name"] for row in rows], np.float32(labels)


def read(folder, network):
    height, width = (50, 100) if network.startswith("deepest") else (66, 200)
    paths, labels = read_labels(folder)
    images = []
    for path in paths:
        picture = read_picture(path, height, width).astype(np.float32) / 255
        images.append(picture if network == "pilotnet" else (picture - MEAN) / DEVIATION)
    return np.stack(images).astype(np.float32), labels


def torch_network(name):
    import torch
    from torch import nn

    class SamePad(nn.Module):
        def __init__(self, kernel, stride):
            super().__init__()
            self.kernel, self.stride = kernel, stride

        def forward(self, x):
            edges = []
            for size in (x.shape[3], x.shape[2]):
                total = max(0, (math.ceil(size / self.stride) - 1) * self.stride + self.kernel - size)
                edges += [total // 2, total - total // 2]
            return nn.functional.pad(x, edges)

    class OneStepConvLstm(nn.Module):
        """A ConvLSTM2D that starts from a zero state and runs one step: only the gates i, c and o act."""

        def __init__(self):
            super().__init__()
            self.gates = nn.Conv2d(8, 24, 5, padding=2)

        def forward(self, x):
            i, c, o = self.gates(x).chunk(3, 1)
            hard = lambda z: torch.clamp(0.2 * z + 0.5, 0, 1)
            return hard(o) * torch.tanh(hard(i) * torch.tanh(c))

    layers = []
    if name.startswith("deepest"):
        for inputs in (3, 8, 8):
            layers += [nn.Conv2d(inputs, 8, 3, 2), nn.ReLU()]
        layers += [nn.Dropout(0.2)] + [OneStepConvLstm() for _ in range(3)]
        units = [440, 50, 10]
    else:
        layers.append(nn.BatchNorm2d(3, eps=1e-3, momentum=0.01))
        for inputs, filters, kernel, stride in ((3, 24, 5, 2), (24, 36, 5, 2), (36, 48, 5, 2), (48, 64, 3, 1), (64, 64, 3, 1)):
            if name == "pilotnet_same":
                layers.append(SamePad(kernel, stride))
            layers += [nn.Conv2d(inputs, filters, kernel, stride), nn.ReLU()]
        units = [14400 if name == "pilotnet_same" else 1152, 1164, 100, 50, 10]
    layers.append(nn.Flatten())
    for a, b in zip(units, units[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    layers.append(nn.Linear(units[-1], 2))
    network = nn.Sequential(*layers)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    return network


def train_torch(options, training, validation):
    import torch
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    network = torch_network(options.network).to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(network.parameters(), lr=options.learning_rate, eps=1e-7)
    loss_of = torch.nn.MSELoss()
    to_torch = lambda x: torch.from_numpy(x).permute(0, 3, 1, 2)  # channels_last without a copy
    images, labels = to_torch(training[0]), torch.from_numpy(training[1])
    for epoch in range(1, options.epochs + 1):
        network.train()
        total, start = 0.0, time.perf_counter()
        for batch in torch.randperm(len(images)).split(options.batch):
            x = images.permute(0, 2, 3, 1)[batch].permute(0, 3, 1, 2)
            loss = loss_of(network(x), labels[batch])
            adam.zero_grad()
            loss.backward()
            adam.step()
            total += loss.item() * len(batch)
        seconds = time.perf_counter() - start
        network.eval()
        with torch.no_grad():
            predicted = torch.cat([network(part) for part in to_torch(validation[0]).split(64)])
        yield epoch, total / len(images), loss_of(predicted, torch.from_numpy(validation[1])).item(), len(images) / seconds


def keras_network(name):
    from tf_keras import Sequential, layers
    if name.startswith("deepest"):
        network = [layers.Conv2D(8, 3, 2, activation="relu", **({"input_shape": (50, 100, 3)} if i == 0 else {})) for i in range(3)]
        network += [layers.Dropout(0.2), layers.Reshape((1, 5, 11, 8))]
        for sequences in (True, True, False):
            network.append(layers.ConvLSTM2D(8, 5, padding="same", return_sequences=sequences))
        units = (50, 10)
    else:
        padding = "same" if name == "pilotnet_same" else "valid"
        network = [layers.BatchNormalization(epsilon=1e-3, input_shape=(66, 200, 3))]
        for filters, kernel, stride in ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1)):
            network.append(layers.Conv2D(filters, kernel, stride, padding, activation="relu"))
        units = (1164, 100, 50, 10)
    network.append(layers.Flatten())
    network += [layers.Dense(count, activation="relu") for count in units] + [layers.Dense(2)]
    return Sequential(network)


def train_keras(options, training, validation):
    import tensorflow as tf
    import tf_keras
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf_keras.utils.set_random_seed(options.seed)
    network = keras_network(options.network)
    network.compile(tf_keras.optimizers.Adam(options.learning_rate, epsilon=1e-7), "mse")
    for epoch in range(1, options.epochs + 1):
        start = time.perf_counter()
        history = network.fit(*training, batch_size=options.batch, epochs=1, shuffle=True, verbose=0)
        seconds = time.perf_counter() - start
        yield epoch, history.history["loss"][0], network.evaluate(*validation, batch_size=64, verbose=0), len(training[0]) / seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("framework", choices=("torch", "keras"))
    parser.add_argument("--network", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--validation", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    training, validation = read(options.data, options.network), read(options.validation, options.network)
    train = train_torch if options.framework == "torch" else train_keras
    for epoch, train_loss, validation_loss, rate in train(options, training, validation):
        line = {"epoch": epoch, "train_loss": train_loss, "validation_loss": validation_loss, "images_per_s": rate}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
