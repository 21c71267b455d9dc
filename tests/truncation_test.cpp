// SPDX-License-Identifier: Apache-2.0
// A model file that was cut off anywhere is an Error of one line that names the file; it never crashes and never passes.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "formats/formats.h"
#include "graph/networks.h"
#include "host/atomic_file.h"
#include "optimize/passes.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

/// Reads `parts` beginnings of the file, of lengths from 0 to all but one byte.
void expect_errors(const std::string& bytes, const std::string& ending, size_t parts) {
  const fs::path path = fs::temp_directory_path() / ("slimpilot_truncation_" + std::to_string(getpid()) + ending);
  for (size_t i = 0; i < parts; ++i) {
    const size_t length = (bytes.size() - 1) * i / (parts - 1);
    write_file_atomically(path, std::string_view(bytes).substr(0, length));
    try {
      read_model(path);
      ADD_FAILURE() << length << " of " << bytes.size() << " bytes pass";
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(path.filename().string()), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
  fs::remove(path);
}

TEST(Truncation, OfKerasFiles) {
  expect_errors(read_file(fs::path(SOURCE_DIR) / "tests/golden/keras/convolutions.h5"), ".h5", 200);
}

TEST(Truncation, OfPyTorchFiles) {
  for (const char* name : {"half.pt", "legacy.pth"})
    expect_errors(read_file(fs::path(SOURCE_DIR) / "tests/golden/torch" / name), ".pth", 200);
}

TEST(Truncation, OfTfliteFiles) {
  expect_errors(to_tflite(simplify(make_network("deepest_lstm_tiny_pilotnet", 1))), ".tflite", 200);
}

TEST(Truncation, OfSparseTfliteFiles) {
  const Graph network = simplify(make_network("deepest_lstm_tiny_pilotnet", 1));
  const std::string dense = to_tflite(network), sparse = to_tflite(prune(network, {.8, .8}));
  EXPECT_LT(sparse.size(), dense.size() / 2);
  expect_errors(sparse, ".tflite", 200);
}

TEST(Truncation, OfSlimFiles) {
  const std::vector<std::byte> bytes = to_slim(simplify(make_network("deepest_lstm_tiny_pilotnet", 1)));
  expect_errors({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, ".slim", 200);
}

}  // namespace
}  // namespace slimpilot
