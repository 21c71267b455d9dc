// SPDX-License-Identifier: Apache-2.0
// slimpilot techniques: the list.
#include <fmt/format.h>

#include "cli/commands.h"
#include "host/args.h"
#include "optimize/recipes.h"
#include "report/table.h"

namespace slimpilot {

void run_techniques(int argc, char** argv) {
  Arguments arguments("techniques", "list the techniques, their recipes and the passes that recipes are made of");
  arguments.parse(argc, argv);
  std::vector<std::vector<std::string>> rows{{"technique", "needs", "what it does"}}, recipes{{"technique", "recipe"}},
      steps{{"pass", "what it does", "settings"}};
  for (const Technique& t : standard_techniques()) {
    const Needs needs = t.needs();
    rows.push_back({t.name, needs.training ? "training" : needs.calibration ? "frames" : "nothing", t.summary});
    if (!t.steps.empty()) recipes.push_back({t.name, to_text(t.steps)});
  }
  for (const Pass& pass : passes()) {
    std::string settings;
    for (const Parameter& p : pass.parameters)
      settings += fmt::format("{}{}={:g} ({})", settings.empty() ? "" : "; ", p.name, p.value, p.meaning);
    steps.push_back({std::string(pass.name), std::string(pass.summary), settings});
  }
  fmt::print("{}\n{}\n{}", aligned_table(rows), aligned_table(recipes), aligned_table(steps));
}

}  // namespace slimpilot
