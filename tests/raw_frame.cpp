// SPDX-License-Identifier: Apache-2.0
// Writes the pixels of pictures to standard output, one picture after the other: raw RGB frames for tests.
#include <cstdio>

#include "base/error.h"
#include "host/image_file.h"

int main(int argc, char** argv) try {
  for (int i = 1; i < argc; ++i) {
    const std::vector<uint8_t> pixels = slimpilot::read_image(argv[i]).pixels;
    if (std::fwrite(pixels.data(), 1, pixels.size(), stdout) != pixels.size()) return 1;
  }
} catch (const slimpilot::Error& e) {
  std::fprintf(stderr, "raw_frame: %s\n", e.what());
  return 1;
}
