// SPDX-License-Identifier: Apache-2.0
// Recurrent layers against what they are by definition, on every instruction set.
#include "engine/definition_test.h"
#include "engine/node_calls.h"

namespace slimpilot {
namespace {

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

}  // namespace
}  // namespace slimpilot
