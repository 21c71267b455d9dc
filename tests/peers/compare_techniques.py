# SPDX-License-Identifier: Apache-2.0
"""Quantization and pruning of a trained pilotnet here and in PyTorch, from the same float weights, with the same frames,
epochs and learning rates: the MSE of every common technique over some seeds, and the speed of fine-tuning. Started
by scripts/compare_techniques; writes techniques.json and techniques.txt. Fails when one of our means is worse."""
import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import torch

import machine
import tflite_weights
import torch_techniques
import train_reference

# Ours, and what the field has for it.
PAIRS = {
    "float32": "float", "dynamic_range": "dynamic", "int8_float_fallback": "static", "int8_only": "static", "qat": "qat",
    "prune_local": "prune_local", "prune_global": "prune_global", "prune_qat": "prune_qat",
}  # fmt: skip
EFFORTS = {"quick": (2000, 1), "full": (14000, 1000)}  # frames per epoch and epochs at most, as in src/cli/tuning.cpp
FLOAT_TOLERANCE = 1e-3
CALIBRATION_FRAMES = 100
HEIGHT, WIDTH = 66, 200


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="slimpilot")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the results")
    parser.add_argument("--model", type=pathlib.Path, required=True, help="a trained pilotnet, .tflite")
    parser.add_argument("--data", type=pathlib.Path, nargs="+", required=True, help="Formula 1 recordings that evaluate")
    parser.add_argument("--training-data", type=pathlib.Path, nargs="+", required=True, help="those that fine-tune")
    parser.add_argument("--frames", default="0::4", help="FIRST:LAST:STEP of each recording in --data; others calibrate")
    parser.add_argument("--seeds", type=int, default=3, help="how many runs")
    parser.add_argument("--effort", choices=EFFORTS, default="full")
    parser.add_argument("--epoch-frames", type=int, default=6000, help="training frames, evenly from all; an epoch shows them")
    parser.add_argument("--techniques", nargs="+", choices=list(PAIRS), default=list(PAIRS))
    parser.add_argument("--backend", default="x86", help="PyTorch's quantized engine")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of both")
    options = parser.parse_args()
    if ":" not in options.frames or options.seeds < 1 or options.epoch_frames < 1:
        parser.error("--frames is FIRST:LAST:STEP, and --seeds and --epoch-frames are at least 1")
    if "float32" not in options.techniques:
        options.techniques = ["float32", *options.techniques]
    return options


def thin_out(folders, frames, target):
    """Recordings with at least `frames` training frames in all, evenly from those given, as links: what both sides learn
    from. A tenth more, because that part validates."""
    counts = [len(train_reference.read_labels(folder)[0]) for folder in folders]
    step = max(1.0, sum(counts) / (frames / 0.9))
    thinned = []
    for number, (folder, count) in enumerate(zip(folders, counts)):
        thinned.append(target / f"{number}_{folder.name}")
        thinned[-1].mkdir()
        header, *rows = (folder / "data.csv").read_text().splitlines()
        kept = [rows[int(i * step)] for i in range(int((count - 1) / step) + 1)]
        for i, row in enumerate(kept):
            name, rest = row.split(",", 1)
            (thinned[-1] / f"{i}.png").symlink_to((folder / name).resolve())
            kept[i] = f"{i}.png,{rest}"
        (thinned[-1] / "data.csv").write_text("\n".join([header, *kept]) + "\n")
    return thinned


def read_frames(paths, labels, threads):
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        pictures = pool.map(lambda path: train_reference.read_picture(path, HEIGHT, WIDTH), paths)
        return torch_techniques.Frames(torch.from_numpy(np.stack(list(pictures))), torch.from_numpy(np.float32(labels)))


def read_selected(options):
    """The evaluated frames, and the paths and labels of the others."""
    chosen = slice(*(int(part) if part else None for part in options.frames.split(":")))
    evaluated, others = ([], []), ([], [])
    for folder in options.data:
        paths, labels = train_reference.read_labels(folder)
        is_chosen = np.zeros(len(paths), bool)
        is_chosen[chosen] = True
        for path, label, evaluates in zip(paths, labels, is_chosen):
            target = evaluated if evaluates else others
            target[0].append(path), target[1].append(label)
    if not others[0]:
        sys.exit("--frames leaves no frames to calibrate with")
    return read_frames(*evaluated, options.threads), others


