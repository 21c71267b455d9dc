// SPDX-License-Identifier: Apache-2.0
// oneDNN's side of scripts/compare_peers: a network as onednn_files.py writes it, one primitive after the other, see
// server_loop.h. Every primitive chooses the layouts of its weights and values; weights are brought into them before. Of an
// int8 convolution or dense layer the weights have one scale per output. The clock covers what follows the input's layout.
//
// usage: onednn_server STEM INPUTS_FILE [integers]     reads STEM.txt, STEM.weights and frames (NCHW, float);
//                                                      integers: the input's quantization is before the clock, too
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <oneapi/dnnl/dnnl.hpp>

#include "server_loop.h"

namespace slimpilot {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Type = memory::data_type;
using Tag = memory::format_tag;

struct Step {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
};

struct Quantization {
  Type type = Type::f32;
  float scale = 1;
};

std::vector<float> read_floats(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty()) throw std::runtime_error(path + ": cannot be read");
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), numbers.size() * sizeof(float), reinterpret_cast<char*>(numbers.data()));
  return numbers;
}

void append_activation(dnnl::post_ops& operations, const std::string& name) {
  if (name == "relu") operations.append_eltwise(1, algorithm::eltwise_relu, 0, 0);
  if (name == "clip") operations.append_eltwise(1, algorithm::eltwise_clip, 0, 1);
  if (name == "tanh") operations.append_eltwise(1, algorithm::eltwise_tanh, 0, 0);
}

