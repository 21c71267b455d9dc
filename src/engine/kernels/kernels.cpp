// SPDX-License-Identifier: Apache-2.0
// The tables: each instruction set starts as the one before it and names only what it does better.
#include "engine/kernels/kernels.h"

#include <array>

namespace slimpilot {
namespace {

using Tables = std::array<KernelTable, 5>;

Tables make_tables() {
  const KernelTable plain{{&reference::conv2d}, {&reference::dense},   reference::pool,       reference::elementwise,
                          reference::quantize,  reference::resize_row, reference::limit_loops};
  Tables tables{plain, plain, plain, plain, plain};
#if defined(__x86_64__)
  KernelTable table = plain;
  const auto take_quantize = [&](const QuantizeKernels& better) {
    table.quantize.f32_to_s8 = better.f32_to_s8;
    table.quantize.f32_to_s16 = better.f32_to_s16;
    table.quantize.s8_to_f32 = better.s8_to_f32;
    table.quantize.s16_to_f32 = better.s16_to_f32;
  };
  const auto take_elementwise = [&](const ElementwiseKernels& better) {
    const auto take = [](auto& kernel, auto best) {
      if (best != nullptr) kernel = best;
    };
    ElementwiseKernels& k = table.elementwise;
    take(k.tanh, better.tanh), take(k.sigmoid, better.sigmoid), take(k.elu, better.elu);
    take(k.hard_sigmoid, better.hard_sigmoid), take(k.lookup_s8, better.lookup_s8);
    take(k.add_s8, better.add_s8), take(k.multiply_s8, better.multiply_s8);
  };
  table.conv2d = {&avx2::conv2d_skip, &avx2::conv2d};
  take_elementwise(avx2::elementwise);
  table.dense = {&avx2::dense, &avx2::dense_streaming};
  take_quantize(avx2::quantize);
  table.resize_row = avx2::resize_row;
  table.limits = avx2::limit_loops;
  tables[static_cast<size_t>(Isa::avx2)] = table;

  table.conv2d.insert(table.conv2d.end(),
                      {&avx512::conv2d_256_skip, &avx512::conv2d_skip, &avx512::conv2d_256, &avx512::conv2d});
  take_elementwise(avx512::elementwise);
  table.dense.insert(table.dense.end(), {&avx512::dense, &avx512::dense_streaming});
  take_quantize(avx512::quantize);
  table.resize_row = avx512::resize_row;
  table.limits.real = avx512::limit_loops.real;
  table.limits.real_macs_per_round = avx512::limit_loops.real_macs_per_round;
  table.limits.read = avx512::limit_loops.read;
  tables[static_cast<size_t>(Isa::avx512)] = table;

  table.conv2d.insert(table.conv2d.end(), {&avx512vnni::conv2d_skip, &avx512vnni::conv2d_256, &avx512vnni::conv2d});
  table.dense.insert(table.dense.end(), {&avx512vnni::dense_256, &avx512vnni::dense, &avx512vnni::dense_streaming});
  table.limits.integer = avx512vnni::limit_loops.integer;
  table.limits.integer_macs_per_round = avx512vnni::limit_loops.integer_macs_per_round;
  take_elementwise(avx512vnni::elementwise);
  tables[static_cast<size_t>(Isa::avx512vnni)] = table;

  table.dense.insert(table.dense.end(), {&avx512vbmi::dense_bitmask, &avx512vbmi::dense_slots, &avx512vbmi::dense_codebook});
  take_elementwise(avx512vbmi::elementwise);
  tables[static_cast<size_t>(Isa::avx512vbmi)] = table;
#endif
  return tables;
}

}  // namespace

const KernelTable& kernels(Isa isa) {
  static const Tables tables = make_tables();
  return tables[static_cast<size_t>(isa)];
}

}  // namespace slimpilot
