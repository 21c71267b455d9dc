// SPDX-License-Identifier: Apache-2.0
// A model's configuration as layers and calls. Sequential models are chains; functional ones name for each call of a layer the
// results that it takes, as [layer, call, place in its results].
#include "formats/keras_config.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "base/error.h"

namespace slimpilot {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 100;   // of the JSON text
constexpr int kMostNesting = 8;  // of models and wrappers in each other
constexpr size_t kMostCalls = 2000;

/// A shape with the batch in front, as Keras writes it; the batch is dropped, null becomes −1.
Shape read_batch_shape(const KerasSettings& settings, const json& value) {
  if (!value.is_array() || value.size() < 2 || value.size() > 5) settings.fail("input shape", value, "2 to 5 extents");
  Shape shape;
  for (size_t d = 1; d < value.size(); ++d)
    shape.push_back(value[d].is_null() ? -1 : settings.integer("input shape", value[d], 1));
  return shape;
}

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_model(const std::string& class_name) {
  return class_name == "Sequential" || class_name == "Functional" || class_name == "Model";
}

bool is_merge(const KerasKind& kind) {
  return std::holds_alternative<KerasConcatenate>(kind) || std::holds_alternative<KerasSum>(kind) ||
         std::holds_alternative<KerasProduct>(kind);
}

/// Of recurrent layers the activation is a part.
bool takes_activation(const KerasKind& kind) {
  return std::holds_alternative<KerasConvolution>(kind) || std::holds_alternative<KerasConvolution3D>(kind) ||
         std::holds_alternative<KerasDepthwise>(kind) || std::holds_alternative<KerasDense>(kind);
}

/// The result of a call that another one takes.
struct Reference {
  std::string layer;
  size_t call, place;
  bool operator<(const Reference& other) const {
    return std::tie(layer, call, place) < std::tie(other.layer, other.call, other.place);
  }
};

/// All references in `value`, in order: ["name", 0, 0, {…}] of Keras 1 and 2, objects with a keras_history of Keras 3, in
/// lists of any depth. Whatever else is passed to a layer must be a switch.
void collect_references(const json& value, std::vector<Reference>& found) {
  const auto is_history = [](const json& v) {
    return v.is_array() && v.size() >= 3 && v[0].is_string() && v[1].is_number_unsigned() && v[2].is_number_unsigned();
  };
  if (is_history(value)) {
    found.push_back({value[0].get<std::string>(), value[1].get<size_t>(), value[2].get<size_t>()});
    if (value.size() > 3) collect_references(value[3], found);
  } else if (value.is_object() && text(value, "class_name") == "__keras_tensor__") {
    if (!value.contains("config") || !is_history(value["config"].value("keras_history", json())))
      throw Error("model_config passes a tensor without a history");
    collect_references(value["config"]["keras_history"], found);
  } else if (value.is_array() || value.is_object()) {
    for (const json& item : value) collect_references(item, found);
  } else if (!value.is_null() && !value.is_boolean()) {
    throw Error("model_config passes " + value.dump().substr(0, 60) + " to a layer; slimpilot supports tensors alone");
  }
}
std::vector<Reference> references(const json& value) {
  std::vector<Reference> found;
  collect_references(value, found);
  return found;
}

const json& member(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

/// In the entry's own configuration; Sequential models before Keras 2.2.3 have it beside their list of layers.
std::string name_of(const json& entry) {
  const std::string inside = text(member(entry, "config"), "name");
  return inside.empty() ? text(entry, "name") : inside;
}

/// The layers of a model; what is no list has none.
const json& layers_of(const json& model) {
  const json& config = member(model, "config");
  return config.is_object() ? member(config, "layers") : config;
}

/// Reads models and the models in them into one network.
class NetworkReader {
 public:
  explicit NetworkReader(bool keras3) : keras3_(keras3) {}

  KerasNetwork read(const json& model) {
    network_.outputs = read_model(model, {}, std::nullopt);
    return std::move(network_);
  }

 private:
  using Calls = std::vector<size_t>;
  /// A call of a functional model that waits for its inputs.
  struct Pending {
    const json* entry;
    KerasScope scope;
    size_t call;
    std::vector<Reference> inputs;
  };
  using Results = std::map<Reference, size_t>;

  Calls read_model(const json& model, const KerasScope& scope, const std::optional<Calls>& inputs);
  Calls read_chain(const json& model, const KerasScope& scope, const std::optional<Calls>& inputs);
  Calls read_functional(const json& model, const KerasScope& scope, const std::optional<Calls>& inputs);
  Results source_results(const json& model, const KerasScope& scope, const std::optional<Calls>& inputs);
  static void number_calls(std::vector<Pending>& pending, const std::vector<Reference>& outputs);
  void call_all(std::vector<Pending> pending, Results& results);
  Calls call_entry(const json& entry, const KerasScope& scope, const Calls& inputs);
  Calls call_layer(const json& entry, const KerasScope& scope, const Calls& inputs);
  Calls call_wrapper(const json& entry, const KerasScope& scope, const Calls& inputs);
  size_t input(const json& entry, const KerasScope& scope, const Shape& otherwise);
  Shape input_shape(const json& entry, int depth) const;
  size_t layer_of(const json& entry, KerasLayer layer);
  size_t add_call(size_t layer, Calls inputs) {
    if (network_.calls.size() == kMostCalls) throw Error("model_config describes too many layers");
    network_.calls.push_back({layer, std::move(inputs)});
    return network_.calls.size() - 1;
  }
  KerasSettings settings_of(const json& entry) const;

  struct Known {
    const json* entry;
    size_t layer;
  };
  KerasNetwork network_;
  std::map<std::string, Known> known_;  // layers by name
  size_t visits_ = 0;                   // of entries: models without layers make no calls
  bool keras3_;
};

KerasSettings NetworkReader::settings_of(const json& entry) const {
  if (!member(entry, "config").is_object()) throw Error("model_config lists a layer without a config");
  const KerasSettings settings(text(entry, "class_name"), text(entry["config"], "name"), entry["config"], keras3_);
  if (settings.name().empty()) settings.fail("has no name");
  return settings;
}

/// The entry's layer; one that is called again is the same.
size_t NetworkReader::layer_of(const json& entry, KerasLayer layer) {
  const auto [known, is_new] = known_.try_emplace(layer.name, Known{&entry, network_.layers.size()});
  if (known->second.entry != &entry) throw Error("two layers are named '" + layer.name + "'");
  if (is_new) network_.layers.push_back(std::move(layer));
  return known->second.layer;
}

/// The shape that an entry asks for, or the layer or model in it; empty: it does not say.
Shape NetworkReader::input_shape(const json& entry, int depth) const {
  if (depth > kMostNesting) return {};
  const json& config = member(entry, "config");
  for (const char* key : {"batch_input_shape", "batch_shape"})
    if (const json& shape = member(config, key); !shape.is_null()) return read_batch_shape(settings_of(entry), shape);
  if (const json& inner = member(config, "layer"); inner.is_object()) return {};  // without the time
  const json& layers = layers_of(entry);
  return layers.is_array() && !layers.empty() ? input_shape(layers[0], depth + 1) : Shape{};
}

/// The call of an InputLayer, or of one that is made up for a layer that names an input shape.
size_t NetworkReader::input(const json& entry, const KerasScope& scope, const Shape& otherwise) {
  const bool named = text(entry, "class_name") == "InputLayer";
  KerasLayer layer{.name = scope.name_of(name_of(entry)) + (named ? "" : "_input"), .kind = KerasInput{}};
  layer.input_shape = input_shape(entry, 0);
  if (layer.input_shape.empty()) layer.input_shape = otherwise;
  if (layer.input_shape.empty())
    throw Error("layer '" + name_of(entry) +
                "': the file does not say the input's shape; build the model with an input_shape before saving it");
  if (named) settings_of(entry).require_float32();
  network_.inputs.push_back(add_call(layer_of(entry, std::move(layer)), {}));
  return network_.inputs.back();
}

/// TimeDistributed and the wrappers of quantization-aware training.
NetworkReader::Calls NetworkReader::call_wrapper(const json& entry, const KerasScope& scope, const Calls& inputs) {
  const KerasSettings settings = settings_of(entry);
  const json& inner = settings.get({"layer"});
  KerasScope within = scope.inside_wrapper(settings.name());
  if (settings.class_name() != "TimeDistributed") {
    within.is_quantized = true;
    return call_entry(inner, within, inputs);
  }
  if (inputs.size() != 1) settings.fail("takes several inputs; slimpilot supports one");
  const std::string name = scope.name_of(settings.name());
  within.prefix = name + "/";
  const size_t frames = layer_of(entry, {.name = name + "/frames", .kind = KerasFrames{}});
  const Calls results = call_entry(inner, within, {add_call(frames, inputs)});
  if (results.size() != 1) settings.fail("yields several outputs; slimpilot supports one");
  const size_t sequence = layer_of(entry, {.name = name + "/sequence", .kind = KerasSequence{}});
  return {add_call(sequence, results)};
}

NetworkReader::Calls NetworkReader::call_layer(const json& entry, const KerasScope& scope, const Calls& inputs) {
  const KerasSettings settings = settings_of(entry);
  KerasLayer layer{.name = scope.name_of(settings.name()), .kind = read_keras_kind(settings)};
  layer.place = scope.place_of(settings.name());
  layer.is_quantized = scope.is_quantized;
  if (takes_activation(layer.kind)) layer.activation = settings.activation_op("activation");
  if (inputs.empty() || (!is_merge(layer.kind) && inputs.size() != 1))
    settings.fail("takes " + std::to_string(inputs.size()) + " inputs; slimpilot supports one");
  return {add_call(layer_of(entry, std::move(layer)), inputs)};
}

/// What a layer, wrapper or model makes of the results of other calls.
NetworkReader::Calls NetworkReader::call_entry(const json& entry, const KerasScope& scope, const Calls& inputs) {
  if (++visits_ > kMostCalls) throw Error("model_config describes too many layers");
  if (scope.depth > kMostNesting) throw Error("model_config nests models and wrappers too deeply");
  const std::string class_name = entry.is_object() ? text(entry, "class_name") : "";
  if (is_model(class_name)) {
    if (name_of(entry).empty()) throw Error("model_config lists a model without a name");
    return read_model(entry, scope.inside_model(name_of(entry)), inputs);
  }
  if (class_name == "TimeDistributed" || class_name == "QuantizeWrapper" || class_name == "QuantizeWrapperV2")
    return call_wrapper(entry, scope, inputs);
  if (class_name == "InputLayer") throw Error("layer '" + name_of(entry) + "' is an InputLayer in the middle of the model");
  return call_layer(entry, scope, inputs);
}

NetworkReader::Calls NetworkReader::read_chain(const json& model, const KerasScope& scope, const std::optional<Calls>& inputs) {
  const json& list = layers_of(model);
  if (!list.is_array() || list.empty()) throw Error("model_config lists no layers");
  Shape built;
  if (const json& shape = member(model["config"], "build_input_shape"); !shape.is_null())
    built = read_batch_shape(KerasSettings("Sequential", name_of(list[0]), model["config"], keras3_), shape);
  Calls current = inputs ? *inputs : Calls{input(list[0], scope, built)};
  KerasPaths paths(scope);
  std::set<std::string> names;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!names.insert(name_of(list[i])).second) throw Error("two layers are named '" + name_of(list[i]) + "'");
    const std::string class_name = list[i].is_object() ? text(list[i], "class_name") : "";
    const KerasScope here = paths.next(class_name);
    if (i > 0 || class_name != "InputLayer") current = call_entry(list[i], here, current);
  }
  return current;
}

