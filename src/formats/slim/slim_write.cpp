// SPDX-License-Identifier: Apache-2.0
// Graph → .slim bytes.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "formats/slim/slim.h"
#include "formats/slim/slim_fields.h"
#include "formats/slim/slim_layout.h"

namespace slimpilot {
namespace {

using Bytes = std::vector<std::byte>;

void append(Bytes& bytes, std::span<const std::byte> more) {
  bytes.resize(bytes.size() + more.size());
  std::copy(more.begin(), more.end(), bytes.end() - static_cast<std::ptrdiff_t>(more.size()));
}

/// Appends fields to the description.
class Writer {
 public:
  template <class T>
  void put(const T& x) {
    if constexpr (std::is_same_v<T, bool> || std::is_enum_v<T>) {
      put_number(static_cast<uint8_t>(x));
    } else if constexpr (std::is_arithmetic_v<T>) {
      if constexpr (std::is_floating_point_v<T>)
        if (!std::isfinite(x)) throw Error("preprocessing, an output's range or a layer's attribute is a NaN or infinity");
      put_number(x);
    } else {
      std::apply([&](const auto&... field) { (put(field), ...); }, fields(x));
    }
  }
  void put(const std::string& text) {
    put_count(text.size());
    append(bytes, std::as_bytes(std::span(text)));
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put_count(list.size());
    for (const T& x : list) put(x);
  }
  template <class T, size_t n>
  void put(const T (&array)[n]) {
    for (const T& x : array) put(x);
  }
  template <class T>
  void put(const std::optional<T>& maybe) {
    put(maybe.has_value());
    if (maybe) put(*maybe);
  }
  void put(const Op& op) {
    put_number(static_cast<uint8_t>(op.index()));
    std::visit([&](const auto& o) { put(o); }, op);
  }

  Bytes bytes;

 private:
  template <class T>
  void put_number(T number) {
    append(bytes, std::as_bytes(std::span(&number, 1)));
  }
  void put_count(size_t count) {
    check(count <= UINT32_MAX);
    put_number(static_cast<uint32_t>(count));
  }
};

/// Puts a stream behind the others; plain ones at an aligned place of the file.
void append_stream(Bytes& file, const SlimStream& stream, const Bytes& stored) {
  if (stored.empty()) return;
  if (stream.codec == SlimCodec::none) file.resize((file.size() + kSlimAlignment - 1) / kSlimAlignment * kSlimAlignment);
  append(file, stored);
}

std::string codec_text(const SlimStream& stream) {
  constexpr const char* kNames[] = {"", " zstd", " zstd planes"};
  return kNames[static_cast<size_t>(stream.codec)];
}

uint64_t weight_bytes(const Graph& graph) {
  uint64_t bytes = 0;
  for (const Value& value : graph.values) bytes += value.data.size();
  if (bytes > kMostSlimWeights) throw Error("the weights exceed 2 GB, more than a .slim file can hold");
  return bytes;
}

/// Packed, unless readers would refuse to unpack so much.
Bytes smaller_description(const Bytes& plain) {
  Bytes packed = pack_zstd(plain, SlimEffort::repetitions);
  const bool allowed = packed.size() < plain.size() && is_slim_description(plain.size(), packed.size());
  return allowed ? packed : plain;
}

}  // namespace

Bytes to_slim(const Graph& graph, const SlimOptions& options) {
  verify(graph);
  SlimHeader header{};
  header.weight_bytes = weight_bytes(graph);
  std::vector<EncodedSlimWeight> weights;
  Writer writer;
  writer.put(graph);
  for (const Value& value : graph.values) {
    writer.put(value.is_constant());
    if (!value.is_constant()) continue;
    weights.push_back(encode_slim_weight(value, options.zstd));
    writer.put(weights.back().weight);
  }
  const Bytes description = options.zstd ? smaller_description(writer.bytes) : writer.bytes;
  header.description_bytes = static_cast<uint32_t>(writer.bytes.size());
  header.stored_description_bytes = static_cast<uint32_t>(description.size());
  Bytes file;
  append(file, std::as_bytes(std::span(&header, 1)));
  append(file, description);
  for (const EncodedSlimWeight& encoded : weights) {
    append_stream(file, encoded.weight.mask, encoded.mask);
    append_stream(file, encoded.weight.table, encoded.table);
    append_stream(file, encoded.weight.symbols, encoded.symbols);
  }
  seal_slim(file);
  return file;
}

SlimStorage slim_storage(const Value& constant, const SlimOptions& options) {
  const EncodedSlimWeight encoded = encode_slim_weight(constant, options.zstd);
  const SlimWeight& w = encoded.weight;
  const size_t bytes = encoded.mask.size() + encoded.table.size() + encoded.symbols.size();
  if (has_mask(w.layout) && w.nonzeros == 0) return {"zeros", bytes};
  std::string text;
  if (has_mask(w.layout)) text = std::string(w.mask_form == SlimMask::bits ? "mask" : "gaps") + codec_text(w.mask) + " + ";
  if (has_table(w.layout))
    text += (w.table_axis < 0 ? "codebook " : "codebooks ") + std::to_string(encoded.codes);
  else
    text += has_mask(w.layout) ? "values" : "dense";
  return {text + codec_text(w.symbols), bytes};
}

}  // namespace slimpilot
