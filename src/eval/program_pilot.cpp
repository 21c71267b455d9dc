// SPDX-License-Identifier: Apache-2.0
#include "eval/program_pilot.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "host/csv.h"

namespace slimpilot {

Command ProgramPilot::operator()(const Image& frame) {
  const std::string line = program_.answer(frame.pixels);
  const nlohmann::json answer = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* name) {
    const bool there = answer.is_object() && answer.contains("commands") && answer["commands"].is_object() &&
                       answer["commands"].contains(name) && answer["commands"][name].is_number();
    if (!there)
      throw Error("'" + program_.command() + "' answered '" + printable(std::string_view(line).substr(0, 80)) +
                  R"('; a line for each frame is expected, such as {"commands": {"v": 6.5, "w": 0.1}})");
    return answer["commands"][name].get<double>();
  };
  return {number("v"), number("w")};
}

}  // namespace slimpilot
