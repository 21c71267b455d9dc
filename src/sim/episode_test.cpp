// SPDX-License-Identifier: Apache-2.0
// Motion, clocks and the rules that end an episode.
#include "sim/episode.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/circuits.h"
#include "sim/expert.h"
#include "sim/line_follower.h"
#include "sim/track_test.h"

namespace slimpilot {
namespace {

constexpr double kPi = 3.14159265358979323846;

Pilot constant(double v, double w) {
  return {[=](const CameraFrame&) { return Command{v, w}; }, kCameraHeight - 1};
}

TEST(Vehicle, DrivesArcs) {
  Vehicle vehicle({}, {});
  for (int i = 0; i < 1000; ++i) vehicle.step({kPi, kPi}, 0.001);  // half a turn of radius 1
  EXPECT_NEAR(vehicle.pose().position.x, 0, 1e-5);
  EXPECT_NEAR(vehicle.pose().position.y, 2, 1e-5);
  EXPECT_NEAR(vehicle.pose().heading, kPi, 1e-9);
}

TEST(Vehicle, LagAndLimits) {
  Vehicle slow({}, {.lag_s = 0.5});
  for (int i = 0; i < 500; ++i) slow.step({10, 2}, 0.001);
  EXPECT_NEAR(slow.motion().v, 10 * (1 - std::exp(-1)), 1e-6);
  EXPECT_NEAR(slow.motion().w, 2 * (1 - std::exp(-1)), 1e-6);
  Vehicle limited({}, {.max_speed = 3, .max_turn = 0.5, .max_acceleration = 2});
  limited.step({10, -2}, 0.001);
  EXPECT_NEAR(limited.motion().v, 0.002, 1e-12);
  EXPECT_EQ(limited.motion().w, -0.5);
  for (int i = 0; i < 5000; ++i) limited.step({10, -2}, 0.001);
  EXPECT_NEAR(limited.motion().v, 3, 1e-9);
}

TEST(Episode, ACircleIsALap) {
  const Track track(ring(10), 3);
  for (const bool reverse : {false, true}) {
    const Episode e = drive_episode(track, constant(5, reverse ? -0.5 : 0.5), {.reverse = reverse});
    EXPECT_EQ(e.end, EpisodeEnd::lap);
    EXPECT_NEAR(e.lap_s, 4 * kPi, 0.02);
    EXPECT_NEAR(e.odometry.back().progress_m, 20 * kPi + 10, 0.1);
    EXPECT_NEAR(e.odometry[20].time_s, 1.0, 1e-12);
    EXPECT_NEAR(e.cycle_s, 0.05, 1e-9);
  }
}

TEST(Episode, EndsOffTheRoadStuckAndByTime) {
  const Track track(ring(10), 3);
  const Episode crash = drive_episode(track, constant(5, 0), {});
  EXPECT_EQ(crash.end, EpisodeEnd::crash);
  EXPECT_NEAR(std::hypot(crash.odometry.back().pose.position.x, crash.odometry.back().pose.position.y), 11.5, 0.3);
  const Episode stuck = drive_episode(track, constant(0.01, 0), {});
  EXPECT_EQ(stuck.end, EpisodeEnd::trapped);
  EXPECT_NEAR(stuck.odometry.back().time_s, 10, 0.1);
  EXPECT_EQ(drive_episode(track, constant(5, 0.5), {.timeout_s = 3}).end, EpisodeEnd::timeout);
}

TEST(Episode, LatencyAndHoldDelayTheFirstCommand) {
  const Track track(ring(10), 3);
  const auto moved_after = [&](double latency_s, double hold_s) {
    const Episode e =
        drive_episode(track, constant(5, 0.5), {.command_period_s = hold_s, .latency_s = {latency_s}, .timeout_s = 1});
    return e.odometry.back().progress_m;
  };
  EXPECT_NEAR(moved_after(0, 0), 5, 0.02);
  EXPECT_NEAR(moved_after(0.3, 0), 3.5, 0.02);
  EXPECT_NEAR(moved_after(0.03, 0.08), 4.6, 0.02);
}

TEST(Episode, ASlowPilotDecidesLessOften) {
  const Track track(ring(10), 3);
  const Episode e = drive_episode(track, constant(5, 0.5), {.latency_s = {0.2}, .timeout_s = 2});
  EXPECT_NEAR(e.cycle_s, 0.2, 1e-9);
}

TEST(Episode, ThePilotSeesTheFrameOfTheCamerasClock) {
  const Track track(ring(10), 3);
  Image first;
  int looks = 0, different = 0;
  const Pilot pilot{[&](const CameraFrame& frame) {
                      different += looks++ > 0 && frame.image != first;
                      first = frame.image;
                      return Command{5, 0.5};
                    },
                    300};
  drive_episode(track, pilot, {.camera_period_s = 0.1, .camera_phase_s = 0.03, .control_period_s = 0.02, .timeout_s = 0.5});
  EXPECT_EQ(looks, 25);
  EXPECT_EQ(different, 5);  // taken at 0, 30, 130, 230, 330, 430 ms
}

TEST(Expert, FollowsARingAndRepeatsItself) {
  const Track track(ring(12), 3);
  const auto drive = [&] {
    Expert expert;
    return drive_episode(track, {[&](const CameraFrame& frame) { return expert(frame.image); }, Expert::kFirstRow}, {});
  };
  const Episode once = drive();
  EXPECT_EQ(once.end, EpisodeEnd::lap);
  EXPECT_EQ(once, drive());
}

TEST(Expert, WithoutALineItTurnsHard) {
  Expert expert;
  Image grey{480, 640, std::vector<uint8_t>(size_t{480} * 640 * 3, 90)};
  EXPECT_NEAR(expert(grey).w, 0.001 * 320 + 0.004 * 320, 1e-9);  // all points at column 0: straight, error 320
}

TEST(LineFollower, KeepsToTheLineBothWaysAndComesBackToIt) {
  const Track track(make_circuit("nurburgring_like").centre_line, 3);
  for (const bool reverse : {false, true}) {
    const LineFollower follower(track, reverse);
    const Pilot pilot{[&](const CameraFrame& frame) { return follower(frame.pose, frame.arc_m); }, kCameraHeight - 1};
    const Episode e = drive_episode(track, pilot, {.reverse = reverse});
    EXPECT_EQ(e.end, EpisodeEnd::lap);
    double largest = 0;
    for (const OdometrySample& sample : e.odometry) {
      largest = std::max(largest, std::abs(sample.lateral_m));
      EXPECT_GE(sample.motion.v, sample.time_s > 0 ? LineFollower::kLeastSpeed : 0);
    }
    EXPECT_LT(largest, 0.25);
  }
  // Beside a straight it turns towards the line: no more than pure pursuit of the goal 1.8 m ahead, 2·v·y/(g² + y²), would now,
  // no less than it would where the robot is when the command acts, 50 ms later.
  const LineFollower follower(track, false);
  const double now = 2 * 10 * 0.4 / (1.8 * 1.8 + 0.4 * 0.4), turned = now * 0.05;
  const double y = 0.4 - 10 * 0.05 * turned;
  const Command command = follower(track.pose_at(20, 0.4), 20);
  EXPECT_EQ(command.v, 10);
  EXPECT_GT(command.w, -now);
  EXPECT_LT(command.w, -2 * 10 * (y - 1.8 * turned) / (1.8 * 1.8 + y * y));
  EXPECT_NEAR(follower(track.pose_at(20, -0.4), 20).w, -command.w, 1e-3);
}

}  // namespace
}  // namespace slimpilot
