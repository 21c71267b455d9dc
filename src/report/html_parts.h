// SPDX-License-Identifier: Apache-2.0
// The small parts of an HTML page: escaped text, tables, pictures that travel inside the page.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace slimpilot {

/// Text that is only text, between tags and in quoted attributes. Control characters become spaces.
std::string html_escape(const std::string& text);

enum class Align { text, number };
struct HtmlColumn {
  std::string title;
  Align align = Align::number;
};

/// A table that scrolls sideways on a narrow screen. Cells are plain text; a row that begins with "failed" in its last cell is
/// marked. Columns in which every cell is "-" or empty are left out, but never the first.
std::string html_table(const std::vector<HtmlColumn>& columns, const std::vector<std::vector<std::string>>& rows);

/// A picture with a caption. The file (PNG, JPEG or SVG, told by its bytes) stands in the page as a data URI, where scripts in
/// an SVG do not run; in place of one that cannot be read or is no picture stands the reason.
std::string html_picture(const std::filesystem::path& file, const std::string& caption);

/// Content (HTML) that is folded away behind its title.
std::string html_details(const std::string& title, const std::string& content);

/// A heading, one sentence on how to read what follows, and the content (HTML); nothing when there is no content.
std::string html_section(const std::string& title, const std::string& reading_help, const std::string& content);

}  // namespace slimpilot
