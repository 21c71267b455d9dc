// SPDX-License-Identifier: Apache-2.0
// slimpilot run: a robot's loop. Frames from a folder or standard input, a line of commands for each as soon as it is known.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/stats.h"
#include "cli/commands.h"
#include "cli/fastest_plan.h"
#include "cli/predictor.h"
#include "graph/input_images.h"

namespace slimpilot {
namespace {

struct Options {
  std::string model, source = "-", size, format = "text";
  bool timing = false;
  EngineOptions engine;
  ModelOptions model_options;

  void parse(int argc, char** argv) {
    Arguments arguments("run", "commands for frames as they come, one line each");
    arguments.positional("MODEL", model, "a model file, or random:NETWORK[:SEED]");
    arguments.positional("FOLDER", source, "a folder of PNG or JPEG files, or - for raw RGB frames on standard input", false);
    arguments.option("--size", size, "WIDTHxHEIGHT of the frames on standard input, WIDTH*HEIGHT*3 bytes each");
    arguments.option("--format", format, "text, or jsonl: an object with the frame's name and its commands");
    arguments.option("--timing", timing, "add the time from frame to commands in µs; median and p99 at the end");
    engine.declare(arguments);
    model_options.declare(arguments);
    arguments.parse(argc, argv);
    engine.plan_options();  // says early what is wrong
    if (format != "text" && format != "jsonl") throw UsageError("--format " + format + " is none of text or jsonl");
    if (source != "-" && !size.empty()) throw UsageError("--size is for standard input; pictures say their size themselves");
    if (!size.empty()) parse_size("--size", size);
    if (source == "-" && isatty(STDIN_FILENO)) throw UsageError("name a folder of pictures, or send raw RGB frames in a pipe");
  }
};

/// Of frames on standard input: --size, or the input of a network that takes frames as they are.
ImageSize raw_frame_size(const Options& options, const Graph& graph) {
  if (!options.size.empty()) return parse_size("--size", options.size);
  const Preprocessing& p = graph.preprocessing;
  const auto images = input_images(graph.value(graph.inputs[0]).shape);
  if (p.resize || p.crop_top != 0 || p.crop_bottom != 0 || !images)
    throw UsageError("give the size of the frames on standard input with --size WIDTHxHEIGHT; the model takes several");
  return {images->height, images->width};
}

FrameSource open_frames(const Options& options, Predictor& predict) {
  if (options.source != "-") return folder_frames(options.source);
  const ImageSize size = raw_frame_size(options, predict.graph());
  predict.set_frame_size(size);
  return raw_frames(STDIN_FILENO, size, "standard input");
}

/// A number of JSON with as many digits as a float has.
std::string json_number(double value) { return std::isfinite(value) ? fmt::format("{}", static_cast<float>(value)) : "null"; }

std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// {"frame": "0.png", "commands": {"v": 3.830055, "w": -7.6942}
std::string json_line(const std::string& frame, const std::vector<OutputMeaning>& outputs, std::span<const double> values) {
  std::string line = "{\"frame\": " + json_text(frame) + ", \"commands\": {";
  for (size_t o = 0; o < values.size(); ++o)
    line += (o > 0 ? ", " : "") + json_text(outputs[o].name) + ": " + json_number(values[o]);
  return line + "}";
}

/// 0.png  v 3.830055 m/s  w -7.694200 rad/s
std::string text_line(const std::string& frame, const std::vector<OutputMeaning>& outputs, std::span<const double> values) {
  std::string line = frame;
  for (size_t o = 0; o < values.size(); ++o)
    line += fmt::format("  {} {:.6f}{}{}", outputs[o].name, values[o], outputs[o].unit.empty() ? "" : " ", outputs[o].unit);
  return line;
}

/// At once, so that whoever reads has it.
void print_line(const std::string& line) {
  if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fflush(stdout) != 0)
    throw Error(std::string("standard output: cannot be written: ") + std::strerror(errno));
}

/// Prints a line per frame; `times_us` gets the time from frame to commands of each.
void run_frames(const Options& options, Predictor& predict, const FrameSource& frames, std::vector<double>& times_us) {
  const bool json = options.format == "jsonl";
  NamedFrame frame;
  while (frames(frame)) {
    const auto start = std::chrono::steady_clock::now();
    const std::span<const double> values = predict(frame);
    const std::chrono::duration<double, std::micro> passed = std::chrono::steady_clock::now() - start;
    std::string line = (json ? json_line : text_line)(frame.name, predict.outputs(), values);
    if (options.timing) {
      times_us.push_back(passed.count());
      line += fmt::format(fmt::runtime(json ? ", \"latency_us\": {:.1f}" : "  {:.1f} µs"), passed.count());
    }
    print_line(line + (json ? "}\n" : "\n"));
  }
}

}  // namespace

void run_run(int argc, char** argv) {
  Options options;
  options.parse(argc, argv);
  Predictor predict(options.model, options.model_options, options.engine.plan_options());
  const FrameSource frames = open_frames(options, predict);
  std::vector<double> times_us;
  const auto print_times = [&] {
    if (!times_us.empty())
      fmt::print(stderr, "{} frames: median {:.1f} µs, p99 {:.1f} µs from frame to commands\n", times_us.size(),
                 quantile(times_us, .5), quantile(times_us, .99));
  };
  try {
    run_frames(options, predict, frames, times_us);
  } catch (...) {  // a camera's stream seldom ends otherwise than by Ctrl-C
    print_times();
    throw;
  }
  print_times();
}

}  // namespace slimpilot
