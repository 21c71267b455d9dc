# SPDX-License-Identifier: Apache-2.0
"""Brains that `slimpilot brain` writes, called as Behavior Metrics calls them, send what `slimpilot run` says.

Environment: SLIMPILOT is the program, SOURCE the source folder, PYTHONPATH finds the module slimpilot. Brains for LiteRT run on
it where it is installed (scripts/parity), else on a stand-in of its interface, so that what they do around it is tested.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

import numpy as np

try:
    import slimpilot
except ImportError:  # in scripts/parity, whose Python is another one
    slimpilot = None

MODEL = pathlib.Path(os.environ["SOURCE"]) / "models/deepest_lstm_tiny_pilotnet.tflite"
LITERT = importlib.util.find_spec("ai_edge_litert") is not None
FOLDER = tempfile.TemporaryDirectory()
WORK = pathlib.Path(FOLDER.name)


def tool(*words, code=0, **options):
    environment = {**os.environ, "XDG_CACHE_HOME": str(WORK / "cache")}
    result = subprocess.run([os.environ["SLIMPILOT"], *map(str, words)], capture_output=True, cwd=WORK, env=environment, **options)
    assert result.returncode == code, result.stderr.decode()
    return result.stdout + result.stderr


def setUpModule():
    points = np.arange(150) * 0.0418879
    ring = "\n".join(f"{x:.4f},{y:.4f}" for x, y in zip(12 * np.cos(points), 12 * np.sin(points)))
    (WORK / "ring.csv").write_text("x_m,y_m\n" + ring + "\n")
    tool("record", "--circuit", "ring.csv", "--out", ".")
    tool("optimize", MODEL, "--data", "ring_forward", "--frames", "0::16", "--calibration-frames", "8", "--out", "models",
         "--techniques", "float32,int8_only,int16x8")


def tearDownModule():
    FOLDER.cleanup()


class StandIn:
    """The part of LiteRT's Interpreter that brains use, on slimpilot's engine; its outputs are real numbers."""

    def __init__(self, model_path):
        self.session = slimpilot.Session(model_path)

    def allocate_tensors(self):
        (tensor,) = self.session.inputs
        self.results = self.session.run_tensors(np.zeros(tensor.shape, tensor.dtype))

    def get_input_details(self):
        (t,) = self.session.inputs
        return [{"index": 7, "shape": np.array(t.shape), "dtype": t.dtype.type, "quantization": (t.scale, t.zero_point)}]

    def get_output_details(self):
        return [{"index": i, "shape": np.array(r.shape), "dtype": np.float32} for i, r in enumerate(self.results)]

    def set_tensor(self, index, value):
        assert index == 7
        self.input = value

    def invoke(self):
        self.results = self.session.run_tensors(self.input)

    def get_tensor(self, index):
        return self.results[index]


class Robot:
    """The framework's sensors, actuators and handler."""

    def __init__(self):
        self.sent, self.shown, self.picture = [], [], np.zeros((3, 3, 3), np.uint8)

    def get_camera(self, name):
        assert name == "camera_0"
        return self

    def getImage(self):
        return types.SimpleNamespace(data=self.picture)

    def get_motor(self, name):
        assert name == "motors_0"
        return self

    def sendV(self, v):
        self.sent.append([v])

    def sendW(self, w):
        self.sent[-1].append(w)

    def update_frame(self, name, picture):
        self.shown.append((name, picture))


class Car(Robot):
    """The same in CARLA, and the package carla."""

    vehicle = object()

    def __init__(self):
        super().__init__()
        world = types.SimpleNamespace(get_actors=lambda: self)
        client = types.SimpleNamespace(set_timeout=lambda seconds: None, get_world=lambda: world)
        sys.modules["carla"] = types.SimpleNamespace(Client=lambda host, port: client)

    def filter(self, pattern):
        assert pattern == "vehicle.*"
        return [self.vehicle]

    def get_bird_eye_view(self, name):
        assert name == "bird_eye_view_0"
        return types.SimpleNamespace(getImage=self.view_of)

    def view_of(self, vehicle):
        assert vehicle is self.vehicle
        return self.picture

    def sendThrottle(self, throttle):
        self.sent.append([throttle])

    def sendSteer(self, steer):
        self.sent[-1].append(steer)

    sendBrake = sendSteer


