// SPDX-License-Identifier: Apache-2.0
// The report: all sections from a full file, fewer from a poor one, an Error for a malformed one, and text that stays text.
#include "report/html.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "base/error.h"
#include "host/atomic_file.h"
#include "host/image_file.h"
#include "host/run_program.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

class HtmlReport : public testing::Test {
 protected:
  void SetUp() override {
    if (!run_program({"gnuplot", "--version"}, "")) GTEST_SKIP() << "gnuplot is missing; install gnuplot-nox";
    folder_ = fs::path(testing::TempDir()) / ("html_report_" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  std::string report(const std::string& json) const {
    write_file_atomically(folder_ / "results.json", json);
    return html_report(folder_ / "results.json");
  }
  std::string error_of(const std::string& json) const {
    try {
      report(json);
    } catch (const Error& error) {
      return std::string(error.what()).substr(folder_.string().size() + 1);
    }
    return "no error";
  }

  fs::path folder_;
};

constexpr char kFull[] =
    R"({"command": "slimpilot optimize m.h5", "model": "models/m.h5", "frames": 30, "calibration_frames": 20,
  "techniques": [
    {"technique": "float32", "status": "ok", "size_bytes": 2097152, "slim_bytes": null, "mse": 0.5, "mae": 0.25, "sqnr_db": null,
     "max_difference": 0, "latency_ms_p50": 0.5, "latency_ms_p99": 0.75, "isa": "avx2", "arithmetic": "reduced", "threads": 1,
     "outputs": [{"name": "v", "mse": 0.5}, {"name": "w", "mse": 0.125}], "command": "make float32",
     "driving": [{"circuit": "simple", "drives": 20, "drives_finished": 18, "success_rate_95": [0.7, 0.97], "lap_seconds": 53.2,
                  "lateral_error_mean_m": 0.123, "lateral_error_p95_m": 0.3, "picture": "a.svg"}]},
    {"technique": "int8_only", "status": "ok", "size_bytes": 524288, "mse": 0.6, "latency_ms_p50": 0.25, "isa": "avx2",
     "threads": 1, "layers": [{"layer": "conv1/relu", "weight": "conv1/kernel", "shape": "8x3x3x3", "type": "s8", "elements": 216,
                               "zeros": 54, "distinct": 19, "entropy_bits": 3.4, "bytes": 216, "slim_bytes": 117,
                               "slim_encoding": "mask + codebooks 5", "sqnr_db": 46.37},
                              {"layer": "conv1/relu", "weight": "conv1/bias", "shape": "8", "elements": 8, "zeros": 0}],
     "driving": [{"circuit": "simple", "lateral_error_mean_m": 0.2, "lap_seconds": null, "picture": "none.svg"}]},
    {"technique": "prune", "status": "failed: no such layer", "size_bytes": 0, "mse": null}],
  "sensitivity": {"frames": 20, "all_db": 40, "worst": "conv2", "layers": [{"layer": "conv2", "alone_db": 45.2, "without_db": 47.5}]},
  "sample_frames": [{"file": "0.png", "label": "v 7.0 m/s"}]})";

