// SPDX-License-Identifier: Apache-2.0
// TensorFlow Lite file → graph: the flatbuffer is verified, its tensors become values, its operators nodes
// (tflite_read_ops.cpp), and the finished graph is verified. Nothing in the file is believed before it is checked.
#include <tflite_generated.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/fused_clamps.h"
#include "formats/metadata.h"
#include "formats/symmetric_weights.h"
#include "formats/tflite_read_ops.h"
#include "formats/tflite_sparse.h"
#include "graph/edit.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

using tflite_schema::BuiltinOperator;
using tflite_schema::Model;
using tflite_schema::SubGraph;

// Far above any network that drives a car, and low enough that quadratic work on them is harmless.
constexpr size_t kMostTensors = 1 << 16, kMostOperators = 1 << 14, kMostOperands = 64, kMostEnds = 256;
constexpr size_t kLongestName = 4096, kMostDimensions = 8;
constexpr int64_t kMostElements = int64_t{1} << 30;
constexpr size_t kBudgetPerByte = 8, kLeastBudget = 1 << 20;

[[noreturn]] void fail(const std::string& what) { throw Error(what); }
void need(bool condition, const std::string& what) {
  if (!condition) fail(what);
}

template <class Table>
size_t size_of(const flatbuffers::Vector<Table>* vector) {
  return vector ? vector->size() : 0;
}

std::string text_of(const flatbuffers::String* text) {
  need(!text || text->size() <= kLongestName, "a name is longer than " + std::to_string(kLongestName) + " characters");
  return text ? text->str() : std::string();
}

const Model& verified_model(std::string_view bytes) {
  check(reinterpret_cast<uintptr_t>(bytes.data()) % 8 == 0);
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  need(bytes.size() >= 16 && bytes.size() < FLATBUFFERS_MAX_BUFFER_SIZE && tflite_schema::ModelBufferHasIdentifier(data),
       "is no TensorFlow Lite file (its identifier is not TFL3)");
  flatbuffers::Verifier verifier(data, bytes.size(), /*max_depth=*/16, /*max_tables=*/500'000);
  need(tflite_schema::VerifyModelBuffer(verifier), "is truncated or damaged; export or download it again");
  const Model& model = *tflite_schema::GetModel(data);
  need(model.version() == 3, "has schema version " + std::to_string(model.version()) + "; only 3 is known");
  need(size_of(model.subgraphs()) == 1, "has " + std::to_string(size_of(model.subgraphs())) +
                                            " subgraphs; only networks with one, without control flow, are understood");
  return model;
}

/// The bytes behind buffer `index`; nothing for the empty ones that computed tensors have.
std::span<const std::byte> buffer_bytes(const Model& model, uint32_t index) {
  need(index < size_of(model.buffers()), "buffer " + std::to_string(index) + " does not exist");
  const tflite_schema::Buffer& buffer = *model.buffers()->Get(index);
  need(buffer.offset() <= 1 && buffer.size() <= 1,
       "buffer " + std::to_string(index) + " lies outside of the model; save it below 2 GB");
  if (!buffer.data()) return {};
  return {reinterpret_cast<const std::byte*>(buffer.data()->data()), buffer.data()->size()};
}

/// The tensor's shape with an unknown batch (−1 first, in the shape or its signature) taken as 1.
Shape shape_of(const tflite_schema::Tensor& tensor) {
  need(size_of(tensor.shape()) <= kMostDimensions, "has more than 8 dimensions");
  Shape shape;
  if (tensor.shape()) shape.assign(tensor.shape()->begin(), tensor.shape()->end());
  const size_t known = size_of(tensor.shape_signature());
  need(known == 0 || known == shape.size(), "shape and shape signature differ in rank");
  int64_t count = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    const bool unknown = shape[d] == -1 || (known && tensor.shape_signature()->Get(static_cast<uint32_t>(d)) == -1);
    need(!unknown || d == 0, "dimension " + std::to_string(d) + " is unknown until run time; export with a fixed shape");
    if (unknown) shape[d] = 1;
    need(shape[d] > 0 && count <= kMostElements / shape[d], "has the absurd shape " + shape_text(shape));
    count *= shape[d];
  }
  return shape;
}

