// SPDX-License-Identifier: Apache-2.0
// Bias correction: rounding a weight by ε shifts the mean result by ε·E[x]; behind ReLU, E[x] is as large as x itself.
#include "optimize/correct_bias.h"

#include "graph/edit.h"

namespace slimpilot {

std::vector<float> corrected_bias(std::vector<float> bias, const Value& real, const Value& rounded, int axis,
                                  const std::vector<float>& input_means) {
  const std::vector<float> before = constant_as_floats(real), after = constant_as_floats(rounded);
  const size_t per_output = before.size() / bias.size();
  std::vector<double> shift(bias.size());
  for (size_t i = 0; i < before.size(); ++i)
    shift[axis == 0 ? i / per_output : i % bias.size()] +=
        (static_cast<double>(after[i]) - before[i]) * input_means[i % input_means.size()];
  for (size_t o = 0; o < bias.size(); ++o) bias[o] = static_cast<float>(bias[o] - shift[o]);
  return bias;
}

}  // namespace slimpilot
