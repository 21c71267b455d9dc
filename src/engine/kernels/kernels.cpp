// SPDX-License-Identifier: Apache-2.0
// The tables: each instruction set starts as the one before it and names only what it does better.
#include "engine/kernels/kernels.h"

#include <algorithm>
#include <array>

namespace slimpilot {
namespace {

using Tables = std::array<KernelTable, kIsaCount>;

template <class Function>
void take(Function& kernel, Function better) {
  if (better != nullptr) kernel = better;
}

[[maybe_unused]] void take_quantize(QuantizeKernels& k, const QuantizeKernels& better) {
  take(k.f32_to_s8, better.f32_to_s8), take(k.f32_to_s16, better.f32_to_s16);
  take(k.s8_to_f32, better.s8_to_f32), take(k.s16_to_f32, better.s16_to_f32);
}

[[maybe_unused]] void take_elementwise(ElementwiseKernels& k, const ElementwiseKernels& better) {
  take(k.tanh, better.tanh), take(k.sigmoid, better.sigmoid), take(k.elu, better.elu);
  take(k.hard_sigmoid, better.hard_sigmoid), take(k.lookup_s8, better.lookup_s8);
  take(k.add_s8, better.add_s8), take(k.multiply_s8, better.multiply_s8);
  take(k.lstm_cell_s8, better.lstm_cell_s8), take(k.lstm_step, better.lstm_step), take(k.scale_f32, better.scale_f32);
}

[[maybe_unused]] void take_limits(LimitLoops& loops, const LimitLoops& better) {
  if (better.real.run != nullptr) loops.real = better.real;
  if (better.reduced.run != nullptr) loops.reduced = better.reduced;
  if (better.integer.run != nullptr) loops.integer = better.integer;
  take(loops.read, better.read);
}

// The levels of this architecture; `table` starts as the reference's.
#if defined(__x86_64__)
void make_levels(KernelTable table, Tables& tables) {
  table.conv2d = {&avx2::conv2d_sparse, &avx2::conv2d_skip, &avx2::conv2d};
  table.dense = {&avx2::dense, &avx2::dense_streaming};
  take_elementwise(table.elementwise, avx2::elementwise);
  take_quantize(table.quantize, avx2::quantize);
  table.preprocess = avx2::preprocess;
  take_limits(table.limits, avx2::limit_loops);
  tables[static_cast<size_t>(Isa::avx2)] = table;

  table.conv2d.insert(table.conv2d.end(), {&avx512::conv2d_sparse, &avx512::conv2d_256_skip, &avx512::conv2d_skip,
                                           &avx512::conv2d_256, &avx512::conv2d});
  table.dense.insert(table.dense.end(), {&avx512::dense, &avx512::dense_streaming});
  take_elementwise(table.elementwise, avx512::elementwise);
  take_quantize(table.quantize, avx512::quantize);
  table.preprocess = avx512::preprocess;
  take_limits(table.limits, avx512::limit_loops);
  tables[static_cast<size_t>(Isa::avx512)] = table;

  table.conv2d.insert(table.conv2d.end(), {&avx512vnni::conv2d_sparse, &avx512vnni::conv2d_narrow_skip,
                                           &avx512vnni::conv2d_narrow, &avx512vnni::conv2d_256, &avx512vnni::conv2d});
  table.dense.insert(table.dense.end(), {&avx512vnni::dense_256, &avx512vnni::dense, &avx512vnni::dense_streaming});
  take_elementwise(table.elementwise, avx512vnni::elementwise);
  take_limits(table.limits, avx512vnni::limit_loops);
  tables[static_cast<size_t>(Isa::avx512vnni)] = table;

  table.dense.insert(table.dense.end(), {&avx512vbmi::dense_bitmask, &avx512vbmi::dense_slots, &avx512vbmi::dense_slots_of_four,
                                         &avx512vbmi::dense_codebook});
  take_elementwise(table.elementwise, avx512vbmi::elementwise);
  table.preprocess.resize_row = avx512vbmi::preprocess.resize_row;
  tables[static_cast<size_t>(Isa::avx512vbmi)] = table;

  table.conv2d.push_back(&avx512bf16::conv2d);
  table.dense.insert(table.dense.end(), {&avx512bf16::dense, &avx512bf16::dense_streaming});
  take_limits(table.limits, avx512bf16::limit_loops);
  tables[static_cast<size_t>(Isa::avx512bf16)] = table;

  std::erase(table.conv2d, &avx512bf16::conv2d);  // its sums have another order, and all ways of a table give the same bits
  table.conv2d.push_back(&amx::conv2d);
  table.dense.push_back(&amx::dense);
  take_limits(table.limits, amx::limit_loops);
  tables[static_cast<size_t>(Isa::amx)] = table;
}
#elif defined(__aarch64__)
void make_levels(KernelTable table, Tables& tables) {
  table.conv2d = {&neon::conv2d};
  table.dense = {&neon::dense, &neon::dense_streaming};
  take_elementwise(table.elementwise, neon::elementwise);
  take_quantize(table.quantize, neon::quantize);
  table.preprocess = neon::preprocess;
  take_limits(table.limits, neon::limit_loops);
  tables[static_cast<size_t>(Isa::neon)] = table;

  table.conv2d.push_back(&neon_dotprod::conv2d);
  table.dense.insert(table.dense.end(), {&neon_dotprod::dense, &neon_dotprod::dense_streaming});
  take_limits(table.limits, neon_dotprod::limit_loops);
  tables[static_cast<size_t>(Isa::neon_dotprod)] = table;
}
#else
void make_levels(const KernelTable&, Tables&) {}
#endif

Tables make_tables() {
  const KernelTable plain{{&reference::conv2d}, {&reference::dense},   reference::pool,       reference::elementwise,
                          reference::quantize,  reference::preprocess, reference::limit_loops};
  Tables tables;
  tables.fill(plain);
  make_levels(plain, tables);
  return tables;
}

}  // namespace

const KernelTable& kernels(Isa isa) {
  static const Tables tables = make_tables();
  return tables[static_cast<size_t>(isa)];
}

bool has_reduced_arithmetic(Isa isa) {
  return std::ranges::any_of(kernels(isa).conv2d, [](const Conv2dKernels* way) { return way->bf16.run != nullptr; });
}

}  // namespace slimpilot
