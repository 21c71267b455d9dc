// SPDX-License-Identifier: Apache-2.0
// Zeros left out of TensorFlow Lite constants, and put back. Reading checks everything before it allocates: of the file's
// numbers none is an index until it is known to be in bounds.
#include "formats/tflite_sparse.h"

#include <tflite_generated.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "formats/tflite_common.h"

namespace slimpilot {
namespace {

namespace fb = tflite_schema;

constexpr size_t kTableBytes = 512;  // more than the tables of a sparse constant, its DENSIFY and that one's result take

void need(bool condition, const char* what) {
  if (!condition) throw Error(std::string("is sparse, but ") + what);
}

/// Whether LiteRT computes `node` rightly when its weights come out of a DENSIFY.
bool takes_densified(const Graph& graph, const Node& node) {
  const bool convolves = std::holds_alternative<Conv2D>(node.op) || std::holds_alternative<DepthwiseConv2D>(node.op);
  if (!convolves && !std::holds_alternative<Dense>(node.op)) return false;
  switch (arithmetic_of(graph, node)) {
    case TfliteArithmetic::real:
    case TfliteArithmetic::int16: return true;
    case TfliteArithmetic::int8: return convolves;
    case TfliteArithmetic::hybrid: return false;
  }
  return false;
}

/// Bytes of an index vector's element that is at most `largest`.
size_t index_width(size_t largest) {
  return largest <= std::numeric_limits<uint8_t>::max() ? 1 : largest <= std::numeric_limits<uint16_t>::max() ? 2 : 4;
}

template <class Table>
void set_indices(fb::SparseIndexVectorUnion& target, const std::vector<int32_t>& numbers) {
  Table table;
  table.values.assign(numbers.begin(), numbers.end());
  target.Set(std::move(table));
}
void set_indices(fb::SparseIndexVectorUnion& target, const std::vector<int32_t>& numbers, size_t largest) {
  switch (index_width(largest)) {
    case 1: return set_indices<fb::Uint8VectorT>(target, numbers);
    case 2: return set_indices<fb::Uint16VectorT>(target, numbers);
    default: return set_indices<fb::Int32VectorT>(target, numbers);
  }
}

std::unique_ptr<fb::DimensionMetadataT> dense_dimension(int size) {
  auto dimension = std::make_unique<fb::DimensionMetadataT>();
  dimension->dense_size = size;
  return dimension;
}

/// Bits is the unsigned integer as large as an element.
template <class Bits>
std::optional<std::vector<std::byte>> encode(const Value& weight, fb::SparsityParametersT& sparsity) {
  const auto elements = weight.elements<Bits>();
  const size_t row = static_cast<size_t>(weight.shape.back()), rows = elements.size() / row;
  const size_t kept = elements.size() - static_cast<size_t>(std::ranges::count(elements, Bits{0}));
  const size_t index_bytes = kept * index_width(row - 1) + (rows + 1) * index_width(kept);
  const size_t channels = weight.quantization ? weight.quantization->scale.size() : 0;
  const size_t tables = kTableBytes + weight.name.size() + channels * (sizeof(float) + sizeof(int64_t));
  if (kept == 0 || kept * sizeof(Bits) + index_bytes + tables >= weight.data.size()) return std::nullopt;
  if (weight.data.size() > kMostUnpacked * index_bytes) return std::nullopt;

  std::vector<std::byte> values;
  std::vector<int32_t> segments{0}, indices;
  values.reserve(kept * sizeof(Bits));
  indices.reserve(kept);
  for (size_t first = 0; first < elements.size(); first += row) {
    for (size_t i = 0; i < row; ++i) {
      if (elements[first + i] == 0) continue;
      const auto bytes = std::as_bytes(elements.subspan(first + i, 1));
      values.insert(values.end(), bytes.begin(), bytes.end());
      indices.push_back(static_cast<int32_t>(i));
    }
    segments.push_back(static_cast<int32_t>(indices.size()));
  }
  for (size_t d = 0; d < weight.shape.size(); ++d) {
    sparsity.traversal_order.push_back(static_cast<int>(d));
    sparsity.dim_metadata.push_back(dense_dimension(weight.shape[d]));
  }
  fb::DimensionMetadataT& last = *sparsity.dim_metadata.back();
  last = {};
  last.format = fb::DimensionType::SPARSE_CSR;
  set_indices(last.array_segments, segments, kept);
  set_indices(last.array_indices, indices, row - 1);
  return values;
}

template <class T>
size_t size_of(const flatbuffers::Vector<T>* vector) {
  return vector ? vector->size() : 0;
}

/// An index vector of any width; a negative number becomes one that is larger than any index.
class Indices {
 public:
  Indices() = default;
  Indices(fb::SparseIndexVector type, const void* table) {
    need(table != nullptr, "a compressed dimension has no segments or indices");
    switch (type) {
      case fb::SparseIndexVector::Int32Vector: numbers32_ = static_cast<const fb::Int32Vector*>(table)->values(); break;
      case fb::SparseIndexVector::Uint16Vector: numbers16_ = static_cast<const fb::Uint16Vector*>(table)->values(); break;
      case fb::SparseIndexVector::Uint8Vector: numbers8_ = static_cast<const fb::Uint8Vector*>(table)->values(); break;
      default: need(false, "the type of its indices is unknown");
    }
  }
  size_t size() const { return size_of(numbers32_) + size_of(numbers16_) + size_of(numbers8_); }  // two of them are null
  size_t operator[](size_t i) const {
    const auto at = static_cast<flatbuffers::uoffset_t>(i);
    if (numbers8_) return numbers8_->Get(at);
    return numbers16_ ? numbers16_->Get(at) : static_cast<uint32_t>(numbers32_->Get(at));
  }

