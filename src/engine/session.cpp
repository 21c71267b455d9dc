// SPDX-License-Identifier: Apache-2.0
// Running a plan.
#include "engine/session.h"

#include "base/error.h"

namespace slimpilot {
namespace {

template <class T>
void append_reals(const std::byte* data, const TensorView& t, std::vector<float>& result) {
  const T* x = reinterpret_cast<const T*>(data);
  const int64_t count = element_count(t.shape);
  if constexpr (std::is_same_v<T, float>) {
    result.insert(result.end(), x, x + count);
  } else {
    const float scale = t.quantization.scale[0];
    const int32_t zero = t.quantization.zero_point[0];
    for (int64_t i = 0; i < count; ++i) result.push_back(scale * static_cast<float>(x[i] - zero));
  }
}

}  // namespace

void Session::run_step(size_t i) noexcept {
  const Step& step = plan_->steps()[i];
  const auto operand = [&](const Operand& o) -> const void* { return o.constant ? o.constant : base() + o.offset; };
  const Io io{{operand(step.input[0]), operand(step.input[1])}, base() + step.output, base() + step.scratch};
  std::visit([&](const auto& call) { call.kernel(call.args, io); }, step.call);
}

void Session::run() noexcept {
  for (size_t i = 0; i < plan_->steps().size(); ++i) run_step(i);
}

void Session::read(const TensorView& tensor, std::vector<float>& result) const {
  const std::byte* data = reinterpret_cast<const std::byte*>(arena_.data()) + tensor.offset;
  switch (tensor.type) {
    case ElementType::f32: return append_reals<float>(data, tensor, result);
    case ElementType::s8: return append_reals<int8_t>(data, tensor, result);
    case ElementType::u8: return append_reals<uint8_t>(data, tensor, result);
    case ElementType::s16: return append_reals<int16_t>(data, tensor, result);
    default: check(false);
  }
}

void Session::read_outputs(std::vector<float>& result) const {
  result.clear();
  for (const TensorView& output : plan_->outputs()) read(output, result);
}

}  // namespace slimpilot
