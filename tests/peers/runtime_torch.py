# SPDX-License-Identifier: Apache-2.0
"""PyTorch on the layers of a float ONNX model. `how`: frozen (TorchScript), optimized (it, optimized for inference, too) or
compile (torch.compile, which compiles C++ on this machine). `channels_last`: the layout. `backend`: static int8 quantization
with that engine."""
import logging
import warnings

import torch
from torch import nn

import network_layers
from runtime_frames import ServedRuntime

ACTIVATIONS = {"relu": nn.ReLU, "clip": lambda: nn.Hardtanh(0.0, 1.0), "tanh": nn.Tanh}


def convolution(layer):
    """A module; unequal padding is a module of its own."""
    top, left, bottom, right = layer.pads
    same = (top, left) == (bottom, right)
    filters, channels, *kernel = layer.weights.shape
    module = nn.Conv2d(channels, filters, kernel, layer.strides, (top, left) if same else 0)
    return module if same else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), module)


class Scale(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.register_buffer("factor", torch.from_numpy(layer.weights.copy()).reshape(1, -1, 1, 1))
        self.register_buffer("term", torch.from_numpy(layer.bias.copy()).reshape(1, -1, 1, 1))

    def forward(self, value):
        return value * self.factor + self.term


class Layers(nn.Module):
    """The network; its layers run in their order."""

    def __init__(self, network):
        super().__init__()
        self.network, self.steps = network, nn.ModuleList()
        for layer in network.layers:
            self.steps.append(self.step(layer))

    def step(self, layer):
        if layer.kind in ("tanh", "clip"):
            return ACTIVATIONS[layer.kind]()
        if layer.kind == "flatten":
            return nn.Flatten()
        if layer.kind == "scale":
            return Scale(layer)
        parts = []
        if layer.kind in network_layers.WEIGHTED:
            parts.append(convolution(layer) if layer.kind == "conv" else nn.Linear(*layer.weights.shape[::-1]))
            last = parts[-1][-1] if isinstance(parts[-1], nn.Sequential) else parts[-1]
            arrays = {"weight": layer.weights, "bias": layer.bias}
            last.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
        if layer.activation != "none":
            parts.append(ACTIVATIONS[layer.activation]())
        return nn.Sequential(*parts)

    def forward(self, frame):
        values = {self.network.input: frame}
        for layer, step in zip(self.network.layers, self.steps):
            inputs = [values[name] for name in layer.inputs]
            values[layer.output] = step(inputs[0] * inputs[1] if layer.kind == "mul" else inputs[0])
        return values[self.network.output]


def quantize(network, frames, backend):
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    torch.backends.quantized.engine = backend
    prepared = prepare_fx(network, get_default_qconfig_mapping(backend), frames[0])
    for frame in frames:
        prepared(frame)
    return convert_fx(prepared)


def compiled(network):
    from torch._inductor import config

    config.freezing, config.cpp_wrapper = True, True
    return torch.compile(network, fullgraph=True)


def scripted(network, frame, optimize):
    traced = torch.jit.freeze(torch.jit.trace(network, frame))
    return torch.jit.optimize_for_inference(traced) if optimize else traced


class PyTorch(ServedRuntime):
    def __init__(self, model, frames, threads, how="optimized", channels_last=False, backend=None):
        warnings.filterwarnings("ignore")
        logging.disable(logging.WARNING)
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        layout = torch.channels_last if channels_last else torch.contiguous_format
        super().__init__([torch.from_numpy(frame).contiguous(memory_format=layout) for frame in frames])
        network = Layers(network_layers.read_network(model)).eval().to(memory_format=layout)
        if backend:
            network = quantize(network, self.frames, backend)
        self.mode = torch.inference_mode()
        self.mode.__enter__()
        if how == "compile":
            self.network = compiled(network)
        else:
            self.network = scripted(network, self.frames[0], how == "optimized" and not backend)
        self.empty, self.input = torch.jit.freeze(torch.jit.script(nn.Identity().eval())), self.frames[0].clone()
        for _ in range(4):  # TorchScript specializes in its first runs
            self.outputs(0)

    def load(self, frame):
        self.input.copy_(self.frames[frame])

    def infer(self):
        self.output = self.network(self.input)

    def infer_empty(self):
        self.empty(self.input)

    def result(self):
        return self.output.numpy().ravel().astype("float64")
