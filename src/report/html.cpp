// SPDX-License-Identifier: Apache-2.0
// The report: which sections there are, and what stands in them. How a table, a plot or a picture becomes HTML is in the files
// that this one includes.
#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "report/html_parts.h"
#include "report/html_style.h"
#include "report/plot.h"
#include "report/table.h"

namespace slimpilot {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using Techniques = std::vector<ReportTechnique>;

std::string number_text(MaybeNumber x, const char* format = "{:g}") { return x ? fmt::format(fmt::runtime(format), *x) : "-"; }
std::string centimetres(MaybeNumber x) { return x ? fmt::format("{:.1f}", 100 * *x) : "-"; }
std::string error_text(MaybeNumber x) { return !x ? "-" : *x == 0 ? "0" : significant(*x); }
std::string time_text(MaybeNumber x) { return x ? milliseconds(*x) : "-"; }

/// A failed technique has the size 0; 1e18 is beyond all files.
MaybeNumber megabytes_of(MaybeNumber bytes) {
  return bytes && *bytes > 0 && *bytes < 1e18 ? MaybeNumber(*bytes / (1 << 20)) : std::nullopt;
}
std::string size_text(MaybeNumber bytes) { return megabytes_of(bytes) ? megabytes(static_cast<size_t>(*bytes)) : "-"; }

/// JSON has no infinity: what differs nowhere has an infinite ratio.
std::string sqnr_text(const ReportErrors& e) {
  if (e.sqnr_db) return decibels(*e.sqnr_db);
  return e.max_difference && *e.max_difference == 0 ? "∞" : "-";
}

std::string laps_text(const ReportDriving& d) {
  if (!d.drives || !d.drives_finished) return "-";
  const std::string interval =
      d.success_low && d.success_high ? fmt::format(" ({:.0f}–{:.0f} %)", 100 * *d.success_low, 100 * *d.success_high) : "";
  return fmt::format("{:.0f}/{:.0f}{}", *d.drives_finished, *d.drives, interval);
}

/// The different texts that `of` gives, in order.
std::string all_texts(const Techniques& techniques, const std::function<std::string(const ReportTechnique&)>& of) {
  std::set<std::string> seen;
  std::string result;
  for (const ReportTechnique& t : techniques) {
    const std::string text = of(t);
    if (!text.empty() && seen.insert(text).second) result += (result.empty() ? "" : ", ") + text;
  }
  return result;
}

std::string run_section(const ReportData& data) {
  const std::vector<std::pair<std::string, std::string>> facts{
      {"Model", data.model},
      {"Command", data.command},
      {"Frames evaluated", data.frames ? number_text(data.frames, "{:.0f}") : ""},
      {"Frames for calibration", data.calibration_frames ? number_text(data.calibration_frames, "{:.0f}") : ""},
      {"Compared with", data.reference},
      {"Instruction set", all_texts(data.techniques, [](const auto& t) { return t.isa; })},
      {"Arithmetic", all_texts(data.techniques, [](const auto& t) { return t.arithmetic; })},
      {"Threads", all_texts(data.techniques, [](const auto& t) { return t.threads ? number_text(t.threads) : ""; })}};
  std::string html;
  for (const auto& [name, value] : facts)
    if (!value.empty()) html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html_escape(value));
  return html.empty() ? "" : "<dl>\n" + html + "</dl>\n";
}

std::string main_table(const Techniques& techniques) {
  Rows rows;
  for (const ReportTechnique& t : techniques)
    rows.push_back({t.name, size_text(t.size_bytes), size_text(t.slim_bytes), error_text(t.errors.mse),
                    error_text(t.errors.mae), sqnr_text(t.errors), error_text(t.errors.max_difference),
                    time_text(t.latency_ms_p50), time_text(t.latency_ms_p99), t.status});
  return html_table({{"technique", Align::text},
                     {"MB"},
                     {".slim MB"},
                     {"MSE"},
                     {"MAE"},
                     {"SQNR dB"},
                     {"max difference"},
                     {"ms median"},
                     {"ms p99"},
                     {"status", Align::text}},
                    rows);
}

std::string bars(const Techniques& techniques) {
  std::vector<Bar> size, mse, latency;
  for (const ReportTechnique& t : techniques) {
    size.push_back({t.name, megabytes_of(t.size_bytes), size_text(t.size_bytes)});
    mse.push_back({t.name, t.errors.mse, error_text(t.errors.mse)});
    latency.push_back({t.name, t.latency_ms_p50, time_text(t.latency_ms_p50)});
  }
  std::string html;
  const auto add = [&](const char* id, const char* title, const std::vector<Bar>& plot) {
    if (std::any_of(plot.begin(), plot.end(), [](const Bar& b) { return b.value.has_value(); }))
      html += "<div class=\"plot\">" + bar_plot(id, title, plot) + "</div>\n";
  };
  add("size", "File size, MB", size);
  add("mse", "MSE", mse);
  add("latency", "Latency, median, ms", latency);
  return html.empty() ? "" : "<div class=\"plots\">\n" + html + "</div>\n";
}

