// SPDX-License-Identifier: Apache-2.0
// A robot's loop: raw RGB frames on standard input (its camera), a line of commands for each on standard output (its motors).
#include <cstdio>

#include "base/error.h"
#include "engine/frame_input.h"
#include "engine/session.h"
#include "formats/slim/slim.h"
using namespace slimpilot;

std::vector<std::byte> read_bytes(const char* path) {
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) throw Error("cannot be opened");
  std::vector<std::byte> bytes;
  for (int c; (c = std::getc(file)) != EOF;) bytes.push_back(static_cast<std::byte>(c));
  std::fclose(file);
  return bytes;
}

int main(int argc, char** argv) try {
  if (argc != 4) throw Error("usage: robot MODEL.slim WIDTH HEIGHT < FRAMES");
  const int width = std::stoi(argv[2]), height = std::stoi(argv[3]);
  const Graph graph = read_slim(read_bytes(argv[1]));
  if (graph.inputs.size() != 1 || graph.meaning.empty()) throw Error("needs one input and named outputs: convert --outputs");
  const Plan plan(graph);
  Session session(plan);
  FrameInput camera(graph.preprocessing, plan.inputs()[0], height, width, plan.isa());
  std::vector<uint8_t> frame(size_t(width) * size_t(height) * 3);
  std::vector<float> outputs;
  while (std::fread(frame.data(), 1, frame.size(), stdin) == frame.size()) {
    camera.prepare(frame, session.input());
    session.run();
    session.read_outputs(outputs);
    for (size_t o = 0; o < outputs.size(); ++o) std::printf("%.6f ", graph.meaning[o].in_units(outputs[o]));
    std::puts("");
    std::fflush(stdout);
  }
} catch (const std::exception& e) {
  return std::fprintf(stderr, "robot: %s: %s\n", argc > 1 ? argv[1] : "", e.what()), 1;
}
