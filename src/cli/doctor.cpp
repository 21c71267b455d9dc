// SPDX-License-Identifier: Apache-2.0
// slimpilot doctor: what works with a model, what falls back to real numbers and why, what to try.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/diagnosis.h"
#include "cli/model_options.h"
#include "report/table.h"

namespace slimpilot {

void run_doctor(int argc, char** argv) {
  std::string model;
  bool table = false;
  ModelOptions options;
  Arguments arguments("doctor", "what works with a model, what falls back to real numbers and why, and what to try");
  arguments.positional("MODEL", model, "a model file, or random:NETWORK[:SEED]", false);
  arguments.option("--table", table, "print the table of symptoms and options instead, as Markdown");
  options.declare(arguments);
  arguments.parse(argc, argv);
  if (table == !model.empty()) throw UsageError("name a model, or ask for the --table of symptoms");
  if (table) {
    fmt::print("{}", symptoms_table());
    return;
  }
  const Diagnosis diagnosis = diagnose(load_model(model, options));
  std::vector<std::vector<std::string>> rows{{"what", "works"}};
  for (const Ability& ability : diagnosis.abilities) rows.push_back({ability.what, ability.answer});
  fmt::print("{}", aligned_table(rows));
  for (const Finding& finding : diagnosis.findings)
    fmt::print("\n{}: {}\n  seen: {}\n  why:  {}\n  try:  {}\n", finding.symptom->name, finding.place, finding.symptom->seen,
               finding.symptom->because, finding.symptom->remedy);
  fmt::print("\n{}\n", diagnosis.findings.empty()
                           ? "nothing found; docs/troubleshooting.md knows what a model alone does not tell"
                           : "docs/troubleshooting.md has these and others in a table");
}

}  // namespace slimpilot
