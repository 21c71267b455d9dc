// SPDX-License-Identifier: Apache-2.0
// Ops that graphs of several branches need, against what they are by definition, on every instruction set.
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/definition_test.h"
#include "engine/node_calls.h"
#include "engine/quantized_scale.h"

namespace slimpilot {
namespace {

TEST(Concat, PutsInputsBehindEachOtherAlongAnyAxis) {
  for (const int axis : {0, 1, 2, 3}) {
    Shape other{2, 3, 4, 5};
    other[static_cast<size_t>(axis)] = 2;
    ValueId c = kNoValue;
    const Net net({2, 3, 4, 5}, [&](Net& n, ValueId x) {
      c = n.constant("c", other);
      return n.node("y", Concat{axis}, {x, c, n.node("relu", Activation{}, {x})});
    });
    Shape position(4);
    std::vector<double> expected;
    const auto at = [&](const Shape& shape, const float* data) {
      int64_t index = 0;
      for (size_t d = 0; d < 4; ++d) index = index * shape[d] + position[d];
      return data[index];
    };
    const Shape y = net.shape();
    const int own = net.graph.value(0).shape[static_cast<size_t>(axis)];
    for (int64_t i = 0; i < element_count(y); ++i) {
      int64_t rest = i;
      for (size_t d = 4; d-- > 0; rest /= y[d]) position[d] = static_cast<int>(rest % y[d]);
      int& place = position[static_cast<size_t>(axis)];
      if (place < own) {
        expected.push_back(at(net.graph.value(0).shape, net.input.data()));
      } else if (place < own + 2) {
        place -= own;
        expected.push_back(at(other, net.graph.value(c).elements<float>().data()));
      } else {
        place -= own + 2;
        expected.push_back(std::max(0.0f, at(net.graph.value(0).shape, net.input.data())));
      }
    }
    expect_outputs(net, expected, 0);
  }
}

TEST(Concat, RefusesInputsOfAnotherType) {
  const Net net({1, 3}, [](Net& n, ValueId x) {
    const std::vector<uint16_t> halves{0x3C00, 0x4000};
    return n.node("y", Concat{1}, {x, add_constant(n.graph, "c", {1, 2}, ElementType::f16, std::span(halves))});
  });
  EXPECT_THROW(Plan(net.graph), Error);
}

TEST(Permute, MovesEveryElement) {
  const Shape x{2, 3, 4, 5};
  for (const std::vector<int>& order : {std::vector{0, 1, 2, 3}, {0, 3, 1, 2}, {3, 2, 1, 0}, {0, 2, 1, 3}, {1, 0, 2, 3}}) {
    const Net net(x, [&](Net& n, ValueId in) { return n.node("y", Permute{order}, {in}); });
    const Shape y = net.shape();
    std::vector<double> expected;
    for (int64_t i = 0; i < element_count(y); ++i) {
      Shape from(4);
      int64_t rest = i, index = 0;
      for (size_t d = 4; d-- > 0; rest /= y[d]) from[static_cast<size_t>(order[d])] = static_cast<int>(rest % y[d]);
      for (size_t d = 0; d < 4; ++d) index = index * x[d] + from[d];
      expected.push_back(net.input[static_cast<size_t>(index)]);
    }
    expect_outputs(net, expected, 0);
  }
}

TEST(Softmax, IsExpOverSumPerRow) {
  const Net net({3, 7}, [](Net& n, ValueId x) {
    return n.node("y", Softmax{}, {n.node("far", Mul{}, {x, add_constant(n.graph, "k", {1}, {60.f})})});
  });
  std::vector<double> expected;
  for (size_t row = 0; row < 3; ++row) {
    double sum = 0;
    const auto power = [&](size_t c) { return std::exp(static_cast<double>(net.input[row * 7 + c] * 60) - 180); };
    for (size_t c = 0; c < 7; ++c) sum += power(c);
    for (size_t c = 0; c < 7; ++c) expected.push_back(power(c) / sum);
  }
  expect_outputs(net, expected, 1e-6);
}

TEST(LeakyRelu, IsTwoSlopes) {
  const Net net({1, 101}, [](Net& n, ValueId x) { return n.node("y", LeakyRelu{.2f}, {x}); });
  std::vector<double> expected;
  for (const float x : net.input) expected.push_back(x < 0 ? static_cast<double>(.2f) * x : x);
  expect_outputs(net, expected, 1e-7);
}

/// Within one step of the real function, in both integer types.
TEST(LeakyRelu, OfIntegersIsWithinAStep) {
  for (const ElementType type : {ElementType::s8, ElementType::s16}) {
    const bool s8 = type == ElementType::s8;
    Net net({1, 301}, [](Net& n, ValueId x) { return n.node("y", LeakyRelu{.3f}, {x}); });
    const Quantization in{{s8 ? 6.f / 255 : 3.f / 32767}, {s8 ? 11 : 0}, -1},
        out{{s8 ? 4.f / 255 : 3.f / 32767}, {s8 ? -70 : 0}, -1};
    for (const auto& [id, q] : {std::pair{0, in}, {1, out}})
      net.graph.value(id).type = type, net.graph.value(id).quantization = q;
    verify(net.graph);
    for (const Isa isa : supported_isas()) {
      const auto outputs = outputs_of(Plan(net.graph, {.isa = isa}), net.input);
      for (size_t i = 0; i < outputs.size(); ++i) {
        const float x = in.scale[0] * static_cast<float>(quantize_limited(net.input[i], in.scale[0], in.zero_point[0], type) -
                                                         in.zero_point[0]);
        const IntegerRange range = integer_range(type);
        const float low = out.scale[0] * static_cast<float>(range.low - out.zero_point[0]),
                    high = out.scale[0] * static_cast<float>(range.high - out.zero_point[0]);
        EXPECT_NEAR(outputs[i], std::clamp(x < 0 ? .3f * x : x, low, high), out.scale[0]) << isa_name(isa) << " of " << x;
      }
    }
  }
}

/// Sums and products with a second operand that is repeated along the first, the last, or all other dimensions.
TEST(Pairs, RepeatTheirSecondOperand) {
  const Shape x{2, 3, 4, 5};
  for (const Shape& part : {Shape{5}, {1, 1, 1, 5}, {2, 3, 4, 1}, {1, 3, 4, 1}, {3, 1, 1}, {2, 1, 1, 1}, {4, 5}, {}, {1, 1}}) {
    for (const bool product : {false, true}) {
      ValueId b = kNoValue;
      const Net net(x, [&](Net& n, ValueId in) {
        b = n.constant("b", part);
        return product ? n.node("y", Mul{}, {in, b}) : n.node("y", Add{}, {in, b});
      });
      std::vector<double> expected;
      const auto elements = net.graph.value(b).elements<float>();
      for (int64_t i = 0; i < element_count(x); ++i) {
        int64_t rest = i, index = 0, stride = 1;
        for (size_t d = 4, p = part.size(); d-- > 0 && p > 0; rest /= x[d]) {
          --p;
          if (part[p] > 1) index += rest % x[d] * stride;
          stride *= part[p];
        }
        const double a = net.input[static_cast<size_t>(i)], other = elements[static_cast<size_t>(index)];
        expected.push_back(product ? a * other : a + other);
      }
      expect_outputs(net, expected, 1e-6);
    }
  }
}

/// Ops on a batch of images equal the same op on each image.
TEST(Batch, IsComputedImageByImage) {
  struct Layer {
    Op op;
    Shape weights;
  };
  const Layer layers[] = {{Conv2D{2, 1, Padding::same, ActivationKind::relu}, {9, 3, 2, 5}},
                          {DepthwiseConv2D{1, 2, Padding::same, ActivationKind::none}, {1, 3, 3, 5}},
                          {Pool2D{PoolKind::max, 2, 3, 1, 2, Padding::same}, {}},
                          {Pool2D{PoolKind::average, 3, 2, 2, 1, Padding::valid}, {}},
                          {Crop2D{1, 2, 0, 1}, {}},
                          {Pad2D{2, 0, 1, 3}, {}}};
  for (const Layer& layer : layers) {
    const auto build = [&](Net& n, ValueId x) {
      if (layer.weights.empty()) return n.node("y", layer.op, {x});
      n.random = Random(9);  // the same weights for both
      const int outputs = std::max(layer.weights[0], std::holds_alternative<DepthwiseConv2D>(layer.op) ? layer.weights[3] : 0);
      const ValueId w = n.constant("w", layer.weights);
      return n.node("y", layer.op, {x, w, n.constant("b", {outputs})});
    };
    const Net batch({3, 7, 6, 5}, build);
    Net one({1, 7, 6, 5}, build);
    for (const Isa isa : supported_isas()) {
      const Plan plan(one.graph, {.isa = isa});
      std::vector<float> expected;
      for (size_t i = 0; i < 3; ++i) {
        const auto part = outputs_of(plan, {batch.input.begin() + static_cast<ptrdiff_t>(i * 210),
                                            batch.input.begin() + static_cast<ptrdiff_t>((i + 1) * 210)});
        expected.insert(expected.end(), part.begin(), part.end());
      }
      for (const int threads : {1, 3})
        EXPECT_EQ(outputs_of(Plan(batch.graph, {.isa = isa, .threads = {threads, 1}}), batch.input), expected)
            << op_name(layer.op) << " " << isa_name(isa) << " " << threads;
    }
  }
}

/// So do layers that run over sequences.
TEST(Batch, HasSequencesEachByItself) {
  for (const bool images : {false, true}) {
    const auto build = [&](Net& n, ValueId x) {
      n.random = Random(9);  // the same weights for both
      const auto weights = [&](const std::string& name, int inputs) {
        return n.constant(name, images ? Shape{8, 2, 1, inputs} : Shape{8, inputs});
      };
      const ValueId kernel = weights("kernel", images ? 1 : 2), recurrent = weights("recurrent", 2);
      return n.node("y", images ? Op(ConvLstm2D{}) : Op(Lstm{}), {x, kernel, recurrent, n.constant("b", {8})});
    };
    const auto shape = [&](int sequences) { return images ? Shape{sequences, 4, 2, 1, 1} : Shape{sequences, 4, 2}; };
    const Net batch(shape(3), build);
    const Plan plan(Net(shape(1), build).graph);
    std::vector<float> expected;
    for (auto first = batch.input.begin(); first < batch.input.end(); first += 8) {
      const auto part = outputs_of(plan, {first, first + 8});
      expected.insert(expected.end(), part.begin(), part.end());
    }
    for (const int threads : {1, 3}) EXPECT_EQ(outputs_of(Plan(batch.graph, {.threads = {threads, 1}}), batch.input), expected);
  }
}

}  // namespace
}  // namespace slimpilot
