// SPDX-License-Identifier: Apache-2.0
// Checkpoint files: magic, length of the JSON (8 bytes, little-endian), JSON, the arrays' floats one after the other.
#include "training/checkpoint.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

constexpr std::string_view kMagic = "slimpilot checkpoint 1\n";

nlohmann::json to_json(const EpochResult& e) {
  return {e.epoch, e.train_loss, e.validation_loss, e.validation_mae, e.learning_rate, e.images_per_s, e.is_best};
}

EpochResult epoch_from(const nlohmann::json& j) { return {j.at(0), j.at(1), j.at(2), j.at(3), j.at(4), j.at(5), j.at(6)}; }

/// The first line of `ours` that `theirs` has not.
void require_same(const std::string& ours, const std::string& theirs, const std::string& path) {
  if (ours == theirs) return;
  std::istringstream a(ours), b(theirs);
  std::string mine, other;
  while (std::getline(a, mine) && std::getline(b, other) && mine == other) {
  }
  throw Error(path + " is of a run with other settings (then '" + other + "', now '" + mine +
              "'); repeat that run's options, or delete the file to start again");
}

Checkpoint parse(const std::string& bytes, const std::string& settings, const std::string& path) {
  uint64_t length = 0;
  const size_t start = kMagic.size() + sizeof length;
  if (bytes.size() < start || !bytes.starts_with(kMagic)) throw Error(path + " is no checkpoint of this version of slimpilot");
  std::memcpy(&length, bytes.data() + kMagic.size(), sizeof length);
  if (length > bytes.size() - start) throw Error(path + " is cut off");
  const auto json = nlohmann::json::parse(bytes.substr(start, length));
  Checkpoint c{.settings = json.at("settings"), .steps = json.at("steps")};
  require_same(settings, c.settings, path);
  for (const auto& e : json.at("history")) c.history.push_back(epoch_from(e));
  size_t offset = start + length;
  for (const auto& size : json.at("arrays")) {
    const auto count = size.get<uint64_t>();
    if (count > (bytes.size() - offset) / sizeof(float)) throw Error(path + " is cut off");
    c.arrays.emplace_back(count);
    if (count > 0) std::memcpy(c.arrays.back().data(), bytes.data() + offset, count * sizeof(float));
    offset += count * sizeof(float);
  }
  return c;
}

}  // namespace

void write_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& path) {
  nlohmann::json json{{"settings", checkpoint.settings}, {"steps", checkpoint.steps}};
  json["history"] = nlohmann::json::array();
  for (const EpochResult& e : checkpoint.history) json["history"].push_back(to_json(e));
  json["arrays"] = nlohmann::json::array();
  size_t floats = 0;
  for (const auto& array : checkpoint.arrays) json["arrays"].push_back(array.size()), floats += array.size();
  const std::string text = json.dump();
  const uint64_t length = text.size();
  std::string bytes;
  bytes.reserve(kMagic.size() + sizeof length + text.size() + floats * sizeof(float));
  bytes.append(kMagic).append(reinterpret_cast<const char*>(&length), sizeof length).append(text);
  for (const auto& array : checkpoint.arrays)
    bytes.append(reinterpret_cast<const char*>(array.data()), array.size() * sizeof(float));
  write_file_atomically(path, bytes);
}

Checkpoint read_checkpoint(const std::filesystem::path& path, const std::string& settings) {
  if (!std::filesystem::exists(path))
    throw Error(path.string() + ": there is no checkpoint to resume from; leave --resume out to start");
  try {
    return parse(read_file(path), settings, path.string());
  } catch (const nlohmann::json::exception&) {
    throw Error(path.string() + " is damaged; delete it to start again");
  }
}

std::string history_csv(const std::vector<EpochResult>& history) {
  std::ostringstream csv;
  csv.imbue(std::locale::classic());
  csv.precision(9);
  csv << "epoch,train_loss,validation_loss,validation_mae,learning_rate,images_per_s,best\n";
  for (const EpochResult& e : history)
    csv << e.epoch << ',' << e.train_loss << ',' << e.validation_loss << ',' << e.validation_mae << ',' << e.learning_rate
        << ',' << e.images_per_s << ',' << e.is_best << '\n';
  return csv.str();
}

}  // namespace slimpilot
