// SPDX-License-Identifier: Apache-2.0
// Calls for ops that only move elements: Concat and Permute as copies with strides.
#include "engine/node_calls.h"

namespace slimpilot {
namespace {

/// Bytes from one index of each dimension to the next.
std::vector<int64_t> strides_of(const Value& v) {
  std::vector<int64_t> strides(v.shape.size());
  int64_t bytes = static_cast<int64_t>(element_size(v.type));
  for (size_t d = strides.size(); d-- > 0; bytes *= v.shape[d]) strides[d] = bytes;
  return strides;
}

CopyArgs single_run(int64_t bytes) {
  CopyArgs args{.run_bytes = bytes};
  for (int64_t& extent : args.extent) extent = 1;
  return args;
}

}  // namespace

NodeCall call_for(const Concat& op, const Site& s, size_t input) {
  const Value &x = s.input(input), &y = s.output();
  if (x.type != y.type) s.fail("cannot combine different types");
  if (x.quantization != y.quantization) s.fail("input " + std::to_string(input) + " has another quantization than the output");
  const auto axis = static_cast<size_t>(op.axis);
  const int64_t outer = element_count({x.shape.begin(), x.shape.begin() + op.axis});
  const auto place_bytes = [&](const Value& v) { return strides_of(v)[axis] * v.shape[axis]; };
  CopyArgs args = single_run(place_bytes(x));
  args.extent[kCopyDimensions - 1] = outer;
  args.input_stride[kCopyDimensions - 1] = place_bytes(x);
  args.output_stride[kCopyDimensions - 1] = place_bytes(y);
  NodeCall made = whole<CopyArgs>("copy", reference::copy, args);
  made.operand = input;
  for (size_t i = 0; i < input; ++i) made.parts[0].output += static_cast<size_t>(place_bytes(s.input(i)));
  return made;
}

NodeCall call_for(const Permute& op, const Site& s) {
  const Value &x = s.input(0), &y = s.output();
  if (x.quantization != y.quantization) s.fail("cannot change the quantization");
  if (op.order.size() > kCopyDimensions) s.fail("has more than " + std::to_string(kCopyDimensions) + " dimensions");
  size_t moved = op.order.size();  // dimensions behind these stay the innermost and are copied as one run
  while (moved > 0 && op.order[moved - 1] == static_cast<int>(moved) - 1) --moved;
  const auto from = strides_of(x), to = strides_of(y);
  CopyArgs args =
      single_run(moved == op.order.size() ? static_cast<int64_t>(element_size(x.type)) : from[moved] * x.shape[moved]);
  const size_t first = kCopyDimensions - moved;
  for (size_t d = 0; d < moved; ++d) {
    args.extent[first + d] = y.shape[d];
    args.input_stride[first + d] = from[static_cast<size_t>(op.order[d])];
    args.output_stride[first + d] = to[d];
  }
  return whole<CopyArgs>("copy", reference::copy, args);
}

}  // namespace slimpilot
