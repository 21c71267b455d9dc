# SPDX-License-Identifier: Apache-2.0
"""A float ONNX model of tflite_to_onnx as a plain list of layers with their weights, for the runtimes that read no ONNX, and
the ranges of its values. Knows the operations of the study's networks only."""
import dataclasses

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

MERGED = {"Relu": "relu", "Clip": "clip", "Tanh": "tanh"}  # activations that become part of the layer before; clip is to 0…1
WEIGHTED = ("conv", "dense")
ACTIVATED = (*WEIGHTED, "mul")  # layers that take an activation in


@dataclasses.dataclass
class Layer:
    """`kind`: conv (weights: filters, channels, height, width), dense (units, inputs), scale (a factor and a term per channel),
    mul, tanh, clip, flatten. `pads`: top, left, bottom, right."""

    kind: str
    inputs: list
    output: str
    weights: np.ndarray | None = None
    bias: np.ndarray | None = None
    strides: tuple = (1, 1)
    pads: tuple = (0, 0, 0, 0)
    activation: str = "none"


@dataclasses.dataclass
class Network:
    layers: list
    input: str
    output: str
    input_shape: list

    def consumers(self, value):
        return [layer for layer in self.layers if value in layer.inputs]


def weighted_layer(node, constants):
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    weights, bias = (constants[name] for name in node.input[1:3])
    if node.op_type == "Gemm":
        return Layer("dense", [node.input[0]], node.output[0], weights if attributes.get("transB") else weights.T, bias)
    pads, strides = tuple(attributes["pads"]), tuple(attributes["strides"])
    return Layer("conv", [node.input[0]], node.output[0], weights, bias, strides, pads)


def append_node(network, node, constants):
    before = network.layers[-1] if network.layers else None
    if node.op_type in ("Conv", "Gemm"):
        network.layers.append(weighted_layer(node, constants))
    elif node.op_type in MERGED and before and before.kind in ACTIVATED and before.output == node.input[0]:
        before.activation, before.output = MERGED[node.op_type], node.output[0]
    elif node.op_type == "Mul" and node.input[1] in constants:
        factor = constants[node.input[1]].ravel()
        network.layers.append(Layer("scale", [node.input[0]], node.output[0], factor, np.zeros_like(factor)))
    elif node.op_type == "Add" and before and before.kind == "scale" and before.output == node.input[0]:
        before.bias, before.output = constants[node.input[1]].ravel(), node.output[0]
    elif node.op_type in ("Mul", "Tanh", "Clip", "Flatten"):
        inputs = [name for name in node.input if name not in constants]
        network.layers.append(Layer(node.op_type.lower(), inputs, node.output[0]))
    else:
        raise ValueError(f"there is no layer for {node.op_type}")


def read_network(path):
    graph = onnx.load(path).graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    shape = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim]
    network = Network([], graph.input[0].name, graph.output[0].name, shape)
    for node in graph.node:
        append_node(network, node, constants)
    return network


def value_ranges(path, frames):
    """By value, the least and the largest number over the frames. `frames`: as the model's input takes them."""
    model = onnx.load(path)
    names = [output for node in model.graph.node for output in node.output]
    kept = {output.name for output in model.graph.output}
    for name in names:
        if name not in kept:
            model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    ranges = {source: (float(frames.min()), float(frames.max()))}
    for frame in frames:
        for name, value in zip(names, session.run(names, {source: frame})):
            low, high = ranges.get(name, (np.inf, -np.inf))
            ranges[name] = (min(low, float(value.min())), max(high, float(value.max())))
    return ranges
