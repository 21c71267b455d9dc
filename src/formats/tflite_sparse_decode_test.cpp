// SPDX-License-Identifier: Apache-2.0
// Sparsity made by hand, in every form that the format has, unpacked; and sparsity that does not fit its shape.
#include <gtest/gtest.h>
#include <tflite_generated.h>

#include <limits>

#include "base/error.h"
#include "formats/tflite_sparse.h"

namespace slimpilot {
namespace {

namespace fb = tflite_schema;

/// Dense of a size, or (0) compressed with segments and indices.
struct Dimension {
  int size = 0;
  std::vector<int> segments, indices;
};

template <class Table>
void set(fb::SparseIndexVectorUnion& target, const std::vector<int>& numbers) {
  Table table;
  table.values.assign(numbers.begin(), numbers.end());
  target.Set(std::move(table));
}

template <class Table = fb::Int32VectorT>
std::unique_ptr<fb::SparsityParametersT> sparsity(std::vector<int> order, std::vector<int> block_map,
                                                  const std::vector<Dimension>& dimensions) {
  auto result = std::make_unique<fb::SparsityParametersT>();
  result->traversal_order = std::move(order);
  result->block_map = std::move(block_map);
  for (const Dimension& given : dimensions) {
    auto dimension = std::make_unique<fb::DimensionMetadataT>();
    dimension->dense_size = given.size;
    if (given.size == 0) {
      dimension->format = fb::DimensionType::SPARSE_CSR;
      set<Table>(dimension->array_segments, given.segments);
      set<Table>(dimension->array_indices, given.indices);
    }
    result->dim_metadata.push_back(std::move(dimension));
  }
  return result;
}

/// `count` bytes 1, 2, … unpacked.
std::vector<int> decoded(const fb::SparsityParametersT& sparsity, const Shape& shape, int count) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(fb::SparsityParameters::Pack(builder, &sparsity));
  std::vector<std::byte> stored;
  for (int i = 1; i <= count; ++i) stored.push_back(static_cast<std::byte>(i));
  std::vector<int> numbers;
  for (const std::byte byte :
       decode_sparse(*flatbuffers::GetRoot<fb::SparsityParameters>(builder.GetBufferPointer()), {shape, 1}, stored))
    numbers.push_back(static_cast<int>(byte));
  return numbers;
}

std::string refusal(const fb::SparsityParametersT& sparsity, const Shape& shape, int count) {
  try {
    decoded(sparsity, shape, count);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(TfliteSparse, DecodesEveryIndexType) {
  const std::vector<Dimension> rows = {{3}, {0, {0, 1, 1, 3}, {3, 0, 2}}};
  const std::vector<int> expected = {0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 3, 0};
  EXPECT_EQ(decoded(*sparsity<fb::Int32VectorT>({0, 1}, {}, rows), {3, 4}, 3), expected);
  EXPECT_EQ(decoded(*sparsity<fb::Uint16VectorT>({0, 1}, {}, rows), {3, 4}, 3), expected);
  EXPECT_EQ(decoded(*sparsity<fb::Uint8VectorT>({0, 1}, {}, rows), {3, 4}, 3), expected);
}

TEST(TfliteSparse, DecodesEveryOrderAndLevel) {
  EXPECT_EQ(decoded(*sparsity({1, 0}, {}, {{3}, {0, {0, 2, 2, 3}, {0, 1, 1}}}), {2, 3}, 3),
            (std::vector<int>{1, 0, 0, 2, 0, 3}));
  EXPECT_EQ(decoded(*sparsity({0, 1}, {}, {{0, {0, 2}, {1, 3}}, {0, {0, 2, 3}, {0, 2, 1}}}), {4, 3}, 3),
            (std::vector<int>{0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 3, 0}));
  EXPECT_EQ(decoded(*sparsity({0, 1}, {}, {{0, {0, 1}, {1}}, {3}}), {3, 3}, 3), (std::vector<int>{0, 0, 0, 1, 2, 3, 0, 0, 0}));
  EXPECT_EQ(decoded(*sparsity({0, 1}, {}, {{2}, {2}}), {2, 2}, 4), (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(decoded(*sparsity({0}, {}, {{0, {0, 0}, {}}}), {4}, 0), (std::vector<int>{0, 0, 0, 0}));
}

TEST(TfliteSparse, DecodesBlocks) {
  EXPECT_EQ(decoded(*sparsity({0, 1, 2}, {1}, {{2}, {0, {0, 1, 3}, {1, 0, 2}}, {2}}), {2, 6}, 6),
            (std::vector<int>{0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 5, 6}));
  EXPECT_EQ(decoded(*sparsity({0, 1, 2, 3}, {0, 1}, {{2}, {0, {0, 1, 2}, {1, 0}}, {2}, {3}}), {4, 6}, 12),
            (std::vector<int>{0, 0, 0, 1, 2, 3, 0, 0, 0, 4, 5, 6, 7, 8, 9, 0, 0, 0, 10, 11, 12, 0, 0, 0}));
  EXPECT_EQ(decoded(*sparsity({1, 0, 3, 2}, {0, 1}, {{2}, {0, {0, 1, 2}, {1, 0}}, {3}, {2}}), {4, 6}, 12),
            (std::vector<int>{0, 0, 0, 7, 9, 11, 0, 0, 0, 8, 10, 12, 1, 3, 5, 0, 0, 0, 2, 4, 6, 0, 0, 0}));
}

TEST(TfliteSparse, RefusesSparsityThatDoesNotFit) {
  const std::vector<Dimension> rows = {{3}, {0, {0, 1, 1, 3}, {3, 0, 2}}};
  const auto compressed = [](std::vector<int> segments, std::vector<int> indices) {
    return sparsity({0, 1}, {}, {{3}, {0, std::move(segments), std::move(indices)}});
  };
  const Shape shape{3, 4};
  EXPECT_EQ(refusal(*sparsity({0, 1}, {}, rows), shape, 3), "");
  for (const int count : {0, 2, 4})
    EXPECT_EQ(refusal(*sparsity({0, 1}, {}, rows), shape, count),
              "is sparse, but it stores more or fewer elements than it has indices");
  for (const std::vector<int>& order : {std::vector{0, 0}, {1, 2}, {0, -1}, {0}, {0, 1, 2}, {}})
    EXPECT_NE(refusal(*sparsity(order, {}, rows), shape, 3), "") << order.size();
  for (const std::vector<int>& segments :
       {std::vector{0, 1, 3}, {0, 1, 1, 3, 3}, {1, 1, 1, 3}, {0, 2, 1, 3}, {0, 4, 4, 3}, {0, -1, 1, 3}, {0, 1, 1, 2}, {}})
    EXPECT_NE(refusal(*compressed(segments, {3, 0, 2}), shape, 3), "") << segments.size();
  for (const std::vector<int>& indices : {std::vector{4, 0, 2}, {3, -1, 2}, {3, 2, 0}, {3, 2, 2}, {3, 0}, {}})
    EXPECT_NE(refusal(*compressed({0, 1, 1, 3}, indices), shape, 3), "") << indices.size();
  for (const int size : {-1, 2, 4, std::numeric_limits<int>::max()})
    EXPECT_NE(refusal(*sparsity({0, 1}, {}, {{size}, rows[1]}), shape, 3), "") << size;
  EXPECT_NE(refusal(*sparsity({}, {}, {}), {}, 1), "");
  auto unknown = sparsity({0, 1}, {}, rows);
  unknown->dim_metadata[1]->format = static_cast<fb::DimensionType>(2);
  EXPECT_EQ(refusal(*unknown, shape, 3), "is sparse, but a dimension's format is unknown");
  auto absent = sparsity({0, 1}, {}, rows);
  absent->dim_metadata[1]->array_indices.Reset();
  EXPECT_EQ(refusal(*absent, shape, 3), "is sparse, but a compressed dimension has no segments or indices");
}

TEST(TfliteSparse, RefusesBlocksThatDoNotFit) {
  const auto blocks = [](std::vector<int> order, std::vector<int> map, Dimension block) {
    return refusal(*sparsity(std::move(order), std::move(map), {{2}, {0, {0, 1, 3}, {1, 0, 2}}, std::move(block)}), {2, 6}, 6);
  };
  EXPECT_EQ(blocks({0, 1, 2}, {1}, {2}), "");
  for (const int owner : {-1, 0, 2, 1000}) EXPECT_NE(blocks({0, 1, 2}, {owner}, {2}), "") << owner;
  for (const int size : {-2, 1, 4, 5, 7}) EXPECT_NE(blocks({0, 1, 2}, {1}, {size}), "") << size;
  EXPECT_NE(blocks({0, 2, 1}, {1}, {2}), "");
  EXPECT_NE(blocks({0, 1, 2}, {}, {2}), "");
  EXPECT_NE(blocks({0, 1, 2}, {1, 1}, {2}), "");
  EXPECT_EQ(blocks({0, 1, 2}, {1}, {0, {0, 1, 2, 3}, {0, 0, 0}}), "is sparse, but its blocks do not fit its shape");
  EXPECT_NE(refusal(*sparsity({0, 1, 2, 3}, {1, 1}, {{2}, {3}, {1}, {2}}), {2, 6}, 12), "");
}

}  // namespace
}  // namespace slimpilot
