// SPDX-License-Identifier: Apache-2.0
// Which frames calibrate.
#include "optimize/calibration_frames.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/random.h"

namespace slimpilot {
namespace {

/// `count` frames whose values of output `o` are evenly spread from the least to the greatest.
void add_spread(const std::vector<std::vector<float>>& predictions, size_t o, size_t count, std::set<size_t>& chosen) {
  std::vector<size_t> order(predictions.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto less = [&](size_t a, size_t b) { return predictions[a][o] < predictions[b][o]; };
  std::stable_sort(order.begin(), order.end(), less);
  const float low = predictions[order.front()][o], high = predictions[order.back()][o];
  for (size_t i = 0; i < count; ++i) {
    const float target = count > 1 ? low + (high - low) * static_cast<float>(i) / static_cast<float>(count - 1) : high;
    const auto reached = std::find_if(order.begin(), order.end(), [&](size_t f) { return predictions[f][o] >= target; });
    chosen.insert(reached == order.end() ? order.back() : *reached);
  }
}

}  // namespace

std::vector<size_t> choose_calibration_frames(const std::vector<std::vector<float>>& predictions, size_t count, uint64_t seed,
                                              size_t stretch) {
  std::set<size_t> spread, chosen;
  count = std::min(count, predictions.size());
  if (count == 0) return {};
  const auto add = [&](size_t s) {
    for (size_t i = s * stretch; i < std::min((s + 1) * stretch, predictions.size()) && chosen.size() < count; ++i)
      chosen.insert(i);
  };
  const size_t outputs = predictions[0].size();
  for (size_t o = 0; o < outputs; ++o) add_spread(predictions, o, count / stretch / 2 / outputs, spread);
  for (const size_t frame : spread) add(frame / stretch);
  std::vector<size_t> rest((predictions.size() + stretch - 1) / stretch);
  std::iota(rest.begin(), rest.end(), size_t{0});
  Random(seed).shuffle(std::span(rest));
  for (const size_t s : rest) add(s);
  return {chosen.begin(), chosen.end()};
}

}  // namespace slimpilot
