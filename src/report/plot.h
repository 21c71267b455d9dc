// SPDX-License-Identifier: Apache-2.0
// Plots, drawn by gnuplot as SVG that can stand inside an HTML page beside others.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace slimpilot {

struct Bar {
  std::string label;
  std::optional<double> value;  // without one the bar is left out and "-" stands in its place
  std::string value_text;       // stands at the end of the bar
};

/// Horizontal bars from 0, one below the other. `id`: letters and digits, different for each plot of a page. Throws Error when
/// gnuplot is missing or fails.
std::string bar_plot(const std::string& id, const std::string& title, const std::vector<Bar>& bars);

struct PlotPoint {
  double x = 0, y = 0;
  std::string label;
  bool good = true;  // others are drawn as red crosses
};

struct PointPlot {
  std::string id, title, x_title, y_title;
  std::vector<PlotPoint> points;
};

/// Labelled points. An axis whose positive values span more than a decade is logarithmic, another starts where the points do.
/// Labels are placed where they are free of each other. Throws as bar_plot.
std::string point_plot(const PointPlot& plot);

}  // namespace slimpilot
