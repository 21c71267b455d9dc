// SPDX-License-Identifier: Apache-2.0
#include "engine/worker_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "base/error.h"
#include "base/random.h"
#include "engine/session_test.h"
#include "graph/networks.h"

namespace slimpilot {
namespace {

TEST(WorkerPool, DoesEachPartOnce) {
  WorkerPool pool(3);
  std::array<int, 7> done{};
  for (size_t work = 0; work < 20'000; ++work) {
    const size_t count = work % done.size() + 1;
    pool.run(count, [&](size_t part) { ++done[part]; });
    for (size_t part = 0; part < done.size(); ++part) {
      ASSERT_EQ(done[part], part < count ? 1 : 0) << "work " << work << ", part " << part;
      done[part] = 0;
    }
  }
}

TEST(WorkerPool, SharesTheWork) {
  WorkerPool pool(2);
  std::array<std::thread::id, 2> who;
  std::atomic<int> begun = 0;
  pool.run(2, [&](size_t part) {  // neither part ends before both have begun
    who[part] = std::this_thread::get_id();
    for (++begun; begun != 2;) std::this_thread::yield();
  });
  EXPECT_NE(who[0], who[1]);
}

TEST(WorkerPool, WorksAgainAfterItHasSlept) {
  WorkerPool pool(2);
  int sum = 0;
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::array<int, 2> parts{};
    pool.run(2, [&](size_t part) { parts[part] = 1; });
    sum += parts[0] + parts[1];
  }
  EXPECT_EQ(sum, 6);
}

TEST(WorkerPool, EndsWithoutWork) {
  for (int i = 0; i < 50; ++i) WorkerPool pool(4);
}

/// A thread that has just seen that the pool goes on must still notice that it ends: this once hung, one time in thousands.
TEST(WorkerPool, EndsWhateverItsThreadsAreDoing) {
  for (int i = 0; i < 30'000; ++i) {
    WorkerPool pool(2);
    for (int spin = 0; spin < i % 3000; ++spin) std::atomic_signal_fence(std::memory_order_seq_cst);
    if (i % 2 == 0) pool.run(2, [](size_t) {});
  }
}

TEST(Threads, ChangeNoResult) {
  for (const char* name : {"pilotnet", "deepest_lstm_tiny_pilotnet"}) {
    const Graph graph = make_network(name, 1, {.initialization = Initialization::keras});
    Random random(2);
    std::vector<float> input(static_cast<size_t>(element_count(graph.value(graph.inputs[0]).shape)));
    for (float& x : input) x = static_cast<float>(random.uniform(0, 1));
    for (const Isa isa : {Isa::reference, supported_isas().back()}) {
      const std::vector<float> expected = outputs_of(Plan(graph, {.isa = isa}), input);
      const Plan shared(graph, {.isa = isa, .threads = {.count = 3, .least_work = 1000}});
      EXPECT_TRUE(std::ranges::any_of(shared.steps(), [](const Step& s) { return s.parts.size() == 3; })) << name;
      EXPECT_EQ(outputs_of(shared, input), expected) << name;
    }
  }
}

TEST(Threads, AreAtLeastOne) {
  const Graph graph = make_network("pilotnet", 1, {});
  EXPECT_THROW(Plan(graph, {.threads = {.count = 0}}), Error);
  EXPECT_THROW(Plan(graph, {.threads = {.count = kMostThreads + 1}}), Error);
}

}  // namespace
}  // namespace slimpilot
