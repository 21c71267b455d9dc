// SPDX-License-Identifier: Apache-2.0
// What reading and writing TensorFlow Lite files share: types, operator codes and versions, and the rules that LiteRT's
// kernels impose on a node's numbers. The conversions themselves are in tflite_read.cpp,
// tflite_read_ops.cpp and tflite_write.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace tflite_schema {
enum class TensorType : int8_t;
enum class BuiltinOperator : int32_t;
enum class ActivationFunctionType : int8_t;
struct Operator;
}  // namespace tflite_schema

namespace slimpilot {

/// The graph in the bytes of a .tflite file; `bytes` must be aligned to 8. Throws Error, starting with `file_name`, for
/// whatever is not a network that slimpilot understands; never allocates more than a small multiple of the file, and for
/// sparse tensors kMostUnpacked times it.
Graph parse_tflite(std::string_view bytes, const std::string& file_name);

/// The format's element types; u8 included, nullopt for those that no graph holds.
tflite_schema::TensorType tensor_type(ElementType type);
std::optional<ElementType> element_type(tflite_schema::TensorType type);

/// "CONV_2D", or "operator 47" for one that slimpilot does not know.
std::string operator_name(tflite_schema::BuiltinOperator code);

/// An Activation node's operator: RELU, RELU6, RELU_N1_TO_1, RELU_0_TO_1, ELU, TANH, LOGISTIC. nullopt: none.
std::optional<tflite_schema::BuiltinOperator> activation_operator(ActivationKind kind);
std::optional<ActivationKind> activation_kind(tflite_schema::BuiltinOperator code);

/// The clamp inside an operator that limits `output` as `kind` does. Real numbers: NONE, RELU, RELU_N1_TO_1, RELU6 stand
/// for themselves. Integers: the function with the same integer interval
/// [max(lowest, z + round(lo/s)), min(highest, z + round(hi/s))]. nullopt: the format has none.
std::optional<tflite_schema::ActivationFunctionType> fused_function(ActivationKind kind, const Value& output);

/// In which numbers a layer with weights computes; `hybrid` has real activations and int8 weights.
enum class TfliteArithmetic : uint8_t { real, hybrid, int8, int16 };

/// Throws Error naming the node when its values' types are none of: f32 (weights and bias f32 or f16), hybrid (s8 weights,
/// f32 bias), int8 (s8, s8, s32), int16 (s16, s8, s64), with symmetric weights per tensor or per output channel.
TfliteArithmetic arithmetic_of(const Graph& graph, const Node& node);

/// Throws Error naming the node when LiteRT has no kernel for its types, or demands quantizations that it does not have.
/// The node's inputs and output must exist.
void check_tflite_numbers(const Graph& graph, const Node& node);

/// The operator version that TensorFlow 2.21's converter writes for the node.
int operator_version(const Graph& graph, const Node& node);

}  // namespace slimpilot
