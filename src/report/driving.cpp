// SPDX-License-Identifier: Apache-2.0
#include "report/driving.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "report/html_parts.h"
#include "report/table.h"

namespace slimpilot {
namespace {

constexpr double kRed_m = 0.5;    // lateral error that is drawn red
constexpr double kStep_m = 0.05;  // difference of error that changes the colour

/// Green over yellow to red.
std::string color_of(double error_m) {
  const double share = std::min(error_m / kRed_m, 1.0);
  const int red = static_cast<int>(std::lround(30 + 200 * std::min(1.0, 2 * share)));
  const int green = static_cast<int>(std::lround(170 * std::min(1.0, 2 - 2 * share)));
  return fmt::format("#{:02x}{:02x}28", red, green);
}

struct Box {
  double left = 1e30, right = -1e30, bottom = 1e30, top = -1e30;
};

Box box_of(const std::vector<Point>& line) {
  Box box;
  for (const Point p : line) {
    box.left = std::min(box.left, p.x), box.right = std::max(box.right, p.x);
    box.bottom = std::min(box.bottom, p.y), box.top = std::max(box.top, p.y);
  }
  return box;
}

/// Pictures count in decimetres, downwards: a path of ten drives then takes kilobytes.
struct Place {
  int x = 0, y = 0;
};
Place place_of(Point p) { return {static_cast<int>(std::lround(10 * p.x)), static_cast<int>(std::lround(-10 * p.y))}; }

double distance_to_line(Point p, Point from, Point to) {
  const double dx = to.x - from.x, dy = to.y - from.y, length = std::hypot(dx, dy);
  if (length < 1e-9) return std::hypot(p.x - from.x, p.y - from.y);
  return std::abs(dx * (p.y - from.y) - dy * (p.x - from.x)) / length;
}

/// The line with few points, none of the others more than 5 cm beside it. Greedy, so its time is linear: a stretch has at most
/// 64 points.
std::vector<Point> simplified(const std::vector<Point>& line) {
  std::vector<Point> result;
  for (size_t i = 0; i + 1 < line.size();) {
    result.push_back(line[i]);
    size_t end = i + 1;
    const auto is_near = [&](size_t to) {
      return std::all_of(line.begin() + i + 1, line.begin() + to,
                         [&](Point p) { return distance_to_line(p, line[i], line[to]) <= 0.05; });
    };
    while (end + 1 < line.size() && end - i < 64 && is_near(end + 1)) ++end;
    i = end;
  }
  if (!line.empty()) result.push_back(line.back());
  return result;
}

/// "M12 34l5 6-7 8": the first point, then the steps.
std::string path_data(const std::vector<Point>& line) {
  std::string data;
  Place last;
  for (const Point p : simplified(line)) {
    const Place place = place_of(p);
    if (data.empty())
      data = fmt::format("M{} {}l", place.x, place.y);
    else if (place.x != last.x || place.y != last.y)
      data += fmt::format("{}{} {}", data.back() == 'l' ? "" : " ", place.x - last.x, place.y - last.y);
    last = place;
  }
  return data + (data.ends_with('l') ? "0 0" : "");
}

/// The paths by their colour: one line for each stretch of the same error, in steps of 5 cm.
void collect_paths(std::map<int, std::string>& paths, const Episode& episode) {
  const auto step = [](const OdometrySample& s) { return static_cast<int>(std::min(std::abs(s.lateral_m), kRed_m) / kStep_m); };
  const auto& samples = episode.odometry;
  for (size_t i = 0; i + 1 < samples.size();) {
    std::vector<Point> line{samples[i].pose.position};
    size_t end = i + 1;
    for (; end < samples.size(); ++end) {
      line.push_back(samples[end].pose.position);
      if (step(samples[end]) != step(samples[i])) break;
    }
    paths[step(samples[i])] += path_data(line);
    i = end;
  }
}

/// Where a drive ended early.
std::string cross(const Episode& episode, double width) {
  if (episode.end == EpisodeEnd::lap || episode.odometry.empty()) return "";
  const Place p = place_of(episode.odometry.back().pose.position);
  const int r = static_cast<int>(3 * width);
  return fmt::format("<path d=\"M{} {}l{} {}m0 {}l{} {}\" stroke=\"#c00000\" stroke-width=\"{:.0f}\"/>\n", p.x - r, p.y - r,
                     2 * r, 2 * r, -2 * r, -2 * r, 2 * r, 1.2 * width);
}

}  // namespace

std::string driving_table(const DrivingRun& run) {
  std::vector<std::vector<std::string>> rows{driving_columns()};
  for (const CircuitDrives& c : run.circuits) rows.push_back(driving_row(c.summary));
  return aligned_table(rows);
}

std::string sweep_table(const DrivingRun& run, const std::string& what) {
  std::vector<std::vector<std::string>> rows{driving_columns()};
  rows[0].insert(rows[0].begin(), what);
  for (const CircuitDrives& c : run.circuits) {
    rows.push_back(driving_row(c.summary));
    rows.back().insert(rows.back().begin(), fmt::format("{:g}", c.sweep_ms.value_or(0)));
  }
  return aligned_table(rows);
}

std::string path_picture(const Circuit& circuit, const std::vector<Episode>& episodes) {
  constexpr double kMargin_m = 6;
  const Box box = box_of(circuit.centre_line);
  const Place corner = place_of({box.left - kMargin_m, box.top + kMargin_m}),
              end = place_of({box.right + kMargin_m, box.bottom - kMargin_m});
  const int width = end.x - corner.x, height = end.y - corner.y;
  const double stroke = std::max(4.0, std::max(width, height) / 180.0);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{0} {1} {2} {3}\" width=\"800\" height=\"{4:.0f}\" fill=\"none\" "
      "stroke-linejoin=\"round\">\n<title>{5}</title>\n<rect x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" "
      "fill=\"#f4f4f2\"/>\n",
      corner.x, corner.y, width, height, 800.0 * height / width, html_escape(circuit.name));
  svg += fmt::format("<path d=\"{}z\" stroke=\"#c8c8c8\" stroke-width=\"{:.0f}\"/>\n", path_data(circuit.centre_line),
                     std::max(10 * circuit.road_width_m, 2.5 * stroke));
  std::map<int, std::string> paths;
  for (const Episode& episode : episodes) collect_paths(paths, episode);
  for (const auto& [step, path] : paths)  // the worst on top
    svg += fmt::format("<path d=\"{}\" stroke=\"{}\" stroke-width=\"{:.0f}\"/>\n", path, color_of(step * kStep_m), stroke);
  for (const Episode& episode : episodes) svg += cross(episode, stroke);
  return svg + "</svg>\n";
}

}  // namespace slimpilot