class Network {
 public:
  Network(const std::string& stem, bool integers) : integers_(integers), weights_(read_floats(stem + ".weights")) {
    std::ifstream file(stem + ".txt");
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      add(words);
    }
    if (!output_) throw std::runtime_error(stem + ".txt: names no output");
  }

  int64_t run(const float* frame) {
    const memory& input = values_.at(input_);
    memory plain({input.get_desc().dims(), Type::f32, Tag::nchw}, engine_, const_cast<float*>(frame));
    dnnl::reorder(plain, input).execute(stream_, plain, const_cast<memory&>(input));
    execute(before_);
    return nanoseconds_of([&] { execute(steps_); });
  }

  std::vector<float> outputs() const {
    const auto* numbers = static_cast<const float*>(output_.get_data_handle());
    return {numbers, numbers + output_.get_desc().dims()[1]};
  }

  size_t input_size() const {
    const auto dims = values_.at(input_).get_desc().dims();
    return std::accumulate(dims.begin(), dims.end(), size_t{1}, [](size_t a, auto b) { return a * static_cast<size_t>(b); });
  }

 private:
  void execute(std::vector<Step>& steps) {
    for (Step& step : steps) step.primitive.execute(stream_, step.arguments);
    stream_.wait();
  }

  void add(std::istringstream& words) {
    std::string kind, target, source;
    words >> kind >> target;
    if (kind == "output") output_ = in_layout(target, {values_.at(target).get_desc().dims(), Type::f32, Tag::ab});
    if (kind == "output") return;
    if (kind == "input") return add_input(target, words);
    if (kind == "type") return add_type(target, words);
    words >> source;
    if (kind == "conv") return add_convolution(target, source, words);
    if (kind == "dense") return add_dense(target, source, words);
    if (kind == "quantize") return add_quantize(target, source);
    if (kind == "mul" || kind == "scale") return add_product(kind, target, source, words);
    add_activation(kind, target, source);
  }

  void add_input(const std::string& name, std::istringstream& words) {
    memory::dims dims{1, 0, 0, 0};
    std::string layout;
    words >> dims[1] >> dims[2] >> dims[3] >> layout;
    input_ = name;
    values_[name] = memory({dims, Type::f32, layout == "nhwc" ? Tag::nhwc : Tag::nchw}, engine_);
  }

  void add_type(const std::string& name, std::istringstream& words) {
    std::string type;
    Quantization& quantization = quantizations_[name];
    words >> type >> quantization.scale;
    quantization.type = type == "u8" ? Type::u8 : Type::s8;
  }

  Quantization quantization(const std::string& value) const {
    const auto found = quantizations_.find(value);
    return found == quantizations_.end() ? Quantization{} : found->second;
  }

  memory next_weights(const memory::dims& dims, Tag tag) {
    const memory::desc description(dims, Type::f32, tag);
    if (position_ + description.get_size() / sizeof(float) > weights_.size()) throw std::runtime_error("weights are missing");
    memory view(description, engine_, weights_.data() + position_);
    position_ += description.get_size() / sizeof(float);
    return view;
  }

  /// The value in the wanted layout, by a step of its own where it has another one.
  memory in_layout(const std::string& value, const memory::desc& wanted) {
    memory& source = values_.at(value);
    if (source.get_desc() == wanted) return source;
    memory target(wanted, engine_);
    (value == input_ ? before_ : steps_)
        .push_back({dnnl::reorder(source, target), {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}}});
    return target;
  }

  /// Weights and bias as the primitive wants them; `scales` of the weights only for integers.
  template <typename Description>
  void add_weights(Step& step, const Description& description, const memory& weights, const memory& bias,
                   const std::vector<float>& scales) {
    dnnl::primitive_attr attributes;
    std::vector<float> inverse(scales.size());
    std::transform(scales.begin(), scales.end(), inverse.begin(), [](float scale) { return 1 / scale; });
    if (!scales.empty()) attributes.set_output_scales(1, inverse);
    memory packed(description.weights_desc(), engine_), from = weights;
    dnnl::reorder(from, packed, attributes).execute(stream_, from, packed);
    stream_.wait();
    step.arguments[DNNL_ARG_WEIGHTS] = packed;
    step.arguments[DNNL_ARG_BIAS] = bias;
  }

  /// The largest weight of each output becomes 127.
  std::vector<float> weight_scales(const memory& weights) const {
    const auto outputs = static_cast<size_t>(weights.get_desc().dims()[0]);
    const size_t size = weights.get_desc().get_size() / sizeof(float) / outputs;
    const auto* numbers = static_cast<const float*>(weights.get_data_handle());
    std::vector<float> scales(outputs, 1e-9f);
    for (size_t i = 0; i < outputs * size; ++i) scales[i / size] = std::max(scales[i / size], std::abs(numbers[i]) / 127);
    return scales;
  }

  /// A convolution or dense layer; `describe(source, weights, bias, target)` gives its description.
  template <typename Primitive, typename Describe>
  void add_weighted(const std::string& target, const std::string& source, const memory& weights, memory bias,
                    const memory::dims& target_dims, const std::string& activation, Describe&& describe) {
    const Quantization from = quantization(source), to = quantization(target);
    const bool is_integer = from.type != Type::f32;
    dnnl::primitive_attr attributes;
    std::vector<float> scales;
    if (is_integer) {
      scales = weight_scales(weights);
      std::vector<float> results(scales.size());
      auto* terms = static_cast<float*>(bias.get_data_handle());
      for (size_t i = 0; i < scales.size(); ++i) {
        results[i] = from.scale * scales[i] / to.scale;
        terms[i] /= from.scale * scales[i];  // it is added to the integers
      }
      attributes.set_output_scales(scales.size() > 1 ? 2 : 0, results);
    }
    dnnl::post_ops operations;
    append_activation(operations, activation);
    attributes.set_post_ops(operations);
    const auto any = [](const memory::dims& dims, Type type) { return memory::desc(dims, type, Tag::any); };
    const typename Primitive::primitive_desc description(
        describe(any(values_.at(source).get_desc().dims(), from.type),
                 any(weights.get_desc().dims(), is_integer ? Type::s8 : Type::f32), bias.get_desc(), any(target_dims, to.type)),
        attributes, engine_);
    Step step{Primitive(description), {{DNNL_ARG_SRC, in_layout(source, description.src_desc())}}};
    add_weights(step, description, weights, bias, scales);
    values_[target] = step.arguments[DNNL_ARG_DST] = memory(description.dst_desc(), engine_);
    steps_.push_back(step);
  }

  void add_convolution(const std::string& target, const std::string& source, std::istringstream& words) {
    memory::dims kernel(4), strides(2), before(2), after(2);
    std::string activation;
    for (auto* dims : {&kernel, &strides, &before, &after})
      for (auto& number : *dims) words >> number;
    if (!(words >> activation)) throw std::runtime_error("a convolution is not complete");
    const memory weights = next_weights(kernel, Tag::oihw), bias = next_weights({kernel[0]}, Tag::a);
    memory::dims dims = values_.at(source).get_desc().dims();
    for (size_t i = 0; i < 2; ++i) dims[2 + i] = (dims[2 + i] + before[i] + after[i] - kernel[2 + i]) / strides[i] + 1;
    dims[1] = kernel[0];
    using Convolution = dnnl::convolution_forward;
    add_weighted<Convolution>(target, source, weights, bias, dims, activation, [&](auto x, auto w, auto b, auto y) {
      return Convolution::desc(prop_kind::forward_inference, algorithm::convolution_auto, x, w, b, y, strides, before, after);
    });
  }

  void add_dense(const std::string& target, const std::string& source, std::istringstream& words) {
    memory::dim units = 0, inputs = 0;
    std::string activation;
    if (!(words >> units >> inputs >> activation)) throw std::runtime_error("a dense layer is not complete");
    memory::dims dims = values_.at(source).get_desc().dims();
    dims[0] = units;
    const memory weights = next_weights(dims, dims.size() == 4 ? Tag::oihw : Tag::ab), bias = next_weights({units}, Tag::a);
    using Dense = dnnl::inner_product_forward;
    add_weighted<Dense>(target, source, weights, bias, {1, units}, activation,
                        [](auto x, auto w, auto b, auto y) { return Dense::desc(prop_kind::forward_inference, x, w, b, y); });
  }

  void add_quantize(const std::string& target, const std::string& source) {
    const Quantization to = quantization(target);
    memory from = values_.at(source);
    const memory::dims dims = from.get_desc().dims();
    memory& made = values_[target] = memory({dims, to.type, dims.size() == 4 ? Tag::nhwc : Tag::ab}, engine_);
    dnnl::primitive_attr attributes;
    attributes.set_output_scales(0, {1 / to.scale});
    (integers_ && source == input_ ? before_ : steps_)
        .push_back({dnnl::reorder(from, made, attributes), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, made}}});
  }

  /// `mul`: of two values; `scale`: a factor per channel, then a term.
  void add_product(const std::string& kind, const std::string& target, const std::string& source, std::istringstream& words) {
    memory first = values_.at(source), second, term;
    const memory::desc layout = first.get_desc();
    dnnl::primitive_attr attributes;
    dnnl::post_ops operations;
    std::string name, activation;
    if (kind == "scale") {
      const memory::dims channels{1, layout.dims()[1], 1, 1};
      second = next_weights(channels, Tag::nchw), term = next_weights(channels, Tag::nchw);
      operations.append_binary(algorithm::binary_add, term.get_desc());
    } else {
      words >> name >> activation;
      second = in_layout(name, layout);
      append_activation(operations, activation);
    }
    attributes.set_post_ops(operations);
    const dnnl::binary::desc product(algorithm::binary_mul, layout, second.get_desc(), layout);
    const memory result = values_[target] = memory(layout, engine_);
    Step step{dnnl::binary({product, attributes, engine_}),
              {{DNNL_ARG_SRC_0, first}, {DNNL_ARG_SRC_1, second}, {DNNL_ARG_DST, result}}};
    if (term) step.arguments[DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1] = term;
    steps_.push_back(step);
  }

  void add_activation(const std::string& kind, const std::string& target, const std::string& source) {
    if (kind != "tanh" && kind != "clip") throw std::runtime_error("there is no primitive for " + kind);
    const memory from = values_.at(source), to = values_[target] = memory(from.get_desc(), engine_);
    const algorithm function = kind == "tanh" ? algorithm::eltwise_tanh : algorithm::eltwise_clip;
    const dnnl::eltwise_forward::desc description(prop_kind::forward_inference, function, from.get_desc(), 0, 1);
    steps_.push_back({dnnl::eltwise_forward({description, engine_}), {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}}});
  }

  bool integers_;
  std::vector<float> weights_;
  size_t position_ = 0;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::map<std::string, Quantization> quantizations_;
  std::map<std::string, memory> values_;
  std::string input_;
  memory output_;
  std::vector<Step> before_, steps_;
};

std::string isa_name() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41: return "sse4.1";
    case dnnl::cpu_isa::avx: return "avx";
    case dnnl::cpu_isa::avx2: return "avx2";
    case dnnl::cpu_isa::avx2_vnni: return "avx2vnni";
    case dnnl::cpu_isa::avx512_core: return "avx512";
    case dnnl::cpu_isa::avx512_core_vnni: return "avx512vnni";
    case dnnl::cpu_isa::avx512_core_bf16: return "avx512bf16";
    default: return "the best";
  }
}

}  // namespace
}  // namespace slimpilot

int main(int argc, char** argv) {
  try {
    if (argc != 3 && argc != 4) throw std::runtime_error("usage: onednn_server STEM INPUTS_FILE [integers]");
    slimpilot::Network network(argv[1], argc == 4);
    const std::vector<float> frames = slimpilot::read_floats(argv[2]);
    const size_t size = network.input_size();
    slimpilot::answer_requests(
        frames.size() / size, slimpilot::isa_name(), [&](size_t frame) { return network.run(frames.data() + frame * size); },
        [&] { return network.outputs(); });
  } catch (const std::exception& e) {
    std::cout << "error " << e.what() << std::endl;
    return 1;
  }
}
