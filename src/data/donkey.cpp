// SPDX-License-Identifier: Apache-2.0
// Tubs of Donkey Car 4 and later ("v2"): manifest.json, whose last line names the catalogs and the records that were deleted,
// catalog_N.catalog with a JSON object per line, and images/. A record's number counts over all catalogs. A tub is taken as one
// drive, also when it was recorded in several sessions.
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "data/readers.h"
#include "host/atomic_file.h"
#include "host/csv.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Manifest {
  std::vector<std::string> catalogs;
  std::set<uint64_t> deleted;
};

Manifest parse_manifest(const json& last) {
  Manifest manifest;
  for (const json& path : last.at("paths")) {
    const std::string name = path.get<std::string>();
    if (name != file_name(name) || !name.ends_with(".catalog")) throw Error("names '" + printable(name) + "' as a catalog");
    manifest.catalogs.push_back(name);
  }
  for (const json& index : last.at("deleted_indexes")) {
    if (!index.is_number_unsigned()) throw Error("names a deleted record that is no number");
    manifest.deleted.insert(index.get<uint64_t>());
  }
  return manifest;
}

/// The fifth line; the others say what the car was, not what it did.
Manifest read_manifest(const fs::path& path) {
  constexpr size_t kLines = 5;
  const std::string text = read_file(path);
  const std::vector<std::string_view> lines = split_lines(path, text);
  if (lines.size() < kLines)
    throw Error(path.string() + ": has " + std::to_string(lines.size()) +
                " lines instead of 5; it is no manifest of a Donkey Car tub (version 2), or it was cut off");
  try {
    return parse_manifest(json::parse(lines[kLines - 1]));
  } catch (const json::exception&) {
    throw Error(path.string() + ": its fifth line is no object with \"paths\" and \"deleted_indexes\"; copy the tub again");
  } catch (const Error& e) {
    throw Error(path.string() + ": " + e.what() + "; copy the tub again");
  }
}

/// Adds the record to the frames or to the bad rows.
void add_record(LabelFile& file, int row, std::string_view line) {
  const auto reject = [&](const std::string& reason) { file.bad.push_back({row, reason + ": '" + printable(line) + "'"}); };
  const json record = json::parse(line, nullptr, false);
  if (!record.is_object()) return reject("is no JSON object");
  const auto image = record.find("cam/image_array");
  if (image == record.end() || !image->is_string()) return reject("has no text cam/image_array");
  const std::string name = file_name(image->get<std::string>());
  if (name.empty()) return reject("names no image");
  const auto angle = json_label(record, "user/angle"), throttle = json_label(record, "user/throttle");
  if (!angle || !throttle) return reject("has no finite numbers user/angle and user/throttle");
  file.recording.frames.push_back({file.recording.folder / "images" / name, {*angle, *throttle}, row});
}

}  // namespace

LabelFile read_donkey(const fs::path& folder) {
  LabelFile file = empty_label_file(folder, "manifest.json", "donkey", {"angle", "throttle"});
  const Manifest manifest = read_manifest(file.path);
  size_t index = 0;
  for (const std::string& name : manifest.catalogs) {
    const std::string text = read_file(folder / name);
    for (const std::string_view line : split_lines(folder / name, text)) {
      if (line.empty()) continue;
      if (index == kMaxRows) throw Error(file.path.string() + ": has more than 2 million records; split the tub");
      if (!manifest.deleted.contains(index)) add_record(file, static_cast<int>(index) + 1, line);
      ++index;
    }
  }
  return file;
}

}  // namespace slimpilot
