# SPDX-License-Identifier: Apache-2.0
"""Runs `slimpilot train` and the same training in PyTorch and Keras one after the other on the same recordings, and prints the
losses per epoch side by side and the speeds."""
import argparse
import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile


def run_ours(program, options):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "model.tflite"
        command = [program, "train", options.network, "--data", options.data, "--validation", options.validation, "--out", out,
                   "--epochs", str(options.epochs), "--threads", str(options.threads), "--seed", str(options.seed)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(f"{out}.log.csv") as file:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def run_peer(framework, options):
    script = pathlib.Path(__file__).with_name("train_reference.py")
    command = [sys.executable, "-B", "-W", "ignore", script, framework, "--network", options.network, "--data", options.data,
               "--validation", options.validation, "--epochs", str(options.epochs), "--threads", str(options.threads),
               "--seed", str(options.seed)]
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="", OMP_WAIT_POLICY="passive")
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment).stdout
    return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


def show(network, results):
    print(f"{network}: train loss, validation loss per epoch")
    print("epoch" + "".join(f"{name:>24}" for name in results))
    for i in range(min(len(epochs) for epochs in results.values())):
        cells = (f"{e[i]['train_loss']:>14.6f}{e[i]['validation_loss']:>10.6f}" for e in results.values())
        print(f"{i + 1:>5}" + "".join(cells))
    speeds = {name: statistics.median(e["images_per_s"] for e in epochs) for name, epochs in results.items()}
    print("images/s (median epoch): " + ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items()))
    for name, speed in list(speeds.items())[1:]:
        print(f"slimpilot trains at {speeds['slimpilot'] / speed:.2f} times the speed of {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--validation", required=True)
    parser.add_argument("--network", default="pilotnet")
    parser.add_argument("--peers", default="torch,keras")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results = {"slimpilot": run_ours(options.program, options)}
    for peer in options.peers.split(","):
        results[peer] = run_peer(peer, options)
    show(options.network, results)


if __name__ == "__main__":
    main()
