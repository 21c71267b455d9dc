// SPDX-License-Identifier: Apache-2.0
#include "eval/compare_layers.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"

namespace slimpilot {

ChannelMatch::ChannelMatch(size_t channels)
    : channels_(channels),
      ordered_(channels <= kMost),
      products_(ordered_ ? channels * channels : channels),
      references_(channels),
      xs_(channels),
      partner_(channels),
      factor_(channels, 1) {}

void ChannelMatch::add(const std::vector<float>& reference, const std::vector<float>& x) {
  check(reference.size() == x.size() && x.size() % channels_ == 0);
  for (size_t first = 0; first < x.size(); first += channels_)
    for (size_t r = 0; r < channels_; ++r) {
      const double wanted = reference[first + r];
      references_[r] += wanted * wanted, xs_[r] += static_cast<double>(x[first + r]) * x[first + r];
      if (wanted == 0) continue;
      if (ordered_)
        for (size_t c = 0; c < channels_; ++c) products_[r * channels_ + c] += wanted * x[first + c];
      else
        products_[r] += wanted * x[first + r];
    }
}

void ChannelMatch::match() {
  std::iota(partner_.begin(), partner_.end(), size_t{0});
  if (ordered_) {
    struct Pair {
      double alike;
      size_t r, c;
    };
    std::vector<Pair> pairs;
    for (size_t r = 0; r < channels_; ++r)
      for (size_t c = 0; c < channels_; ++c)
        if (product(r, c) > 0) pairs.push_back({product(r, c) / std::sqrt(references_[r] * xs_[c]), r, c});
    std::ranges::stable_sort(pairs, [](const Pair& a, const Pair& b) { return a.alike > b.alike; });
    std::vector<bool> found(channels_), taken(channels_);
    for (const Pair& pair : pairs)
      if (!found[pair.r] && !taken[pair.c]) partner_[pair.r] = pair.c, found[pair.r] = taken[pair.c] = true;
    for (size_t r = 0, c = 0; r < channels_; ++r) {  // the others, such as those that are always zero, in order
      if (found[r]) continue;
      while (taken[c]) ++c;
      partner_[r] = c, taken[c] = true;
    }
  }
  for (size_t r = 0; r < channels_; ++r) {
    const double energy = xs_[partner_[r]];
    factor_[r] = energy > 0 ? product(r, partner_[r]) / energy : 1;
  }
}

void ChannelMatch::apply(const std::vector<float>& x, std::vector<float>& matched) const {
  matched.resize(x.size());
  for (size_t first = 0; first < x.size(); first += channels_)
    for (size_t r = 0; r < channels_; ++r) matched[first + r] = static_cast<float>(x[first + partner_[r]] * factor_[r]);
}

bool ChannelMatch::reordered() const {
  for (size_t r = 0; r < channels_; ++r)
    if (partner_[r] != r && references_[r] > 0 && xs_[partner_[r]] > 0) return true;
  return false;
}

bool ChannelMatch::scaled() const {
  return std::ranges::any_of(factor_, [](double factor) { return std::abs(factor - 1) > 0.05; });
}

namespace {

struct Layer {
  const TensorView *value, *reference;
  ChannelMatch match;
  DeviationSums sums;
};

class Comparison {
 public:
  Comparison(const Graph& graph, const Graph& reference)
      : plan_(graph, {.keep_all_values = true}),
        reference_plan_(reference, {.keep_all_values = true}),
        session_(plan_),
        reference_session_(reference_plan_),
        preprocessing_(graph.preprocessing),
        reference_preprocessing_(reference.preprocessing) {
    std::set<std::string> only_moved;
    for (const Node& node : reference.nodes)
      if (std::holds_alternative<Reshape>(node.op)) only_moved.insert(reference.value(node.output).name);
    for (const TensorView& r : reference_plan_.values())
      for (const TensorView& v : plan_.values())
        if (v.name == r.name && v.shape == r.shape && !only_moved.contains(r.name))
          layers.push_back({&v, &r, ChannelMatch(r.shape.empty() ? 1 : static_cast<size_t>(r.shape.back())), {}});
  }

  /// Calls observe(layer, the reference's numbers, the other's) for each layer and frame.
  template <class F>
  void run(const Dataset& dataset, const std::string& title, const ProgressOutput& output, F&& observe) {
    FrameReader reader(dataset, preprocessing_, plan_.inputs()[0], plan_.isa());
    FrameReader reference_reader(dataset, reference_preprocessing_, reference_plan_.inputs()[0], plan_.isa());
    const bool remembers = !plan_.states().empty() || !reference_plan_.states().empty();
    const std::vector<ShownFrame> shown = shown_frames(dataset.frames, remembers ? kAllBefore : 0);
    Progress progress(title, shown.size(), output);
    std::vector<float> x, r;
    for (const ShownFrame& frame : shown) {
      check_cancelled();
      if (frame.is_first) session_.reset_state(), reference_session_.reset_state();
      reader.read(frame.id, session_.input());
      reference_reader.read(frame.id, reference_session_.input());
      session_.run();
      reference_session_.run();
      for (Layer& layer : layers) {
        if (!frame.counts) break;
        x.clear(), r.clear();
        session_.read(*layer.value, x);
        reference_session_.read(*layer.reference, r);
        observe(layer, r, x);
      }
      progress.advance();
    }
  }

  std::vector<Layer> layers;

 private:
  Plan plan_, reference_plan_;
  Session session_, reference_session_;
  Preprocessing preprocessing_, reference_preprocessing_;
};

}  // namespace

std::vector<LayerDeviation> compare_layers(const Graph& graph, const Graph& reference, const Dataset& dataset,
                                           const ProgressOutput& output) {
  using Numbers = std::vector<float>;
  Comparison comparison(graph, reference);
  comparison.run(dataset, "matching channels", output,
                 [](Layer& layer, const Numbers& r, const Numbers& x) { layer.match.add(r, x); });
  for (Layer& layer : comparison.layers) layer.match.match();
  Numbers matched;
  comparison.run(dataset, "comparing layers", output, [&](Layer& layer, const Numbers& r, const Numbers& x) {
    layer.match.apply(x, matched);
    for (size_t i = 0; i < r.size(); ++i) layer.sums.add(r[i], matched[i]);
  });
  std::vector<LayerDeviation> deviations;
  for (const Layer& layer : comparison.layers)
    deviations.push_back({layer.reference->name, layer.sums.result(), layer.match.reordered(), layer.match.scaled()});
  return deviations;
}

}  // namespace slimpilot
