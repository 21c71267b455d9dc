# SPDX-License-Identifier: Apache-2.0
"""The named networks from Keras to other people's runtimes. Twins of them (twins.py) are saved by Keras 2 and 3 and imported:
the same layers as slimpilot's, and Keras' outputs within 1e-5 of the largest, or of 1. Then every post-training technique: its
.tflite in LiteRT (integers bit for bit like the reference kernels, others by SQNR against the default ones), its .onnx in ONNX
Runtime and OpenVINO, by SQNR. What a runtime or a file format refuses fails. Prints a line per check and a table; exits with 1
if one fails.

usage: named_networks.py --build BUILD [--frames N] [--only WORD in a network's name]
"""
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import re
import subprocess

import keras as keras3
import numpy as np
import tensorflow as tf
import tf_keras as keras2

import litert_run
import onnx_runtimes
import parity
import pictures
import twins
from parity_run import LEAST_SQNR_DB, TECHNIQUES, run_checks, sqnr_db

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
IMPORT_TOLERANCE = 1e-5
LEAST_VARIATION = 1e-3  # of each output over the frames: else a comparison says nothing
RECORDED, CALIBRATION = 60, 30
# Whose LSTMs .tflite and .onnx say in other words, with other rounding.
TAKEN_APART = {"pilotnet_x3"}


def program_names(build):
    """The networks that the program says it has."""
    text = subprocess.run([build / "slimpilot", "train", "--help"], capture_output=True, text=True, check=True).stdout
    return re.search(r"NETWORK REQUIRED\s+(.*), or a float32", text).group(1).split(", ")


def layers(build, model):
    """(op, numbers in weights, MMAC) of each layer with weights."""
    text = subprocess.run([build / "slimpilot", "info", model], capture_output=True, text=True, check=True).stdout
    table = text.split("\n\n")[1].splitlines()[1:]
    rows = [line.split() for line in table]
    return [(row[1], row[5], row[4]) for row in rows if row[5] != "0"]


