// SPDX-License-Identifier: Apache-2.0
// Field numbers are those of the format (onnx.proto3, IR versions 3 to 12). Fields that are not named here change nothing that
// slimpilot computes and are skipped.
#include "formats/onnx_file.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "formats/onnx_wire.h"

namespace slimpilot {
namespace {

// Far above any network that drives a car.
constexpr size_t kMostNodes = 1 << 14, kMostConstants = 1 << 16, kMostOperands = 256, kMostAttributes = 64;
constexpr size_t kMostDimensions = 16, kMostEnds = 256, kMostProperties = 256, kLongestName = 4096;

void need(bool condition, const std::string& what) {
  if (!condition) throw Error(what);
}

/// A new last element of a list that a file may not fill without limit.
template <class T>
T& grow(std::vector<T>& list, size_t most, const char* what) {
  need(list.size() < most, std::string("has more than ") + std::to_string(most) + " " + what);
  return list.emplace_back();
}

std::string name_of(const WireReader& reader) {
  need(reader.bytes().size() <= kLongestName, "a name is longer than " + std::to_string(kLongestName) + " characters");
  return std::string(reader.bytes());
}

OnnxProperty parse_property(std::string_view message) {
  OnnxProperty property;
  for (WireReader r(message); r.next();) {
    if (r.field() == 1) property.key = name_of(r);
    if (r.field() == 2) property.value = r.bytes();
  }
  return property;
}

/// Where a tensor's bytes are when they are not in the file.
struct External {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

uint64_t number_of(const OnnxProperty& property) {
  uint64_t number = 0;
  const char* const end = property.value.data() + property.value.size();
  const auto [stop, error] = std::from_chars(property.value.data(), end, number);
  need(error == std::errc() && stop == end, "its external data's " + property.key + " is no number");
  return number;
}

void add_external(External& external, const OnnxProperty& property) {
  if (property.key == "location") external.location = property.value;
  if (property.key == "offset") external.offset = number_of(property);
  if (property.key == "length") external.length = number_of(property);
}

std::string_view external_bytes(const External& external, const ReadBeside& read_beside) {
  const std::string_view file = read_beside(external.location);
  const uint64_t rest = file.size() - std::min<uint64_t>(external.offset, file.size());
  const uint64_t length = external.length.value_or(rest);
  need(external.offset <= file.size() && length <= rest, "its external data end behind the file '" + external.location + "'");
  return file.substr(external.offset, length);
}

OnnxAttribute parse_attribute(std::string_view message, const ReadBeside& read_beside) {
  OnnxAttribute attribute;
  for (WireReader r(message); r.next();) {
    switch (r.field()) {
      case 1: attribute.name = name_of(r); break;
      case 2: attribute.real = r.real(); break;
      case 3: attribute.integer = r.integer(); break;
      case 4: attribute.text = name_of(r); break;
      case 5: attribute.tensor = {parse_onnx_tensor(r.bytes(), read_beside)}; break;
      case 7: r.append_to(attribute.reals); break;
      case 8: r.append_to(attribute.integers); break;
      case 20: attribute.kind = static_cast<OnnxAttribute::Kind>(std::clamp<int64_t>(r.integer(), 0, 8)); break;
      default: break;
    }
  }
  return attribute;
}

OnnxNode parse_node(std::string_view message, const ReadBeside& read_beside) {
  OnnxNode node;
  std::vector<std::string_view> attributes;
  for (WireReader r(message); r.next();) {
    switch (r.field()) {
      case 1: grow(node.inputs, kMostOperands, "inputs at a node") = name_of(r); break;
      case 2: grow(node.outputs, kMostOperands, "outputs at a node") = name_of(r); break;
      case 3: node.name = name_of(r); break;
      case 4: node.kind = name_of(r); break;
      case 5: grow(attributes, kMostAttributes, "attributes at a node") = r.bytes(); break;
      case 7: node.domain = name_of(r); break;
      default: break;
    }
  }
  for (const std::string_view attribute : attributes) node.attributes.push_back(parse_attribute(attribute, read_beside));
  return node;
}

std::vector<int64_t> parse_shape(std::string_view message) {
  std::vector<int64_t> dims;
  for (WireReader r(message); r.next();) {
    if (r.field() != 1) continue;
    int64_t& extent = grow(dims, kMostDimensions, "dimensions at an input or output");
    extent = -1;
    for (WireReader dimension(r.bytes()); dimension.next();)
      if (dimension.field() == 1) extent = dimension.integer();
  }
  return dims;
}

void parse_tensor_type(std::string_view message, OnnxValueInfo& info) {
  for (WireReader r(message); r.next();) {
    if (r.field() == 1) info.type = static_cast<OnnxType>(r.integer());
    if (r.field() == 2) info.dims = parse_shape(r.bytes());
  }
}

OnnxValueInfo parse_value_info(std::string_view message) {
  OnnxValueInfo info;
  for (WireReader r(message); r.next();) {
    if (r.field() == 1) info.name = name_of(r);
    if (r.field() != 2) continue;
    for (WireReader type(r.bytes()); type.next();)
      if (type.field() == 1) parse_tensor_type(type.bytes(), info);
  }
  return info;
}

void parse_graph(std::string_view message, OnnxModel& model, const ReadBeside& read_beside) {
  for (WireReader r(message); r.next();) {
    switch (r.field()) {
      case 1: grow(model.nodes, kMostNodes, "nodes") = parse_node(r.bytes(), read_beside); break;
      case 2: model.name = name_of(r); break;
      case 5: grow(model.initializers, kMostConstants, "initializers") = parse_onnx_tensor(r.bytes(), read_beside); break;
      case 11: grow(model.inputs, kMostConstants, "inputs") = parse_value_info(r.bytes()); break;
      case 12: grow(model.outputs, kMostEnds, "outputs") = parse_value_info(r.bytes()); break;
      case 15: throw Error("has sparse initializers, which slimpilot does not read; export with dense weights");
      default: break;
    }
  }
}

OnnxOpset parse_opset(std::string_view message) {
  OnnxOpset opset;
  for (WireReader r(message); r.next();) {
    if (r.field() == 1) opset.domain = name_of(r);
    if (r.field() == 2) opset.version = r.integer();
  }
  return opset;
}

std::string tensor_message(const OnnxTensor& tensor) {
  WireWriter w;
  for (const int64_t extent : tensor.dims) w.integer(1, extent);
  w.integer(2, static_cast<int64_t>(tensor.type));
  w.bytes(8, tensor.name);
  w.bytes(9, tensor.raw);
  return w.message();
}

std::string attribute_message(const OnnxAttribute& attribute) {
  WireWriter w;
  w.bytes(1, attribute.name);
  switch (attribute.kind) {
    case OnnxAttribute::Kind::real: w.real(2, attribute.real); break;
    case OnnxAttribute::Kind::integer: w.integer(3, attribute.integer); break;
    case OnnxAttribute::Kind::integers:
      for (const int64_t number : attribute.integers) w.integer(8, number);
      break;
    default: check(false);  // the writer makes no others
  }
  w.integer(20, static_cast<int64_t>(attribute.kind));
  return w.message();
}

std::string node_message(const OnnxNode& node) {
  WireWriter w;
  for (const std::string& name : node.inputs) w.bytes(1, name);
  for (const std::string& name : node.outputs) w.bytes(2, name);
  w.bytes(3, node.name);
  w.bytes(4, node.kind);
  for (const OnnxAttribute& attribute : node.attributes) w.bytes(5, attribute_message(attribute));
  return w.message();
}

std::string value_info_message(const OnnxValueInfo& info) {
  WireWriter shape, tensor, type, w;
  for (const int64_t extent : *info.dims) {
    WireWriter dimension;
    dimension.integer(1, extent);
    shape.bytes(1, dimension.message());
  }
  tensor.integer(1, static_cast<int64_t>(info.type));
  tensor.bytes(2, shape.message());
  type.bytes(1, tensor.message());
  w.bytes(1, info.name);
  w.bytes(2, type.message());
  return w.message();
}

std::string graph_message(const OnnxModel& model) {
  WireWriter w;
  for (const OnnxNode& node : model.nodes) w.bytes(1, node_message(node));
  w.bytes(2, model.name);
  for (const OnnxTensor& tensor : model.initializers) w.bytes(5, tensor_message(tensor));
  for (const OnnxValueInfo& info : model.inputs) w.bytes(11, value_info_message(info));
  for (const OnnxValueInfo& info : model.outputs) w.bytes(12, value_info_message(info));
  return w.message();
}

}  // namespace

OnnxTensor parse_onnx_tensor(std::string_view message, const ReadBeside& read_beside) {
  OnnxTensor tensor;
  External external;
  bool is_external = false;
  for (WireReader r(message); r.next();) {
    switch (r.field()) {
      case 1: r.append_to(tensor.dims); break;
      case 2: tensor.type = static_cast<OnnxType>(r.integer()); break;
      case 4: r.append_to(tensor.floats); break;
      case 5:
      case 7:
      case 11: r.append_to(tensor.integers); break;
      case 8: tensor.name = name_of(r); break;
      case 9: tensor.raw = r.bytes(); break;
      case 10: r.append_to(tensor.doubles); break;
      case 13: add_external(external, parse_property(r.bytes())); break;
      case 14: is_external = r.integer() == 1; break;
      default: break;
    }
  }
  need(tensor.dims.size() <= kMostDimensions, "tensor '" + tensor.name + "' has more than 16 dimensions");
  if (!is_external) return tensor;
  try {
    tensor.raw = external_bytes(external, read_beside);
  } catch (const Error& error) {
    throw Error("tensor '" + tensor.name + "': " + error.what());
  }
  return tensor;
}

OnnxModel parse_onnx_model(std::string_view file, const ReadBeside& read_beside) {
  OnnxModel model;
  bool has_graph = false;
  for (WireReader r(file); r.next();) {
    switch (r.field()) {
      case 1: model.ir_version = r.integer(); break;
      case 2: model.producer = name_of(r); break;
      case 7:
        need(!has_graph, "holds two graphs");
        has_graph = true;
        parse_graph(r.bytes(), model, read_beside);
        break;
      case 8: grow(model.opsets, kMostProperties, "operator sets") = parse_opset(r.bytes()); break;
      case 14: grow(model.properties, kMostProperties, "metadata properties") = parse_property(r.bytes()); break;
      default: break;
    }
  }
  need(has_graph, "is no ONNX file: it holds no graph");
  return model;
}

std::string to_bytes(const OnnxModel& model) {
  WireWriter w;
  w.integer(1, model.ir_version);
  w.bytes(2, model.producer);
  w.bytes(7, graph_message(model));
  for (const OnnxOpset& opset : model.opsets) {
    WireWriter one;
    one.bytes(1, opset.domain);
    one.integer(2, opset.version);
    w.bytes(8, one.message());
  }
  for (const OnnxProperty& property : model.properties) {
    WireWriter one;
    one.bytes(1, property.key);
    one.bytes(2, property.value);
    w.bytes(14, one.message());
  }
  return w.message();
}

}  // namespace slimpilot
