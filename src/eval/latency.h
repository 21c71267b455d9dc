// SPDX-License-Identifier: Apache-2.0
// How long a network takes on this CPU, one frame at a time, one thread.
#pragma once

#include <span>
#include <vector>

#include "engine/session.h"
#include "host/image_file.h"

namespace slimpilot {

struct Latency {
  double p50_ms = 0, p90_ms = 0, p99_ms = 0, p999_ms = 0;
  size_t runs = 0;
};

struct LatencyOptions {
  size_t warmup_runs = 20;
  size_t least_runs = 200, most_runs = 20000;
  double seconds = 0.5;  // goes on until both least_runs and this are reached
  uint64_t seed = 1;
};

/// Network inputs (each as the input tensor's bytes) are taken at random, so that neither caches nor branch predictors learn
/// one frame by heart. Measures Session::run alone.
Latency measure_latency(const Plan& plan, const std::vector<std::vector<std::byte>>& inputs,
                        const LatencyOptions& options = {});

/// From camera frame to commands: preparing the input, running, reading the outputs.
struct CameraLatency {
  Latency frame;
  Latency loop;  // of a loop of multiply-adds in registers, made as long as the median frame: what is uneven is the machine
};

/// `runs` frames, taken at random from `frames` (one size), in turn with the loop. Throws Error when the frames cannot become
/// the network's input.
CameraLatency measure_camera_latency(const Plan& plan, const Preprocessing& preprocessing, std::span<const Image> frames,
                                     size_t runs);

/// Median time of each step in ms, measured in whole runs.
std::vector<double> measure_steps(const Plan& plan, const std::vector<std::vector<std::byte>>& inputs, size_t runs);

struct StepTime {
  double ms;
  int64_t issued;  // Step::issued of the way that was the fastest
};
/// The same when no number of a step's first operand is zero, so that nothing can be left out, with the way that is the fastest
/// then.
std::vector<StepTime> measure_steps_without_zeros(const Graph& graph, const Plan& plan, size_t runs);

/// For each step of the graph's plan the share (0 … 1) of its first operand's elements that are zero (integers: the zero
/// point), over all inputs. Dense kernels may leave out the weights of those.
std::vector<double> zero_shares(const Graph& graph, std::span<const std::vector<std::byte>> inputs);

}  // namespace slimpilot
