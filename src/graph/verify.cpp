// SPDX-License-Identifier: Apache-2.0
// The rules every graph keeps. Importers and passes end with verify(), so the engine and the exporters need not doubt.
#include <cmath>
#include <set>

#include "base/error.h"
#include "graph/edit.h"
#include "graph/graph.h"
#include "graph/input_images.h"

namespace slimpilot {
namespace {

std::string quoted(const std::string& name) { return "'" + name + "'"; }

void verify_quantization(const Value& value) {
  const Quantization& q = *value.quantization;
  const auto fail = [&](const std::string& what) { throw Error("tensor " + quoted(value.name) + ": " + what); };
  if (q.scale.empty() || q.scale.size() != q.zero_point.size()) fail("has scales and zero points of different number");
  for (const float scale : q.scale)
    if (!(scale > 0) || !std::isfinite(scale)) fail("has a scale that is not positive and finite");
  if (q.axis < 0 && q.scale.size() != 1) fail("has several scales but no axis");
  if (q.axis >= 0 && (static_cast<size_t>(q.axis) >= value.shape.size() ||
                      value.shape[static_cast<size_t>(q.axis)] != static_cast<int>(q.scale.size())))
    fail("has " + std::to_string(q.scale.size()) + " scales that do not fit its shape " + shape_text(value.shape));
  if (value.type == ElementType::f32 || value.type == ElementType::f16) fail("is real but has a quantization");
  if (value.type == ElementType::s64 || value.type == ElementType::s32) return;
  const auto [low, high] = integer_range(value.type);
  for (const int32_t zero : q.zero_point)
    if (zero < low || zero > high) fail("has a zero point outside its type");
}

void verify_constant(const Value& value) {
  const size_t bytes = static_cast<size_t>(element_count(value.shape)) * element_size(value.type);
  if (value.data.size() != bytes)
    throw Error("constant " + quoted(value.name) + " holds " + std::to_string(value.data.size()) + " bytes, its shape " +
                shape_text(value.shape) + " needs " + std::to_string(bytes));
  const auto finite = [&](size_t i, bool is_finite) {
    if (!is_finite)
      throw Error("constant " + quoted(value.name) + " holds a NaN or infinity at element " + std::to_string(i) +
                  "; the training that wrote it diverged");
  };
  if (value.type == ElementType::f32) {
    const auto elements = value.elements<float>();
    for (size_t i = 0; i < elements.size(); ++i) finite(i, std::isfinite(elements[i]));
  } else if (value.type == ElementType::f16) {
    const auto elements = value.elements<uint16_t>();
    for (size_t i = 0; i < elements.size(); ++i) finite(i, (elements[i] & 0x7C00) != 0x7C00);
  }
}

void verify_value(const Value& value) {
  int64_t count = 1;
  for (const int extent : value.shape) {
    count *= extent;
    if (extent <= 0 || count > (int64_t{1} << 30))
      throw Error("tensor " + quoted(value.name) + " has the absurd shape " + shape_text(value.shape));
  }
  if (value.is_constant()) verify_constant(value);
  if (value.quantization) verify_quantization(value);
}

void verify_types(const Graph& graph, const Node& node) {
  const auto fail = [&](const std::string& what) { throw Error("layer " + quoted(node.name) + ": " + what); };
  const Value& in = graph.value(node.inputs[0]);
  const Value& out = graph.value(node.output);
  const auto real = [](const Value& v) { return v.type == ElementType::f32; };
  if (std::holds_alternative<Quantize>(node.op)) {
    if (real(out)) fail("quantizes to a real type");
  } else if (std::holds_alternative<Dequantize>(node.op)) {
    if (real(in) || !real(out)) fail("does not dequantize from integers to f32");
  } else if (in.type != out.type) {
    fail("reads " + std::string(type_name(in.type)) + " but writes " + std::string(type_name(out.type)));
  }
  const bool is_merge =
      std::holds_alternative<Add>(node.op) || std::holds_alternative<Mul>(node.op) || std::holds_alternative<Concat>(node.op);
  for (const ValueId id : node.inputs)
    if (const Value& v = graph.value(id); is_merge && v.type != in.type && !(real(in) && v.type == ElementType::f16))
      fail("tensor " + quoted(v.name) + " is " + std::string(type_name(v.type)) + ", the first is " +
           std::string(type_name(in.type)));
  for (const Value* v : {&in, &out})
    if (!real(*v) && !v->quantization) fail("tensor " + quoted(v->name) + " is integer without a quantization");
}

}  // namespace

void verify(const Graph& graph) {
  const ValueId count = static_cast<ValueId>(graph.values.size());
  const auto known = [&](ValueId id) { return id >= 0 && id < count; };
  std::set<ValueId> ready;
  for (ValueId id = 0; id < count; ++id) {
    verify_value(graph.value(id));
    if (graph.value(id).is_constant()) ready.insert(id);
  }
  if (graph.inputs.empty() || graph.outputs.empty()) throw Error("the network has no input or no output");
  for (const ValueId id : graph.inputs) {
    if (!known(id) || !ready.insert(id).second)
      throw Error("an input of the network does not exist, is constant, or is named twice");
  }
  for (const Node& node : graph.nodes) {
    if (node.inputs.empty()) throw Error("layer " + quoted(node.name) + " has no input");
    for (const ValueId id : node.inputs)
      if (!known(id) || !ready.contains(id))
        throw Error("layer " + quoted(node.name) + " reads a tensor that nothing has computed yet");
    if (!known(node.output) || !ready.insert(node.output).second)
      throw Error("layer " + quoted(node.name) + " writes a tensor that does not exist or is already written");
    const Shape shape = infer_shape(graph, node);
    if (shape != graph.value(node.output).shape)
      throw Error("layer " + quoted(node.name) + " yields " + shape_text(shape) + ", but its output says " +
                  shape_text(graph.value(node.output).shape));
    verify_types(graph, node);
  }
  verify_frames_back(graph);
  int64_t results = 0;
  for (const ValueId id : graph.outputs) {
    if (!known(id) || !ready.contains(id) || graph.value(id).is_constant())
      throw Error("an output of the network is never computed");
    results += element_count(graph.value(id).shape);
  }
  if (!graph.meaning.empty() && static_cast<int64_t>(graph.meaning.size()) != results)
    throw Error("the network yields " + std::to_string(results) + " numbers, but " + std::to_string(graph.meaning.size()) +
                " outputs are named");
}

}  // namespace slimpilot
