// SPDX-License-Identifier: Apache-2.0
// What is made of ONNX files piece by piece: the order of images, shapes that are computed while reading, quantization; and
// files that lie. Whole networks and ONNX's own test cases are in tests/onnx_test.cpp.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/onnx.h"
#include "formats/onnx_wire.h"

namespace slimpilot {
namespace {

std::string_view no_files(const std::string& name) { throw Error("there is no '" + name + "'"); }

OnnxAttribute integers(std::string name, std::vector<int64_t> numbers) {
  return {.name = std::move(name), .kind = OnnxAttribute::Kind::integers, .integers = std::move(numbers)};
}

/// A file in the making: one input `x`, one output `y`.
struct File {
  OnnxModel model{.ir_version = 8, .opsets = {{"", 13}}};

  explicit File(std::vector<int64_t> shape) {
    model.inputs = {{.name = "x", .type = OnnxType::float32, .dims = std::move(shape)}};
    model.outputs = {{.name = "y", .type = OnnxType::float32, .dims = std::vector<int64_t>{}}};
  }
  File& node(std::string kind, std::vector<std::string> inputs, std::string output,
             std::vector<OnnxAttribute> attributes = {}) {
    model.nodes.push_back({.name = "node_" + output,
                           .kind = std::move(kind),
                           .inputs = std::move(inputs),
                           .outputs = {std::move(output)},
                           .attributes = std::move(attributes)});
    return *this;
  }
  /// 0, 1, 2, …
  File& reals(std::string name, std::vector<int64_t> dims) {
    OnnxTensor tensor{.name = std::move(name), .dims = std::move(dims), .type = OnnxType::float32};
    int64_t count = 1;
    for (const int64_t extent : tensor.dims) count *= extent;
    for (int64_t i = 0; i < count; ++i) tensor.floats.push_back(static_cast<float>(i));
    model.initializers.push_back(std::move(tensor));
    return *this;
  }
  File& numbers(std::string name, std::vector<int64_t> list, OnnxType type = OnnxType::int64) {
    const auto count = static_cast<int64_t>(list.size());
    model.initializers.push_back({.name = std::move(name), .dims = {count}, .type = type, .integers = std::move(list)});
    return *this;
  }
  Graph read() const { return onnx_graph(model, {.constant_bytes = 1 << 20}); }
  std::string complaint() const {
    try {
      read();
      return {};
    } catch (const Error& error) {
      return error.what();
    }
  }
};

template <class Kind>
size_t count_of(const Graph& graph) {
  return static_cast<size_t>(
      std::ranges::count_if(graph.nodes, [](const Node& node) { return std::holds_alternative<Kind>(node.op); }));
}

void expect_part(const std::string& text, const std::string& part) { EXPECT_NE(text.find(part), std::string::npos) << text; }

TEST(OnnxOrder, AnImageIsTurnedWithoutANode) {
  File file({1, 3, 6, 8});
  const Graph graph = file.reals("w", {4, 3, 3, 3}).node("Conv", {"x", "w"}, "y").read();
  EXPECT_EQ(graph.value(graph.inputs[0]).shape, (Shape{1, 6, 8, 3}));
  EXPECT_EQ(graph.value(graph.nodes[0].inputs[1]).shape, (Shape{4, 3, 3, 3}));
  EXPECT_EQ(graph.value(graph.nodes[0].inputs[1]).elements<float>()[1], 9);  // the second channel of the first place
}

TEST(OnnxOrder, TransposesAtBothEndsCancel) {
  File file({1, 6, 8, 3});
  file.reals("w", {4, 3, 3, 3}).node("Transpose", {"x"}, "first", {integers("perm", {0, 3, 1, 2})});
  file.node("Conv", {"first", "w"}, "image").node("Transpose", {"image"}, "y", {integers("perm", {0, 2, 3, 1})});
  const Graph graph = file.read();
  EXPECT_EQ(graph.value(graph.inputs[0]).shape, (Shape{1, 6, 8, 3}));
  EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{1, 4, 6, 4}));
  EXPECT_EQ(graph.nodes.size(), 1u);
}

TEST(OnnxOrder, AResultKeepsTheFilesOrder) {
  const Graph graph = File({1, 3, 6, 8}).node("Relu", {"x"}, "y").read();
  EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{1, 3, 6, 8}));
  EXPECT_EQ(count_of<Permute>(graph), 1u);
}

