// SPDX-License-Identifier: Apache-2.0
// Labelled frames and what a network says of them.
#include "eval/dataset.h"

#include "base/parallel.h"
#include "host/image_file.h"

namespace slimpilot {

FrameReader::FrameReader(const Dataset& dataset, const Preprocessing& preprocessing, const TensorView& input, Isa isa)
    : dataset_(&dataset) {
  for (const Recording& r : dataset.recordings)
    inputs_.emplace_back(preprocessing, input, r.image_size.height, r.image_size.width, isa);
}

void FrameReader::read(size_t i, std::span<std::byte> target) {
  const Image image = read_image(dataset_->frame(i).image);
  inputs_[dataset_->frames[i].recording].prepare(image.pixels, target);
}

std::vector<std::vector<float>> predict(const Plan& plan, const Preprocessing& preprocessing, const Dataset& dataset,
                                        const std::string& title, const ProgressOutput& output) {
  std::vector<std::vector<float>> results(dataset.size());
  Progress progress(title, dataset.size(), output);
  const auto run = [&](size_t first, size_t last) {
    FrameReader reader(dataset, preprocessing, plan.inputs()[0], plan.isa());
    Session session(plan);
    for (size_t i = first; i < last; ++i) {
      check_cancelled();
      if (i > first && dataset.frames[i].recording != dataset.frames[i - 1].recording) session.reset_state();
      reader.read(i, session.input());
      session.run();
      session.read_outputs(results[i]);
      progress.advance();
    }
  };
  if (plan.states().empty())
    parallel_for(dataset.size(), run);
  else
    run(0, dataset.size());  // each frame needs those before it
  return results;
}

}  // namespace slimpilot
