// SPDX-License-Identifier: Apache-2.0
// A model that says what it makes of frames, one after the other: what predict and run share.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/model_options.h"
#include "engine/frame_input.h"
#include "engine/session.h"
#include "host/frame_source.h"

namespace slimpilot {

class Predictor {
 public:
  /// Reads, simplifies and plans a model as load_model and fastest_plan do; throws what they throw.
  Predictor(const std::string& model, const ModelOptions& options, const PlanOptions& plan);
  Predictor(const Predictor&) = delete;  // the session points to the plan

  const Graph& graph() const { return graph_; }

  /// Names and units of the results; "output 0", … where the model does not say.
  const std::vector<OutputMeaning>& outputs() const { return outputs_; }

  /// Prepares for frames of one size. Throws Error when they cannot become the network's input.
  void set_frame_size(ImageSize size);

  /// Judges the next frame without those before: neither what layers remember of them nor the images themselves.
  void forget();

  /// Whether the network gets earlier frames beside the newest.
  bool sees_earlier_frames() const;

  /// The results in their units, valid until the next call; frames of a new size are prepared for. Throws Error with the
  /// frame's name as set_frame_size does.
  std::span<const double> operator()(const NamedFrame& frame);

 private:
  Graph graph_;
  Plan plan_;
  Session session_;
  std::vector<OutputMeaning> outputs_;
  ImageSize size_;
  std::optional<FrameInput> input_;
  std::vector<float> results_;
  std::vector<double> values_;
};

}  // namespace slimpilot
