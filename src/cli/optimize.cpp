// SPDX-License-Identifier: Apache-2.0
// slimpilot optimize: the main job. Reads a model, applies the techniques, measures each, writes the models, the table and
// results.json.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/stats.h"
#include "cli/calibrating.h"
#include "cli/commands.h"
#include "cli/driving.h"
#include "cli/evaluation.h"
#include "cli/fastest_plan.h"
#include "cli/layers.h"
#include "cli/model_options.h"
#include "cli/training_program.h"
#include "cli/tuning.h"
#include "formats/formats.h"
#include "host/atomic_file.h"
#include "host/work_list.h"
#include "optimize/passes.h"
#include "optimize/recipes.h"
#include "report/driving.h"
#include "report/html.h"
#include "report/table.h"

namespace slimpilot {
namespace {

struct Options {
  std::string model, out = "slimpilot-out";
  std::vector<std::string> techniques{std::string(kPostTraining)};
  CalibratingOptions calibrating;
  DrivingOptions driving{.starts = 2, .both_directions = true, .latency_ms = "measured"};
  ModelOptions model_options;
  TuningOptions tuning;
  DataOptions data;
  EngineOptions engine;
  bool sensitivity = false;

  void parse(int argc, char** argv) {
    Arguments arguments("optimize", "apply techniques to a model, measure each, write the models and a table");
    arguments.positional("MODEL", model, "a .h5, .pth, .onnx, .tflite or .slim file, or random:NETWORK[:SEED]");
    arguments.option_list("--techniques", techniques,
                          "names from `slimpilot techniques`, all, or post_training: those that do not train");
    arguments.option("--out", out, "folder for models and results.json");
    calibrating.declare(arguments);
    arguments.option("--sensitivity", sensitivity, "find out which layer int8 hurts most, for the report");
    arguments.option_list("--drive", driving.circuits, "circuits that every technique drives, names or FILE.csv; with:");
    driving.declare_details(arguments);
    tuning.declare(arguments);
    engine.declare_arithmetic(arguments);
    data.declare(arguments);
    model_options.declare(arguments);
    arguments.parse(argc, argv);
    calibrating.check_values();
    tuning.check_values();
    engine.plan_options();  // says early what is wrong
    driving.seed = calibrating.seed;
    if (!driving.circuits.empty()) driving.check_values();
  }
};

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || !std::filesystem::is_directory(path))
    throw Error(path + ": cannot make this folder (" + (error ? error.message() : "it is a file") +
                "); name another one with --out");
}

/// Writes the .tflite file and returns its bytes; where the format cannot say the network 0, and `missing` says why: then only
/// the .slim file holds it.
size_t write_tflite(const Graph& graph, const std::filesystem::path& path, std::string& missing) {
  std::string bytes;
  try {
    bytes = to_tflite(graph);
  } catch (const Error& e) {
    missing = e.what();
    std::error_code ignored;
    std::filesystem::remove(path, ignored);  // of another run
    return 0;
  }
  write_file_atomically(path, bytes);
  return bytes.size();
}

/// The command that makes this row alone.
std::string row_command(int argc, char** argv, std::string technique) {
  std::string option = "--techniques";
  std::vector<char*> words;
  for (int i = 0; i < argc; ++i) {
    if (argv[i] == option)
      ++i;  // and its value
    else if (!std::string_view(argv[i]).starts_with(option + "="))
      words.push_back(argv[i]);
  }
  words.insert(words.end(), {option.data(), technique.data()});
  return command_text(static_cast<int>(words.size()), words.data());
}