def read_training(folders, threads):
    """The last tenth of each recording validates."""
    parts = ([], []), ([], [])
    for folder in folders:
        paths, labels = train_reference.read_labels(folder)
        border = len(paths) - len(paths) // 10
        for target, part in zip(parts, (slice(None, border), slice(border, None))):
            target[0].extend(paths[part]), target[1].extend(labels[part])
    return [read_frames(*part, threads) for part in parts]


def epoch_speeds(log):
    """Images/s of all epochs by what was trained, from what `optimize` says: recipes, then the epochs of their training steps.
    The first steps of a recipe are missing where another recipe has done them."""
    found = {"float": [], "qat": []}
    for recipe in re.split(r"^(?=\w+: .*\btune\b)", log, flags=re.MULTILINE)[1:]:
        steps = recipe.splitlines()[0].split(" | ")
        kinds = ["qat" if any("quantize" in s for s in steps[:i]) else "float" for i, s in enumerate(steps) if "tune" in s]
        epochs = re.findall(r"^epoch (\d+): .* (\d+) images/s", recipe, flags=re.MULTILINE)
        kind = len(kinds) - sum(number == "1" for number, _ in epochs) - 1
        for number, speed in epochs:
            kind += number == "1"
            found[kinds[kind]].append(float(speed))
    return found


def run_ours(options, training, seed, folder):
    """results.json's techniques by name, images/s of every epoch, the float weights."""
    command = [options.program, "optimize", options.model, "--techniques", ",".join(options.techniques)]
    command += ["--data", *options.data, "--frames", options.frames, "--training-data", *training]
    command += ["--effort", options.effort, "--seed", seed, "--threads", options.threads]
    command += ["--calibration-frames", CALIBRATION_FRAMES, "--out", folder]
    ran = subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if ran.returncode:
        sys.exit(ran.stderr)
    results = json.loads((folder / "results.json").read_text())
    techniques = {result["technique"]: result for result in results["techniques"]}
    return techniques, epoch_speeds(ran.stderr), tflite_weights.float_weights(folder / "float32.tflite")


def run_seed(options, training, frames, seed):
    """One run of both: {"slimpilot" | "pytorch": {"techniques": by name, "images_per_s": by kind}}."""
    with tempfile.TemporaryDirectory() as folder:
        ours, speeds, weights = run_ours(options, training, seed, pathlib.Path(folder))
    torch.manual_seed(seed)
    evaluation, (paths, labels) = frames["evaluation"], frames["others"]
    chosen = np.random.default_rng(seed).permutation(len(paths))[:CALIBRATION_FRAMES]
    calibration = read_frames([paths[i] for i in chosen], [labels[i] for i in chosen], options.threads)
    task = torch_techniques.Task(torch_techniques.pilotnet(weights), *frames["training"], calibration, *EFFORTS[options.effort],
                                 options.backend)
    check_same_network(ours["float32"]["mse"], torch_techniques.mean_squared_error(task.network, evaluation))
    theirs = torch_techniques.run(dict.fromkeys(PAIRS[name] for name in options.techniques), task, evaluation)
    own = {name: {key: ours[name][key] for key in ("status", "mse", "sqnr_db")} for name in options.techniques}
    return {"slimpilot": {"techniques": own, "images_per_s": speeds},
            "pytorch": {"techniques": theirs, "images_per_s": task.images_per_s}}


def check_same_network(ours, theirs):
    """A comparison of different networks, frames or labels would say nothing."""
    if not abs(theirs - ours) <= FLOAT_TOLERANCE * ours:
        sys.exit(f"the float network's MSE is {ours:.7f} in slimpilot and {theirs:.7f} in PyTorch; they are not the same")


def summary(side, name, runs):
    """SQNR only of what did not train: who learns leaves the float network's outputs on purpose."""
    values = [run[side]["techniques"][name]["mse"] for run in runs]
    decibels = [run[side]["techniques"][name]["sqnr_db"] for run in runs]
    trained = name.startswith(("qat", "prune"))
    return {"mse": statistics.mean(values), "deviation": statistics.stdev(values) if len(values) > 1 else 0.0,
            "sqnr_db": None if trained or None in decibels else statistics.mean(decibels)}


def compare(options, runs):
    """Means that differ by no more than the float networks' do are the same; by at most two standard errors, it is noise."""
    rows = []
    for name in options.techniques:
        own, other = summary("slimpilot", name, runs), summary("pytorch", PAIRS[name], runs)
        noise = 2 * math.sqrt((own["deviation"] ** 2 + other["deviation"] ** 2) / len(runs))
        difference = own["mse"] - other["mse"]
        verdict = "WORSE" if difference > 0 else "better"
        if abs(difference) <= noise:
            verdict = "noise"
        if abs(difference) <= FLOAT_TOLERANCE * other["mse"]:
            verdict = "same"
        rows.append({"technique": name, "pytorch_technique": PAIRS[name], "slimpilot": own, "pytorch": other,
                     "ratio": own["mse"] / other["mse"], "verdict": verdict})
    return rows


