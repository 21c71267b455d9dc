// SPDX-License-Identifier: Apache-2.0
// What results that are kept from run to run depend on, besides their inputs.
#pragma once

#include <string>

namespace slimpilot {

/// A hash of the running program: another build may do something else.
std::string program_text();

/// The processor as the system calls it; "unknown" where it does not say.
std::string cpu_name();

}  // namespace slimpilot
