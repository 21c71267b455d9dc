// SPDX-License-Identifier: Apache-2.0
// Arguments through CLI11. Values arrive as text and numbers are read here, because CLI11 takes "010" as octal and "nan"
// as a number.
#include "host/args.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>

namespace slimpilot {

struct Arguments::Parser {
  std::string command;
  CLI::App app;

  Parser(std::string command_, std::string summary)
      : command("slimpilot " + std::move(command_)), app(std::move(summary), command) {}

  [[noreturn]] void fail(const std::string& problem) const {
    throw UsageError(fmt::format("{}; see `{} --help`", problem, command));
  }

  std::string single_value(const std::string& name, const std::string& text) const {
    if (text.starts_with("--")) fail(fmt::format("{} needs a value, but {} follows it", name, text));
    return text;
  }

  /// An option of one value: shown in the help as "--name TYPE=default".
  template <class Store>
  void add(const std::string& name, const std::string& help, std::pair<const char*, std::string> type_and_default,
           Store store) {
    CLI::Option* option = app.add_option_function<std::string>(
        name, [this, name, store](const std::string& text) { store(single_value(name, text)); }, help);
    option->type_name(type_and_default.first)->default_str(std::move(type_and_default.second));
  }

  template <class Number>
  void add_number(const std::string& name, Number& value, const std::string& help) {
    constexpr bool real = std::is_floating_point_v<Number>;
    add(name, help, {real ? "NUMBER" : "INTEGER", fmt::to_string(value)}, [this, name, &value](const std::string& text) {
      Number number{};
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc::result_out_of_range) fail(fmt::format("{} {}: is out of range", name, text));
      bool valid = error == std::errc() && end == text.data() + text.size();
      if constexpr (real) valid = valid && std::isfinite(number);
      const char* wanted = real ? "a number" : std::is_signed_v<Number> ? "an integer" : "an integer of at least 0";
      if (!valid) fail(fmt::format("{} {}: is not {}", name, text, wanted));
      value = number;
    });
  }

  CLI::Option* add_list(const std::string& name, std::vector<std::string>& values, const std::string& help) {
    CLI::Option* option = app.add_option_function<std::vector<std::string>>(
        name, [&values](const std::vector<std::string>& given) { values = given; }, help);
    option->type_name("TEXT")->default_str(fmt::format("{}", fmt::join(values, ",")));
    return option;
  }
};

Arguments::Arguments(std::string command, std::string summary)
    : parser_(std::make_unique<Parser>(std::move(command), std::move(summary))) {}
Arguments::~Arguments() = default;

void Arguments::positional(const std::string& name, std::string& value, const std::string& help, bool required) {
  parser_->add(name, help, {"", value}, [&value](const std::string& text) { value = text; });
  parser_->app.get_option(name)->required(required);
}

void Arguments::positional(const std::string& name, std::vector<std::string>& values, const std::string& help, bool required) {
  parser_->add_list(name, values, help)->type_name("")->required(required);
}

void Arguments::option(const std::string& name, std::string& value, const std::string& help) {
  parser_->add(name, help, {"TEXT", value}, [&value](const std::string& text) { value = text; });
}

void Arguments::option(const std::string& name, int& value, const std::string& help) { parser_->add_number(name, value, help); }

void Arguments::option(const std::string& name, uint64_t& value, const std::string& help) {
  parser_->add_number(name, value, help);
}

void Arguments::option(const std::string& name, double& value, const std::string& help) {
  parser_->add_number(name, value, help);
}

void Arguments::option(const std::string& name, bool& value, const std::string& help) {
  parser_->app.add_flag(name, value, help);
}

void Arguments::option(const std::string& name, std::vector<std::string>& values, const std::string& help) {
  parser_->add_list(name, values, help);
}

void Arguments::option_list(const std::string& name, std::vector<std::string>& values, const std::string& help) {
  parser_->add_list(name, values, help)->type_name("A,B,…")->delimiter(',');
}

void Arguments::parse(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    parser_->app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    throw HelpRequested{parser_->app.help()};
  } catch (const CLI::ParseError& problem) {
    parser_->fail(problem.what());
  }
}

}  // namespace slimpilot
