// SPDX-License-Identifier: Apache-2.0
// A state dictionary has no architecture: it is recognized by the names that DeepLearningStudio's modules give their
// parameters, widths follow from the shapes, and the weights go into our own network with PyTorch's layouts (channels before
// rows) turned into the graph's.
#include <algorithm>

#include "base/error.h"
#include "formats/torch_checkpoint.h"
#include "graph/edit.h"
#include "graph/networks.h"

namespace slimpilot {
namespace {

using Extents = std::vector<int64_t>;

/// Which parameter of the module becomes which constants of the network.
struct Layer {
  enum Kind { batch_norm, conv, conv_lstm, dense } kind;
  std::string module, node;  // "cn_1", "conv1"
};

struct Architecture {
  std::string_view network;
  std::vector<Layer> layers;
};

std::vector<Architecture> architectures() {
  std::vector<Architecture> all = {{"pilotnet", {}}, {"deepest_lstm_tiny_pilotnet", {}}};
  for (Architecture& a : all) {
    const NetworkWidths widths = network_widths(a.network);
    if (widths.lstms.empty()) a.layers.push_back({Layer::batch_norm, "ln_1", "batch_norm"});
    const auto add = [&](Layer::Kind kind, size_t count, const std::string& module, int first, const std::string& end,
                         const std::string& node) {
      for (size_t i = 0; i < count; ++i)
        a.layers.push_back({kind, module + std::to_string(static_cast<int>(i) + first) + end, node + std::to_string(i + 1)});
    };
    add(Layer::conv, widths.convs.size(), "cn_", 1, "", "conv");
    add(Layer::conv_lstm, widths.lstms.size(), "clstm_n.cell_list.", 0, ".conv", "conv_lstm");
    add(Layer::dense, widths.dense.size(), "fc_", 1, "", "dense");
  }
  return all;
}

std::vector<std::string> parameter_names(const Layer& layer) {
  if (layer.kind != Layer::batch_norm) return {layer.module + ".weight", layer.module + ".bias"};
  return {layer.module + ".weight", layer.module + ".bias", layer.module + ".running_mean", layer.module + ".running_var"};
}

const TorchTensor* find(const std::vector<TorchTensor>& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const TorchTensor& t) { return t.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

/// What is there and what could be read.
[[noreturn]] void fail_unknown(const std::vector<TorchTensor>& tensors, const std::string& why) {
  constexpr size_t kShown = 4;
  std::string found;
  for (size_t i = 0; i < std::min(kShown, tensors.size()); ++i)
    found += (i == 0 ? "" : ", ") + tensors[i].name + " " + shape_text(tensors[i]);
  if (tensors.size() > kShown) found += ", …";
  throw Error(why + ". It holds " + std::to_string(tensors.size()) + " tensors (" + found +
              "); known are DeepLearningStudio's PilotNet (ln_1, cn_1 to cn_5, fc_1 to fc_5) and DeepestLSTMTinyPilotNet "
              "(cn_1 to cn_3, clstm_n.cell_list.0 to 2, fc_1 to fc_3)");
}

/// Names alone decide; then all must be there, and nothing else.
Architecture recognize(const std::vector<TorchTensor>& tensors) {
  for (const Architecture& a : architectures()) {
    std::vector<std::string> expected;
    for (const Layer& layer : a.layers)
      for (std::string& name : parameter_names(layer)) expected.push_back(std::move(name));
    const auto missing = [&](const std::string& name) { return find(tensors, name) == nullptr; };
    const auto absent = std::find_if(expected.begin(), expected.end(), missing);
    const bool is_lstm = a.layers.front().kind != Layer::batch_norm;
    if (missing(is_lstm ? "clstm_n.cell_list.0.conv.weight" : "ln_1.running_mean")) continue;
    if (absent != expected.end()) fail_unknown(tensors, "lacks " + *absent + " to be a " + std::string(a.network));
    for (const TorchTensor& t : tensors)
      if (std::find(expected.begin(), expected.end(), t.name) == expected.end() && !t.name.ends_with(".num_batches_tracked"))
        fail_unknown(tensors, "has a " + t.name + " that no " + std::string(a.network) + " has");
    return a;
  }
  fail_unknown(tensors, "is no network that slimpilot knows");
}

/// Reads what a network of known names is made of, layer after layer.
class Reader {
 public:
  Reader(const std::vector<TorchTensor>& tensors, Architecture architecture, const ReadStorage& read)
      : tensors_(tensors), architecture_(std::move(architecture)), read_(read) {}
  Graph read();

 private:
  NetworkWidths widths() const;
  int layer_width(const Layer& layer, int64_t inputs) const;
  void expect(const std::string& name, const Extents& shape) const;
  void measure_flattened(const NetworkWidths& widths);
  std::vector<float> values(const std::string& name);
  void set(const std::string& name, const std::vector<float>& numbers);
  void set_turned(const std::string& name, const std::vector<float>& oihw, const Extents& shape, int64_t first_channel);
  void read_layer(const Layer& layer);
  void read_conv_lstm(const Layer& layer);
  void read_dense(const Layer& layer);
  Value& named(const std::string& name);

  const std::vector<TorchTensor>& tensors_;
  const Architecture architecture_;
  const ReadStorage& read_;
  Graph graph_;
  int64_t flattened_area_ = 0;  // rows times columns in front of the first dense layer
  std::string_view storage_key_;
  std::string storage_;  // the last one, because tensors may be views of one storage
};

void Reader::expect(const std::string& name, const Extents& shape) const {
  const TorchTensor* tensor = find(tensors_, name);
  if (tensor->shape == shape) return;
  fail_unknown(tensors_, name + " is " + shape_text(*tensor) + " where a " + std::string(architecture_.network) + " has " +
                             shape_text(TorchTensor{.shape = shape}));
}

/// Output channels of a layer that gets `inputs` channels, whose parameters must have shapes of this kind.
int Reader::layer_width(const Layer& layer, int64_t inputs) const {
  const Extents& weight = find(tensors_, layer.module + ".weight")->shape;
  const std::string& name = layer.module;
  const int64_t outputs = weight.empty() ? 0 : weight[0];
  const int64_t units = layer.kind == Layer::conv_lstm ? outputs / 4 : outputs;
  if (units < 1) fail_unknown(tensors_, name + ".weight has no elements");
  const int64_t window = layer.kind == Layer::conv_lstm || (architecture_.network == "pilotnet" && name < "cn_4") ? 5 : 3;
  if (layer.kind == Layer::conv) expect(name + ".weight", {units, inputs, window, window});
  if (layer.kind == Layer::conv_lstm) expect(name + ".weight", {4 * units, inputs + units, window, window});
  if (layer.kind == Layer::dense) expect(name + ".weight", {units, inputs});
  expect(name + ".bias", {outputs});
  return static_cast<int>(units);
}

/// Checks that all shapes fit each other, except the first dense layer's inputs.
NetworkWidths Reader::widths() const {
  NetworkWidths widths;
  const Extents& first = find(tensors_, "cn_1.weight")->shape;
  if (first.size() == 4 && first[1] != 3)
    fail_unknown(tensors_,
                 "takes images of " + std::to_string(first[1]) +
                     " channels (several frames behind each other?); of networks that see several, export the model to ONNX");
  int64_t inputs = 3;
  for (const Layer& layer : architecture_.layers) {
    if (layer.kind == Layer::batch_norm) {
      for (const std::string& name : parameter_names(layer)) expect(name, {3});
      continue;
    }
    const Extents& weight = find(tensors_, layer.module + ".weight")->shape;
    if (layer.module == "fc_1") inputs = weight.size() == 2 ? weight[1] : 0;
    inputs = layer_width(layer, inputs);
    auto& list = layer.kind == Layer::conv ? widths.convs : layer.kind == Layer::conv_lstm ? widths.lstms : widths.dense;
    list.push_back(static_cast<int>(inputs));
  }
  return widths;
}

Value& Reader::named(const std::string& name) {
  const auto found = std::find_if(graph_.values.begin(), graph_.values.end(), [&](const Value& v) { return v.name == name; });
  check(found != graph_.values.end());
  return *found;
}

/// Before the network is made, whose first dense layer has as many inputs as the image demands. The image in front of it is
/// that of a network with one channel everywhere.
void Reader::measure_flattened(const NetworkWidths& widths) {
  NetworkWidths narrow = widths;
  for (auto* list : {&narrow.convs, &narrow.lstms, &narrow.dense}) std::fill(list->begin(), list->end(), 1);
  const Graph probe = make_network(architecture_.network, 1, {.widths = narrow});
  const auto flatten = std::find_if(probe.nodes.begin(), probe.nodes.end(), [](const Node& n) { return n.name == "flatten"; });
  check(flatten != probe.nodes.end());
  flattened_area_ = element_count(probe.value(flatten->inputs[0]).shape);

  const int64_t channels = widths.lstms.empty() ? widths.convs.back() : widths.lstms.back();
  const int64_t given = find(tensors_, "fc_1.weight")->shape[1], wanted = flattened_area_ * channels;
  const Shape& image = probe.value(probe.inputs[0]).shape;
  if (given != wanted)
    fail_unknown(tensors_, "fc_1.weight takes " + std::to_string(given) + " numbers, but an image of " +
                               std::to_string(image[1]) + "x" + std::to_string(image[2]) + " gives " + std::to_string(wanted) +
                               ": it was trained on another image size");
}

std::vector<float> Reader::values(const std::string& name) {
  const TorchTensor& tensor = *find(tensors_, name);
  const uint64_t bytes = static_cast<uint64_t>(tensor.storage_elements) * storage_element_size(tensor.storage_type);
  if (storage_key_ != tensor.storage || storage_.size() != bytes) {
    storage_ = read_(std::string(tensor.storage), bytes);
    storage_key_ = tensor.storage;
  }
  return tensor_values(tensor, storage_);
}

void Reader::set(const std::string& name, const std::vector<float>& numbers) {
  const std::span<float> target = named(name).elements<float>();
  check(target.size() == numbers.size());
  std::copy(numbers.begin(), numbers.end(), target.begin());
}

/// [outputs, inputs, rows, columns] → [outputs, rows, columns, inputs], of the input channels that `name` has, from
/// `first_channel` on.
void Reader::set_turned(const std::string& name, const std::vector<float>& oihw, const Extents& shape, int64_t first_channel) {
  const int64_t channels = named(name).shape[3], area = shape[2] * shape[3];
  std::vector<float> turned;
  turned.reserve(static_cast<size_t>(shape[0] * area * channels));
  for (int64_t o = 0; o < shape[0]; ++o)
    for (int64_t place = 0; place < area; ++place)
      for (int64_t c = first_channel; c < first_channel + channels; ++c)
        turned.push_back(oihw[static_cast<size_t>((o * shape[1] + c) * area + place)]);
  set(name, turned);
}

/// Gates i, f, o, g → i, f, c (Keras' name of g), o: the second half's two quarters change places.
void swap_last_gates(std::vector<float>& numbers) {
  const auto quarter = static_cast<std::ptrdiff_t>(numbers.size() / 4);
  std::swap_ranges(numbers.begin() + 2 * quarter, numbers.begin() + 3 * quarter, numbers.begin() + 3 * quarter);
}

/// One convolution over the channels of cat[x, h].
void Reader::read_conv_lstm(const Layer& layer) {
  std::vector<float> weight = values(layer.module + ".weight"), bias = values(layer.module + ".bias");
  swap_last_gates(weight);
  swap_last_gates(bias);
  const Extents& shape = find(tensors_, layer.module + ".weight")->shape;
  set_turned(layer.node + "/kernel", weight, shape, 0);
  set_turned(layer.node + "/recurrent_kernel", weight, shape, named(layer.node + "/kernel").shape[3]);
  set(layer.node + "/bias", bias);
}

/// The first one reads an image that PyTorch flattens in the order channels, rows, columns.
void Reader::read_dense(const Layer& layer) {
  const std::vector<float> weight = values(layer.module + ".weight");
  set(layer.node + "/bias", values(layer.module + ".bias"));
  if (layer.module != "fc_1") return set(layer.node + "/kernel", weight);
  const auto area = static_cast<size_t>(flattened_area_);
  const auto inputs = static_cast<size_t>(find(tensors_, "fc_1.weight")->shape[1]), channels = inputs / area;
  std::vector<float> turned(weight.size());
  for (size_t row = 0; row < weight.size(); row += inputs)
    for (size_t c = 0; c < channels; ++c)
      for (size_t place = 0; place < area; ++place) turned[row + place * channels + c] = weight[row + c * area + place];
  set(layer.node + "/kernel", turned);
}

void Reader::read_layer(const Layer& layer) {
  switch (layer.kind) {
    case Layer::batch_norm:
      set(layer.node + "/gamma", values(layer.module + ".weight"));
      set(layer.node + "/beta", values(layer.module + ".bias"));
      set(layer.node + "/mean", values(layer.module + ".running_mean"));
      set(layer.node + "/variance", values(layer.module + ".running_var"));
      for (const float one : named(layer.node + "/variance").elements<float>())
        if (!(one >= 0)) throw Error("tensor '" + layer.module + ".running_var' is negative; the file is damaged");
      break;
    case Layer::conv:
      set_turned(layer.node + "/kernel", values(layer.module + ".weight"), find(tensors_, layer.module + ".weight")->shape, 0);
      set(layer.node + "/bias", values(layer.module + ".bias"));
      break;
    case Layer::conv_lstm: read_conv_lstm(layer); break;
    case Layer::dense: read_dense(layer); break;
  }
}

Graph Reader::read() {
  const NetworkWidths found = widths();
  measure_flattened(found);
  graph_ = make_network(architecture_.network, 1, {.widths = found});
  for (Node& node : graph_.nodes)
    if (auto* lstm = std::get_if<ConvLstm2D>(&node.op)) lstm->recurrent_activation = ActivationKind::sigmoid;
  for (int c = 0; c < 3; ++c) {  // torchvision's ToTensor
    graph_.preprocessing.scale[c] = 1.0f / 255;
    graph_.preprocessing.offset[c] = 0;
  }
  for (const Layer& layer : architecture_.layers) read_layer(layer);
  verify(graph_);
  return std::move(graph_);
}

}  // namespace

Graph torch_graph(const std::vector<TorchTensor>& tensors, const ReadStorage& read) {
  return Reader(tensors, recognize(tensors), read).read();
}

}  // namespace slimpilot
