// SPDX-License-Identifier: Apache-2.0
// Frames at the network's size.
#include "training/frame_cache.h"

#include <algorithm>

#include "base/parallel.h"
#include "engine/frame_input.h"
#include "host/image_file.h"

namespace slimpilot {
namespace {

/// Crop and resize only: whole numbers 0…255 as floats, in RGB.
Preprocessing geometry_only(Preprocessing p) {
  p.color = ColorOrder::rgb;
  std::fill(std::begin(p.scale), std::end(p.scale), 1.0f);
  std::fill(std::begin(p.offset), std::end(p.offset), 0.0f);
  return p;
}

Preprocessing without_geometry(Preprocessing p) {
  p.crop_top = p.crop_bottom = 0;
  p.resize = false;
  return p;
}

/// The dataset's frames and those before them, each once, in order.
std::vector<FrameId> seen_frames(const Dataset& dataset, const std::vector<int>& frames_back) {
  std::vector<FrameId> ids;
  for (const FrameId& id : dataset.frames)
    for (const int back : frames_back) ids.push_back(frame_before(id, back));
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace

FrameCache::FrameCache(const Dataset& dataset, const Graph& graph, const std::string& title, const ProgressOutput& output)
    : dataset_(&dataset),
      preprocessing_(without_geometry(graph.preprocessing)),
      shape_(graph.value(graph.inputs[0]).shape),
      images_(required_images(shape_)),
      frames_back_(frames_back(graph.preprocessing, images_)),
      image_bytes_(static_cast<size_t>(images_.height) * static_cast<size_t>(images_.width) * 3),
      ids_(seen_frames(dataset, frames_back_)),
      pixels_(ids_.size() * image_bytes_) {
  const TensorView input{.shape = shape_};
  const Preprocessing geometry = geometry_only(graph.preprocessing);
  Progress progress(title, ids_.size(), output);
  parallel_for(ids_.size(), [&](size_t first, size_t last) {
    std::vector<FrameInput> inputs;
    for (const Recording& r : dataset.recordings)
      inputs.emplace_back(geometry, input, r.image_size.height, r.image_size.width, selected_isa());
    std::vector<float> numbers(image_bytes_);
    for (size_t i = first; i < last; ++i) {
      check_cancelled();
      const Image image = read_image(dataset.frame(ids_[i]).image);
      inputs[ids_[i].recording].prepare_image(image.pixels, std::as_writable_bytes(std::span(numbers)));
      std::transform(numbers.begin(), numbers.end(), pixels_.begin() + static_cast<ptrdiff_t>(i * image_bytes_),
                     [](float x) { return static_cast<uint8_t>(x); });
      progress.advance();
    }
  });
}

const uint8_t* FrameCache::pixels_of(const FrameId& id) const {
  const auto place = std::ranges::lower_bound(ids_, id) - ids_.begin();
  return pixels_.data() + static_cast<size_t>(place) * image_bytes_;
}

void FrameCache::read(std::span<const Sample> samples, std::span<const Augmentation> augmentations, uint64_t seed, size_t first,
                      Batch& batch) const {
  const size_t outputs = dataset_->columns.size();
  batch.inputs.resize(samples.size() * input_elements());
  batch.labels.resize(samples.size() * outputs);
  parallel_for(samples.size(), [&](size_t from, size_t to) {
    FrameInput normalize(preprocessing_, {.shape = shape_}, images_.height, images_.width, selected_isa());
    std::vector<uint8_t> picture(image_bytes_);
    std::vector<float> numbers(image_bytes_);
    const auto image = std::as_writable_bytes(std::span(numbers));
    for (size_t i = from; i < to; ++i) {
      const auto input = std::as_writable_bytes(std::span(batch.inputs).subspan(i * input_elements(), input_elements()));
      for (size_t k = 0; k < frames_back_.size(); ++k) {
        std::copy_n(pixels_of(frame_before(dataset_->frames[samples[i].frame], frames_back_[k])), image_bytes_,
                    picture.begin());
        if (samples[i].mirrored) mirror(picture, images_.height);
        Random random(stream_seed({seed, first + i}));  // the same for each image
        augment(picture, images_.height, augmentations, random);
        normalize.prepare_image(picture, image);
        normalize.place_image(image, k, input);
      }
      std::ranges::copy(sample_labels(*dataset_, samples[i]), batch.labels.begin() + static_cast<ptrdiff_t>(i * outputs));
    }
  });
}

}  // namespace slimpilot
