// SPDX-License-Identifier: Apache-2.0
// What the program slimpilot has in place of the training loop, which is in slimpilot_training.
#include "base/error.h"
#include "training/train.h"

namespace slimpilot {

namespace {

constexpr const char* kMissing =
    "this slimpilot was built without libtorch and cannot train; install the packages libtorch-dev and libopenblas0-pthread, "
    "then build it again (cmake -DSLIMPILOT_TRAINING=ON)";

}  // namespace

Graph train(const Graph&, const TrainData&, const TrainOptions&, const TrainFiles&, const TrainOutput&) {
  throw Error(kMissing);
}

std::unique_ptr<FineTuner> make_fine_tuner(const Graph&, TrainData, const TrainOptions&, const TrainOutput&) {
  throw Error(kMissing);
}

}  // namespace slimpilot