def brain(model, *options):
    """The class Brain of what `slimpilot brain` has written, and its YAML."""
    tool("brain", model, "--out", "brains", *options)
    file = WORK / f"brains/brain_{pathlib.Path(model).stem}.py"
    if not LITERT:
        sys.modules["ai_edge_litert"] = types.ModuleType("ai_edge_litert")
        sys.modules["ai_edge_litert.interpreter"] = types.SimpleNamespace(Interpreter=StandIn)
    specification = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.Brain


def pictures():
    random = np.random.default_rng(1)
    return (128 + 100 * np.sin(np.cumsum(random.integers(-9, 10, (4, 480, 640, 3)), axis=2) / 50)).astype(np.uint8)


class Commands(unittest.TestCase):
    def check(self, model, *options, runtime, tolerance=0.0):
        robot, frames = Robot(), pictures()
        driver = brain(model, *options, "--runtime", runtime)(robot, robot, handler=robot, config={})
        for robot.picture in frames:
            driver.execute()
        lines = tool("run", model, "--size", "640x480", "--format", "jsonl", *options, input=frames.tobytes()).splitlines()
        expected = [[json.loads(line)["commands"][name] for name in ("v", "w")] for line in lines]
        difference = np.abs(np.float32(robot.sent) - np.float32(expected)).max()
        self.assertLessEqual(difference, tolerance, (model, options, runtime))
        self.assertGreater(np.ptp(expected, axis=0).min(), 0.01)

    @unittest.skipIf(slimpilot is None, "the module slimpilot is not for this Python")
    def test_on_slimpilot(self):
        for model in ("models/float32.tflite", "models/int8_only.slim"):
            self.check(model, runtime="slimpilot")
        tool("convert", "random:pilotnet_stacked", "stacked.slim")
        self.check("stacked.slim", runtime="slimpilot")

    def test_on_litert(self):
        # LiteRT's own kernels round otherwise, here by up to 3e-6, one step of an output (0.028 m/s) and nothing; the stand-in's
        # numbers are the engine's, so what the brain does around them is exact.
        steps = {"float32": 5e-5, "int8_only": 0.09, "int16x8": 1e-3}
        for name, tolerance in steps.items():
            self.check(f"models/{name}.tflite", runtime="litert", tolerance=tolerance if LITERT else 0.0)

    def test_preprocessing_is_the_models(self):
        for options in (["--color", "bgr"], ["--color", "yuv"], ["--crop", "0:0"], ["--crop", "100:379", "--normalize", "unit"],
                        ["--outputs", "w:-3:5,v:1:2.7"]):
            self.check("models/float32.tflite", *options, runtime="litert", tolerance=5e-5 if LITERT else 0.0)


RUNTIME = "litert" if slimpilot is None else "slimpilot"


class Carla(unittest.TestCase):
    """A network whose outputs are called throttle and steer."""

    def check(self, outputs, picture, frames, wanted):
        options = ["--outputs", outputs]
        if picture == "bird_eye":  # 100 x 300
            options += ["--crop", "0:0"]
        car = Car()
        driver = brain("models/float32.tflite", *options, "--picture", picture, "--runtime", RUNTIME)(car, car, handler=car)
        for car.picture in frames:
            driver.execute()
        size = f"{frames.shape[2]}x{frames.shape[1]}"
        lines = tool("run", "models/float32.tflite", "--size", size, "--format", "jsonl", *options, input=frames.tobytes())
        says = [json.loads(line)["commands"] for line in lines.splitlines()]
        np.testing.assert_allclose(car.sent, [wanted(one) for one in says], atol=5e-5 if LITERT else 1e-7)
        self.assertEqual([name for name, _ in car.shown], ["frame_0"] * len(frames))
        self.assertIs(driver.cameras_first_images[0].base, frames)
        self.assertIs(driver.cameras_last_images[0], car.picture)
        self.assertEqual((len(driver.inference_times), len(driver.suddenness_distance)), (len(frames), len(frames) - 1))
        self.assertGreater(np.ptp(car.sent, axis=0).max(), 0.001)

    def test_front_camera(self):
        self.check("steer:-1:1,throttle", "camera", pictures(), lambda c: [c["throttle"], c["steer"], 0])

    def test_bird_eye_view(self):
        views = np.ascontiguousarray(pictures()[:, :300, :100])
        self.check("throttle,steer:-1:1", "bird_eye", views, lambda c: [c["throttle"], c["steer"], 0])

    def test_commands_have_limits(self):
        def limited(says):
            return [min(max(says["throttle"], 0), 1), min(max(says["steer"], -1), 1), 0]

        self.check("throttle:-0.05:1,steer:-3:3", "camera", pictures(), limited)  # some of each lie outside

    def test_configuration(self):
        says = tool("brain", "models/float32.tflite", "--out", "carla", "--outputs", "throttle,steer:-1:1", "--runtime", "litert")
        self.assertIn(b"behavior_metrics/brains/CARLA", says)
        lines = [line.strip() for line in (WORK / "carla/float32.yml").read_text().splitlines()]
        for line in ("BrainPath: 'brains/CARLA/brain_float32.py'", "Type: 'CARLA'", "CARLA_Motors:", "Model: 'float32.tflite'"):
            self.assertIn(line, lines)


