// SPDX-License-Identifier: Apache-2.0
// A model that another program runs frame by frame over standard input and output, so that scripts/compare_peers can take
// turns between runtimes. Measures Session::run alone; the input is copied in before the clock starts.
//
// usage: timing_server MODEL RECORDING INPUTS_FILE     writes all network inputs there and prints ISA and number of frames
//   "run 3 0 7"   runs these frames and prints their nanoseconds        "outputs 3"   runs a frame and prints the outputs
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/error.h"
#include "cli/model_options.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

using Inputs = std::vector<std::vector<std::byte>>;

Inputs read_inputs(const std::string& recording, Graph& graph, const Plan& plan) {
  std::vector<FrameId> selected;
  const Dataset dataset = load_dataset({.recordings = {recording}}, {}, graph, selected);
  FrameReader reader(dataset, graph.preprocessing, plan.inputs()[0], plan.isa());
  Inputs inputs(dataset.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    inputs[i].resize(plan.inputs()[0].bytes());
    reader.read(i, inputs[i]);
  }
  return inputs;
}

void write_inputs(const Inputs& inputs, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  for (const auto& input : inputs)
    file.write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
  if (!file.flush()) throw Error(path + ": cannot be written");
}

int64_t run_ns(Session& session, const std::vector<std::byte>& input) {
  std::memcpy(session.input().data(), input.data(), input.size());
  const auto start = std::chrono::steady_clock::now();
  session.run();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count();
}

void answer(const std::string& request, Session& session, const Inputs& inputs) {
  std::istringstream words(request);
  std::ostringstream reply;
  std::string command;
  std::vector<float> outputs;
  words >> command;
  for (size_t frame = 0; words >> frame;) {
    if (frame >= inputs.size()) throw Error("there is no frame " + std::to_string(frame));
    const int64_t ns = run_ns(session, inputs[frame]);
    if (command == "run") reply << ns << ' ';
    if (command != "outputs") continue;
    session.read_outputs(outputs);
    reply.precision(9);
    for (const float output : outputs) reply << output << ' ';
  }
  std::cout << reply.str() << std::endl;
}

void serve(const std::string& model, const std::string& recording, const std::string& inputs_file) {
  Graph graph = simplify(load_model(model, {}));
  const Plan plan(graph);
  const Inputs inputs = read_inputs(recording, graph, plan);
  write_inputs(inputs, inputs_file);
  Session session(plan);
  std::cout << isa_name(plan.isa()) << ' ' << inputs.size() << std::endl;
  for (std::string request; std::getline(std::cin, request);) answer(request, session, inputs);
}

}  // namespace
}  // namespace slimpilot

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw slimpilot::Error("usage: timing_server MODEL RECORDING INPUTS_FILE");
    slimpilot::serve(argv[1], argv[2], argv[3]);
  } catch (const std::exception& e) {
    std::cerr << "timing_server: " << e.what() << '\n';
    return 1;
  }
}
