// SPDX-License-Identifier: Apache-2.0
// slimpilot circuits: lists our own circuits with their shapes.
#include "sim/circuits.h"

#include <fmt/format.h>

#include "cli/commands.h"
#include "host/args.h"
#include "report/table.h"

namespace slimpilot {

void run_circuits(int argc, char** argv) {
  std::vector<std::string> files;
  Arguments arguments("circuits", "list the circuits, or measure centre lines");
  arguments.positional("FILE.csv", files, "centre lines to measure; without them our own circuits are listed", false);
  arguments.parse(argc, argv);
  if (files.empty())
    for (const std::string_view name : circuit_names()) files.emplace_back(name);
  std::vector<std::vector<std::string>> rows{
      {"circuit", "role", "length m", "tightest m", "straight %", "road m", "time-out s"}};
  for (const std::string& name : files) {
    const Circuit c = find_circuit(name);
    const CircuitShape shape = measure(c.centre_line);
    rows.push_back({c.name, c.role == CircuitRole::train ? "train" : "test", fmt::format("{:.1f}", shape.length_m),
                    fmt::format("{:.2f}", shape.tightest_radius_m), fmt::format("{:.0f}", 100 * shape.straight_share),
                    fmt::format("{:.1f}", c.road_width_m), fmt::format("{:.0f}", c.timeout_s)});
  }
  fmt::print("{}", aligned_table(rows));
}

}  // namespace slimpilot
