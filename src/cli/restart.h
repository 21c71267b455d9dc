// SPDX-License-Identifier: Apache-2.0
// How this process's worker threads wait.
#pragma once

namespace slimpilot {

/// Starts the program anew with OMP_WAIT_POLICY=passive unless the environment already sets that variable; does nothing when
/// that fails. Called first by commands that train: libtorch's OpenMP threads otherwise spin while they wait for each other,
/// which on a machine that does other work as well trains at a fourth of the speed (pilotnet, 2 cores shared: 47 instead of 184
/// images/s; no difference on an idle one). The OpenMP library reads the variable only when it is loaded.
void restart_with_passive_waiting(int argc, char** argv);

}  // namespace slimpilot
