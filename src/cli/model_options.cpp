// SPDX-License-Identifier: Apache-2.0
// Options that commands share.
#include "cli/model_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "data/selection.h"
#include "formats/formats.h"
#include "graph/input_images.h"
#include "graph/networks.h"

namespace slimpilot {
namespace {

/// "a<separator>b" as two numbers.
template <class T>
bool parse_pair(const std::string& text, char separator, T& first, T& second) {
  const size_t middle = text.find(separator);
  if (middle == std::string::npos) return false;
  const auto parse = [](std::string_view part, T& value) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc() && end == part.data() + part.size();
  };
  const std::string_view view(text);
  return parse(view.substr(0, middle), first) && parse(view.substr(middle + 1), second);
}

void set_normalization(const std::string& text, Preprocessing& p) {
  constexpr float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
  float scale = 1, offset = 0;
  if (text == "unit")
    scale = 1.0f / 255;
  else if (text != "none" && text != "imagenet" && !parse_pair(text, ',', scale, offset))
    throw UsageError("--normalize " + text + " is none of none, unit, imagenet or SCALE,OFFSET (such as 0.0078,-1)");
  for (int c = 0; c < 3; ++c) {
    p.scale[c] = text == "imagenet" ? 1 / (255 * deviation[c]) : scale;
    p.offset[c] = text == "imagenet" ? -mean[c] / deviation[c] : offset;
  }
}

void set_color(const std::string& text, Preprocessing& p) {
  for (const ColorOrder color : {ColorOrder::rgb, ColorOrder::bgr, ColorOrder::yuv})
    if (text == color_name(color)) {
      p.color = color;
      return;
    }
  throw UsageError("--color " + text + " is none of rgb, bgr or yuv");
}

void set_size(const std::string& text, const Graph& graph, Preprocessing& p) {
  const auto [height, width] = parse_size("--resize", text);
  const Shape& input = graph.value(graph.inputs[0]).shape;
  const auto images = input_images(input);
  if (!images || images->height != height || images->width != width)
    throw Error("--resize " + text + " does not fit the network, whose input (height x width) is " + shape_text(input));
  p.resize = true;
}

/// "9,5,0"
void set_frames_back(const std::string& text, Graph& graph) {
  std::vector<int>& back = graph.preprocessing.frames_back;
  back.clear();
  const auto fail = [&](const std::string& problem) {
    throw UsageError("--frames-back " + text + " " + problem + "; it is a number of frames (0 to " +
                     std::to_string(kMostFramesBack) + ") for each image of the input, such as 9,5,0");
  };
  for (size_t first = 0; first <= text.size();) {
    const size_t end = std::min(text.find(',', first), text.size());
    const auto [stop, error] = std::from_chars(text.data() + first, text.data() + end, back.emplace_back());
    if (error != std::errc() || stop != text.data() + end) fail("is no list of numbers");
    first = end + 1;
  }
  try {
    verify_frames_back(graph);
  } catch (const Error& e) {
    fail(std::string("does not fit: ") + e.what());
  }
}

void set_rows(const std::string& text, Preprocessing& p) {
  const bool parsed = parse_pair(text, ':', p.crop_top, p.crop_bottom);
  const bool all = p.crop_top == 0 && p.crop_bottom == 0;
  if (!parsed || (!all && (p.crop_top < 0 || p.crop_top >= p.crop_bottom)))
    throw UsageError("--crop " + text + " is not TOP:BOTTOM with TOP above BOTTOM, such as 240:480 (0:0 keeps all rows)");
}

ReadOptions read_options(const std::string& path, const ModelOptions& options) {
  ReadOptions read{.lambdas = {}, .note = [&](const std::string& note) { fmt::print(stderr, "{} {}\n", path, note); }};
  for (const std::string& text : options.lambdas) {
    const size_t equals = text.find('=');
    ScaleOffset value;
    if (equals == std::string::npos || !parse_pair(text.substr(equals + 1), ',', value.scale, value.offset))
      throw UsageError("--lambda " + text + " is not NAME=SCALE,OFFSET, such as lambda_1=0.00392156862745098,-0.5");
    read.lambdas[text.substr(0, equals)] = value;
  }
  return read;
}

Graph random_network(const std::string& description) {
  const size_t colon = description.find(':');
  uint64_t seed = 1;
  if (colon != std::string::npos) {
    const char* first = description.data() + colon + 1;
    const char* last = description.data() + description.size();
    const auto [end, error] = std::from_chars(first, last, seed);
    if (error != std::errc() || end != last) throw UsageError("random:" + description + ": the seed is not a number");
  }
  return make_network(description.substr(0, colon), seed);
}

}  // namespace

