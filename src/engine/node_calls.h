// SPDX-License-Identifier: Apache-2.0
// Inside the making of plans: one function per op that chooses its kernel and fills its arguments. Everything a kernel could
// trip over is refused there, with an Error that names the node.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/steps.h"

namespace slimpilot {

/// One node with what it reads and writes; or several layers that read the same and are computed at once.
struct Site {
  const Graph& graph;
  const Node& node;
  const KernelTable& kernels;
  ConstantStore& constants;
  std::string_view wanted;  // which of several kernels; empty: the one that mostly is the fastest
  Arithmetic arithmetic;
  const ThreadOptions& threads;
  std::span<const Node* const> others = {};  // layers beside the node
  bool wanted_if_known = false;              // where the wanted one is not known, another will do

  Site of(const Node& other) const { return {graph, other, kernels, constants, wanted, arithmetic, threads}; }
  const Value& input(size_t i) const { return graph.value(node.inputs[i]); }
  const Value& output() const { return graph.value(node.output); }
  int64_t count() const { return element_count(output().shape); }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("layer '" + node.name + "' (" + std::string(op_name(node.op)) + "): " + what);
  }
  [[noreturn]] void fail_type() const {
    fail("there is no kernel for " + std::string(type_name(input(0).type)) + " inputs and " +
         std::string(type_name(output().type)) + " outputs");
  }
  const Value& constant(size_t i) const {
    if (!input(i).is_constant()) fail("input " + std::to_string(i) + " must be constant");
    return input(i);
  }
  float scale(const Value& v) const { return v.quantization->scale[0]; }
  int32_t zero_point(const Value& v) const { return v.quantization->zero_point[0]; }
  /// A per-output array, padded with zeros so that vectors may read past its end.
  template <class T>
  const T* keep_channels(std::vector<T> data) const {
    data.resize(data.size() + kChannelPadding);
    return constants.keep(data);
  }
};

/// A call in one part.
template <class Args>
NodeCall whole(std::string_view name, KernelFunction<Args> kernel, const Args& args, int operands = 1,
               size_t scratch_bytes = 0) {
  return {.kernel = name, .parts = {{Call<Args>{kernel, args}}}, .scratch_bytes = scratch_bytes, .operands = operands};
}

template <class Geometry, class Op>
void set_window(Geometry& g, const Shape& in, const Shape& out, const Op& op, int window_h, int window_w) {
  g.in_h = in[1], g.in_w = in[2], g.out_h = out[1], g.out_w = out[2];
  g.stride_h = op.stride_h, g.stride_w = op.stride_w;
  g.pad_top = padded_extent(in[1], window_h, op.stride_h, op.padding).before;
  g.pad_left = padded_extent(in[2], window_w, op.stride_w, op.padding).before;
}

/// Whether a kernel may compute both nodes at once: convolutions of one image with windows of one size, all in the same types.
bool computes_together(const Site& s, const Node& other);

/// The real function of an activation.
float (*real_function(ActivationKind kind))(float);

NodeCall call_for(const Conv2D& op, const Site& s);
NodeCall call_for(const DepthwiseConv2D& op, const Site& s);
NodeCall call_for(const Dense& op, const Site& s);
NodeCall call_for(const ConvLstm2D& op, const Site& s);
NodeCall call_for(const Lstm& op, const Site& s);
NodeCall call_for(const BatchNorm& op, const Site& s);
NodeCall call_for(const Pool2D& op, const Site& s);
NodeCall call_for(const Activation& op, const Site& s);
NodeCall call_for(const Crop2D& op, const Site& s);
NodeCall call_for(const Pad2D& op, const Site& s);
NodeCall call_for(const Add& op, const Site& s);
NodeCall call_for(const Mul& op, const Site& s);
NodeCall call_for(const CellNodes& cell, const Site& s, const CellPlaces& places);
NodeCall call_for(const LeakyRelu& op, const Site& s);
NodeCall call_for(const Softmax& op, const Site& s);
NodeCall call_for(const Permute& op, const Site& s);
/// Of input `input`, which is copied to its place in the result.
NodeCall call_for(const Concat& op, const Site& s, size_t input);
NodeCall call_for(const Quantize& op, const Site& s);
NodeCall call_for(const Dequantize& op, const Site& s);

}  // namespace slimpilot
