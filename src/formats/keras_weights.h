// SPDX-License-Identifier: Apache-2.0
// The weights of one layer among those of a Keras file.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "formats/keras_config.h"
#include "formats/keras_content.h"

namespace slimpilot {

class KerasWeights {
 public:
  KerasWeights(const KerasFile& file, const KerasLayer& layer);

  /// The one that the file calls `what`, or else the next; its shape must be `expected`. Throws Error naming the layer.
  const KerasTensor& take(const std::string& what, const Shape& expected);
  /// All of the layer's have been taken, but for the ranges beside those of quantization-aware training.
  void finish() const;

  /// Those of the file that belong to the layer.
  const std::vector<const KerasTensor*>& all() const { return tensors_; }

 private:
  [[noreturn]] void fail(const std::string& what) const;

  const KerasLayer& layer_;
  std::vector<const KerasTensor*> tensors_;
  std::set<const KerasTensor*> taken_;
};

}  // namespace slimpilot
