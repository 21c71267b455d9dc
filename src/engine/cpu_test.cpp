// SPDX-License-Identifier: Apache-2.0
// SLIMPILOT_ISA takes every level of this machine, and its error names them all.
#include "engine/cpu.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/error.h"

namespace slimpilot {
namespace {

/// The variable as long as this lives.
class Wanted {
 public:
  explicit Wanted(const std::string& name) { setenv("SLIMPILOT_ISA", name.c_str(), 1); }
  ~Wanted() { had_ ? setenv("SLIMPILOT_ISA", before_.c_str(), 1) : unsetenv("SLIMPILOT_ISA"); }

 private:
  bool had_ = std::getenv("SLIMPILOT_ISA") != nullptr;
  std::string before_ = had_ ? std::getenv("SLIMPILOT_ISA") : "";
};

TEST(Cpu, TakesWhatItHasAndNamesItOtherwise) {
  const std::vector<Isa> supported = supported_isas();
  ASSERT_EQ(supported.front(), Isa::reference);
  std::string names;
  for (const Isa isa : supported) {
    const Wanted wanted{std::string(isa_name(isa))};
    EXPECT_EQ(selected_isa(), isa);
    names += (names.empty() ? "" : ", ") + std::string(isa_name(isa));
  }
  EXPECT_EQ((Wanted{""}, selected_isa()), supported.back());
  const Wanted wanted("avx1024");
  try {
    selected_isa();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).ends_with("use one of: " + names)) << error.what();
  }
}

}  // namespace
}  // namespace slimpilot