/// Circuits in the order in which they come up.
std::vector<std::string> circuits_of(const Techniques& techniques) {
  std::vector<std::string> circuits;
  for (const ReportTechnique& t : techniques)
    for (const ReportDriving& d : t.driving)
      if (std::find(circuits.begin(), circuits.end(), d.circuit) == circuits.end()) circuits.push_back(d.circuit);
  return circuits;
}

/// Calls `visit` for each technique that drove the circuit.
void for_each_drive(const Techniques& techniques, const std::string& circuit,
                    const std::function<void(const ReportTechnique&, const ReportDriving&)>& visit) {
  for (const ReportTechnique& t : techniques)
    for (const ReportDriving& d : t.driving)
      if (d.circuit == circuit) visit(t, d);
}

std::string trade_offs(const Techniques& techniques) {
  std::vector<PointPlot> plots{
      {.id = "msepoints", .title = "MSE over latency", .x_title = "latency, median, ms", .y_title = "MSE"}};
  for (const ReportTechnique& t : techniques)
    if (t.errors.mse && t.latency_ms_p50) plots[0].points.push_back({*t.latency_ms_p50, *t.errors.mse, t.name});
  for (const std::string& circuit : circuits_of(techniques)) {
    plots.push_back({.id = fmt::format("lateral{}", plots.size()),
                     .title = "Lateral error over latency: " + circuit,
                     .x_title = "latency, median, ms",
                     .y_title = "mean lateral error, cm"});
    for_each_drive(techniques, circuit, [&](const ReportTechnique& t, const ReportDriving& d) {
      const bool finished = d.drives && d.drives_finished && *d.drives == *d.drives_finished;
      if (t.latency_ms_p50 && d.lateral_error_mean_m)
        plots.back().points.push_back({*t.latency_ms_p50, 100 * *d.lateral_error_mean_m, t.name, finished});
    });
  }
  std::string html;
  for (const PointPlot& plot : plots)
    if (plot.points.size() > 1) html += "<div class=\"plot\">" + point_plot(plot) + "</div>\n";
  return html.empty() ? "" : "<div class=\"plots wide\">\n" + html + "</div>\n";
}

std::string driving_tables(const Techniques& techniques) {
  std::string html;
  for (const std::string& circuit : circuits_of(techniques)) {
    Rows rows;
    for_each_drive(techniques, circuit, [&](const ReportTechnique& t, const ReportDriving& d) {
      rows.push_back({t.name, laps_text(d), number_text(d.lap_seconds, "{:.2f}"), number_text(d.average_speed, "{:.2f}"),
                      centimetres(d.lateral_error_mean_m), centimetres(d.lateral_error_p95_m),
                      centimetres(d.lateral_error_max_m), number_text(d.off_road_events), number_text(d.control_ms),
                      time_text(d.latency_ms)});
    });
    html += "<h3>" + html_escape(circuit) + "</h3>\n" +
            html_table({{"technique", Align::text},
                        {"laps finished"},
                        {"lap s"},
                        {"m/s"},
                        {"mean cm"},
                        {"p95 cm"},
                        {"max cm"},
                        {"off road"},
                        {"period ms"},
                        {"latency ms"}},
                       rows);
  }
  return html;
}

std::string path_pictures(const Techniques& techniques, const std::filesystem::path& folder) {
  std::string html;
  for (const std::string& circuit : circuits_of(techniques)) {
    std::string row;
    for_each_drive(techniques, circuit, [&](const ReportTechnique& t, const ReportDriving& d) {
      if (!d.picture.empty()) row += html_picture(folder / d.picture, t.name + ": " + laps_text(d));
    });
    if (!row.empty()) html += "<h3>" + html_escape(circuit) + "</h3>\n<div class=\"pictures\">\n" + row + "</div>\n";
  }
  return html;
}

std::string frame_pictures(const ReportData& data, const std::filesystem::path& folder) {
  std::string html;
  for (const ReportFrame& frame : data.sample_frames)
    if (!frame.file.empty()) html += html_picture(folder / frame.file, frame.label);
  return html.empty() ? "" : "<div class=\"pictures\">\n" + html + "</div>\n";
}

std::string output_table(const Techniques& techniques) {
  Rows rows;
  for (const ReportTechnique& t : techniques)
    for (const ReportOutput& o : t.outputs)
      rows.push_back({t.name, o.name, error_text(o.errors.mse), error_text(o.errors.mae), sqnr_text(o.errors),
                      error_text(o.errors.max_difference)});
  return html_table({{"technique", Align::text}, {"output", Align::text}, {"MSE"}, {"MAE"}, {"SQNR dB"}, {"max difference"}},
                    rows);
}