std::optional<Quantization> quantization_of(const tflite_schema::Tensor& tensor, const Shape& shape, TfliteReading& reading) {
  const auto* table = tensor.quantization();
  if (!table || size_of(table->scale()) == 0) return std::nullopt;
  const size_t count = table->scale()->size();
  need(table->details_type() == tflite_schema::QuantizationDetails::NONE, "has a custom quantization");
  need(size_of(table->zero_point()) == count, "has scales and zero points of different number");
  const int axis = table->quantized_dimension();
  if (count > 1)
    need(
        axis >= 0 && static_cast<size_t>(axis) < shape.size() && static_cast<size_t>(shape[static_cast<size_t>(axis)]) == count,
        "has " + std::to_string(count) + " scales that do not fit its shape " + shape_text(shape));
  reading.take(count * (sizeof(float) + sizeof(int32_t) + sizeof(int64_t)));
  std::vector<int64_t> zero_points(count);  // copied: the verifier lets vectors of 8-byte numbers lie at any multiple of 4
  std::memcpy(zero_points.data(), table->zero_point()->Data(), count * sizeof(int64_t));
  Quantization result{.scale = {table->scale()->begin(), table->scale()->end()}, .axis = count > 1 ? axis : -1};
  for (const int64_t zero : zero_points) {
    need(zero >= std::numeric_limits<int32_t>::min() && zero <= std::numeric_limits<int32_t>::max(),
         "has an absurd zero point");
    result.zero_point.push_back(static_cast<int32_t>(zero));
  }
  return result;
}

Value value_of(const Model& model, const tflite_schema::Tensor& tensor, TfliteReading& reading) {
  const auto type = element_type(tensor.type());
  if (!type) {
    const std::string name = tflite_schema::EnumNameTensorType(tensor.type());
    fail("has the type " + (name.empty() ? std::to_string(static_cast<int>(tensor.type())) : name) +
         ", which slimpilot does not compute; convert to float32, float16, int8 or int16");
  }
  need(!tensor.is_variable(), "is a variable: the network keeps a state, which slimpilot does not");
  Value value{.name = text_of(tensor.name()), .shape = shape_of(tensor), .type = *type};
  if (*type != ElementType::f32 && *type != ElementType::f16)
    value.quantization = quantization_of(tensor, value.shape, reading);
  const auto bytes = buffer_bytes(model, tensor.buffer());
  const size_t wanted = static_cast<size_t>(element_count(value.shape)) * element_size(*type);
  if (tensor.sparsity()) {
    reading.take_unpacked(wanted);
    value.data = decode_sparse(*tensor.sparsity(), {value.shape, element_size(*type)}, bytes);
    return value;
  }
  need(bytes.empty() || bytes.size() == wanted, "holds " + std::to_string(bytes.size()) + " bytes, its shape " +
                                                    shape_text(value.shape) + " needs " + std::to_string(wanted));
  reading.take(bytes.size());
  value.data.assign(bytes.begin(), bytes.end());
  return value;
}

void read_tensors(const Model& model, const SubGraph& subgraph, TfliteReading& reading) {
  const size_t count = size_of(subgraph.tensors());
  need(count <= kMostTensors, "has " + std::to_string(count) + " tensors");
  for (uint32_t i = 0; i < count; ++i) {
    const tflite_schema::Tensor& tensor = *subgraph.tensors()->Get(i);
    const std::string place = "tensor " + std::to_string(i);
    try {
      reading.take(size_of(tensor.name()));
      reading.graph.values.push_back(value_of(model, tensor, reading));
      Value& value = reading.graph.values.back();
      reading.was_unsigned.push_back(value.type == ElementType::u8 && value.quantization);
      if (reading.was_unsigned.back()) make_signed(value);
    } catch (const Error& error) {
      fail(place + " '" + text_of(tensor.name()) + "' " + error.what());
    }
    Value& value = reading.graph.values.back();
    if (value.name.empty()) value.name = place;
    reading.stands_for.push_back(static_cast<ValueId>(i));
  }
}

/// Files older than schema 3a hold the code in one byte only; newer ones hold 127 there when it does not fit.
BuiltinOperator code_of(const Model& model, uint32_t index) {
  need(index < size_of(model.operator_codes()), "its operator code " + std::to_string(index) + " does not exist");
  const tflite_schema::OperatorCode& code = *model.operator_codes()->Get(index);
  return std::max(code.builtin_code(), static_cast<BuiltinOperator>(code.deprecated_builtin_code()));
}

