// SPDX-License-Identifier: Apache-2.0
// Commands that train run in a program of their own, slimpilot_training beside slimpilot, because loading libtorch takes .3 s.
#pragma once

namespace slimpilot {

/// Goes on as slimpilot_training with the same arguments, unless this is it or there is none (a build without libtorch). Its
/// OpenMP threads wait passively: on a machine that does other work as well they train four times faster so (pilotnet, 2 cores
/// shared: 184 instead of 47 images/s), on an idle one as fast. OMP_WAIT_POLICY in the environment overrides that.
void continue_as_training_program(int argc, char** argv);

}  // namespace slimpilot
