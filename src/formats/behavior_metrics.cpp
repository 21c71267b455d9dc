// SPDX-License-Identifier: Apache-2.0
// The framework's side of it (which attributes the pilot reads, which keys a configuration has) is as of its 2023 releases.
#include "formats/behavior_metrics.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "graph/input_images.h"

namespace slimpilot {
namespace {

// @WORDS@ are replaced.
constexpr char kBrain[] =
    R"(# A brain for Behavior Metrics, written by slimpilot. Copy it and @MODEL@ into behavior_metrics/brains/@FOLDER@.
"""Drives with @MODEL@: @SENSOR@ in, @COMMANDS@ out."""

import os
import time

import numpy as np
@RUNTIME@

class Brain:
    """Behavior Metrics calls execute() every PilotTimeCycle milliseconds."""

    def __init__(self, sensors, actuators, model=None, handler=None, config=None):
@CAMERA@        self.motors = actuators.get_motor("motors_0")
        self.handler = handler
        self.config = config
        folder = os.path.dirname(os.path.abspath(__file__))
        self.network = Network(os.path.join(folder, model or "@MODEL@"))
        # What the framework's statistics read.
        self.first_image = None
@FIRST_IMAGES@        self.inference_times = []
        self.suddenness_distance = []
        self.gpu_inference = False
        self.previous = None

    def execute(self):
        image = @IMAGE@
        if image.shape[:2] == (3, 3):  # the camera's stand-in until its first picture
            return
        if self.first_image is None:
            self.first_image = image
@LAST_IMAGES@        if self.handler is not None:
            self.handler.update_frame("frame_0", image)
        start = time.time()
        numbers = self.network.run(image)
        self.inference_times.append(time.time() - start)
        command = @COMMAND@
@SEND@        scaled = (command - @COMMAND_MINIMA@) / @COMMAND_RANGES@
        if self.previous is not None:
            self.suddenness_distance.append(float(np.linalg.norm(scaled - self.previous)))
        self.previous = scaled
)";

constexpr char kCamera[] = R"(        self.camera = sensors.get_camera("camera_0")
)";

// Drawn by the framework around the vehicle, which CARLA itself has to name.
constexpr char kBirdEyeView[] = R"(        self.view = sensors.get_bird_eye_view("bird_eye_view_0")
        client = carla.Client("localhost", 2000)
        client.set_timeout(10.0)  # seconds
        self.vehicle = client.get_world().get_actors().filter("vehicle.*")[0]
)";

constexpr char kSlimpilotNetwork[] = R"(import slimpilot


class Network:
    """The model on slimpilot's engine, which prepares frames and scales outputs itself."""

    def __init__(self, path):
        self.session = slimpilot.Session(path)
        self.chosen = False

    def run(self, frame):
        if not self.chosen:  # the fastest kernels on this machine, which change no result
            self.session.choose_kernels(frame)
            self.chosen = True
        return self.session.run(frame)
)";

constexpr char kLiteRtNetwork[] = R"(
try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tensorflow.lite import Interpreter

# What was done to the network's pictures in training, and what its outputs mean.
SCALE = np.float32(@SCALE@)
OFFSET = np.float32(@OFFSET@)
MINIMA = np.array(@MINIMA@)
RANGES = np.array(@RANGES@)
ONE = 2048  # the weight 1 of a pixel


def samples(source, target):
    """Where bilinear samples lie, as OpenCV's INTER_LINEAR places them."""
    place = (np.arange(target) + 0.5) * source / target - 0.5
    first = np.clip(np.floor(place).astype(np.int32), 0, source - 1)
    weight = np.floor(np.clip(place - first, 0, 1) * ONE + 0.5).astype(np.int32)
    return first, np.minimum(first + 1, source - 1), weight


