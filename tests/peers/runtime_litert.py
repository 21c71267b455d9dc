# SPDX-License-Identifier: Apache-2.0
"""LiteRT on the same .tflite file as slimpilot's, with the XNNPACK delegate, which it takes by default."""
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from runtime_frames import ServedRuntime, quantized, to_real


class LiteRt(ServedRuntime):
    """Takes frames with the channels last."""

    def __init__(self, model, frames, threads):
        self.interpreter = Interpreter(model_path=model, num_threads=threads)
        self.interpreter.allocate_tensors()
        detail = self.interpreter.get_input_details()[0]
        self.input = detail["index"]
        if detail["dtype"] != np.float32:
            frames = quantized(frames, detail["dtype"], *detail["quantization"])
        super().__init__(frames)
        empty = Interpreter(model_content=empty_tflite(), num_threads=threads)
        empty.allocate_tensors()
        self.infer, self.infer_empty = self.interpreter.invoke, empty.invoke

    def load(self, frame):
        self.interpreter.set_tensor(self.input, self.frames[frame])

    def result(self):
        """The outputs in the file's order; an int8 head is split into two of them."""
        results = []
        for detail in self.interpreter.get_output_details():
            scale = None if detail["dtype"] == np.float32 else detail["quantization"]
            results.append(to_real(self.interpreter.get_tensor(detail["index"]), scale))
        return np.concatenate(results)


def empty_tflite():
    """A model without operations."""
    tensor, graph, model = schema.TensorT(), schema.SubGraphT(), schema.ModelT()
    tensor.shape, tensor.type, tensor.name = [1], schema.TensorType.FLOAT32, b"value"
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [tensor], [0], [0], []
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], [schema.BufferT()], []
    builder = flatbuffers.Builder(256)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def input_shape(model):
    return Interpreter(model_path=str(model), num_threads=1).get_input_details()[0]["shape"]


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
