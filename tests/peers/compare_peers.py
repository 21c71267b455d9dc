# SPDX-License-Identifier: Apache-2.0
"""Compares slimpilot with ONNX Runtime and LiteRT: one thread, batch 1, the same networks and frames, in turns. Started by
scripts/compare_peers; writes peers.json and peers.txt. Random weights: the times say how fast the arithmetic is, not how
well the networks drive.
"""
import argparse
import importlib.metadata
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx

import machine
import tflite_to_onnx
import recording
import runtimes

NETWORKS = ("pilotnet", "pilotnet_same", "deepest_lstm_tiny_pilotnet")
TYPES = {"float32": "f32", "int8_float_fallback": "int8, f32 in and out", "int8_only": "int8"}
DEEPEST_LIMIT_US = 150
FLOAT_TOLERANCE, INTEGER_TOLERANCE = 1e-4, 0.3  # as shares of the largest output
WARMUP_RUNS = 5  # of every turn: the others' weights have taken the caches
PACKAGES = ("onnxruntime", "onnx", "ai-edge-litert", "numpy")


def fastest(candidates, turns=6, runs=20):
    """The name and runtime of the fastest candidate by median, taking turns."""
    times = {name: [] for name in candidates}
    order = [i % len(next(iter(candidates.values())).frames) for i in range(runs)]
    for _ in range(turns):
        for name, runtime in candidates.items():
            times[name] += runtime.run(order)[WARMUP_RUNS:]
    medians = {name: float(np.median(t)) / 1000 for name, t in times.items()}
    best = min(medians, key=medians.get)
    return best, candidates[best], medians


def float_candidates(tflite, nchw, folder):
    candidates = {}
    for trans_b in (True, False):
        model = tflite_to_onnx.OnnxBuilder(tflite, trans_b=trans_b).build()
        path = folder / f"float32_transB{int(trans_b)}.onnx"
        onnx.save(model, path)
        candidates[f"Gemm transB={int(trans_b)}"] = runtimes.OnnxRuntime(str(path), nchw)
    return candidates


def integer_candidates(tflite, nchw, folder):
    """Two sets by name: models with float inputs and outputs, and the same with integer ones."""
    with_floats, integers_only = {}, {}
    for transposed in (False, True):
        plain = folder / f"to_quantize{int(transposed)}.onnx"
        onnx.save(tflite_to_onnx.OnnxBuilder(tflite, transposed).build(), plain)
        for activations, weights in (("u8", "s8"), ("s8", "s8"), ("u8", "u8")):
            name = f"{activations}{weights}{', transposed before flatten' if transposed else ''}"
            path = folder / f"int8_{activations}{weights}_{int(transposed)}.onnx"
            tflite_to_onnx.quantize(plain, path, nchw[:, 0], activations, weights)
            with_floats[name] = runtimes.OnnxRuntime(str(path), nchw)
            model, source, target = tflite_to_onnx.integers_in_and_out(onnx.load(path))
            frames = runtimes.quantized(nchw, np.uint8 if activations == "u8" else np.int8, *source)
            integers_only[name] = runtimes.OnnxRuntime(model.SerializeToString(), frames, target)
    return with_floats, integers_only


def take_turns(competitors, frames, options):
    """Nanoseconds by runtime; every turn has its own random order of frames, the same for all."""
    generator = np.random.default_rng(1)
    times = {name: [] for name in competitors}
    for turn in range(options.turns):
        order = generator.integers(0, frames, options.runs + WARMUP_RUNS).tolist()
        names = list(competitors)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            times[name] += competitors[name].run(order)[WARMUP_RUNS:]
    return times


def relative_differences(reference, competitors, frames):
    """By name, the largest difference from the reference's outputs as a share of the largest of those."""
    expected = np.array([reference.outputs(i) for i in range(frames)])
    scale = float(np.abs(expected).max())
    found = {name: np.array([c.outputs(i) for i in range(frames)]) for name, c in competitors.items()}
    return {name: float(np.abs(outputs - expected).max()) / scale for name, outputs in found.items()}


def check_same_network(what, technique, differences):
    """A comparison of different networks would say nothing."""
    limit = FLOAT_TOLERANCE if technique == "float32" else max(INTEGER_TOLERANCE, 2 * differences["slimpilot"])
    for name, difference in differences.items():
        if not difference <= limit:
            sys.exit(f"{what}: {name}'s outputs differ by {difference:.2g} of the largest; the models are not the same")


def compare_type(context, technique, peer, overhead):
    """The rows of one network and type."""
    network, frames, options = context["network"], len(context["inputs"]), context["options"]
    model = context["folder"] / f"{technique}.tflite"
    settings, onnx_runtime, tried = fastest(peer)
    own = context["start"](model)
    competitors = {"slimpilot": own, "ONNX Runtime": onnx_runtime, "LiteRT XNNPACK": runtimes.LiteRt(model, context["inputs"])}
    differences = relative_differences(context["reference"], competitors, frames)
    check_same_network(f"{network} {TYPES[technique]}", technique, differences)
    times = take_turns(competitors | {"overhead": overhead}, frames, options)
    own.close()
    nothing_us = float(np.median(times.pop("overhead"))) / 1000
    own_us = float(np.median(times["slimpilot"])) / 1000
    share = runtimes.nonzero_share_before_dense(model, context["inputs"])
    rows = []
    for name, nanoseconds in times.items():
        median, p99 = (float(q) / 1000 for q in np.quantile(nanoseconds, [0.5, 0.99]))
        net = median - nothing_us if name == "ONNX Runtime" else median
        rows.append({
            "network": network, "type": TYPES[technique], "runtime": name, "median_us": median, "p99_us": p99,
            "median_without_overhead_us": net, "ratio": net / own_us, "max_difference": differences[name],
            "nonzero_share": share, "isa": own.isa if name == "slimpilot" else None, "runs": len(nanoseconds),
            "settings": settings if name == "ONNX Runtime" else None,
            "tried_us": tried if name == "ONNX Runtime" else None,
        })  # fmt: skip
    return rows


