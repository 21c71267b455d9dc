# SPDX-License-Identifier: Apache-2.0
"""A runtime in a process of its own, so that none meets the threads and libraries of another: reads requests from standard
input as server_loop.h says, and one more, "empty 0 0 0", the nanoseconds of runs with nothing to compute. The argument is JSON:
runtime, frames (a .npy file), model, threads and what else the runtime's class takes."""
import importlib
import json
import os
import sys

import numpy as np

RUNTIMES = {
    "onnx": ("runtime_onnx", "OnnxRuntime"), "litert": ("runtime_litert", "LiteRt"),
    "openvino": ("runtime_openvino", "OpenVino"), "ncnn": ("runtime_ncnn", "Ncnn"), "torch": ("runtime_torch", "PyTorch"),
}  # fmt: skip


def start(runtime, frames, **settings):
    module, name = RUNTIMES[runtime]
    return getattr(importlib.import_module(module), name)(frames=np.load(frames), **settings)


def reply_to(request, runtime):
    command, *words = request.split()
    frames = [int(word) for word in words]
    if command == "outputs":
        return [float(number) for frame in frames for number in runtime.outputs(frame)]
    return runtime.run(frames) if command == "run" else runtime.run_empty(frames)


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        runtime = start(**json.loads(sys.argv[1]))
        runtime.outputs(0)
    except Exception as error:  # whatever a runtime raises is why it has no times
        lines = str(error).strip().splitlines() or [""]
        print(f"error {type(error).__name__}: {lines[0]}", file=answers, flush=True)
        sys.exit(1)
    print(f"ready {len(runtime.frames)}", file=answers, flush=True)
    for request in sys.stdin:
        print(" ".join(repr(number) for number in reply_to(request, runtime)), file=answers, flush=True)


if __name__ == "__main__":
    main()
