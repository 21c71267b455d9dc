// SPDX-License-Identifier: Apache-2.0
// The settings of a run as text.
#include "training/settings.h"

#include <cstring>
#include <locale>
#include <sstream>

#include "base/hash.h"
#include "training/schedule.h"

namespace slimpilot {

std::string dataset_text(const Dataset& dataset) {
  Hash hash;
  for (size_t i = 0; i < dataset.size(); ++i) {
    hash.add(dataset.frame(i).image.filename().string());
    const auto labels = dataset.labels(i);
    hash.add(labels.data(), labels.size() * sizeof(float));
  }
  return std::to_string(dataset.size()) + " frames " + std::to_string(hash.value());
}

std::string settings_text(const Graph& graph, const TrainData& data, const TrainOptions& options, int threads) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text.precision(17);
  const Preprocessing& p = graph.preprocessing;
  text << "network: " << graph.name << ' ' << hash_of(graph) << "\nrows: " << p.crop_top << ':' << p.crop_bottom
       << "\ncolor: " << color_name(p.color) << "\nnormalize:";
  for (int c = 0; c < 3; ++c) text << ' ' << p.scale[c] << ',' << p.offset[c];
  if (!p.frames_back.empty()) text << "\nframes back:";
  for (const int frames : p.frames_back) text << ' ' << frames;
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
