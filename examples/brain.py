#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A robot's brain in Python: 640x480 RGB frames on standard input, a line of commands for each on standard output.

slimpilot drive 'command:python3 examples/brain.py model.slim' --circuit simple
"""

import json
import sys

import numpy as np

import slimpilot

HEIGHT, WIDTH = 480, 640

session = slimpilot.Session(sys.argv[1])
names = [output.name for output in session.outputs]
while len(frame := sys.stdin.buffer.read(HEIGHT * WIDTH * 3)) == HEIGHT * WIDTH * 3:
    commands = session.run(np.frombuffer(frame, np.uint8).reshape(HEIGHT, WIDTH, 3))
    print(json.dumps({"commands": dict(zip(names, commands.tolist()))}), flush=True)
