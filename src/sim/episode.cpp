// SPDX-License-Identifier: Apache-2.0
// Time is counted in whole milliseconds, the physics step, so that no clock drifts against another.
#include "sim/episode.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "base/error.h"
#include "base/random.h"

namespace slimpilot {
namespace {

constexpr int64_t kOdometryPeriod_ms = 50, kTrappedAfter_ms = 10'000;
constexpr double kTrappedWithin_m = 0.5;
constexpr double kPastLap_m = 10;  // driven on behind the lap's end, so that what counts its points sees all of them
constexpr double kPi = 3.14159265358979323846;

int64_t to_ms(double seconds) { return std::llround(seconds * 1000); }

/// A command on its way.
struct Pending {
  int64_t due_ms;
  Command command;
};

class Drive {
 public:
  Drive(const Track& track, const Pilot& pilot, const EpisodeOptions& options, const FrameObserver& observe)
      : track_(track),
        pilot_(pilot),
        options_(options),
        observe_(observe),
        camera_(track, options.scenery),
        vehicle_(start_pose(track, options), options.vehicle),
        random_(options.seed),
        arc_m_(options.start_arc_m) {
    check(!options.latency_s.empty() && to_ms(options.camera_period_s) > 0 && to_ms(options.control_period_s) > 0);
    episode_.start_arc_m = options.start_arc_m, episode_.reverse = options.reverse;
  }

  Episode run() {
    const int64_t phase_ms = to_ms(options_.camera_phase_s);
    for (now_ms_ = 0; !ended(); ++now_ms_) {
      if (now_ms_ == 0 || (now_ms_ >= phase_ms && (now_ms_ - phase_ms) % to_ms(options_.camera_period_s) == 0))
        frame_due_ms_ = now_ms_, frame_.pose = vehicle_.pose(), frame_.arc_m = arc_m_;
      if (now_ms_ >= next_control_ms_) control();
      apply_commands();
      vehicle_.step(current_, 0.001);
    }
    if (episode_.commands.size() > 1)
      episode_.cycle_s = static_cast<double>(last_control_ms_) / 1000 / static_cast<double>(episode_.commands.size() - 1);
    return std::move(episode_);
  }

 private:
  static Pose start_pose(const Track& track, const EpisodeOptions& options) {
    Pose pose = track.pose_at(options.start_arc_m);
    if (options.reverse) pose.heading += kPi;
    return pose;
  }

  /// Notes where the robot is and says whether that ends the drive.
  bool ended() {
    const TrackPosition place = track_.locate(vehicle_.pose().position, arc_m_, now_ms_ == 0 ? 5 : 0.5);
    const double sign = options_.reverse ? -1 : 1, length = track_.length_m();
    progress_m_ += sign * std::remainder(place.arc_m - arc_m_, length);
    arc_m_ = place.arc_m;
    const double lateral_m = sign * place.lateral_m, target_m = options_.distance_m > 0 ? options_.distance_m : length;
    if (now_ms_ % kOdometryPeriod_ms == 0)
      episode_.odometry.push_back(
          {static_cast<double>(now_ms_) / 1000, vehicle_.pose(), vehicle_.motion(), lateral_m, progress_m_});
    if (episode_.lap_s == 0 && progress_m_ >= target_m) episode_.lap_s = static_cast<double>(now_ms_) / 1000;
    const auto end = [&](EpisodeEnd reason) { return episode_.end = reason, true; };
    if (progress_m_ >= target_m + kPastLap_m) return end(EpisodeEnd::lap);
    if (std::abs(lateral_m) > track_.half_width_m()) return end(episode_.lap_s > 0 ? EpisodeEnd::lap : EpisodeEnd::crash);
    if (trapped()) return end(EpisodeEnd::trapped);
    if (static_cast<double>(now_ms_) / 1000 >= options_.timeout_s)
      return end(episode_.lap_s > 0 ? EpisodeEnd::lap : EpisodeEnd::timeout);
    return false;
  }

  bool trapped() const {
    constexpr size_t kSamples = kTrappedAfter_ms / kOdometryPeriod_ms;
    if (episode_.odometry.size() <= kSamples) return false;
    const Point then = episode_.odometry[episode_.odometry.size() - 1 - kSamples].pose.position, now = vehicle_.pose().position;
    return std::hypot(now.x - then.x, now.y - then.y) < kTrappedWithin_m;
  }

  /// The pilot sees the newest frame; it is free again when it has computed and its period is over.
  void control() {
    if (frame_ms_ != frame_due_ms_) {
      camera_.render(frame_.pose, pilot_.first_row, options_.seed * 1'000'003 + static_cast<uint64_t>(frame_due_ms_),
                     frame_.image);
      frame_ms_ = frame_due_ms_;
    }
    const Command command = pilot_.drive(frame_);
    episode_.commands.push_back(command);
    if (observe_) observe_(frame_, command, static_cast<double>(now_ms_) / 1000);
    const int64_t latency_ms = to_ms(options_.latency_s[random_.below(options_.latency_s.size())]);
    const int64_t publish_ms = to_ms(options_.command_period_s), ready_ms = now_ms_ + latency_ms;
    const int64_t due_ms = publish_ms > 0 ? (ready_ms + publish_ms - 1) / publish_ms * publish_ms : ready_ms;
    pending_.push_back({due_ms, options_.disturb ? options_.disturb(command, static_cast<double>(now_ms_) / 1000) : command});
    last_control_ms_ = now_ms_;
    next_control_ms_ = now_ms_ + std::max(to_ms(options_.control_period_s), latency_ms);
  }

  void apply_commands() {
    for (; !pending_.empty() && pending_.front().due_ms <= now_ms_; pending_.pop_front()) current_ = pending_.front().command;
  }

  const Track& track_;
  const Pilot& pilot_;
  const EpisodeOptions& options_;
  const FrameObserver& observe_;
  Camera camera_;
  Vehicle vehicle_;
  Random random_;
  Episode episode_;
  CameraFrame frame_;  // the newest; its image is drawn only if the pilot looks at it
  std::deque<Pending> pending_;
  Command current_;
  int64_t now_ms_ = 0, frame_due_ms_ = 0, frame_ms_ = -1, next_control_ms_ = 0, last_control_ms_ = 0;
  double arc_m_, progress_m_ = 0;
};

}  // namespace

std::string_view end_name(EpisodeEnd end) {
  switch (end) {
    case EpisodeEnd::lap: return "lap";
    case EpisodeEnd::crash: return "crash";
    case EpisodeEnd::trapped: return "trapped";
    case EpisodeEnd::timeout: return "timeout";
  }
  __builtin_unreachable();
}

Episode drive_episode(const Track& track, const Pilot& pilot, const EpisodeOptions& options, const FrameObserver& observe) {
  return Drive(track, pilot, options, observe).run();
}

}  // namespace slimpilot
