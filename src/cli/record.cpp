// SPDX-License-Identifier: Apache-2.0
// slimpilot record: drives circuits and writes frames with the expert's commands as recordings that networks learn from.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/random.h"
#include "cli/commands.h"
#include "cli/model_options.h"
#include "data/formula1_writer.h"
#include "eval/driver.h"
#include "sim/circuits.h"
#include "sim/expert.h"
#include "sim/line_follower.h"

namespace slimpilot {
namespace {

struct Options {
  std::vector<std::string> circuits;
  std::string out, teacher = "expert", driver = "teacher", scenery = "default";
  double laps = 1, disturb = 0, control_ms = 50, top_speed = 0;
  bool both_directions = false;
  uint64_t seed = 1;
  ModelOptions model;

  void parse(int argc, char** argv) {
    Arguments arguments("record", "drive circuits and write frames with the expert's commands, in the Formula 1 format");
    arguments.option_list("--circuit", circuits, "names from `slimpilot circuits`, or centre lines as FILE.csv");
    arguments.option("--out", out, "folder for the recordings, one per circuit and direction");
    arguments.option("--laps", laps, "laps per recording");
    arguments.option("--both-directions", both_directions, "drive each circuit both ways");
    arguments.option("--disturb", disturb,
                     "push the car off its line now and then, this strongly (0: not; 1: up to half a metre), "
                     "so that recovering is in the data");
    arguments.option("--teacher", teacher,
                     "whose commands are the labels: the expert's, who sees what the camera sees, or those of line, "
                     "who knows where the line goes");
    arguments.option("--driver", driver, "who steers: the teacher, or a model file, which learns from its own mistakes so");
    arguments.option("--top-speed", top_speed,
                     "what the teacher accelerates to on straights, in m/s (0: the expert to 24, line to 10)");
    arguments.option("--control-ms", control_ms, "milliseconds of simulated time between commands");
    arguments.option("--scenery", scenery, "default, or no_line, white_line, white_road, no_wall, night, rain joined by '+'");
    arguments.option("--seed", seed, "of the disturbances and the rain");
    model.declare(arguments);
    arguments.parse(argc, argv);
    if (circuits.empty()) throw UsageError("--circuit is required; `slimpilot circuits` lists the names");
    if (out.empty()) throw UsageError("--out is required: the folder for the recordings");
    if (!(laps > 0) || !(disturb >= 0) || !(control_ms >= 1))
      throw UsageError("--laps, --disturb and --control-ms must be positive");
    if (teacher != "expert" && teacher != "line") throw UsageError("--teacher is expert or line, not '" + teacher + "'");
    if (top_speed == 0) top_speed = teacher == "line" ? LineFollower::kTopSpeed : Expert::kTopSpeed;
    if (!(top_speed >= 8)) throw UsageError("--top-speed must be at least 8 m/s");
  }
};

/// Pushes of a quarter of a second, about every two seconds, that turn the car less the faster it is: what it is then beside
/// its line is about the same at every speed.
class Disturbance {
 public:
  Disturbance(double strength, uint64_t seed) : strength_(strength), random_(seed) {}

  Command operator()(const Command& asked, double time_s) {
    if (time_s >= next_s_) {
      push_ = random_.uniform(-1, 1) * strength_;
      end_s_ = time_s + 0.25;
      next_s_ = time_s + random_.uniform(1, 3);
    }
    const double turn = time_s < end_s_ ? push_ * 1.4 * std::min(1.0, 7 / std::max(asked.v, 1.0)) : 0;
    return {asked.v, asked.w + turn};
  }

 private:
  double strength_;
  Random random_;
  double push_ = 0, end_s_ = 0, next_s_ = 1;
};

/// A drive of `laps` laps into one folder. A car that leaves the road is put back on the line and goes on.
class Recorder {
 public:
  Recorder(const Options& options, const Driver& driver) : options_(options), driver_(driver) {}

