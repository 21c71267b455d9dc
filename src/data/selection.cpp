// SPDX-License-Identifier: Apache-2.0
// Slices and splits; both depend on nothing but their arguments.
#include "data/selection.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <span>

#include "base/error.h"
#include "base/random.h"
#include "host/args.h"

namespace slimpilot {
namespace {

[[noreturn]] void fail(const std::string& text) {
  throw UsageError("frame selection '" + text + "': must be FIRST:LAST:STEP, for example 0:1000:15, ::15 or 7");
}

/// `fallback` for an empty part.
uint64_t parse_part(const std::string& text, std::string_view part, uint64_t fallback) {
  if (part.empty()) return fallback;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
  if (error != std::errc() || end != part.data() + part.size()) fail(text);
  return number;
}

uint64_t frame_count(const Recording& recording) { return recording.frames.size(); }

Recording with_frames(const Recording& recording, size_t begin, size_t end) {
  Recording part = recording;
  part.frames.erase(part.frames.begin() + static_cast<std::ptrdiff_t>(end), part.frames.end());
  part.frames.erase(part.frames.begin(), part.frames.begin() + static_cast<std::ptrdiff_t>(begin));
  return part;
}

Split cut(const Recording& recording, double fraction) {
  const size_t count = recording.frames.size();
  const size_t gap = std::min(kSplitGap, count / 10);
  const size_t validation = std::max<size_t>(1, static_cast<size_t>(static_cast<double>(count) * fraction));
  if (validation + gap >= count) {
    throw Error(recording.folder.string() + ": has " + std::to_string(count) +
                " frame(s), too few to train and validate on; add recordings");
  }
  return {.training = {with_frames(recording, 0, count - validation - gap)},
          .validation = {with_frames(recording, count - validation, count)}};
}

}  // namespace

FrameSelection parse_frame_selection(const std::string& text) {
  if (text.empty() || std::count(text.begin(), text.end(), ':') > 2) fail(text);
  FrameSelection selection;
  const size_t colon = text.find(':');
  if (colon == std::string::npos) {
    selection.first = parse_part(text, text, 0);
    if (selection.first == selection.last) fail(text);
    selection.last = selection.first + 1;
    return selection;
  }
  const size_t second = std::min(text.find(':', colon + 1), text.size());
  const std::string_view parts = text;
  selection.first = parse_part(text, parts.substr(0, colon), selection.first);
  selection.last = parse_part(text, parts.substr(colon + 1, second - colon - 1), selection.last);
  selection.step = parse_part(text, parts.substr(std::min(second + 1, text.size())), selection.step);
  if (selection.step == 0) fail(text);
  return selection;
}

std::vector<FrameId> select_frames(const std::vector<Recording>& recordings, const std::string& text) {
  const FrameSelection wanted = text.empty() ? FrameSelection{} : parse_frame_selection(text);
  std::vector<FrameId> selected;
  for (size_t r = 0; r < recordings.size(); ++r) {
    const uint64_t count = recordings[r].frames.size(), last = std::min(wanted.last, count);
    for (uint64_t f = wanted.first; f < last; f += std::min(wanted.step, count)) selected.push_back({r, f});
  }
  if (selected.empty())
    throw Error("--frames " + text + " selects no frame of these recordings; frames count from 0, and LAST is excluded");
  return selected;
}

Split split_by_recording(std::vector<Recording> recordings, double fraction, uint64_t seed) {
  check(!recordings.empty() && fraction > 0 && fraction < 1);
  if (recordings.size() == 1) return cut(recordings[0], fraction);
  std::vector<size_t> order(recordings.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Random(seed).shuffle(std::span(order));
  uint64_t total = 0, taken = 0;
  for (const Recording& recording : recordings) total += frame_count(recording);
  const double wanted = static_cast<double>(total) * fraction;
  const auto miss = [&](uint64_t frames) { return std::abs(static_cast<double>(frames) - wanted); };

  std::vector<bool> validates(recordings.size(), false);
  for (size_t i = 0, chosen = 0; i < order.size() && chosen + 1 < order.size(); ++i) {
    const uint64_t more = taken + frame_count(recordings[order[i]]);
    if (chosen > 0 && miss(more) >= miss(taken)) continue;
    validates[order[i]] = true;
    taken = more;
    ++chosen;
  }
  Split split;
  for (size_t i = 0; i < recordings.size(); ++i) {
    (validates[i] ? split.validation : split.training).push_back(std::move(recordings[i]));
  }
  return split;
}

}  // namespace slimpilot
