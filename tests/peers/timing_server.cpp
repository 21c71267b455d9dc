// SPDX-License-Identifier: Apache-2.0
// slimpilot's side of scripts/compare_peers: a model that another program runs frame by frame, see server_loop.h. Measures
// Session::run alone, with the ways that were the fastest on the first frames; the input is copied in before the clock starts.
// Of the recordings it takes some frames, evenly.
//
// usage: timing_server MODEL THREADS INPUTS_FILE FRAMES RECORDING...     writes these frames' network inputs to INPUTS_FILE
#include <algorithm>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "cli/model_options.h"
#include "engine/choose_ways.h"
#include "optimize/passes.h"
#include "server_loop.h"

namespace slimpilot {
namespace {

using Inputs = std::vector<std::vector<std::byte>>;

Inputs read_inputs(const std::vector<std::string>& recordings, size_t frames, Graph& graph, const Plan& plan) {
  std::vector<FrameId> selected;
  const Dataset dataset = load_dataset({.recordings = recordings}, {}, graph, selected);
  FrameReader reader(dataset, graph.preprocessing, plan.inputs()[0], plan.isa());
  Inputs inputs(std::min(frames, dataset.size()));
  for (size_t i = 0; i < inputs.size(); ++i) {
    inputs[i].resize(plan.inputs()[0].bytes());
    reader.read(i * dataset.size() / inputs.size(), inputs[i]);
  }
  return inputs;
}

void write_inputs(const Inputs& inputs, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  for (const auto& input : inputs)
    file.write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
  if (!file.flush()) throw Error(path + ": cannot be written");
}

void serve(const std::vector<std::string>& arguments) {
  if (arguments.size() < 5) throw Error("usage: timing_server MODEL THREADS INPUTS_FILE FRAMES RECORDING...");
  Graph graph = simplify(load_model(arguments[0], {}));
  PlanOptions options{.threads = {.count = std::stoi(arguments[1])}};
  const Plan plain(graph, options);
  const Inputs inputs = read_inputs({arguments.begin() + 4, arguments.end()}, std::stoul(arguments[3]), graph, plain);
  write_inputs(inputs, arguments[2]);
  options.ways = best_ways(measure_ways(graph, plain, std::span(inputs).first(std::min<size_t>(8, inputs.size()))));
  const Plan plan(graph, options);
  Session session(plan);
  const auto run = [&](size_t frame) {
    std::memcpy(session.input().data(), inputs[frame].data(), inputs[frame].size());
    return nanoseconds_of([&] { session.run(); });
  };
  const auto outputs = [&] {
    std::vector<float> numbers;
    session.read_outputs(numbers);
    return numbers;
  };
  answer_requests(inputs.size(), std::string(isa_name(plan.isa())), run, outputs);
}

}  // namespace
}  // namespace slimpilot

int main(int argc, char** argv) {
  try {
    slimpilot::serve({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::cerr << "timing_server: " << e.what() << '\n';
    return 1;
  }
}
