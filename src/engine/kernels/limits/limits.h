// SPDX-License-Identifier: Apache-2.0
// Loops that do nothing but what a core can do fastest, to measure its limits: multiply-adds in registers, and reading memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace slimpilot {

/// `run` does `rounds` · macs_per_round multiply-adds; the sum of what was computed is returned, so nothing is left out. Null:
/// there is none.
struct LimitLoop {
  double (*run)(int64_t rounds) noexcept;
  int64_t macs_per_round;
};

struct LimitLoops {
  LimitLoop real, reduced, integer;  // reduced: bfloat16
  /// Reads `bytes` (a multiple of 1024, 64-byte aligned) once.
  double (*read)(const void* data, size_t bytes) noexcept;
};

namespace reference {
extern const LimitLoops limit_loops;
}
namespace avx2 {
extern const LimitLoops limit_loops;
}
namespace avx512 {
extern const LimitLoops limit_loops;  // integers as avx2
}
namespace avx512vnni {
extern const LimitLoops limit_loops;
}
namespace avx512bf16 {
extern const LimitLoops limit_loops;  // bfloat16 only
}
namespace amx {
extern const LimitLoops limit_loops;  // bfloat16 and integers
}
namespace neon {
extern const LimitLoops limit_loops;
}
namespace neon_dotprod {
extern const LimitLoops limit_loops;  // integers only
}

}  // namespace slimpilot
