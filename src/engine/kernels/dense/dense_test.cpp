// SPDX-License-Identifier: Apache-2.0
// Every dense kernel of every instruction set against the reference: awkward sizes, several rows, sums near 5·10⁸.
#include "engine/kernels/packed_kernel_test.h"

namespace slimpilot {
namespace {

void compare_all(int rows, int inputs, int outputs, bool extreme) {
  DenseArgs args{};
  args.rows = rows, args.inputs = inputs, args.outputs = outputs;
  for (const Variant variant : kVariants) {
    const PackedData data({variant, rows * inputs, rows * outputs, {outputs, 1, inputs}, extreme}, 11);
    const auto expected = data.run(variant_of(reference::dense, variant), args, dense_scratch_bytes(args));
    for (const Isa isa : supported_isas()) {
      SCOPED_TRACE(std::string(isa_name(isa)) + " variant " + std::to_string(static_cast<int>(variant)) + " " +
                   std::to_string(rows) + " rows, " + std::to_string(inputs) + " to " + std::to_string(outputs));
      expect_all_same(kernels(isa).dense, data, variant, args, dense_scratch_bytes(args), expected, inputs);
    }
  }
}

TEST(Dense, EveryIsaEqualsTheReferenceAtAwkwardSizes) {
  for (const int outputs : {1, 2, 3, 10, 16, 50, 100, 129, 300})
    for (const int inputs : {1, 2, 5, 10, 63, 680}) compare_all(1, inputs, outputs, false);
  compare_all(3, 33, 17, false);
}

TEST(Dense, EveryIsaEqualsTheReferenceAtExtremeSums) { compare_all(1, 14400, 37, true); }

}  // namespace
}  // namespace slimpilot