TEST(OnnxOrder, WeightsFollowAFlattenedImage) {
  File file({1, 2, 1, 3});
  const Graph graph = file.reals("w", {6, 1}).node("Flatten", {"x"}, "flat").node("MatMul", {"flat", "w"}, "y").read();
  const Node& dense = graph.nodes.back();
  const auto weights = graph.value(dense.inputs[1]).elements<float>();
  EXPECT_EQ(std::vector<float>(weights.begin(), weights.end()), (std::vector<float>{0, 3, 1, 4, 2, 5}));
}

TEST(OnnxFolding, AShapeIsComputedWhileReading) {
  File file({1, 2, 3, 4});
  file.numbers("zero", {0}).numbers("rest", {-1}).node("Shape", {"x"}, "shape").node("Gather", {"shape", "zero"}, "batch");
  const Graph graph = file.node("Concat", {"batch", "rest"}, "target", {{.name = "axis", .integer = 0}})
                          .node("Reshape", {"x", "target"}, "y")
                          .read();
  EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{1, 24}));
}

TEST(OnnxFolding, AnOpenBatchIsOne) {
  const Graph graph = File({-1, 5}).node("Relu", {"x"}, "y").read();
  EXPECT_EQ(graph.value(graph.inputs[0]).shape, (Shape{1, 5}));
  expect_part(File({1, -1}).node("Relu", {"x"}, "y").complaint(), "input 'x': dimension 1 is left open");
}

/// x → Quantize → Dequantize → Conv → Quantize → Dequantize → y, in uint8.
File quantized(std::vector<int64_t> weight_zero) {
  File file({1, 1, 4, 4});
  file.model.initializers.push_back({.name = "scale", .type = OnnxType::float32, .floats = {.5f}});
  file.model.initializers.push_back({.name = "zero", .type = OnnxType::uint8, .integers = {130}});
  file.model.initializers.push_back(
      {.name = "w", .dims = {1, 1, 2, 2}, .type = OnnxType::uint8, .integers = {128, 129, 130, 127}});
  file.model.initializers.push_back({.name = "w_zero", .type = OnnxType::uint8, .integers = std::move(weight_zero)});
  file.node("QuantizeLinear", {"x", "scale", "zero"}, "q").node("DequantizeLinear", {"q", "scale", "zero"}, "r");
  file.node("DequantizeLinear", {"w", "scale", "w_zero"}, "weights").node("Conv", {"r", "weights"}, "c");
  return file.node("QuantizeLinear", {"c", "scale", "zero"}, "s").node("DequantizeLinear", {"s", "scale", "zero"}, "y");
}

TEST(OnnxIntegers, ALayerBetweenTwoScalesIsOne) {
  const Graph graph = quantized({128}).read();
  ASSERT_EQ(graph.nodes.size(), 4u);  // the last one gives the result the shape that the file says
  const Node& conv = graph.nodes[1];
  ASSERT_TRUE(std::holds_alternative<Conv2D>(conv.op));
  EXPECT_EQ(graph.value(conv.output).type, ElementType::s8);
  EXPECT_EQ(graph.value(conv.output).quantization, (Quantization{{.5f}, {2}, -1}));
  const auto weights = graph.value(conv.inputs[1]).elements<int8_t>();
  EXPECT_EQ(std::vector<int>(weights.begin(), weights.end()), (std::vector<int>{0, 1, 2, -1}));
  EXPECT_EQ(graph.value(conv.inputs[2]).type, ElementType::s32);
}

TEST(OnnxIntegers, WeightsLoseTheirZeroPoint) {
  const auto weights_with = [](int64_t zero) {
    const Graph graph = quantized({zero}).read();
    const auto conv =
        std::ranges::find_if(graph.nodes, [](const Node& node) { return std::holds_alternative<Conv2D>(node.op); });
    const Value& weights = graph.value(conv->inputs[1]);
    EXPECT_EQ(weights.quantization, (Quantization{{.5f}, {0}, -1}));
    const auto numbers = weights.elements<int8_t>();
    return std::vector<int>(numbers.begin(), numbers.end());
  };
  EXPECT_EQ(weights_with(127), (std::vector<int>{1, 2, 3, 0}));
  EXPECT_EQ(weights_with(0), (std::vector<int>{127, 1, 127, 2, 127, 3, 127, 0}));  // of an input that is there twice
}

