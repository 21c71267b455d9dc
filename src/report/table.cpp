// SPDX-License-Identifier: Apache-2.0
// Results as aligned text.
#include "report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace slimpilot {
namespace {

using Row = std::vector<std::string>;

/// Characters on the screen: UTF-8 continuation bytes do not count.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// A number, also with an exponent or with others behind it; "8 values" is text.
bool is_number(const std::string& text) {
  if (text == "inf") return true;
  const auto is_letter = [](unsigned char c) { return std::isalpha(c) && c != 'e'; };
  if (text.empty() || std::ranges::any_of(text, is_letter)) return false;
  return std::isdigit(static_cast<unsigned char>(text[0])) || text[0] == '-' || text[0] == '+';
}

void put_errors(Row& row, const std::optional<LabelErrors>& errors) {
  row.push_back(errors ? significant(errors->mse) : "-");
  row.push_back(errors ? significant(errors->mae) : "-");
  row.push_back(errors && errors->count_nonzero ? significant(errors->mse_nonzero) : "-");
}

void put_deviation(Row& row, const std::optional<Deviation>& deviation) {
  row.push_back(deviation ? decibels(deviation->sqnr_db) : "-");
  row.push_back(deviation ? significant(deviation->max_difference) : "-");
}

}  // namespace

std::string megabytes(size_t bytes) {
  const double mb = static_cast<double>(bytes) / (1 << 20);
  return mb < 0.1 ? fmt::format("{:.4f}", mb) : fmt::format("{:.2f}", mb);
}
std::string significant(double x) { return fmt::format("{:#.5g}", x); }
std::string decibels(double x) { return std::isinf(x) ? "inf" : fmt::format("{:.1f}", x); }
std::string milliseconds(double x) { return x < 1 ? fmt::format("{:.4f}", x) : fmt::format("{:.3f}", x); }

std::string aligned_table(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string gap(widths[c] - width_of(row[c]), ' ');
      const bool numeric =
          is_number(row[c]) || (&row == &rows[0] && rows.size() > 1 && c < rows[1].size() && is_number(rows[1][c]));
      line += (c ? "  " : "") + (numeric ? gap + row[c] : row[c] + gap);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string results_table(const RunResult& run) {
  std::vector<Row> rows{
      {"technique", "MB", "slim MB", "MSE", "MAE", "MSE (label≠0)", "SQNR dB", "max diff", "ms p50", "ms p99", "status"}};
  for (const ModelResult& m : run.models) {
    Row row{m.technique, m.size_bytes ? megabytes(m.size_bytes) : "-", m.slim_bytes ? megabytes(m.slim_bytes) : "-"};
    put_errors(row, m.errors);
    put_deviation(row, m.deviation);
    row.push_back(m.latency ? milliseconds(m.latency->p50_ms) : "-");
    row.push_back(m.latency ? milliseconds(m.latency->p99_ms) : "-");
    row.push_back(m.status);
    rows.push_back(std::move(row));
  }
  return aligned_table(rows);
}

const std::vector<std::string>& driving_columns() {
  static const Row columns{"circuit", "laps finished", "lap s",    "m/s",    "done %",    "lateral m",
                           "p95 m",   "max m",         "off road", "1000^d", "suddenness"};
  return columns;
}

std::vector<std::string> driving_row(const DrivingSummary& s) {
  const DrivingMetrics& m = s.mean;
  return {s.circuit,
          fmt::format("{}/{} ({:.0f}-{:.0f} %)", s.successes, s.drives, 100 * s.success_rate.low, 100 * s.success_rate.high),
          m.lap_seconds ? fmt::format("{:.2f}", *m.lap_seconds) : "-",
          fmt::format("{:.2f}", m.average_speed),
          fmt::format("{:.1f}", m.percentage_completed),
          fmt::format("{:.3f}", m.lateral_error_mean),
          fmt::format("{:.3f}", m.lateral_error_p95),
          fmt::format("{:.3f}", m.lateral_error_max),
          fmt::format("{}", m.off_road_events),
          fmt::format("{:.2f}", m.position_deviation_mae),
          fmt::format("{:.4f}", m.suddenness_distance)};
}

std::string driving_results_table(const RunResult& run) {
  std::vector<Row> rows{driving_columns()};
  rows[0].insert(rows[0].begin(), "technique");
  rows[0].push_back("latency ms");
  for (const ModelResult& m : run.models)
    for (const DrivingResult& d : m.driving) {
      rows.push_back(driving_row(d.summary));
      rows.back().insert(rows.back().begin(), m.technique);
      rows.back().push_back(milliseconds(d.latency_ms));
    }
  return aligned_table(rows);
}

std::string layers_table(const std::vector<LayerResult>& layers) {
  std::vector<Row> rows{{"layer", "weight", "shape", "type", "zeros %", "distinct", "entropy bits", "bytes", ".slim bytes",
                         "SQNR dB", "in .slim as"}};
  for (const LayerResult& l : layers)
    rows.push_back({l.layer, l.weight, l.shape, l.type,
                    fmt::format("{:.1f}", 100 * static_cast<double>(l.zeros) / static_cast<double>(l.elements)),
                    std::to_string(l.distinct), fmt::format("{:.3f}", l.entropy_bits), std::to_string(l.bytes),
                    std::to_string(l.slim_bytes), l.sqnr_db ? decibels(*l.sqnr_db) : "-", l.slim_encoding});
  return aligned_table(rows);
}

std::string sensitivity_table(const Sensitivity& sensitivity) {
  std::vector<Row> rows{{"layer", "alone dB", "all but it dB", "it costs dB"}};
  for (const LayerSensitivity& l : sensitivity.layers)
    rows.push_back({l.layer, decibels(l.alone_db), decibels(l.without_db), decibels(l.without_db - sensitivity.all_db)});
  const LayerSensitivity& worst = sensitivity.worst();
  return fmt::format("{} frames, all layers in int8: {} dB\n{}\nhurts most: {} ({} dB without it)\n", sensitivity.frames,
                     decibels(sensitivity.all_db), aligned_table(rows), worst.layer, decibels(worst.without_db));
}

std::string outputs_table(const RunResult& run) {
  std::vector<Row> rows{{"technique", "output", "MSE", "MAE", "MSE (label≠0)", "SQNR dB", "max diff"}};
  for (const ModelResult& m : run.models)
    for (const OutputResult& o : m.outputs) {
      Row row{m.technique, o.name};
      put_errors(row, o.errors);
      put_deviation(row, o.deviation);
      rows.push_back(std::move(row));
    }
  return aligned_table(rows);
}

}  // namespace slimpilot
