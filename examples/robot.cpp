// SPDX-License-Identifier: Apache-2.0
// The loop of a robot: a camera frame in, speed and angular speed out, 1000 times. Links base, graph, engine and slim_format
// and nothing else, statically. The argument names a .slim file; without one the network has random weights.
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/random.h"
#include "engine/frame_input.h"
#include "engine/session.h"
#include "formats/slim/slim.h"
#include "graph/networks.h"

namespace {

using namespace slimpilot;

std::vector<std::byte> read_bytes(const char* path) {
  std::FILE* file = std::fopen(path, "rb");
  if (!file) throw Error("cannot be opened");
  std::vector<std::byte> bytes;
  std::byte chunk[1 << 16];
  for (size_t count; (count = std::fread(chunk, 1, sizeof chunk, file)) > 0;) bytes.insert(bytes.end(), chunk, chunk + count);
  const bool failed = std::ferror(file) != 0;
  std::fclose(file);
  if (failed) throw Error("cannot be read");
  return bytes;
}

void drive(const Graph& graph) {
  const Plan plan(graph);
  Session session(plan);
  constexpr int kHeight = 480, kWidth = 640, kFrames = 1000;
  FrameInput camera(graph.preprocessing, plan.inputs()[0], kHeight, kWidth, plan.isa());
  std::vector<uint8_t> frame(size_t{kHeight} * kWidth * 3);
  Random random(1);
  for (uint8_t& pixel : frame) pixel = static_cast<uint8_t>(random.below(256));

  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kFrames; ++i) {
    camera.prepare(frame, session.input());
    session.run();
  }
  const std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - start;

  std::vector<float> outputs;
  session.read_outputs(outputs);
  for (size_t o = 0; o < graph.meaning.size(); ++o) {
    const OutputMeaning& m = graph.meaning[o];
    std::printf("%s = %.3f %s\n", m.name.c_str(), static_cast<double>(m.min + outputs[o] * (m.max - m.min)), m.unit.c_str());
  }
  std::printf("%.3f ms per frame on %s\n", passed.count() / kFrames, isa_name(plan.isa()).data());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    drive(argc > 1 ? read_slim(read_bytes(argv[1])) : make_network("pilotnet", 1));
  } catch (const Error& e) {
    std::fprintf(stderr, "robot: %s%s%s\n", argc > 1 ? argv[1] : "", argc > 1 ? ": " : "", e.what());
    return 1;
  }
}
