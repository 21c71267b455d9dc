// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes are an Error or a graph, and a graph that was read can be written and read again.
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/tflite_common.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slimpilot;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  std::string written;
  try {
    written = to_tflite(parse_tflite(bytes, "fuzz"));
  } catch (const Error&) {
    return 0;
  }
  parse_tflite(written, "written");
  return 0;
}