TEST(OnnxIntegers, ARepeatedConstantKeepsItsScales) {
  File file({1, 3, 2});
  file.numbers("q", {1, 2}, OnnxType::int8).reals("scales", {2}).reals("a", {3, 2});
  file.node("DequantizeLinear", {"q", "scales"}, "b", {{.name = "axis", .integer = 0}}).node("Add", {"a", "b"}, "c");
  const Graph graph = file.node("Add", {"x", "c"}, "y").read();
  const auto sums = graph.value(graph.nodes[0].inputs[1]).elements<float>();
  EXPECT_EQ(std::vector<float>(sums.begin(), sums.end()), (std::vector<float>{0, 3, 2, 5, 4, 7}));
}

TEST(OnnxIntegers, ABiasHasAScalePerNumber) {
  File file({1, 4});
  file.reals("w", {4, 6}).numbers("q", {1, 2, 3, 4, 5, 6}, OnnxType::int32).reals("scales", {2});
  file.model.initializers[1].dims = {2, 3};
  file.node("DequantizeLinear", {"q", "scales"}, "b", {{.name = "axis", .integer = 0}}).node("Gemm", {"x", "w", "b"}, "y");
  expect_part(file.complaint(), "other scales than one per number");
}

TEST(OnnxLies, AreErrorsThatNameThePlace) {
  expect_part(File({1, 4}).node("Einsum", {"x"}, "y").complaint(),
              "node 'node_y' (Einsum): slimpilot does not know this operator");
  expect_part(File({1, 4}).node("Relu", {"later"}, "y").complaint(),
              "node 'node_y' (Relu): reads 'later', which nothing has computed");
  expect_part(File({1, 4}).node("Relu", {"x"}, "a").node("Relu", {"a"}, "a").complaint(), "writes 'a' a second time");
  expect_part(File({1, 4}).node("Relu", {}, "y").complaint(), "input 0 is missing");
  expect_part(File({1, 4}).complaint(), "output 'y'");
  expect_part(File({1, 3, 8, 8}).reals("w", {4, 2, 3, 3}).node("Conv", {"x", "w"}, "y").complaint(), "3 channels");
  expect_part(File({1, 4}).reals("w", {5, 2}).node("MatMul", {"x", "w"}, "y").complaint(), "do not fit");
  expect_part(File({1, 3, 8, 8}).node("Transpose", {"x"}, "y", {integers("perm", {0, 1, 1, 2})}).complaint(), "no permutation");
  expect_part(File({1, 3, 8, 8}).node("MaxPool", {"x"}, "y", {integers("kernel_shape", {9, 9})}).complaint(), "does not fit");
  expect_part(File({1, 3, 8, 8}).node("MaxPool", {"x"}, "y", {integers("kernel_shape", {0, 1})}).complaint(), "absurd");
  File custom({1, 4});
  custom.node("Relu", {"x"}, "y").model.nodes[0].domain = "my.operators";
  expect_part(custom.complaint(), "operator set 'my.operators'");
  File newer({1, 4});
  newer.node("Relu", {"x"}, "y").model.opsets[0].version = 99;
  expect_part(newer.complaint(), "opset 99");
}

TEST(OnnxLies, ConstantsHaveABudget) {
  File file({1, 4});
  file.numbers("shape", {1 << 14, 1 << 14}).node("ConstantOfShape", {"shape"}, "huge").node("Add", {"x", "huge"}, "y");
  expect_part(file.complaint(), "many times the file's size");
  File product({1, 4});
  product.numbers("shape", {int64_t{1} << 40, int64_t{1} << 40}).node("Mul", {"shape", "shape"}, "y");
  expect_part(product.complaint(), "absurd extents");
}

TEST(OnnxLies, LongChainsNeedNoStack) {
  constexpr int kLength = 200'000;
  File file({1, 4});
  file.numbers("long", {4, 1}).numbers("wide", {1, 4}).reals("scale", {2}).numbers("zero", {0}, OnnxType::int8);
  file.model.initializers[2].floats = {1};
  file.model.initializers[2].dims = {1};
  file.node("QuantizeLinear", {"x", "scale", "zero"}, "q").node("DequantizeLinear", {"q", "scale", "zero"}, "r0");
  for (int i = 0; i < kLength; ++i)
    file.node("Reshape", {"r" + std::to_string(i), i % 2 == 0 ? "long" : "wide"}, "r" + std::to_string(i + 1));
  file.node("Tanh", {"r" + std::to_string(kLength)}, "y");
  EXPECT_EQ(count_of<Reshape>(file.read()), size_t{kLength});
}

