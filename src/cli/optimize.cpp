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
  bool sensitivity = false;

  void parse(int argc, char** argv) {
    Arguments arguments("optimize", "apply techniques to a model, measure each, write the models and a table");
    arguments.positional("MODEL", model, "a .h5, .pth, .tflite or .slim file, or random:NETWORK[:SEED]");
    arguments.option_list("--techniques", techniques,
                          "names from `slimpilot techniques`, all, or post_training: those that do not train");
    arguments.option("--out", out, "folder for models and results.json");
    calibrating.declare(arguments);
    arguments.option("--sensitivity", sensitivity, "find out which layer int8 hurts most, for the report");
    arguments.option_list("--drive", driving.circuits, "circuits that every technique drives, names or FILE.csv; with:");
    driving.declare_details(arguments);
    tuning.declare(arguments);
    data.declare(arguments);
    model_options.declare(arguments);
    arguments.parse(argc, argv);
    calibrating.check_values();
    tuning.check_values();
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

ModelResult run_technique(const Technique& technique, const PassContext& context, StepCache* cache, const Evaluator& evaluator,
                          const Options& options) {
  const auto path = std::filesystem::path(options.out) / (technique.name + ".tflite");
  ModelResult result;
  result.technique = technique.name;
  try {
    const Graph optimized = run_recipe(technique.steps, context, cache);
    const size_t bytes = write_model(optimized, path);
    const size_t slim_bytes = write_model(optimized, std::filesystem::path(path).replace_extension(".slim"));
    const Graph written = read_model(path);  // what is measured is what the file holds
    result = evaluator.evaluate(technique.name, written);
    result.size_bytes = bytes;
    result.slim_bytes = slim_bytes;
    result.model_path = path.string();
    result.layers = layer_results(written);
    add_deviations(result.layers, written, *context.original, evaluator.dataset());
    const std::string note = float_ops_note(written);
    if (!note.empty()) result.status = "ok, " + note;
  } catch (const Error& e) {
    result.status = std::string("failed: ") + e.what();
  }
  return result;
}

/// Drives what the file holds on every circuit, its own latency injected unless one is given, and draws the paths.
std::vector<DrivingResult> drive_technique(const ModelResult& model, const Options& options) {
  const DriverModel driver(model.technique, read_model(model.model_path));
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

}  // namespace

void run_optimize(int argc, char** argv) {
  Options options;
  options.parse(argc, argv);
  const auto techniques = find_techniques(options.tuning.techniques(), options.techniques);
  const bool trains = std::ranges::any_of(techniques, [](const Technique& t) { return t.needs().training; });
  if (trains) continue_as_training_program(argc, argv);
  options.driving.circuits_to_drive();  // says early what is wrong
  Graph graph = load_model(options.model, options.model_options);
  make_folder(options.out);
  std::vector<FrameId> selected;
  Dataset all = load_dataset(options.data, options.model_options, graph, selected);
  graph = simplify(std::move(graph));
  const auto [calibrating, evaluated] = split_frames(options.calibrating, graph, all, selected);
  fmt::print(stderr, "{}: {} frames evaluated, {} for calibration\n", options.model, evaluated.size(), calibrating.size());
  RunResult run{.command = command_text(argc, argv),
                .model = options.model,
                .reference = "float32",
                .frames = evaluated.size(),
                .calibration_frames = calibrating.size()};
  Calibrator calibrator(options.calibrating, graph, calibrating);
  Tuning tuning;
  if (trains) tuning = make_tuning(options.tuning, graph, std::move(all), selected, options.calibrating.seed);
  std::optional<StepFiles> cache;  // what does not train leaves trained steps of other runs alone
  if (trains) cache.emplace(std::filesystem::path(options.out) / "steps", tuning.settings + calibrator.settings());
  const PassContext context{std::ref(calibrator), tuning.tuner.get(), &graph, options.tuning.most_epochs()};
  const Evaluator evaluator(graph, evaluated);
  run.sample_frames = save_sample_frames(evaluated, options);
  if (options.sensitivity) run.sensitivity = sensitivity_of(graph, calibrator, evaluated);
  const std::vector<int> epochs = training_epochs(techniques, options.tuning.most_epochs(), cache ? &*cache : nullptr);
  std::vector<WorkList::Piece> pieces;
  for (size_t i = 0; i < techniques.size(); ++i) pieces.push_back({techniques[i].name, epochs[i]});
  WorkList work(std::move(pieces), progress_output());
  for (const Technique& technique : techniques) {
    check_cancelled();
    work.next();
    if (technique.needs().training) fmt::print(stderr, "{}: {}\n", technique.name, to_text(technique.steps));
    run.models.push_back(run_technique(technique, context, cache ? &*cache : nullptr, evaluator, options));
    if (!options.driving.circuits.empty() && !run.models.back().model_path.empty())
      run.models.back().driving = drive_technique(run.models.back(), options);
    run.models.back().command = row_command(argc, argv, technique.name);
    write_results(run, std::filesystem::path(options.out) / "results.json");
  }
  fmt::print("{}", results_table(run));
  if (evaluated.columns.size() > 1) fmt::print("\n{}", outputs_table(run));
  if (!options.driving.circuits.empty()) fmt::print("\n{}", driving_results_table(run));
  if (run.sensitivity) fmt::print("\n{}", sensitivity_table(*run.sensitivity));
  write_report(options.out);
  const bool any_failed =
      std::any_of(run.models.begin(), run.models.end(), [](const ModelResult& m) { return m.status.starts_with("failed"); });
  if (any_failed) throw Error("some techniques failed; the table says why");
}

}  // namespace slimpilot
