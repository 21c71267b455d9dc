// SPDX-License-Identifier: Apache-2.0
// Adam as Keras computes it. One pass over memory per step, which libtorch's needs eight of: the 17 million weights of
// pilotnet_same are bound by memory.
#pragma once

#include <cstdint>
#include <span>

namespace slimpilot {

/// The moving means of a weight tensor's gradient and of its square.
struct AdamMoments {
  std::span<float> first, second;
};

/// Step number `step` (from 1): m += .1·(g − m), v += .001·(g² − v), w −= rate·√(1 − .999^step)/(1 − .9^step) · m/(√v + 1e-7)
/// (Kingma and Ba 2015, with Keras' place for epsilon).
void adam_step(std::span<float> weights, std::span<const float> gradient, const AdamMoments& moments, double rate,
               int64_t step);

}  // namespace slimpilot