/// Drives what the file holds on every circuit, its own latency injected unless one is given, and draws the paths.
std::vector<DrivingResult> drive_technique(const ModelResult& model, const Options& options) {
  const DriverModel driver(model.technique, read_model(model.model_path), options.engine.plan_options());
  const std::vector<double> latency_ms = options.driving.latencies_ms(driver.driver());
  std::vector<DrivingResult> results;
  for (const Circuit& circuit : options.driving.circuits_to_drive()) {
    const CircuitDrives drives = drive_circuit(driver.driver(), circuit, options.driving, latency_ms);
    const std::string picture = "paths/" + model.technique + "-" + circuit.name + ".svg";
    make_folder((std::filesystem::path(options.out) / "paths").string());
    write_file_atomically(std::filesystem::path(options.out) / picture, path_picture(circuit, drives.episodes));
    results.push_back({drives.summary, options.driving.control_ms, quantile(latency_ms, 0.5), picture});
  }
  return results;
}

/// A few of the evaluated frames, spread over them, for the report.
std::vector<SampleFrame> save_sample_frames(const Dataset& dataset, const Options& options) {
  constexpr size_t kFrames = 6;
  make_folder((std::filesystem::path(options.out) / "frames").string());
  std::vector<SampleFrame> samples;
  for (size_t i = 0; i < std::min(kFrames, dataset.size()); ++i) {
    const size_t index = (2 * i + 1) * dataset.size() / (2 * kFrames);
    const Frame& frame = dataset.frame(index);
    const std::string file = "frames/" + std::to_string(i) + ".png";
    write_png(std::filesystem::path(options.out) / file, read_image(frame.image));
    std::string label;
    const auto& columns = dataset.recordings[dataset.frames[index].recording].columns;
    for (size_t c = 0; c < columns.size(); ++c) label += fmt::format("{}{} {:.2f}", c ? ", " : "", columns[c], frame.labels[c]);
    samples.push_back({file, label});
  }
  return samples;
}

/// report.html beside results.json. All else is written by then, so a missing gnuplot is only said.
void write_report(const std::filesystem::path& folder) {
  try {
    write_file_atomically(folder / "report.html", html_report(folder / "results.json"));
  } catch (const Error& e) {
    fmt::print(stderr, "slimpilot optimize: no report.html: {}\n", e.what());
  }
}

void print_tables(const RunResult& run) {
  fmt::print("{}", results_table(run));
  const auto any = [&](bool (*is)(const ModelResult&)) { return std::ranges::any_of(run.models, is); };
  if (any([](const ModelResult& m) { return m.outputs.size() > 1; })) fmt::print("\n{}", outputs_table(run));
  if (any([](const ModelResult& m) { return !m.driving.empty(); })) fmt::print("\n{}", driving_results_table(run));
  if (run.sensitivity) fmt::print("\n{}", sensitivity_table(*run.sensitivity));
}

/// The techniques of one run, and everything that they have in common.
class Optimization {
 public:
  /// Reads the model and the recordings, chooses the frames, and prepares training if a technique trains.
  Optimization(const Options& options, std::vector<Technique> techniques)
      : options_(options),
        techniques_(std::move(techniques)),
        graph_(load_model_for_frames(options.model, options.model_options)) {
    make_folder(options_.out);
    remove_torn_files(options_.out);
    std::vector<FrameId> selected;
    Dataset all = load_dataset(options_.data, options_.model_options, graph_, selected);
    graph_ = simplify(std::move(graph_));
    frames_ = split_frames(options_.calibrating, graph_, all, selected);
    fmt::print(stderr, "{}: {} frames evaluated, {} for calibration\n", options_.model, frames_.evaluated.size(),
               frames_.calibration.size());
    calibrator_.emplace(options_.calibrating, graph_, frames_.calibration);
    if (std::ranges::any_of(techniques_, [](const Technique& t) { return t.needs().training; })) {
      tuning_ = make_tuning(options_.tuning, graph_, std::move(all), selected, options_.calibrating.seed);
      steps_.emplace(file("steps"), tuning_.settings + calibrator_->settings());
    }
    evaluator_.emplace(graph_, frames_.evaluated, options_.engine.plan_options());
  }

