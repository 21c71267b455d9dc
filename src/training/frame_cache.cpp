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

}  // namespace

FrameCache::FrameCache(const Dataset& dataset, const Graph& graph, const std::string& title, const ProgressOutput& output)
    : dataset_(&dataset),
      preprocessing_(without_geometry(graph.preprocessing)),
      shape_(graph.value(graph.inputs[0]).shape),
      image_bytes_(static_cast<size_t>(element_count(shape_))),
      pixels_(dataset.size() * image_bytes_) {
  const TensorView input{.shape = shape_};
  const Preprocessing geometry = geometry_only(graph.preprocessing);
  Progress progress(title, dataset.size(), output);
  parallel_for(dataset.size(), [&](size_t first, size_t last) {
    std::vector<FrameInput> inputs;
    for (const Recording& r : dataset.recordings)
      inputs.emplace_back(geometry, input, r.image_size.height, r.image_size.width, selected_isa());
    std::vector<float> numbers(image_bytes_);
    for (size_t i = first; i < last; ++i) {
      check_cancelled();
      const Image image = read_image(dataset.frame(i).image);
      inputs[dataset.frames[i].recording].prepare(image.pixels, std::as_writable_bytes(std::span(numbers)));
      std::transform(numbers.begin(), numbers.end(), pixels_.begin() + static_cast<ptrdiff_t>(i * image_bytes_),
                     [](float x) { return static_cast<uint8_t>(x); });
      progress.advance();
    }
  });
}

void FrameCache::read(std::span<const Sample> samples, std::span<const Augmentation> augmentations, uint64_t seed, size_t first,
                      Batch& batch) const {
  const size_t outputs = dataset_->columns.size();
  batch.images.resize(samples.size() * image_bytes_);
  batch.labels.resize(samples.size() * outputs);
  parallel_for(samples.size(), [&](size_t from, size_t to) {
    FrameInput normalize(preprocessing_, {.shape = shape_}, shape_[1], shape_[2], selected_isa());
    std::vector<uint8_t> picture(image_bytes_);
    for (size_t i = from; i < to; ++i) {
      const uint8_t* cached = pixels_.data() + samples[i].frame * image_bytes_;
      std::copy_n(cached, image_bytes_, picture.begin());
      if (samples[i].mirrored) mirror(picture, shape_[1]);
      Random random(stream_seed({seed, first + i}));
      augment(picture, shape_[1], augmentations, random);
      normalize.prepare(picture, std::as_writable_bytes(std::span(batch.images).subspan(i * image_bytes_, image_bytes_)));
      std::ranges::copy(sample_labels(*dataset_, samples[i]), batch.labels.begin() + static_cast<ptrdiff_t>(i * outputs));
    }
  });
}

}  // namespace slimpilot
