// SPDX-License-Identifier: Apache-2.0
#include "training/libtorch/integer_forward.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/parallel.h"
#include "engine/session.h"

namespace slimpilot {

std::vector<at::Tensor> integer_forward(const Graph& graph, const at::Tensor& images) {
  const Plan plan(graph, {.keep_all_values = true});
  const auto count = static_cast<size_t>(images.size(0));
  const at::Tensor input = images.contiguous();
  const auto input_elements = static_cast<size_t>(input.numel()) / count;
  std::map<std::string, ValueId> ids;
  for (const Node& node : graph.nodes) ids[graph.value(node.output).name] = node.output;
  std::vector<at::Tensor> results(graph.values.size());
  std::vector<float*> targets;
  for (const TensorView& view : plan.values()) {
    std::vector<int64_t> shape(view.shape.begin(), view.shape.end());
    shape[0] *= static_cast<int64_t>(count);
    at::Tensor& tensor = results[static_cast<size_t>(ids.at(view.name))] = at::empty(shape, at::kFloat);
    targets.push_back(tensor.data_ptr<float>());
  }
  parallel_for(count, [&](size_t first, size_t last) {
    Session session(plan);
    std::vector<float> numbers;
    for (size_t i = first; i < last; ++i) {
      session.write_input({input.data_ptr<float>() + i * input_elements, input_elements});
      session.run();
      for (size_t v = 0; v < targets.size(); ++v) {
        numbers.clear();
        session.read(plan.values()[v], numbers);
        std::copy(numbers.begin(), numbers.end(), targets[v] + i * numbers.size());
      }
    }
  });
  return results;
}

at::Tensor as_quantized(const at::Tensor& x, const Value& value) {
  const double scale = value.quantization->scale[0], zero = value.quantization->zero_point[0];
  const auto [low, high] = integer_range(value.type);
  return (at::clamp(at::round(x / scale) + zero, low, high) - zero) * scale;
}

at::Tensor along_scales(const Value& value, const at::Tensor& numbers) {
  std::vector<int64_t> shape(value.shape.size(), 1);
  if (const int axis = value.quantization->axis; axis >= 0) shape[static_cast<size_t>(axis)] = numbers.size(0);
  return numbers.reshape(shape);
}

at::Tensor scale_tensor(const Value& value) {
  const std::vector<float>& scale = value.quantization->scale;
  at::Tensor tensor = at::empty({static_cast<int64_t>(scale.size())}, at::kFloat);
  std::copy(scale.begin(), scale.end(), tensor.data_ptr<float>());
  return along_scales(value, tensor);
}

RealRange real_range(const Value& value) {
  const auto [low, high] = integer_range(value.type);
  const double scale = value.quantization->scale[0], zero = value.quantization->zero_point[0];
  return {(low - zero) * scale, (high - zero) * scale};
}

}  // namespace slimpilot
