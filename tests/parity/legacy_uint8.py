# SPDX-License-Identifier: Apache-2.0
"""Whether slimpilot computes the same integers as LiteRT's reference kernels from uint8 files, as TensorFlow 1's
quantization-aware training left them: activations and weights are uint8 with any zero point, per tensor. The files are made
here, so that zero points and scales lie where they hurt; tensorflow_converter.py has one of TensorFlow's converter. No TensorFlow
is needed. Prints a line per check; exits with 1 if one fails.

usage: legacy_uint8.py --build BUILD [--frames N] [--only WORD in a model's name]
"""
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

import litert_run
from parity_run import run_checks

OP, OPTIONS, UINT8, INT32 = schema.BuiltinOperator, schema.BuiltinOptions, 3, 2
SHAPE = (1, 9, 11, 4)
RELU6, SAME, VALID = 3, 0, 1


class Maker:
    """Operators behind each other on one input."""

    def __init__(self, seed, scale=0.0173, zero=117):
        self.generator = np.random.default_rng(seed)
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.subgraphs, self.model.operatorCodes = 3, [self.graph], []
        self.model.buffers = [schema.BufferT()]
        self.graph.tensors, self.graph.operators = [], []
        self.x = self.tensor("image", SHAPE, scale, zero)
        self.graph.inputs = [self.x]

    def tensor(self, name, shape, scale, zero, kind=UINT8, data=None):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, 0
        if scale:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def scale_of(self, tensor):
        return np.float32(self.graph.tensors[tensor].quantization.scale[0])

    def operator(self, name, inputs, shape, scale, zero, **options):
        code, op = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode, code.version = getattr(OP, name), 1
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        self.model.operatorCodes.append(code)
        words = {"CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D", "FULLY_CONNECTED": "FullyConnected"}
        word = words.get(name, {"MAX_POOL_2D": "Pool2D", "AVERAGE_POOL_2D": "Pool2D"}.get(name, name.title().replace("_", "")))
        if options:
            op.builtinOptionsType = getattr(OPTIONS, word + "Options")
            op.builtinOptions = getattr(schema, word + "OptionsT")()
            for key, value in options.items():
                setattr(op.builtinOptions, key, value)
        op.opcodeIndex, op.inputs = len(self.model.operatorCodes) - 1, inputs
        self.x = self.tensor(f"{name.lower()}_{len(self.graph.operators)}", shape, scale, zero)
        op.outputs = [self.x]
        self.graph.operators.append(op)
        return self

    def weights(self, shape, zero, near, outputs, scale=None):
        """Weights, all of them or those near the zero point only, and their bias."""
        low, high = (max(zero - near, 0), min(zero + near, 255)) if near else (0, 255)
        data = self.generator.integers(low, high, shape, dtype=np.uint8, endpoint=True)
        scale = scale or float(np.float32(self.generator.uniform(0.001, 0.01)))
        name = f"weights_{len(self.graph.tensors)}"
        bias = self.generator.integers(-2000, 2000, outputs, dtype=np.int32)
        product = float(self.scale_of(self.x) * np.float32(scale))
        return [
            self.tensor(name, shape, scale, zero, data=data),
            self.tensor(name + "_bias", [outputs], product, 0, INT32, bias),
        ]

    def conv(self, zero=90, near=0, padding=SAME, stride=1, activation=0, scale=0.083, out_zero=101, outputs=6, weight_scale=None):
        height, width, channels = self.graph.tensors[self.x].shape[1:]
        extent = lambda n: -(-n // stride) if padding == SAME else -(-(n - 2) // stride)
        inputs = [self.x, *self.weights((outputs, 3, 3, channels), zero, near, outputs, weight_scale)]
        return self.operator(
            "CONV_2D", inputs, (1, extent(height), extent(width), outputs), scale, out_zero,
            padding=padding, strideH=stride, strideW=stride, fusedActivationFunction=activation,
        )

    def depthwise(self, zero=90, near=0, padding=SAME, activation=0, scale=0.051, out_zero=120):
        shape = self.graph.tensors[self.x].shape
        inputs = [self.x, *self.weights((1, 3, 3, shape[3]), zero, near, shape[3])]
        shape = shape if padding == SAME else (1, shape[1] - 2, shape[2] - 2, shape[3])
        return self.operator(
            "DEPTHWISE_CONV_2D", inputs, shape, scale, out_zero,
            padding=padding, strideH=1, strideW=1, depthMultiplier=1, fusedActivationFunction=activation,
        )

    def dense(self, zero=140, near=0, activation=0, scale=1.31, out_zero=99, outputs=20):
        count = int(np.prod(self.graph.tensors[self.x].shape))
        inputs = [self.x, *self.weights((outputs, count), zero, near, outputs)]
        return self.operator("FULLY_CONNECTED", inputs, (1, outputs), scale, out_zero, fusedActivationFunction=activation)

    def pool(self, name, window, stride, padding=VALID):
        tensor = self.graph.tensors[self.x]
        _, height, width, channels = tensor.shape
        extent = lambda n: -(-n // stride) if padding == SAME else (n - window) // stride + 1
        return self.operator(
            name, [self.x], (1, extent(height), extent(width), channels), self.scale_of(self.x), tensor.quantization.zeroPoint[0],
            padding=padding, strideH=stride, strideW=stride, filterHeight=window, filterWidth=window,
        )

    def unary(self, name, scale, zero, **options):
        return self.operator(name, [self.x], self.graph.tensors[self.x].shape, scale, zero, **options)

    def content(self):
        self.graph.outputs = [self.x]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def branches(maker):
    first = maker.conv(near=60, outputs=4).x
    maker.x = maker.graph.inputs[0]
    second = maker.depthwise().x
    maker.operator("ADD", [first, second], SHAPE, 0.12, 133, fusedActivationFunction=1)
    return maker.operator("MUL", [maker.x, second], SHAPE, 0.2, 77, fusedActivationFunction=0)


def joined(maker):
    shape = (*SHAPE[:3], 8)
    tensor = maker.graph.tensors[maker.x].quantization
    return maker.operator(
        "CONCATENATION", [maker.x, maker.x], shape, tensor.scale[0], tensor.zeroPoint[0], axis=3, fusedActivationFunction=0
    ).conv()


def product(maker):
    """A quarter as the multiplier in float32, less in double: what lies halfway between two integers shows which it is."""
    scale = lambda: np.float32(maker.generator.uniform(0.001, 0.002))
    rounds_up = lambda a, b: float(a) * float(b) < float(a * b) * (1 - 2**-26)
    weight_scale = next(s for s in iter(scale, None) if rounds_up(maker.scale_of(maker.x), s))
    out = float(maker.scale_of(maker.x) * weight_scale) * 4
    return maker.conv(zero=128, near=1, weight_scale=float(weight_scale), scale=out, outputs=20)


MODELS = {
    "conv_fits": lambda m: m.conv(near=127, zero=128),
    "conv_far": lambda m: m.conv(),
    "conv_far_0": lambda m: m.conv(zero=0, padding=VALID, stride=2),
    "conv_far_255_relu6": lambda m: m.conv(zero=255, activation=RELU6, scale=6 / 255, out_zero=0),
    "conv_product": product,
    "conv_coarse": lambda m: m.conv(scale=1.9),
    "conv_fine": lambda m: m.conv(scale=0.004, near=2),
    "depthwise_fits": lambda m: m.depthwise(near=60),
    "depthwise_far": lambda m: m.depthwise(activation=1),
    "depthwise_far_valid": lambda m: m.depthwise(zero=3, padding=VALID),
    "dense_fits": lambda m: m.dense(near=100, zero=130),
    "dense_far": lambda m: m.dense(),
    "dense_far_relu": lambda m: m.dense(zero=255, activation=1, scale=5, out_zero=240),
    "network": lambda m: m.conv(activation=RELU6, scale=6 / 255, out_zero=0).pool("MAX_POOL_2D", 2, 2).conv().dense().dense(),
    "average_3": lambda m: m.pool("AVERAGE_POOL_2D", 3, 1),
    "average_3_every_3": lambda m: m.conv(activation=1, out_zero=0).pool("AVERAGE_POOL_2D", 3, 3),
    "logistic": lambda m: m.unary("LOGISTIC", 1 / 256, 0),
    "tanh": lambda m: m.unary("TANH", 1 / 128, 128),
    "relu": lambda m: m.unary("RELU", 0.011, 3),
    "leaky_relu": lambda m: m.unary("LEAKY_RELU", 0.02, 55, alpha=0.2),
    "branches": branches,
    "joined": joined,
}


def check(results, runner, name, frames):
    path = runner.folder / f"{name}.tflite"
    path.write_bytes(MODELS[name](Maker(len(name))).content())
    interpreter = litert_run.open_model(path, "reference")
    inputs = np.random.default_rng(5).integers(0, 255, (frames, *SHAPE), dtype=np.uint8, endpoint=True)
    theirs = np.stack([np.ravel(outputs[0]) for outputs in litert_run.run(interpreter, [inputs])])
    for isa in runner.isas():
        ours = runner.run(path, inputs ^ 0x80, isa) ^ 0x80  # slimpilot's are int8, 128 less
        differ = np.count_nonzero(ours != theirs)
        detail = f"{differ} of {theirs.size} differ, {len(np.unique(theirs))} values"
        results.add(f"legacy_uint8/{name}", f"bits of {isa or 'default'} against LiteRT reference", differ == 0, detail)


def check_all(results, runner, arguments):
    for name in MODELS:
        if arguments.only in name:
            check(results, runner, name, arguments.frames)


if __name__ == "__main__":
    run_checks(check_all, frames=200, only="")
