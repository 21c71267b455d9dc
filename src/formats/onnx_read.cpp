// SPDX-License-Identifier: Apache-2.0
// ONNX file → graph: constants, inputs, node after node (onnx_reading.h), then what lies between Quantize and Dequantize
// becomes integer layers. Nothing in the file is believed before it is checked.
#include <sys/stat.h>

#include <algorithm>
#include <deque>

#include "base/error.h"
#include "formats/file_errors.h"
#include "formats/formats.h"
#include "formats/fused_clamps.h"
#include "formats/fused_integers.h"
#include "formats/metadata.h"
#include "formats/onnx.h"
#include "formats/onnx_reading.h"
#include "graph/edit.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

constexpr int64_t kOldestOpset = 1, kNewestOpset = 26;
constexpr size_t kMostInputs = 256;  // each is followed through all nodes
constexpr size_t kBudgetPerByte = 16, kLeastBudget = 1 << 22;
constexpr ActivationKind kClamps[] = {ActivationKind::relu, ActivationKind::relu6, ActivationKind::relu_n1_to_1,
                                      ActivationKind::relu_0_to_1};

void need(bool condition, const std::string& what) {
  if (!condition) throw Error(what);
}

int64_t opset_of(const OnnxModel& model) {
  for (const OnnxOpset& opset : model.opsets)
    if (opset.domain.empty() || opset.domain == "ai.onnx") {
      need(opset.version >= kOldestOpset && opset.version <= kNewestOpset, "uses opset " + std::to_string(opset.version) +
                                                                               "; " + std::to_string(kOldestOpset) + " to " +
                                                                               std::to_string(kNewestOpset) + " are known");
      return opset.version;
    }
  throw Error("does not say which operator set it uses");
}

ElementType input_type(const OnnxValueInfo& info) {
  switch (info.type) {
    case OnnxType::float32:
    case OnnxType::float16:
    case OnnxType::float64: return ElementType::f32;
    case OnnxType::int8: return ElementType::s8;
    case OnnxType::uint8: return ElementType::u8;
    case OnnxType::int16: return ElementType::s16;
    default: throw Error("input '" + info.name + "' is of a type that slimpilot does not compute; export with float32");
  }
}

/// An open first dimension is the batch.
Shape input_shape(const OnnxValueInfo& info) {
  need(info.dims.has_value(), "input '" + info.name + "' has no shape; export with a fixed shape");
  Shape shape;
  for (const int64_t extent : *info.dims) {
    const bool open = extent <= 0;
    need(!open || shape.empty(),
         "input '" + info.name + "': dimension " + std::to_string(shape.size()) + " is left open; export with a fixed shape");
    need(extent <= (1 << 30) && element_count(shape) * std::max<int64_t>(1, extent) <= (1 << 30),
         "input '" + info.name + "' is absurdly large");
    shape.push_back(open ? 1 : static_cast<int>(extent));
  }
  return shape;
}

/// Whether an image comes with its channels last: the first thing that happens to it, apart from arithmetic, is a Transpose
/// that brings them to the front. The file's own images have channels first.
bool is_channels_last(const OnnxModel& model, const std::string& input) {
  std::set<std::string_view> open{input};
  for (const OnnxNode& node : model.nodes) {
    if (std::ranges::none_of(node.inputs, [&](const std::string& name) { return open.contains(name); })) continue;
    if (node.kind == "Transpose") {
      const auto order = std::ranges::find(node.attributes, "perm", &OnnxAttribute::name);
      return order != node.attributes.end() && order->integers == std::vector<int64_t>{0, 3, 1, 2};
    }
    constexpr std::string_view through[] = {
        "Add", "Sub", "Mul", "Div", "Cast", "Identity", "Pad", "Slice", "QuantizeLinear", "DequantizeLinear"};
    if (std::ranges::count(through, node.kind) == 0) return false;
    open.insert(node.outputs.begin(), node.outputs.end());
  }
  return false;
}

void add_input(OnnxReading& reading, const OnnxModel& model, const OnnxValueInfo& info) {
  need(reading.graph.inputs.size() < kMostInputs, "has more than " + std::to_string(kMostInputs) + " inputs");
  const Shape shape = input_shape(info);
  const ElementType type = input_type(info);
  const bool channels_first = shape.size() == 4 && !is_channels_last(model, info.name);
  const Shape stands = channels_first ? permuted_shape(shape, channels_last(4)) : shape;
  const ValueId id = add_value(reading.graph, info.name, stands, type);
  reading.graph.inputs.push_back(id);
  OnnxLayout layout = plain_layout(stands);
  if (channels_first) layout = transposed(layout, slimpilot::channels_first(4));
  need(reading.operands.try_emplace(info.name, OnnxOperand{.id = id, .layout = std::move(layout)}).second,
       "two inputs are named '" + info.name + "'");
}

