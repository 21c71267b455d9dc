# SPDX-License-Identifier: Apache-2.0
"""What the parity checks share: their arguments and results, and slimpilot's side."""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

TECHNIQUES = ("float32", "float16", "dynamic_range", "int4", "int8_float_fallback", "int8_only", "int16x8")
LEAST_SQNR_DB = 35


def sqnr_db(wanted, got):
    wanted, got = wanted.astype(np.float64), got.astype(np.float64)
    noise = np.square(wanted - got).sum()
    return 10 * np.log10(np.square(wanted).sum() / noise) if noise else float("inf")


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, model, check, good, detail):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {model}: {check}: {detail}", flush=True)
        return bool(good)

    def note(self, model, text):
        print(f"     {model}: {text}", flush=True)


class Runner:
    """slimpilot's side."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder

    def isas(self):
        """The levels that this CPU has; unset is the highest."""
        flags = pathlib.Path("/proc/cpuinfo").read_text() if pathlib.Path("/proc/cpuinfo").exists() else ""
        return ["", "reference"] + (["avx2"] if " avx2 " in flags else [])

    def run(self, model, inputs, isa=""):
        """The bytes of all outputs, one row per frame."""
        source, target = self.folder / "inputs.raw", self.folder / "outputs.raw"
        inputs.tofile(source)
        environment = {k: v for k, v in os.environ.items() if k != "SLIMPILOT_ISA"} | ({"SLIMPILOT_ISA": isa} if isa else {})
        subprocess.run([self.build / "tests/run_model", model, source, target], check=True, env=environment)
        return np.fromfile(target, np.uint8).reshape(len(inputs), -1)

    def optimize(self, model, recording, out, options):
        command = [self.build / "slimpilot", "optimize", model, "--data", recording, "--out", out, *options]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")

    def refusal(self, source, target):
        """Converts a model; what slimpilot says if it cannot, else nothing."""
        done = subprocess.run([self.build / "slimpilot", "convert", source, target], capture_output=True, text=True)
        return "" if done.returncode == 0 else " ".join((done.stdout + done.stderr).split())

    def convert(self, source, target):
        refusal = self.refusal(source, target)
        if refusal:
            sys.exit(f"convert {source} {target}\n{refusal}")


def run_checks(check_all, **options):
    """What a script does: reads --build and its own options, given with their defaults, calls check_all(results, runner, arguments)
    with a folder that goes away, and exits with 1 if a check failed.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    arguments = parser.parse_args()
    results = Results()
    with tempfile.TemporaryDirectory() as folder:
        check_all(results, Runner(arguments.build.resolve(), pathlib.Path(folder)), arguments)
    print(f"{results.passed} passed, {results.failed} failed")
    sys.exit(results.failed != 0)
