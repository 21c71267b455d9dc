// SPDX-License-Identifier: Apache-2.0
// .slim bytes → graph: header, description, then one constant after the other. Linked by robots.
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "formats/slim/slim.h"
#include "formats/slim/slim_fields.h"
#include "formats/slim/slim_layout.h"

namespace slimpilot {
namespace {

/// Takes fields from the front of the description.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }

  template <class T>
  void get(T& x) {
    if constexpr (std::is_same_v<T, bool>) {
      x = get_number<uint8_t>(1) != 0;
    } else if constexpr (std::is_enum_v<T>) {
      x = static_cast<T>(get_number<uint8_t>(static_cast<uint8_t>(last(T{}))));
    } else if constexpr (std::is_arithmetic_v<T>) {
      std::memcpy(&x, take(sizeof x).data(), sizeof x);
      if constexpr (std::is_floating_point_v<T>)
        if (!std::isfinite(x)) malformed_slim("a number is not finite");
    } else {
      std::apply([&](auto&... field) { (get(field), ...); }, fields(x));
    }
  }
  void get(std::string& text) {
    const auto bytes = take(get_number<uint32_t>(UINT32_MAX));
    text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  /// Grows with what is there, so a false count allocates nothing.
  template <class T>
  void get(std::vector<T>& list) {
    list.clear();
    for (uint32_t count = get_number<uint32_t>(UINT32_MAX); count > 0; --count) get(list.emplace_back());
  }
  template <class T, size_t n>
  void get(T (&array)[n]) {
    for (T& x : array) get(x);
  }
  template <class T>
  void get(std::optional<T>& maybe) {
    bool there;
    get(there);
    if (there) get(maybe.emplace());
  }
  void get(Op& op) {
    constexpr size_t kOps = std::variant_size_v<Op>;
    const size_t index = get_number<uint8_t>(kOps - 1);
    [&]<size_t... i>(std::index_sequence<i...>) { ((i == index ? get(op.emplace<i>()) : void()), ...); }
    (std::make_index_sequence<kOps>());
  }

 private:
  std::span<const std::byte> take(size_t count) {
    if (count > rest_.size()) malformed_slim("its description ends too early");
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  template <class T>
  T get_number(T greatest) {
    T number;
    std::memcpy(&number, take(sizeof number).data(), sizeof number);
    if (number > greatest) malformed_slim("an enumerator or a flag is unknown");
    return number;
  }

  std::span<const std::byte> rest_;
};

SlimHeader read_header(std::span<const std::byte> bytes) {
  SlimHeader header;
  if (bytes.size() < sizeof kSlimMagic || std::memcmp(bytes.data(), kSlimMagic, sizeof kSlimMagic) != 0)
    throw Error("is no .slim file (it begins with other bytes); write it with slimpilot convert");
  if (bytes.size() < sizeof header) throw Error("the file is damaged: it ends within its header; copy it again");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version != kSlimVersion)
    throw Error("has version " + std::to_string(header.version) + " of the .slim format, and this program reads version " +
                std::to_string(kSlimVersion) + "; use a slimpilot of the file's time or convert the model again");
  if (header.file_bytes != bytes.size())
    throw Error("the file is damaged: it has " + std::to_string(bytes.size()) + " bytes instead of " +
                std::to_string(header.file_bytes) + "; copy it again");
  if (header.crc32 != slim_crc32(bytes)) throw Error("the file is damaged: its checksum is wrong; copy it again");
  if (header.stored_description_bytes > bytes.size() - sizeof header ||
      !is_slim_description(header.description_bytes, header.stored_description_bytes))
    malformed_slim("its description has an absurd size");
  if (header.weight_bytes > kMostSlimWeights) malformed_slim("it declares more than 2 GB of weights");
  return header;
}

/// The graph without its constants' data, and how these are stored.
struct Description {
  Graph graph;
  std::vector<std::optional<SlimWeight>> weights;  // one per value; nothing: the value is computed
};

Description read_description(const SlimHeader& header, std::span<const std::byte> stored) {
  std::vector<std::byte> unpacked;
  if (header.description_bytes != header.stored_description_bytes) {
    unpacked = unpack_zstd(stored, header.description_bytes);
    stored = unpacked;
  }
  Reader reader(stored);
  Description description;
  reader.get(description.graph);
  description.weights.resize(description.graph.values.size());
  for (auto& weight : description.weights) reader.get(weight);
  if (!reader.at_end()) malformed_slim("its description is followed by something else");
  const Preprocessing& p = description.graph.preprocessing;
  if (p.crop_top < 0 || p.crop_bottom < p.crop_top) malformed_slim("it crops absurdly");
  return description;
}

/// Bytes of the constant when dense; throws Error for an absurd shape, which verify would only find too late.
uint64_t declared_bytes(const Value& value) {
  uint64_t count = 1;
  for (const int extent : value.shape) {
    if (extent <= 0 || (count *= static_cast<uint64_t>(extent)) > kMostSlimWeights)
      malformed_slim("constant '" + value.name + "' has the absurd shape " + shape_text(value.shape));
  }
  return count * element_size(value.type);
}

/// Walks through the streams behind the description.
class StreamCursor {
 public:
  StreamCursor(std::span<const std::byte> file, size_t position) : file_(file), position_(position) {}

  std::span<const std::byte> next(const SlimStream& stream) {
    if (stream.bytes == 0 && stream.stored_bytes == 0) return {};
    if (stream.codec == SlimCodec::none) {
      const size_t aligned = (position_ + kSlimAlignment - 1) / kSlimAlignment * kSlimAlignment;
      if (stream.stored_bytes != stream.bytes) malformed_slim("a plain stream has two sizes");
      position_ = std::min(aligned, file_.size());
    }
    if (stream.stored_bytes > file_.size() - position_) malformed_slim("a weight lies behind the file's end");
    const auto bytes = file_.subspan(position_, stream.stored_bytes);
    position_ += stream.stored_bytes;
    return bytes;
  }
  bool at_end() const { return position_ == file_.size(); }

 private:
  std::span<const std::byte> file_;
  size_t position_;
};

}  // namespace

Graph read_slim(std::span<const std::byte> bytes) {
  const SlimHeader header = read_header(bytes);
  const size_t stored = header.stored_description_bytes;
  Description description = read_description(header, bytes.subspan(sizeof header, stored));
  Graph& graph = description.graph;
  uint64_t declared = 0;
  for (size_t i = 0; i < graph.values.size(); ++i)
    if (description.weights[i]) declared += declared_bytes(graph.values[i]);
  if (declared != header.weight_bytes) malformed_slim("it declares other sizes of weights than it has");
  StreamCursor cursor(bytes, sizeof header + stored);
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (!description.weights[i]) continue;
    const SlimWeight& weight = *description.weights[i];
    SlimStreams streams;
    streams.mask = cursor.next(weight.mask);
    streams.table = cursor.next(weight.table);
    streams.symbols = cursor.next(weight.symbols);
    graph.values[i].data = decode_slim_weight(graph.values[i], weight, streams);
  }
  if (!cursor.at_end()) malformed_slim("its weights are followed by something else");
  verify(graph);
  return std::move(description.graph);
}

}  // namespace slimpilot
