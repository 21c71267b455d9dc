// SPDX-License-Identifier: Apache-2.0
#include "host/work_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace slimpilot {

WorkList::WorkList(std::vector<Piece> pieces, ProgressOutput output) : pieces_(std::move(pieces)), output_(std::move(output)) {
  if (!output_.now_s) output_.now_s = steady_now_s;
}

void WorkList::next() {
  begun_s_.push_back(output_.now_s());
  if (!output_.write) return;
  const std::optional<double> left = left_s();
  output_.write(fmt::format("[{}/{}] {}: {} elapsed{}\n", begun_s_.size(), pieces_.size(), pieces_.at(begun_s_.size() - 1).name,
                            duration_text(begun_s_.back() - begun_s_.front()),
                            left ? fmt::format(", about {} left", duration_text(*left)) : ""));
}

std::optional<double> WorkList::left_s() const {
  const size_t done = begun_s_.size() - 1;
  double plain_s = 0, with_rounds_s = 0;
  int plain = 0, with_rounds = 0, rounds = 0;
  for (size_t i = 0; i < done; ++i) {
    const double took_s = begun_s_[i + 1] - begun_s_[i];
    if (pieces_[i].rounds == 0)
      plain_s += took_s, ++plain;
    else
      with_rounds_s += took_s, ++with_rounds, rounds += pieces_[i].rounds;
  }
  const double piece_s = plain > 0 ? plain_s / plain : 0;
  const double round_s = rounds > 0 ? std::max(0.0, with_rounds_s - with_rounds * piece_s) / rounds : 0;
  double left_s = 0;
  for (size_t i = done; i < pieces_.size(); ++i) {
    if (pieces_[i].rounds > 0 ? rounds == 0 : plain == 0) return std::nullopt;
    left_s += piece_s + round_s * pieces_[i].rounds;
  }
  return left_s;
}

}  // namespace slimpilot