def resized(image, height, width):
    above, below, down = samples(image.shape[0], height)
    left, right, across = samples(image.shape[1], width)
    down, across = down[:, None, None], across[None, :, None]
    rows = image[above] * (ONE - down) + image[below] * down
    return ((rows[:, left] * (ONE - across) + rows[:, right] * across + ONE * ONE // 2) // (ONE * ONE)).astype(np.uint8)

@YUV@
class Network:
    """The model on LiteRT: a frame in, the outputs in their units out."""

    def __init__(self, path):
        self.interpreter = Interpreter(model_path=path)
        self.interpreter.allocate_tensors()
        (self.input,) = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()

    def prepared(self, frame):
        image = frame@ROWS@
        height, width = self.input["shape"][1:3]
        if image.shape != (height, width, 3):
            @RESIZE@
        image = @COLORED@.astype(np.float32) * SCALE + OFFSET
        dtype = self.input["dtype"]
        if dtype != np.float32:
            scale, zero_point = self.input["quantization"]
            steps = (image / np.float32(scale)).astype(np.float64)
            steps = np.copysign(np.floor(np.abs(steps) + 0.5), steps) + zero_point  # halves away from zero
            image = np.clip(steps, np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)
        return image[None]

    def real(self, output):
        numbers = self.interpreter.get_tensor(output["index"]).ravel()
        if output["dtype"] == np.float32:
            return numbers
        scale, zero_point = output["quantization"]
        return np.float32(scale) * (numbers.astype(np.int32) - zero_point).astype(np.float32)

    def run(self, frame):
        self.interpreter.set_tensor(self.input["index"], self.prepared(frame))
        self.interpreter.invoke()
        numbers = np.concatenate([self.real(output) for output in self.outputs]).astype(np.float64)
        return MINIMA + numbers * RANGES
)";

constexpr char kYuv[] = R"(
def in_yuv(image):
    r, g, b = (image[..., c].astype(np.float32) for c in range(3))
    y = np.float32(0.299) * r + np.float32(0.587) * g + np.float32(0.114) * b
    u, v = np.float32(0.492) * (b - y) + np.float32(128), np.float32(0.877) * (r - y) + np.float32(128)
    return (np.clip(np.stack([y, u, v], axis=-1), 0, 255) + np.float32(0.5)).astype(np.uint8)

)";

constexpr char kConfiguration[] =
    R"(# Behavior Metrics with @MODEL@, written by slimpilot; @CHOICE@.
Behaviors:
    Robot:
        Sensors:
            Cameras:
                Camera_0:
                    Name: 'camera_0'
                    Topic: '@CAMERA_TOPIC@'
            Pose3D:
                Pose3D_0:
                    Name: 'pose3d_0'
                    Topic: '@POSE_TOPIC@'
@VIEW@        Actuators:
            @MOTORS@:
                Motors_0:
                    Name: 'motors_0'
                    Topic: '@MOTOR_TOPIC@'
                    MaxV: 3
                    MaxW: 0.3
        BrainPath: 'brains/@FOLDER@/brain_@NAME@.py'
        PilotTimeCycle: 50
        Parameters:
            Model: '@MODEL@'
            ImageTranform: ''
@KIND@    Simulation:
        World: @WORLD@
    Dataset:
        In: '/tmp/my_bag.bag'
        Out: ''
    Stats:
        Out: './'
        PerfectLap: './perfect_bags/lap-simple-circuit.bag'
    Layout:
        Frame_0:
            Name: frame_0
            Geometry: [1, 1, 2, 2]
            Data: rgbimage
)";

/// What stands in its places for Gazebo and for CARLA.
constexpr struct {
  const char *word, *gazebo, *carla;
} kPlaces[] = {
    {"@CHOICE@", "World and PerfectLap choose the circuit", "World chooses the town and the way through it"},
    {"@CAMERA_TOPIC@", "/F1ROS/cameraL/image_raw", "/carla/ego_vehicle/rgb_front/image"},
    {"@POSE_TOPIC@", "/F1ROS/odom", "/carla/ego_vehicle/odometry"},
    {"@MOTORS@", "Motors", "CARLA_Motors"},
    {"@MOTOR_TOPIC@", "/F1ROS/cmd_vel", "/carla/ego_vehicle/vehicle_control_cmd"},
    {"@VIEW@", "",
     R"(            BirdEyeView:
                BirdEyeView_0:
                    Name: 'bird_eye_view_0'
                    Topic: ''
)"},
    {"@KIND@",
     R"(        Type: 'f1'
        Environment: 'gazebo'
)",
     R"(        Type: 'CARLA'
        AsyncMode: True
)"},
    {"@WORLD@", "/opt/jderobot/share/jderobot/gazebo/launch/simple_circuit.launch",
     R"(configs/CARLA/CARLA_launch_files/town_02_anticlockwise.launch
        RandomSpawnPoint: False)"},
};

