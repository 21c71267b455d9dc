# SPDX-License-Identifier: Apache-2.0
"""The common techniques in PyTorch, as its users apply them to a trained float network: torch.ao.quantization in FX graph mode
and torch.nn.utils.prune. Fine-tuning is what `slimpilot optimize` does, so that only the technique differs: Adam on the mean
squared error, the same frames per epoch, and the best epoch by validation loss counts, the start among them."""
import copy
import dataclasses
import math
import time

import numpy as np
import torch
from torch import nn
from torch.ao.quantization import disable_observer, enable_observer, get_default_qat_qconfig_mapping
from torch.ao.quantization import get_default_qconfig_mapping, quantize_dynamic
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx, prepare_qat_fx
from torch.nn.utils import prune

import train_reference

BATCH = 64
RATES = {"float": 0.005, "qat": 5e-4}  # of one step, as a part of the size of the tensor; those of our recipes
LAYERS = (nn.Conv2d, nn.Linear)


@dataclasses.dataclass
class Frames:
    """`pixels`: uint8 (frames, height, width, 3); `labels`: float (frames, outputs)."""

    pixels: torch.Tensor
    labels: torch.Tensor

    def __len__(self):
        return len(self.pixels)

    def batches(self, order):
        for part in order.split(BATCH):
            yield inputs(self.pixels[part]), self.labels[part]


@dataclasses.dataclass
class Task:
    """What all techniques start from. `epoch_frames` and `most_epochs` cap fine-tuning."""

    network: nn.Module
    training: Frames
    validation: Frames
    calibration: Frames
    epoch_frames: int
    most_epochs: int
    backend: str
    pruned: nn.Module | None = None  # prune_local's result, with which prune_qat begins
    images_per_s: dict = dataclasses.field(default_factory=lambda: {"float": [], "qat": []})  # of every epoch


def inputs(pixels):
    """Real numbers 0…1 as the network takes them; channels_last."""
    return (pixels.float() / 255).permute(0, 3, 1, 2)


def pilotnet(weights):
    """pilotnet with the arrays of a .tflite file; its BatchNorm is folded there."""
    layers = [m for m in train_reference.torch_network("pilotnet") if not isinstance(m, nn.BatchNorm2d)]
    network, channels = nn.Sequential(*layers), 0
    trained = [m for m in network if isinstance(m, LAYERS)]
    if len(weights) != 2 * len(trained):
        raise ValueError(f"the model has {len(weights)} float constants, and pilotnet {2 * len(trained)}")
    for module, kernel, bias in zip(trained, weights[::2], weights[1::2]):
        kernel = torch.from_numpy(kernel.copy())
        if isinstance(module, nn.Conv2d):
            kernel, channels = kernel.permute(0, 3, 1, 2), len(bias)
        elif channels:  # flattened with the channels last there and first here
            kernel, channels = kernel.reshape(len(kernel), -1, channels).transpose(1, 2).flatten(1), 0
        module.load_state_dict({"weight": kernel, "bias": torch.from_numpy(bias.copy())})
    return network.eval()


@torch.no_grad()
def predict(network, frames):
    outputs = [network(images) for images, _ in frames.batches(torch.arange(len(frames)))]
    return torch.cat(outputs).numpy().astype(np.float64)


def mean_squared_error(network, frames):
    """Without learning anything, observers neither."""
    network.eval().apply(disable_observer)
    loss = float(np.mean((predict(network, frames) - frames.labels.numpy().astype(np.float64)) ** 2))
    network.apply(enable_observer)
    return loss


def parameter_groups(network):
    """One per tensor, with what a step is measured in: the root mean square of its numbers that are not zero, but at least .001,
    less by the root of K / 100 where K > 100 weights make an output."""
    masks = dict(network.named_buffers())
    for name, parameter in network.named_parameters():
        used = parameter.detach()
        if name.endswith("_orig"):
            used = used * masks[name.removesuffix("_orig") + "_mask"]
        root_mean_square = (used.square().sum() / max(1, used.count_nonzero())).sqrt().item()
        weights_of_output = parameter[0].numel() if parameter.dim() > 1 else 1
        yield {"params": [parameter], "size": max(1e-3, root_mean_square) * min(1, 10 / math.sqrt(weights_of_output))}