void need_known_ids(const flatbuffers::Vector<int32_t>* ids, size_t tensors, bool optional) {
  need(ids && ids->size() <= kMostOperands, "has no or too many operands");
  for (const int id : *ids)
    need((optional && id == -1) || (id >= 0 && static_cast<size_t>(id) < tensors),
         "uses tensor " + std::to_string(id) + ", which does not exist");
}

void read_operators(const Model& model, const SubGraph& subgraph, TfliteReading& reading) {
  const size_t count = size_of(subgraph.operators()), tensors = size_of(subgraph.tensors());
  need(count <= kMostOperators, "has " + std::to_string(count) + " operators");
  for (uint32_t i = 0; i < count; ++i) {
    const tflite_schema::Operator& op = *subgraph.operators()->Get(i);
    std::string place = "operator " + std::to_string(i);
    try {
      const BuiltinOperator code = code_of(model, op.opcode_index());
      place += " (" + operator_name(code) + ")";
      need_known_ids(op.inputs(), tensors, true);
      need_known_ids(op.outputs(), tensors, false);
      append_operator(reading, op, code);
    } catch (const Error& error) {
      fail(place + ": " + error.what());
    }
  }
}

std::vector<ValueId> ends_of(const flatbuffers::Vector<int32_t>* ids, size_t tensors, const char* what) {
  need(size_of(ids) >= 1 && size_of(ids) <= kMostEnds, std::string("has no or too many ") + what + "s");
  for (const int id : *ids) need(id >= 0 && static_cast<size_t>(id) < tensors, std::string("an ") + what + " does not exist");
  return {ids->begin(), ids->end()};
}

/// Undoes what the writer does to relu_0_to_1, which the format cannot fuse. Layers are named like their results.
void fuse_relu_0_to_1(Graph& graph) {
  constexpr ActivationKind kind[] = {ActivationKind::relu_0_to_1};
  fuse_clamps(graph, kind);
  for (Node& node : graph.nodes) node.name = graph.value(node.output).name;
}

void read_metadata(const Model& model, Graph& graph) {
  for (uint32_t i = 0; i < size_of(model.metadata()); ++i) {
    const tflite_schema::Metadata& entry = *model.metadata()->Get(i);
    if (!entry.name() || entry.name()->string_view() != kMetadataName) continue;
    const auto bytes = buffer_bytes(model, entry.buffer());
    need(bytes.size() <= kMetadataLimit, "its metadata is longer than a megabyte");
    return apply_metadata({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, graph);
  }
}

void check_inputs(const Graph& graph) {
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    if (value.shape.size() < 2 || value.shape[0] == 1) continue;
    fail("input '" + value.name + "' is a batch of " + std::to_string(value.shape[0]) +
         "; export the network for a batch of 1");
  }
}

Graph read_graph(std::string_view bytes) {
  const Model& model = verified_model(bytes);
  const SubGraph& subgraph = *model.subgraphs()->Get(0);
  TfliteReading reading{.bytes_left = kBudgetPerByte * bytes.size() + kLeastBudget,
                        .unpacked_left = kMostUnpacked * bytes.size()};
  read_tensors(model, subgraph, reading);
  Graph& graph = reading.graph;
  graph.inputs = ends_of(subgraph.inputs(), graph.values.size(), "input");
  graph.outputs = ends_of(subgraph.outputs(), graph.values.size(), "output");
  check_inputs(graph);
  read_operators(model, subgraph, reading);
  fuse_relu_0_to_1(graph);
  remove_unused(graph);
  read_metadata(model, graph);
  verify(graph);
  for (const Node& node : graph.nodes) check_tflite_numbers(graph, node);
  return std::move(graph);
}

}  // namespace

Graph parse_tflite(std::string_view bytes, const std::string& file_name) {
  try {
    return read_graph(bytes);
  } catch (const Error& error) {
    throw Error(file_name + ": " + error.what());
  }
}

Graph read_tflite(const std::filesystem::path& path) { return parse_tflite(read_file(path), path.string()); }

}  // namespace slimpilot
