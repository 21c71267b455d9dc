// SPDX-License-Identifier: Apache-2.0
// Centre lines from CSV: reading, refusing what is no circuit, and equal steps along a periodic cubic spline.
#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "host/atomic_file.h"
#include "host/csv.h"
#include "sim/circuits.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

constexpr double kStep = 0.5, kTimeoutSpeed = 3;
constexpr double kSamePoint = 0.01, kLongestGap = 20;      // m between neighbours
constexpr double kShortestLap = 20, kLongestLap = 50'000;  // m
constexpr double kFarthest = 1e6;                          // m from the origin
constexpr size_t kFewestPoints = 10;

struct CsvPoint {
  Point point;
  size_t row;  // in the file, the header is row 1
};

std::string metres(double value) {
  const std::string text = std::to_string(std::round(100 * value) / 100);
  return text.substr(0, text.find('.') + 3) + " m";
}

[[noreturn]] void refuse(const fs::path& path, size_t row, const std::string& reason) {
  throw Error(path.string() + ", row " + std::to_string(row) + ": " + reason);
}

size_t column(const fs::path& path, const std::vector<std::string>& header, const std::string& name) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end()) refuse(path, 1, "has no column " + name + "; the header must name x_m and y_m");
  return static_cast<size_t>(found - header.begin());
}

double coordinate(const fs::path& path, size_t row, const std::vector<std::string>& fields, size_t index) {
  if (index >= fields.size()) refuse(path, row, "has too few columns; give x_m and y_m in every row");
  const std::optional<double> value = parse_number(fields[index]);
  if (!value) refuse(path, row, "'" + printable(fields[index]) + "' is not a finite number; give metres");
  if (std::abs(*value) > kFarthest) refuse(path, row, "lies more than 1000 km from the origin; give metres near (0, 0)");
  return *value;
}

std::vector<CsvPoint> read_points(const fs::path& path) {
  const std::string text = read_file(path);
  const std::vector<std::string_view> lines = split_lines(path, text);
  if (lines.empty()) throw Error(path.string() + ": is empty; give a header with x_m,y_m and a row for each point");
  const std::vector<std::string> header = split_fields(lines[0]);
  const size_t x = column(path, header, "x_m"), y = column(path, header, "y_m");
  std::vector<CsvPoint> points;
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> fields = split_fields(lines[i]);
    points.push_back({{coordinate(path, i + 1, fields, x), coordinate(path, i + 1, fields, y)}, i + 1});
  }
  while (points.size() > 1 && distance(points.back().point, points.front().point) < kSamePoint) points.pop_back();
  return points;
}

void check_line(const fs::path& path, const std::vector<CsvPoint>& points) {
  if (points.size() < kFewestPoints) {
    throw Error(path.string() + ": has " + std::to_string(points.size()) + " points; a circuit needs at least 10");
  }
  double longest = 0, length = 0;
  for (size_t i = 1; i < points.size(); ++i) {
    const double step = distance(points[i - 1].point, points[i].point);
    if (step < kSamePoint) refuse(path, points[i].row, "is less than 1 cm from the point before; leave one out");
    if (step > kLongestGap) refuse(path, points[i].row, "is " + metres(step) + " from the point before; give one every 20 m");
    longest = std::max(longest, step);
    length += step;
  }
  const double gap = distance(points.back().point, points.front().point);
  if (gap > 3 * longest || gap > kLongestGap) {
    refuse(path, points.back().row,
           "ends " + metres(gap) + " from the first point, but the points are at most " + metres(longest) +
               " apart; give the whole closed lap");
  }
  length += gap;
  if (length < kShortestLap || length > kLongestLap) {
    throw Error(path.string() + ": the lap is " + metres(length) + " long; give 20 m to 50 km, in metres");
  }
}

