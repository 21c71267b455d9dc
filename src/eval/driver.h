// SPDX-License-Identifier: Apache-2.0
// Everything that can drive, and many drives of it on all cores.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/frame_input.h"
#include "engine/session.h"
#include "host/progress.h"
#include "sim/episode.h"

namespace slimpilot {

/// A network as a pilot: a session and the preparation of its input. Belongs to one thread; the graph and plan must outlive it.
class NetworkPilot {
 public:
  /// Throws Error when the graph's outputs do not name v and w, or its preprocessing does not fit the camera's frames.
  NetworkPilot(const Graph& graph, const Plan& plan);

  Command operator()(const Image& frame);
  /// The first row of the camera's frame that the preprocessing keeps.
  int first_row() const { return first_row_; }

 private:
  Session session_;
  FrameInput input_;
  std::vector<float> outputs_;
  OutputMeaning v_meaning_, w_meaning_;
  size_t v_, w_;
  int first_row_;
};

/// Who drives: a network, one command for ever, who knows the line, another program, or (none of them) the expert.
struct Driver {
  std::string name = "expert";
  const Graph* graph = nullptr;  // a network, with its plan
  const Plan* plan = nullptr;
  std::optional<Command> constant;
  bool knows_line = false;  // a LineFollower
  std::string program;      // a shell command; see ProgramPilot
};

/// One episode with a fresh pilot. With `observe` the pilot sees whole frames, else only the rows that it looks at.
Episode drive_once(const Driver& driver, const Track& track, const EpisodeOptions& options, const FrameObserver& observe = {});

/// `starts` places evenly along the track, each in both directions if `both_directions`, each with `seeds` seeds from
/// `base.seed` on.
std::vector<EpisodeOptions> episodes_of(const Track& track, const EpisodeOptions& base, int starts, bool both_directions,
                                        int seeds);

/// Drives all of them on all cores. Their results depend on neither the number of cores nor their order.
std::vector<Episode> drive_all(const Driver& driver, const Track& track, const std::vector<EpisodeOptions>& episodes,
                               const ProgressOutput& output);

}  // namespace slimpilot
