# SPDX-License-Identifier: Apache-2.0
"""What the Python runtimes of scripts/compare_peers share: how frames are timed, and integers. In every one the input is copied
in before the clock starts, and the clock covers one inference."""
import time

import numpy as np
import onnx
from onnx import helper


class ServedRuntime:
    """`load(frame)` copies a frame in, `infer()` runs it, `result()` gives the real numbers, `infer_empty()` does what the
    binding does around a network with nothing in it."""

    def __init__(self, frames):
        self.frames = frames

    def outputs(self, frame):
        self.load(frame)
        self.infer()
        return self.result()

    def run(self, order):
        times = []
        for frame in order:
            self.load(frame)
            start = time.perf_counter_ns()
            self.infer()
            times.append(time.perf_counter_ns() - start)
        return times

    def run_empty(self, order):
        times = []
        for _ in order:
            start = time.perf_counter_ns()
            self.infer_empty()
            times.append(time.perf_counter_ns() - start)
        return times


def quantized(frames, dtype, scale, zero):
    """Real frames as integers of the given type."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(frames / scale) + zero, limits.min, limits.max).astype(dtype)


def to_real(output, scale_and_zero):
    numbers = np.asarray(output).ravel().astype(np.float64)
    if scale_and_zero is None:
        return numbers
    return (numbers - scale_and_zero[1]) * scale_and_zero[0]


def empty_model():
    """An ONNX model with nothing to compute, as bytes."""
    value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1]) for name in ("in", "out")]
    graph = helper.make_graph([helper.make_node("Identity", ["in"], ["out"])], "nothing", value[:1], value[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
