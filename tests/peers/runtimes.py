# SPDX-License-Identifier: Apache-2.0
"""The runtimes that are compared, each a process of its own behind one shape: `outputs(frame)` gives the network's real
numbers, `run(order)` runs frames and gives the nanoseconds of each, `run_empty(order)` those of runs with nothing to compute,
as the same binding does them. Which models and settings a runtime may choose from is in candidates.py."""
import json
import os
import pathlib
import subprocess
import sys
import threading

import numpy as np

START_LIMIT_S = 300
PEER_SERVER = pathlib.Path(__file__).with_name("peer_server.py")
AVX2 = {"SLIMPILOT_ISA": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


class Unavailable(Exception):
    """Why a runtime has no times."""


def environment(threads, isa):
    """What the processes run with."""
    return os.environ | {"OMP_NUM_THREADS": str(threads)} | (AVX2 if isa == "avx2" else {})


class Server:
    """`command`: a C++ server's words, or peer_server.py's settings. `env`: see environment()."""

    def __init__(self, command, threads, env):
        self.is_python, self.threads = isinstance(command, dict), threads
        if self.is_python:
            command = [sys.executable, "-B", "-W", "ignore", PEER_SERVER, json.dumps(command | {"threads": threads})]
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", env=env,
        )  # fmt: skip
        self.messages = []
        threading.Thread(target=lambda: self.messages.extend(self.process.stderr), daemon=True).start()
        limit = threading.Timer(START_LIMIT_S, self.process.kill)
        limit.start()
        words = self.read_line()
        limit.cancel()
        if words[0] != "ready":
            self.close()
            raise Unavailable(" ".join(words[1:]))
        self.frames, self.isa = int(words[1]), " ".join(words[2:]) or None

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            last = self.messages[-1].strip() if self.messages else ""
            raise Unavailable(f"its process ended ({code}) {last}".strip())
        return line.split()

    def ask(self, command, frames):
        try:
            self.process.stdin.write(f"{command} {' '.join(str(frame) for frame in frames)}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # reading says why
        return self.read_line()

    def outputs(self, frame):
        return np.array([float(word) for word in self.ask("outputs", [frame])])

    def run(self, order):
        return [int(word) for word in self.ask("run", order)]

    def run_empty(self, order):
        """The C++ servers measure inside."""
        return [int(word) for word in self.ask("empty", order)] if self.is_python else [0 for _ in order]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
