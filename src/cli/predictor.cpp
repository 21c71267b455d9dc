// SPDX-License-Identifier: Apache-2.0
#include "cli/predictor.h"

#include "base/error.h"
#include "cli/fastest_plan.h"
#include "optimize/passes.h"

namespace slimpilot {

Predictor::Predictor(const std::string& model, const ModelOptions& options, const PlanOptions& plan)
    : graph_(simplify(load_model_for_frames(model, options))),
      plan_(fastest_plan(graph_, nullptr, plan)),
      session_(plan_),
      outputs_(graph_.meaning) {
  for (auto o = static_cast<int64_t>(outputs_.size()); o < result_count(graph_); ++o)
    outputs_.push_back({"output " + std::to_string(o), ""});
}

void Predictor::set_frame_size(ImageSize size) {
  if (input_ && size == size_) return;
  input_.emplace(graph_.preprocessing, plan_.inputs()[0], size.height, size.width, plan_.isa());
  size_ = size;
}

void Predictor::forget() {
  session_.reset_state();
  if (input_) input_->forget();
}

bool Predictor::sees_earlier_frames() const { return slimpilot::sees_earlier_frames(graph_); }

std::span<const double> Predictor::operator()(const NamedFrame& frame) {
  try {
    set_frame_size({frame.image.height, frame.image.width});
  } catch (const Error& e) {
    throw Error(frame.name + ": " + e.what());
  }
  input_->prepare(frame.image.pixels, session_.input());
  session_.run();
  session_.read_outputs(results_);
  values_.clear();
  for (size_t o = 0; o < results_.size(); ++o) values_.push_back(outputs_[o].in_units(results_[o]));
  return values_;
}

}  // namespace slimpilot
