// SPDX-License-Identifier: Apache-2.0
// w − z has nine bits and a sign. What does not fit 8 bits is a sum, which a layer computes when its input is there twice.
#include "formats/symmetric_weights.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace slimpilot {
namespace {

constexpr int kMostWeight = 127;

/// Weights less their zero points, −255 … 255, in the layer's layout.
struct CentredWeights {
  Shape shape;
  std::vector<int16_t> numbers;
};

CentredWeights centred(const Value& weights) {
  const Quantization& q = *weights.quantization;
  const auto w = weights.elements<int8_t>();
  size_t inner = 1;  // elements between one index of the axis and the next
  for (size_t d = q.axis < 0 ? weights.shape.size() : static_cast<size_t>(q.axis) + 1; d < weights.shape.size(); ++d)
    inner *= static_cast<size_t>(weights.shape[d]);
  CentredWeights result{weights.shape, {}};
  for (size_t i = 0; i < w.size(); ++i)
    result.numbers.push_back(static_cast<int16_t>(w[i] - q.zero_point[i / inner % q.zero_point.size()]));
  return result;
}

int parts_of(const CentredWeights& weights) {
  int most = 0;
  for (const int w : weights.numbers) most = std::max(most, std::abs(w));
  return std::max((most + kMostWeight - 1) / kMostWeight, 1);
}

/// [1,KH,KW,C] as [C,KH,KW,C], zero from one channel to another.
CentredWeights between_all_channels(const CentredWeights& weights) {
  const auto channels = static_cast<size_t>(weights.shape[3]);
  const size_t cells = weights.numbers.size() / channels;
  CentredWeights result{{weights.shape[3], weights.shape[1], weights.shape[2], weights.shape[3]}, {}};
  result.numbers.resize(channels * cells * channels);
  for (size_t c = 0; c < channels; ++c)
    for (size_t cell = 0; cell < cells; ++cell)
      result.numbers[(c * cells + cell) * channels + c] = weights.numbers[cell * channels + c];
  return result;
}

/// The parts of each output's numbers behind each other along the last dimension.
std::vector<std::byte> split(const CentredWeights& weights, int parts) {
  const auto inputs = static_cast<size_t>(weights.shape.back());
  std::vector<std::byte> result;
  std::vector<int> left(inputs);
  for (size_t first = 0; first < weights.numbers.size(); first += inputs) {
    std::copy_n(weights.numbers.begin() + static_cast<std::ptrdiff_t>(first), inputs, left.begin());
    for (int part = 0; part < parts; ++part)
      for (int& w : left) {
        const int taken = std::clamp(w, -kMostWeight, kMostWeight);
        result.push_back(static_cast<std::byte>(static_cast<int8_t>(taken)));
        w -= taken;
      }
  }
  return result;
}

}  // namespace

void make_signed(Value& value) {
  value.type = ElementType::s8;
  for (std::byte& b : value.data) b ^= std::byte{0x80};
  if (value.quantization)
    for (int32_t& zero : value.quantization->zero_point) {
      if (zero < 0 || zero > 255) throw Error("has a zero point outside its type");
      zero -= 128;
    }
}

SymmetricLayer symmetric_layer(const Op& op, const Value& weights, const std::function<void(size_t)>& take) {
  check(weights.type == ElementType::s8 && weights.quantization && !weights.shape.empty());
  for (const int32_t zero : weights.quantization->zero_point)
    if (zero < -128 || zero > 127) throw Error("weights '" + weights.name + "' have a zero point outside their type");
  take(weights.data.size() * sizeof(int16_t));
  CentredWeights numbers = centred(weights);
  SymmetricLayer result{.op = op, .weights = {.name = weights.name, .type = ElementType::s8}, .parts = parts_of(numbers)};
  Quantization q = *weights.quantization;
  std::ranges::fill(q.zero_point, 0);
  if (const auto* depthwise = std::get_if<DepthwiseConv2D>(&op); depthwise && result.parts > 1) {
    take(numbers.numbers.size() * static_cast<size_t>(weights.shape[3]) * sizeof(int16_t));
    numbers = between_all_channels(numbers);
    result.op = Conv2D{depthwise->stride_h, depthwise->stride_w, depthwise->padding, depthwise->activation};
    if (q.axis >= 0) q.axis = 0;
  }
  take(numbers.numbers.size() * static_cast<size_t>(result.parts));
  result.weights.data = split(numbers, result.parts);
  result.weights.shape = numbers.shape;
  result.weights.shape.back() *= result.parts;
  result.weights.quantization = std::move(q);
  return result;
}

}  // namespace slimpilot
