// SPDX-License-Identifier: Apache-2.0
// CPU detection. Nothing else in the engine asks the CPU anything.
#include "engine/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include <array>
#include <cstdlib>
#include <string>

#include "base/error.h"

namespace slimpilot {
namespace {

constexpr std::string_view kNames[kIsaCount] = {"reference",  "avx2", "avx512", "avx512vnni",  "avx512vbmi",
                                                "avx512bf16", "amx",  "neon",   "neon_dotprod"};

// The levels of this architecture above the reference, and whether this CPU has what one adds to those before it.
#if defined(__x86_64__)
constexpr std::array kLevels = {Isa::avx2, Isa::avx512, Isa::avx512vnni, Isa::avx512vbmi, Isa::avx512bf16, Isa::amx};

/// Half-float conversion: clang 14's __builtin_cpu_supports does not know it.
bool has_f16c() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

/// Tiles of int8 and bfloat16, and Linux's leave to use them (since 5.16); to ask again changes nothing.
bool has_amx() {
  constexpr unsigned kBfloat16 = 1u << 22, kTiles = 1u << 24, kInt8 = 1u << 25, kAll = kBfloat16 | kTiles | kInt8;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & kAll) == kAll &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool supports(Isa isa) {
  switch (isa) {
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq");
    case Isa::avx512vnni: return __builtin_cpu_supports("avx512vnni");
    case Isa::avx512vbmi: return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
    case Isa::avx512bf16: return __builtin_cpu_supports("avx512bf16");
    case Isa::amx: return has_amx();
    default: return false;
  }
}
#elif defined(__aarch64__)
constexpr std::array kLevels = {Isa::neon, Isa::neon_dotprod};

bool supports(Isa isa) {
  switch (isa) {
    case Isa::neon: return true;
    case Isa::neon_dotprod: return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
    default: return false;
  }
}
#else
constexpr std::array<Isa, 0> kLevels = {};

bool supports(Isa) { return false; }
#endif

}  // namespace

std::string_view isa_name(Isa isa) { return kNames[static_cast<size_t>(isa)]; }

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas{Isa::reference};
  for (const Isa isa : kLevels) {
    if (!supports(isa)) break;
    isas.push_back(isa);
  }
  return isas;
}

Isa selected_isa() {
  const std::vector<Isa> supported = supported_isas();
  const char* wanted = std::getenv("SLIMPILOT_ISA");
  if (wanted == nullptr || *wanted == '\0') return supported.back();
  std::string known;
  for (const Isa isa : supported) {
    if (isa_name(isa) == wanted) return isa;
    known += (known.empty() ? "" : ", ") + std::string(isa_name(isa));
  }
  throw Error("SLIMPILOT_ISA=" + std::string(wanted) + " is not an instruction set that this CPU runs; use one of: " + known);
}

}  // namespace slimpilot