def speeds(runs):
    """Median epochs' images per second of both and their ratio, by kind."""
    found = {}
    for kind in ("float", "qat"):
        own, other = ([x for run in runs for x in run[side]["images_per_s"][kind]] for side in ("slimpilot", "pytorch"))
        if own and other:
            own, other = statistics.median(own), statistics.median(other)
            found[kind] = {"slimpilot": own, "pytorch": other, "ratio": own / other}
    return found


def table(rows):
    cells = [["technique", "PyTorch's", "slimpilot MSE", "PyTorch MSE", "ratio", "SQNR dB", "PyTorch dB", "verdict"]]
    decibels = lambda side: "" if side["sqnr_db"] is None else f"{side['sqnr_db']:.1f}"
    error = lambda side: f"{side['mse']:.6f} ± {side['deviation']:.6f}"
    for row in rows:
        own, other = row["slimpilot"], row["pytorch"]
        cells.append([row["technique"], row["pytorch_technique"], error(own), error(other), f"{row['ratio']:.4f}",
                      decibels(own), decibels(other), row["verdict"]])
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    aligned = ([text.ljust(w) if c < 2 else text.rjust(w) for c, (text, w) in enumerate(zip(line, widths))] for line in cells)
    return "\n".join("  ".join(line) for line in aligned)


def explanation(result):
    settings, counts = result["settings"], result["frames"]
    lines = [
        f"{result['cpu']['model']}; {' '.join(result['cpu']['flags'])}",
        f"{settings['threads']} threads, {settings['backend']} backend; "
        + ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
        f"MSE: mean ± standard deviation over {settings['seeds']} seeds, {counts['evaluation']} frames evaluated.",
        f"same: the means differ by at most {100 * FLOAT_TOLERANCE:g} %; noise: by at most two standard errors.",
        f"Fine-tuning: {counts['training']} frames, {counts['validation']} validate, effort {settings['effort']}; "
        f"calibration: {CALIBRATION_FRAMES} frames.",
        "SQNR: signal-to-noise ratio against the float network's outputs, of what did not train.",
    ]
    for kind, speed in result["fine_tuning_images_per_s"].items():
        lines.append(f"fine-tuning, {kind}: slimpilot {speed['slimpilot']:.0f} images/s, PyTorch {speed['pytorch']:.0f}; "
                     f"ratio {speed['ratio']:.2f} (median epoch)")
    return "\n".join(lines)


def measure(options, folder):
    frames = dict(zip(("evaluation", "others"), read_selected(options)))
    training = thin_out(options.training_data, options.epoch_frames, folder)
    frames["training"] = read_training(training, options.threads)
    runs = []
    for seed in range(1, options.seeds + 1):
        runs.append(run_seed(options, training, frames, seed))
        print(f"seed {seed} of {options.seeds}: done", file=sys.stderr)
    counts = {"evaluation": len(frames["evaluation"]), "training": len(frames["training"][0]),
              "validation": len(frames["training"][1])}
    settings = {name: getattr(options, name) for name in ("frames", "seeds", "effort", "epoch_frames", "threads", "backend")}
    versions = {"Python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    return {"cpu": machine.cpu(), "versions": versions, "settings": settings, "frames": counts, "rows": compare(options, runs),
            "fine_tuning_images_per_s": speeds(runs), "runs": runs}


def main():
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options, pathlib.Path(folder))
    worse = [row["technique"] for row in result["rows"] if row["verdict"] == "WORSE"]
    larger = [row["technique"] for row in result["rows"] if row["verdict"] == "noise" and row["ratio"] > 1]
    verdict = f"FAIL: worse than PyTorch: {', '.join(worse)}" if worse else "PASS: MSE not worse than PyTorch's"
    verdict += f"; larger, but within the seeds' noise: {', '.join(larger)}" if larger else ""
    text = "\n\n".join([table(result["rows"]), explanation(result), verdict])
    (options.out / "techniques.json").write_text(json.dumps(result | {"passed": not worse}, indent=1) + "\n")
    (options.out / "techniques.txt").write_text(text + "\n")
    print(text)
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
