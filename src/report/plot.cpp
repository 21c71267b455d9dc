// SPDX-License-Identifier: Apache-2.0
// Plots, drawn by gnuplot. This file writes the script and cleans the SVG; where labels go is label_places.cpp's business.
#include "report/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "host/run_program.h"
#include "report/label_places.h"

namespace slimpilot {
namespace {

constexpr char kBlue[] = "#3b75af", kRed[] = "#c0392b", kGrey[] = "#808080";

/// A gnuplot string. In single quotes only the quote itself means something; a line break would end the command.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return result + "'";
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// The <svg> element alone; its ids, which are the same in each of gnuplot's pictures, begin with `id`.
std::string inlined(std::string svg, const std::string& id) {
  const size_t begin = svg.find("<svg");
  if (begin == std::string::npos)
    throw Error("gnuplot drew nothing; is its svg terminal missing? Install the package gnuplot-nox");
  svg.erase(0, begin);
  replace_all(svg, " xmlns:xlink=\"http://www.w3.org/1999/xlink\"\n", "");
  replace_all(svg, "xlink:href", "href");
  for (const char* reference : {" id='", " id=\"", "href='#", "href=\"#", "url(#"})
    replace_all(svg, reference, reference + id + "-");
  for (size_t at = svg.find("<title>"); at != std::string::npos; at = svg.find("<title>", at))  // they would be tool tips
    svg.erase(at, svg.find("</title>", at) + 8 - at);
  return svg;
}

std::string draw(const std::string& id, int width, int height, const std::string& script) {
  const std::string start = fmt::format(
      "set encoding utf8\nset terminal svg size {},{} dynamic noenhanced font 'sans-serif,12' name '{}'\nset tics nomirror "
      "scale 0.5\nset border lc rgb '{}'\nset key off\n",
      width, height, id, kGrey);
  const auto result = run_program({"gnuplot", "-d"}, start + script);
  if (!result) throw Error("gnuplot is missing, which draws the plots of the report; install the package gnuplot-nox");
  if (result->exit_code != 0)
    throw Error(fmt::format("gnuplot failed with exit code {}: {}", result->exit_code, result->errors));
  return inlined(result->output, id);
}

/// Pixels that a text of font size 12 takes, a little too many.
double text_width(const std::string& text) {
  const auto is_start = [](char c) { return (c & 0xC0) != 0x80; };
  return 7.4 * static_cast<double>(std::count_if(text.begin(), text.end(), is_start));
}

struct Axis {
  double low = 0, high = 1;
  bool logarithmic = false;
  double share(double value) const {
    return logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  }
};

Axis axis_for(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (*low > 0 && *high > 10 * *low) {
    const double margin = std::pow(*high / *low, 0.1);
    return {*low / margin, *high * margin, true};
  }
  const double margin = *high > *low ? 0.12 * (*high - *low) : std::max(0.1 * std::abs(*high), 1e-12);
  return {*low - margin, *high + margin, false};
}

/// gnuplot labels powers of ten only, of which there may be none.
std::string logarithmic_tics(const char* name, const Axis& axis) {
  std::string tics;
  for (int power = static_cast<int>(std::floor(std::log10(axis.low))); std::pow(10, power) < axis.high; ++power)
    for (const int digit : {1, 2, 5})
      if (const double tic = digit * std::pow(10, power); tic >= axis.low && tic <= axis.high)
        tics += fmt::format("{}{:g}", tics.empty() ? "" : ", ", tic);
  return fmt::format("set {}tics ({})\n", name, tics);
}

std::string axis_script(const char* name, const Axis& axis, const std::string& title) {
  std::string script =
      fmt::format("set {0}range [{1}:{2}]\nset {0}label {3}\nset format {0} '%g'\n", name, axis.low, axis.high, quoted(title));
  if (axis.logarithmic) script += fmt::format("set logscale {}\n", name);
  if (axis.logarithmic && axis.high < 1e3 * axis.low) script += logarithmic_tics(name, axis);
  return script;
}

const char* anchor_word(LabelAnchor anchor) {
  return anchor == LabelAnchor::left ? "left" : anchor == LabelAnchor::middle ? "center" : "right";
}

/// The labels of points, and lines to those that stand far from them. All in pixels of a plot of this size.
std::string label_script(const PointPlot& plot, const std::vector<LabelledPoint>& points, double width, double height) {
  const std::vector<LabelPlace> places = place_labels(points, width, height);
  const auto at = [&](double x, double y) { return fmt::format("graph {:.5f},{:.5f}", x / width, y / height); };
  std::string script;
  for (size_t i = 0; i < places.size(); ++i) {
    const std::string place = at(places[i].x, places[i].y);
    script += fmt::format("set label {} at {} {} front\n", quoted(plot.points[i].label), place, anchor_word(places[i].anchor));
    if (places[i].far)
      script +=
          fmt::format("set arrow from {} to {} nohead lc rgb '{}' lw 0.6 back\n", at(points[i].x, points[i].y), place, kGrey);
  }
  return script;
}

}  // namespace

std::string bar_plot(const std::string& id, const std::string& title, const std::vector<Bar>& bars) {
  constexpr int kWidth = 460, kRow = 22;
  double most = 0, names = 0, values = 0;
  for (const Bar& bar : bars) {
    most = std::max(most, bar.value.value_or(0));
    names = std::max(names, text_width(bar.label));
    values = std::max(values, text_width(bar.value_text));
  }
  if (most == 0) most = 1;
  const int height = 44 + kRow * static_cast<int>(bars.size());
  const double left = std::min(names + 8, 260.0);
  std::string script = fmt::format(
      "set title {} offset 0,-0.5\nunset border\nunset xtics\nset yrange [{}:-0.5]\nset xrange [0:{}]\nset lmargin at screen "
      "{}\n"
      "set rmargin at screen {}\nset tmargin at screen {}\nset bmargin at screen {}\nset ytics scale 0 (",
      quoted(title), static_cast<double>(bars.size()) - 0.5, most, left / kWidth, (kWidth - values - 12) / kWidth,
      1 - 32.0 / height, 8.0 / height);
  for (size_t i = 0; i < bars.size(); ++i) script += fmt::format("{}{} {}", i ? ", " : "", quoted(bars[i].label), i);
  script += ")\n";
  for (size_t i = 0; i < bars.size(); ++i)
    script += fmt::format("set label {} at {},{} left offset 0.6,0\n", quoted(bars[i].value ? bars[i].value_text : "-"),
                          bars[i].value.value_or(0), i);
  script += "$bars << END\n0 -9 0 0 -9 -9\n";  // a row out of sight: gnuplot refuses to plot nothing
  for (size_t i = 0; i < bars.size(); ++i) {
    const double middle = static_cast<double>(i);
    if (bars[i].value) script += fmt::format("0 {} 0 {} {} {}\n", middle, *bars[i].value, middle - 0.32, middle + 0.32);
  }
  script += fmt::format("END\nplot $bars using 1:2:3:4:5:6 with boxxyerror fill solid noborder lc rgb '{}'\n", kBlue);
  return draw(id, kWidth, height, script);
}

std::string point_plot(const PointPlot& plot) {
  constexpr double kWidth = 700, kHeight = 400, kLeft = 80, kRight = 14, kTop = 34, kBottom = 52;
  constexpr double kInnerWidth = kWidth - kLeft - kRight, kInnerHeight = kHeight - kTop - kBottom;
  check(!plot.points.empty());
  std::vector<double> xs, ys;
  for (const PlotPoint& p : plot.points) xs.push_back(p.x), ys.push_back(p.y);
  const Axis x = axis_for(xs), y = axis_for(ys);
  std::vector<LabelledPoint> places;
  for (const PlotPoint& p : plot.points)
    places.push_back({x.share(p.x) * kInnerWidth, y.share(p.y) * kInnerHeight, text_width(p.label)});
  std::string script = fmt::format(
      "set title {}\nset border 3\nset lmargin at screen {}\nset rmargin at screen {}\nset tmargin at screen {}\nset bmargin "
      "at screen "
      "{}\nset grid lc rgb '#dddddd' lw 0.6\n",
      quoted(plot.title), kLeft / kWidth, 1 - kRight / kWidth, 1 - kTop / kHeight, kBottom / kHeight);
  script += axis_script("x", x, plot.x_title) + axis_script("y", y, plot.y_title);
  script += label_script(plot, places, kInnerWidth, kInnerHeight);
  script += "$points << END\n";
  for (const PlotPoint& p : plot.points) script += fmt::format("{} {} {}\n", p.x, p.y, p.good ? 1 : 0);
  script += fmt::format(
      "END\nplot $points using 1:($3==1?$2:NaN) with points pt 7 ps 0.7 lc rgb '{}', $points using 1:($3==0?$2:NaN) with "
      "points pt 2 ps "
      "0.9 lw 2 lc rgb '{}'\n",
      kBlue, kRed);
  return draw(plot.id, static_cast<int>(kWidth), static_cast<int>(kHeight), script);
}

}  // namespace slimpilot
