// SPDX-License-Identifier: Apache-2.0
// Small networks of one input, and a check that every instruction set yields what their ops are by definition.
#pragma once

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "engine/session_test.h"
#include "graph/edit.h"

namespace slimpilot {

inline std::vector<float> random_numbers(Random& random, int64_t count) {
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& x : numbers) x = static_cast<float>(random.uniform(-3, 3));
  return numbers;
}

/// A graph of one input that `build` continues to its output, and numbers for it.
struct Net {
  Graph graph;
  Random random{5};
  std::vector<float> input;

  template <class Build>
  Net(Shape shape, const Build& build) {
    input = random_numbers(random, element_count(shape));
    graph.inputs = {add_value(graph, "x", std::move(shape))};
    graph.outputs = {build(*this, graph.inputs[0])};
    verify(graph);
  }
  ValueId constant(const std::string& name, Shape shape) {
    const auto numbers = random_numbers(random, element_count(shape));
    return add_constant(graph, name, std::move(shape), numbers);
  }
  ValueId node(const std::string& name, Op op, std::vector<ValueId> inputs) {
    return append_node(graph, name, std::move(op), std::move(inputs));
  }
  const Shape& shape() const { return graph.value(graph.outputs[0]).shape; }
};

/// Every instruction set, one thread and three, yields `expected`.
inline void expect_outputs(const Net& net, const std::vector<double>& expected, double error = 1e-5) {
  for (const Isa isa : supported_isas())
    for (const int threads : {1, 3}) {
      const auto outputs = outputs_of(Plan(net.graph, {.isa = isa, .threads = {threads, 1}}), net.input);
      ASSERT_EQ(outputs.size(), expected.size());
      for (size_t i = 0; i < outputs.size(); ++i)
        EXPECT_NEAR(outputs[i], expected[i], error * (1 + std::abs(expected[i]))) << isa_name(isa) << ", element " << i;
    }
}

}  // namespace slimpilot
