# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime and OpenVINO on an .onnx file, one frame after another in one thread."""
import numpy as np
import onnx
import onnxruntime
import openvino


def file_order(path, frames):
    """Frames with the channels where the file has them; the graph's images have them last."""
    shape = [one.dim_value for one in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
    turned = frames.ndim == 4 and list(frames.shape[1:]) != shape[1:]
    return np.ascontiguousarray(frames.transpose(0, 3, 1, 2)) if turned else frames


def in_input_type(path, frames):
    """Real frames as the integers that the file takes, by the scale and zero point of its input; real ones as they are."""
    model = onnx.load(path)
    if model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
        return frames
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    first = next(node for node in model.graph.node if model.graph.input[0].name in node.input)
    scale, zero = (constants[name] for name in first.input[1:3])
    limits = np.iinfo(zero.dtype)
    return np.clip(np.rint(frames / scale) + zero.astype(np.float64), limits.min, limits.max).astype(zero.dtype)


def joined(runs):
    return np.stack([np.concatenate([np.asarray(out).ravel() for out in outputs]) for outputs in runs])


def onnx_runtime(path, frames):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return joined(session.run(None, {name: frame[None]}) for frame in frames)


def open_vino(path, frames):
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    model = openvino.Core().compile_model(path, "CPU", settings)
    return joined(model(frame[None]).values() for frame in frames)


RUNTIMES = {"ONNX Runtime": onnx_runtime, "OpenVINO": open_vino}


def as_reals(path, numbers):
    """Integer outputs by the scale and zero point with which the file quantizes them; real ones as they are."""
    if numbers.dtype == np.float32:
        return numbers
    model = onnx.load(path)
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    columns, start = [], 0
    for output in model.graph.output:
        width = int(np.prod([one.dim_value for one in output.type.tensor_type.shape.dim]))
        part = numbers[:, start : start + width].astype(np.float64)
        for node in model.graph.node:
            if output.name in node.output and node.op_type == "QuantizeLinear":
                part = constants[node.input[1]] * (part - constants[node.input[2]].astype(np.float64))
        columns.append(part)
        start += width
    return np.concatenate(columns, 1)