TEST(OnnxLies, JoinedConstantsFitTogether) {
  File file({1, 4});
  file.reals("a", {2, 4}).reals("b", {100, 1}).node("Concat", {"a", "b"}, "both", {{.name = "axis", .integer = 0}});
  expect_part(file.node("Transpose", {"both"}, "y").complaint(), "differ in type or shape");
  File empty({1, 4});
  empty.reals("a", {1 << 30, 0}).node("Concat", {"a", "a", "a"}, "y", {{.name = "axis", .integer = 0}});
  expect_part(empty.complaint(), "absurdly long");
}

TEST(OnnxLies, AConstantIsNoComputedTensor) {
  for (const char* kind : {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Cast"}) {
    File file({1, 4});  // the last input, which no such operator has, keeps the node from being folded
    file.reals("c", {1, 4}).numbers("shape", {4, 1}).node(kind, {"c", "shape", "x"}, "moved", {{.name = "to", .integer = 1}});
    expect_part(file.node("Add", {"x", "moved"}, "y").complaint(), "is a constant where a computed tensor is expected");
  }
}

TEST(OnnxLies, CopiesOfConstantsHaveABudget) {
  for (const char* kind : {"Identity", "Dropout", "Split", "Clip", "Slice"}) {
    File file({1, 4});
    file.reals("c0", {1 << 14}).numbers("none", {});
    for (int i = 0; i < 20; ++i) {
      std::vector<std::string> inputs{"c" + std::to_string(i)};
      if (kind == std::string("Slice")) inputs.insert(inputs.end(), {"none", "none"});
      file.node(kind, std::move(inputs), "c" + std::to_string(i + 1));
    }
    expect_part(file.complaint(), "many times the file's size");
  }
  File empty({1, 4});
  empty.reals("c", {0, 1 << 30}).numbers("one", {1}).node("Slice", {"c", "one", "one", "one"}, "y");
  expect_part(empty.complaint(), "many times the file's size");
}

TEST(OnnxLies, ShapesAreSaneEvenWithoutElements) {
  const int64_t large = int64_t{1} << 29;
  File empty({1, 4});
  expect_part(empty.reals("c", {0, large, large, large}).node("Transpose", {"c"}, "y").complaint(), "absurd shape");
  File made({1, 4});
  made.numbers("shape", {0, large, large}).node("ConstantOfShape", {"shape"}, "y");
  expect_part(made.complaint(), "absurd shape");
  File repeated({1, 4});
  repeated.reals("c", {0, large, 1}).numbers("shape", {1, 1, large}).node("Expand", {"c", "shape"}, "y");
  expect_part(repeated.complaint(), "absurd shape");
  File gathered({1, 4});
  gathered.reals("c", {0, 4}).numbers("places", std::vector<int64_t>(1 << 16, 0));
  gathered.node("Gather", {"c", "places"}, "d", {{.name = "axis", .integer = 1}});
  gathered.node("Unsqueeze", {"d", "axis"}, "e").numbers("axis", {2}).numbers("shape", {1, 1, 1 << 16});
  expect_part(gathered.node("Expand", {"e", "shape"}, "y").complaint(), "absurd shape");
}

TEST(OnnxLies, ShapesHaveFewDimensions) {
  File reshaped({1, 4});
  reshaped.numbers("shape", std::vector<int64_t>(1 << 12, 1)).node("Reshape", {"x", "shape"}, "y");
  expect_part(reshaped.complaint(), "a shape of 4096 dimensions");
  File unsqueezed({1, 4});
  unsqueezed.numbers("axes", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}).node("Unsqueeze", {"x", "axes"}, "y");
  expect_part(unsqueezed.complaint(), "a shape of 17 dimensions");
}

TEST(OnnxLies, TensorsHaveTheNumbersThatTheyPromise) {
  File file({1, 4});
  file.reals("w", {2, 4}).node("MatMul", {"x", "w"}, "y").model.initializers[0].dims = {4, 3};
  expect_part(file.complaint(), "tensor 'w' holds more or fewer numbers");
  file.model.initializers[0].dims = {-4, -2};
  expect_part(file.complaint(), "absurd shape");
  file.model.initializers[0].dims = {4, 2};
  file.model.initializers[0].floats[3] = NAN;
  expect_part(file.complaint(), "NaN");
}

