// SPDX-License-Identifier: Apache-2.0
// The command table and exit codes: 0 done, 1 the input is at fault, 2 usage.
#include "cli/commands.h"

#include <fmt/format.h>

#include <cstring>
#include <new>

#include "base/error.h"
#include "host/args.h"
#include "host/progress.h"

namespace slimpilot {
namespace {

constexpr Subcommand kCommands[] = {
    {"optimize", "apply techniques to a model, measure each, write the models and a table", run_optimize},
    {"evaluate", "MSE, MAE, size and latency of models as they are", run_evaluate},
    {"compare", "two models frame by frame and layer by layer", run_compare},
    {"sensitivity", "which layer int8 hurts most", run_sensitivity},
    {"train", "train a network, or a model further, on recordings", run_train},
    {"predict", "what a model says of pictures, in the outputs' units", run_predict},
    {"run", "commands for frames as they come, from a folder or standard input", run_run},
    {"bench", "latency of a model, step by step", run_bench},
    {"convert", "read a model and write it in another format", run_convert},
    {"brain", "write a brain for JdeRobot's Behavior Metrics that drives with a model", run_brain},
    {"info", "what a model file holds", run_info},
    {"doctor", "what works with a model, what falls back to real numbers, and what to try", run_doctor},
    {"drive", "drive circuits in simulated time and measure it", run_drive},
    {"record", "drive circuits and write recordings to learn from", run_record},
    {"report", "make one HTML file from results.json", run_report},
    {"circuits", "list the circuits", run_circuits},
    {"techniques", "list the techniques", run_techniques},
};

void print_help() {
  fmt::print(
      "slimpilot: makes driving networks small and fast, and shows what each technique costs.\n\nusage: slimpilot COMMAND "
      "...\n\n");
  for (const Subcommand& command : kCommands) fmt::print("  {:<12}{}\n", command.name, command.summary);
  fmt::print("\nslimpilot COMMAND --help lists the options of a command.\n");
}

int run_and_report(const Subcommand& command, int argc, char** argv) {
  try {
    command.run(argc, argv);
    return 0;
  } catch (const HelpRequested& help) {
    fmt::print("{}", help.text);
    return 0;
  } catch (const UsageError& e) {
    fmt::print(stderr, "slimpilot {}: {}\n", command.name, e.what());
    return 2;
  } catch (const Cancelled&) {
    fmt::print(stderr, "slimpilot {}: interrupted; nothing half-written is left behind\n", command.name);
    return 130;
  } catch (const Error& e) {
    fmt::print(stderr, "slimpilot {}: {}\n", command.name, e.what());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "slimpilot {}: out of memory\n", command.name);
  } catch (const std::exception& e) {
    fmt::print(stderr, "slimpilot {}: {}\n", command.name, e.what());
  }
  return 1;
}

}  // namespace

std::span<const Subcommand> commands() { return kCommands; }

int run_command_line(int argc, char** argv) {
  if (argc < 2 || std::strcmp(argv[1], "--help") == 0 || std::strcmp(argv[1], "-h") == 0 || std::strcmp(argv[1], "help") == 0) {
    print_help();
    return argc < 2 ? 2 : 0;
  }
  install_interrupt_handler();
  for (const Subcommand& command : kCommands)
    if (std::strcmp(argv[1], command.name) == 0) return run_and_report(command, argc - 1, argv + 1);
  fmt::print(stderr, "slimpilot: there is no command '{}'; slimpilot --help lists them\n", argv[1]);
  return 2;
}

}  // namespace slimpilot
