// SPDX-License-Identifier: Apache-2.0
// Which instruction sets this CPU has, and which one the user asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace slimpilot {

/// In rising order: a level has everything the ones before it have that are of the same architecture. `reference` is plain C++,
/// the specification; avx512vbmi has VBMI and VBMI2 (Intel since 2019, AMD since 2022), avx512bf16 dot products of bfloat16
/// (AMD since 2022, Intel since 2023), amx tiles of int8 and bfloat16 (Intel since 2023). neon is what every 64-bit ARM CPU
/// has, neon_dotprod adds the dot products of ARMv8.2 (Cortex-A55, A76 and later).
enum class Isa : uint8_t { reference, avx2, avx512, avx512vnni, avx512vbmi, avx512bf16, amx, neon, neon_dotprod };
inline constexpr size_t kIsaCount = 9;

std::string_view isa_name(Isa isa);

/// The levels that this CPU and operating system run, ascending; `reference` is always there. Linux gives AMX's registers to a
/// process that asks for them: where the CPU has them this does so, for all its threads.
std::vector<Isa> supported_isas();

/// The level that the environment variable SLIMPILOT_ISA names, else the highest supported one. Throws Error for an
/// unknown or unsupported name.
Isa selected_isa();

}  // namespace slimpilot
