# SPDX-License-Identifier: Apache-2.0
"""The runtimes that are compared, behind one shape: `outputs(frame)` gives the network's real numbers, `run(order)` runs
frames and gives the nanoseconds of each. In every one the input is copied in before the clock starts, and the clock covers
one inference on one thread.
"""
import subprocess
import time

import numpy as np
import onnx
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from onnx import helper


class Slimpilot:
    name = "slimpilot"

    def __init__(self, server, model, recording, inputs_file):
        command = [server, str(model), str(recording), str(inputs_file)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.isa, self.frames = self.read_line()

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("timing_server ended; its message is above")
        return line.split()

    def ask(self, command, frames):
        self.process.stdin.write(f"{command} {' '.join(str(frame) for frame in frames)}\n")
        self.process.stdin.flush()
        return self.read_line()

    def outputs(self, frame):
        return np.array([float(word) for word in self.ask("outputs", [frame])])

    def run(self, order):
        return [int(word) for word in self.ask("run", order)]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class OnnxRuntime:
    """`frames`: what the session's input takes. `output_scale`: (scale, zero point) of an integer output."""

    name = "ONNX Runtime"

    def __init__(self, model, frames, output_scale=(1, 0)):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.frames, self.output_scale = frames, output_scale
        self.input = onnxruntime.OrtValue.ortvalue_from_numpy(frames[0].copy())  # it would write into our frame
        result = self.session.get_outputs()[0]
        types = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}
        self.output = onnxruntime.OrtValue.ortvalue_from_shape_and_type(result.shape, types[result.type])
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input(self.session.get_inputs()[0].name, self.input)
        self.binding.bind_ortvalue_output(result.name, self.output)

    def outputs(self, frame):
        self.run([frame])
        scale, zero = self.output_scale
        return (self.output.numpy().ravel().astype(np.float64) - zero) * scale

    def run(self, order):
        times = []
        for frame in order:
            self.input.update_inplace(self.frames[frame])
            start = time.perf_counter_ns()
            self.session.run_with_iobinding(self.binding)
            times.append(time.perf_counter_ns() - start)
        return times


class LiteRt:
    """The same .tflite file as slimpilot's, with the XNNPACK delegate, which LiteRT takes by default."""

    name = "LiteRT XNNPACK"

    def __init__(self, model, frames):
        self.interpreter = Interpreter(model_path=str(model), num_threads=1)
        self.interpreter.allocate_tensors()
        detail = self.interpreter.get_input_details()[0]
        self.input = detail["index"]
        self.frames = frames if detail["dtype"] == np.float32 else quantized(frames, detail["dtype"], *detail["quantization"])

    def outputs(self, frame):
        """The outputs in the file's order; an int8 head is split into two of them."""
        self.run([frame])
        results = []
        for detail in self.interpreter.get_output_details():
            scale, zero = detail["quantization"]
            result = self.interpreter.get_tensor(detail["index"]).ravel().astype(np.float64)
            results.append(result if detail["dtype"] == np.float32 else (result - zero) * scale)
        return np.concatenate(results)

    def run(self, order):
        times = []
        for frame in order:
            self.interpreter.set_tensor(self.input, self.frames[frame])
            start = time.perf_counter_ns()
            self.interpreter.invoke()
            times.append(time.perf_counter_ns() - start)
        return times


def quantized(frames, dtype, scale, zero):
    """Real frames as integers of the given type."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(frames / scale) + zero, limits.min, limits.max).astype(dtype)


def empty_onnx_runtime(frames):
    """What a run of ONNX Runtime costs through its Python binding when there is nothing to compute; takes `frames` frames."""
    value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1]) for name in ("in", "out")]
    graph = helper.make_graph([helper.make_node("Identity", ["in"], ["out"])], "nothing", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return OnnxRuntime(model.SerializeToString(), np.zeros((frames, 1, 1), np.float32))


def nonzero_share_before_dense(model, frames):
    """Share of activations entering the first dense layer that are not zero, in a .tflite file."""
    interpreter = Interpreter(model_path=str(model), num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    dense = next(operator for operator in operators if operator["op_name"] == "FULLY_CONNECTED")
    detail = interpreter.get_input_details()[0]
    index = int(dense["inputs"][0])
    zero = next(t for t in interpreter.get_tensor_details() if t["index"] == index)["quantization"][1]
    if detail["dtype"] != np.float32:
        frames = quantized(frames, detail["dtype"], *detail["quantization"])
    shares = []
    for frame in frames:
        interpreter.set_tensor(detail["index"], frame)
        interpreter.invoke()
        shares.append(float(np.mean(interpreter.get_tensor(index) != zero)))
    return float(np.mean(shares))
