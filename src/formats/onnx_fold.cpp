// SPDX-License-Identifier: Apache-2.0
// Nodes that can be computed while the file is read: constants, and the chains of Shape, Gather, Concat and the like with which
// exporters say what shape a Reshape has.
#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "formats/onnx_reading.h"

namespace slimpilot {
namespace {

constexpr int64_t kAbsurdStep = int64_t{1} << 40;
constexpr int kMostLength = 1 << 30;

/// The result's elements may be as many as the budget says.
void take_result(OnnxNodeReader& n, const Shape& shape) { n.reading().take(shape, sizeof(int64_t)); }

bool is_real(const Value& value) { return value.type == ElementType::f32 || value.type == ElementType::f16; }

Value with_shape(OnnxNodeReader& n, const Value& constant, Shape shape) {
  n.need(element_count(shape) == element_count(constant.shape),
         "cannot make " + shape_text(shape) + " of " + shape_text(constant.shape));
  n.reading().take(constant.data.size());
  Value result = constant;
  result.shape = std::move(shape);
  return result;
}

void fold_constant(OnnxNodeReader& n) {
  if (const OnnxAttribute* value = n.attribute("value"); value && !value->tensor.empty()) {
    n.reading().take(value->tensor[0].raw.size());
    return n.set_constant_output(constant_of(value->tensor[0]));
  }
  const std::string name = n.node().outputs[0];
  if (const auto* real = n.attribute("value_float")) return n.set_constant_output(real_constant(name, {}, {real->real}));
  if (const auto* integer = n.attribute("value_int"))
    return n.set_constant_output(integer_constant(name, {}, {integer->integer}));
  if (const auto* list = n.attribute("value_floats"))
    return n.set_constant_output(real_constant(name, {static_cast<int>(list->reals.size())}, list->reals));
  if (const auto* list = n.attribute("value_ints"))
    return n.set_constant_output(integer_constant(name, {static_cast<int>(list->integers.size())}, list->integers));
  n.fail("holds neither numbers nor a tensor of them");
}

void fold_shape(OnnxNodeReader& n) {
  const Shape& shape = n.shape(0);
  const auto rank = static_cast<int64_t>(shape.size());
  const auto place = [&](int64_t p) { return std::clamp<int64_t>(p < 0 ? p + rank : p, 0, rank); };
  const int64_t first = place(n.integer("start", 0)), last = std::max(first, place(n.integer("end", rank)));
  const std::vector<int64_t> extents(shape.begin() + first, shape.begin() + last);
  n.set_constant_output(integer_constant("", {static_cast<int>(extents.size())}, extents));
}

void fold_cast(OnnxNodeReader& n) {
  const Value& x = n.constant(0);
  const auto to = static_cast<OnnxType>(n.integer("to", 0));
  n.reading().take(x.shape, sizeof(int64_t));
  const bool real = to == OnnxType::float32 || to == OnnxType::float16 || to == OnnxType::float64 || to == OnnxType::bfloat16;
  if (real && is_real(x)) return n.set(0, {.constant = x, .layout = plain_layout(x.shape)});  // a float16 weight stays one
  if (real) {
    const std::vector<int64_t> numbers = integers_of(x);
    return n.set_constant_output(real_constant("", x.shape, {numbers.begin(), numbers.end()}));
  }
  n.need(to == OnnxType::int64 || to == OnnxType::int32 || to == OnnxType::boolean,
         "casts to a type that slimpilot does not fold");
  if (!is_real(x)) return n.set_constant_output(integer_constant("", x.shape, integers_of(x)));
  std::vector<int64_t> numbers;
  for (const float number : reals_of(x)) {
    n.need(std::abs(number) < 0x1p62f, "casts a number that is no integer");
    numbers.push_back(static_cast<int64_t>(number));
  }
  n.set_constant_output(integer_constant("", x.shape, numbers));
}

/// Elements along `axis` at `places`, which replace the axis by `shape`.
Value taken_along(OnnxNodeReader& n, const Value& x, size_t axis, const std::vector<int64_t>& places) {
  size_t outer = 1, inner = element_size(x.type);
  for (size_t d = 0; d < axis; ++d) outer *= static_cast<size_t>(x.shape[d]);
  for (size_t d = axis + 1; d < x.shape.size(); ++d) inner *= static_cast<size_t>(x.shape[d]);
  const auto extent = static_cast<size_t>(x.shape[axis]);
  n.need(!x.quantization || x.quantization->axis < 0, "takes a part of a weight with several scales");
  n.reading().take(outer * inner * places.size());
  Value result = x;
  result.data.clear();
  result.shape[axis] = static_cast<int>(places.size());
  for (size_t o = 0; o < outer; ++o)
    for (const int64_t place : places) {
      const auto first = x.data.begin() + static_cast<std::ptrdiff_t>((o * extent + static_cast<size_t>(place)) * inner);
      result.data.insert(result.data.end(), first, first + static_cast<std::ptrdiff_t>(inner));
    }
  return result;
}

void fold_gather(OnnxNodeReader& n) {
  const Value &x = n.constant(0), &where = n.constant(1);
  const size_t axis = axis_of(n.integer("axis", 0), x.shape.size());
  std::vector<int64_t> places = integers_of(where);
  for (int64_t& place : places) {
    place += place < 0 ? x.shape[axis] : 0;
    n.need(place >= 0 && place < x.shape[axis], "an index is out of range");
  }
  Value result = taken_along(n, x, axis, places);
  result.shape.erase(result.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  result.shape.insert(result.shape.begin() + static_cast<std::ptrdiff_t>(axis), where.shape.begin(), where.shape.end());
  n.set_constant_output(std::move(result));
}

void fold_slice(OnnxNodeReader& n) {
  n.reading().take(n.constant(0).data.size());
  Value x = n.constant(0);
  const auto starts = n.integers("starts", 1), ends = n.integers("ends", 2), axes = n.integers("axes", 3),
             steps = n.integers("steps", 4);
  n.need(starts && ends && starts->size() == ends->size(), "starts and ends differ in number");
  n.need((!axes || axes->size() == starts->size()) && (!steps || steps->size() == starts->size()), "axes or steps are missing");
  for (size_t i = 0; i < starts->size(); ++i) {
    const size_t axis = axis_of(axes ? (*axes)[i] : static_cast<int64_t>(i), x.shape.size());
    const int64_t extent = x.shape[axis], step = steps ? (*steps)[i] : 1;
    n.need(step != 0 && step > -kAbsurdStep && step < kAbsurdStep, "has an absurd step");
    const auto place = [&](int64_t p) {
      p = std::clamp<int64_t>(p, -kAbsurdStep, kAbsurdStep);
      return step > 0 ? std::clamp<int64_t>(p < 0 ? p + extent : p, 0, extent)
                      : std::clamp<int64_t>(p < 0 ? p + extent : p, -1, extent - 1);
    };
    n.reading().take(static_cast<size_t>(extent) * sizeof(int64_t));  // an empty constant can be long
    std::vector<int64_t> places;
    for (int64_t p = place((*starts)[i]); step > 0 ? p < place((*ends)[i]) : p > place((*ends)[i]); p += step)
      places.push_back(p);
    x = taken_along(n, x, axis, places);
  }
  n.set_constant_output(std::move(x));
}

void fold_concat(OnnxNodeReader& n) {
  Value result = n.constant(0);
  const size_t axis = axis_of(n.integer("axis", 0), result.shape.size());
  n.need(axis == 0, "joins constants along dimension " + std::to_string(axis));
  n.need(!result.quantization, "joins quantized constants");
  n.reading().take(result.data.size());
  for (size_t i = 1; i < n.node().inputs.size(); ++i) {
    const Value& more = n.constant(i);
    n.need(more.type == result.type && !more.quantization && more.shape.size() == result.shape.size() &&
               std::equal(more.shape.begin() + 1, more.shape.end(), result.shape.begin() + 1),
           "its inputs differ in type or shape");
    n.need(more.shape[0] <= kMostLength - result.shape[0], "the result is absurdly long");
    n.reading().take(more.data.size());
    result.data.insert(result.data.end(), more.data.begin(), more.data.end());
    result.shape[0] += more.shape[0];
  }
  n.set_constant_output(std::move(result));
}

void fold_constant_of_shape(OnnxNodeReader& n) {
  const Shape shape = checked_shape(integers_of(n.constant(0)), 0);
  take_result(n, shape);
  const OnnxAttribute* given = n.attribute("value");
  const Value one = given && !given->tensor.empty() ? constant_of(given->tensor[0]) : real_constant("", {1}, {0});
  n.need(element_count(one.shape) == 1, "its value is no single number");
  n.set_constant_output(broadcast(with_shape(n, one, {}), shape));
}

void fold_expand(OnnxNodeReader& n) {
  const auto shape = broadcast_shape(n.constant(0).shape, checked_shape(integers_of(n.constant(1)), 1));
  n.need(shape.has_value(), "the shapes do not fit");
  take_result(n, *shape);
  n.set_constant_output(broadcast(n.constant(0), *shape));
}

template <class T>
T applied(OnnxNodeReader& n, T a, T b) {
  const std::string& kind = n.node().kind;
  if (kind == "Add") return a + b;
  if (kind == "Sub") return a - b;
  if (kind == "Mul") return a * b;
  n.need(b != 0, "divides by zero");
  return a / b;
}

void fold_arithmetic(OnnxNodeReader& n) {
  const Value &a = n.constant(0), &b = n.constant(1);
  const auto shape = broadcast_shape(a.shape, b.shape);
  n.need(shape.has_value(), "the shapes do not fit");
  take_result(n, *shape);
  take_result(n, *shape);
  const Value x = broadcast(a, *shape), y = broadcast(b, *shape);
  if (is_real(a)) {
    std::vector<float> numbers = reals_of(x);
    const std::vector<float> others = reals_of(y);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = applied(n, numbers[i], others[i]);
    return n.set_constant_output(real_constant("", *shape, numbers));
  }
  std::vector<int64_t> numbers = integers_of(x);
  const std::vector<int64_t> others = integers_of(y);
  for (size_t i = 0; i < numbers.size(); ++i) {
    constexpr int64_t limit = int64_t{1} << 31;  // no product of two is out of range
    for (const int64_t number : {numbers[i], others[i]})
      n.need(number >= -limit && number <= limit, "computes with absurd extents");
    numbers[i] = applied(n, numbers[i], others[i]);
  }
  n.set_constant_output(integer_constant("", *shape, numbers));
}

void fold_unary(OnnxNodeReader& n) {
  std::vector<float> numbers = reals_of(n.constant(0));
  n.reading().take(numbers.size() * sizeof(float));
  for (float& number : numbers)
    number = n.node().kind == "Neg" ? -number : n.node().kind == "Sqrt" ? std::sqrt(number) : 1 / number;
  n.set_constant_output(real_constant("", n.constant(0).shape, numbers));
}

void fold_product(OnnxNodeReader& n) {
  int64_t product = 1;
  for (const int64_t extent : integers_of(n.constant(0))) {
    n.need(extent >= 0 && extent < (1 << 30) && product < (1 << 30), "multiplies absurd extents");
    product *= extent;
  }
  n.set_constant_output(integer_constant("", n.integer("keepdims", 1) != 0 ? Shape{1} : Shape{}, {product}));
}

void fold_transpose(OnnxNodeReader& n) {
  const Value& x = n.constant(0);
  const std::vector<int> order = onnx_order(n, x.shape.size());
  n.reading().take(x.data.size());
  const bool scaled = x.quantization && x.quantization->axis >= 0;
  const int axis = scaled ? inverse(order)[static_cast<size_t>(x.quantization->axis)] : 0;
  Value result = permuted(x, x.shape, order, permuted_shape(x.shape, order), axis);
  n.set(0, {.constant = std::move(result), .layout = plain_layout(permuted_shape(x.shape, order))});
}

void fold_reshape(OnnxNodeReader& n) {
  const Value& x = n.constant(0);
  n.need(!x.quantization || x.quantization->axis < 0, "reshapes a weight with several scales");
  n.set_constant_output(with_shape(n, x, onnx_target_shape(n)));
}

void fold_identity(OnnxNodeReader& n) { n.pass_on(); }

constexpr OnnxRule kFolded[] = {
    {"Cast", fold_cast},
    {"Gather", fold_gather},
    {"Slice", fold_slice},
    {"Concat", fold_concat},
    {"ConstantOfShape", fold_constant_of_shape},
    {"Expand", fold_expand},
    {"Add", fold_arithmetic},
    {"Sub", fold_arithmetic},
    {"Mul", fold_arithmetic},
    {"Div", fold_arithmetic},
    {"Neg", fold_unary},
    {"Sqrt", fold_unary},
    {"Reciprocal", fold_unary},
    {"ReduceProd", fold_product},
    {"Transpose", fold_transpose},
    {"Reshape", fold_reshape},
    {"Flatten", fold_reshape},
    {"Squeeze", fold_reshape},
    {"Unsqueeze", fold_reshape},
    {"Identity", fold_identity},
};

}  // namespace

bool fold_onnx_node(OnnxNodeReader& n) {
  if (n.node().kind == "Constant") return fold_constant(n), true;
  if (n.node().kind == "Shape") return fold_shape(n), true;
  for (size_t i = 0; i < n.node().inputs.size(); ++i)
    if (n.has_input(i) && !n.is_constant(i)) return false;
  const auto rule = std::ranges::find(kFolded, n.node().kind, &OnnxRule::kind);
  if (rule == std::end(kFolded) || n.node().inputs.empty()) return false;
  rule->read(n);
  return true;
}

}  // namespace slimpilot