 private:
  const flatbuffers::Vector<int32_t>* numbers32_ = nullptr;
  const flatbuffers::Vector<uint16_t>* numbers16_ = nullptr;
  const flatbuffers::Vector<uint8_t>* numbers8_ = nullptr;
};

/// One dimension in the order in which the stored elements walk.
struct Level {
  size_t size = 0, stride = 0;  // indices, and elements from one to the next
  bool compressed = false;
  Indices segments, indices;
};

/// The levels' sizes and strides. A block's dimension has its owner's stride, and its owner steps over blocks.
std::vector<Level> dense_levels(const fb::SparsityParameters& sparsity, const Shape& shape) {
  const size_t rank = shape.size(), blocks = size_of(sparsity.block_map()), count = rank + blocks;
  need(rank > 0 && blocks <= rank && size_of(sparsity.traversal_order()) == count && size_of(sparsity.dim_metadata()) == count,
       "its dimensions are not those of its shape");
  std::vector<uint32_t> order(sparsity.traversal_order()->begin(), sparsity.traversal_order()->end());
  std::vector<size_t> level(count, count);
  for (size_t l = 0; l < count; ++l) {
    need(order[l] < count && (order[l] < rank) == (l < rank) && level[order[l]] == count, "its order repeats a dimension");
    level[order[l]] = l;
  }
  std::vector<Level> levels(count);
  size_t stride = 1;
  for (size_t d = rank; d-- > 0;) {
    levels[level[d]].size = static_cast<size_t>(shape[d]);
    levels[level[d]].stride = stride;
    stride *= static_cast<size_t>(shape[d]);
  }
  int64_t previous = -1;
  for (size_t b = 0; b < blocks; ++b) {
    const int owner = sparsity.block_map()->Get(static_cast<flatbuffers::uoffset_t>(b));
    need(owner > previous && static_cast<size_t>(owner) < rank, "its blocks belong to no dimension");
    previous = owner;
    const size_t inner = level[rank + b];
    const auto& dimension = *sparsity.dim_metadata()->Get(static_cast<flatbuffers::uoffset_t>(inner));
    Level& outer = levels[level[static_cast<size_t>(owner)]];
    const int size = dimension.dense_size();
    need(dimension.format() == fb::DimensionType::DENSE && size > 0 && outer.size % static_cast<size_t>(size) == 0,
         "its blocks do not fit its shape");
    levels[inner].size = static_cast<size_t>(size);
    levels[inner].stride = outer.stride;
    outer.size /= static_cast<size_t>(size);
    outer.stride *= static_cast<size_t>(size);
  }
  return levels;
}

/// Throws Error unless every position's segment follows the last one's and its indices rise and are in bounds.
void check_compressed(const Level& level, size_t positions) {
  const size_t count = level.indices.size();
  need(level.segments.size() == positions + 1 && level.segments[0] == 0 && level.segments[positions] == count,
       "a dimension's segments do not fit the one before");
  for (size_t p = 0; p < positions; ++p) {
    const size_t first = level.segments[p], last = level.segments[p + 1];
    need(first <= last && last <= count, "a dimension's segments do not rise");
    for (size_t i = first; i < last; ++i)
      need(level.indices[i] < level.size && (i == first || level.indices[i - 1] < level.indices[i]),
           "an index is out of bounds or does not rise");
  }
}

struct Unpacking {
  const std::vector<Level>& levels;
  size_t element_size;
  const std::byte* stored;
  std::byte* dense;

