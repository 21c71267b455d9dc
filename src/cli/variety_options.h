// SPDX-License-Identifier: Apache-2.0
// How the frames that are learned from are varied; the same for `train` and `optimize`.
#pragma once

#include <string>
#include <vector>

#include "host/args.h"
#include "training/train.h"

namespace slimpilot {

struct VarietyOptions {
  bool mirror = false, balance = false;
  std::vector<std::string> augmentations;

  void declare(Arguments& arguments) {
    arguments.option("--mirror", mirror, "learn from every frame mirrored too, its w or steering negated");
    arguments.option("--balance", balance,
                     "show sharp turns more often (|w| >= 4: 50 times, 3: 35, 2: 25, 1: 15, .5: 5, .3: 2)");
    arguments.option_list("--augment", augmentations, "brightness, contrast, hue, gamma, blur, shift, or all (but shift)");
  }

  /// Throws UsageError for an unknown augmentation.
  void check_values() const { parse_augmentations(augmentations); }
  void apply(TrainOptions& train) const {
    train.mirror = mirror, train.balance = balance;
    train.augmentations = parse_augmentations(augmentations);
  }
};

}  // namespace slimpilot
