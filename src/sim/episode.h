// SPDX-License-Identifier: Apache-2.0
// One drive of a pilot on a track, in simulated time and lock step: camera, pilot, command and motion have their own clocks,
// and how long the pilot's computing takes is injected, so that the speed of the machine that simulates plays no part.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "sim/camera.h"
#include "sim/track.h"
#include "sim/vehicle.h"

namespace slimpilot {

/// What the camera took, and from where. Pilots that are put to the test look at the image alone.
struct CameraFrame {
  Image image;
  Pose pose;         // the robot's
  double arc_m = 0;  // its place along the line
};

/// Turns a frame into a command. `first_row`: the first row of the image that it looks at.
struct Pilot {
  std::function<Command(const CameraFrame&)> drive;
  int first_row = 0;
};

struct EpisodeOptions {
  // Clocks.
  double camera_period_s = 0.05;
  double camera_phase_s = 0.025;  // of its clock against the pilot's: nobody synchronises them, so a frame is half a period old
  double control_period_s = 0.05;         // the pilot sees the newest frame this often
  double command_period_s = 0;            // commands take effect at multiples of this; 0: at once
  std::vector<double> latency_s = {0.0};  // from frame to command: one of these, drawn anew each time
  // Start and end.
  double start_arc_m = 0;
  bool reverse = false;  // against the line's direction
  double timeout_s = 100;
  double distance_m = 0;  // along the line that makes the lap; 0: the track's length
  // Robot and world.
  VehicleLimits vehicle;
  Scenery scenery;
  uint64_t seed = 1;
  /// What the robot gets instead of what the pilot asks for, called once per command; empty: the same.
  std::function<Command(const Command& asked, double time_s)> disturb;
};

/// What ended an episode: the laps are done, |lateral| exceeded half the road, less than 0.5 m in 10 s, or time was up.
enum class EpisodeEnd : uint8_t { lap, crash, trapped, timeout };
std::string_view end_name(EpisodeEnd end);

/// The robot at one time, 20 times a second.
struct OdometrySample {
  double time_s = 0;
  Pose pose;
  Command motion;
  double lateral_m = 0;   // from the centre line, + = left of the driving direction
  double progress_m = 0;  // along the line since the start, + = in the driving direction
  bool operator==(const OdometrySample&) const = default;
};

struct Episode {
  EpisodeEnd end = EpisodeEnd::timeout;
  double start_arc_m = 0;
  bool reverse = false;
  double lap_s = 0;  // when the laps were complete; 0 if they never were
  std::vector<OdometrySample> odometry;
  std::vector<Command> commands;  // as the pilot gave them, one per control period
  double cycle_s = 0;             // mean time between commands
  bool operator==(const Episode&) const = default;
};

/// Called with each frame that the pilot sees and the command it gives.
using FrameObserver = std::function<void(const CameraFrame& frame, const Command& command, double time_s)>;

/// Drives until the episode ends. The same options and a pilot that computes the same give the same result to the last bit.
Episode drive_episode(const Track& track, const Pilot& pilot, const EpisodeOptions& options, const FrameObserver& observe = {});

}  // namespace slimpilot