  /// Copies what lies behind `position` of the levels before `level`; `place` is its first element.
  void copy(size_t level, size_t position, size_t place) const {
    if (level == levels.size()) {
      std::memcpy(dense + place * element_size, stored + position * element_size, element_size);
      return;
    }
    const Level& l = levels[level];
    if (!l.compressed) {
      for (size_t i = 0; i < l.size; ++i) copy(level + 1, position * l.size + i, place + i * l.stride);
      return;
    }
    for (size_t i = l.segments[position]; i < l.segments[position + 1]; ++i)
      copy(level + 1, i, place + l.indices[i] * l.stride);
  }
};

}  // namespace

std::vector<bool> densifiable_weights(const Graph& graph) {
  std::vector<bool> taken(graph.values.size(), false), refused(graph.values.size(), false);
  for (const ValueId id : graph.outputs) refused[static_cast<size_t>(id)] = true;
  for (const Node& node : graph.nodes) {
    const bool takes = takes_densified(graph, node);
    for (size_t i = 0; i < node.inputs.size(); ++i)
      (takes && i == 1 ? taken : refused)[static_cast<size_t>(node.inputs[i])] = true;
  }
  for (size_t id = 0; id < taken.size(); ++id) taken[id] = taken[id] && !refused[id];
  return taken;
}

std::optional<std::vector<std::byte>> encode_sparse(const Value& weight, fb::SparsityParametersT& sparsity) {
  check(weight.is_constant() && !weight.shape.empty());
  switch (element_size(weight.type)) {
    case 1: return encode<uint8_t>(weight, sparsity);
    case 2: return encode<uint16_t>(weight, sparsity);
    case 4: return encode<uint32_t>(weight, sparsity);
    default: return std::nullopt;
  }
}

std::vector<std::byte> decode_sparse(const fb::SparsityParameters& sparsity, const DenseLayout& layout,
                                     std::span<const std::byte> stored) {
  std::vector<Level> levels = dense_levels(sparsity, layout.shape);
  size_t positions = 1;  // never more than there are elements, as sizes multiply to these and indices rise
  for (size_t l = 0; l < levels.size(); ++l) {
    const auto& dimension = *sparsity.dim_metadata()->Get(static_cast<flatbuffers::uoffset_t>(l));
    Level& level = levels[l];
    if (dimension.format() == fb::DimensionType::DENSE) {
      need(dimension.dense_size() > 0 && static_cast<size_t>(dimension.dense_size()) == level.size,
           "a dimension's size is not that of its shape");
      positions *= level.size;
      continue;
    }
    need(dimension.format() == fb::DimensionType::SPARSE_CSR, "a dimension's format is unknown");
    level.compressed = true;
    level.segments = Indices(dimension.array_segments_type(), dimension.array_segments());
    level.indices = Indices(dimension.array_indices_type(), dimension.array_indices());
    check_compressed(level, positions);
    positions = level.indices.size();
  }
  need(stored.size() == positions * layout.element_size, "it stores more or fewer elements than it has indices");
  size_t elements = 1;
  for (const int extent : layout.shape) elements *= static_cast<size_t>(extent);
  std::vector<std::byte> dense(elements * layout.element_size);
  Unpacking{levels, layout.element_size, stored.data(), dense.data()}.copy(0, 0, 0);
  return dense;
}

}  // namespace slimpilot
