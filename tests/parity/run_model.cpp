// SPDX-License-Identifier: Apache-2.0
// Runs a model file on raw inputs with slimpilot's engine, so that parity.py can compare bits. SLIMPILOT_ISA chooses the
// kernels.
//
// usage: run_model MODEL INPUTS OUTPUTS [VALUES]
// INPUTS holds frames of the first input's type behind each other, OUTPUTS gets per frame every output's elements. With VALUES
// every node's result of the last frame is written there as floats, and a line per value tells its name, type and shape.
#include <cstdio>
#include <cstring>
#include <string>

#include "base/error.h"
#include "engine/session.h"
#include "formats/formats.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

void append(std::string& text, std::span<const std::byte> bytes) {
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string run_frames(Session& session, const std::string& inputs) {
  const auto input = session.input();
  if (inputs.empty() || inputs.size() % input.size() != 0)
    throw Error(std::to_string(inputs.size()) + " bytes are no whole number of inputs of " + std::to_string(input.size()) +
                " bytes");
  std::string outputs;
  for (size_t place = 0; place < inputs.size(); place += input.size()) {
    std::memcpy(input.data(), inputs.data() + place, input.size());
    session.run();
    for (size_t i = 0; i < session.plan().outputs().size(); ++i) append(outputs, session.output(i));
  }
  return outputs;
}

/// Results of the last frame as real numbers.
std::string read_values(const Session& session) {
  std::string bytes;
  std::vector<float> reals;
  for (const TensorView& value : session.plan().values()) {
    reals.clear();
    session.read(value, reals);
    append(bytes, std::as_bytes(std::span(reals)));
    std::printf("%s\t%s\t%s\n", value.name.c_str(), std::string(type_name(value.type)).c_str(),
                shape_text(value.shape).c_str());
  }
  return bytes;
}

void run(int argc, char** argv) {
  const bool keep = argc == 5;
  const Plan plan(read_model(argv[1]), {.keep_all_values = keep});
  Session session(plan);
  write_file_atomically(argv[3], run_frames(session, read_file(argv[2])));
  if (keep) write_file_atomically(argv[4], read_values(session));
}

}  // namespace
}  // namespace slimpilot

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: run_model MODEL INPUTS OUTPUTS [VALUES]\n");
    return 2;
  }
  try {
    slimpilot::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "run_model: %s\n", error.what());
    return 1;
  }
  return 0;
}
