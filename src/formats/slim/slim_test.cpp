// SPDX-License-Identifier: Apache-2.0
// Graphs → .slim bytes → graphs, what weights weigh beside their entropy, and files that are damaged or lie. Quantized
// networks are in tests/whole_network_test.cpp.
#include "formats/slim/slim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "formats/slim/slim_layout.h"
#include "graph/edit.h"
#include "graph/networks.h"
#include "graph/weights.h"

namespace slimpilot {
namespace {

using Bytes = std::vector<std::byte>;

/// Error's text for these bytes; empty when they are a graph.
std::string complaint(std::span<const std::byte> bytes) {
  try {
    read_slim(bytes);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

Value constant(const std::string& name, Shape shape, ElementType type) {
  Value value{.name = name, .shape = std::move(shape), .type = type};
  value.data.resize(static_cast<size_t>(element_count(value.shape)) * element_size(type));
  return value;
}

ValueId add(Graph& graph, Value value) {
  graph.values.push_back(std::move(value));
  return static_cast<ValueId>(graph.values.size()) - 1;
}

/// A network of every op that the golden files hold, no attribute at its default.
Graph network_of_the_first_ops() {
  Graph g;
  g.name = "every op ü \"\n";
  Random random(3);
  const auto weights = [&](const std::string& name, const Shape& shape) {
    std::vector<float> numbers;
    for (int64_t i = element_count(shape); i > 0; --i) numbers.push_back(static_cast<float>(random.uniform(0.1, 1)));
    return add_constant(g, name, shape, numbers);
  };
  ValueId x = add_value(g, "image", {1, 12, 14, 3});
  g.inputs = {x};
  x = append_node(g, "crop", Crop2D{2, 1, 1, 2}, {x});
  x = append_node(g, "pad", Pad2D{1, 3, 2, 1}, {x});
  const ValueId gamma = weights("gamma", {3}), beta = weights("beta", {3}), mean = weights("mean", {3});
  x = append_node(g, "norm", BatchNorm{.125f}, {x, gamma, beta, mean, weights("variance", {3})});
  x = append_node(g, "conv", Conv2D{2, 3, Padding::same, ActivationKind::relu6},
                  {x, weights("conv/w", {8, 3, 3, 3}), weights("conv/b", {8})});
  x = append_node(g, "depthwise", DepthwiseConv2D{1, 2, Padding::same, ActivationKind::relu},
                  {x, weights("depthwise/w", {1, 3, 3, 8}), weights("depthwise/b", {8})});
  x = append_node(g, "pool", Pool2D{PoolKind::average, 3, 2, 1, 3, Padding::same}, {x});
  const Shape image = g.value(x).shape;
  x = append_node(g, "sequence", Reshape{{1, 1, image[1], image[2], image[3]}}, {x});
  x = append_node(g, "lstm", ConvLstm2D{2, 1, Padding::same, ActivationKind::relu, ActivationKind::sigmoid, true, true},
                  {x, weights("lstm/w", {8, 3, 3, 8}), weights("lstm/r", {8, 3, 3, 2}), weights("lstm/b", {8})});
  const Shape step = g.value(x).shape;
  x = append_node(g, "rows", Reshape{{1, step[2], step[3] * step[4]}}, {x});
  x = append_node(g, "lstm2", Lstm{ActivationKind::relu6, ActivationKind::hard_sigmoid, true, true},
                  {x, weights("lstm2/w", {12, step[3] * step[4]}), weights("lstm2/r", {12, 3}), weights("lstm2/b", {12})});
  const int count = static_cast<int>(element_count(g.value(x).shape));
  x = append_node(g, "flat", Reshape{{1, count}}, {x});
  const ValueId a = append_node(g, "tanh", Activation{ActivationKind::tanh}, {x});
  x = append_node(g, "sum", Add{}, {x, a});
  x = append_node(g, "product", Mul{}, {x, a});
  x = append_node(g, "quantized", Quantize{}, {x});
  g.value(x).type = ElementType::s8;
  g.value(x).quantization = Quantization{{.5f}, {-7}, -1};
  x = append_node(g, "real", Dequantize{}, {x});
  x = append_node(g, "dense", Dense{ActivationKind::relu_0_to_1}, {x, weights("dense/w", {2, count}), weights("dense/b", {2})});
  g.outputs = {x, a};
  g.preprocessing = {12, 30, true, ColorOrder::yuv, {1 / 255.f, .1f, 3.4e38f}, {-.5f, -0.f, 1e-45f}, {2}};
  g.meaning.assign(static_cast<size_t>(count) + 2, {"v", "m/s", -3.5f, 12.3f});
  g.value(gamma).constraint = {true, 16, false};
  g.value(beta).constraint = {false, 0, true};
  g.value(gamma).encoding = Encoding::codebook;
  g.value(beta).encoding = Encoding::sparse_bitmask;
  return g;
}

/// The same with those that came later.
Graph network_of_every_op() {
  Graph g = network_of_the_first_ops();
  const ValueId last = g.outputs.back();
  ValueId x = append_node(g, "leaky", LeakyRelu{.1f}, {last});
  x = append_node(g, "joined", Concat{0}, {x, last});
  x = append_node(g, "turned", Permute{{1, 0}}, {x});
  g.outputs.push_back(append_node(g, "shares", Softmax{}, {x}));
  g.meaning.resize(g.meaning.size() + static_cast<size_t>(element_count(g.value(x).shape)));
  return g;
}

/// A small network with constants that nothing reads.
Graph with_constants(std::vector<Value> constants) {
  Graph g;
  const ValueId x = add_value(g, "x", {1, 4});
  g.inputs = {x};
  g.outputs = {append_node(g, "y", Activation{}, {x})};
  for (Value& c : constants) add(g, std::move(c));
  return g;
}

TEST(Slim, ReadsBackEveryOp) {
  const Graph graph = network_of_every_op();
  std::vector<bool> seen(std::variant_size_v<Op>);
  for (const Node& node : graph.nodes) seen[node.op.index()] = true;
  EXPECT_EQ(std::ranges::count(seen, false), 0) << "an op is not in the test's network";
  for (const bool zstd : {true, false}) {
    const Graph again = read_slim(to_slim(graph, {.zstd = zstd}));
    EXPECT_EQ(to_text(again), to_text(graph));
    EXPECT_TRUE(again == graph);
    EXPECT_TRUE(std::signbit(again.preprocessing.offset[1]));
  }
}

TEST(Slim, ReadsBackTheStudysNetworks) {
  for (const std::string_view name : network_names()) {
    const Graph graph = make_network(name, 1);
    EXPECT_TRUE(read_slim(to_slim(graph)) == graph) << name;
  }
}

TEST(Slim, GivesOpsAndEnumeratorsTheNumbersOfItsDocumentation) {
  const std::string_view ops[] = {"Conv2D",  "DepthwiseConv2D", "Dense",   "ConvLstm2D", "Pool2D", "BatchNorm", "Activation",
                                  "Reshape", "Crop2D",          "Pad2D",   "Add",        "Mul",    "Quantize",  "Dequantize",
                                  "Lstm",    "LeakyRelu",       "Softmax", "Concat",     "Permute"};
  const Graph graph = network_of_every_op();
  for (const Node& node : graph.nodes) EXPECT_EQ(op_name(node.op), ops[node.op.index()]);
  const std::string_view activations[] = {"linear", "relu", "relu6",   "relu_n1_to_1", "relu_0_to_1",
                                          "elu",    "tanh", "sigmoid", "hard_sigmoid"};
  for (uint8_t i = 0; i < 9; ++i) EXPECT_EQ(activation_name(static_cast<ActivationKind>(i)), activations[i]);
  const std::string_view types[] = {"f32", "f16", "s8", "u8", "s16", "s32", "s64"};
  for (uint8_t i = 0; i < 7; ++i) EXPECT_EQ(type_name(static_cast<ElementType>(i)), types[i]);
  EXPECT_EQ(static_cast<int>(Padding::same), 1);
  EXPECT_EQ(static_cast<int>(PoolKind::average), 1);
  EXPECT_EQ(static_cast<int>(ColorOrder::yuv), 2);
  EXPECT_EQ(static_cast<int>(Encoding::codebook), 2);
}

/// The first ops, and constants for every layout; the golden files hold it.
Graph golden_network() {
  Graph graph = network_of_the_first_ops();
  Random random(11);
  for (const ElementType type : {ElementType::s8, ElementType::f16})
    for (const uint64_t zeros : {0, 40, 97})
      for (const uint64_t distinct : {2, 5, 120})
        for (const bool per_channel : {false, true}) {
          if (per_channel && type == ElementType::f16) continue;
          Value value = constant("w" + std::to_string(graph.values.size()), {6, 5, 17}, type);
          if (per_channel) value.quantization = Quantization{std::vector<float>(5, .5f), std::vector<int32_t>(5, 0), 1};
          for (size_t i = 0, size = element_size(type); i < value.data.size() / size; ++i) {
            if (random.below(100) < zeros) continue;
            value.data[i * size] =
                static_cast<std::byte>(1 + random.below(distinct) + (per_channel ? distinct * (i / 17 % 5) : 0));
          }
          graph.values.push_back(std::move(value));
        }
  return graph;
}

TEST(Slim, ReadsGoldenFilesOfVersion3) {
  for (const char* name : {"version3.slim", "version3_plain.slim"}) {
    std::ifstream file(std::string(SOURCE_DIR "/tests/golden/slim/") + name, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    EXPECT_TRUE(read_slim(std::as_bytes(std::span(bytes))) == golden_network()) << name;
  }
}

/// A weight with a share of zeros, the others drawn from `distinct` patterns with a bell-shaped frequency.
Value pruned_and_clustered(Shape shape, ElementType type, double zeros, size_t distinct, uint64_t seed = 1) {
  Value value = constant("w", std::move(shape), type);
  Random random(seed);
  std::vector<uint64_t> patterns(distinct);
  std::vector<double> until(distinct);
  double sum = 0;
  for (size_t k = 0; k < distinct; ++k) {
    const double x = (static_cast<double>(k) + .5) / static_cast<double>(distinct) * 4 - 2;
    until[k] = sum += std::exp(-x * x / 2);
    if (type == ElementType::f32)
      patterns[k] = std::bit_cast<uint32_t>(static_cast<float>(random.uniform(-1, 1)));
    else
      patterns[k] = type == ElementType::f16 ? float_to_half(static_cast<float>(random.uniform(-1, 1))) : k + 1;
  }
  const size_t size = element_size(type);
  for (size_t i = 0; i < value.data.size(); i += size) {
    if (random.uniform(0, 1) < zeros) continue;
    const auto found = std::ranges::upper_bound(until, random.uniform(0, sum));
    const auto k = std::min<size_t>(static_cast<size_t>(found - until.begin()), distinct - 1);
    std::memcpy(&value.data[i], &patterns[k], size);
  }
  return value;
}

double entropy_bytes(const Value& value) {
  const WeightStatistics statistics = weight_statistics(value);
  return statistics.entropy_bits * static_cast<double>(statistics.elements) / 8;
}

TEST(Slim, StoresWeightsInTheirEntropyPlusFivePercent) {
  double worst = 0;
  for (const ElementType type : {ElementType::s8, ElementType::f16, ElementType::f32})
    for (const double zeros : {0., .2, .5, .8, .9, .95, .99})
      for (const size_t distinct : {1, 3, 8, 16, 100}) {
        if (distinct == 1 && zeros == 0) continue;
        const Value value = pruned_and_clustered({1164, 300}, type, zeros, distinct);
        const EncodedSlimWeight stored = encode_slim_weight(value, true);
        const size_t bytes = stored.mask.size() + stored.table.size() + stored.symbols.size();
        const size_t table = distinct * element_size(type);  // which the entropy does not know
        const double ratio = static_cast<double>(bytes - table) / entropy_bytes(value);
        worst = std::max(worst, ratio);
        EXPECT_LT(ratio, 1.05) << type_name(type) << ", zeros " << zeros << ", distinct " << distinct << ": " << bytes;
        EXPECT_TRUE(decode_slim_weight(value, stored.weight, {stored.mask, stored.table, stored.symbols}) == value.data);
      }
  std::printf("at worst %.4f of the entropy\n", worst);
}

TEST(Slim, StoresTheLargestLayerOfTheStudyInItsEntropyPlusFivePercent) {
  for (const double zeros : {.5, .8, .95}) {
    const Value value = pruned_and_clustered({1164, 14400}, ElementType::s8, zeros, 8);
    const SlimStorage storage = slim_storage(value);
    const double ratio = static_cast<double>(storage.bytes) / entropy_bytes(value);
    EXPECT_LT(ratio, 1.05);
    std::printf("1164x14400 s8, %.0f %% zeros, 8 values: %zu bytes, %.4f of the entropy (%s)\n", 100 * zeros, storage.bytes,
                ratio, storage.encoding.c_str());
  }
}

TEST(Slim, KeepsATablePerChannelWhereThatIsSmaller) {
  Value value = pruned_and_clustered({32, 4000}, ElementType::s8, .5, 4);
  for (size_t i = 0; i < value.data.size(); ++i)
    if (value.data[i] != std::byte{0})
      value.data[i] = static_cast<std::byte>(static_cast<size_t>(value.data[i]) + 4 * (i / 4000));
  value.quantization = Quantization{std::vector<float>(32, .5f), std::vector<int32_t>(32, 0), 0};
  const SlimStorage storage = slim_storage(value);
  EXPECT_NE(storage.encoding.find("codebooks 4"), std::string::npos) << storage.encoding;
  EXPECT_LT(storage.bytes, 128000 * 2.96 / 8 * 1.05);  // 1 bit of mask, half of 1.92 bits of code
  const Graph graph = with_constants({value});
  EXPECT_TRUE(read_slim(to_slim(graph)) == graph);
}

TEST(Slim, ReadsBackAwkwardWeights) {
  std::vector<Value> values;
  for (const ElementType type : {ElementType::f32, ElementType::f16, ElementType::s8, ElementType::u8, ElementType::s16,
                                 ElementType::s32, ElementType::s64})
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{7}, Shape{3, 5}, Shape{1, 2, 3, 11}, Shape{2000}}) {
      values.push_back(constant("zeros", shape, type));
      values.push_back(pruned_and_clustered(shape, type, 0, 1));
      values.push_back(pruned_and_clustered(shape, type, .5, 256));
      values.push_back(pruned_and_clustered(shape, type, .999, 2));
    }
  Value sign = constant("signed zeros", {1000}, ElementType::f32);
  for (size_t i = 0; i < 1000; i += 3) sign.elements<float>()[i] = -0.f;
  values.push_back(std::move(sign));
  Value runs = constant("runs of zeros", {10000}, ElementType::s8);
  size_t place = 0;
  for (const size_t run : {0, 1, 253, 254, 255, 256, 257, 509, 510, 511, 765}) runs.data[place += run + 1] = std::byte{9};
  values.push_back(std::move(runs));
  Value last = constant("the last", {5000}, ElementType::s8);
  last.data.back() = std::byte{1};
  values.push_back(std::move(last));
  const Graph graph = with_constants(std::move(values));
  for (const bool zstd : {true, false}) {
    const Graph again = read_slim(to_slim(graph, {.zstd = zstd}));
    for (size_t i = 0; i < graph.values.size(); ++i)
      EXPECT_TRUE(again.values[i].data == graph.values[i].data) << graph.values[i].name << " " << i;
  }
}

TEST(Slim, AlignsPlainStreams) {
  const Value value = pruned_and_clustered({101, 103}, ElementType::f32, 0, 256, 5);
  Value random = constant("random", {1001}, ElementType::f32);
  Random numbers(1);
  for (float& x : random.elements<float>()) x = static_cast<float>(numbers.uniform(-1, 1));
  const Bytes bytes = to_slim(with_constants({value, random}), {.zstd = false});
  const auto found = std::search(bytes.begin(), bytes.end(), random.data.begin(), random.data.end());
  ASSERT_NE(found, bytes.end());
  EXPECT_EQ((found - bytes.begin()) % 16, 0);
}

TEST(Slim, RefusesWhatCannotBeRight) {
  Graph graph = network_of_every_op();
  graph.meaning[0].max = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(to_slim(graph), Error);
  graph = network_of_every_op();
  graph.outputs.clear();
  EXPECT_THROW(to_slim(graph), Error);
}

/// The complaint after `change` has edited the header and the checksum was made right again.
template <class Change>
std::string complaint_after(Bytes file, Change change) {
  SlimHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  change(header);
  header.crc32 = 0;
  std::memcpy(file.data(), &header, sizeof header);
  header.crc32 = slim_crc32(file);
  std::memcpy(file.data(), &header, sizeof header);
  return complaint(file);
}

TEST(Slim, SaysWhatIsWrongWithAFile) {
  const Bytes good = to_slim(network_of_every_op());
  EXPECT_EQ(complaint({}), "is no .slim file (it begins with other bytes); write it with slimpilot convert");
  EXPECT_EQ(complaint(std::span(good).first(20)), "the file is damaged: it ends within its header; copy it again");
  EXPECT_EQ(
      complaint_after(good, [](SlimHeader& h) { h.version = 1; }),
      "has version 1 of the .slim format, and this program reads version 3; use a slimpilot of the file's time or convert "
      "the model again");
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_NE(complaint(longer).find("bytes instead of"), std::string::npos);
  Bytes damaged = good;
  damaged[damaged.size() / 2] ^= std::byte{1};
  EXPECT_EQ(complaint(damaged), "the file is damaged: its checksum is wrong; copy it again");
  EXPECT_NE(complaint_after(good, [](SlimHeader& h) { ++h.weight_bytes; }).find("other sizes of weights"), std::string::npos);
  EXPECT_NE(complaint_after(good, [](SlimHeader& h) { h.weight_bytes = 1ull << 40; }).find("2 GB"), std::string::npos);
  EXPECT_NE(complaint_after(good, [](SlimHeader& h) { h.description_bytes = 1u << 31; }).find("absurd"), std::string::npos);
  EXPECT_NE(complaint_after(good, [](SlimHeader& h) { h.stored_description_bytes = 1u << 31; }).find("absurd"),
            std::string::npos);
  longer.insert(longer.end(), 99, std::byte{0});
  seal_slim(longer);
  EXPECT_NE(complaint(longer).find("followed by something else"), std::string::npos);
}

TEST(Slim, HasTheChecksumOfZlib) {
  const std::string text = "123456789abc????defghijklmnopqrstuvwxyz!";  // the four bytes of the checksum itself do not count
  EXPECT_EQ(slim_crc32(std::as_bytes(std::span(text))), 0x58016f77u);
}

TEST(Slim, DetectsEveryFlippedBit) {
  Bytes file = to_slim(make_network("deepest_lstm_tiny_pilotnet", 1));
  Random random(5);
  for (int round = 0; round < 10'000; ++round) {
    const uint64_t bit = round < 320 ? static_cast<uint64_t>(round) : random.below(8 * file.size());
    file[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_NE(complaint(file), "") << bit;
    file[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST(Slim, DetectsTruncation) {
  const Bytes good = to_slim(make_network("deepest_lstm_tiny_pilotnet", 1));
  for (size_t i = 0; i < 200; ++i) EXPECT_NE(complaint(std::span(good).first((good.size() - 1) * i / 199)), "") << i;
}

/// Damage whose checksum is right again: lies rather than accidents.
TEST(Slim, SurvivesLies) {
  Random random(2024);
  for (const bool zstd : {true, false}) {
    const Bytes good = to_slim(with_constants({pruned_and_clustered({5, 50}, ElementType::s8, .8, 8),
                                               pruned_and_clustered({9}, ElementType::f32, 0, 3),
                                               pruned_and_clustered({10, 30}, ElementType::f16, .95, 200)}),
                               {.zstd = zstd});
    for (int round = 0; round < 10'000; ++round) {
      Bytes damaged = good;
      for (uint64_t flips = 1 + random.below(3); flips > 0; --flips)
        damaged[sizeof(SlimHeader) + random.below(damaged.size() - sizeof(SlimHeader))] =
            static_cast<std::byte>(random.below(256));
      seal_slim(damaged);
      complaint(damaged);
    }
  }
}

}  // namespace
}  // namespace slimpilot