class Case:
    """One network on its way."""

    def __init__(self, results, runner, name, frame_count):
        self.results, self.runner, self.name = results, runner, name
        self.folder = runner.folder / name
        self.folder.mkdir()
        self.recording = self.folder / "recording"
        paths = pictures.make_synthetic_recording(self.recording, RECORDED)
        self.model, frames = twins.trained(keras2, name, self.recording, paths)
        self.frames = np.ascontiguousarray(frames[:: max(1, len(frames) // frame_count)][:frame_count])
        self.cells = {}

    def cell(self, technique, runtime, text):
        self.cells[technique, runtime] = text

    def check_import(self):
        """Every file that Keras 2 and 3 make of the network; the last is that of Keras 2 with which all goes on."""
        expected_layers = layers(self.runner.build, f"random:{self.name}")
        largest = 0
        newer = twins.copied(keras3, self.model, self.name)
        for keras, model, ending in ((keras3, newer, "keras"), (keras3, newer, "h5"), (keras2, self.model, "keras"), (keras2, self.model, "h5")):
            path = self.folder / f"{self.name}_keras{keras.__version__[0]}.{ending}"
            model.save(path)
            same = sorted(layers(self.runner.build, path)) == sorted(expected_layers)  # Keras orders branches by their depth
            self.results.add(self.name, f"{path.name}: layers", same, f"{len(expected_layers)} with weights")
            theirs = twins.rows(model.predict(self.frames, batch_size=1, verbose=0))
            ours = self.runner.run(path, self.frames).view(np.float32)
            error = np.abs(ours - theirs).max() / max(1, np.abs(theirs).max())
            spread = " and ".join(f"{low:.3f} to {high:.3f}" for low, high in zip(theirs.min(0), theirs.max(0)))
            detail = f"largest difference {error:.2e}, outputs {spread}"
            self.results.add(self.name, f"{path.name}: as Keras {keras.__version__}", error <= IMPORT_TOLERANCE, detail)
            vary = np.ptp(theirs, 0).min()
            self.results.add(self.name, f"{path.name}: outputs depend on the image", vary >= LEAST_VARIATION, f"{vary:.1e} or more")
            largest = max(largest, error)
        self.cell("", "import", f"{largest:.1e}")
        return path

    def refused(self, technique, runtime, message):
        self.results.add(f"{self.name}/{technique}", runtime, False, f"refused: {message}")
        self.cell(technique, runtime, "refused")

    def sqnr(self, technique, runtime, theirs, ours):
        db = sqnr_db(theirs, ours)
        self.results.add(f"{self.name}/{technique}", f"SQNR against {runtime}", db >= LEAST_SQNR_DB, f"{db:.1f} dB")
        self.cell(technique, runtime, f"{db:.1f} dB")

    def check_litert(self, technique, model):
        integer = technique in parity.INTEGER
        interpreter, refusal = parity.open_or_refusal(model, "reference" if integer else "delegate")
        if interpreter is None:
            return self.refused(technique, "LiteRT", refusal)
        inputs = parity.model_inputs(interpreter, self.frames)
        if integer:
            good = parity.check_bits(self.results, self.runner, f"{self.name}/{technique}", model, inputs)
            self.cell(technique, "LiteRT", "bits" if good else "other bits")
        else:
            inputs = inputs[: len(self.frames)]
            theirs = parity.litert_bytes(interpreter, inputs).view(np.float32)
            self.sqnr(technique, "LiteRT", theirs, self.runner.run(model, inputs).view(np.float32))

    def check_onnx(self, technique, model):
        path = model.with_suffix(".onnx")
        refusal = self.runner.refusal(model, path)
        for runtime in onnx_runtimes.RUNTIMES if refusal else ():
            self.refused(technique, runtime, refusal)
        if refusal:
            return
        frames = onnx_runtimes.in_input_type(path, self.frames)
        ours = self.check_written(technique, model, path, frames)
        for runtime, run in onnx_runtimes.RUNTIMES.items():
            try:
                theirs = run(path, onnx_runtimes.file_order(path, frames))
            except Exception as error:  # each has its own kinds
                self.refused(technique, runtime, " ".join(str(error).split()))
                continue
            reals = [onnx_runtimes.as_reals(path, one) for one in (theirs, ours.view(theirs.dtype))]
            self.sqnr(technique, runtime, *reals)

    def check_written(self, technique, model, path, frames):
        """Another file that was made of the model, both run by slimpilot. Returns the model's results."""
        ours, again = self.runner.run(model, frames), self.runner.run(path, frames)
        name, check, same = f"{self.name}/{technique}", f"as {path.suffix}", np.array_equal(ours, again)
        if same or self.name not in TAKEN_APART:
            self.results.add(name, check, same, "same bits" if same else "other bits")
        else:
            db = sqnr_db(ours.view(frames.dtype), again.view(frames.dtype))  # both ends are of one type
            self.results.add(name, check, db >= LEAST_SQNR_DB, f"{db:.1f} dB")
        return ours

    def check_techniques(self, source):
        out = self.folder / "optimized"
        options = twins.options(twins.TWINS[self.name], self.model.input_shape[1:])
        self.runner.optimize(source, self.recording, out, [*options, "--calibration-frames", str(CALIBRATION)])
        for technique in TECHNIQUES:
            model = out / f"{technique}.tflite"
            if model.exists():
                self.check_litert(technique, model)
                self.check_onnx(technique, model)
            else:
                self.check_slim(technique, out / f"{technique}.slim")

    def check_slim(self, technique, model):
        """A network that only .slim holds as it is: `convert` takes it apart for .tflite."""
        path = model.with_suffix(".tflite")
        refusal = self.runner.refusal(model, path)
        if refusal:
            self.refused(technique, "LiteRT", refusal)
        else:
            frames = parity.model_inputs(litert_run.open_model(path, "reference"), self.frames)
            self.check_written(technique, model, path, frames)
            self.check_litert(technique, path)
        self.check_onnx(technique, model)


def print_table(cases):
    head = ["network", "import", "technique", "LiteRT", *onnx_runtimes.RUNTIMES]
    lines = [[case.name, case.cells["", "import"], technique, *(case.cells.get((technique, r), "") for r in head[3:])]
             for case in cases for technique in TECHNIQUES]  # fmt: skip
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    for line in [head, *lines]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def check_all(results, runner, arguments):
    names, cases = program_names(runner.build), []
    results.add("twins", "each network has one", sorted(names) == sorted(twins.TWINS), ", ".join(names))
    for name in names:
        if arguments.only in name and name in twins.TWINS:
            case = Case(results, runner, name, arguments.frames)
            case.check_techniques(case.check_import())
            cases.append(case)
    print_table(cases)


if __name__ == "__main__":
    run_checks(check_all, frames=6, only="")
