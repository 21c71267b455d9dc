# SPDX-License-Identifier: Apache-2.0
"""Writes a network as onednn_server reads it: a text with a line per primitive, and the float weights in the lines' order. In
int8 the text says which values are integers and their scales; the server quantizes the weights."""
import numpy as np

from network_layers import WEIGHTED


def type_line(value, low, high):
    """Symmetric; unsigned where nothing is negative."""
    signed = low < 0
    scale = max(abs(low), abs(high), 1e-9) / (127 if signed else 255)
    return f"type {value} {'s8' if signed else 'u8'} {scale:.9g}"


def feeds_only_weighted(network, value):
    """Directly or through a flatten."""
    consumers = network.consumers(value)
    flattened = (layer.kind == "flatten" and feeds_only_weighted(network, layer.output) for layer in consumers)
    return bool(consumers) and all(layer.kind in WEIGHTED or flat for layer, flat in zip(consumers, flattened))


def line_of(layer, source, output):
    if layer.kind == "conv":
        numbers = [*layer.weights.shape, *layer.strides, *layer.pads]
        return " ".join(str(word) for word in ["conv", output, source[0], *numbers, layer.activation])
    if layer.kind == "dense":
        return f"dense {output} {source[0]} {len(layer.weights)} {layer.weights.shape[1]} {layer.activation}"
    return " ".join([layer.kind, output, *source, *([layer.activation] if layer.kind == "mul" else [])])


def write(network, stem, ranges=None):
    """Writes STEM.txt and STEM.weights. With `ranges` of the values, convolutions and dense layers are int8."""
    layout = "nhwc" if ranges else "nchw"  # what the first convolution takes
    lines = [" ".join(str(word) for word in ["input", network.input, *network.input_shape[1:], layout])]
    weights, quantized, names = [], {}, {}
    for layer in network.layers:
        source = [names.get(value, value) for value in layer.inputs]
        if layer.kind == "flatten":  # a dense layer takes the picture as it is
            names[layer.output] = source[0]
            continue
        if ranges and layer.kind in WEIGHTED and source[0] not in quantized:
            quantized[source[0]] = source[0] + "_integers"
            lines += [type_line(quantized[source[0]], *ranges[source[0]]), f"quantize {quantized[source[0]]} {source[0]}"]
        if ranges and layer.kind in WEIGHTED:
            source = [quantized[source[0]]]
            if feeds_only_weighted(network, layer.output):
                quantized[layer.output] = layer.output
                lines.append(type_line(layer.output, *ranges[layer.output]))
        lines.append(line_of(layer, source, layer.output))
        weights += [array for array in (layer.weights, layer.bias) if array is not None]
    lines.append(f"output {names.get(network.output, network.output)}")
    stem.with_suffix(".txt").write_text("\n".join(lines) + "\n")
    stem.with_suffix(".weights").write_bytes(b"".join(np.ascontiguousarray(array, np.float32).tobytes() for array in weights))
