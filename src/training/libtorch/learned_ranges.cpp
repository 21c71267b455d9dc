// SPDX-License-Identifier: Apache-2.0
#include "training/libtorch/learned_ranges.h"

#include "graph/weights.h"
#include "optimize/integer_scales.h"
#include "training/libtorch/integer_forward.h"

namespace slimpilot {

LearnedRanges::LearnedRanges(const Graph& graph) : scale_of_value_(graph.values.size(), -1) {
  const auto add = [&](ValueId id) {
    const Value& value = graph.value(id);
    at::Tensor factor = at::zeros({static_cast<int64_t>(value.quantization->scale.size())}, at::kFloat);
    factor.set_requires_grad(true);
    scale_of_value_[static_cast<size_t>(id)] = static_cast<int>(scales_.size());
    scales_.push_back({"range of " + value.name, {id}, scale_tensor(value).flatten(), factor});
  };
  for (const ValueId id : weights_of(graph))
    if (graph.value(id).quantization) add(id);
  for (const Node& node : graph.nodes) {
    const Value& result = graph.value(node.output);
    if (!result.quantization) continue;
    if (keeps_scale(node.op)) {
      const int scale = scale_of_value_[static_cast<size_t>(node.inputs[0])];
      scale_of_value_[static_cast<size_t>(node.output)] = scale;
      if (scale >= 0) scales_[static_cast<size_t>(scale)].values.push_back(node.output);
    } else if (!fixed_scale(node.op, result.type)) {
      add(node.output);
    }
  }
}

at::Tensor LearnedRanges::scale_of(const Graph& graph, ValueId id) const {
  const int index = scale_of_value_[static_cast<size_t>(id)];
  if (index < 0) return {};
  const Scale& scale = scales_[static_cast<size_t>(index)];
  return along_scales(graph.value(id), scale.calibrated * scale.log_factor.exp());
}

void LearnedRanges::store(Graph& graph) const {
  const at::NoGradGuard no_gradients;
  for (const Scale& scale : scales_) {
    const at::Tensor now = (scale.calibrated * scale.log_factor.exp()).contiguous();
    const float* const first = now.data_ptr<float>();
    for (const ValueId id : scale.values) graph.value(id).quantization->scale.assign(first, first + now.numel());
  }
  for (const Node& node : graph.nodes) {
    if (weight_uses(node).empty() || !graph.value(node.inputs.back()).quantization) continue;
    const float input = graph.value(node.inputs[0]).quantization->scale[0];
    std::vector<float> scales = graph.value(node.inputs[1]).quantization->scale;
    for (float& s : scales) s *= input;
    graph.value(node.inputs.back()).quantization->scale = std::move(scales);
  }
}

}  // namespace slimpilot
