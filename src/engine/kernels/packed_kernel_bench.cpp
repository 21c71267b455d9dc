// SPDX-License-Identifier: Apache-2.0
// Layers of PilotNet on every instruction set, one thread: conv2d in all variants, and a dense layer whose inputs are all
// other than zero, or one in two. Kernels for encoded weights get such: four fifths zero, or 16 values. Items are
// multiply-adds.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/random.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/packing.h"
#include "engine/memory.h"

namespace slimpilot {
namespace {

constexpr size_t kArrays = 4096;  // more outputs than any layer here has

/// Buffers large enough for any variant, inputs and weights of small numbers.
struct Buffers {
  std::vector<float> reals = std::vector<float>(kArrays, 0.01f);
  std::vector<int32_t> integers = std::vector<int32_t>(kArrays, 1 << 30);
  std::vector<int32_t> shifts = std::vector<int32_t>(kArrays, -9);
  std::vector<int32_t> zeros = std::vector<int32_t>(kArrays), low = std::vector<int32_t>(kArrays, -128),
                       high = std::vector<int32_t>(kArrays, 127);
  std::vector<int64_t> wide = std::vector<int64_t>(kArrays);
  AlignedBytes input, output, scratch;
  std::vector<std::byte> weights;

  template <class Args>
  void run(benchmark::State& state, const PackedKernel<Args>& kernel, Args args, int64_t multiply_adds) {
    args.weights = weights.data();
    args.real = {reals.data(), reals.data(), -1e30f, 1e30f};
    args.integer = {integers.data(), wide.data(), integers.data(), shifts.data(), integers.data(), 0, 0, -128, 127,
                    false,           true,        zeros.data(),    low.data(),    high.data()};
    const Io io{{input.data(), nullptr}, output.data(), scratch.data()};
    for (auto _ : state) kernel.run(args, io);
    state.SetItemsProcessed(state.iterations() * multiply_adds);
  }
};

template <class Kernels>
const auto& variant_of(const Kernels& k, const std::string& variant) {
  return variant == "f32"      ? k.f32
         : variant == "f16"    ? k.f16
         : variant == "bf16"   ? k.bf16
         : variant == "s8"     ? k.s8
         : variant == "s16"    ? k.s16
         : variant == "hybrid" ? k.hybrid
                               : k.s8_real;
}

size_t weight_size(const std::string& variant) { return variant == "f32" ? 4 : variant.ends_with("f16") ? 2 : 1; }

/// Weights as the technique leaves them for which a storage is made.
std::vector<std::byte> weights_for(WeightStorage storage, size_t count, size_t element_size) {
  Random random(1);
  std::vector<std::byte> weights(count * element_size);
  for (size_t i = 0; i < count; ++i)
    weights[i * element_size] =
        wants_zeros(storage) && random.uniform() < 0.8 ? std::byte{} : static_cast<std::byte>(1 + random.below(16));
  return weights;
}

/// PilotNet's second convolution: 31×98×24 to 14×47×36, 5×5, stride 2.
void bench_conv2d(benchmark::State& state, const Conv2dKernels& way, const std::string& variant) {
  const Conv2dArgs args{.in_h = 31,
                        .in_w = 98,
                        .in_c = 24,
                        .out_h = 14,
                        .out_w = 47,
                        .out_c = 36,
                        .kernel_h = 5,
                        .kernel_w = 5,
                        .stride_h = 2,
                        .stride_w = 2,
                        .tensor_c = 36};
  const auto& kernel = variant_of(way, variant);
  Buffers b;
  b.input = aligned_bytes(31 * 98 * 24 * 4 + 64), b.output = aligned_bytes(14 * 47 * 36 * 4 + 64),
  b.scratch = aligned_bytes(conv2d_scratch_bytes(args));
  const auto plain = weights_for(kernel.layout.storage, size_t{36} * 25 * 24, weight_size(variant));
  b.weights = pack_weights(plain, {36, 5, 5 * 24}, weight_size(variant), kernel.layout);
  b.run(state, kernel, args, int64_t{14} * 47 * 36 * 25 * 24);
}

/// A dense layer of 14400 to 1164, as pilotnet_same has.
void bench_dense(benchmark::State& state, const DenseKernels& way, const std::string& variant, size_t every) {
  const DenseArgs args{.rows = 1, .inputs = 14400, .outputs = 1164};
  const auto& kernel = variant_of(way, variant);
  Buffers b;
  b.input = aligned_bytes(14400 * 4 + 64), b.output = aligned_bytes(1164 * 4 + 64),
  b.scratch = aligned_bytes(dense_scratch_bytes(args));
  const bool real = variant != "s8" && variant != "s8_real" && variant != "s16";
  for (size_t i = 0; i < 14400; i += every) {
    if (real)
      reinterpret_cast<float*>(b.input.data())[i] = 1;
    else
      reinterpret_cast<int8_t*>(b.input.data())[i * (variant == "s16" ? 2 : 1)] = 1;
  }
  const auto plain = weights_for(kernel.layout.storage, size_t{14400} * 1164, weight_size(variant));
  b.weights = pack_weights(plain, {1164, 1, 14400}, weight_size(variant), kernel.layout);
  b.run(state, kernel, args, int64_t{14400} * 1164);
}

void bench_dense_all(benchmark::State& state, const DenseKernels& way, const std::string& variant) {
  bench_dense(state, way, variant, 1);
}
void bench_dense_half(benchmark::State& state, const DenseKernels& way, const std::string& variant) {
  bench_dense(state, way, variant, 2);
}

const int kRegistered = [] {
  const auto add = [](const std::string& op, const auto& ways, auto function) {
    for (const auto* way : ways)
      for (const std::string variant : {"f32", "f16", "bf16", "s8", "s16", "hybrid", "s8_real"})
        if (variant_of(*way, variant).run != nullptr)
          benchmark::RegisterBenchmark((op + "_" + variant + "/" + way->name).c_str(), function, *way, variant);
  };
  const KernelTable &fast = kernels(supported_isas().back()), &plain = kernels(Isa::reference);
  add("conv2d", plain.conv2d, bench_conv2d);
  add("conv2d", fast.conv2d, bench_conv2d);
  for (const KernelTable* table : {&plain, &fast}) {
    add("dense_all", table->dense, bench_dense_all);
    add("dense_half", table->dense, bench_dense_half);
  }
  return 0;
}();

}  // namespace
}  // namespace slimpilot
