# SPDX-License-Identifier: Apache-2.0
"""Compares slimpilot with ONNX Runtime, LiteRT, OpenVINO, ncnn, PyTorch and oneDNN: batch 1, the same networks, weights, frames
and cores, in turns. Started by scripts/compare_peers; writes peers.json and peers.txt. Without --models the weights are random:
then the times say how fast the arithmetic is, not what pruned or dead channels of trained networks are worth.
"""
import argparse
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

import candidates
import machine
import peers_table
import recording
import runtime_litert
import runtimes

NETWORKS = ("pilotnet", "pilotnet_same", "deepest_lstm_tiny_pilotnet")
TYPES = {"float32": "f32", "int8_float_fallback": "int8, f32 in and out", "int8_only": "int8"}
FLOAT_TOLERANCE, INTEGER_TOLERANCE = 1e-4, 0.3  # as shares of the largest output
WARMUP_RUNS = 5  # of every turn: the others' weights have taken the caches
PAUSE_S = 0.02  # after a turn of several threads: they wait actively for a while, and would take the next one's core
FRAMES = 60  # that are timed, evenly from the recordings
PACKAGES = ("onnxruntime", "ai-edge-litert", "openvino", "nncf", "ncnn", "torch", "onnx", "numpy")


def take_turns(competitors, frames, turns, runs):
    """Nanoseconds by runtime, and those of empty runs; every turn has its own random order of frames, the same for all."""
    pause_s = PAUSE_S if any(runtime.threads > 1 for runtime in competitors.values()) else 0
    generator = np.random.default_rng(1)
    times, empty = {name: [] for name in competitors}, {name: [] for name in competitors}
    for turn in range(turns):
        order = generator.integers(0, frames, runs + WARMUP_RUNS).tolist()
        names = list(competitors)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            time.sleep(pause_s)
            times[name] += competitors[name].run(order)[WARMUP_RUNS:]
            empty[name] += competitors[name].run_empty(order)[WARMUP_RUNS:]
    return times, empty


def type_of(technique, runtime):
    return "bf16" if runtime.endswith("bf16") else TYPES[technique]


def largest_difference(runtime, expected):
    """From the reference's outputs, as a share of the largest of those."""
    found = np.array([runtime.outputs(i) for i in range(len(expected))])
    return float(np.abs(found - expected).max() / np.abs(expected).max())


class Comparison:
    """One network: its models, frames, and the reference that all outputs are compared with."""

    def __init__(self, network, options):
        self.network, self.options, self.folder = network, options, options.out / network
        model = options.models / f"{network}.tflite" if options.models else f"random:{network}"
        command = [options.build / "slimpilot", "optimize", model, "--data", *options.data, "--out", self.folder]
        command += ["--techniques", ",".join(TYPES), *options.frames]
        ran = subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if ran.returncode:
            sys.exit(ran.stderr)
        self.reference = self.start_own("float32")
        frames = self.reference.frames
        shape = runtime_litert.input_shape(self.folder / "float32.tflite")
        self.inputs = np.fromfile(self.folder / "float32.inputs", np.float32).reshape(frames, *shape)
        self.expected = np.array([self.reference.outputs(i) for i in range(frames)])
        self.candidates = candidates.Candidates(self.folder, self.inputs, options)
        self.chosen = {}  # the setting by the first command that a runtime may choose

    def start(self, command, threads=1):
        return runtimes.Server(command, threads, runtimes.environment(threads, self.options.isa))

    def start_own(self, technique, threads=1):
        server, model = self.options.build / "timing_server", self.folder / f"{technique}.tflite"
        return self.start([server, model, threads, model.with_suffix(".inputs"), FRAMES, *self.options.data], threads)

    def checked(self, command, threads, tolerance):
        """A running server of this command and how far its outputs are off; a comparison of different networks says nothing."""
        runtime = self.start(command, threads)
        difference = largest_difference(runtime, self.expected)
        if not difference <= tolerance:
            runtime.close()
            raise runtimes.Unavailable(f"its outputs differ by {difference:.2g} of the largest")
        return runtime, difference

    def fastest(self, choices, threads, tolerance):
        """The runtime with the best setting, taking turns: (runtime, {settings, tried, max_difference}). The setting that has
        won with one number of threads is taken for the others."""
        if isinstance(choices, str):
            raise runtimes.Unavailable(choices)
        name = candidates.key(choices)
        if name in self.chosen:
            facts = self.chosen[name]
            runtime, difference = self.checked(choices[facts["settings"]], threads, tolerance)
            return runtime, facts | {"max_difference": difference}
        running, differences, tried = {}, {}, {}
        for setting, command in choices.items():
            try:
                running[setting], differences[setting] = self.checked(command, threads, tolerance)
            except runtimes.Unavailable as reason:
                tried[setting] = str(reason)
        if not running:
            raise runtimes.Unavailable("; ".join(dict.fromkeys(tried.values())))
        turns, runs = self.options.choosing if len(running) > 1 else (0, 0)
        times, _ = take_turns(running, len(self.inputs), turns, runs)
        medians = {setting: float(np.median(t)) / 1000 if t else 0.0 for setting, t in times.items()}
        best = min(medians, key=medians.get)
        for setting, runtime in running.items():
            if setting != best:
                runtime.close()
        self.chosen[name] = {"settings": best, "tried": tried | (medians if turns else {})}
        return running[best], self.chosen[name] | {"max_difference": differences[best]}

    def start_all(self, technique, threads):
        """Competitors and facts by runtime; reasons of those that are missing."""
        own = self.start_own(technique, threads)
        difference = largest_difference(own, self.expected)
        integer_tolerance = max(INTEGER_TOLERANCE, 2 * difference)
        if not difference <= (FLOAT_TOLERANCE if technique == "float32" else INTEGER_TOLERANCE):
            sys.exit(f"{self.network} {TYPES[technique]}: slimpilot's outputs differ by {difference:.2g} of the largest")
        competitors, facts, missing = {"slimpilot": own}, {"slimpilot": {"max_difference": difference}}, {}
        for name, choices in self.candidates.choices(technique, self.options.isa).items():
            is_exact = type_of(technique, name) == "f32"
            tolerance = FLOAT_TOLERANCE if is_exact else integer_tolerance
            try:
                competitors[name], facts[name] = self.fastest(choices, threads, tolerance)
            except runtimes.Unavailable as reason:
                missing[name] = str(reason)
        return competitors, facts, missing

    def rows(self, technique, threads):
        """The rows of one type and number of threads."""
        os.sched_setaffinity(0, self.options.cores[:threads])  # and so the processes
        competitors, facts, missing = self.start_all(technique, threads)
        times, empty = take_turns(competitors, len(self.inputs), self.options.turns, self.options.runs)
        own_us = float(np.median(times["slimpilot"])) / 1000
        share = runtime_litert.nonzero_share_before_dense(self.folder / f"{technique}.tflite", self.inputs)
        common = {"network": self.network, "threads": threads, "nonzero_share": share}
        rows = []
        for name, nanoseconds in times.items():
            median, p99 = (float(q) / 1000 for q in np.quantile(nanoseconds, [0.5, 0.99]))
            net = median - float(np.median(empty[name])) / 1000
            rows.append(common | {
                "type": type_of(technique, name), "runtime": name, "median_us": median, "p99_us": p99, "runs": len(nanoseconds),
                "median_without_overhead_us": net, "ratio": net / own_us, "isa": competitors[name].isa, **facts[name],
            })  # fmt: skip
            competitors[name].close()
        for name, reason in missing.items():
            rows.append(common | {"type": type_of(technique, name), "runtime": name, "missing": reason})
        print(f"{self.network} {TYPES[technique]}, threads {threads}: done", file=sys.stderr)
        return rows

    def all_rows(self):
        rows = [row for threads in self.options.threads for technique in TYPES for row in self.rows(technique, threads)]
        self.reference.close()
        return rows


