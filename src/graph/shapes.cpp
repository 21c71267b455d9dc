// SPDX-License-Identifier: Apache-2.0
// Shape inference: what each op makes of its inputs' shapes, and how much work it is.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "graph/graph.h"

namespace slimpilot {
namespace {

constexpr int kMostExtent = 1 << 29;

/// The shapes a node reads, with errors that name the node.
class Inputs {
 public:
  Inputs(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw Error("layer '" + node_.name + "' (" + std::string(op_name(node_.op)) + "): " + what);
  }
  void need(bool condition, const std::string& what) const {
    if (!condition) fail(what);
  }
  void need_count(size_t count) const {
    need(node_.inputs.size() == count,
         "has " + std::to_string(node_.inputs.size()) + " inputs instead of " + std::to_string(count));
  }
  size_t count() const { return node_.inputs.size(); }
  const Shape& shape(size_t i) const { return graph_.value(node_.inputs[i]).shape; }
  const Shape& shape(size_t i, size_t rank) const {
    need(shape(i).size() == rank,
         "input " + std::to_string(i) + " is " + shape_text(shape(i)) + ", but needs " + std::to_string(rank) + " dimensions");
    return shape(i);
  }
  /// Input i is a vector of `count` elements.
  void need_vector(size_t i, int count) const {
    need(shape(i) == Shape{count},
         "input " + std::to_string(i) + " is " + shape_text(shape(i)) + " instead of " + std::to_string(count) + " elements");
  }
  int extent(int input, int window, int stride, Padding padding) const {
    need(window > 0 && stride > 0, "window and stride must be positive");
    const int output = padded_extent(input, window, stride, padding).output;
    need(output > 0, "a window of " + std::to_string(window) + " does not fit into " + std::to_string(input));
    return output;
  }

