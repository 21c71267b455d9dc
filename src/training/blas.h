// SPDX-License-Identifier: Apache-2.0
// Which BLAS library libtorch got from the system.
#pragma once

namespace slimpilot {

/// Sets the number of threads of libtorch and of OpenBLAS. Throws Error when the system's BLAS is the reference one, with which
/// dense layers train 75 times slower (a 64×14400×1164 product: .75 against 113 GMAC/s), and names the package to install.
void prepare_blas(int threads);

}  // namespace slimpilot
