// SPDX-License-Identifier: Apache-2.0
// Labelled frames and what a network says of them.
#include "eval/dataset.h"

#include <algorithm>

#include "base/parallel.h"
#include "host/image_file.h"

namespace slimpilot {

FrameReader::FrameReader(const Dataset& dataset, const Preprocessing& preprocessing, const TensorView& input, Isa isa)
    : dataset_(&dataset) {
  for (const Recording& r : dataset.recordings)
    inputs_.emplace_back(preprocessing, input, r.image_size.height, r.image_size.width, isa);
  if (inputs_.empty() || inputs_[0].sees_one_frame()) return;
  const auto needed = static_cast<size_t>(*std::ranges::max_element(inputs_[0].frames_back())) + 1;
  recent_.resize(needed, {{dataset.recordings.size(), 0}, std::vector<std::byte>(inputs_[0].image_bytes())});
}

std::span<const std::byte> FrameReader::image(const FrameId& id) {
  const auto known = std::ranges::find(recent_, id, &Prepared::id);
  if (known != recent_.end()) return known->image;
  FrameInput& input = inputs_[id.recording];
  const Image picture = read_image(dataset_->frame(id).image);
  Prepared& oldest = recent_[next_];
  next_ = (next_ + 1) % recent_.size();
  input.prepare_image(picture.pixels, oldest.image);
  oldest.id = id;
  return oldest.image;
}

void FrameReader::read(const FrameId& id, std::span<std::byte> target) {
  FrameInput& input = inputs_[id.recording];
  if (input.sees_one_frame()) return input.prepare(read_image(dataset_->frame(id).image).pixels, target);
  for (size_t k = 0; k < input.frames_back().size(); ++k)
    input.place_image(image(frame_before(id, input.frames_back()[k])), k, target);
}

std::vector<std::vector<float>> predict(const Plan& plan, const Preprocessing& preprocessing, const Dataset& dataset,
                                        const std::string& title, const ProgressOutput& output) {
  std::vector<std::vector<float>> results(dataset.size());
  const std::vector<ShownFrame> shown = shown_frames(dataset.frames, plan.states().empty() ? 0 : kAllBefore);
  Progress progress(title, shown.size(), output);
  const auto run = [&](size_t first, size_t last) {
    FrameReader reader(dataset, preprocessing, plan.inputs()[0], plan.isa());
    Session session(plan);
    for (size_t i = first; i < last; ++i) {
      check_cancelled();
      if (shown[i].is_first) session.reset_state();
      reader.read(shown[i].id, session.input());
      session.run();
      if (shown[i].counts) session.read_outputs(results[shown[i].index]);
      progress.advance();
    }
  };
  if (plan.states().empty())
    parallel_for(shown.size(), run);
  else
    run(0, shown.size());  // each frame needs those before it
  return results;
}

}  // namespace slimpilot
