// SPDX-License-Identifier: Apache-2.0
// Running a plan.
#include "engine/session.h"

#include <cstring>

#include "base/error.h"
#include "engine/kernels/kernels.h"

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

Session::Session(const Plan& plan) : plan_(&plan), arena_(aligned_bytes(plan.arena_bytes())) {
  if (plan.threads().count > 1) workers_ = std::make_unique<WorkerPool>(plan.threads().count);
}

void Session::write_input(std::span<const float> numbers, size_t i) {
  const TensorView& view = plan_->inputs()[i];
  check(static_cast<int64_t>(numbers.size()) == element_count(view.shape));
  const std::span<std::byte> target = input(i);
  if (view.type == ElementType::f32) {
    std::memcpy(target.data(), numbers.data(), target.size());
    return;
  }
  check(view.type == ElementType::s8 || view.type == ElementType::s16);
  const auto& quantize = kernels(plan_->isa()).quantize;
  const auto kernel = view.type == ElementType::s8 ? quantize.f32_to_s8 : quantize.f32_to_s16;
  kernel({element_count(view.shape), view.quantization.scale[0], view.quantization.zero_point[0]},
         {{numbers.data(), nullptr}, target.data(), nullptr});
}

void Session::run_part(const Step& step, const Part& part) noexcept {
  const auto operand = [&](const Operand& o) {
    return o.constant ? static_cast<const std::byte*>(o.constant) : base() + o.offset;
  };
  const Io io{{operand(step.input[0]) + part.input, operand(step.input[1])},
              base() + step.output + part.output,
              base() + part.scratch,
              base() + part.state};
  std::visit([&](const auto& call) { call.kernel(call.args, io); }, part.call);
}

void Session::run_step(size_t i) noexcept {
  const Step& step = plan_->steps()[i];
  if (workers_ == nullptr || step.parts.size() == 1) {
    for (const Part& part : step.parts) run_part(step, part);
    return;
  }
  workers_->run(step.parts.size(), [&](size_t part) { run_part(step, step.parts[part]); });
}

void Session::run() noexcept {
  for (size_t i = 0; i < plan_->steps().size(); ++i) run_step(i);
}

void Session::reset_state() noexcept {
  for (const StateView& state : plan_->states()) std::memset(base() + state.offset, 0, state.bytes);
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
