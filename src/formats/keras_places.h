// SPDX-License-Identifier: Apache-2.0
// Names of layers in models that hold models, and where the file keeps their weights.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace slimpilot {

/// Where a layer's weights are in the file.
struct KerasPlace {
  std::string group;                // .h5: the layer at the top, and
  std::vector<std::string> scopes;  // one of these names in front of the weight's own; empty: all of the group's
  std::string path;                 // .keras: "layers/conv2d", "layers/time_distributed/layer", …
};

/// A place in a model, as its configuration nests. The one at the top is the default.
struct KerasScope {
  std::string prefix;                 // of layers' names: "model/"
  std::string group;                  // empty at the top
  std::vector<std::string> wrappers;  // around the layer
  std::string container;              // in front of "layers/"
  std::string path;                   // of the layer
  bool in_model = false;
  bool is_quantized = false;
  int depth = 0;

  std::string name_of(const std::string& layer) const { return prefix + layer; }
  KerasPlace place_of(const std::string& layer) const;
  KerasScope inside_wrapper(const std::string& wrapper) const;
  KerasScope inside_model(const std::string& model) const;
};

/// Gives the layers of one model their paths in a .keras file: the class's name in snake case, with a number from the second of
/// a class on.
class KerasPaths {
 public:
  explicit KerasPaths(KerasScope model) : model_(std::move(model)) {}
  KerasScope next(const std::string& class_name);

 private:
  KerasScope model_;
  std::map<std::string, int> counts_;
};

}  // namespace slimpilot
