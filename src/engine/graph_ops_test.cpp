// SPDX-License-Identifier: Apache-2.0
// Ops that graphs of several branches and of sequences need, against what they are by definition, on every instruction set.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "engine/node_calls.h"
#include "engine/quantized_scale.h"
#include "engine/session_test.h"
#include "graph/edit.h"
#include "graph/sequences.h"

namespace slimpilot {
namespace {

std::vector<float> random_numbers(Random& random, int64_t count) {
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
void expect_outputs(const Net& net, const std::vector<double>& expected, double error = 1e-5) {
  for (const Isa isa : supported_isas())
    for (const int threads : {1, 3}) {
      const auto outputs = outputs_of(Plan(net.graph, {.isa = isa, .threads = {threads, 1}}), net.input);
      ASSERT_EQ(outputs.size(), expected.size());
      for (size_t i = 0; i < outputs.size(); ++i)
        EXPECT_NEAR(outputs[i], expected[i], error * (1 + std::abs(expected[i]))) << isa_name(isa) << ", element " << i;
    }
}

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

/// A ConvLSTM as op.h defines it, in double; `x` and the constants as the node has them.
struct ConvLstmDefinition {
  const Net& net;
  ConvLstm2D op;
  Shape x, y;  // [H,W,C] of a step and of its result
  std::vector<ValueId> constants;

  std::span<const float> numbers(size_t i) const { return net.graph.value(constants[i]).elements<float>(); }
  double function(ActivationKind kind, double v) const {
    return static_cast<double>(real_function(kind)(static_cast<float>(v)));
  }
  /// Sum of the window of an image [H,W,C] that begins at (top, left), with row `o` of constant i.
  double window(std::span<const float> image, const Shape& s, size_t i, int o, int top, int left) const {
    const Shape& w = net.graph.value(constants[i]).shape;
    double sum = 0;
    for (int ky = std::max(0, -top); ky < w[1] && top + ky < s[0]; ++ky)
      for (int kx = std::max(0, -left); kx < w[2] && left + kx < s[1]; ++kx)
        for (int c = 0; c < s[2]; ++c)
          sum += static_cast<double>(image[static_cast<size_t>(((top + ky) * s[1] + left + kx) * s[2] + c)]) *
                 numbers(i)[static_cast<size_t>(((o * w[1] + ky) * w[2] + kx) * s[2] + c)];
    return sum;
  }
  /// Hidden states of all steps, or of the last one.
  std::vector<double> hidden_states() const {
    const Shape &w = net.graph.value(constants[0]).shape, &r = net.graph.value(constants[1]).shape;
    const size_t size = static_cast<size_t>(element_count(y)), step = static_cast<size_t>(element_count(x));
    const int filters = y[2], top = padded_extent(x[0], w[1], op.stride_h, op.padding).before,
              left = padded_extent(x[1], w[2], op.stride_w, op.padding).before;
    std::vector<double> all;
    std::vector<float> hidden(size), next(size), cells(size);
    for (size_t first = 0; first < net.input.size(); first += step) {
      for (size_t i = 0; i < size; ++i) {
        const int f = static_cast<int>(i) % filters, column = static_cast<int>(i) / filters % y[1],
                  row = static_cast<int>(i) / filters / y[1];
        const auto gate = [&](int g) {
          const int o = g * filters + f;
          return numbers(2)[static_cast<size_t>(o)] +
                 window(std::span(net.input).subspan(first, step), x, 0, o, row * op.stride_h - top,
                        column * op.stride_w - left) +
                 window(hidden, y, 1, o, row - (r[1] - 1) / 2, column - (r[2] - 1) / 2);
        };
        const auto sigma = [&](int g) { return function(op.recurrent_activation, gate(g)); };
        cells[i] = static_cast<float>(sigma(1) * cells[i] + sigma(0) * function(op.activation, gate(2)));
        next[i] = static_cast<float>(sigma(3) * function(op.activation, cells[i]));
      }
      hidden = next;
      if (!op.return_sequences) all.clear();
      all.insert(all.end(), hidden.begin(), hidden.end());
    }
    return all;
  }
};

TEST(Recurrent, ConvLstmIsItsDefinition) {
  using enum ActivationKind;
  for (const ConvLstm2D& op :
       {ConvLstm2D{}, ConvLstm2D{.return_sequences = true}, ConvLstm2D{2, 1, Padding::valid, tanh, sigmoid, true, false},
        ConvLstm2D{1, 2, Padding::same, relu6, relu_0_to_1, true, false},
        ConvLstm2D{1, 1, Padding::same, elu, sigmoid, false, false},
        ConvLstm2D{1, 1, Padding::valid, none, hard_sigmoid, true, true}})
    for (const int filters : {1, 3, 8}) {
      std::vector<ValueId> constants;
      const Net net({1, 4, 6, 7, 2}, [&](Net& n, ValueId x) {
        constants = {n.constant("w", {4 * filters, 3, 2, 2}), n.constant("r", {4 * filters, 2, 3, filters}),
                     n.constant("b", {4 * filters})};
        for (const ValueId id : constants)
          for (float& w : n.graph.value(id).elements<float>()) w /= 8;
        return n.node("y", op, {x, constants[0], constants[1], constants[2]});
      });
      const Shape y(net.shape().end() - 3, net.shape().end());
      expect_outputs(net, ConvLstmDefinition{net, op, {6, 7, 2}, y, constants}.hidden_states(), 2e-5);
    }
}

/// As a ConvLSTM of images of one pixel.
TEST(Recurrent, LstmIsItsDefinition) {
  for (const bool sequences : {false, true})
    for (const int units : {1, 5, 33}) {
      std::vector<ValueId> constants;
      Net net({1, 5, 9}, [&](Net& n, ValueId x) {
        constants = {n.constant("w", {4 * units, 9}), n.constant("r", {4 * units, units}), n.constant("b", {4 * units})};
        for (const ValueId id : constants)
          for (float& w : n.graph.value(id).elements<float>()) w /= 8;
        return n.node("y", Lstm{.return_sequences = sequences}, {x, constants[0], constants[1], constants[2]});
      });
      Net images = net;
      images.graph.value(constants[0]).shape = {4 * units, 1, 1, 9};
      images.graph.value(constants[1]).shape = {4 * units, 1, 1, units};
      const ConvLstm2D op{.recurrent_activation = ActivationKind::sigmoid, .return_sequences = sequences};
      expect_outputs(net, ConvLstmDefinition{images, op, {1, 1, 9}, {1, 1, units}, constants}.hidden_states(), 2e-5);
    }
}

/// Calls each(frame, y, x) for the cells of a window [t,h,w] that lie inside a sequence.
template <class F>
void for_window(const Shape& x, const int (&first)[3], const int (&window)[3], F&& each) {
  for (int t = first[0]; t < first[0] + window[0]; ++t)
    for (int y = first[1]; y < first[1] + window[1]; ++y)
      for (int z = first[2]; z < first[2] + window[2]; ++z)
        if (t >= 0 && t < x[1] && y >= 0 && y < x[2] && z >= 0 && z < x[3]) each(t, y, z);
}

struct Case3D {
  int window[3], stride[3];
  Padding padding;
};
const Case3D kCases3D[] = {{{2, 3, 2}, {1, 2, 1}, Padding::valid}, {{3, 2, 3}, {2, 1, 2}, Padding::valid},
                           {{3, 3, 3}, {1, 1, 1}, Padding::same},  {{2, 2, 3}, {2, 2, 1}, Padding::same},
                           {{1, 3, 3}, {1, 1, 1}, Padding::same},  {{5, 2, 2}, {1, 1, 1}, Padding::valid},
                           {{2, 2, 2}, {3, 3, 3}, Padding::same},  {{1, 1, 1}, {2, 2, 2}, Padding::valid}};

TEST(Sequences, Conv3dIsItsDefinition) {
  const Shape x{1, 5, 7, 6, 2};
  for (const Case3D& c : kCases3D) {
    ValueId w = kNoValue, b = kNoValue;
    const Net net(x, [&](Net& n, ValueId in) {
      w = n.constant("w", {c.window[0], c.window[1], c.window[2], 2, 3}), b = n.constant("b", {3});
      return append_conv3d(n.graph, "y", {{c.stride[1], c.stride[2], c.padding}, c.stride[0]}, in, w, b);
    });
    const auto weights = net.graph.value(w).elements<float>();
    const Shape y = net.shape();
    std::vector<double> expected;
    for (int64_t i = 0; i < element_count(y); ++i) {
      const int o = static_cast<int>(i % 3), place[3] = {static_cast<int>(i / 3 / y[2] / y[1]),
                                                         static_cast<int>(i / 3 / y[2] % y[1]), static_cast<int>(i / 3 % y[2])};
      int first[3];
      for (size_t d = 0; d < 3; ++d)
        first[d] = place[d] * c.stride[d] - padded_extent(x[d + 1], c.window[d], c.stride[d], c.padding).before;
      double sum = net.graph.value(b).elements<float>()[static_cast<size_t>(o)];
      for_window(x, first, c.window, [&](int t, int row, int column) {
        for (int k = 0; k < 2; ++k)
          sum += static_cast<double>(net.input[static_cast<size_t>(((t * x[2] + row) * x[3] + column) * 2 + k)]) *
                 weights[static_cast<size_t>(
                     ((((t - first[0]) * c.window[1] + row - first[1]) * c.window[2] + column - first[2]) * 2 + k) * 3 + o)];
      });
      expected.push_back(sum);
    }
    expect_outputs(net, expected);
  }
}

TEST(Sequences, Pool3dIsItsDefinition) {
  const Shape x{1, 5, 7, 6, 2};
  for (const Case3D& c : kCases3D)
    for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
      const Net net(x, [&](Net& n, ValueId in) {
        return append_pool3d(n.graph, "y", {kind, c.window[1], c.window[2], c.stride[1], c.stride[2], c.padding}, c.window[0],
                             c.stride[0], in);
      });
      const Shape y = net.shape();
      std::vector<double> expected;
      for (int64_t i = 0; i < element_count(y); ++i) {
        const int64_t cell = i / 2;
        const int place[3] = {static_cast<int>(cell / y[3] / y[2]), static_cast<int>(cell / y[3] % y[2]),
                              static_cast<int>(cell % y[3])};
        int first[3], count = 0;
        for (size_t d = 0; d < 3; ++d)
          first[d] = place[d] * c.stride[d] - padded_extent(x[d + 1], c.window[d], c.stride[d], c.padding).before;
        double sum = 0, greatest = -1e30;
        for_window(x, first, c.window, [&](int t, int row, int column) {
          const double number = net.input[static_cast<size_t>(((t * x[2] + row) * x[3] + column) * 2 + i % 2)];
          sum += number, ++count, greatest = std::max(greatest, number);
        });
        expected.push_back(kind == PoolKind::max ? greatest : sum / count);
      }
      expect_outputs(net, expected);
    }
}

TEST(Sequences, FramesComeBackAsTheyWere) {
  const Net net({1, 3, 2, 2, 2}, [](Net& n, ValueId x) {
    return append_sequence(n.graph, "y", n.node("relu", Activation{}, {append_frames(n.graph, "frames", x)}));
  });
  EXPECT_EQ(net.shape(), (Shape{1, 3, 2, 2, 2}));
  EXPECT_THROW(Net({2, 3, 2, 2, 2}, [](Net& n, ValueId x) { return append_frames(n.graph, "y", x); }), Error);
}

}  // namespace
}  // namespace slimpilot