def compare_network(network, options):
    folder = options.out / network
    data = options.out / "recording"
    command = [options.build / "slimpilot", "optimize", f"random:{network}", "--data", data, "--out", folder]
    subprocess.run([*command, "--techniques", ",".join(TYPES)], check=True, stdout=subprocess.DEVNULL)

    def start(model):
        return runtimes.Slimpilot(options.build / "timing_server", model, data, folder / f"{model.stem}.inputs")

    reference = start(folder / "float32.tflite")
    tflite = (folder / "float32.tflite").read_bytes()
    shape = runtimes.LiteRt(folder / "float32.tflite", np.zeros(1)).interpreter.get_input_details()[0]["shape"]
    inputs = np.fromfile(folder / "float32.inputs", np.float32).reshape(-1, *shape)
    nchw = np.ascontiguousarray(inputs.transpose(0, 1, 4, 2, 3))
    peers = dict(zip(TYPES, (float_candidates(tflite, nchw, folder), *integer_candidates(tflite, nchw, folder))))
    context = {"network": network, "folder": folder, "inputs": inputs, "reference": reference, "start": start, "options": options}
    overhead = runtimes.empty_onnx_runtime(len(inputs))
    rows = []
    for technique, peer in peers.items():
        rows += compare_type(context, technique, peer, overhead)
        print(f"{network} {TYPES[technique]}: done", file=sys.stderr)
    reference.close()
    return rows


def table(rows):
    head = ["network", "type", "runtime", "median µs", "p99 µs", "net µs", "peer/slimpilot", "max diff", "non-zero"]
    cells = [head]
    for row in rows:
        cells.append([
            row["network"], row["type"], row["runtime"], f"{row['median_us']:.1f}", f"{row['p99_us']:.1f}",
            f"{row['median_without_overhead_us']:.1f}", f"{row['ratio']:.2f}", f"{row['max_difference']:.2g}",
            f"{100 * row['nonzero_share']:.0f} %",
        ])  # fmt: skip
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    aligned = [
        [text.ljust(width) if column < 3 else text.rjust(width) for column, (text, width) in enumerate(zip(line, widths))]
        for line in cells
    ]
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def broken_promises(rows):
    broken = []
    for row in rows:
        what = f"{row['network']} {row['type']}"
        if row["network"].startswith("pilotnet") and row["runtime"] == "ONNX Runtime" and row["ratio"] < 1:
            broken.append(f"{what} takes {1 / row['ratio']:.2f}× ONNX Runtime's time")
        deepest = row["network"].startswith("deepest") and row["type"] == "f32" and row["runtime"] == "slimpilot"
        if deepest and row["median_us"] >= DEEPEST_LIMIT_US:
            broken.append(f"{what} takes {row['median_us']:.0f} µs")
    return broken


def explanation(rows, processor, versions):
    isa = next(row["isa"] for row in rows if row["isa"])
    own = [f"{row['network']} {row['type']}: {row['settings']}" for row in rows if row["settings"]]
    return "\n".join([
        f"{processor['model']}; {' '.join(processor['flags'])}",
        f"1 thread, batch 1, {rows[0]['runs']} runs each in turns, slimpilot with {isa}; "
        + ", ".join(f"{name} {version}" for name, version in versions.items()),
        "net µs: ONNX Runtime less what a run of an empty model costs through the same Python binding; the ratios use it.",
        "max diff: from slimpilot's float32 outputs, as a share of the largest of them.",
        "non-zero: activations that enter the first dense layer.",
        "Random weights, made-up frames. The fastest ONNX model of those tried (the JSON file has all times):",
        *(f"  {line}" for line in own),
    ])  # fmt: skip


def parse_arguments():
    parser = argparse.ArgumentParser(description="slimpilot beside ONNX Runtime and LiteRT")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="folder with slimpilot and timing_server")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for models and results")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--runs", type=int, default=25, help="timed runs of every turn")
    return parser.parse_args()


def main():
    options = parse_arguments()
    recording.write_recording(options.out / "recording")
    rows = [row for network in options.networks for row in compare_network(network, options)]
    processor, versions = machine.cpu(), {name: importlib.metadata.version(name) for name in PACKAGES}
    broken = broken_promises(rows)
    promise = "not slower than ONNX Runtime on pilotnet and pilotnet_same in f32 and int8; DeepestLSTM f32 under .15 ms"
    verdict = f"{'FAIL' if broken else 'PASS'}: {promise}" + "".join(f"; {reason}" for reason in broken)
    text = "\n\n".join([table(rows), explanation(rows, processor, versions), verdict])
    result = {"cpu": processor, "versions": versions, "threads": 1, "batch": 1, "rows": rows, "passed": not broken, "broken": broken}
    (options.out / "peers.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "peers.txt").write_text(text + "\n")
    print(text)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
