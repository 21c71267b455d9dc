// SPDX-License-Identifier: Apache-2.0
// How a step is cut into parts for several threads (ADR 0018): the same kernels with other arguments.
#pragma once

#include <algorithm>
#include <vector>

#include "engine/node_calls.h"

namespace slimpilot {

/// What one thread computes of a layer: the arguments but weights and results, and which outputs they are about.
template <class Args>
struct Share {
  Args args;
  int first, outputs;
  size_t input, output, scratch;  // bytes: where it begins, see Part; of scratch
};

/// How many threads have something to do, of `most`, with so much work in all (multiply-adds).
int useful_threads(const Site& s, int64_t work, int64_t most);

/// A convolution's result image by image, each in rows with the rows of the image that they are made of.
std::vector<Share<Conv2dArgs>> row_shares(const Site& s, const Conv2dArgs& all);

/// A dense layer's outputs, in multiples that keep what there is per output where vectors want it.
std::vector<Share<DenseArgs>> output_shares(const Site& s, const DenseArgs& all);

/// A call for each image by itself, which `args` are about.
template <class Args>
NodeCall each_image(const Site& s, std::string_view name, KernelFunction<Args> kernel, const Args& args) {
  const int images = s.output().shape[0];
  const auto bytes = [&](const Value& v) {
    return static_cast<size_t>(element_count(v.shape) / images) * element_size(v.type);
  };
  NodeCall made{.kernel = name};
  for (size_t i = 0; i < static_cast<size_t>(images); ++i)
    made.parts.push_back({.call = Call<Args>{kernel, args}, .input = i * bytes(s.input(0)), .output = i * bytes(s.output())});
  return made;
}

/// A call for each number by itself, in parts of whole pixels.
template <class Args>
NodeCall pixelwise(const Site& s, std::string_view name, KernelFunction<Args> kernel, const Args& all) {
  constexpr int64_t kWork = 10;  // multiply-adds that take as long as one number
  const int64_t pixels = (all.count + all.channels - 1) / all.channels, count = useful_threads(s, kWork * all.count, pixels);
  NodeCall made{.kernel = name};
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = pixels * i / count * all.channels, end = std::min(all.count, pixels * (i + 1) / count * all.channels);
    Args args = all;
    args.count = end - first;
    const auto bytes = [&](const Value& v) { return static_cast<size_t>(first) * element_size(v.type); };
    made.parts.push_back({.call = Call<Args>{kernel, args}, .input = bytes(s.input(0)), .output = bytes(s.output())});
  }
  return made;
}

}  // namespace slimpilot