def run_epoch(network, adam, task, rate_at):
    """Images per second. `rate_at` is the learning rate when a share of the epoch is done."""
    network.train()
    order, start = torch.randperm(len(task.training))[: task.epoch_frames], time.perf_counter()
    for batch, (images, labels) in enumerate(task.training.batches(order)):
        for group in adam.param_groups:
            group["lr"] = rate_at((batch * BATCH + len(images) / 2) / len(order)) * group["size"]
        loss = nn.functional.mse_loss(network(images), labels)
        adam.zero_grad()
        loss.backward()
        adam.step()
    return len(order) / (time.perf_counter() - start)


def fine_tune(network, task, kind, epochs=2):
    """Trains the network itself. The rate counts in sizes of weights, grows over the first tenth and then falls along half a
    cosine, as `tune` has it; `kind` says whose speed it is."""
    adam = torch.optim.Adam(list(parameter_groups(network)), eps=1e-7)
    best, least = copy.deepcopy(network.state_dict()), mean_squared_error(network, task.validation)
    epochs = min(epochs, task.most_epochs)
    for epoch in range(epochs):
        def rate_at(done, epoch=epoch):
            share = (epoch + done) / epochs
            return RATES[kind] * min(1, share / .1) * .5 * (1 + math.cos(math.pi * share))

        task.images_per_s[kind].append(run_epoch(network, adam, task, rate_at))
        loss = mean_squared_error(network, task.validation)
        if loss < least:
            best, least = copy.deepcopy(network.state_dict()), loss
    network.load_state_dict(best)
    return network.eval()


def dynamic(task):
    return quantize_dynamic(copy.deepcopy(task.network), {nn.Linear}, dtype=torch.qint8)


def static(task):
    mapping = get_default_qconfig_mapping(task.backend)
    prepared = prepare_fx(copy.deepcopy(task.network), mapping, inputs(task.calibration.pixels[:1]))
    predict(prepared, task.calibration)
    return convert_fx(prepared)


def keep_zeros(network):
    for weight in network.parameters():
        if weight.dim() > 1:
            weight.register_hook(lambda gradient, mask=weight.detach() != 0: gradient * mask)


def quantize_aware(network, task):
    mapping = get_default_qat_qconfig_mapping(task.backend)
    prepared = prepare_qat_fx(copy.deepcopy(network).train(), mapping, inputs(task.calibration.pixels[:1]))
    predict(prepared, task.calibration)
    keep_zeros(prepared)
    return convert_fx(fine_tune(prepared, task, "qat"))


def qat(task):
    return quantize_aware(task.network, task)


def tune_pruned(network, task):
    fine_tune(network, task, "float")
    for module in network:
        if isinstance(module, LAYERS):
            prune.remove(module, "weight")
    return network


def prune_local(task):
    network = copy.deepcopy(task.network)
    for module in network:
        if isinstance(module, LAYERS):
            prune.l1_unstructured(module, "weight", 0.3 if isinstance(module, nn.Conv2d) else 0.5)
    task.pruned = tune_pruned(network, task)
    return task.pruned


def prune_global(task):
    network = copy.deepcopy(task.network)
    weights = [(module, "weight") for module in network if isinstance(module, LAYERS)]
    prune.global_unstructured(weights, prune.L1Unstructured, amount=0.3)
    return tune_pruned(network, task)


def prune_qat(task):
    return quantize_aware(task.pruned or prune_local(task), task)


TECHNIQUES = {
    "float": lambda task: task.network, "dynamic": dynamic, "static": static, "qat": qat, "prune_local": prune_local,
    "prune_global": prune_global, "prune_qat": prune_qat,
}  # fmt: skip


def run(names, task, evaluation):
    """By name: MSE against the labels, and the signal-to-noise ratio in dB against the float network's outputs."""
    torch.backends.quantized.engine = task.backend
    reference, results = predict(task.network, evaluation), {}
    for name in names:
        outputs = predict(TECHNIQUES[name](task), evaluation)
        noise = float(np.sum((outputs - reference) ** 2))
        results[name] = {
            "mse": float(np.mean((outputs - evaluation.labels.numpy().astype(np.float64)) ** 2)),
            "sqnr_db": 10 * float(np.log10(np.sum(reference**2) / noise)) if noise else None,
        }  # fmt: skip
    return results