/// The results of the model's inputs: those that are given, or inputs of the network.
NetworkReader::Results NetworkReader::source_results(const json& model, const KerasScope& scope,
                                                     const std::optional<Calls>& inputs) {
  const std::vector<Reference> sources = references(member(model["config"], "input_layers"));
  if (inputs && inputs->size() != sources.size())
    throw Error("model '" + name_of(model) + "' takes " + std::to_string(sources.size()) + " inputs, but gets " +
                std::to_string(inputs->size()));
  Results results;
  const json& list = layers_of(model);
  for (size_t i = 0; i < sources.size(); ++i) {
    const auto entry = std::ranges::find_if(list, [&](const json& e) { return name_of(e) == sources[i].layer; });
    if (entry == list.end() || text(*entry, "class_name") != "InputLayer")
      throw Error("the model's input '" + sources[i].layer + "' is no InputLayer");
    results[sources[i]] = inputs ? (*inputs)[i] : input(*entry, scope, {});
  }
  return results;
}

/// Keras 2 counts the calls of a model from 1, for it was called once when it was made. The first that is referred to is the
/// first there is, since a call whose result nobody takes is not written.
void NetworkReader::number_calls(std::vector<Pending>& pending, const std::vector<Reference>& outputs) {
  std::map<std::string, size_t> first;
  const auto count = [&](const Reference& reference) {
    const auto [known, is_new] = first.try_emplace(reference.layer, reference.call);
    known->second = std::min(known->second, reference.call);
  };
  for (const Reference& reference : outputs) count(reference);
  for (const Pending& one : pending) std::ranges::for_each(one.inputs, count);
  for (Pending& one : pending)
    if (const auto found = first.find(name_of(*one.entry)); found != first.end()) one.call += found->second;
}

