// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes are an Error or a graph, and a graph that was read can be written and read again, unless the
// format cannot say it.
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/onnx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slimpilot;
  const auto no_files = [](const std::string& name) -> std::string_view { throw Error("there is no file '" + name + "'"); };
  std::string written;
  try {
    written = to_onnx(parse_onnx({reinterpret_cast<const char*>(data), size}, no_files));
  } catch (const Error&) {
    return 0;
  }
  parse_onnx(written, no_files);
  return 0;
}
