// SPDX-License-Identifier: Apache-2.0
// What works with a model and what does not, found from the model alone: no recording is needed.
#pragma once

#include <string>
#include <vector>

#include "cli/symptoms.h"
#include "graph/graph.h"

namespace slimpilot {

/// One thing that slimpilot does with models: "yes" with details, or "no" with the reason.
struct Ability {
  std::string what, answer;
};

/// A symptom that this model has, or will have, and where.
struct Finding {
  const Symptom* symptom;
  std::string place;
};

struct Diagnosis {
  std::vector<Ability> abilities;
  std::vector<Finding> findings;
};

/// Of a model as it was read, simplified as every command does.
Diagnosis diagnose(const Graph& graph);

}  // namespace slimpilot