/// A tensor whose data are elsewhere.
std::string external(const std::string& location, int64_t count) {
  WireWriter entry, tensor;
  entry.bytes(1, "location");
  entry.bytes(2, location);
  tensor.integer(1, count);
  tensor.integer(2, 1);
  tensor.bytes(8, "w");
  tensor.bytes(13, entry.message());
  tensor.integer(14, 1);
  return tensor.message();
}

TEST(OnnxLies, DataLieBesideTheModel) {
  const std::string bytes(16, '\0');
  const auto beside = [&](const std::string& name) -> std::string_view { return name == "weights" ? bytes : no_files(name); };
  EXPECT_EQ(parse_onnx_tensor(external("weights", 4), beside).raw.size(), 16u);
  EXPECT_THROW(parse_onnx_tensor(external("others", 4), beside), Error);
}

TEST(OnnxLies, TensorsThatShareDataHaveOneBudget) {
  const std::string bytes(1 << 22, '\0');
  WireWriter opset, graph, model;
  opset.integer(2, 13);
  for (int i = 0; i < 32; ++i) graph.bytes(5, external("weights", 1 << 20));
  model.bytes(7, graph.message());
  model.bytes(8, opset.message());
  try {
    parse_onnx(model.message(), [&](const std::string&) -> std::string_view { return bytes; });
    FAIL();
  } catch (const Error& error) {
    expect_part(error.what(), "many times the file's size");
  }
}

TEST(OnnxLies, DataElsewhereAreNotRead) {
  const auto folder = std::filesystem::temp_directory_path() / ("onnx_read_test_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder / "model");
  for (const char* name : {"weights", "model/weights"}) std::ofstream(folder / name) << std::string(16, '\0');
  const auto complaint = [&](const std::string& location) {
    WireWriter opset, graph, model;
    opset.integer(2, 13);
    graph.bytes(5, external(location, 4));
    model.bytes(7, graph.message());
    model.bytes(8, opset.message());
    std::ofstream(folder / "model/a.onnx", std::ios::binary) << model.message();
    try {
      read_onnx(folder / "model/a.onnx");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  for (const std::string& location : {std::string("../weights"), (folder / "weights").string(), std::string(".."),
                                      std::string(), std::string("weights\0a", 9)})
    expect_part(complaint(location), "tensor 'w': its data are in '");
  EXPECT_EQ(complaint("weights").find("its data are in"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(OnnxLies, InputsAreFew) {
  File file({1, 4});
  for (int i = 0; i < 256; ++i)
    file.model.inputs.push_back({.name = "x" + std::to_string(i), .type = OnnxType::float32, .dims = std::vector<int64_t>{1}});
  expect_part(file.node("Relu", {"x"}, "y").complaint(), "more than 256 inputs");
}

TEST(OnnxLies, WindowsAreLimited) {
  File file({1, 1, 1, 1 << 30});
  file.numbers("shape", {1, 1, 1, (1 << 16) + 1}).node("ConstantOfShape", {"shape"}, "w").node("Conv", {"x", "w"}, "y");
  file.model.nodes[1].attributes = {{.name = "auto_pad", .text = "SAME_UPPER"}};
  expect_part(file.complaint(), "absurd");
}

TEST(OnnxLies, BeginningsAreErrorsOrNetworks) {
  File file({1, 3, 6, 8});
  file.reals("w", {4, 3, 3, 3}).node("Conv", {"x", "w"}, "y");
  const std::string bytes = to_onnx(file.read());
  parse_onnx(bytes, no_files);
  size_t networks = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    try {
      parse_onnx(std::string_view(bytes).substr(0, length), no_files);
      ++networks;
    } catch (const Error&) {
    }
  }
  EXPECT_LE(networks, 1u);  // the metadata stand last, and can be missing
}

TEST(OnnxWire, NumbersAreReadAsWritten) {
  WireWriter writer;
  for (const int64_t number : {int64_t{0}, int64_t{127}, int64_t{128}, INT64_MAX, INT64_MIN, int64_t{-1}})
    writer.integer(3, number);
  writer.real(4, -.5f);
  WireReader reader(writer.message());
  std::vector<int64_t> numbers;
  while (reader.next() && reader.field() == 3) reader.append_to(numbers);
  EXPECT_EQ(numbers, (std::vector<int64_t>{0, 127, 128, INT64_MAX, INT64_MIN, -1}));
  EXPECT_EQ(reader.real(), -.5f);
  EXPECT_THROW(reader.bytes(), Error);
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace slimpilot