void ModelOptions::declare(Arguments& arguments) {
  arguments.option("--color", color, "colour order the network was trained on: rgb, bgr or yuv");
  arguments.option("--crop", crop, "TOP:BOTTOM, rows of the frame that are kept");
  arguments.option("--resize", resize, "WIDTHxHEIGHT, bilinear");
  arguments.option("--frames-back", frames_back,
                   "how many frames before the newest each image of the input is, such as 9,5,0; consecutive ones without");
  arguments.option("--normalize", normalize, "none, unit (x/255), imagenet, or SCALE,OFFSET");
  arguments.option("--lambda", lambdas, "NAME=SCALE,OFFSET in place of a Keras Lambda layer");
  arguments.option("--outputs", outputs, "COLUMN[:MIN:MAX],... label columns and the ranges scaled to 0...1");
}

ImageSize parse_size(const std::string& option, const std::string& text) {
  ImageSize size;
  if (!parse_pair(text, 'x', size.width, size.height) || size.width < 1 || size.height < 1)
    throw UsageError(option + " " + text + " is not WIDTHxHEIGHT in pixels, such as 200x66");
  if (size.width > kMaxImageSide || size.height > kMaxImageSide || int64_t{size.width} * size.height > kMaxImagePixels)
    throw UsageError(fmt::format("{} {} is larger than {} pixels or {} a side", option, text, kMaxImagePixels, kMaxImageSide));
  return size;
}

void set_preprocessing(Graph& graph, const ModelOptions& options) {
  Preprocessing& p = graph.preprocessing;
  if (!options.color.empty()) set_color(options.color, p);
  if (!options.normalize.empty()) set_normalization(options.normalize, p);
  if (!options.resize.empty()) set_size(options.resize, graph, p);
  if (!options.crop.empty()) set_rows(options.crop, p);
  if (!options.frames_back.empty()) set_frames_back(options.frames_back, graph);
}

namespace {

Graph read_any(const std::string& path, const ModelOptions& options) {
  constexpr std::string_view kRandom = "random:";
  return path.starts_with(kRandom) ? random_network(path.substr(kRandom.size()))
                                   : read_model(path, read_options(path, options));
}

Graph completed(Graph graph, const ModelOptions& options) {
  set_preprocessing(graph, options);
  if (!options.outputs.empty()) set_meaning(graph, parse_label_columns(options.outputs));
  return graph;
}

}  // namespace

Graph load_model(const std::string& path, const ModelOptions& options) { return completed(read_any(path, options), options); }

Graph load_model_for_frames(const std::string& path, const ModelOptions& options) {
  Graph graph = read_any(path, options);
  const size_t inputs = graph.inputs.size();
  try {
    graph = join_image_inputs(std::move(graph));
  } catch (const Error& e) {
    throw Error(path + ": " + e.what());
  }
  if (inputs > 1) fmt::print(stderr, "{}: its {} inputs become one, a sequence of frames\n", path, inputs);
  return completed(std::move(graph), options);
}

int64_t result_count(const Graph& graph) {
  int64_t count = 0;
  for (const ValueId id : graph.outputs) count += element_count(graph.value(id).shape);
  return count;
}

