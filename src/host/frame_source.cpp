// SPDX-License-Identifier: Apache-2.0
// Lists pictures and reads raw frames.
#include "host/frame_source.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "host/progress.h"

namespace slimpilot {
namespace {

namespace fs = std::filesystem;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The run of digits at `at` without leading zeros; moves `at` behind it.
std::string_view take_number(std::string_view text, size_t& at) {
  while (at < text.size() && text[at] == '0') ++at;
  const size_t first = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return text.substr(first, at - first);
}

bool comes_before(std::string_view a, std::string_view b) {
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const std::string_view x = take_number(a, i), y = take_number(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  if (i < a.size() || j < b.size()) return i == a.size();
  return a < b;  // they differ in leading zeros
}

bool is_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

/// Waits for bytes and reads them; 0 at the end. Ctrl-C ends the wait.
size_t read_some(int descriptor, uint8_t* target, size_t most, const std::string& name) {
  for (;;) {
    check_cancelled();
    pollfd wait{descriptor, POLLIN, 0};
    ssize_t count = poll(&wait, 1, -1);  // read would go on waiting after a signal
    if (count >= 0) count = read(descriptor, target, most);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR && errno != EAGAIN) throw Error(name + ": cannot be read: " + std::strerror(errno));
  }
}

}  // namespace

FrameSource folder_frames(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure))
    if (is_picture(entry->path())) names.push_back(entry->path().filename().string());
  if (failure) throw Error(folder.string() + ": cannot be listed: " + failure.message() + "; name a folder of pictures");
  if (names.empty()) throw Error(folder.string() + ": no PNG or JPEG file is in it; name the folder that holds the frames");
  std::ranges::sort(names, comes_before);
  return [folder, names = std::move(names), next = size_t{0}](NamedFrame& frame) mutable {
    check_cancelled();
    if (next == names.size()) return false;
    frame.name = names[next++];
    frame.image = read_image(folder / frame.name);
    return true;
  };
}

FrameSource raw_frames(int descriptor, ImageSize size, const std::string& name) {
  return [=, next = size_t{0}](NamedFrame& frame) mutable {
    frame.image.height = size.height, frame.image.width = size.width;
    std::vector<uint8_t>& pixels = frame.image.pixels;
    pixels.resize(static_cast<size_t>(size.height) * static_cast<size_t>(size.width) * 3);
    size_t filled = 0;
    while (filled < pixels.size()) {
      const size_t count = read_some(descriptor, pixels.data() + filled, pixels.size() - filled, name);
      if (count == 0) break;
      filled += count;
    }
    const std::string shape = std::to_string(size.width) + "x" + std::to_string(size.height) + " RGB";
    if (filled == 0 && next == 0) throw Error(name + ": no frame came; " + shape + " frames are expected");
    if (filled == 0) return false;
    if (filled < pixels.size())
      throw Error(name + ": frame " + std::to_string(next) + " is cut off: " + std::to_string(filled) + " of the " +
                  std::to_string(pixels.size()) + " bytes of a " + shape + " frame came; give the frames' size with --size");
    frame.name = std::to_string(next++);
    return true;
  };
}

}  // namespace slimpilot
