// SPDX-License-Identifier: Apache-2.0
// The settings of a run as text.
#include "training/settings.h"

#include <cstring>
#include <locale>
#include <sstream>

#include "host/atomic_file.h"
#include "training/schedule.h"

namespace slimpilot {
namespace {

/// FNV-1a, 64 bits: tells accidents, not attackers.
class Hash {
 public:
  void add(const void* bytes, size_t count) {
    const auto* p = static_cast<const unsigned char*>(bytes);
    for (size_t i = 0; i < count; ++i) value_ = (value_ ^ p[i]) * 0x100000001B3ull;
  }
  void add(const std::string& text) { add(text.data(), text.size() + 1); }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xCBF29CE484222325ull;
};

uint64_t hash_of(const Graph& graph) {
  Hash hash;
  hash.add(to_text(graph));
  for (const Value& value : graph.values) hash.add(value.data.data(), value.data.size());
  return hash.value();
}

}  // namespace

std::string dataset_text(const Dataset& dataset) {
  Hash hash;
  for (size_t i = 0; i < dataset.size(); ++i) {
    hash.add(dataset.frame(i).image.filename().string());
    const auto labels = dataset.labels(i);
    hash.add(labels.data(), labels.size() * sizeof(float));
  }
  return std::to_string(dataset.size()) + " frames " + std::to_string(hash.value());
}

std::string program_text() {
  const std::string bytes = read_file("/proc/self/exe");
  Hash hash;
  hash.add(bytes.data(), bytes.size());
  return std::to_string(hash.value());
}

std::string settings_text(const Graph& graph, const TrainData& data, const TrainOptions& options, int threads) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text.precision(17);
  const Preprocessing& p = graph.preprocessing;
  text << "network: " << graph.name << ' ' << hash_of(graph) << "\nrows: " << p.crop_top << ':' << p.crop_bottom
       << "\ncolor: " << color_name(p.color) << "\nnormalize:";
  for (int c = 0; c < 3; ++c) text << ' ' << p.scale[c] << ',' << p.offset[c];
  text << "\noutputs:";
  for (const LabelColumn& c : data.training.columns) text << ' ' << c.name << ':' << c.min << ':' << c.max;
  text << "\ntraining: " << dataset_text(data.training) << "\nvalidation: " << dataset_text(data.validation)
       << "\nbatch: " << options.batch << "\nlearning rate: " << options.learning_rate
       << "\nschedule: " << static_cast<int>(options.schedule);
  if (falls_along_cosine(options.schedule)) text << " over " << options.epochs << " epochs";
  text << "\nseed: " << options.seed << "\nmirror: " << options.mirror << "\nbalance: " << options.balance << "\naugment:";
  for (const Augmentation a : options.augmentations) text << ' ' << static_cast<int>(a);
  text << "\nepoch frames: " << options.epoch_frames << "\nthreads: " << threads << "\nnew network: " << options.is_new << '\n';
  return text.str();
}

}  // namespace slimpilot