/// A result, whose numbers must stand in the order that the file says.
void add_output(OnnxReading& reading, const std::string& name) {
  const OnnxNode end{.name = name, .kind = "output", .inputs = {name}, .outputs = {name}};
  OnnxNodeReader reader(reading, end);
  try {
    need(!reader.input(0).constant, "is a constant");
    const ValueId id = reader.plain(0);
    const Shape& shape = reader.shape(0);
    reading.graph.outputs.push_back(reader.reshape_to(id, shape, ""));
  } catch (const Error& error) {
    throw Error("output '" + name + "': " + error.what());
  }
  Value& value = reading.graph.value(reading.graph.outputs.back());
  if (producer_of(reading.graph, reading.graph.outputs.back()) >= 0) value.name = name;
}

void read_initializers(OnnxReading& reading, const OnnxModel& model) {
  for (const OnnxTensor& tensor : model.initializers) {
    reading.take(tensor.raw.size() + sizeof(int64_t) * tensor.integers.size());
    Value value = constant_of(tensor);
    OnnxLayout layout = plain_layout(value.shape);
    reading.operands.insert_or_assign(tensor.name, OnnxOperand{.constant = std::move(value), .layout = std::move(layout)});
  }
}

void read_properties(const OnnxModel& model, Graph& graph) {
  for (const OnnxProperty& property : model.properties) {
    if (property.key != kMetadataName) continue;
    need(property.value.size() <= kMetadataLimit, "its metadata are longer than a megabyte");
    return apply_metadata(property.value, graph);
  }
}

void need_scales(const Graph& graph) {
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    need(value.type == ElementType::f32 || value.quantization,
         "input '" + value.name + "' is of integers, and no DequantizeLinear says what they stand for");
  }
}

void need_single_images(const Graph& graph) {
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    need(value.shape.size() < 2 || value.shape[0] == 1, "input '" + value.name + "' is a batch of " +
                                                            std::to_string(value.shape.empty() ? 0 : value.shape[0]) +
                                                            "; export the network for a batch of 1");
  }
}

/// Files beside the model, for weights that are not in it.
class Folder {
 public:
  explicit Folder(std::filesystem::path path) : path_(std::move(path)) {}

  std::string_view read(const std::string& name) {
    // A zero would end the name for the system, so that one file has any number of names, each read anew.
    if (name.empty() || name.find_first_of(std::string_view("/\0", 2)) != std::string::npos || name == "." || name == "..")
      throw Error("its data are in '" + name + "', which is no file beside the model");
    const auto known = std::ranges::find(files_, name, &File::name);
    if (known != files_.end()) return known->bytes;
    return files_.emplace_back(name, read_file(path_ / name)).bytes;
  }

 private:
  struct File {
    std::string name, bytes;
    File(std::string n, std::string b) : name(std::move(n)), bytes(std::move(b)) {}
  };
  std::filesystem::path path_;
  std::deque<File> files_;  // whose strings stay where they are
};

}  // namespace

Graph onnx_graph(const OnnxModel& model, const OnnxLimits& limits) {
  OnnxReading reading{.opset = opset_of(model), .bytes_left = limits.constant_bytes};
  reading.graph.name = model.name;
  read_initializers(reading, model);
  for (const OnnxValueInfo& info : model.inputs)
    if (!reading.operands.contains(info.name)) add_input(reading, model, info);  // old files name their constants here too
  for (const OnnxNode& node : model.nodes)
    for (const std::string& name : node.inputs) ++reading.readers[name];
  for (const OnnxValueInfo& info : model.outputs) ++reading.readers[info.name];
  for (const OnnxNode& node : model.nodes) read_onnx_node(reading, node);
  for (const OnnxValueInfo& info : model.outputs) add_output(reading, info.name);
  Graph graph = std::move(reading.graph);
  remove_unused(graph);
  fuse_clamps(graph, kClamps);
  fuse_integers(graph, [&](size_t bytes) { reading.take(bytes); });
  remove_unused(graph);
  read_properties(model, graph);
  need_scales(graph);
  verify(graph);
  return graph;
}

Graph parse_onnx(std::string_view file, const ReadBeside& read_beside) {
  size_t bytes = file.size();
  std::set<std::string> counted;  // once, however many tensors share a file
  const OnnxModel model = parse_onnx_model(file, [&](const std::string& name) {
    const std::string_view beside = read_beside(name);
    if (counted.insert(name).second) bytes += beside.size();
    return beside;
  });
  Graph graph = onnx_graph(model, {.constant_bytes = kBudgetPerByte * bytes + kLeastBudget});
  need_single_images(graph);
  return graph;
}

Graph read_onnx(const std::filesystem::path& path) {
  const std::string file = read_file(path);
  Folder folder(path.parent_path());
  return with_file_name(path, [&] { return parse_onnx(file, [&](const std::string& name) { return folder.read(name); }); });
}

}  // namespace slimpilot
