#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch checkpoints against PyTorch itself: defines the two networks, saves random weights in the ways people save them, and
compares what slimpilot's run_model computes with what PyTorch computes. With --shared the real checkpoint is compared too.
--golden FOLDER writes the small files of tests/golden/torch instead. Needs torch and numpy from PyPI.

usage: torch_checkpoint.py --build BUILD [--shared SHARED] | --golden FOLDER
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import torch
from torch import nn

TOLERANCE = 1e-5  # of the largest output, and at least of 1


class PilotNet(nn.Module):
    """DeepLearningStudio's names; widths are free."""

    shape = (66, 200)

    def __init__(self, convs=(24, 36, 48, 64, 64), dense=(1164, 100, 50, 10, 2)):
        super().__init__()
        self.ln_1 = nn.BatchNorm2d(3, eps=1e-3)
        inputs = 3
        for i, width in enumerate(convs):
            setattr(self, f"cn_{i + 1}", nn.Conv2d(inputs, width, 5 if i < 3 else 3, 2 if i < 3 else 1))
            inputs = width
        inputs *= 18
        for i, width in enumerate(dense):
            setattr(self, f"fc_{i + 1}", nn.Linear(inputs, width))
            inputs = width
        self.convs, self.dense = len(convs), len(dense)

    def forward(self, x):
        x = self.ln_1(x)
        for i in range(self.convs):
            x = torch.relu(getattr(self, f"cn_{i + 1}")(x))
        return head(self, x)


class Cell(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.width = width
        self.conv = nn.Conv2d(inputs + width, 4 * width, 5, padding=2)

    def forward(self, x):
        zero = torch.zeros(x.shape[0], self.width, *x.shape[2:])
        i, f, o, g = torch.split(self.conv(torch.cat([x, zero], 1)), self.width, 1)
        c = torch.sigmoid(f) * zero + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c)


class ConvLSTM(nn.Module):
    def __init__(self, widths, inputs):
        super().__init__()
        self.cell_list = nn.ModuleList(Cell(i, o) for i, o in zip((inputs, *widths), widths))

    def forward(self, x):
        for cell in self.cell_list:
            x = cell(x)
        return x


class DeepestLSTMTinyPilotNet(nn.Module):
    shape = (50, 100)

    def __init__(self, convs=(8, 8, 8), lstms=(8, 8, 8), dense=(50, 10, 2)):
        super().__init__()
        inputs = 3
        for i, width in enumerate(convs):
            setattr(self, f"cn_{i + 1}", nn.Conv2d(inputs, width, 3, 2))
            inputs = width
        self.clstm_n = ConvLSTM(lstms, inputs)
        inputs = lstms[-1] * 55
        for i, width in enumerate(dense):
            setattr(self, f"fc_{i + 1}", nn.Linear(inputs, width))
            inputs = width
        self.convs, self.dense = len(convs), len(dense)

    def forward(self, x):
        for i in range(self.convs):
            x = torch.relu(getattr(self, f"cn_{i + 1}")(x))
        return head(self, self.clstm_n(x))


def head(module, x):
    x = x.flatten(1)
    for i in range(module.dense):
        x = getattr(module, f"fc_{i + 1}")(x)
        if i + 1 < module.dense:
            x = torch.relu(x)
    return x


