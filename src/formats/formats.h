// SPDX-License-Identifier: Apache-2.0
// Model files: every format that slimpilot reads or writes, behind two functions. What a format cannot say is an Error,
// never a silent loss.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "formats/slim/slim.h"
#include "graph/graph.h"

namespace slimpilot {

/// x·scale + offset: what stands in for a Keras Lambda layer, whose Python bytecode is never run.
struct ScaleOffset {
  float scale = 1, offset = 0;
};

struct ReadOptions {
  std::map<std::string, ScaleOffset> lambdas;              // by layer name
  std::function<void(const std::string&)> note = nullptr;  // called with what was left aside, if anything
};

/// Reads `path` by its ending (.h5, .keras, .onnx, .tflite, .slim, .pth, .pt, .ckpt). The graph is verified. Throws Error for
/// anything that is not a model slimpilot understands, naming the file and the layer.
Graph read_model(const std::filesystem::path& path, const ReadOptions& options = {});

/// Writes `path` by its ending (.tflite, .onnx, .slim), through a temporary file; returns the file's bytes. Throws Error when
/// the format has no way to say what the graph says.
size_t write_model(const Graph& graph, const std::filesystem::path& path, const SlimOptions& slim = {});

/// A Sequential or functional model of Keras 1.2 to 3: .h5, and .keras of Keras 3. libhdf5 runs in a child process under memory
/// and time limits.
Graph read_keras_h5(const std::filesystem::path& path, const ReadOptions& options);
Graph read_keras_archive(const std::filesystem::path& path, const ReadOptions& options);

/// A state dictionary of PyTorch whose names and shapes are those of a network of the reference study; nothing in the file is
/// executed.
Graph read_torch_checkpoint(const std::filesystem::path& path);

/// ONNX, as PyTorch, tf2onnx and ONNX Runtime's quantization write it; weights may lie in files beside it.
Graph read_onnx(const std::filesystem::path& path);

/// TensorFlow Lite: float32, float16 and int8 weights, int8 and int16 activations.
Graph read_tflite(const std::filesystem::path& path);

/// The bytes of a .tflite file, with a metadata buffer `slimpilot` that holds what the format has no place for.
std::string to_tflite(const Graph& graph);

/// The bytes of an .onnx file: real numbers, or explicit quantization (QuantizeLinear and DequantizeLinear). Opset 13, with
/// int16 activations 21; the metadata property `slimpilot` holds what the format has no place for.
std::string to_onnx(const Graph& graph);

}  // namespace slimpilot
