// SPDX-License-Identifier: Apache-2.0
// What a weight would weigh if every element were coded by its frequency.
#include <algorithm>
#include <cmath>

#include "formats/slim/slim.h"
#include "formats/slim/slim_layout.h"

namespace slimpilot {

WeightStatistics weight_statistics(const Value& constant) {
  return with_element_type(constant.type, [&](auto element) {
    using T = decltype(element);
    const auto elements = constant.elements<T>();
    std::vector<T> sorted(elements.begin(), elements.end());
    std::ranges::sort(sorted);
    WeightStatistics statistics{.elements = sorted.size()};
    for (auto first = sorted.begin(); first != sorted.end();) {
      const auto end = std::upper_bound(first, sorted.end(), *first);
      const auto count = static_cast<size_t>(end - first);
      const double share = static_cast<double>(count) / static_cast<double>(sorted.size());
      statistics.entropy_bits -= share * std::log2(share);
      ++statistics.distinct;
      if (*first == 0) statistics.zeros = count;
      first = end;
    }
    return statistics;
  });
}

}  // namespace slimpilot
