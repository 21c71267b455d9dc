// SPDX-License-Identifier: Apache-2.0
// The commands, one function and one file each. They throw UsageError (exit 2) and Error (exit 1); everything that is printed
// is printed here in cli/.
#pragma once

#include <span>
#include <string>

namespace slimpilot {

struct Subcommand {
  const char* name;
  const char* summary;
  void (*run)(int argc, char** argv);  // argv[0] is the command's name
};

void run_optimize(int argc, char** argv);
void run_evaluate(int argc, char** argv);
void run_compare(int argc, char** argv);
void run_sensitivity(int argc, char** argv);
void run_train(int argc, char** argv);
void run_predict(int argc, char** argv);
void run_run(int argc, char** argv);
void run_bench(int argc, char** argv);
void run_convert(int argc, char** argv);
void run_brain(int argc, char** argv);
void run_info(int argc, char** argv);
void run_doctor(int argc, char** argv);
void run_drive(int argc, char** argv);
void run_record(int argc, char** argv);
void run_report(int argc, char** argv);
void run_circuits(int argc, char** argv);
void run_techniques(int argc, char** argv);

/// All of them, in the order of --help.
std::span<const Subcommand> commands();

/// The program behind main(): returns the exit code.
int run_command_line(int argc, char** argv);

}  // namespace slimpilot
