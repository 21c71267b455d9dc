// SPDX-License-Identifier: Apache-2.0
// What a pilot commands, drawn into the frame that it saw.
#pragma once

#include "host/image_file.h"
#include "sim/vehicle.h"

namespace slimpilot {

/// A bar for the turn, one for the speed, and the numbers.
void draw_commands(Image& frame, const Command& command, double time_s);

}  // namespace slimpilot
