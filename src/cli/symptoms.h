// SPDX-License-Identifier: Apache-2.0
// What users see, why it is so, and which option helps. `slimpilot doctor` names what fits a model; docs/troubleshooting.md is
// this table.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace slimpilot {

struct Symptom {
  std::string_view name;  // as `doctor` says it
  std::string_view seen;  // by the user
  std::string_view because;
  std::string_view remedy;
};

std::span<const Symptom> symptoms();

/// The one of that name, which must be in the table.
const Symptom& symptom_named(std::string_view name);

/// All of them as a table of Markdown.
std::string symptoms_table();

}  // namespace slimpilot