void set_meaning(Graph& graph, const std::vector<LabelColumn>& columns) {
  if (static_cast<int64_t>(columns.size()) != result_count(graph))
    throw Error(fmt::format("the network yields {} numbers, but {} label columns are named; give one per number with --outputs",
                            result_count(graph), columns.size()));
  std::vector<OutputMeaning> meaning;
  for (const LabelColumn& c : columns) {
    const auto known =
        std::find_if(graph.meaning.begin(), graph.meaning.end(), [&](const OutputMeaning& m) { return m.name == c.name; });
    meaning.push_back({c.name, known == graph.meaning.end() ? "" : known->unit, c.min, c.max});
  }
  graph.meaning = std::move(meaning);
}

void DataOptions::declare(Arguments& arguments) {
  arguments.option("--data", recordings, "folders of recordings (Udacity, Formula 1, CARLA, Donkey Car)");
  arguments.option("--frames", frames, "FIRST:LAST:STEP of each recording, such as 0::15");
  arguments.option("--skip-bad-frames", skip_bad_frames, "leave bad rows out instead of stopping");
}

std::vector<Recording> load_recordings(const std::vector<std::string>& folders, bool skip_bad_frames) {
  if (folders.empty()) throw UsageError("name a recording with --data FOLDER");
  std::vector<Recording> recordings;
  for (const std::string& folder : folders) recordings.push_back(read_recording(folder, {.skip_bad_frames = skip_bad_frames}));
  for (const Recording& r : recordings)
    for (const std::string& problem : r.problems) fmt::print(stderr, "{}: skipped {}\n", r.folder.string(), problem);
  return recordings;
}

std::vector<LabelColumn> label_columns(const ModelOptions& options, const Graph& graph, const Recording& recording) {
  if (!options.outputs.empty()) return parse_label_columns(options.outputs);
  if (graph.meaning.empty()) return default_columns(recording, static_cast<int>(result_count(graph)));
  std::vector<LabelColumn> columns;
  for (const OutputMeaning& m : graph.meaning) columns.push_back({m.name, m.min, m.max});
  return columns;
}

Dataset load_dataset(const DataOptions& data, const ModelOptions& options, Graph& graph, std::vector<FrameId>& selected) {
  Dataset dataset;
  dataset.recordings = load_recordings(data.recordings, data.skip_bad_frames);
  dataset.columns = label_columns(options, graph, dataset.recordings[0]);
  set_meaning(graph, dataset.columns);
  dataset.frames = all_frames(dataset.recordings);
  selected = select_frames(dataset.recordings, data.frames);
  dataset.labels(0);  // an unknown column is an Error now, not after minutes
  return dataset;
}

std::vector<std::vector<std::byte>> timing_inputs(const Plan& plan, const Preprocessing& preprocessing,
                                                  const Dataset* dataset) {
  constexpr size_t kInputs = 32;
  const TensorView& input = plan.inputs()[0];
  std::vector<std::vector<std::byte>> inputs(kInputs, std::vector<std::byte>(input.bytes()));
  Random random(1);
  if (dataset != nullptr) {
    FrameReader reader(*dataset, preprocessing, input, plan.isa());
    for (auto& target : inputs) reader.read(random.below(dataset->size()), target);
    return inputs;
  }
  const auto [count, h, w, stacked] = required_images(input.shape);
  Preprocessing same_size = preprocessing;
  same_size.crop_top = same_size.crop_bottom = 0;
  FrameInput prepare(same_size, input, h, w, plan.isa());
  std::vector<uint8_t> pixels(static_cast<size_t>(h) * static_cast<size_t>(w) * 3);
  for (auto& target : inputs) {
    for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(random.below(256));
    prepare.prepare(pixels, target);
  }
  return inputs;
}

ProgressOutput progress_output() {
  return {.write =
              [](std::string_view text) {
                std::fwrite(text.data(), 1, text.size(), stderr);
                std::fflush(stderr);
              },
          .is_terminal = isatty(STDERR_FILENO) != 0};
}

std::string command_text(int argc, char** argv) {
  std::string text = "slimpilot";
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    const bool plain =
        !word.empty() &&
        word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+") == std::string::npos;
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += " " + (plain ? word : quoted + "'");
  }
  return text;
}

}  // namespace slimpilot
