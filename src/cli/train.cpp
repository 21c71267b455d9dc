// SPDX-License-Identifier: Apache-2.0
// slimpilot train: a network by name from random weights, or a float model further, on recordings.
#include "training/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/model_options.h"
#include "cli/training_program.h"
#include "cli/variety_options.h"
#include "data/selection.h"
#include "formats/formats.h"
#include "graph/networks.h"
#include "optimize/passes.h"
#include "report/table.h"

namespace slimpilot {
namespace {

constexpr double kValidationShare = .2;
constexpr int kFormula1Rows = 480;  // the frames that the networks' own crop, rows 240:480, is for

struct Options {
  std::string network, out, schedule = "constant";
  std::vector<std::string> validation;
  TrainOptions train;
  VarietyOptions variety;
  ModelOptions model;
  DataOptions data;

  void parse(int argc, char** argv) {
    Arguments arguments("train", "train a network, or a model further, on recordings; the best epoch's weights are written");
    std::string names;
    for (const std::string_view name : network_names()) names += std::string(name) + ", ";
    arguments.positional("NETWORK", network, names + "or a float32 model file");
    arguments.option("--out", out, "the model file to write (.tflite, or .slim, which can say every network)");
    arguments.option("--validation", validation, "recordings that choose the best epoch; else the last of --data, or its end");
    arguments.option("--epochs", train.epochs, "how often the training frames are gone through");
    arguments.option("--batch", train.batch, "frames per step");
    arguments.option("--learning-rate", train.learning_rate, "of Adam");
    arguments.option(
        "--schedule", schedule,
        "constant, cosine (to zero at the end), warm_cosine (from zero and to it) or plateau (halved after 3 epochs "
        "without gain)");
    arguments.option("--patience", train.patience, "stop after so many epochs without gain (0: never)");
    arguments.option("--seed", train.seed, "of weights, order and augmentation");
    variety.declare(arguments);
    arguments.option("--epoch-frames", train.epoch_frames,
                     "frames drawn for an epoch (0: all, repeats and mirrored ones included)");
    arguments.option("--threads", train.threads, "processor cores used (0: all)");
    arguments.option("--resume", train.resume, "go on with an interrupted run of the same options");
    data.declare(arguments);
    model.declare(arguments);
    arguments.parse(argc, argv);
    train.schedule = parse_schedule(schedule);
    variety.apply(train);
    require_sense();
  }