 private:
  const Graph& graph_;
  const Node& node_;
};

Shape shape_of(const Conv2D& op, const Inputs& in) {
  in.need_count(3);
  const Shape &x = in.shape(0, 4), &w = in.shape(1, 4);
  in.need(x[3] == w[3], "the image has " + std::to_string(x[3]) + " channels, the weights " + std::to_string(w[3]));
  in.need_vector(2, w[0]);
  return {x[0], in.extent(x[1], w[1], op.stride_h, op.padding), in.extent(x[2], w[2], op.stride_w, op.padding), w[0]};
}

Shape shape_of(const DepthwiseConv2D& op, const Inputs& in) {
  in.need_count(3);
  const Shape &x = in.shape(0, 4), &w = in.shape(1, 4);
  in.need(w[0] == 1 && x[3] == w[3], "weights " + shape_text(w) + " do not fit the image " + shape_text(x));
  in.need_vector(2, w[3]);
  return {x[0], in.extent(x[1], w[1], op.stride_h, op.padding), in.extent(x[2], w[2], op.stride_w, op.padding), x[3]};
}

Shape shape_of(const Dense&, const Inputs& in) {
  in.need_count(3);
  const Shape &x = in.shape(0, 2), &w = in.shape(1, 2);
  in.need(x[1] == w[1], "gets " + std::to_string(x[1]) + " numbers, the weights want " + std::to_string(w[1]));
  in.need_vector(2, w[0]);
  return {x[0], w[0]};
}

Shape shape_of(const ConvLstm2D& op, const Inputs& in) {
  in.need_count(4);
  const Shape &x = in.shape(0, 5), &w = in.shape(1, 4), &r = in.shape(2, 4);
  in.need(w[0] % 4 == 0 && w[3] == x[4], "kernel " + shape_text(w) + " does not fit the sequence " + shape_text(x));
  const int filters = w[0] / 4;
  in.need(r[0] == w[0] && r[3] == filters, "recurrent kernel is " + shape_text(r));
  in.need_vector(3, w[0]);
  const int h = in.extent(x[2], w[1], op.stride_h, op.padding), width = in.extent(x[3], w[2], op.stride_w, op.padding);
  return op.return_sequences ? Shape{x[0], x[1], h, width, filters} : Shape{x[0], h, width, filters};
}

Shape shape_of(const Lstm& op, const Inputs& in) {
  in.need_count(4);
  const Shape &x = in.shape(0, 3), &w = in.shape(1, 2), &r = in.shape(2, 2);
  in.need(w[0] % 4 == 0 && w[1] == x[2], "kernel " + shape_text(w) + " does not fit the sequence " + shape_text(x));
  const int units = w[0] / 4;
  in.need(r[0] == w[0] && r[1] == units, "recurrent kernel is " + shape_text(r));
  in.need_vector(3, w[0]);
  return op.return_sequences ? Shape{x[0], x[1], units} : Shape{x[0], units};
}

Shape shape_of(const Pool2D& op, const Inputs& in) {
  in.need_count(1);
  const Shape& x = in.shape(0, 4);
  return {x[0], in.extent(x[1], op.window_h, op.stride_h, op.padding), in.extent(x[2], op.window_w, op.stride_w, op.padding),
          x[3]};
}

Shape shape_of(const BatchNorm&, const Inputs& in) {
  in.need_count(5);
  in.need(!in.shape(0).empty(), "input is a scalar");
  for (size_t i = 1; i < 5; ++i) in.need_vector(i, in.shape(0).back());
  return in.shape(0);
}

Shape shape_of(const Reshape& op, const Inputs& in) {
  in.need_count(1);
  for (const int extent : op.shape) in.need(extent > 0, "target shape " + shape_text(op.shape) + " is not positive");
  in.need(element_count(op.shape) == element_count(in.shape(0)),
          "cannot make " + shape_text(op.shape) + " of " + shape_text(in.shape(0)));
  return op.shape;
}

/// Crop2D and Pad2D: `sign` −1 removes, +1 adds.
template <class Edges>
Shape resized(const Edges& op, const Inputs& in, int sign) {
  in.need_count(1);
  Shape x = in.shape(0, 4);
  constexpr int limit = 1 << 20;
  for (const int edge : {op.top, op.bottom, op.left, op.right})
    in.need(edge >= 0 && edge < limit, "an edge is negative or absurd");
  x[1] += sign * (op.top + op.bottom);
  x[2] += sign * (op.left + op.right);
  in.need(x[1] > 0 && x[2] > 0, "nothing is left of " + shape_text(in.shape(0)));
  return x;
}
Shape shape_of(const Crop2D& op, const Inputs& in) { return resized(op, in, -1); }
Shape shape_of(const Pad2D& op, const Inputs& in) { return resized(op, in, +1); }

Shape shape_of_pair(const Inputs& in) {
  in.need_count(2);
  in.need(repetition(in.shape(0), in.shape(1)).has_value(),
          "cannot combine " + shape_text(in.shape(0)) + " and " + shape_text(in.shape(1)));
  return in.shape(0);
}
Shape shape_of(const Add&, const Inputs& in) { return shape_of_pair(in); }
Shape shape_of(const Mul&, const Inputs& in) { return shape_of_pair(in); }

Shape shape_of(const LeakyRelu& op, const Inputs& in) {
  in.need_count(1);
  in.need(std::isfinite(op.alpha), "alpha is not finite");
  return in.shape(0);
}

Shape shape_of(const Softmax&, const Inputs& in) {
  in.need_count(1);
  in.need(!in.shape(0).empty(), "input is a scalar");
  return in.shape(0);
}

Shape shape_of(const Concat& op, const Inputs& in) {
  Shape result = in.shape(0);
  in.need(op.axis >= 0 && op.axis < static_cast<int>(result.size()), "there is no dimension " + std::to_string(op.axis));
  const auto axis = static_cast<size_t>(op.axis);
  for (size_t i = 1; i < in.count(); ++i) {
    Shape other = in.shape(i, result.size());
    result[axis] += std::min(other[axis], kMostExtent);
    in.need(result[axis] <= kMostExtent, "the result is absurdly long");
    other[axis] = result[axis];
    in.need(other == result, "input " + std::to_string(i) + " is " + shape_text(in.shape(i)) + ", input 0 " +
                                 shape_text(in.shape(0)) + "; they may differ along dimension " + std::to_string(op.axis) +
                                 " alone");
  }
  return result;
}

Shape shape_of(const Permute& op, const Inputs& in) {
  in.need_count(1);
  const Shape& x = in.shape(0, op.order.size());
  Shape result;
  for (size_t i = 0; i < op.order.size(); ++i) {
    in.need(std::ranges::count(op.order, static_cast<int>(i)) == 1, "its order is no permutation of the dimensions");
    const auto from = static_cast<size_t>(op.order[i]);
    in.need(from < x.size(), "its order is no permutation of the dimensions");
    result.push_back(x[from]);
  }
  return result;
}

/// Activation, Quantize, Dequantize: element by element.
template <class Elementwise>
Shape shape_of(const Elementwise&, const Inputs& in) {
  in.need_count(1);
  return in.shape(0);
}

}  // namespace

std::optional<Repetition> repetition(const Shape& all, const Shape& part) {
  if (element_count(part) == 1) return Repetition{.count = 1, .inner = 1};
  if (part.size() > all.size()) return std::nullopt;
  const size_t missing = all.size() - part.size();
  Repetition found;
  bool complete = false;
  for (size_t d = part.size(); d-- > 0;) {
    const int extent = all[missing + d];
    if (part[d] == 1 && extent > 1 && found.count > 1) complete = true;
    if (part[d] == 1 && found.count == 1) found.inner *= extent;
    if (part[d] == 1) continue;
    if (part[d] != extent || complete) return std::nullopt;
    found.count *= extent;
  }
  return found;
}

PaddedExtent padded_extent(int input, int window, int stride, Padding padding) {
  if (padding == Padding::valid) return {0, 0, input < window ? 0 : (input - window) / stride + 1};
  const int output = (input + stride - 1) / stride;
  const int total = std::max(0, (output - 1) * stride + window - input);
  return {total / 2, total - total / 2, output};
}

Shape infer_shape(const Graph& graph, const Node& node) {
  const Inputs inputs(graph, node);
  const Shape shape = std::visit([&](const auto& op) { return shape_of(op, inputs); }, node.op);
  int64_t count = 1;
  for (const int extent : shape) {
    count *= extent;
    if (extent <= 0 || count > (int64_t{1} << 30)) inputs.fail("the result would be " + shape_text(shape));
  }
  return shape;
}

int64_t multiply_adds(const Graph& graph, const Node& node) {
  const int64_t outputs = element_count(graph.value(node.output).shape);
  const auto weights = [&](size_t i) -> const Shape& { return graph.value(node.inputs[i]).shape; };
  const auto per_output = [&](const Shape& w) { return element_count(w) / w[0]; };
  const auto recurrent = [&](bool sequences) {
    const int64_t steps = sequences ? 1 : weights(0)[1];
    return outputs * steps * 4 * (per_output(weights(1)) + per_output(weights(2)));
  };
  return std::visit(Overloaded{
                        [&](const Conv2D&) { return outputs * per_output(weights(1)); },
                        [&](const Dense&) { return outputs * per_output(weights(1)); },
                        [&](const DepthwiseConv2D&) { return outputs * weights(1)[1] * weights(1)[2]; },
                        [&](const ConvLstm2D& op) { return recurrent(op.return_sequences); },
                        [&](const Lstm& op) { return recurrent(op.return_sequences); },
                        [](const auto&) { return int64_t{0}; },
                    },
                    node.op);
}

}  // namespace slimpilot
