// SPDX-License-Identifier: Apache-2.0
// Python's pickle format as data: which objects a stream describes, never what calling them would do. Classes and functions
// stay names, calls stay records of what would be called.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace slimpilot {

using PickleId = uint32_t;  // index in Pickle::objects

enum class PickleKind : uint8_t {
  none,
  boolean,     // integer
  integer,     // integer; one of more than 64 bits is opaque
  real,        // real
  text,        // text: a string or bytes
  tuple,       // items
  list,        // items
  dict,        // items: key, value, key, value, …; collections.OrderedDict too
  set,         // items
  global,      // text: module, name: class or function
  call,        // items: what is called, its arguments and, where the stream has it, the state given to the result
  persistent,  // items: the name under which the data lie outside the stream
  opaque,
};

struct PickleObject {
  PickleKind kind = PickleKind::none;
  int64_t integer = 0;
  double real = 0;
  std::string_view text = {}, name = {};  // inside the stream
  std::vector<PickleId> items = {};
};

/// Objects may refer to each other in circles.
struct Pickle {
  std::vector<PickleObject> objects;
  PickleId root = 0;
  size_t length = 0;  // bytes up to and with STOP

  const PickleObject& operator[](PickleId id) const { return objects[id]; }
  bool is_global(PickleId id, std::string_view module, std::string_view name) const;
  /// The value of a dict under a string, or nullptr; also when `dict` is another object.
  const PickleObject* find(const PickleObject& dict, std::string_view key) const;
};

/// Interprets one pickle of protocol 2 to 4 at the beginning of `bytes`, which must outlive the result. Needs memory of some
/// 100 bytes per byte and at most 2^20 objects. Throws Error with the offset for a stream that is cut off, broken or of
/// another protocol.
Pickle parse_pickle(std::string_view bytes);

}  // namespace slimpilot
