// SPDX-License-Identifier: Apache-2.0
#include "eval/driver.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/error.h"
#include "base/parallel.h"
#include "eval/program_pilot.h"
#include "sim/expert.h"
#include "sim/line_follower.h"

namespace slimpilot {
namespace {

size_t output_named(const Graph& graph, const std::string& name) {
  for (size_t i = 0; i < graph.meaning.size(); ++i)
    if (graph.meaning[i].name == name) return i;
  throw Error("network '" + graph.name + "' has no output '" + name +
              "': driving needs outputs v (m/s) and w (rad/s); name them with --outputs v:6.5:24,w:-7.1:7.1");
}

}  // namespace

NetworkPilot::NetworkPilot(const Graph& graph, const Plan& plan)
    : session_(plan),
      input_(graph.preprocessing, plan.inputs()[0], kCameraHeight, kCameraWidth, plan.isa()),
      v_(output_named(graph, "v")),
      w_(output_named(graph, "w")),
      first_row_(graph.preprocessing.crop_top) {
  v_meaning_ = graph.meaning[v_], w_meaning_ = graph.meaning[w_];
}

Command NetworkPilot::operator()(const Image& frame) {
  input_.prepare(frame.pixels, session_.input());
  session_.run();
  session_.read_outputs(outputs_);
  return {v_meaning_.in_units(outputs_[v_]), w_meaning_.in_units(outputs_[w_])};
}

Episode drive_once(const Driver& driver, const Track& track, const EpisodeOptions& options, const FrameObserver& observe) {
  const auto drive = [&](auto&& pilot, int first_row) {
    return drive_episode(track, {pilot, observe ? 0 : first_row}, options, observe);
  };
  if (driver.constant) return drive([&](const CameraFrame&) { return *driver.constant; }, kCameraHeight - 1);
  if (driver.knows_line) {
    const LineFollower follower(track, options.reverse);
    return drive([&](const CameraFrame& frame) { return follower(frame.pose, frame.arc_m); }, kCameraHeight - 1);
  }
  if (!driver.program.empty()) {
    ProgramPilot pilot(driver.program);
    return drive([&](const CameraFrame& frame) { return pilot(frame.image); }, 0);
  }
  if (driver.plan == nullptr) {
    Expert expert;
    return drive([&](const CameraFrame& frame) { return expert(frame.image); }, Expert::kFirstRow);
  }
  NetworkPilot network(*driver.graph, *driver.plan);
  return drive([&](const CameraFrame& frame) { return network(frame.image); }, network.first_row());
}

std::vector<EpisodeOptions> episodes_of(const Track& track, const EpisodeOptions& base, int starts, bool both_directions,
                                        int seeds) {
  std::vector<EpisodeOptions> episodes;
  for (int start = 0; start < starts; ++start)
    for (int direction = 0; direction < (both_directions ? 2 : 1); ++direction)
      for (int seed = 0; seed < seeds; ++seed) {
        EpisodeOptions options = base;
        options.start_arc_m = base.start_arc_m + track.length_m() * start / starts;
        options.reverse = both_directions ? direction == 1 : base.reverse;
        options.seed = base.seed + static_cast<uint64_t>(seed);
        episodes.push_back(std::move(options));
      }
  return episodes;
}

std::vector<Episode> drive_all(const Driver& driver, const Track& track, const std::vector<EpisodeOptions>& episodes,
                               const ProgressOutput& output) {
  std::vector<Episode> results(episodes.size());
  Progress progress(driver.name, episodes.size(), output);
  std::atomic<size_t> next{0};
  parallel_for(std::max<size_t>(1, std::thread::hardware_concurrency()), [&](size_t, size_t) {
    for (size_t i = next++; i < episodes.size(); i = next++) {
      check_cancelled();
      results[i] = drive_once(driver, track, episodes[i]);
      progress.advance();
    }
  });
  return results;
}

}  // namespace slimpilot
