// SPDX-License-Identifier: Apache-2.0
// Options that commands share: how a model is read, which frames, and how results are shown.
#pragma once

#include <string>
#include <vector>

#include "eval/dataset.h"
#include "graph/graph.h"
#include "host/args.h"
#include "host/image_file.h"
#include "host/progress.h"

namespace slimpilot {

/// Preprocessing and outputs that the model file does not say.
struct ModelOptions {
  std::string color, crop, resize, normalize, frames_back, outputs;
  std::vector<std::string> lambdas;
  void declare(Arguments& arguments);
};

/// Reads a model file, or makes a network with random weights for "random:NAME[:SEED]", and completes its preprocessing and,
/// with --outputs, its outputs' meaning.
Graph load_model(const std::string& path, const ModelOptions& options);

/// The same for commands that show the network frames: several inputs, each an image, become one (join_image_inputs), which is
/// said on standard error. Throws Error for other inputs.
Graph load_model_for_frames(const std::string& path, const ModelOptions& options);

/// "WIDTHxHEIGHT" in pixels, of no larger picture than read_image takes. Throws UsageError that names the option.
ImageSize parse_size(const std::string& option, const std::string& text);

/// Changes the graph's preprocessing to what the options say.
void set_preprocessing(Graph& graph, const ModelOptions& options);

/// Names and scales the graph's outputs; a unit that the graph already gives an output of that name stays. Throws Error when
/// the number of columns is not that of the network's results.
void set_meaning(Graph& graph, const std::vector<LabelColumn>& columns);

struct DataOptions {
  std::vector<std::string> recordings;
  std::string frames;
  bool skip_bad_frames = false;
  void declare(Arguments& arguments);
};

/// Reads recordings and says on standard error which rows were left out. Throws UsageError when no folder is named.
std::vector<Recording> load_recordings(const std::vector<std::string>& folders, bool skip_bad_frames);

/// How many numbers the network yields.
int64_t result_count(const Graph& graph);

/// The label columns that --outputs, the graph, or else the recording's format names.
std::vector<LabelColumn> label_columns(const ModelOptions& options, const Graph& graph, const Recording& recording);

/// All frames of the recordings with the label columns that the graph's outputs (or --outputs) name; completes graph.meaning.
/// `selected` gets those that --frames chooses (all without it).
Dataset load_dataset(const DataOptions& data, const ModelOptions& options, Graph& graph, std::vector<FrameId>& selected);

/// A few inputs of the network for timing, as the plan's input type wants them; from the dataset, or random pixels if null.
std::vector<std::vector<std::byte>> timing_inputs(const Plan& plan, const Preprocessing& preprocessing, const Dataset* dataset);

/// Progress on standard error.
ProgressOutput progress_output();

/// The command as it was typed, quoted for a shell.
std::string command_text(int argc, char** argv);

}  // namespace slimpilot
