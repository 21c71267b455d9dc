// SPDX-License-Identifier: Apache-2.0
// Which instruction sets this CPU has, and which one the user asked for.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace slimpilot {

/// In rising order: a level has everything the ones before it have. `reference` is plain C++, the
/// specification; avx512vbmi has VBMI and VBMI2 (Intel since 2019, AMD since 2022).
enum class Isa : uint8_t { reference, avx2, avx512, avx512vnni, avx512vbmi };

std::string_view isa_name(Isa isa);

/// The levels that this CPU and operating system run, ascending; `reference` is always there.
std::vector<Isa> supported_isas();

/// The level that the environment variable SLIMPILOT_ISA names, else the highest supported one. Throws Error for an
/// unknown or unsupported name.
Isa selected_isa();

}  // namespace slimpilot
