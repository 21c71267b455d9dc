# SPDX-License-Identifier: Apache-2.0
"""Whether slimpilot and ONNX's runtimes compute the same. Written: every technique's model as .onnx gives the bits that the same
model as .tflite gives, and what ONNX Runtime and OpenVINO make of it. Read: PyTorch's two exporters, and ONNX Runtime's
quantization of these in both of its forms. Prints a line per check; exits with 1 if one fails.

usage: onnx_parity.py --build BUILD
"""
import logging
import pathlib
import warnings

import numpy as np
import onnx
from onnxruntime import quantization

import onnx_networks
import onnx_runtimes
import pictures
from onnx_runtimes import onnx_runtime, open_vino
from parity_run import LEAST_SQNR_DB, TECHNIQUES, run_checks, sqnr_db

FLOAT_TOLERANCE = 1e-5  # of the largest output
FRAMES = 20
MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"
TYPES = {"tensor(float)": np.float32, "tensor(int8)": np.int8, "tensor(uint8)": np.uint8}
NOT_EXACT = ("dynamic_range", "int4")  # ONNX Runtime computes with real activations, slimpilot quantizes them


def slimpilot(runner, path, frames, kind):
    """Frames have channels first, as the file does; the graph's images have them last."""
    turned = np.ascontiguousarray(frames.transpose(0, 2, 3, 1))
    return runner.run(path, turned).view(kind)


def judge(results, name, check, wanted, got, exact):
    if exact:
        difference = np.abs(wanted - got).max() / np.abs(wanted).max()
        results.add(name, check, difference <= FLOAT_TOLERANCE, f"{difference:.1e} of the largest output")
    else:
        db = sqnr_db(wanted, got)
        results.add(name, check, db >= LEAST_SQNR_DB, f"{db:.1f} dB")


def network_frames(path, recording):
    """Frames for the file's input with channels first: x/255, or integers by the scale that its DequantizeLinear has."""
    shape = [one.dim_value for one in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
    return onnx_runtimes.in_input_type(path, onnx_networks.frames_of(recording, shape[2], shape[3])[-FRAMES:])


def check_written(results, runner, source, recording, folder):
    is_random = source.startswith("random:")  # one step of its integers is much of its result
    out = folder / pathlib.Path(source).stem.replace(":", "_")
    runner.optimize(source, recording, out, ["--techniques", ",".join(TECHNIQUES), "--normalize", "unit"])
    for technique in TECHNIQUES:
        tflite, path = out / f"{technique}.tflite", out / f"{technique}.onnx"
        runner.convert(tflite, path)
        name = f"{out.name} {technique}"
        onnx.checker.check_model(onnx.load(path), full_check=True)
        frames = network_frames(path, recording)
        kind = frames.dtype
        ours = slimpilot(runner, path, frames, kind)
        same = np.array_equal(ours, slimpilot(runner, tflite, frames, kind))
        results.add(name, "as .onnx and as .tflite", same, "same bits" if same else "other bits")
        theirs = onnx_runtime(path, frames)
        exact = technique in ("float32", "float16")
        reals = lambda numbers: onnx_runtimes.as_reals(path, numbers)
        if technique in NOT_EXACT or (is_random and not exact):
            results.note(name, f"ONNX Runtime {sqnr_db(reals(theirs), reals(ours)):.1f} dB")
        else:
            judge(results, name, "ONNX Runtime", reals(theirs), reals(ours), exact)
        vino = open_vino(path, frames)
        if exact:
            judge(results, name, "OpenVINO", reals(vino), reals(ours), True)
        else:
            results.note(name, f"OpenVINO {sqnr_db(reals(vino), reals(ours)):.1f} dB")


class Frames(quantization.CalibrationDataReader):
    def __init__(self, name, frames):
        self.left = iter([{name: frame[None]} for frame in frames])

    def get_next(self):
        return next(self.left, None)


def check_read(results, runner, recording, folder):
    """Exports of PyTorch, then ONNX Runtime's quantization of them."""
    for name, path, size in onnx_networks.exports(folder):
        frames = onnx_networks.frames_of(recording, *size)
        last = frames[-FRAMES:]
        judge(results, name, "ONNX Runtime", onnx_runtime(path, last), slimpilot(runner, path, last, np.float32), True)
        if "legacy" not in name:
            continue
        source = onnx.load(path).graph.input[0].name
        for form in (quantization.QuantFormat.QDQ, quantization.QuantFormat.QOperator):
            for activations in (quantization.QuantType.QUInt8, quantization.QuantType.QInt8):
                target = folder / f"{path.stem}_{form}_{activations}.onnx"
                quantization.quantize_static(
                    path, target, Frames(source, frames[:30]), quant_format=form, per_channel=True,
                    activation_type=activations, weight_type=quantization.QuantType.QInt8,
                    op_types_to_quantize=onnx_networks.QUANTIZED,
                )  # fmt: skip
                ours = slimpilot(runner, target, last, np.float32)
                judge(results, f"{name} {form} {activations}", "ONNX Runtime", onnx_runtime(target, last), ours, False)


def check_all(results, runner, _):
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)  # what is recommended before quantization changes nothing here
    recording = runner.folder / "recording"
    pictures.make_synthetic_recording(recording)
    check_read(results, runner, recording, runner.folder)
    for source in ("random:pilotnet", str(MODELS / "deepest_lstm_tiny_pilotnet.tflite")):
        check_written(results, runner, source, recording, runner.folder)


if __name__ == "__main__":
    run_checks(check_all)
