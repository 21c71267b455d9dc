// SPDX-License-Identifier: Apache-2.0
#include "report/html_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "host/atomic_file.h"

namespace slimpilot {
namespace {

std::string base64(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

/// Empty when it is no picture.
std::string media_type(const std::string& bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return "image/png";
  if (bytes.starts_with("\xff\xd8\xff")) return "image/jpeg";
  return bytes.substr(0, 1000).find("<svg") != std::string::npos ? "image/svg+xml" : "";
}

std::string image_tag(const std::filesystem::path& file, const std::string& caption) {
  try {
    const std::string bytes = read_file(file), type = media_type(bytes);
    if (type.empty()) throw Error(file.string() + ": is neither PNG, JPEG nor SVG");
    return fmt::format("<img class=\"{}\" alt=\"{}\" src=\"data:{};base64,{}\">", type == "image/svg+xml" ? "drawing" : "photo",
                       html_escape(caption), type, base64(bytes));
  } catch (const Error& e) {
    return "<p class=\"missing\">" + html_escape(e.what()) + "</p>";
  }
}

bool is_empty_column(const std::vector<std::vector<std::string>>& rows, size_t c) {
  return c > 0 && std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return row.at(c).empty() || row.at(c) == "-"; });
}

}  // namespace

std::string html_escape(const std::string& text) {
  std::string result;
  for (const char c : text) switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f ? ' ' : c;
    }
  return result;
}

std::string html_table(const std::vector<HtmlColumn>& columns, const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return "";
  std::vector<bool> shown;
  std::string html = "<div class=\"scroll\"><table>\n<thead><tr>";
  const auto attribute = [&](size_t c) { return columns[c].align == Align::number ? " class=\"number\"" : ""; };
  for (size_t c = 0; c < columns.size(); ++c) {
    shown.push_back(!is_empty_column(rows, c));
    if (shown[c]) html += fmt::format("<th{}>{}</th>", attribute(c), html_escape(columns[c].title));
  }
  html += "</tr></thead>\n<tbody>\n";
  for (const auto& row : rows) {
    html += row.back().starts_with("failed") ? "<tr class=\"failed\">" : "<tr>";
    for (size_t c = 0; c < columns.size(); ++c)
      if (shown[c]) html += fmt::format("<td{}>{}</td>", attribute(c), html_escape(row.at(c)));
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string html_picture(const std::filesystem::path& file, const std::string& caption) {
  return fmt::format("<figure>{}<figcaption>{}</figcaption></figure>\n", image_tag(file, caption), html_escape(caption));
}

std::string html_details(const std::string& title, const std::string& content) {
  return "<details><summary>" + html_escape(title) + "</summary>\n" + content + "</details>\n";
}

std::string html_section(const std::string& title, const std::string& reading_help, const std::string& content) {
  if (content.empty()) return "";
  return fmt::format("<section>\n<h2>{}</h2>\n<p class=\"help\">{}</p>\n{}</section>\n", html_escape(title),
                     html_escape(reading_help), content);
}

}  // namespace slimpilot
