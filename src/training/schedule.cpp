// SPDX-License-Identifier: Apache-2.0
// Learning rates and early stopping.
#include "training/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "host/args.h"

namespace slimpilot {
namespace {
constexpr double kWarmUp = .1;  // of all epochs
}

Schedule parse_schedule(const std::string& name) {
  if (name == "constant") return Schedule::constant;
  if (name == "cosine") return Schedule::cosine;
  if (name == "warm_cosine") return Schedule::warm_cosine;
  if (name == "plateau") return Schedule::plateau;
  throw UsageError("--schedule " + name + " is none of constant, cosine, warm_cosine or plateau");
}

bool falls_along_cosine(Schedule schedule) { return schedule == Schedule::cosine || schedule == Schedule::warm_cosine; }

double next_learning_rate(const TrainOptions& options, const std::vector<EpochResult>& history, double done) {
  const double all_done = (static_cast<double>(history.size()) + done) / options.epochs;
  double rate = options.learning_rate;
  if (falls_along_cosine(options.schedule)) rate *= .5 * (1 + std::cos(std::numbers::pi * all_done));
  if (options.schedule == Schedule::warm_cosine) rate *= std::min(1., all_done / kWarmUp);
  if (options.schedule == Schedule::plateau) {
    int waited = 0;
    for (const EpochResult& e : history) {
      waited = e.is_best ? 0 : waited + 1;
      if (waited == kPlateauEpochs) rate /= 2, waited = 0;
    }
  }
  return rate;
}

bool is_finished(const TrainOptions& options, const std::vector<EpochResult>& history) {
  if (static_cast<int>(history.size()) >= options.epochs) return true;
  int waited = 0;
  for (const EpochResult& e : history) waited = e.is_best ? 0 : waited + 1;
  return options.patience > 0 && waited >= options.patience;
}

}  // namespace slimpilot