  void record(const Circuit& circuit, bool reverse) {
    const Track track(circuit.centre_line, circuit.road_width_m);
    const std::string name = circuit.name + (reverse ? "_reverse" : "_forward");
    const auto settings = fmt::format(
        "circuit {} reverse {} laps {} disturb {} teacher {} driver {} top_speed {} control_ms {} scenery {} seed {}\n",
        circuit.name, reverse, options_.laps, options_.disturb, options_.teacher, options_.driver, options_.top_speed,
        options_.control_ms, options_.scenery, options_.seed);
    Formula1Writer writer(std::filesystem::path(options_.out) / name, settings);
    const double whole_m = options_.laps * track.length_m();
    Progress progress(name, static_cast<uint64_t>(whole_m), progress_output());
    const auto start = std::chrono::steady_clock::now();
    double driven_m = 0, time_s = 0;
    int frames = 0, put_back = 0;
    EpisodeOptions episode{
        .control_period_s = options_.control_ms / 1000, .reverse = reverse, .scenery = parse_scenery(options_.scenery)};
    while (driven_m < whole_m) {
      episode.start_arc_m = reverse ? -driven_m : driven_m;
      episode.distance_m = whole_m - driven_m;
      episode.timeout_s = episode.distance_m + 10;  // 1 m/s
      episode.seed = options_.seed + static_cast<uint64_t>(put_back);
      episode.disturb = Disturbance(options_.disturb, episode.seed * 2 + reverse);  // its clock starts with the episode's
      const Episode driven = drive(track, episode, [&](const Image& frame, const Command& label, double now_s) {
        check_cancelled();
        writer.add(frame, static_cast<float>(label.v), static_cast<float>(label.w), time_s + now_s);
        ++frames;
      });
      const double distance_m = std::max(driven.odometry.back().progress_m, 1.0);
      driven_m += distance_m, time_s += driven.odometry.back().time_s;
      progress.advance(static_cast<uint64_t>(distance_m));
      put_back += driven.end != EpisodeEnd::lap;
    }
    writer.finish();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print("{}: {} frames, {:.0f} m in {:.0f} s of simulated time, put back {} times, {:.1f} times as fast as real time\n",
               name, frames, driven_m, time_s, put_back, time_s / seconds);
  }

 private:
  using Label = std::function<void(const Image&, const Command&, double)>;

  std::function<Command(const CameraFrame&)> teacher(const Track& track, bool reverse) const {
    if (options_.teacher == "line")
      return [follower = LineFollower(track, reverse, options_.top_speed)](const CameraFrame& frame) {
        return follower(frame.pose, frame.arc_m);
      };
    return [expert = Expert(options_.top_speed)](const CameraFrame& frame) mutable { return expert(frame.image); };
  }

  Episode drive(const Track& track, const EpisodeOptions& options, const Label& add) {
    const auto ask_teacher = teacher(track, options.reverse);
    std::optional<NetworkPilot> network;
    if (driver_.plan != nullptr) network.emplace(*driver_.graph, *driver_.plan);
    Command label;
    const Pilot pilot{[&](const CameraFrame& frame) {
                        label = ask_teacher(frame);
                        return network ? (*network)(frame.image) : label;
                      },
                      0};
    return drive_episode(track, pilot, options,
                         [&](const CameraFrame& frame, const Command&, double now_s) { add(frame.image, label, now_s); });
  }

  const Options& options_;
  const Driver& driver_;
};

}  // namespace

void run_record(int argc, char** argv) {
  Options options;
  options.parse(argc, argv);
  Driver driver{.name = options.driver};
  std::optional<Graph> graph;
  std::optional<Plan> plan;
  if (options.driver != "teacher") {
    graph = load_model_for_frames(options.driver, options.model);
    plan.emplace(*graph);
    driver.graph = &*graph, driver.plan = &*plan;
  }
  Recorder recorder(options, driver);
  for (const std::string& name : options.circuits) {
    const Circuit circuit = find_circuit(name);
    recorder.record(circuit, false);
    if (options.both_directions) recorder.record(circuit, true);
  }
}

}  // namespace slimpilot
