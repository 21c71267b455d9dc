# SPDX-License-Identifier: Apache-2.0
"""The network of a float .tflite file as ONNX Runtime likes it best: NCHW, the order of the flattened channels and a
leading scale folded into the weights; and its static QDQ quantization. Knows the operations of the study's networks only.
"""
import logging

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
TO_NCHW = (0, 3, 1, 2)


def same_padding(size, kernel, stride):
    """TensorFlow's SAME: (before, after)."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class OnnxBuilder:
    """Translates operator after operator. `transpose_flatten`: put a Transpose before the flatten instead of permuting the
    dense weights. `trans_b`: keep dense weights as (units, inputs)."""

    def __init__(self, tflite, transpose_flatten=False, trans_b=True):
        self.model = schema.ModelT.InitFromPackedBuf(tflite, 0)
        self.tensors = self.model.subgraphs[0].tensors
        self.transpose_flatten, self.trans_b = transpose_flatten, trans_b
        self.nodes, self.constants = [], []
        self.scales = {}  # values that stand for another one times a scale per channel
        self.flattened = {}  # (height, width, channels) of values that were flattened as NCHW

    def shape(self, i):
        return [int(n) for n in self.tensors[i].shape]

    def data(self, i):
        raw = np.asarray(self.model.buffers[self.tensors[i].buffer].data, np.uint8)
        return raw.view(np.float32).reshape(self.shape(i))

    def constant(self, array):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind, inputs, output, activation=0, **attributes):
        """A node; `activation` 1 puts a Relu behind it."""
        target = output + "_before_relu" if activation == 1 else output
        assert activation in (0, 1)
        self.nodes.append(helper.make_node(kind, inputs, [target], name=f"{kind}_{len(self.nodes)}", **attributes))
        if activation == 1:
            self.nodes.append(helper.make_node("Relu", [target], [output], name=f"Relu_{len(self.nodes)}"))

    def convolution(self, inputs, output, options):
        _, height, width, _ = self.shape(inputs[0])
        weights = self.data(inputs[1])  # (filters, height, width, channels)
        source, scale = self.scales.get(inputs[0], (f"value{inputs[0]}", 1))
        strides = [options.strideH, options.strideW]
        pads = [0, 0, 0, 0]
        if options.padding == schema.Padding.SAME:
            pads[0], pads[2] = same_padding(height, weights.shape[1], strides[0])
            pads[1], pads[3] = same_padding(width, weights.shape[2], strides[1])
        names = [source, self.constant((weights * scale).transpose(TO_NCHW)), self.constant(self.data(inputs[2]))]
        kernel = list(weights.shape[1:3])
        self.add("Conv", names, output, options.fusedActivationFunction, strides=strides, pads=pads, kernel_shape=kernel)

    def leading_batch_norm(self, inputs, output, options):
        """A depthwise 1×1: without a shift its scale goes into the convolution behind it."""
        scale, shift = self.data(inputs[1]), self.data(inputs[2])
        assert scale.shape[:3] == (1, 1, 1) and options.fusedActivationFunction == 0
        source = f"value{inputs[0]}"
        if not shift.any():
            self.scales[int(output.removeprefix("value"))] = (source, scale)
            return
        self.add("Mul", [source, self.constant(scale.transpose(TO_NCHW))], output + "_scaled")
        self.add("Add", [output + "_scaled", self.constant(shift.reshape(1, -1, 1, 1))], output)

    def dense(self, inputs, output, options):
        weights = self.data(inputs[1])
        if inputs[0] in self.flattened:
            order = np.arange(weights.shape[1]).reshape(self.flattened[inputs[0]]).transpose(2, 0, 1)
            weights = weights[:, order.ravel()]
        weights = self.constant(weights if self.trans_b else weights.T)
        names = [f"value{inputs[0]}", weights, self.constant(self.data(inputs[2]))]
        self.add("Gemm", names, output, options.fusedActivationFunction, transB=int(self.trans_b))

    def flatten(self, inputs, output, _options):
        source = f"value{inputs[0]}"
        if self.transpose_flatten:
            self.add("Transpose", [source], source + "_nhwc", perm=[0, 2, 3, 1])
            source += "_nhwc"
        else:
            self.flattened[int(output.removeprefix("value"))] = self.shape(inputs[0])[1:]
        self.add("Flatten", [source], output, axis=1)

    def elementwise(self, kind):
        return lambda inputs, output, _options: self.add(kind, [f"value{i}" for i in inputs], output)

    def clip(self, inputs, output, _options):
        limits = [self.constant(np.float32(limit)) for limit in (0, 1)]
        self.add("Clip", [f"value{inputs[0]}", *limits], output)

    def build(self):
        translate = {
            "CONV_2D": self.convolution, "DEPTHWISE_CONV_2D": self.leading_batch_norm, "FULLY_CONNECTED": self.dense,
            "RESHAPE": self.flatten, "RELU_0_TO_1": self.clip, "TANH": self.elementwise("Tanh"), "MUL": self.elementwise("Mul"),
        }  # fmt: skip
        graph = self.model.subgraphs[0]
        for operator in graph.operators:
            name = OPERATORS[self.model.operatorCodes[operator.opcodeIndex].builtinCode]
            translate[name]([int(i) for i in operator.inputs], f"value{operator.outputs[0]}", operator.builtinOptions)
        source, target = int(graph.inputs[0]), int(graph.outputs[0])
        nchw = [self.shape(source)[axis] for axis in TO_NCHW]
        result = helper.make_graph(
            self.nodes, "network",
            [helper.make_tensor_value_info(f"value{source}", onnx.TensorProto.FLOAT, nchw)],
            [helper.make_tensor_value_info(f"value{target}", onnx.TensorProto.FLOAT, self.shape(target))],
            self.constants,
        )  # fmt: skip
        model = helper.make_model(result, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


class FrameSource(CalibrationDataReader):
    def __init__(self, name, frames):
        self.batches = iter([{name: frame[None]} for frame in frames])

    def get_next(self):
        return next(self.batches, None)


def quantize(model_path, output_path, frames, activations, weights):
    """Static QDQ quantization, weights per channel, full range. `activations`, `weights`: "u8" or "s8"."""
    types = {"u8": QuantType.QUInt8, "s8": QuantType.QInt8}
    name = onnx.load(model_path).graph.input[0].name
    logging.disable(logging.WARNING)  # it recommends a pre-processing that changes nothing here
    quantize_static(
        model_path, output_path, FrameSource(name, frames), quant_format=QuantFormat.QDQ, per_channel=True,
        reduce_range=False, activation_type=types[activations], weight_type=types[weights],
    )  # fmt: skip
    logging.disable(logging.NOTSET)


def integers_in_and_out(model):
    """A QDQ model without its first QuantizeLinear and last DequantizeLinear; also gives the input's and the output's
    (scale, zero point)."""
    graph = model.graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    first = next(node for node in graph.node if graph.input[0].name in node.input)
    last = next(node for node in graph.node if graph.output[0].name in node.output)
    assert first.op_type == "QuantizeLinear" and last.op_type == "DequantizeLinear"
    parameters = []
    for node, value, name in ((first, graph.input[0], first.output[0]), (last, graph.output[0], last.input[0])):
        scale, zero = (constants[name] for name in node.input[1:3])
        parameters.append((float(scale), int(zero)))
        value.name = name
        value.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(zero.dtype)
        graph.node.remove(node)
    return model, *parameters
