// SPDX-License-Identifier: Apache-2.0
// Fuzzes the Keras importer. Inputs that begin as HDF5 files go through a file and the child process; all others are taken
// for the child's answer, since coverage of the child itself is invisible here.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/keras_graph.h"

namespace {

void read_as_file(std::string_view bytes) {
  char path[] = "/tmp/keras_h5_fuzz_XXXXXX";
  const int file = ::mkstemp(path);
  if (file < 0 || ::write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  ::close(file);
  try {
    slimpilot::read_keras_h5(path, {});
  } catch (const slimpilot::Error&) {
  }
  ::unlink(path);
}

void read_as_answer(std::string_view bytes) {
  try {
    slimpilot::keras_graph(slimpilot::decode_keras_file(bytes), {});
  } catch (const slimpilot::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.starts_with("\x89HDF")) {
    read_as_file(bytes);
  } else {
    read_as_answer(bytes);
  }
  return 0;
}
