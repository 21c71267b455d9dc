// SPDX-License-Identifier: Apache-2.0
// The networks by name, as DeepLearningStudio defines them.
#include "graph/networks.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "graph/network_builder.h"

namespace slimpilot {
namespace {

/// x/255.
void normalize_unit(Preprocessing& p) {
  for (float& scale : p.scale) scale = 1.0f / 255;
}

/// (x/255 − mean)/deviation with the means and deviations of ImageNet.
void normalize_imagenet(Preprocessing& p) {
  constexpr float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
  for (int c = 0; c < 3; ++c) {
    p.scale[c] = 1 / (255 * deviation[c]);
    p.offset[c] = -mean[c] / deviation[c];
  }
}

/// Of ten consecutive frames the first, the fifth and the last.
void see_ten_frames(Preprocessing& p) { p.frames_back = {9, 5, 0}; }

void dense_layers(NetworkBuilder& b, const std::vector<int>& units) {
  for (size_t i = 0; i + 1 < units.size(); ++i) b.dense(units[i]);
  b.dense(units.back(), ActivationKind::none);
}

/// PilotNet's convolutions: three of 5×5 that halve the image, then 3×3.
void pilotnet_convs(NetworkBuilder& b, const std::vector<int>& filters, Padding padding) {
  for (size_t i = 0; i < filters.size(); ++i) b.conv({filters[i], i < 3 ? 5 : 3, i < 3 ? 2 : 1, padding});
}

struct Request {
  std::string_view name;
  const NetworkWidths& widths;
  uint64_t seed;
  const NetworkOptions& options;
};

Graph pilotnet(const Request& r) {
  const bool same = r.name == "pilotnet_same", stacked = r.name == "pilotnet_stacked";
  NetworkBuilder b(r.name, {1, 66, 200, stacked ? 6 : 3}, r.seed, r.options);
  if (same)
    normalize_imagenet(b.preprocessing());
  else
    normalize_unit(b.preprocessing());
  b.batch_norm();
  pilotnet_convs(b, r.widths.convs, same ? Padding::same : Padding::valid);
  b.flatten();
  dense_layers(b, r.widths.dense);
  return b.finish();
}

Graph deepest_lstm_tiny_pilotnet(const Request& r) {
  NetworkBuilder b(r.name, {1, 50, 100, 3}, r.seed, r.options);
  normalize_imagenet(b.preprocessing());
  for (const int filters : r.widths.convs) b.conv({filters, 3, 2});
  const Shape image = b.shape();
  b.reshape("reshape", {1, 1, image[1], image[2], image[3]});
  for (size_t i = 0; i < r.widths.lstms.size(); ++i) b.conv_lstm(r.widths.lstms[i], 5, i + 1 < r.widths.lstms.size());
  b.flatten();
  dense_layers(b, r.widths.dense);
  return b.finish();
}

Graph pilotnet_x3(const Request& r) {
  NetworkBuilder b(r.name, {1, 3, 50, 100, 3}, r.seed, r.options);
  normalize_imagenet(b.preprocessing());
  see_ten_frames(b.preprocessing());
  b.batch_norm();
  b.frames();
  pilotnet_convs(b, r.widths.convs, Padding::same);
  const int frames = b.shape()[0];
  b.reshape("flatten", {1, frames, static_cast<int>(element_count(b.shape())) / frames});
  for (size_t i = 0; i < r.widths.lstms.size(); ++i) b.lstm(r.widths.lstms[i], i + 1 < r.widths.lstms.size());
  dense_layers(b, r.widths.dense);
  return b.finish();
}

/// PilotNet's convolutions over three frames: three of 5×5×5 that halve image and time, then 3×3×3. The result is one frame.
void pilotnet_convs3d(NetworkBuilder& b, const std::vector<int>& filters, bool normalized) {
  for (size_t i = 0; i < filters.size(); ++i) {
    if (i > 0) b.sequence();
    b.conv3d(filters[i], i < 3 ? 5 : 3, i < 3 ? 2 : 1);
    if (normalized) b.batch_norm();
  }
}

Graph pilotnet_x3_conv3d(const Request& r) {
  NetworkBuilder b(r.name, {1, 3, 66, 200, 3}, r.seed, r.options);
  normalize_imagenet(b.preprocessing());
  see_ten_frames(b.preprocessing());
  b.batch_norm();
  pilotnet_convs3d(b, r.widths.convs, true);
  b.global_average_pool();
  for (size_t i = 0; i + 1 < r.widths.dense.size(); ++i) {
    b.dense(r.widths.dense[i]);
    b.batch_norm();
  }
  b.dense(r.widths.dense.back(), ActivationKind::none);
  return b.finish();
}

Graph memdccp(const Request& r) {
  NetworkBuilder b(r.name, {1, 3, 50, 100, 3}, r.seed, r.options);
  normalize_imagenet(b.preprocessing());
  see_ten_frames(b.preprocessing());
  b.batch_norm();
  pilotnet_convs3d(b, r.widths.convs, false);
  const Shape image = b.shape();
  // So it is defined: the same numbers in another shape, not another order. Rows become channels, and channels columns.
  b.reshape("reshape", {1, 1, image[2], image[3], image[1]});
  for (size_t i = 0; i < r.widths.lstms.size(); ++i) b.conv_lstm(r.widths.lstms[i], 5, i + 1 < r.widths.lstms.size());
  b.flatten();
  dense_layers(b, r.widths.dense);
  return b.finish();
}

/// Four branches side by side; `filters`: reduced and full 3×3, reduced and full 5×5, pooled, 1×1. The first module reduces for
/// 5×5 with 3×3 cells, and the last branch has no activation.
void inception(NetworkBuilder& b, const std::array<int, 6>& filters, bool is_first) {
  const ValueId input = b.last();
  b.conv({filters[0], 1});
  b.conv({filters[1], 3, 1, Padding::same});
  const ValueId by3 = b.last();
  b.go_back_to(input);
  b.conv({filters[2], is_first ? 3 : 1});
  if (is_first) b.pad(3);  // one cell more than `same`, for those that the 3×3 took
  b.conv({filters[3], 5, 1, is_first ? Padding::valid : Padding::same});
  const ValueId by5 = b.last();
  b.go_back_to(input);
  b.max_pool(3, 1);
  b.pad(1);
  b.conv({filters[4], 1});
  const ValueId pooled = b.last();
  b.go_back_to(input);
  b.conv({filters[5], 1, 1, Padding::valid, false});
  b.concat_channels({b.last(), by3, by5, pooled});
}

/// Rojas-Perez and Martinez-Carranza 2020. One head per output.
Graph deeppilot(const Request& r) {
  NetworkBuilder b(r.name, {1, 224, 224, 3}, r.seed, r.options);
  normalize_unit(b.preprocessing());
  const std::vector<int>& convs = r.widths.convs;
  const auto module = [&](size_t first) {
    std::array<int, 6> filters;
    std::copy_n(convs.begin() + static_cast<std::ptrdiff_t>(first), filters.size(), filters.begin());
    inception(b, filters, first == 3);
  };
  constexpr float epsilon = 1e-5f;
  b.conv({convs[0], 7, 2});
  b.max_pool(3, 2);
  b.batch_norm(epsilon);
  b.relu("batch_norm");
  b.conv({convs[1], 1});
  b.conv({convs[2], 3});
  b.batch_norm(epsilon);
  b.relu("batch_norm2");
  b.max_pool(3, 2);
  module(3);
  module(9);
  b.max_pool(3, 2);
  module(15);
  b.average_pool(5, 3);
  b.conv({convs[21], 1});
  b.flatten();
  const ValueId features = b.last();
  for (int head = 0; head < r.widths.dense[1]; ++head) {
    b.go_back_to(features);
    b.dense(r.widths.dense[0]);
    b.dense(1, ActivationKind::none);
    b.output();
  }
  return b.finish();
}

const std::vector<int> kPilotNetConvs{24, 36, 48, 64, 64}, kPilotNetDense{1164, 100, 50, 10, 2};

struct Network {
  std::string_view name;
  Graph (*make)(const Request&);
  NetworkWidths widths;
  std::vector<DropoutAt> dropout = {};
};

const std::vector<Network>& networks() {
  static const std::vector<Network> all{
      {"pilotnet", pilotnet, {kPilotNetConvs, {}, kPilotNetDense}},
      {"pilotnet_same", pilotnet, {kPilotNetConvs, {}, kPilotNetDense}},
      {"deepest_lstm_tiny_pilotnet", deepest_lstm_tiny_pilotnet, {{8, 8, 8}, {8, 8, 8}, {50, 10, 2}}, {{"reshape", .2}}},
      {"pilotnet_stacked", pilotnet, {{36, 48, 64, 80, 80}, {}, kPilotNetDense}},
      {"pilotnet_x3", pilotnet_x3, {kPilotNetConvs, {4, 4, 4, 4}, kPilotNetDense}},
      {"pilotnet_x3_conv3d",
       pilotnet_x3_conv3d,
       {kPilotNetConvs, {}, kPilotNetDense},
       {{"sequence1", .25},
        {"sequence2", .25},
        {"sequence3", .25},
        {"sequence4", .25},
        {"global_average", .25},
        {"dense2", .5},
        {"dense3", .5},
        {"dense4", .5},
        {"dense5", .5}}},
      {"memdccp", memdccp, {kPilotNetConvs, {8, 8, 8, 8}, {50, 10, 2}}},
      {"deeppilot",
       deeppilot,
       {{64, 64, 192, 96, 128, 16, 32, 32, 64, 128, 192, 32, 96, 64, 128, 96, 208, 16, 48, 64, 192, 128}, {}, {1024, 2}}}};
  return all;
}

const Network& network(std::string_view name) {
  const auto found = std::ranges::find(networks(), name, &Network::name);
  if (found != networks().end()) return *found;
  std::string known;
  for (const Network& n : networks())
    known += (known.empty() ? "" : n.name == networks().back().name ? " and " : ", ") + std::string(n.name);
  throw Error("there is no network '" + std::string(name) + "'; the networks are " + known);
}

}  // namespace

std::vector<std::string_view> network_names() {
  std::vector<std::string_view> names;
  for (const Network& n : networks()) names.push_back(n.name);
  return names;
}

NetworkWidths network_widths(std::string_view name) { return network(name).widths; }

std::vector<DropoutAt> network_dropout(std::string_view name) { return network(name).dropout; }

Graph make_network(std::string_view name, uint64_t seed, const NetworkOptions& options) {
  const Network& known = network(name);
  NetworkWidths widths = known.widths;
  if (options.widths) {
    check(widths.convs.size() == options.widths->convs.size() && widths.lstms.size() == options.widths->lstms.size() &&
          widths.dense.size() == options.widths->dense.size());
    widths = *options.widths;
  } else {
    widths.dense.back() = static_cast<int>(options.outputs.size());
  }
  return known.make({known.name, widths, seed, options});
}

}  // namespace slimpilot