 private:
  void require_sense() const {
    if (out.empty()) throw UsageError("name the model file to write with --out FILE.tflite");
    if (!out.ends_with(".tflite") && !out.ends_with(".slim"))
      throw UsageError("--out " + out + " does not end in .tflite or .slim");
    if (train.epochs < 1 || train.epochs > 100000) throw UsageError("--epochs must be 1 to 100000");
    if (train.batch < 1 || train.batch > 4096) throw UsageError("--batch must be 1 to 4096");
    if (!(train.learning_rate > 0 && train.learning_rate <= 1))
      throw UsageError("--learning-rate must be above 0 and at most 1");
    if (train.patience < 0) throw UsageError("--patience must not be negative");
    if (train.threads < 0 || train.threads > 1024) throw UsageError("--threads must be 0 to 1024");
  }
};

/// The recordings that train and those that validate; says so where the options left it open.
Split split_recordings(const Options& options) {
  std::vector<Recording> training = load_recordings(options.data.recordings, options.data.skip_bad_frames);
  if (!options.validation.empty()) return {training, load_recordings(options.validation, options.data.skip_bad_frames)};
  if (training.size() > 1) {
    Split split{std::move(training), {}};
    split.validation.push_back(std::move(split.training.back()));
    split.training.pop_back();
    fmt::print(stderr, "the last recording, {}, validates\n", split.validation[0].folder.string());
    return split;
  }
  Split split = split_by_recording(std::move(training), kValidationShare, options.train.seed);
  fmt::print(stderr, "the last {} frames of {} validate, in the order in which they were driven\n",
             split.validation[0].frames.size(), split.validation[0].folder.string());
  return split;
}

bool is_network(const std::string& name) { return std::ranges::count(network_names(), name) > 0; }

/// What is to be trained: the network by name with as many outputs as there are label columns, or the model file.
Graph starting_graph(const Options& options, const Recording& recording) {
  if (!is_network(options.network)) {
    Graph graph = load_model_for_frames(options.network, options.model);
    set_meaning(graph, label_columns(options.model, graph, recording));
    return graph;
  }
  const auto columns = options.model.outputs.empty() ? default_columns(recording, usual_output_count(recording))
                                                     : parse_label_columns(options.model.outputs);
  NetworkOptions network{.initialization = Initialization::keras};
  const auto known = std::exchange(network.outputs, {});
  for (const LabelColumn& c : columns) {
    const auto same = std::ranges::find(known, c.name, &OutputMeaning::name);
    network.outputs.push_back({c.name, same == known.end() ? "" : same->unit, c.min, c.max});
  }
  Graph graph = make_network(options.network, options.train.seed, network);
  if (recording.image_size.height != kFormula1Rows) graph.preprocessing.crop_top = graph.preprocessing.crop_bottom = 0;
  set_preprocessing(graph, options.model);
  return graph;
}

Dataset dataset_of(std::vector<Recording> recordings, const Graph& graph, const Options& options) {
  Dataset dataset{.recordings = std::move(recordings)};
  for (const OutputMeaning& m : graph.meaning) dataset.columns.push_back({m.name, m.min, m.max});
  dataset.frames = select_frames(dataset.recordings, options.data.frames);
  for (const Recording& r : dataset.recordings)
    scaled_labels(r, r.frames[0], dataset.columns);  // a missing column is an Error now
  return dataset;
}

void print_epoch(const EpochResult& e) {
  if (e.epoch == 1)
    fmt::print("{:>5}  {:>10}  {:>15}  {:>14}  {:>13}  {:>8}\n", "epoch", "train loss", "validation loss", "validation MAE",
               "learning rate", "images/s");
  fmt::print("{:>5}  {:>10.6f}  {:>15.6f}  {:>14.6f}  {:>13.2e}  {:>8.0f}{}\n", e.epoch, e.train_loss, e.validation_loss,
             e.validation_mae, e.learning_rate, e.images_per_s, e.is_best ? "  best" : "");
  std::fflush(stdout);
}

/// A checkpoint of an interrupted run is neither overwritten nor missed.
void require_checkpoint(const Options& options, const std::filesystem::path& checkpoint) {
  const bool exists = std::filesystem::exists(checkpoint);
  if (exists && !options.train.resume)
    throw Error(checkpoint.string() + " is left of an interrupted run; go on with --resume, or delete it to start again");
  if (!exists && options.train.resume)
    throw Error(checkpoint.string() + ": there is no checkpoint to resume from; leave --resume out to start");
}

/// A format that cannot say the network says so now, not after hours.
void require_writable(const Graph& graph, const std::string& out) {
  if (!out.ends_with(".tflite")) return;
  try {
    to_tflite(simplify(graph));
  } catch (const Error& e) {
    throw Error(out + ": " + e.what() + "; write a .slim file");
  }
}

}  // namespace

void run_train(int argc, char** argv) {
  Options options;
  options.parse(argc, argv);
  continue_as_training_program(argc, argv);
  const TrainFiles files{options.out + ".checkpoint", options.out + ".log.csv"};
  require_checkpoint(options, files.checkpoint);
  Split split = split_recordings(options);
  const Graph graph = starting_graph(options, split.training[0]);
  require_writable(graph, options.out);
  options.train.is_new = is_network(options.network);
  const TrainData data{dataset_of(std::move(split.training), graph, options),
                       dataset_of(std::move(split.validation), graph, options)};
  fmt::print(stderr, "{} training frames, {} validation frames\n", data.training.size(), data.validation.size());
  try {
    const Graph trained = train(graph, data, options.train, files, {progress_output(), print_epoch});
    const size_t bytes = write_model(simplify(trained), options.out);
    fmt::print("{}: {} MB\n", options.out, megabytes(bytes));
  } catch (const Cancelled&) {
    if (std::filesystem::exists(files.checkpoint))
      fmt::print(stderr, "to go on: {}{}\n", command_text(argc, argv), options.train.resume ? "" : " --resume");
    throw;
  }
  std::error_code ignored;
  std::filesystem::remove(files.checkpoint, ignored);  // the model is written: nothing is left to resume
}

}  // namespace slimpilot
