# SPDX-License-Identifier: Apache-2.0
"""Networks in PyTorch, exported to ONNX by both of its exporters, and frames for them."""
import numpy as np
import torch
from PIL import Image
from torch import nn

QUANTIZED = ["Conv", "Gemm", "MatMul", "Relu", "MaxPool", "Add"]


class PilotNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.normalize = nn.BatchNorm2d(3, eps=1e-3)
        widths = [(3, 24, 5, 2), (24, 36, 5, 2), (36, 48, 5, 2), (48, 64, 3, 1), (64, 64, 3, 1)]
        self.convolutions = nn.ModuleList([nn.Conv2d(*one) for one in widths])
        self.dense = nn.ModuleList([nn.Linear(1152, 100), nn.Linear(100, 50), nn.Linear(50, 10), nn.Linear(10, 2)])

    def forward(self, x):
        x = self.normalize(x)
        for one in self.convolutions:
            x = torch.relu(one(x))
        x = x.view(x.size(0), -1)
        for one in self.dense[:-1]:
            x = torch.relu(one(x))
        return self.dense[-1](x)


class Branches(nn.Module):
    """A skipped layer, a depthwise convolution, padding that is not `same`, two results."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8)
        self.depthwise, self.norm2 = nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False), nn.BatchNorm2d(8)
        self.second, self.narrow, self.head = nn.Conv2d(16, 16, 3, padding=1), nn.Linear(16, 10, bias=False), nn.Linear(10, 3)

    def forward(self, x):
        x = x * 2 - 1
        x = nn.functional.leaky_relu(self.norm(self.first(x)), 0.1)
        y = nn.functional.elu(self.norm2(self.depthwise(x)))
        x = torch.cat([x, y + x], 1)[:, :, 1:-1, 2:]
        x = nn.functional.max_pool2d(torch.relu(x), 3, 2, 1)
        x = nn.functional.relu6(self.second(x))
        x = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        x = torch.sigmoid(self.narrow(x))
        return torch.softmax(self.head(x), 1), torch.tanh(x)


def exports(folder):
    """(name, file, (rows, columns)) of each network by each exporter."""
    torch.manual_seed(1)
    for network, size in ((PilotNet(), (66, 200)), (Branches(), (40, 60))):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 2)
        network.eval()
        for exporter in ("legacy", "dynamo"):
            name = f"{type(network).__name__} {exporter}"
            path = folder / (name.replace(" ", "_") + ".onnx")
            options = {"dynamo": True} if exporter == "dynamo" else {
                "dynamo": False, "opset_version": 13, "input_names": ["image"], "dynamic_axes": {"image": {0: "batch"}}
            }  # fmt: skip
            torch.onnx.export(network, (torch.rand(1, 3, *size),), path, verbose=False, **options)
            yield name, path, size


def frames_of(recording, rows, columns):
    """Frames of a recording as float32 with channels first: rows 240 to 480, resized, x/255."""
    frames = []
    for path in sorted(recording.glob("*.png"), key=lambda one: int(one.stem)):
        picture = Image.open(path).crop((0, 240, 640, 480)).resize((columns, rows), Image.BILINEAR)
        frames.append(np.asarray(picture, np.float32).transpose(2, 0, 1) / 255)
    return np.stack(frames)
