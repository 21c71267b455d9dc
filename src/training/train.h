// SPDX-License-Identifier: Apache-2.0
// Training a float network on recordings. The interface knows nothing of libtorch; without it train() says what to install.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/augment.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "host/progress.h"
#include "optimize/fine_tuner.h"

namespace slimpilot {

/// How the learning rate changes: not at all; along half a cosine to zero over all epochs; the same after it grew from zero
/// over the first tenth; halved after every kPlateauEpochs epochs without a better validation loss.
enum class Schedule { constant, cosine, warm_cosine, plateau };
inline constexpr int kPlateauEpochs = 3;

/// "constant", "cosine", "warm_cosine" or "plateau"; UsageError otherwise.
Schedule parse_schedule(const std::string& name);

struct TrainOptions {
  int epochs = 20, batch = 64;
  double learning_rate = 1e-3;
  Schedule schedule = Schedule::constant;
  int patience = 0;  // stop after so many epochs without a better validation loss; 0: never
  uint64_t seed = 1;
  bool mirror = false, balance = false;
  std::vector<Augmentation> augmentations;
  uint64_t epoch_frames = 0;  // frames an epoch shows; 0: all
  int threads = 0;            // 0: all cores
  bool is_new = false;  // the graph is an untrained network by name: BatchNorm's statistics start from the first batches, and
                        // the network's own dropout is used
  bool resume = false;  // go on from the checkpoint
  const Graph* teacher = nullptr;  // its outputs are the labels, or a share of them
  double teacher_share = 1;        // of its outputs in the labels; the recordings' have the rest
  bool keep_start = false;         // the weights as they are compete with those of the epochs
  bool relative_steps = false;     // the learning rate counts in the size of each weight tensor at the start (trainer.cpp)
  bool learn_ranges = false;       // the scales of an integer graph are trained too
};

/// One epoch; losses are mean squared errors of the scaled labels.
struct EpochResult {
  int epoch = 0;  // from 1
  double train_loss = 0, validation_loss = 0, validation_mae = 0, images_per_s = 0;
  double learning_rate = 0;  // the largest
  bool is_best = false;
};

struct TrainData {
  Dataset training, validation;
};

/// Where a run leaves traces while it works.
struct TrainFiles {
  std::filesystem::path checkpoint, log;  // written after every epoch; empty: not
};

struct TrainOutput {
  ProgressOutput progress;
  std::function<void(const EpochResult&)> on_epoch;
};

/// Trains with Adam on the mean squared error and returns the graph with the weights of the best epoch by validation loss. The
/// same options, data and threads give the same weights, bit for bit. Throws Error when the graph cannot be trained, when the
/// loss is no longer finite, and when the checkpoint does not fit; Cancelled after Ctrl-C, leaving the last checkpoint.
Graph train(const Graph& graph, const TrainData& data, const TrainOptions& options, const TrainFiles& files,
            const TrainOutput& output);

/// Trains every graph that it is given on the same frames, which it reads once. `graph` says how frames become inputs;
/// `options` holds for all but the epochs and the learning rate. Throws as train() does.
std::unique_ptr<FineTuner> make_fine_tuner(const Graph& graph, TrainData data, const TrainOptions& options,
                                           const TrainOutput& output);

}  // namespace slimpilot
