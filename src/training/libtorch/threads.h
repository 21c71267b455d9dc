// SPDX-License-Identifier: Apache-2.0
// The threads of libtorch and of the BLAS library that it got from the system.
#pragma once

namespace slimpilot {

/// Sets the number of threads of libtorch and of OpenBLAS. Throws Error when the system's BLAS is the reference one, with which
/// dense layers train 75 times slower (a 64×14400×1164 product: .75 against 113 GMAC/s), and names the package to install.
void set_training_threads(int threads);

}  // namespace slimpilot
