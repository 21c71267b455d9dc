// SPDX-License-Identifier: Apache-2.0
// State that a session keeps from frame to frame: a sequence given frame by frame is the same as one given at once.
#include <gtest/gtest.h>

#include "engine/session.h"
#include "optimize/pass_test.h"

namespace slimpilot {
namespace {

constexpr int kFrames = 4;

/// Two layers, the second of which keeps the last step only.
Graph conv_lstm_network(int steps, bool stateful) {
  TestNetwork network({1, steps, 6, 7, 2});
  network.conv_lstm("first", 3, 3, {.return_sequences = true, .stateful = stateful});
  return network.conv_lstm("second", 2, 3, {.stateful = stateful}).finish();
}
Graph lstm_network(int steps, bool stateful) {
  TestNetwork network({1, steps, 5});
  network.lstm("first", 4, {.return_sequences = true, .stateful = stateful});
  return network.lstm("second", 3, {.stateful = stateful}).finish();
}

std::vector<float> after(Session& session, std::span<const float> input) {
  session.write_input(input);
  session.run();
  std::vector<float> outputs;
  session.read_outputs(outputs);
  return outputs;
}

void expect_frames_make_the_sequence(const Graph& frame, const Graph& sequence) {
  const std::vector<float> input = random_inputs(sequence, 1, -1, 1, 3)[0];
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    const std::vector<float> expected = outputs_of(Plan(sequence, {.isa = isa}), input);
    for (const bool keep_all : {false, true}) {
      const Plan plan(frame, {.isa = isa, .keep_all_values = keep_all});
      Session session(plan), other(plan);
      const size_t count = input.size() / kFrames;
      std::vector<float> outputs;
      for (size_t repeated = 0; repeated < 2; ++repeated, session.reset_state())
        for (size_t i = 0; i < kFrames; ++i) {
          outputs = after(session, std::span(input).subspan(i * count, count));
          after(other, std::vector<float>(count, 1));  // sessions of one plan remember for themselves
          EXPECT_EQ(outputs == expected, i == kFrames - 1) << "frame " << i;
        }
    }
  }
}

TEST(SessionState, FramesOfAConvLstmMakeTheSequence) {
  expect_frames_make_the_sequence(conv_lstm_network(1, true), conv_lstm_network(kFrames, false));
}

TEST(SessionState, FramesOfAnLstmMakeTheSequence) {
  expect_frames_make_the_sequence(lstm_network(1, true), lstm_network(kFrames, false));
}

/// The same in integers, which is exact, and with int8 weights alone, whose hidden states are quantized step by step.
TEST(SessionState, FramesMakeTheSequenceHoweverItIsQuantized) {
  for (const char* name : {"int8_only", "dynamic_range", "float16"}) {
    SCOPED_TRACE(name);
    for (const auto network : {conv_lstm_network, lstm_network}) {
      const Graph sequence = network(kFrames, false);
      Graph quantized = technique(name, sequence, random_inputs(sequence, 5, -1, 1, 4));
      Graph frame = quantized;
      for (ValueId id = 0; id < static_cast<ValueId>(frame.values.size()); ++id)
        if (Shape& shape = frame.value(id).shape; !frame.value(id).is_constant() && shape.size() > 2 && shape[1] == kFrames)
          shape[1] = 1;
      for (Node& node : frame.nodes) {
        if (auto* op = std::get_if<ConvLstm2D>(&node.op)) op->stateful = true;
        if (auto* op = std::get_if<Lstm>(&node.op)) op->stateful = true;
      }
      verify(frame);
      expect_frames_make_the_sequence(frame, quantized);
    }
  }
}

TEST(SessionState, IsNoneWithoutStatefulLayers) {
  EXPECT_TRUE(Plan(conv_lstm_network(2, false)).states().empty());
  EXPECT_EQ(Plan(conv_lstm_network(2, true)).states().size(), 2u);
}

}  // namespace
}  // namespace slimpilot
