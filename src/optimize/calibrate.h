// SPDX-License-Identifier: Apache-2.0
// The ranges of a network's activations, observed on a few representative frames. Memory is bounded: per value two numbers
// and a histogram, whatever the number of frames.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "graph/graph.h"
#include "optimize/calibration_range.h"
#include "optimize/patch_covariance.h"

namespace slimpilot {

struct ChannelMoments {
  std::vector<float> mean, variance;
  std::vector<float> active;  // share of the numbers that are not zero, 0 … 1
};

class Calibration {
 public:
  /// Fills the input with a frame.
  using ReadInput = std::function<void(const FrameId&, std::span<float>)>;

  /// Runs `graph` (float) on the frames in their order and observes those that count. Reads each frame more than once, later
  /// too: what `read_input` refers to must outlive the calibration.
  Calibration(const Graph& graph, const CalibrationOptions& options, std::vector<ShownFrame> frames, ReadInput read_input);

  /// What the method makes of the value's numbers, for 8 bits. By name; also the graph's inputs. Of a recurrent layer's result:
  /// of all its steps, the last one returned or all.
  ValueRange range(const std::string& value_name) const { return ranges_.at(value_name); }
  /// Least and greatest that were observed.
  ValueRange observed(const std::string& value_name) const { return observed_.at(value_name); }
  /// Over frames and positions, one per index of the value's last dimension (channels; elements of a flat value).
  const ChannelMoments& channel_moments(const std::string& value_name) const { return moments_.at(value_name); }
  /// Of the inputs of a layer's weights, by the name of its result; null where there are too many inputs or too few samples.
  const PatchCovariance* covariance(const std::string& value_name) const;
  /// Least and greatest of each element of the network's result.
  const std::vector<ValueRange>& output_ranges() const { return output_ranges_; }
  /// What `graph`, a quantized version of the calibrated one, adds to each element of the network's result on average.
  std::vector<double> mean_error(const Graph& graph) const;

 private:
  std::map<std::string, ValueRange> ranges_, observed_;
  std::map<std::string, ChannelMoments> moments_;
  std::map<std::string, PatchCovariance> covariances_;
  std::vector<ValueRange> output_ranges_;
  std::vector<double> output_sums_;
  std::vector<ShownFrame> frames_;
  size_t counted_;  // of them
  ReadInput read_input_;
};

}  // namespace slimpilot