std::vector<std::string> layer_row(const ReportLayer& l) {
  const MaybeNumber zeros = l.zeros && l.elements && *l.elements > 0 ? MaybeNumber(100 * *l.zeros / *l.elements) : std::nullopt;
  return {l.weight,
          l.shape,
          l.type,
          number_text(zeros, "{:.1f}"),
          number_text(l.distinct, "{:.0f}"),
          number_text(l.entropy_bits, "{:.2f}"),
          number_text(l.bytes, "{:.0f}"),
          number_text(l.slim_bytes, "{:.0f}"),
          number_text(l.sqnr_db, "{:.1f}"),
          l.slim_encoding};
}

/// Weights only: biases and the like, of one dimension, say little.
std::string layer_tables(const Techniques& techniques) {
  const std::vector<HtmlColumn> columns{{"weight", Align::text},
                                        {"shape", Align::text},
                                        {"type", Align::text},
                                        {"zeros %"},
                                        {"distinct"},
                                        {"bits"},
                                        {"bytes"},
                                        {".slim bytes"},
                                        {"SQNR dB"},
                                        {"in .slim as", Align::text}};
  std::string html;
  for (const ReportTechnique& t : techniques) {
    Rows rows;
    for (const ReportLayer& l : t.layers)
      if (l.shape.find('x') != std::string::npos) rows.push_back(layer_row(l));
    if (!rows.empty()) html += html_details(t.name, html_table(columns, rows));
  }
  return html;
}

std::string sensitivity_part(const ReportData& data) {
  if (data.sensitivity.empty()) return "";
  Rows rows;
  for (const ReportSensitivity& s : data.sensitivity) {
    const MaybeNumber costs = s.without_db && data.all_int8_db ? MaybeNumber(*s.without_db - *data.all_int8_db) : std::nullopt;
    rows.push_back(
        {s.layer, number_text(s.alone_db, "{:.1f}"), number_text(s.without_db, "{:.1f}"), number_text(costs, "{:.1f}")});
  }
  return fmt::format("<p>All layers in int8: {} dB. Hurts most: {}.</p>\n", number_text(data.all_int8_db, "{:.1f}"),
                     html_escape(data.most_sensitive)) +
         html_table({{"layer", Align::text}, {"alone dB"}, {"all but it dB"}, {"it costs dB"}}, rows);
}

std::string command_list(const Techniques& techniques) {
  std::string html;
  for (const ReportTechnique& t : techniques)
    if (!t.command.empty())
      html += fmt::format("<dt>{}</dt><dd><code>{}</code></dd>\n", html_escape(t.name), html_escape(t.command));
  return html.empty() ? "" : "<dl>\n" + html + "</dl>\n";
}

}  // namespace

std::string html_report(const ReportData& data, const std::filesystem::path& folder) {
  const Techniques& all = data.techniques;
  const std::string title =
      "slimpilot: " + (data.model.empty() ? "results" : std::filesystem::path(data.model).filename().string());
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, "
      "initial-scale=1\">\n<title>{0}</title>\n<style>\n{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
      html_escape(title), kReportStyle);
  html += run_section(data);
  html += html_section(
      "Techniques",
      "MSE and MAE are against the labels; SQNR (higher is closer) and the largest difference are against the float32 "
      "network, frame by frame; latency is of one frame on this CPU.",
      main_table(all));
  html += html_section("Size, error and latency", "Shorter is better in all three; each bar starts at 0.", bars(all));
  html += html_section(
      "What a millisecond costs",
      "The best techniques are at the lower left; a red cross did not finish every lap, so its lateral error says little.",
      trade_offs(all));
  html += html_section(
      "Driving",
      "Closed loop in simulated time: finished laps with the 95 % interval of the rate, lap time, and the distance of the "
      "car from the centre line in cm.",
      driving_tables(all));
  html += html_section(
      "Driven paths",
      "Green is on the centre line, yellow 25 cm beside it, red 50 cm and more; a cross marks where a drive ended early.",
      path_pictures(all, folder));
  html +=
      html_section("Sample frames", "What the network sees, with the label it should answer.", frame_pictures(data, folder));
  html += html_section("Each output", "The same errors for each output alone: one may suffer while the mean looks well.",
                       output_table(all));
  html += html_section(
      "Each layer",
      "How many elements are zero, how many different ones there are, their entropy in bits per element, and the bytes that "
      "they take; SQNR is that of the result of the layer that reads the weight against float32, up to a factor per channel.",
      layer_tables(all));
  html += html_section("Which layer int8 hurts most",
                       "SQNR of the network's results when one layer alone is in int8, and when all but it are.",
                       sensitivity_part(data));
  html += html_section("Rebuild a row", "Each command makes and measures one technique again.", command_list(all));
  return html + "</body>\n</html>\n";
}

std::string html_report(const std::filesystem::path& results_json) {
  return html_report(read_report_data(results_json), results_json.parent_path());
}

}  // namespace slimpilot
