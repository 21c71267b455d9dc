// SPDX-License-Identifier: Apache-2.0
// Keras' recurrent layers as they are defined.
#include "engine/kernels/recurrent/recurrent.h"

#include <cstring>

namespace slimpilot::reference {

void recurrent(const RecurrentArgs& a, const Io& io) noexcept {
  auto *const state = static_cast<std::byte*>(io.state), *const scratch = static_cast<std::byte*>(io.scratch);
  std::byte* const hidden = state + a.hidden_offset;
  const auto* input = static_cast<const std::byte*>(io.input[0]);
  auto* output = static_cast<std::byte*>(io.output);
  const auto make_gates = [&](const GateLayer& layer, const void* x, std::byte* gates) {
    const Io layer_io{{x, nullptr}, gates, scratch + a.layer_scratch, nullptr};
    std::visit([&](const auto& call) { call.kernel(call.args, layer_io); }, layer);
  };
  if (!a.stateful) std::memset(state, 0, a.state_bytes);
  for (int t = 0; t < a.steps; ++t, input += a.input_bytes) {
    const int of_call = t % a.steps_at_once;
    if (of_call == 0) make_gates(*a.input, input, scratch);
    if (t > 0 || a.stateful)
      make_gates(*a.recurrent, hidden, scratch + a.recurrent_gates);
    else  // of a zero state
      std::memset(scratch + a.recurrent_gates, 0, a.gate_bytes);
    const bool integers = a.quantize.kernel != nullptr;
    std::byte* const real_hidden = integers ? scratch + a.real_hidden : hidden;
    const std::byte* const gates = scratch + static_cast<size_t>(of_call) * a.gate_bytes;
    a.step.kernel(a.step.args, {{gates, scratch + a.recurrent_gates}, real_hidden, nullptr, state});
    if (integers) a.quantize.kernel(a.quantize.args, {{real_hidden, nullptr}, hidden, nullptr, nullptr});
    if (!a.return_sequences && t < a.steps - 1) continue;
    std::memcpy(output, hidden, a.hidden_bytes);
    output += a.hidden_bytes;
  }
}

}  // namespace slimpilot::reference