  /// Makes, measures and drives one technique after the other; results.json is there after each.
  RunResult run(int argc, char** argv) {
    RunResult run{.command = command_text(argc, argv),
                  .model = options_.model,
                  .reference = "float32",
                  .frames = frames_.evaluated.size(),
                  .calibration_frames = frames_.calibration.size(),
                  .sample_frames = save_sample_frames(frames_.evaluated, options_)};
    if (options_.sensitivity) run.sensitivity = sensitivity_of(graph_, *calibrator_, frames_.evaluated);
    WorkList work(pieces(), progress_output());
    for (const Technique& technique : techniques_) {
      check_cancelled();
      work.next();
      run.models.push_back(make(technique));
      ModelResult& made = run.models.back();
      if (!options_.driving.circuits.empty() && !made.model_path.empty()) made.driving = drive_technique(made, options_);
      made.command = row_command(argc, argv, technique.name);
      write_results(run, file("results.json"));
    }
    return run;
  }

 private:
  std::filesystem::path file(const std::string& name) const { return std::filesystem::path(options_.out) / name; }
  StepCache* steps() { return steps_ ? &*steps_ : nullptr; }

  std::vector<WorkList::Piece> pieces() {
    const std::vector<int> epochs = training_epochs(techniques_, options_.tuning.most_epochs(), steps());
    std::vector<WorkList::Piece> pieces;
    for (size_t i = 0; i < techniques_.size(); ++i) pieces.push_back({techniques_[i].name, epochs[i]});
    return pieces;
  }

  /// What is measured is what the files hold, .tflite unless that has no such ops; a technique that fails says so in its row.
  ModelResult make(const Technique& technique) {
    if (technique.needs().training) fmt::print(stderr, "{}: {}\n", technique.name, to_text(technique.steps));
    const PassContext context{std::ref(*calibrator_), tuning_.tuner.get(), &graph_, options_.tuning.most_epochs()};
    const auto tflite = file(technique.name + ".tflite"), slim = file(technique.name + ".slim");
    ModelResult result;
    result.technique = technique.name;
    try {
      const Graph optimized = run_recipe(technique.steps, context, steps());
      std::string missing;
      const size_t bytes = write_tflite(optimized, tflite, missing), slim_bytes = write_model(optimized, slim);
      const auto& path = missing.empty() ? tflite : slim;
      const Graph written = read_model(path);
      result = evaluator_->evaluate(technique.name, written);
      result.size_bytes = bytes;
      result.slim_bytes = slim_bytes;
      result.model_path = path.string();
      result.layers = layer_results(written);
      add_deviations(result.layers, written, graph_, frames_.evaluated);
      for (const std::string& note : {float_ops_note(written), missing.empty() ? "" : "no .tflite: " + missing})
        if (!note.empty()) result.status += ", " + note;
    } catch (const Error& e) {
      result.status = std::string("failed: ") + e.what();
    }
    return result;
  }

  const Options& options_;
  std::vector<Technique> techniques_;
  Graph graph_;  // simplified: what every technique begins with
  SplitFrames frames_;
  std::optional<Calibrator> calibrator_;
  Tuning tuning_;
  std::optional<StepFiles> steps_;  // what does not train leaves trained steps of other runs alone
  std::optional<Evaluator> evaluator_;
};

}  // namespace

void run_optimize(int argc, char** argv) {
  Options options;
  options.parse(argc, argv);
  const auto techniques = find_techniques(options.tuning.techniques(), options.techniques);
  const bool trains = std::ranges::any_of(techniques, [](const Technique& t) { return t.needs().training; });
  if (trains) continue_as_training_program(argc, argv);
  options.driving.circuits_to_drive();  // says early what is wrong
  const RunResult run = Optimization(options, techniques).run(argc, argv);
  print_tables(run);
  write_report(options.out);
  const auto failed = [](const ModelResult& m) { return m.status.starts_with("failed"); };
  if (std::ranges::any_of(run.models, failed)) throw Error("some techniques failed; the table says why");
}

}  // namespace slimpilot
