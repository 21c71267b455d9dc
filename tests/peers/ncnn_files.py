# SPDX-License-Identifier: Apache-2.0
"""Writes a network as ncnn reads it: a text of layers and a file of weights, float or int8. In int8 activations have one scale,
weights one per filter, and a convolution that only convolutions follow gives integers, as ncnn's own tools arrange it."""
import numpy as np

INT8_TAG = 0x000D4B38  # says before an array that it is int8; 0 says float
NAMES = {"conv": "Convolution", "dense": "InnerProduct", "scale": "Scale", "mul": "BinaryOp", "tanh": "TanH", "clip": "Clip",
         "flatten": "Flatten"}
ACTIVATIONS = {"none": "", "relu": " 9=1", "clip": " 9=3 -23310=2,0.0,1.0"}


class NcnnFiles:
    """`ranges`: of the values, for int8; without them everything is float."""

    def __init__(self, network, ranges=None):
        self.network, self.ranges = network, ranges
        self.lines, self.data, self.blobs = [], bytearray(), 0
        self.copies = {}  # names that the consumers of a value take, one each

    def add(self, kind, inputs, outputs, parameters=""):
        self.blobs += len(outputs)
        name = f"{kind}_{len(self.lines)}"
        words = [kind, name, len(inputs), len(outputs), *inputs, *outputs]
        self.lines.append(" ".join(str(word) for word in words) + parameters)

    def produce(self, value):
        """Whoever reads a value takes a copy of its own, because ncnn hands a value to one layer."""
        count = len(self.network.consumers(value))
        self.copies[value] = [value]
        if count > 1:
            self.copies[value] = [f"{value}_{i}" for i in range(count)]
            self.add("Split", [value], self.copies[value])

    def scale(self, value):
        low, high = self.ranges[value]
        return np.float32(127 / max(abs(low), abs(high), 1e-9))

    def write_floats(self, array):
        self.data += np.ascontiguousarray(array, np.float32).tobytes()

    def weights(self, layer):
        """Gives the parameter that says how they are stored."""
        if self.ranges is None:
            self.data += np.uint32(0).tobytes()
            self.write_floats(layer.weights)
            self.write_floats(layer.bias)
            return ""
        flat = layer.weights.reshape(len(layer.weights), -1)
        scales = 127 / np.maximum(np.abs(flat).max(axis=1), 1e-9)
        integers = np.clip(np.rint(flat * scales[:, None]), -127, 127).astype(np.int8)
        self.data += np.uint32(INT8_TAG).tobytes() + integers.tobytes() + bytes(-integers.size % 4)
        for array in (layer.bias, scales, [self.scale(layer.inputs[0])]):
            self.write_floats(array)
        followers = self.network.consumers(layer.output)
        if layer.kind == "conv" and followers and all(follower.kind == "conv" for follower in followers):
            self.write_floats([self.scale(layer.output)])
            return " 8=102"
        return " 8=2"

    def layer(self, layer):
        inputs = [self.copies[value].pop() for value in layer.inputs]
        output, parameters = layer.output, ""
        if layer.kind in ("conv", "dense"):
            parameters = f" 0={len(layer.weights)} {5 if layer.kind == 'conv' else 1}=1"
            parameters += f" {6 if layer.kind == 'conv' else 2}={layer.weights.size}"
            if layer.kind == "conv":
                kernel = layer.weights.shape[2:]
                parameters += f" 1={kernel[1]} 11={kernel[0]} 3={layer.strides[1]} 13={layer.strides[0]}"
                parameters += "".join(f" {key}={pad}" for key, pad in zip((14, 4, 16, 15), layer.pads))
            parameters += ACTIVATIONS.get(layer.activation, "") + self.weights(layer)
        elif layer.kind == "scale":
            parameters = f" 0={layer.weights.size} 1=1"
            self.write_floats(layer.weights)
            self.write_floats(layer.bias)
        output += "_linear" if layer.activation == "tanh" else ""
        parameters += {"mul": " 0=2", "clip": " 0=0.0 1=1.0"}.get(layer.kind, "")
        self.add(NAMES[layer.kind], inputs, [output], parameters)
        if output != layer.output:
            self.add("TanH", [output], [layer.output])
        self.produce(layer.output)

    def write(self, stem):
        """Writes STEM.param and STEM.bin."""
        _, channels, height, width = self.network.input_shape
        self.add("Input", [], [self.network.input], f" 0={width} 1={height} 2={channels}")
        self.produce(self.network.input)
        for layer in self.network.layers:
            self.layer(layer)
        text = "\n".join(["7767517", f"{len(self.lines)} {self.blobs}", *self.lines]) + "\n"
        stem.with_suffix(".param").write_text(text)
        stem.with_suffix(".bin").write_bytes(self.data)