TEST_F(HtmlReport, HoldsEverything) {
  write_file_atomically(folder_ / "a.svg", std::string_view("<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>"));
  write_png(folder_ / "0.png", Image{.height = 1, .width = 1, .pixels = {1, 2, 3}});
  const std::string html = report(kFull);
  for (const char* part : {"<h1>slimpilot: m.h5</h1>",
                           "<dd>slimpilot optimize m.h5</dd>",
                           "<dd>30</dd>",
                           "<dd>avx2</dd>",
                           "<h2>Techniques</h2>",
                           "<td class=\"number\">2.00</td>",
                           "<td class=\"number\">∞</td>",
                           "<tr class=\"failed\"><td>prune</td>",
                           "<h2>Size, error and latency</h2>",
                           "id=\"size-",
                           "id=\"mse-",
                           "id=\"latency-",
                           "<h2>What a millisecond costs</h2>",
                           "id=\"msepoints-",
                           "id=\"lateral1-",
                           "<h2>Driving</h2>",
                           "18/20 (70–97 %)",
                           "<td class=\"number\">12.3</td>",
                           "<h2>Driven paths</h2>",
                           "src=\"data:image/svg+xml;base64,PHN2ZyB4bWxucz0i",
                           "none.svg: cannot be opened",
                           "<h2>Sample frames</h2>",
                           "src=\"data:image/png;base64,iVBORw0KGgo",
                           "<figcaption>v 7.0 m/s</figcaption>",
                           "<h2>Each output</h2>",
                           "<td>w</td>",
                           "<h2>Each layer</h2>",
                           "<details><summary>int8_only</summary>",
                           "<td class=\"number\">25.0</td>",
                           "<td class=\"number\">46.4</td>",
                           "<td>mask + codebooks 5</td>",
                           "All layers in int8: 40.0 dB. Hurts most: conv2.",
                           "<td class=\"number\">7.5</td>",
                           "<h2>Rebuild a row</h2>",
                           "<code>make float32</code>"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  EXPECT_EQ(html.find("conv1/bias"), std::string::npos);
  EXPECT_EQ(html.find(".slim MB"), std::string::npos);  // nobody has one
}

TEST_F(HtmlReport, LoadsNothing) {
  std::string html = report(kFull);
  const std::string name_space = "xmlns=\"http://www.w3.org/2000/svg\"";
  for (size_t place; (place = html.find(name_space)) != std::string::npos;) html.erase(place, name_space.size());
  for (const char* part : {"http", "<link", "<script", "@import", "url(h", "src=\"/"})
    EXPECT_EQ(html.find(part), std::string::npos) << part;
}

TEST_F(HtmlReport, IdsAreUnique) {
  const std::string html = report(kFull);
  std::set<std::string> seen;
  for (size_t place = 0; (place = html.find(" id=", place)) != std::string::npos;) {
    const char quote = html[place + 4];
    const size_t first = place + 5, end = html.find(quote, first);
    const std::string id = html.substr(first, end - first);
    EXPECT_TRUE(seen.insert(id).second) << id;
    place = end;
  }
  EXPECT_GT(seen.size(), 20u);
}

TEST_F(HtmlReport, TextStaysText) {
  const std::string html = report(R"({"command": "<script>alert('x')</script>", "model": "\"><b>", "techniques": [
    {"technique": "<i>'`touch x`' $(id) {/Bold a_b}\nset output 'x'\u0000", "status": "failed: a<b & \"c\"", "command": "<u>", "size_bytes": 9,
     "mse": 1, "latency_ms_p50": 1, "outputs": [{"name": "<o>"}], "driving": [{"circuit": "<c>'\n!touch y", "lateral_error_mean_m": 1}]},
    {"technique": "]]><i>", "mse": 2, "latency_ms_p50": 2, "driving": [{"circuit": "<c>'\n!touch y", "lateral_error_mean_m": 2}]}],
    "sample_frames": [{"file": "<img>", "label": "<l>"}]})");
  for (const char* part : {"<script", "<b>", "<i>", "<u>", "<o>", "<c>", "<l>", "<img>"})
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  EXPECT_NE(html.find("{/Bold a_b}"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;alert(&#39;x&#39;)"), std::string::npos);
  EXPECT_FALSE(fs::exists("x"));
  EXPECT_FALSE(fs::exists("y"));
}

TEST_F(HtmlReport, MissingPartsAreLeftOut) {
  const std::string html = report(R"({"techniques": [{"technique": "a"}]})");
  EXPECT_NE(html.find("<td>a</td>"), std::string::npos);
  for (const char* part : {"<svg", "<h2>Driv", "<h2>Sample", "<h2>Each", "<h2>Rebuild", "<h2>Size", "<h2>What", "MSE</th>"})
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  EXPECT_EQ(report(R"({"techniques": []})").find("<h2>"), std::string::npos);
}

TEST_F(HtmlReport, MalformedFilesAreRefused) {
  EXPECT_EQ(error_of("{").substr(0, 26), "results.json: is no JSON; ");
  EXPECT_EQ(error_of("\"\xff\"").substr(0, 26), "results.json: is no JSON; ");
  EXPECT_EQ(error_of("[]"), "results.json: must be an object in braces");
  EXPECT_EQ(error_of("{}").substr(0, 39), "results.json: \"techniques\" is missing; ");
  EXPECT_EQ(error_of(R"({"techniques": 1})"), "results.json: techniques: must be a list in brackets");
  EXPECT_EQ(error_of(R"({"techniques": [{"status": "ok"}]})"), "results.json: techniques[0]: \"technique\" is missing");
  EXPECT_EQ(error_of(R"({"techniques": [{"technique": "a"}, {"technique": "b", "mse": "x"}]})"),
            "results.json: techniques[1].mse: must be a number or null");
  EXPECT_EQ(error_of(R"({"techniques": [{"technique": "a", "driving": [{"circuit": "c", "success_rate_95": [1]}]}]})"),
            "results.json: techniques[0].driving[0].success_rate_95: must be two numbers in brackets");
  EXPECT_EQ(error_of(R"({"techniques": [], "sample_frames": [{"file": "../x.png"}]})"),
            "results.json: sample_frames[0].file: must name a file in the folder of results.json");
}

TEST_F(HtmlReport, ExtremeNumbersAreDrawn) {
  const std::string html =
      report(R"({"techniques": [{"technique": "a", "mse": 1e300, "latency_ms_p50": 1e-300, "size_bytes": 1e18},
    {"technique": "b", "mse": 0, "latency_ms_p50": 1e300}, {"technique": "c", "mse": -1, "latency_ms_p50": 0}]})");
  EXPECT_NE(html.find("id=\"msepoints-"), std::string::npos);
}

}  // namespace
}  // namespace slimpilot
