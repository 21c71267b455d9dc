// SPDX-License-Identifier: Apache-2.0
// The loop of a robot: a camera frame in, speed and angular speed out, 1000 times. Links base, graph and engine and nothing
// else, statically. The network has random weights, because the file that a robot reads (.slim) does not exist yet.
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/random.h"
#include "engine/frame_input.h"
#include "engine/session.h"
#include "graph/networks.h"

int main() {
  using namespace slimpilot;
  try {
    const Graph graph = make_network("pilotnet", 1);
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
    for (size_t o = 0; o < outputs.size(); ++o) {
      const OutputMeaning& m = graph.meaning[o];
      std::printf("%s = %.3f %s\n", m.name.c_str(), static_cast<double>(m.min + outputs[o] * (m.max - m.min)), m.unit.c_str());
    }
    std::printf("%.3f ms per frame on %s\n", passed.count() / kFrames, isa_name(plan.isa()).data());
  } catch (const Error& e) {
    std::fprintf(stderr, "robot: %s\n", e.what());
    return 1;
  }
}
