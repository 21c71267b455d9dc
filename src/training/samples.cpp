// SPDX-License-Identifier: Apache-2.0
// Which frames an epoch shows.
#include "training/samples.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "base/random.h"

namespace slimpilot {
namespace {

constexpr std::string_view kAngularSpeed = "w";
constexpr float kFullSteering = 7.1f;  // rad/s: the range of w in the Formula 1 recordings

}  // namespace

std::optional<size_t> turning_column(const std::vector<LabelColumn>& columns) {
  for (const std::string_view name :
       {kAngularSpeed, std::string_view("steering"), std::string_view("steer"), std::string_view("angle")})
    for (size_t i = 0; i < columns.size(); ++i)
      if (columns[i].name == name) return i;
  return std::nullopt;
}

int balanced_repeats(const std::string& column, float label) {
  struct Level {
    float from;
    int repeats;
  };
  constexpr Level levels[] = {{4, 50}, {3, 35}, {2, 25}, {1, 15}, {.5f, 5}, {.3f, 2}};
  const float w = std::abs(label) * (column == kAngularSpeed ? 1 : kFullSteering);
  for (const Level& level : levels)
    if (w >= level.from) return level.repeats;
  return 1;
}

std::vector<Sample> make_samples(const Dataset& dataset, const SampleOptions& options) {
  const auto turning = turning_column(dataset.columns);
  if ((options.mirror || options.balance) && !turning)
    throw Error("--mirror and --balance need an output named w, steering, steer or angle; this network has none");
  std::vector<Sample> samples;
  for (size_t i = 0; i < dataset.size(); ++i) {
    int repeats = 1;
    if (options.balance) {
      const LabelColumn& c = dataset.columns[*turning];
      repeats = balanced_repeats(c.name, c.min + dataset.labels(i)[*turning] * (c.max - c.min));
    }
    for (int r = 0; r < repeats; ++r) {
      samples.push_back({static_cast<uint32_t>(i), false});
      if (options.mirror) samples.push_back({static_cast<uint32_t>(i), true});
    }
  }
  return samples;
}

std::vector<Sample> epoch_samples(std::vector<Sample> samples, size_t count, uint64_t seed, int epoch) {
  Random random(stream_seed({seed, static_cast<uint64_t>(epoch)}));
  random.shuffle(std::span(samples));
  if (count > 0 && count < samples.size()) samples.resize(count);
  return samples;
}

std::vector<float> sample_labels(const Dataset& dataset, const Sample& sample) {
  std::vector<float> labels = dataset.labels(sample.frame);
  if (!sample.mirrored) return labels;
  const size_t turning = *turning_column(dataset.columns);
  const LabelColumn& c = dataset.columns[turning];
  labels[turning] = -labels[turning] - 2 * c.min / (c.max - c.min);
  return labels;
}

}  // namespace slimpilot
