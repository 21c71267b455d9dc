# SPDX-License-Identifier: Apache-2.0
"""Runs a .tflite file with LiteRT, the runtime it must agree with.

usage: litert_run.py MODEL [--kernels reference|optimized|delegate] [--inputs FILE...] [--outputs DIR] [--seed N]

Inputs are .npy files or raw little-endian elements in the model's order, one or more frames behind each other; without
them one frame of random numbers is made. Output k is written as DIR/k.raw, one line per tensor tells its type and shape.
Exit code 3: LiteRT refuses the model (its message is printed).
"""
import argparse
import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

KERNELS = {
    "reference": OpResolverType.BUILTIN_REF,
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "delegate": OpResolverType.AUTO,  # XNNPACK
}


def open_model(path, kernels):
    interpreter = Interpreter(
        model_content=pathlib.Path(path).read_bytes(), experimental_op_resolver_type=KERNELS[kernels], num_threads=1
    )
    interpreter.allocate_tensors()
    return interpreter


def random_frame(detail, generator):
    if detail["dtype"] == np.float32:
        return generator.uniform(-1, 1, detail["shape"]).astype(np.float32)
    limits = np.iinfo(detail["dtype"])
    return generator.integers(limits.min, limits.max, detail["shape"], dtype=detail["dtype"], endpoint=True)


def read_frames(path, detail):
    """All frames in a file, as an array with one more dimension in front."""
    data = np.load(path) if path.endswith(".npy") else np.fromfile(path, detail["dtype"])
    if data.dtype != detail["dtype"]:
        sys.exit(f"{path}: holds {data.dtype}, the model wants {np.dtype(detail['dtype'])}")
    return data.reshape(-1, *detail["shape"])


def run(interpreter, frames):
    """One list of outputs per frame; `frames` holds one array of frames per input."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    results = []
    for i in range(len(frames[0])):
        for detail, data in zip(inputs, frames):
            interpreter.set_tensor(detail["index"], data[i])
        interpreter.invoke()
        results.append([interpreter.get_tensor(detail["index"]) for detail in outputs])
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--kernels", choices=KERNELS, default="reference")
    parser.add_argument("--inputs", nargs="*", default=[])
    parser.add_argument("--outputs")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    try:
        interpreter = open_model(args.model, args.kernels)
    except (RuntimeError, ValueError) as error:
        print(f"refused: {error}")
        sys.exit(3)
    details = interpreter.get_input_details()
    if args.inputs:
        frames = [read_frames(path, detail) for path, detail in zip(args.inputs, details, strict=True)]
    else:
        generator = np.random.default_rng(args.seed)
        frames = [random_frame(detail, generator)[None] for detail in details]
    results = run(interpreter, frames)
    for k, detail in enumerate(interpreter.get_output_details()):
        data = np.stack([frame[k] for frame in results])
        print(f"output {k} {detail['name']} {data.dtype} {detail['shape'].tolist()} frames {len(data)}")
        if args.outputs:
            pathlib.Path(args.outputs).mkdir(parents=True, exist_ok=True)
            data.tofile(pathlib.Path(args.outputs) / f"{k}.raw")


if __name__ == "__main__":
    main()
