# SPDX-License-Identifier: Apache-2.0
"""The Python module beside the C++ programs: the same bits, the GIL released, little time added, clear errors.

Environment: PYTHONPATH finds the module, SLIMPILOT and RUN_MODEL are programs, SOURCE is the source folder. Everything
happens in a temporary folder.
"""

import ast
import json
import math
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import unittest

import numpy as np

import slimpilot

SOURCE = pathlib.Path(os.environ["SOURCE"])
LSTM = SOURCE / "models/deepest_lstm_tiny_pilotnet.tflite"
GOLDEN = SOURCE / "tests/golden"
FOLDER = tempfile.TemporaryDirectory()
WORK = pathlib.Path(FOLDER.name)


def program(*words, **options):
    environment = {**os.environ, "XDG_CACHE_HOME": str(WORK / "cache")}
    return subprocess.run(list(words), check=True, capture_output=True, cwd=WORK, env=environment, **options).stdout


def tool(*words, **options):
    return program(os.environ["SLIMPILOT"], *map(str, words), **options)


def frames(count, height=480, width=640):
    """Smooth pictures, whose neighbouring pixels resemble each other as a camera's do."""
    random = np.random.default_rng(1)
    steps = random.integers(-9, 10, (count, height, width, 3))
    return (128 + 100 * np.sin(np.cumsum(steps, axis=2) / 50)).astype(np.uint8)


def setUpModule():
    ring = [f"{12 * math.cos(i * 0.0418879):.4f},{12 * math.sin(i * 0.0418879):.4f}" for i in range(150)]
    (WORK / "ring.csv").write_text("x_m,y_m\n" + "\n".join(ring) + "\n")
    tool("record", "--circuit", "ring.csv", "--out", ".")
    tool("optimize", LSTM, "--data", "ring_forward", "--frames", "0::16", "--calibration-frames", "8", "--out", "models",
         "--techniques", "float16,int8_only,int8_float_fallback,int16x8,dynamic_range")


def tearDownModule():
    FOLDER.cleanup()


