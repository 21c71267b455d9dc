// SPDX-License-Identifier: Apache-2.0
// N.png and data.csv, the newer of the two Formula 1 layouts.
#include "data/formula1_writer.h"

#include <charconv>

#include "base/error.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

constexpr const char* kUnfinished = "unfinished.txt";

/// The shortest decimal text that reads back as the same number.
template <class Number>
std::string number_text(Number value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace

Formula1Writer::Formula1Writer(const std::filesystem::path& folder, const std::string& settings) : folder_(folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder_, failure);
  if (failure) throw Error(folder_.string() + ": cannot be made: " + failure.message());
  if (std::filesystem::exists(folder_ / "data.csv", failure)) {
    throw Error(folder_.string() + ": already holds a recording; choose another folder or remove it");
  }
  const auto unfinished = folder_ / kUnfinished;
  if (std::filesystem::exists(unfinished, failure) && read_file(unfinished) != settings)
    throw Error(folder_.string() + ": holds an unfinished recording with other settings; repeat its command or remove it");
  remove_torn_files(folder_);
  write_file_atomically(unfinished, settings);
  while (std::filesystem::exists(folder_ / (std::to_string(present_) + ".png"), failure)) ++present_;
}

void Formula1Writer::add(const Image& image, float v, float w, double timestamp_s) {
  const std::string name = std::to_string(count_++) + ".png";
  if (count_ > present_) write_png(folder_ / name, image, Durability::cache);
  table_ += name + "," + number_text(v) + "," + number_text(w) + "," + number_text(timestamp_s) + "\n";
}

void Formula1Writer::finish() {
  write_file_atomically(folder_ / "data.csv", table_);
  std::error_code ignored;
  std::filesystem::remove(folder_ / kUnfinished, ignored);
}

}  // namespace slimpilot
