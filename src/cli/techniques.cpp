// SPDX-License-Identifier: Apache-2.0
// slimpilot techniques: the list.
#include <fmt/format.h>

#include "cli/commands.h"
#include "host/args.h"
#include "optimize/recipes.h"
#include "report/table.h"

namespace slimpilot {

void run_techniques(int argc, char** argv) {
  Arguments arguments("techniques", "list the techniques");
  arguments.parse(argc, argv);
  std::vector<std::vector<std::string>> rows{{"technique", "needs", "what it does"}};
  for (const Pass& pass : techniques())
    rows.push_back({std::string(pass.name),
                    pass.needs.training      ? "training"
                    : pass.needs.calibration ? "frames"
                                             : "nothing",
                    std::string(pass.summary)});
  fmt::print("{}", aligned_table(rows));
}

}  // namespace slimpilot