def randomized(module, seed):
    """Weights that keep signals at about one size, and a BatchNorm that does something."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        noise = torch.rand(tensor.shape, generator=generator) - 0.5
        if tensor.dim() > 1:
            tensor.copy_(noise * (24 / tensor[0].numel()) ** 0.5)
        else:
            tensor.copy_(noise * 0.2 + (1 if name in ("ln_1.weight", "ln_1.running_var") else 0))
    return module.eval()


def image(shape, seed):
    """[height, width, 3]; tests/torch_golden_test.cpp makes the same with seed 0."""
    count = shape[0] * shape[1] * 3
    pixels = (np.arange(count, dtype=np.int64) * 7919 + seed * 104729) % 251
    return (pixels.reshape(*shape, 3) / np.float32(251)).astype(np.float32)


def run(module, picture):
    with torch.no_grad():
        return module(torch.from_numpy(picture).permute(2, 0, 1)[None]).numpy().ravel()


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


def as_views(state):
    """All tensors in one storage of doubles, matrices with their columns first: offsets and strides."""
    flat = torch.cat([t.double().t().flatten() if t.dim() == 2 else t.double().flatten() for t in state.values()])
    views, offset = {}, 0
    for name, tensor in state.items():
        part = flat[offset : offset + tensor.numel()]
        views[name] = part.view(*tensor.shape[::-1]).t() if tensor.dim() == 2 else part.view(tensor.shape)
        offset += tensor.numel()
    return views


def checkpoint(module):
    optimizer = torch.optim.Adam([module.fc_2.weight, module.fc_2.bias])
    module(torch.rand(2, 3, *module.shape)).sum().backward()
    optimizer.step()
    module.zero_grad()
    randomized(module, 5)
    return {
        "epoch": 3,
        "loss": np.float64(0.25),
        "big": 1 << 80,
        "model_state_dict": module.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
    }


def deflated(path):
    with zipfile.ZipFile(path) as source:
        entries = [(name, source.read(name)) for name in source.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries:
            target.writestr(name, content)


def cases(pilotnet, lstm):
    """name, module, what is saved, torch.save's options; `pilotnet` and `lstm` make modules."""
    yield "pilotnet.pth", randomized(pilotnet(), 1), lambda m: m.state_dict(), {}
    yield "lstm.pth", randomized(lstm(), 2), lambda m: m.state_dict(), {}
    yield "legacy.pth", randomized(pilotnet(), 3), lambda m: m.state_dict(), {"_use_new_zipfile_serialization": False}
    yield "half.pt", randomized(lstm(), 4).half().float(), lambda m: {"state_dict": prefixed(
        {k: t.half() for k, t in m.state_dict().items()}, "model.net.")}, {}
    yield "bfloat16.pt", randomized(lstm(), 4).bfloat16().float(), lambda m: {"model": prefixed(
        {k: nn.Parameter(t.bfloat16()) for k, t in m.state_dict().items()}, "module.")}, {}
    yield "views.ckpt", randomized(pilotnet(), 7), lambda m: as_views(m.state_dict()), {"pickle_protocol": 4}
    yield "training.ckpt", lstm(), checkpoint, {}


def write_golden(folder):
    small = (lambda: PilotNet((2, 3, 3, 2, 2), (4, 3, 3, 3, 2)), lambda: DeepestLSTMTinyPilotNet((2, 1, 2), (1, 1, 2), (3, 3, 2)))
    outputs = {}
    for name, module, saved, options in cases(*small):
        torch.save(saved(module), folder / name, **options)
        if name != "legacy.pth":
            deflated(folder / name)
        outputs[name] = run(module, image(module.shape, 0)).tolist()
    torch.save(nn.Linear(1, 1), folder / "whole_module.pth")
    deflated(folder / "whole_module.pth")
    (folder / "outputs.json").write_text(json.dumps(outputs, indent=1) + "\n")


def compare(build, path, module, folder):
    pictures = np.stack([image(module.shape, seed) for seed in range(4)])
    (folder / "in").write_bytes(pictures.tobytes())
    subprocess.run([build / "tests/run_model", path, folder / "in", folder / "out"], check=True)
    actual = np.fromfile(folder / "out", np.float32).reshape(4, -1)
    expected = np.stack([run(module, picture) for picture in pictures])
    difference = np.abs(actual - expected).max() / max(1, np.abs(expected).max())
    verdict = "ok" if difference <= TOLERANCE else "FAILED"
    print(f"{verdict:6} {pathlib.Path(path).name}: {difference:.1e} of the largest output, outputs {expected[0].round(3)}")
    return difference <= TOLERANCE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--shared", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.golden:
        return write_golden(arguments.golden)
    passed = True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for name, module, saved, options in cases(PilotNet, DeepestLSTMTinyPilotNet):
            torch.save(saved(module), folder / name, **options)
            passed &= compare(arguments.build, folder / name, module, folder)
        real = arguments.shared and arguments.shared / "models/behavior_metrics_carla/deepest_lstm_tiny_pilotnet_torch.ckpt"
        if real and real.exists():
            module = DeepestLSTMTinyPilotNet().eval()
            module.load_state_dict(torch.load(real, map_location="cpu", weights_only=True))
            passed &= compare(arguments.build, real, module, folder)
        else:
            print("skipped: the real checkpoint, because there is no --shared folder with it")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