/// What a robot of the framework is told: by which call, and what it takes.
struct BrainCommand {
  const char* output;  // of the network
  const char* unit;
  const char* call;
  double low, high;
};
constexpr BrainCommand kFormula1[] = {{"v", " (m/s)", "sendV", 0, 0}, {"w", " (rad/s)", "sendW", 0, 0}};
constexpr BrainCommand kCarla[] = {
    {"throttle", "", "sendThrottle", 0, 1}, {"steer", "", "sendSteer", -1, 1}, {"brake", "", "sendBrake", 0, 1}};

void replace_all(std::string& text, const std::string& word, const std::string& by) {
  for (size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += by.size()) text.replace(at, word.size(), by);
}

/// With the digits that read back to the same bits.
template <class Real>
std::string number(Real value) {
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

template <class Range, class Member>
std::string numbers(const Range& range, Member member) {
  std::string text;
  for (const auto& element : range) text += (text.empty() ? "" : ", ") + number(std::invoke(member, element));
  return "[" + text + "]";
}

double span_of(const OutputMeaning& m) { return double{m.max} - double{m.min}; }
double least_of(const OutputMeaning& m) { return double{m.min}; }

bool has_output(const Graph& graph, std::string_view name) {
  return std::ranges::find(graph.meaning, name, &OutputMeaning::name) != graph.meaning.end();
}

/// Those of the commands that the network says, in the robot's order; CARLA's may do without a brake.
std::vector<BrainCommand> commands_of(const Graph& graph) {
  std::vector<BrainCommand> commands;
  const bool carla = drives_carla(graph);
  for (const BrainCommand& c : carla ? std::span<const BrainCommand>(kCarla) : std::span<const BrainCommand>(kFormula1)) {
    if (has_output(graph, c.output))
      commands.push_back(c);
    else if (!carla)
      throw Error(std::string("a brain sends v (m/s) and w (rad/s), or throttle and steer, and no output is named '") +
                  c.output + "'; name them with --outputs v:6.5:24,w:-7.1:7.1");
  }
  return commands;
}

/// The lines of the brain that send commands.
void set_commands(std::string& text, const Graph& graph) {
  const bool carla = drives_carla(graph);
  std::string names, picked, low, high, send;
  std::vector<OutputMeaning> meaning;
  for (const BrainCommand& c : commands_of(graph)) {
    const auto found = std::ranges::find(graph.meaning, c.output, &OutputMeaning::name);
    const std::string comma = meaning.empty() ? "" : ", ", place = std::to_string(meaning.size());
    names += (meaning.empty() ? "" : " and ") + std::string(c.output) + c.unit;
    picked += comma + "numbers[" + std::to_string(found - graph.meaning.begin()) + "]";
    low += comma + number(c.low), high += comma + number(c.high);
    send += std::string("        self.motors.") + c.call + "(float(command[" + place + "]))\n";
    meaning.push_back(*found);
  }
  if (carla && !has_output(graph, "brake")) send += "        self.motors.sendBrake(0.0)\n";
  replace_all(text, "@COMMANDS@", names);
  replace_all(text, "@COMMAND@",
              carla ? "np.clip([" + picked + "], [" + low + "], [" + high + "])" : "np.array([" + picked + "])");
  replace_all(text, "@SEND@", send);
  replace_all(text, "@COMMAND_MINIMA@", numbers(meaning, least_of));
  replace_all(text, "@COMMAND_RANGES@", numbers(meaning, span_of));
}

/// The lines that get its pictures.
void set_pictures(std::string& text, bool carla, bool bird_eye) {
  replace_all(text, "@FOLDER@", brain_folder(carla));
  replace_all(text, "@SENSOR@", bird_eye ? "bird_eye_view_0" : "camera_0");
  replace_all(text, "@CAMERA@", bird_eye ? kBirdEyeView : kCamera);
  replace_all(text, "@IMAGE@", bird_eye ? "self.view.getImage(self.vehicle)" : "self.camera.getImage().data");
  replace_all(text, "@FIRST_IMAGES@",
              carla ? "        self.cameras_first_images = []\n        self.cameras_last_images = []\n" : "");
  replace_all(text, "@LAST_IMAGES@",
              carla ? "            self.cameras_first_images = [image]\n        self.cameras_last_images = [image]\n" : "");
}

/// With the graph's preprocessing.
std::string litert_network(const Graph& graph) {
  const Preprocessing& p = graph.preprocessing;
  std::string text = kLiteRtNetwork;
  const bool all_rows = p.crop_top == 0 && p.crop_bottom == 0;
  replace_all(text, "@ROWS@", all_rows ? "" : "[" + std::to_string(p.crop_top) + ":" + std::to_string(p.crop_bottom) + "]");
  replace_all(text, "@RESIZE@",
              p.resize ? "image = resized(image, height, width)"
                       : R"(raise ValueError(f"frames of {width}x{height} are expected, not {image.shape}"))");
  const bool yuv = p.color == ColorOrder::yuv;
  replace_all(text, "@YUV@", yuv ? kYuv : "");
  replace_all(text, "@COLORED@", yuv ? "in_yuv(image)" : p.color == ColorOrder::bgr ? "image[..., ::-1]" : "image");
  replace_all(text, "@SCALE@", numbers(p.scale, std::identity()));
  replace_all(text, "@OFFSET@", numbers(p.offset, std::identity()));
  replace_all(text, "@MINIMA@", numbers(graph.meaning, least_of));
  replace_all(text, "@RANGES@", numbers(graph.meaning, span_of));
  return text;
}

}  // namespace

