# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime with everything bound before, so that a run hands over no memory."""
import onnxruntime

from runtime_frames import ServedRuntime, empty_model, quantized, to_real

TYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int8)": "int8"}


class Bound:
    """A session with its input and output."""

    def __init__(self, model, threads):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.force_spinning_stop", "1")  # between its turns it leaves the cores
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.input, self.output = (
            onnxruntime.OrtValue.ortvalue_from_shape_and_type(value.shape, TYPES[value.type])
            for value in (self.session.get_inputs()[0], self.session.get_outputs()[0])
        )
        self.binding.bind_ortvalue_input(self.session.get_inputs()[0].name, self.input)
        self.binding.bind_ortvalue_output(self.session.get_outputs()[0].name, self.output)

    def run(self):
        self.session.run_with_iobinding(self.binding)


class OnnxRuntime(ServedRuntime):
    """`input_scale`, `output_scale`: (scale, zero point) of an integer input and output."""

    def __init__(self, model, frames, threads, input_scale=None, output_scale=None):
        self.bound, self.empty = Bound(model, threads), Bound(empty_model(), threads)
        kind = TYPES[self.bound.session.get_inputs()[0].type]
        super().__init__(frames if input_scale is None else quantized(frames, kind, *input_scale))
        self.output_scale = output_scale
        self.infer, self.infer_empty = self.bound.run, self.empty.run

    def load(self, frame):
        self.bound.input.update_inplace(self.frames[frame])

    def result(self):
        return to_real(self.bound.output.numpy(), self.output_scale)
