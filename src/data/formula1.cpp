// SPDX-License-Identifier: Apache-2.0
// Recordings of JdeRobot DeepLearningStudio's Formula 1 car: N.png with data.csv (image_name,v,w,timestamp), or in older
// sets Images/N.png with data.json, which is JSON objects one after the other, not a list. Row i belongs to the i-th
// image by number. When there are not as many images as rows, the numbers decide instead, so that one lost image does
// not shift all labels behind it.
#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/readers.h"
#include "host/atomic_file.h"
#include "host/csv.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

/// A row of labels that has no image yet; `number` is the image number that the row itself names.
struct LabelRow {
  int row;
  std::vector<float> labels;  // empty: a bad row, which still has its image
  std::optional<uint64_t> number;
};

/// N of "N" or "N.png".
std::optional<uint64_t> image_number(std::string_view name) {
  if (name.ends_with(".png")) name.remove_suffix(4);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

/// The files N.png of a folder by number.
std::map<uint64_t, fs::path> numbered_images(const fs::path& folder) {
  std::map<uint64_t, fs::path> images;
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
    const fs::path& path = entry->path();
    if (path.extension() != ".png") continue;
    if (const auto number = image_number(path.filename().string())) images.emplace(*number, path);
  }
  if (failure) throw Error(folder.string() + ": cannot be listed: " + failure.message());
  return images;
}

void add_frame(LabelFile& file, LabelRow&& row, const fs::path& image) {
  if (row.labels.empty()) return;
  file.recording.frames.push_back({.image = image, .labels = std::move(row.labels), .row = row.row});
}

/// As many images as rows: the i-th belongs to the i-th.
void pair_in_order(LabelFile& file, std::vector<LabelRow>&& rows, const std::map<uint64_t, fs::path>& images) {
  auto image = images.begin();
  for (LabelRow& row : rows) add_frame(file, std::move(row), (image++)->second);
}

/// Rows that name no number count on from the first image (from 0 where the numbers allow it).
void pair_by_number(LabelFile& file, std::vector<LabelRow>&& rows, std::map<uint64_t, fs::path> images) {
  file.bad.push_back({0, std::to_string(rows.size()) + " rows but " + std::to_string(images.size()) + " images"});
  const bool from_zero = images.empty() || images.rbegin()->first < rows.size();
  uint64_t counted = from_zero ? 0 : images.begin()->first;
  for (LabelRow& row : rows) {
    const uint64_t number = row.number.value_or(counted++);
    const auto image = images.find(number);
    if (image == images.end()) {
      file.bad.push_back({row.row, "there is no image " + std::to_string(number) + ".png for it"});
      continue;
    }
    add_frame(file, std::move(row), image->second);
    images.erase(image);
  }
  if (images.empty()) return;
  const std::string first = images.begin()->second.filename().string();
  file.bad.push_back({0, std::to_string(images.size()) + " images without a row, the first " + first});
}

void pair_with_images(LabelFile& file, std::vector<LabelRow>&& rows, const fs::path& image_folder) {
  const std::map<uint64_t, fs::path> images = numbered_images(image_folder);
  if (rows.size() == images.size()) {
    pair_in_order(file, std::move(rows), images);
  } else {
    pair_by_number(file, std::move(rows), images);
  }
}

/// Where the columns that we read stand in data.csv.
struct CsvColumns {
  size_t count, image_name, v, w;
};

CsvColumns find_columns(const LabelFile& file, const std::vector<std::string>& header) {
  const auto position = [&](const char* name) { return column_of(file, header, name, "image_name,v,w,timestamp"); };
  return {.count = header.size(), .image_name = position("image_name"), .v = position("v"), .w = position("w")};
}

LabelRow parse_csv_row(LabelFile& file, const CsvColumns& columns, int row, const std::vector<std::string>& fields) {
  LabelRow parsed{.row = row, .labels = {}, .number = std::nullopt};
  if (fields.size() != columns.count) {
    file.bad.push_back({row, "has " + std::to_string(fields.size()) + " columns instead of " + std::to_string(columns.count)});
    return parsed;
  }
  parsed.number = image_number(fields[columns.image_name]);
  const std::optional<float> v = parse_label(fields[columns.v]), w = parse_label(fields[columns.w]);
  if (v && w) {
    parsed.labels = {*v, *w};
  } else {
    const std::string& wrong = fields[v ? columns.w : columns.v];
    file.bad.push_back({row, std::string(v ? "w" : "v") + " is not a finite number: '" + printable(wrong) + "'"});
  }
  return parsed;
}

/// The next {…} of `text`, which is shortened by it; a last one may lack its end. The objects hold no braces themselves.
std::string_view take_object(std::string_view& text) {
  const size_t brace = std::min(text.find_first_of("{}", 1), text.size());
  const size_t end = brace < text.size() && text[brace] == '}' ? brace + 1 : brace;
  const std::string_view object = text.substr(0, end);
  text.remove_prefix(end);
  return object;
}

LabelRow parse_json_row(LabelFile& file, int row, std::string_view text) {
  LabelRow parsed{.row = row, .labels = {}, .number = std::nullopt};
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, false);
  for (const char* name : {"v", "w"}) {
    const std::optional<float> label = json_label(object, name);
    if (!label) {
      file.bad.push_back({row, "is not an object with numbers v and w: '" + printable(text) + "'"});
      parsed.labels.clear();
      return parsed;
    }
    parsed.labels.push_back(*label);
  }
  return parsed;
}

}  // namespace

LabelFile read_formula1_csv(const fs::path& folder) {
  LabelFile file = empty_label_file(folder, "data.csv", "formula1", {"v", "w"});
  const std::string text = read_file(file.path);
  const std::vector<std::string_view> lines = split_lines(file.path, text);
  if (lines.empty()) throw Error(file.path.string() + ": is empty; it must begin with image_name,v,w,timestamp");
  const CsvColumns columns = find_columns(file, split_fields(lines[0]));
  std::vector<LabelRow> rows;
  for (size_t i = 1; i < lines.size(); ++i) {
    rows.push_back(parse_csv_row(file, columns, static_cast<int>(i) + 1, split_fields(lines[i])));
  }
  pair_with_images(file, std::move(rows), folder);
  return file;
}

LabelFile read_formula1_json(const fs::path& folder) {
  LabelFile file = empty_label_file(folder, "data.json", "formula1_json", {"v", "w"});
  const std::string text = read_file(file.path);
  std::vector<LabelRow> rows;
  std::string_view rest = text;
  while (!rest.empty()) {
    if (rest[0] != '{') {  // blanks, line ends, and the commas and brackets of people who made it a list
      if (std::string_view(" \t\r\n,[]").find(rest[0]) == std::string_view::npos) {
        throw Error(file.path.string() + ": byte " + std::to_string(text.size() - rest.size()) +
                    " is outside of any {\"v\": …, \"w\": …} object; repair the file");
      }
      rest.remove_prefix(1);
      continue;
    }
    if (rows.size() == kMaxRows) throw Error(file.path.string() + ": has more than 2 million rows; split the recording");
    rows.push_back(parse_json_row(file, static_cast<int>(rows.size()) + 1, take_object(rest)));
  }
  pair_with_images(file, std::move(rows), folder / "Images");
  return file;
}

}  // namespace slimpilot