class SameBits(unittest.TestCase):
    def models(self):
        return [LSTM, *sorted((WORK / "models").glob("*.slim")), WORK / "models/int8_only.tflite"]

    def test_frames_give_what_the_program_says(self):
        pictures = frames(3)
        self.assertEqual(len(self.models()), 7)
        for model in self.models():
            lines = tool("run", model, "--size", "640x480", "--format", "jsonl", input=pictures.tobytes()).splitlines()
            session = slimpilot.Session(model)
            self.assertEqual([(o.name, o.unit) for o in session.outputs], [("v", "m/s"), ("w", "rad/s")])
            for picture, line in zip(pictures, lines, strict=True):
                commands = json.loads(line)["commands"]
                result = session.run(picture)
                self.assertEqual(result.dtype, np.float64)
                # The program's JSON has a float's digits.
                np.testing.assert_array_equal(result.astype(np.float32), np.float32([commands["v"], commands["w"]]), str(model))

    def test_tensors_give_what_the_engine_gives(self):
        # Those with real outputs; frames have shown that integers become the same real numbers.
        for model in sorted(set((WORK / "models").glob("*.slim")) - {WORK / "models/int8_only.slim"}):
            session = slimpilot.Session(model)
            (tensor,) = session.inputs
            values = np.random.default_rng(2).normal(size=tensor.shape).astype(tensor.dtype)
            (WORK / "input").write_bytes(values.tobytes())
            program(os.environ["RUN_MODEL"], str(model), "input", "output")
            outputs = session.run_tensors(values)
            raw = np.frombuffer((WORK / "output").read_bytes(), np.float32)
            np.testing.assert_array_equal(np.concatenate([output.ravel() for output in outputs]), raw, str(model))

    def test_commands_are_the_outputs_in_their_units(self):
        session = slimpilot.Session(LSTM)
        picture = frames(1)[0]
        result = session.run(picture)
        # What the model's preprocessing makes of a frame that is one colour can be computed by hand.
        grey = np.full((480, 640, 3), 77, np.uint8)
        scale, offset = 1 / (255 * np.array([0.229, 0.224, 0.225])), -np.array([0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        tensor = np.broadcast_to(77 * scale + offset, (1, 50, 100, 3)).astype(np.float32)
        (raw,) = session.run_tensors(tensor)
        self.assertEqual(raw.shape, (1, 2))
        expected = [o.minimum + float(x) * (o.maximum - o.minimum) for o, x in zip(session.outputs, raw[0], strict=True)]
        np.testing.assert_allclose(session.run(grey), expected, atol=1e-4)
        self.assertFalse(np.array_equal(session.run(grey), result))

    def test_quantized_inputs_take_real_numbers(self):
        session = slimpilot.Session(WORK / "models/int8_only.slim")
        (tensor,) = session.inputs
        self.assertEqual(tensor.dtype, np.int8)
        real = np.random.default_rng(4).uniform(-2, 2, tensor.shape).astype(np.float32)
        integers = np.clip(np.round(real / np.float32(tensor.scale)) + tensor.zero_point, -128, 127).astype(np.int8)
        for a, b in zip(session.run_tensors(real), session.run_tensors(integers), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_views_are_read_as_they_look(self):
        session = slimpilot.Session(LSTM)
        picture = frames(1)[0]
        mirrored = picture[:, ::-1]
        np.testing.assert_array_equal(session.run(mirrored), session.run(mirrored.copy()))
        self.assertFalse(np.array_equal(session.run(mirrored), session.run(picture)))

    def test_frames_of_several_sizes_take_turns(self):
        session = slimpilot.Session(LSTM)
        large, small = frames(1)[0], frames(1, 500, 320)[0]
        first = session.run(large), session.run(small)
        np.testing.assert_array_equal(session.run(large), first[0])
        np.testing.assert_array_equal(session.run(small), first[1])

    def test_chosen_kernels_change_no_result(self):
        for model in (LSTM, WORK / "models/int8_only.slim"):
            session = slimpilot.Session(model, threads=2)
            first, second = frames(2)
            expected = session.run(second)
            session.choose_kernels(first)
            np.testing.assert_array_equal(session.run(second), expected)

    def test_threads_change_no_result(self):
        picture = frames(1)[0]
        np.testing.assert_array_equal(slimpilot.Session(LSTM, threads=2).run(picture), slimpilot.Session(LSTM).run(picture))


class OtherModels(unittest.TestCase):
    def test_state_lasts_until_it_is_reset(self):
        keras = (GOLDEN / "keras/conv_lstm.h5").read_bytes()
        (WORK / "stateful.h5").write_bytes(keras.replace(b'"stateful": false', b'"stateful": true '))
        session = slimpilot.Session(WORK / "stateful.h5")
        self.assertTrue(session.stateful)
        self.assertFalse(slimpilot.Session(LSTM).stateful)
        tensors = [np.random.default_rng(3).normal(size=t.shape).astype(np.float32) for t in session.inputs]
        first, second = session.run_tensors(*tensors), session.run_tensors(*tensors)
        self.assertFalse(np.array_equal(first[0], second[0]))
        session.reset_state()
        np.testing.assert_array_equal(session.run_tensors(*tensors)[0], first[0])

    def test_earlier_frames_last_until_they_are_forgotten(self):
        tool("convert", "random:pilotnet_stacked", "stacked.slim")
        session, (first, second) = slimpilot.Session(WORK / "stacked.slim"), frames(2)
        self.assertTrue(session.stateful)
        alone = [slimpilot.Session(WORK / "stacked.slim").run(frame) for frame in (first, second)]
        np.testing.assert_array_equal(session.run(first), alone[0])
        self.assertFalse(np.array_equal(session.run(second), alone[1]))
        session.reset_state()
        np.testing.assert_array_equal(session.run(first), alone[0])
        session.choose_kernels(second)
        np.testing.assert_array_equal(session.run(first), alone[0])

    def test_every_format_is_read(self):
        for name in ("keras/donkey_linear.h5", "keras/donkey_categorical.keras", "onnx/legacy.onnx", "torch/pilotnet.pth",
                     "tflite/float16_dense.tflite", "slim/version3.slim"):
            session = slimpilot.Session(str(GOLDEN / name))
            tensors = [np.zeros(t.shape, t.dtype) for t in session.inputs]
            outputs = session.run_tensors(*tensors)
            self.assertEqual(sum(o.size for o in outputs), len(session.outputs), name)

    def test_unnamed_outputs_are_counted(self):
        names = [o.name for o in slimpilot.Session(GOLDEN / "keras/donkey_linear.h5").outputs]
        self.assertEqual(names, ["output 0", "output 1"])


class Errors(unittest.TestCase):
    def setUp(self):
        self.session = slimpilot.Session(LSTM)

    def expect(self, text, call, *arguments, kind=ValueError, **named):
        with self.assertRaises(kind) as caught:
            call(*arguments, **named)
        self.assertIn(text, str(caught.exception))

    def test_files(self):
        self.expect("nowhere/model.slim", slimpilot.Session, "nowhere/model.slim", kind=slimpilot.Error)
        (WORK / "torn.slim").write_bytes((WORK / "models/float16.slim").read_bytes()[:1000])
        self.expect("torn.slim", slimpilot.Session, WORK / "torn.slim", kind=slimpilot.Error)
        self.expect("this ending", slimpilot.Session, "model.pb", kind=slimpilot.Error)
        self.expect("--lambda", slimpilot.Session, GOLDEN / "keras/lambda.h5", kind=slimpilot.Error)
        self.assertTrue(issubclass(slimpilot.Error, ValueError))

    def test_options(self):
        self.expect("threads must be 1 to 64, not 0", slimpilot.Session, LSTM, threads=0)
        self.expect("'rough' is none of exact or reduced", slimpilot.Session, LSTM, arithmetic="rough")

    def test_frames(self):
        run = self.session.run
        self.expect("this is float64 of shape (480, 640, 3)", run, np.zeros((480, 640, 3)))
        self.expect("this is int8 of shape (480, 640, 3)", run, np.zeros((480, 640, 3), np.int8))
        self.expect("this is uint8 of shape (480, 640)", run, np.zeros((480, 640), np.uint8))
        self.expect("this is uint8 of shape (480, 640, 4)", run, np.zeros((480, 640, 4), np.uint8))
        self.expect("at most 16384", run, np.broadcast_to(np.uint8(0), (2**31, 640, 3)))
        self.expect("the frames have 100 rows", run, np.zeros((100, 640, 3), np.uint8))
        self.expect("hold no pixel", run, np.zeros((480, 0, 3), np.uint8))
        self.expect("incompatible", run, [[1, 2, 3]], kind=TypeError)
        self.expect("this is float64", self.session.choose_kernels, np.zeros((480, 640, 3)))
        self.expect("runs must be", self.session.measure, frames(1)[0], 0)
        self.assertEqual(run(frames(1)[0]).shape, (2,))  # none of it did harm

    def test_tensors(self):
        run = self.session.run_tensors
        self.expect("has 1 inputs; 0 were given", run)
        self.expect("'image' is float32 of shape (1, 50, 100, 3); this is float64 of shape (1, 50, 100, 3)", run,
                    np.zeros((1, 50, 100, 3)))
        self.expect("this is float32 of shape (50, 100, 3)", run, np.zeros((50, 100, 3), np.float32))
        self.expect("this is <U5 of shape ()", run, "image")
        int8 = slimpilot.Session(WORK / "models/int8_only.slim")
        self.expect("is float32 or int8 of shape", int8.run_tensors, np.zeros((1, 50, 100, 3), np.uint8))


class Time(unittest.TestCase):
    def test_models_are_read_by_several_threads(self):
        keras, results = GOLDEN / "keras/donkey_linear.h5", []
        readers = [threading.Thread(target=lambda: results.append(slimpilot.Session(keras))) for _ in range(8)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.assertEqual(len(results), 8)

    def test_another_thread_runs_meanwhile(self):
        session = slimpilot.Session(LSTM)
        picture = frames(1)[0]
        counted, stop = 0, threading.Event()

        def count():
            nonlocal counted
            while not stop.is_set():
                counted += 1

        def rate(work):
            start, before = time.perf_counter(), counted
            work()
            return (counted - before) / (time.perf_counter() - start)

        other = threading.Thread(target=count)
        other.start()
        alone = rate(lambda: time.sleep(0.3))
        meanwhile = rate(lambda: session.measure(picture, 20_000))  # one call of a second or so
        stop.set()
        other.join()
        # A thread that waits for the GIL gets it for some milliseconds around the call, which is less than a hundredth of it.
        self.assertGreater(meanwhile, alone / 10)

    def test_one_session_is_one_threads(self):
        session = slimpilot.Session(LSTM)
        picture = frames(1)[0]
        busy = threading.Thread(target=session.measure, args=(picture, 20_000))
        busy.start()
        refused = ""
        while busy.is_alive() and not refused:
            try:
                session.run(picture)
            except RuntimeError as error:
                refused = str(error)
        busy.join()
        self.assertIn("a session of its own", refused)
        self.assertEqual(session.run(picture).shape, (2,))

    def test_python_adds_less_than_5_us(self):
        # Both kinds of run in turns on one thread of one process. On a busy machine single times mean little; the least
        # median of several rounds is what both need when nothing comes between.
        session = slimpilot.Session(LSTM)
        picture = frames(1)[0]
        runs, rounds = 200, 40
        inside, outside = [], []
        for _ in range(rounds):
            inside.append(np.median(session.measure(picture, runs)))
            times = np.empty(runs)
            for i in range(runs):
                start = time.perf_counter()
                session.run(picture)
                times[i] = time.perf_counter() - start
            outside.append(np.median(times))
        added_us = (min(outside) - min(inside)) * 1e6
        print(f"C++ {min(inside) * 1e6:.1f} µs, from Python {min(outside) * 1e6:.1f} µs: {added_us:.2f} µs more")
        self.assertLess(added_us, 5)


class Stub(unittest.TestCase):
    def test_it_tells_what_there_is(self):
        folder = pathlib.Path(slimpilot.__file__).parent
        self.assertTrue((folder / "py.typed").exists())
        classes = {c.name: c for c in ast.parse((folder / "__init__.pyi").read_text()).body if isinstance(c, ast.ClassDef)}
        self.assertEqual(sorted(classes), sorted(slimpilot.__all__))
        for name, stub in classes.items():
            told = {f.name for f in stub.body if isinstance(f, ast.FunctionDef)} - {"__init__"}
            there = {n for n in vars(getattr(slimpilot, name)) if not n.startswith("_")}
            self.assertEqual(told, there, name)


if __name__ == "__main__":
    unittest.main()