/// The slopes of the periodic cubic spline with `values` at knots `steps` apart (steps[i] between i and i+1): the
/// cyclic tridiagonal system of continuous second derivatives, solved by the Sherman-Morrison formula.
std::vector<double> spline_slopes(const std::vector<double>& steps, const std::vector<double>& values) {
  const size_t count = values.size();
  std::vector<double> below(count), diagonal(count), above(count), slopes(count), corner(count, 0.0);
  for (size_t i = 0; i < count; ++i) {
    const size_t before = (i + count - 1) % count, next = (i + 1) % count;
    below[i] = 1 / steps[before];
    above[i] = 1 / steps[i];
    diagonal[i] = 2 * (below[i] + above[i]);
    slopes[i] = 3 * ((values[i] - values[before]) * below[i] * below[i] + (values[next] - values[i]) * above[i] * above[i]);
  }
  const double wrap = below[0], gamma = -diagonal[0];
  diagonal[0] -= gamma;
  diagonal[count - 1] -= wrap * wrap / gamma;
  corner[0] = gamma;
  corner[count - 1] = wrap;
  for (size_t i = 1; i < count; ++i) {
    const double factor = below[i] / diagonal[i - 1];
    diagonal[i] -= factor * above[i - 1];
    slopes[i] -= factor * slopes[i - 1];
    corner[i] -= factor * corner[i - 1];
  }
  for (size_t i = count; i-- > 0;) {
    slopes[i] = (slopes[i] - (i + 1 < count ? above[i] * slopes[i + 1] : 0)) / diagonal[i];
    corner[i] = (corner[i] - (i + 1 < count ? above[i] * corner[i + 1] : 0)) / diagonal[i];
  }
  const double share = wrap / gamma;
  const double factor = (slopes[0] + share * slopes[count - 1]) / (1 + corner[0] + share * corner[count - 1]);
  for (size_t i = 0; i < count; ++i) slopes[i] -= factor * corner[i];
  return slopes;
}

/// Points of the spline, 1 cm apart and less: the straight pieces leave the curve by 4 µm at a radius of 3 m.
std::vector<Point> fine_line(const std::vector<CsvPoint>& knots) {
  const size_t count = knots.size();
  std::vector<double> steps(count), x(count), y(count);
  for (size_t i = 0; i < count; ++i) {
    x[i] = knots[i].point.x;
    y[i] = knots[i].point.y;
    steps[i] = distance(knots[i].point, knots[(i + 1) % count].point);
  }
  const std::vector<double> dx = spline_slopes(steps, x), dy = spline_slopes(steps, y);
  std::vector<Point> line;
  for (size_t i = 0; i < count; ++i) {
    const size_t next = (i + 1) % count;
    const double parts = std::ceil(steps[i] / 0.01);
    for (double part = 0; part < parts; ++part) {
      const double t = part / parts, u = 1 - t;
      const auto hermite = [&](double a, double slope_a, double b, double slope_b) {
        return u * u * ((1 + 2 * t) * a + t * steps[i] * slope_a) + t * t * ((3 - 2 * t) * b - u * steps[i] * slope_b);
      };
      line.push_back({hermite(x[i], dx[i], x[next], dx[next]), hermite(y[i], dy[i], y[next], dy[next])});
    }
  }
  return line;
}

/// `fine` in equal steps of about kStep along it.
std::vector<Point> equal_steps(const std::vector<Point>& fine) {
  std::vector<double> places(fine.size() + 1, 0.0);
  for (size_t i = 0; i < fine.size(); ++i) places[i + 1] = places[i] + distance(fine[i], fine[(i + 1) % fine.size()]);
  const auto count = static_cast<size_t>(std::lround(places.back() / kStep));
  std::vector<Point> line;
  line.reserve(count);
  for (size_t i = 0, span = 0; i < count; ++i) {
    const double place = places.back() * static_cast<double>(i) / static_cast<double>(count);
    while (places[span + 1] < place) ++span;
    const double t = (place - places[span]) / (places[span + 1] - places[span]);
    const Point a = fine[span], b = fine[(span + 1) % fine.size()];
    line.push_back({std::lerp(a.x, b.x, t), std::lerp(a.y, b.y, t)});
  }
  return line;
}

}  // namespace

Circuit read_circuit(const fs::path& csv, double road_width_m) {
  const std::vector<CsvPoint> points = read_points(csv);
  check_line(csv, points);
  Circuit circuit{.name = csv.stem().string(), .centre_line = equal_steps(fine_line(points)), .road_width_m = road_width_m};
  circuit.timeout_s = kStep * static_cast<double>(circuit.centre_line.size()) / kTimeoutSpeed;
  return circuit;
}

}  // namespace slimpilot
