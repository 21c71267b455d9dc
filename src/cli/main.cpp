// SPDX-License-Identifier: Apache-2.0
// The program.
#include "cli/commands.h"

int main(int argc, char** argv) { return slimpilot::run_command_line(argc, argv); }