/// Calls each as soon as what it takes is there; files name them mostly in this order.
void NetworkReader::call_all(std::vector<Pending> pending, Results& results) {
  while (!pending.empty()) {
    std::vector<Pending> waiting;
    for (Pending& next : pending) {
      Calls from;
      for (const Reference& reference : next.inputs)
        if (const auto found = results.find(reference); found != results.end()) from.push_back(found->second);
      if (from.size() < next.inputs.size()) {
        waiting.push_back(std::move(next));
        continue;
      }
      const Calls calls = call_entry(*next.entry, next.scope, from);
      for (size_t place = 0; place < calls.size(); ++place) results[{name_of(*next.entry), next.call, place}] = calls[place];
    }
    if (waiting.size() == pending.size())
      throw Error("layer '" + name_of(*waiting[0].entry) + "' takes a result that no layer before it yields");
    pending = std::move(waiting);
  }
}

NetworkReader::Calls NetworkReader::read_functional(const json& model, const KerasScope& scope,
                                                    const std::optional<Calls>& inputs) {
  const json& list = layers_of(model);
  if (!list.is_array() || list.empty()) throw Error("model_config lists no layers");
  Results results = source_results(model, scope, inputs);
  std::vector<Pending> pending;
  std::set<std::string> names;
  KerasPaths paths(scope);
  for (const json& entry : list) {
    if (!names.insert(name_of(entry)).second) throw Error("two layers are named '" + name_of(entry) + "'");
    const KerasScope here = paths.next(entry.is_object() ? text(entry, "class_name") : "");
    const json& calls = member(entry, "inbound_nodes");
    for (size_t i = 0; calls.is_array() && i < calls.size(); ++i) {
      if (pending.size() == kMostCalls) throw Error("model_config describes too many layers");
      pending.push_back({&entry, here, i, references(calls[i])});
    }
  }
  const std::vector<Reference> wanted = references(member(model["config"], "output_layers"));
  number_calls(pending, wanted);
  call_all(std::move(pending), results);
  Calls outputs;
  for (const Reference& reference : wanted) {
    const auto found = results.find(reference);
    if (found == results.end()) throw Error("the model's output '" + reference.layer + "' is computed by no layer");
    outputs.push_back(found->second);
  }
  if (outputs.empty()) throw Error("model_config lists no outputs");
  return outputs;
}

NetworkReader::Calls NetworkReader::read_model(const json& model, const KerasScope& scope, const std::optional<Calls>& inputs) {
  if (!model.is_object() || !model.contains("config")) throw Error("model_config describes no model");
  const std::string kind = text(model, "class_name");
  if (!is_model(kind))
    throw Error("model_config describes a " + member(model, "class_name").dump().substr(0, 60) +
                " model; slimpilot reads Sequential and functional ones");
  return kind == "Sequential" ? read_chain(model, scope, inputs) : read_functional(model, scope, inputs);
}

json parse_json(const std::string& text) {
  const auto shallow = [](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) throw Error("model_config is nested too deeply");
    return true;
  };
  return json::parse(text, shallow);
}

}  // namespace

KerasNetwork parse_keras_config(const std::string& model_config, const std::string& keras_version) {
  const bool keras3 = std::atoi(keras_version.c_str()) >= 3;
  try {
    return NetworkReader(keras3).read(parse_json(model_config));
  } catch (const json::exception& error) {
    throw Error("model_config is no JSON that Keras writes: " + std::string(error.what()));
  }
}

}  // namespace slimpilot