def numbers(text):
    return [int(word) for word in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser(description="slimpilot beside the runtimes that others use")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="folder with slimpilot and the timing servers")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for models and results")
    parser.add_argument("--models", type=pathlib.Path, help="folder with trained NETWORK.tflite; random weights without it")
    parser.add_argument("--data", type=pathlib.Path, nargs="+", help="Formula 1 recordings; made-up frames without")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--peers", nargs="+", choices=candidates.PEERS, default=list(candidates.PEERS))
    parser.add_argument("--threads", type=numbers, default=[1], help="of every runtime, as 1,2")
    parser.add_argument("--cores", type=numbers, help="that all run on, as 1,0; the last ones without it")
    parser.add_argument("--isa", choices=("best", "avx2"), default="best", help="limits those that can be limited")
    parser.add_argument("--torch-compile", action="store_true", help="try torch.compile, too, which compiles C++ for minutes")
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--runs", type=int, default=25, help="timed runs of every turn")
    options = parser.parse_args()
    allowed = sorted(os.sched_getaffinity(0), reverse=True)
    options.cores = options.cores or allowed[: max(options.threads)]
    if not set(options.cores) <= set(allowed) or len(options.cores) < max(options.threads) or min(options.threads) < 1:
        parser.error(f"--threads needs as many of the cores {allowed}")
    options.choosing = min(6, options.turns), min(20, options.runs)
    return options


def prepare_data(options):
    """--data, and of many frames a hundred that evaluate, so that the others calibrate."""
    options.weights = "trained weights" if options.models else "random weights"
    options.pictures = "recorded frames" if options.data else "made-up frames"
    if not options.data:
        options.data = [options.out / "recording"]
        recording.write_recording(options.data[0])
    rows = sum(len((folder / "data.csv").read_text().splitlines()) - 1 for folder in options.data)
    options.frames = ["--frames", f"0::{rows // 100}"] if rows >= 200 else []


def main():
    options = parse_arguments()
    prepare_data(options)
    rows = [row for network in options.networks for row in Comparison(network, options).all_rows()]
    versions = {name: importlib.metadata.version(name) for name in PACKAGES} | machine.debian_version("libdnnl-dev", "oneDNN")
    settings = {name: getattr(options, name) for name in ("threads", "cores", "isa", "peers", "turns", "runs", "weights", "pictures")}
    limits = peers_table.limits(rows) if options.isa == "best" and 1 in options.threads else []
    result = {"cpu": machine.cpu(), "versions": versions, "settings": settings, "batch": 1, "rows": rows,
              "fastest_peers": peers_table.fastest_peers(rows), "limits": limits, "passed": all(x["passed"] for x in limits)}
    text = peers_table.text(result)
    (options.out / "peers.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "peers.txt").write_text(text + "\n")
    print(text)
    sys.exit(0 if result["passed"] else 1)


if __name__ == "__main__":
    main()
