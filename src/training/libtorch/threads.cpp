// SPDX-License-Identifier: Apache-2.0
// Debian links libtorch to libblas.so.3, an alternative that several packages provide; a function that only a fast one has
// tells.
#include "training/libtorch/threads.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include "base/error.h"

namespace slimpilot {

void set_training_threads(int threads) {
  void* const set_threads = dlsym(RTLD_DEFAULT, "openblas_set_num_threads");
  const bool is_fast = set_threads != nullptr || dlsym(RTLD_DEFAULT, "mkl_get_version") != nullptr ||
                       dlsym(RTLD_DEFAULT, "bli_info_get_version_str") != nullptr;
  if (!is_fast)
    throw Error(
        "libblas.so.3 is the slow reference BLAS, with which training takes many times longer; install the package "
        "libopenblas0-pthread (apt-get install libopenblas0-pthread)");
  if (set_threads != nullptr) reinterpret_cast<void (*)(int)>(set_threads)(threads);
  at::set_num_threads(threads);
}

}  // namespace slimpilot
