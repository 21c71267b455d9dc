// SPDX-License-Identifier: Apache-2.0
// Fuzzes the Keras importer. Inputs that begin as HDF5 files and as zip archives go through a file and the child process, those
// that begin as JSON are configurations; all others are taken for the child's answer, since coverage of the child itself is
// invisible here.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/keras_file.h"
#include "formats/keras_graph.h"

namespace {

void read_as_file(std::string_view bytes, bool is_archive) {
  char path[] = "/tmp/keras_h5_fuzz_XXXXXX";
  const int file = ::mkstemp(path);
  if (file < 0 || ::write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  ::close(file);
  try {
    is_archive ? slimpilot::read_keras_archive(path, {}) : slimpilot::read_keras_h5(path, {});
  } catch (const slimpilot::Error&) {
  }
  ::unlink(path);
}

/// As of Keras 2, and of Keras 3 with the paths of its files.
void read_as_configuration(std::string_view bytes) {
  for (const bool keras3 : {false, true}) try {
      slimpilot::keras_graph(
          {.keras_version = keras3 ? "3.5.0" : "2.10.0", .model_config = std::string(bytes), .has_paths = keras3}, {});
    } catch (const slimpilot::Error&) {
    }
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
  const bool is_archive = bytes.starts_with("PK");
  if (is_archive || bytes.starts_with("\x89HDF")) {
    read_as_file(bytes, is_archive);
  } else if (bytes.starts_with("{")) {
    read_as_configuration(bytes);
  } else {
    read_as_answer(bytes);
  }
  return 0;
}
