// SPDX-License-Identifier: Apache-2.0
// Circuits to drive on: six of our own, made of straights and bends, and any closed centre line from a CSV file. Five
// have the length, the tightest radius and the share of straights of the JdeRobot circuits that they are named after
// (many_curves: the length; radius 5 m and 5.7 % straights are our choice), but a layout of their own; chicanes has none.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/geometry.h"

namespace slimpilot {

/// Networks learn on the training circuits and are judged on the test circuits.
enum class CircuitRole { train, test };

struct Circuit {
  std::string name;
  std::vector<Point> centre_line;  ///< in equal steps of about 0.5 m; closed: the first point is not repeated
  double road_width_m = 3.0;
  double timeout_s = 0;  ///< an episode ends after this simulated time
  CircuitRole role = CircuitRole::test;
};

/// The names of our own circuits.
std::vector<std::string_view> circuit_names();

/// One of our own circuits, from (0, 0) along +x. Throws Error that lists the names when `name` is none of them.
Circuit make_circuit(std::string_view name);

/// A closed centre line from a CSV file with a header and columns x_m and y_m (others are ignored): a periodic cubic spline
/// through the points, so curvature is continuous, cut into equal steps of about 0.5 m. A first point repeated at the end is
/// dropped. The name is the file's without .csv, the role test; the time-out is the length at 3 m/s, less than half the
/// lowest speed that the networks can command. Throws Error with file, row and what to do: fewer than 10 points, no
/// numbers, neighbours less than 1 cm or more than 20 m apart, a line that does not close, a lap under 20 m or over 50 km.
/// Whether the road crosses itself is not checked.
Circuit read_circuit(const std::filesystem::path& csv, double road_width_m = 3.0);

/// read_circuit for a path that ends with .csv, else make_circuit.
Circuit find_circuit(const std::string& name_or_path);

struct CircuitShape {
  double length_m = 0;
  double tightest_radius_m = 0;  ///< at the 99th percentile of curvature
  double straight_share = 0;     ///< of the length, with a curvature below 0.01/m
};

/// The shape of a closed line in steps of about 0.5 m (at least 20 points). The curvature at a point is that of the circle
/// through it and the points 3 m before and behind: that gives the published figures on the measured centre lines within
/// 5 %, but for Montreal (radius 5.2 %, share 6.6 %).
CircuitShape measure(std::span<const Point> closed_line);

/// Curvature (1/m, + = left) at each point of such a line, as `measure` sees it; `reach` points to either side.
std::vector<double> curvature(std::span<const Point> closed_line, size_t reach);

}  // namespace slimpilot
