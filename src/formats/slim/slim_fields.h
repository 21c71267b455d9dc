// SPDX-License-Identifier: Apache-2.0
// The fields of everything in a .slim file's description, in the order in which they are written and read. An op's number in
// the file is its place in the variant Op, an enumerator's its value: both may only grow at the end.
#pragma once

#include <concepts>
#include <tuple>

#include "formats/slim/slim_layout.h"
#include "graph/graph.h"

namespace slimpilot {

template <class S, class T>
concept Is = std::same_as<std::remove_const_t<S>, T>;

auto fields(Is<Conv2D> auto& o) { return std::tie(o.stride_h, o.stride_w, o.padding, o.activation); }
auto fields(Is<DepthwiseConv2D> auto& o) { return std::tie(o.stride_h, o.stride_w, o.padding, o.activation); }
auto fields(Is<Dense> auto& o) { return std::tie(o.activation); }
auto fields(Is<ConvLstm2D> auto& o) {
  return std::tie(o.stride_h, o.stride_w, o.padding, o.activation, o.recurrent_activation, o.return_sequences, o.stateful);
}
auto fields(Is<Pool2D> auto& o) { return std::tie(o.kind, o.window_h, o.window_w, o.stride_h, o.stride_w, o.padding); }
auto fields(Is<BatchNorm> auto& o) { return std::tie(o.epsilon); }
auto fields(Is<Activation> auto& o) { return std::tie(o.kind); }
auto fields(Is<Reshape> auto& o) { return std::tie(o.shape); }
auto fields(Is<Crop2D> auto& o) { return std::tie(o.top, o.bottom, o.left, o.right); }
auto fields(Is<Pad2D> auto& o) { return std::tie(o.top, o.bottom, o.left, o.right); }
auto fields(Is<Add> auto&) { return std::tie(); }
auto fields(Is<Mul> auto&) { return std::tie(); }
auto fields(Is<Quantize> auto&) { return std::tie(); }
auto fields(Is<Dequantize> auto&) { return std::tie(); }
auto fields(Is<Lstm> auto& o) { return std::tie(o.activation, o.recurrent_activation, o.return_sequences, o.stateful); }
auto fields(Is<LeakyRelu> auto& o) { return std::tie(o.alpha); }
auto fields(Is<Softmax> auto&) { return std::tie(); }
auto fields(Is<Concat> auto& o) { return std::tie(o.axis); }
auto fields(Is<Permute> auto& o) { return std::tie(o.order); }

auto fields(Is<Quantization> auto& q) { return std::tie(q.scale, q.zero_point, q.axis); }
auto fields(Is<Constraint> auto& c) { return std::tie(c.keep_zeros, c.max_distinct, c.fake_quantized); }
auto fields(Is<Value> auto& v) { return std::tie(v.name, v.shape, v.type, v.quantization, v.encoding, v.constraint); }
auto fields(Is<Node> auto& n) { return std::tie(n.name, n.op, n.inputs, n.output); }
auto fields(Is<Preprocessing> auto& p) {
  return std::tie(p.crop_top, p.crop_bottom, p.resize, p.color, p.scale, p.offset, p.frames_back);
}
auto fields(Is<OutputMeaning> auto& m) { return std::tie(m.name, m.unit, m.min, m.max); }
auto fields(Is<Graph> auto& g) { return std::tie(g.name, g.values, g.nodes, g.inputs, g.outputs, g.preprocessing, g.meaning); }
auto fields(Is<SlimStream> auto& s) { return std::tie(s.codec, s.bytes, s.stored_bytes); }
auto fields(Is<SlimWeight> auto& w) {
  return std::tie(w.layout, w.mask_form, w.table_axis, w.nonzeros, w.mask, w.table, w.symbols);
}

/// The greatest enumerator.
constexpr Padding last(Padding) { return Padding::same; }
constexpr ActivationKind last(ActivationKind) { return ActivationKind::hard_sigmoid; }
constexpr PoolKind last(PoolKind) { return PoolKind::average; }
constexpr ElementType last(ElementType) { return ElementType::s64; }
constexpr Encoding last(Encoding) { return Encoding::codebook; }
constexpr ColorOrder last(ColorOrder) { return ColorOrder::yuv; }
constexpr SlimCodec last(SlimCodec) { return SlimCodec::zstd_planes; }
constexpr SlimLayout last(SlimLayout) { return SlimLayout::mask_codebook; }
constexpr SlimMask last(SlimMask) { return SlimMask::gaps; }

}  // namespace slimpilot
