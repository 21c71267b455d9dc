// SPDX-License-Identifier: Apache-2.0
#include "report/driving.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/table.h"

namespace slimpilot {
namespace {

constexpr double kRed_m = 0.5;  // lateral error that is drawn red

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

std::string coordinates(Point p) { return fmt::format("{:.2f},{:.2f} ", p.x, -p.y); }

/// Stretches of the same colour become one line; the error is shown in steps of 5 cm.
void append_path(std::string& svg, const Episode& episode, double width) {
  const auto step = [](const OdometrySample& s) { return std::min(std::floor(std::abs(s.lateral_m) / 0.05) * 0.05, kRed_m); };
  const auto& samples = episode.odometry;
  for (size_t i = 0; i + 1 < samples.size();) {
    std::string points = coordinates(samples[i].pose.position);
    size_t end = i + 1;
    for (; end < samples.size(); ++end) {
      points += coordinates(samples[end].pose.position);
      if (step(samples[end]) != step(samples[i])) break;
    }
    svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{:.2f}\"/>\n", points,
                       color_of(step(samples[i])), width);
    i = end;
  }
  if (episode.end == EpisodeEnd::lap || samples.empty()) return;
  const Point p = samples.back().pose.position;
  const double r = 5 * width;
  svg += fmt::format("<path d=\"M{:.2f} {:.2f}l{:.2f} {:.2f}m0 {:.2f}l{:.2f} {:.2f}\" stroke=\"#c00000\" stroke-width=\"{:.2f}\"/>\n", p.x - r,
                     -p.y - r, 2 * r, 2 * r, -2 * r, -2 * r, 2 * r, 2 * width);
}

std::string seconds_text(const std::optional<double>& seconds) { return seconds ? fmt::format("{:.2f}", *seconds) : "-"; }

std::vector<std::string> driving_row(const CircuitDrives& c) {
  const DrivingMetrics& m = c.summary.mean;
  return {c.circuit,
          success_text(c.summary),
          seconds_text(m.lap_seconds),
          fmt::format("{:.2f}", m.average_speed),
          fmt::format("{:.1f}", m.percentage_completed),
          fmt::format("{:.3f}", m.lateral_error_mean),
          fmt::format("{:.3f}", m.lateral_error_p95),
          fmt::format("{:.3f}", m.lateral_error_max),
          fmt::format("{}", m.off_road_events),
          fmt::format("{:.2f}", m.position_deviation_mae),
          fmt::format("{:.4f}", m.suddenness_distance)};
}

const std::vector<std::string> kHeader{"circuit", "laps finished", "lap s",  "m/s",      "done %",    "lateral m",
                                       "p95 m",   "max m",         "off road", "1000^d", "suddenness"};

}  // namespace

std::string driving_table(const DrivingRun& run) {
  std::vector<std::vector<std::string>> rows{kHeader};
  for (const CircuitDrives& c : run.circuits) rows.push_back(driving_row(c));
  return aligned_table(rows);
}

std::string sweep_table(const DrivingRun& run, const std::string& what) {
  std::vector<std::vector<std::string>> rows{kHeader};
  rows[0].insert(rows[0].begin(), what);
  for (const CircuitDrives& c : run.circuits) {
    rows.push_back(driving_row(c));
    rows.back().insert(rows.back().begin(), fmt::format("{:g}", c.sweep_ms.value_or(0)));
  }
  return aligned_table(rows);
}

std::string path_picture(const Circuit& circuit, const std::vector<Episode>& episodes) {
  const Box box = box_of(circuit.centre_line);
  const double margin = 6, width = box.right - box.left + 2 * margin, height = box.top - box.bottom + 2 * margin;
  const double stroke = std::max(0.25, std::max(width, height) / 700);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{:.2f} {:.2f} {:.2f} {:.2f}\" width=\"800\" height=\"{:.0f}\">\n"
      "<title>{}</title>\n<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"100%\" height=\"100%\" fill=\"#f4f4f2\"/>\n",
      box.left - margin, -box.top - margin, width, height, 800 * height / width, circuit.name, box.left - margin, -box.top - margin);
  std::string line;
  for (const Point p : circuit.centre_line) line += coordinates(p);
  svg += fmt::format("<polygon points=\"{}\" fill=\"none\" stroke=\"#b8b8b8\" stroke-width=\"{:.2f}\"/>\n", line, std::max(circuit.road_width_m, 3 * stroke));
  for (const Episode& episode : episodes) append_path(svg, episode, stroke);
  return svg + "</svg>\n";
}

}  // namespace slimpilot
