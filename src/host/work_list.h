// SPDX-License-Identifier: Apache-2.0
// Pieces of long work one after the other: which is next, and how long the rest will take.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/progress.h"

namespace slimpilot {

/// Every piece takes about the same time, and some more for each of its rounds (of training, say). Neither is known before;
/// what is done says.
class WorkList {
 public:
  struct Piece {
    std::string name;
    int rounds = 0;
  };
  WorkList(std::vector<Piece> pieces, ProgressOutput output);

  /// Begins the next piece, the one before it being done, and shows "[3/19] float16: 0:12 elapsed, about 1:10 left".
  void next();

  /// Seconds that the pieces from the current one on will take; none while one of them has rounds and none was timed yet.
  std::optional<double> left_s() const;

 private:
  std::vector<Piece> pieces_;
  ProgressOutput output_;
  std::vector<double> begun_s_;  // of each piece that has begun
};

}  // namespace slimpilot