bool drives_carla(const Graph& graph) {
  return has_output(graph, "throttle") && has_output(graph, "steer") && !(has_output(graph, "v") && has_output(graph, "w"));
}

std::string brain_folder(bool carla) { return carla ? "CARLA" : "f1"; }

std::string brain_model_file(const BrainOptions& options) {
  return options.name + (options.runtime == BrainRuntime::slimpilot ? ".slim" : ".tflite");
}

std::string brain_program(const Graph& graph, const BrainOptions& options) {
  const Shape& input = graph.value(graph.inputs[0]).shape;
  if (graph.inputs.size() != 1 || !input_images(input))
    throw Error("a brain gives its network colour images, which this one's input " + shape_text(input) + " is not made of");
  if (options.runtime == BrainRuntime::litert && sees_earlier_frames(graph))
    throw Error(
        "a brain for LiteRT shows its network the newest frame alone, and this one sees others; --runtime slimpilot keeps "
        "them");
  std::string text = kBrain;
  set_commands(text, graph);
  const bool carla = drives_carla(graph), bird_eye = options.picture == BrainPicture::bird_eye;
  if (bird_eye && !carla) throw Error("only CARLA has a bird's-eye view; this network says v and w, not throttle and steer");
  set_pictures(text, carla, bird_eye);
  const std::string runtime = options.runtime == BrainRuntime::slimpilot ? kSlimpilotNetwork : litert_network(graph);
  replace_all(text, "@RUNTIME@", (bird_eye ? "import carla\n" : "") + runtime);
  replace_all(text, "@MODEL@", brain_model_file(options));
  return text;
}

std::string brain_configuration(const Graph& graph, const BrainOptions& options) {
  const bool carla = drives_carla(graph);
  std::string text = kConfiguration;
  for (const auto& place : kPlaces) replace_all(text, place.word, carla ? place.carla : place.gazebo);
  replace_all(text, "@FOLDER@", brain_folder(carla));
  replace_all(text, "@MODEL@", brain_model_file(options));
  replace_all(text, "@NAME@", options.name);
  return text;
}

}  // namespace slimpilot
