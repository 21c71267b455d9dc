// SPDX-License-Identifier: Apache-2.0
// The training loop.
#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>

#include "base/error.h"
#include "host/atomic_file.h"
#include "training/adam.h"
#include "training/checkpoint.h"
#include "training/frame_cache.h"
#include "training/gradient_rule.h"
#include "training/libtorch/threads.h"
#include "training/libtorch/torch_graph.h"
#include "training/schedule.h"
#include "training/settings.h"

namespace slimpilot {
namespace {

constexpr uint64_t kDropoutStream = 1, kAugmentationStream = 2;
constexpr size_t kValidationBatch = 64;

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

int thread_count(const TrainOptions& options) {
  return options.threads > 0 ? options.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

at::Tensor tensor_of(const std::vector<float>& numbers, std::vector<int64_t> shape) {
  return at::from_blob(const_cast<float*>(numbers.data()), shape, at::kFloat);
}

/// What a step of training is measured in: the root mean square of the numbers that are not zero, but at least .001 (Shazeer
/// and Stern 2018), less by √(K/100) where K > 100 weights make an output. When all of them move the same way, the output
/// changes by K steps and is itself as large as √K weights (Yang et al. 2021).
double step_size_of(const at::Tensor& tensor) {
  const double nonzero = std::max<double>(1, static_cast<double>(tensor.count_nonzero().item<int64_t>()));
  const double size = std::max(1e-3, std::sqrt(tensor.square().sum(at::kDouble).item<double>() / nonzero));
  const double per_output = tensor.dim() > 1 ? static_cast<double>(tensor.numel() / tensor.size(0)) : 1;
  return size * std::min(1.0, 10 / std::sqrt(per_output));
}

/// The frames of a run in memory.
struct Frames {
  FrameCache training, validation;
  Frames(const TrainData& data, const Graph& graph, const TrainOutput& output)
      : training(data.training, graph, "reading training frames", output.progress),
        validation(data.validation, graph, "reading validation frames", output.progress) {}
};

class Trainer {
 public:
  Trainer(const Graph& graph, const TrainData& data, const Frames& frames, const TrainOptions& options, const TrainFiles& files,
          const TrainOutput& output)
      : data_(data),
        frames_(frames),
        options_(options),
        files_(files),
        output_(output),
        samples_(make_samples(data.training, {options.mirror, options.balance})),
        settings_(settings_text(graph, data, options, thread_count(options))),
        network_(graph, {options.is_new ? dropout_of(graph) : std::vector<DropoutAt>{}, options.learn_ranges}),
        input_(graph.value(graph.inputs[0]).shape) {
    if (options.teacher != nullptr) teacher_.emplace(*options.teacher);
    for (const auto& p : network_.parameters()) {
      rules_.push_back(p.trainable && p.value != kNoValue ? GradientRule(graph.value(p.value)) : GradientRule());
      step_sizes_.push_back(options.relative_steps && p.value != kNoValue ? step_size_of(p.tensor) : 1);
      const size_t moments = p.trainable ? static_cast<size_t>(p.tensor.numel()) : 0;
      first_moments_.emplace_back(moments);
      second_moments_.emplace_back(moments);
    }
    if (options.resume) restore(read_checkpoint(files.checkpoint, settings_));
  }

  Graph run() {
    if (options_.keep_start && history_.empty()) {
      EpochResult start;
      validate(start);
      least_loss_ = start.validation_loss;
      best_ = weights();
    }
    while (!is_finished(options_, history_)) {
      history_.push_back(run_epoch());
      if (history_.back().is_best) best_ = weights();
      save();
      if (output_.on_epoch) output_.on_epoch(history_.back());
    }
    set_weights(best_);
    return network_.to_graph();
  }

 private:
  /// Of a network by name; other untrained graphs, as tests have, drop nothing.
  static std::vector<DropoutAt> dropout_of(const Graph& graph) {
    const auto names = network_names();
    return std::ranges::find(names, graph.name) == names.end() ? std::vector<DropoutAt>{} : network_dropout(graph.name);
  }

  EpochResult run_epoch() {
    EpochResult result{.epoch = static_cast<int>(history_.size()) + 1};
    const auto epoch = static_cast<uint64_t>(result.epoch);
    const auto order = epoch_samples(samples_, options_.epoch_frames, options_.seed, result.epoch);
    const auto generator = at::detail::createCPUGenerator(stream_seed({options_.seed, epoch, kDropoutStream}));
    const uint64_t augmentation_seed = stream_seed({options_.seed, epoch, kAugmentationStream});
    Progress progress("epoch " + std::to_string(epoch), order.size(), output_.progress);
    const double start_s = now_s();
    const auto batch_size = static_cast<size_t>(options_.batch);
    for (size_t first = 0; first < order.size(); first += batch_size) {
      check_cancelled();
      const auto samples = std::span(order).subspan(first, std::min(batch_size, order.size() - first));
      frames_.training.read(samples, options_.augmentations, augmentation_seed, first, batch_);
      const double middle =
          static_cast<double>(first) + static_cast<double>(samples.size()) / 2;  // an epoch of one batch learns too
      const double done = middle / static_cast<double>(order.size());
      const double rate = next_learning_rate(options_, history_, done);
      result.learning_rate = std::max(result.learning_rate, rate);
      result.train_loss += learn(samples.size(), rate, generator) * static_cast<double>(samples.size());
      progress.advance(samples.size());
    }
    result.images_per_s = static_cast<double>(order.size()) / (now_s() - start_s);
    result.train_loss /= static_cast<double>(order.size());
    validate(result);
    if (!std::isfinite(result.train_loss) || !std::isfinite(result.validation_loss))
      throw Error("the loss is no longer a finite number in epoch " + std::to_string(epoch) +
                  "; try a smaller --learning-rate, and check the labels' ranges in --outputs");
    result.is_best = result.validation_loss < least_loss_;
    for (const EpochResult& e : history_) result.is_best &= result.validation_loss < e.validation_loss;
    return result;
  }

  /// One step on batch_; returns its loss.
  double learn(size_t count, double rate, const at::Generator& generator) {
    ++steps_;
    ForwardMode mode{.training = true, .generator = generator};
    if (options_.is_new) mode.statistics_momentum = std::max(mode.statistics_momentum, 1.0 / static_cast<double>(steps_));
    const at::Tensor loss = at::mse_loss(network_.forward(inputs(count), mode), wanted(count));
    loss.backward();
    for (size_t i = 0; i < network_.parameters().size(); ++i) {
      at::Tensor& tensor = network_.parameters()[i].tensor;
      if (!tensor.grad().defined()) continue;  // the recurrent kernel of a ConvLSTM that runs one step
      step_parameter(tensor, i, rate * step_sizes_[i]);
      tensor.mutable_grad().reset();
    }
    return loss.item<double>();
  }

  void step_parameter(at::Tensor& tensor, size_t i, double rate) {
    at::Tensor gradient = tensor.grad().contiguous();
    if (!rules_[i].is_free()) rules_[i].apply({gradient.data_ptr<float>(), static_cast<size_t>(gradient.numel())});
    float* const weights = tensor.data_ptr<float>();
    constexpr int64_t grain = 1 << 14;
    at::parallel_for(0, tensor.numel(), grain, [&](int64_t from, int64_t to) {
      const auto first = static_cast<size_t>(from), count = static_cast<size_t>(to - from);
      adam_step({weights + first, count}, {gradient.data_ptr<float>() + first, count},
                {std::span(first_moments_[i]).subspan(first, count), std::span(second_moments_[i]).subspan(first, count)}, rate,
                steps_);
    });
  }

  void validate(EpochResult& result) {
    const at::NoGradGuard no_gradients;
    const auto outputs = static_cast<double>(data_.validation.columns.size());
    for (size_t first = 0; first < data_.validation.size(); first += kValidationBatch) {
      check_cancelled();
      std::vector<Sample> samples;
      for (size_t i = first; i < std::min(first + kValidationBatch, data_.validation.size()); ++i)
        samples.push_back({static_cast<uint32_t>(i), false});
      frames_.validation.read(samples, {}, 0, 0, batch_);
      const at::Tensor error = network_.forward(inputs(samples.size())) - wanted(samples.size());
      result.validation_loss += error.square().sum().item<double>();
      result.validation_mae += error.abs().sum().item<double>();
    }
    const double count = outputs * static_cast<double>(data_.validation.size());
    result.validation_loss /= count;
    result.validation_mae /= count;
  }

  at::Tensor inputs(size_t count) const {
    std::vector<int64_t> shape(input_.begin(), input_.end());
    shape[0] = static_cast<int64_t>(count);
    return tensor_of(batch_.inputs, shape);
  }
  at::Tensor labels(size_t count) const {
    return tensor_of(batch_.labels, {static_cast<int64_t>(count), static_cast<int64_t>(batch_.labels.size() / count)});
  }

  /// What the network should say of batch_.
  at::Tensor wanted(size_t count) const {
    if (!teacher_) return labels(count);
    const at::NoGradGuard no_gradients;
    return labels(count).lerp(teacher_->forward(inputs(count)), options_.teacher_share);
  }

  std::vector<float> weights() const {
    std::vector<float> all;
    for (const auto& p : network_.parameters()) {
      const float* first = p.tensor.data_ptr<float>();
      all.insert(all.end(), first, first + p.tensor.numel());
    }
    return all;
  }
  void set_weights(const std::vector<float>& all) {
    const float* next = all.data();
    for (auto& p : network_.parameters()) {
      const auto count = static_cast<size_t>(p.tensor.numel());
      std::memcpy(p.tensor.data_ptr<float>(), next, count * sizeof(float));
      next += count;
    }
  }

  void save() const {
    if (!files_.log.empty()) write_file_atomically(files_.log, history_csv(history_));
    if (files_.checkpoint.empty()) return;
    Checkpoint c{.settings = settings_, .steps = steps_, .history = history_, .arrays = {weights(), best_}};
    c.arrays.insert(c.arrays.end(), first_moments_.begin(), first_moments_.end());
    c.arrays.insert(c.arrays.end(), second_moments_.begin(), second_moments_.end());
    write_checkpoint(c, files_.checkpoint);
  }

  void restore(Checkpoint c) {
    const size_t count = weights().size(), tensors = first_moments_.size();
    bool fits = c.arrays.size() == 2 + 2 * tensors && c.arrays[0].size() == count && c.arrays[1].size() == count;
    for (size_t i = 0; fits && i < 2 * tensors; ++i) fits = c.arrays[2 + i].size() == first_moments_[i % tensors].size();
    if (!fits) throw Error(files_.checkpoint.string() + " does not fit this network; delete it to start again");
    set_weights(c.arrays[0]);
    best_ = std::move(c.arrays[1]);
    for (size_t i = 0; i < tensors; ++i) {
      first_moments_[i] = std::move(c.arrays[2 + i]);
      second_moments_[i] = std::move(c.arrays[2 + tensors + i]);
    }
    steps_ = c.steps;
    history_ = std::move(c.history);
  }

  const TrainData& data_;
  const Frames& frames_;
  const TrainOptions& options_;
  const TrainFiles& files_;
  const TrainOutput& output_;
  std::vector<Sample> samples_;
  std::string settings_;
  TorchGraph network_;
  std::optional<TorchGraph> teacher_;
  Shape input_;
  Batch batch_;
  std::vector<GradientRule> rules_;
  std::vector<double> step_sizes_;
  std::vector<std::vector<float>> first_moments_, second_moments_;
  std::vector<float> best_;
  std::vector<EpochResult> history_;
  int64_t steps_ = 0;
  double least_loss_ = std::numeric_limits<double>::infinity();  // of the start, if it competes
};

/// Without libtorch's backtrace.
template <class F>
auto with_plain_errors(F&& work) {
  try {
    return work();
  } catch (const c10::Error& e) {  // out of memory, mostly
    throw Error(std::string("libtorch: ") + e.what_without_backtrace());
  }
}

class LibtorchFineTuner : public FineTuner {
 public:
  LibtorchFineTuner(const Graph& graph, TrainData data, const TrainOptions& options, const TrainOutput& output)
      : data_(std::move(data)), options_(options), output_(output), frames_(data_, graph, output) {}

  Graph tune(const Graph& graph, const TuneOptions& tune) override {
    TrainOptions options = options_;
    options.epochs = tune.epochs, options.learning_rate = tune.learning_rate, options.teacher = tune.teacher;
    options.teacher_share = tune.teacher_share;
    options.keep_start = options.relative_steps = true, options.learn_ranges = tune.learn_ranges;
    return with_plain_errors([&] { return Trainer(graph, data_, frames_, options, {}, output_).run(); });
  }

 private:
  TrainData data_;
  TrainOptions options_;
  TrainOutput output_;
  Frames frames_;
};

}  // namespace

Graph train(const Graph& graph, const TrainData& data, const TrainOptions& options, const TrainFiles& files,
            const TrainOutput& output) {
  set_training_threads(thread_count(options));
  if (!files.log.empty() && !options.resume) write_file_atomically(files.log, history_csv({}));  // fails now if it ever will
  return with_plain_errors([&] {
    const Frames frames(data, graph, output);
    return Trainer(graph, data, frames, options, files, output).run();
  });
}

std::unique_ptr<FineTuner> make_fine_tuner(const Graph& graph, TrainData data, const TrainOptions& options,
                                           const TrainOutput& output) {
  set_training_threads(thread_count(options));
  return with_plain_errors([&] { return std::make_unique<LibtorchFineTuner>(graph, std::move(data), options, output); });
}

}  // namespace slimpilot
