# SPDX-License-Identifier: Apache-2.0
"""OpenVINO on ONNX models, with the latency hint. `precision`: f32, or bf16, which it takes by itself where the processor has
it. `calibrate`: quantize the float model with NNCF, OpenVINO's own tool, to int8."""
import openvino

from runtime_frames import ServedRuntime, empty_model, quantized, to_real


class OpenVino(ServedRuntime):
    def __init__(self, model, frames, threads, precision="f32", calibrate=False, input_scale=None, output_scale=None):
        core = openvino.Core()
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and "BF16" not in capabilities:
            raise RuntimeError("no bf16 on this processor")
        network = core.read_model(model)
        if calibrate:
            network = calibrated(network, frames)
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                    "INFERENCE_PRECISION_HINT": precision, "ENABLE_CPU_PINNING": False}
        self.request = core.compile_model(network, "CPU", settings).create_infer_request()
        self.empty_request = core.compile_model(core.read_model(empty_model()), "CPU", settings).create_infer_request()
        kind = self.request.get_input_tensor().data.dtype
        super().__init__(frames if input_scale is None else quantized(frames, kind, *input_scale))
        self.output_scale = output_scale

    def load(self, frame):
        self.request.get_input_tensor().data[:] = self.frames[frame]

    def infer(self):
        self.request.infer(share_outputs=True)

    def infer_empty(self):
        self.empty_request.infer(share_outputs=True)

    def result(self):
        return to_real(self.request.get_output_tensor().data, self.output_scale)


def calibrated(network, frames):
    import nncf  # slow, and only this needs it

    nncf.set_log_level("ERROR")
    return nncf.quantize(network, nncf.Dataset(list(frames)), subset_size=len(frames))