class Framework(unittest.TestCase):
    runtime = RUNTIME

    def test_statistics(self):
        robot = Robot()
        driver = brain("models/float32.tflite", "--runtime", self.runtime)(robot, robot, model=None, handler=robot, config=None)
        driver.execute()  # the camera has no picture yet
        self.assertEqual((robot.sent, robot.shown, driver.inference_times), ([], [], []))
        frames = pictures()
        for robot.picture in frames:
            driver.execute()
        self.assertIs(driver.first_image.base, frames)
        self.assertEqual([name for name, _ in robot.shown], ["frame_0"] * 4)
        self.assertEqual(len(driver.inference_times), 4)
        self.assertFalse(driver.gpu_inference)
        scaled = (np.array(robot.sent) - [6.5, -7.1]) / [17.5, 14.2]
        np.testing.assert_allclose(driver.suddenness_distance, np.linalg.norm(np.diff(scaled, axis=0), axis=1), atol=1e-6)

    def test_the_model_may_have_another_name(self):
        robot = Robot()
        Brain = brain("models/float32.tflite", "--runtime", self.runtime)
        suffix = {"litert": ".tflite", "slimpilot": ".slim"}[self.runtime]
        (WORK / "brains" / ("other" + suffix)).write_bytes((WORK / "brains" / ("float32" + suffix)).read_bytes())
        driver = Brain(robot, robot, model="other" + suffix, handler=robot, config=None)
        robot.picture = pictures()[0]
        driver.execute()
        self.assertEqual(len(robot.sent), 1)

    def test_configuration(self):
        tool("brain", "models/int8_only.tflite", "--out", "configured", "--runtime", "litert")
        lines = [line.strip() for line in (WORK / "configured/int8_only.yml").read_text().splitlines()]
        for line in ("BrainPath: 'brains/f1/brain_int8_only.py'", "Model: 'int8_only.tflite'", "PilotTimeCycle: 50", "Type: 'f1'"):
            self.assertIn(line, lines)
        self.assertEqual(sorted(f.name for f in (WORK / "configured").iterdir()),
                         ["brain_int8_only.py", "int8_only.tflite", "int8_only.yml"])

    def test_errors(self):
        def says(text, code, *words):
            self.assertIn(text, tool("brain", *words, code=code).decode())
            self.assertFalse((WORK / "refused").exists())

        says("name the folder to write with --out", 2, MODEL)
        says("none of slimpilot or litert", 2, MODEL, "--out", "refused", "--runtime", "onnx")
        says("no output is named 'v'", 1, MODEL, "--out", "refused", "--outputs", "steering,throttle")
        says("no output is named 'v'", 1, MODEL, "--out", "refused", "--outputs", "throttle,brake")
        says("only CARLA has a bird's-eye view", 1, MODEL, "--out", "refused", "--picture", "bird_eye")
        says("none of camera or bird_eye", 2, MODEL, "--out", "refused", "--picture", "rear")
        carla = ["--outputs", "throttle,steer:-1:1", "--picture", "bird_eye"]
        says("--crop TOP:BOTTOM", 1, MODEL, "--out", "refused", *carla)  # it keeps rows 240 to 480 of a view of 300
        says("sees others", 1, "random:pilotnet_stacked", "--out", "refused", "--runtime", "litert")
        says("sees others", 1, MODEL, "--out", "refused", "--runtime", "litert", "--frames-back", "2")
        says("--crop TOP:BOTTOM", 1, MODEL, "--out", "refused", "--crop", "400:500")


if __name__ == "__main__":
    unittest.main()
