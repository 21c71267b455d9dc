// SPDX-License-Identifier: Apache-2.0
// Ops of sequences of images against what they are by definition, on every instruction set.
#include "base/error.h"
#include "engine/definition_test.h"
#include "graph/sequences.h"

namespace slimpilot {
namespace {

template <class F>
void for_window(const Shape& x, const int (&first)[3], const int (&window)[3], F&& each) {
  for (int t = first[0]; t < first[0] + window[0]; ++t)
    for (int y = first[1]; y < first[1] + window[1]; ++y)
      for (int z = first[2]; z < first[2] + window[2]; ++z)
        if (t >= 0 && t < x[1] && y >= 0 && y < x[2] && z >= 0 && z < x[3]) each(t, y, z);
}

struct Case3D {
  int window[3], stride[3];
  Padding padding;
};
const Case3D kCases3D[] = {{{2, 3, 2}, {1, 2, 1}, Padding::valid}, {{3, 2, 3}, {2, 1, 2}, Padding::valid},
                           {{3, 3, 3}, {1, 1, 1}, Padding::same},  {{2, 2, 3}, {2, 2, 1}, Padding::same},
                           {{1, 3, 3}, {1, 1, 1}, Padding::same},  {{5, 2, 2}, {1, 1, 1}, Padding::valid},
                           {{2, 2, 2}, {3, 3, 3}, Padding::same},  {{1, 1, 1}, {2, 2, 2}, Padding::valid}};

TEST(Sequences, Conv3dIsItsDefinition) {
  const Shape x{1, 5, 7, 6, 2};
  for (const Case3D& c : kCases3D) {
    ValueId w = kNoValue, b = kNoValue;
    const Net net(x, [&](Net& n, ValueId in) {
      w = n.constant("w", {c.window[0], c.window[1], c.window[2], 2, 3}), b = n.constant("b", {3});
      return append_conv3d(n.graph, "y", {{c.stride[1], c.stride[2], c.padding}, c.stride[0]}, in, w, b);
    });
    const auto weights = net.graph.value(w).elements<float>();
    const Shape y = net.shape();
    std::vector<double> expected;
    for (int64_t i = 0; i < element_count(y); ++i) {
      const int o = static_cast<int>(i % 3), place[3] = {static_cast<int>(i / 3 / y[2] / y[1]),
                                                         static_cast<int>(i / 3 / y[2] % y[1]), static_cast<int>(i / 3 % y[2])};
      int first[3];
      for (size_t d = 0; d < 3; ++d)
        first[d] = place[d] * c.stride[d] - padded_extent(x[d + 1], c.window[d], c.stride[d], c.padding).before;
      double sum = net.graph.value(b).elements<float>()[static_cast<size_t>(o)];
      for_window(x, first, c.window, [&](int t, int row, int column) {
        for (int k = 0; k < 2; ++k)
          sum += static_cast<double>(net.input[static_cast<size_t>(((t * x[2] + row) * x[3] + column) * 2 + k)]) *
                 weights[static_cast<size_t>(
                     ((((t - first[0]) * c.window[1] + row - first[1]) * c.window[2] + column - first[2]) * 2 + k) * 3 + o)];
      });
      expected.push_back(sum);
    }
    expect_outputs(net, expected);
  }
}

TEST(Sequences, Pool3dIsItsDefinition) {
  const Shape x{1, 5, 7, 6, 2};
  for (const Case3D& c : kCases3D)
    for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
      const Net net(x, [&](Net& n, ValueId in) {
        return append_pool3d(n.graph, "y", {kind, c.window[1], c.window[2], c.stride[1], c.stride[2], c.padding}, c.window[0],
                             c.stride[0], in);
      });
      const Shape y = net.shape();
      std::vector<double> expected;
      for (int64_t i = 0; i < element_count(y); ++i) {
        const int64_t cell = i / 2;
        const int place[3] = {static_cast<int>(cell / y[3] / y[2]), static_cast<int>(cell / y[3] % y[2]),
                              static_cast<int>(cell % y[3])};
        int first[3], count = 0;
        for (size_t d = 0; d < 3; ++d)
          first[d] = place[d] * c.stride[d] - padded_extent(x[d + 1], c.window[d], c.stride[d], c.padding).before;
        double sum = 0, greatest = -1e30;
        for_window(x, first, c.window, [&](int t, int row, int column) {
          const double number = net.input[static_cast<size_t>(((t * x[2] + row) * x[3] + column) * 2 + i % 2)];
          sum += number, ++count, greatest = std::max(greatest, number);
        });
        expected.push_back(kind == PoolKind::max ? greatest : sum / count);
      }
      expect_outputs(net, expected);
    }
}

TEST(Sequences, FramesComeBackAsTheyWere) {
  const Net net({1, 3, 2, 2, 2}, [](Net& n, ValueId x) {
    return append_sequence(n.graph, "y", n.node("relu", Activation{}, {append_frames(n.graph, "frames", x)}));
  });
  EXPECT_EQ(net.shape(), (Shape{1, 3, 2, 2, 2}));
  EXPECT_THROW(Net({2, 3, 2, 2, 2}, [](Net& n, ValueId x) { return append_frames(n.graph, "y", x); }), Error);
}

}  // namespace
}  // namespace slimpilot
