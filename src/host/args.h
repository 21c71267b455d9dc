// SPDX-License-Identifier: Apache-2.0
// The arguments of one command: declared once, they yield defaults, parsing and --help. A thin cover over CLI11, whose
// header only args.cpp includes. Which commands exist is cli/'s business.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace slimpilot {

/// The command line is at fault (exit code 2). One line that says what, where, and what would be right.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown by Arguments::parse when the user asked for help.
struct HelpRequested {
  std::string text;
};

/// Declares where each argument goes; `parse` then overwrites those that were given. What the variables hold when they
/// are declared are the defaults that --help shows; they must outlive the Arguments. Names: "model", "--frames".
class Arguments {
 public:
  /// `command` as the user types it behind `slimpilot`; `summary` is the first line of the help.
  Arguments(std::string command, std::string summary);
  ~Arguments();

  void positional(const std::string& name, std::string& value, const std::string& help, bool required = true);
  void positional(const std::string& name, std::vector<std::string>& values, const std::string& help, bool required = true);

  void option(const std::string& name, std::string& value, const std::string& help);
  /// Decimal integers in int's range.
  void option(const std::string& name, int& value, const std::string& help);
  void option(const std::string& name, uint64_t& value, const std::string& help);
  /// Finite numbers, with a decimal point whatever the locale.
  void option(const std::string& name, double& value, const std::string& help);
  /// A flag: naming it makes `value` true.
  void option(const std::string& name, bool& value, const std::string& help);
  /// `--name a b` or `--name a --name b`; each value as it stands, commas included. The values given replace the default.
  void option(const std::string& name, std::vector<std::string>& values, const std::string& help);
  /// The same, and `--name a,b` is two values; empty ones are dropped.
  void option_list(const std::string& name, std::vector<std::string>& values, const std::string& help);

  /// `argv[0]` is the command itself and skipped. Throws UsageError for an unknown, missing or malformed argument, and
  /// HelpRequested for -h and --help.
  void parse(int argc, const char* const* argv);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace slimpilot
