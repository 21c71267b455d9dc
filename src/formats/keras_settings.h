// SPDX-License-Identifier: Apache-2.0
// One layer's configuration in a Keras file, with errors that name layer and property. Each property is looked up under the
// names that the versions gave it, Keras 2 first.
#pragma once

#include <array>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace slimpilot {

class KerasSettings {
 public:
  using json = nlohmann::json;
  using Names = std::initializer_list<const char*>;

  /// `config` must outlive the object.
  KerasSettings(std::string class_name, std::string name, const json& config, bool keras3)
      : class_name_(std::move(class_name)), name_(std::move(name)), config_(config), keras3_(keras3) {}

  const std::string& class_name() const { return class_name_; }
  const std::string& name() const { return name_; }

  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void fail(const std::string& property, const json& value, const std::string& wanted) const;
  /// The first of `names` that is given and not null, else null.
  const json* find(Names names) const;
  const json& get(Names names) const;
  int integer(const std::string& property, const json& value, int least) const;
  int positive(Names names) const { return integer(*names.begin(), get(names), 1); }
  bool flag(Names names, bool otherwise) const;
  double number(Names names, double otherwise) const;
  /// A number, or a list of numbers.
  std::vector<float> numbers(const std::string& property, const json& value) const;
  /// A list of whole numbers not below `least`.
  std::vector<int> integers(const std::string& property, const json& value, int least) const;
  /// One number for all directions, or one for each.
  template <size_t n>
  std::array<int, n> tuple(const std::string& property, const json& value, int least) const;
  std::array<int, 2> pair(const std::string& property, const json& value, int least) const {
    return tuple<2>(property, value, least);
  }
  /// The property, where given, is one of the accepted values, and so needs no further attention.
  void require(Names names, std::initializer_list<json> accepted) const;
  /// "float32", or a policy object of that name.
  void require_float32() const;
  void require_channels_last() const;
  Padding padding() const;
  /// An activation of a recurrent layer.
  ActivationKind activation(const char* property) const;
  /// An activation as an op; nullopt: none. The functions of `activation`, softmax and leaky_relu.
  std::optional<Op> activation_op(const char* property) const;

 private:
  std::string activation_text(const char* property) const;

  std::string class_name_, name_;
  const json& config_;
  bool keras3_;
};

}  // namespace slimpilot
