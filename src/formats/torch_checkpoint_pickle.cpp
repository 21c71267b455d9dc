// SPDX-License-Identifier: Apache-2.0
// The pickle machine: a stack of objects, marks in it, and a memo. Opcodes as in CPython's Lib/pickletools.py, which describes
// the format; those of protocols 0, 1 (text) and 5 (buffers) are refused.
#include "formats/torch_checkpoint_pickle.h"

#include <bit>
#include <string>
#include <unordered_map>

#include "base/error.h"

namespace slimpilot {
namespace {

constexpr size_t kMaxObjects = size_t{1} << 20;

class Machine {
 public:
  explicit Machine(std::string_view bytes) : bytes_(bytes) {}
  Pickle run();

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("the pickle is broken at byte " + std::to_string(opcode_at_) + ": " + what);
  }
  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - at_) fail("it is cut off");
    const std::string_view part = bytes_.substr(at_, static_cast<size_t>(count));
    at_ += part.size();
    return part;
  }
  uint64_t little_endian(size_t count);
  std::string_view line();

  PickleObject& object(PickleId id) { return pickle_.objects[id]; }
  void push(PickleObject made);
  void push_number(PickleKind kind, int64_t integer) { push({.kind = kind, .integer = integer}); }
  void push_items(PickleKind kind, std::vector<PickleId> items) { push({.kind = kind, .items = std::move(items)}); }
  PickleId pop();
  PickleId top() const;
  std::vector<PickleId> pop_to_mark();
  void add_items(const std::vector<PickleId>& items, PickleKind kind);
  void remember(uint64_t key) { memo_[key] = top(); }
  void recall(uint64_t key);
  void reduce();
  void build();
  std::vector<PickleId> pairs_of(PickleId list);

  bool frame(uint8_t opcode);
  bool constant(uint8_t opcode);
  bool text(uint8_t opcode);
  bool container(uint8_t opcode);
  bool container_from_mark(uint8_t opcode);
  bool reference(uint8_t opcode);
  bool call(uint8_t opcode);

  std::string_view bytes_;
  size_t at_ = 0, opcode_at_ = 0;
  Pickle pickle_;
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, PickleId> memo_;
  size_t copied_ = 0;  // items that OrderedDicts took from lists
};

uint64_t Machine::little_endian(size_t count) {
  const std::string_view part = take(count);
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= uint64_t{static_cast<uint8_t>(part[i])} << (8 * i);
  return value;
}

std::string_view Machine::line() {
  const size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) fail("it is cut off");
  const std::string_view text = take(end - at_);
  take(1);
  return text;
}

void Machine::push(PickleObject made) {
  if (pickle_.objects.size() == kMaxObjects) fail("it holds more than " + std::to_string(kMaxObjects) + " objects");
  pickle_.objects.push_back(std::move(made));
  stack_.push_back(static_cast<PickleId>(pickle_.objects.size() - 1));
}

PickleId Machine::top() const {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("it takes an object that is not there");
  return stack_.back();
}

PickleId Machine::pop() {
  const PickleId id = top();
  stack_.pop_back();
  return id;
}

std::vector<PickleId> Machine::pop_to_mark() {
  if (marks_.empty()) fail("it takes objects up to a mark that is not there");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleId> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

/// Adds to the container on top; what is added to an opaque object is forgotten.
void Machine::add_items(const std::vector<PickleId>& items, PickleKind kind) {
  if (kind == PickleKind::dict && items.size() % 2 != 0) fail("a key has no value");
  PickleObject& target = object(top());
  if (target.kind == PickleKind::call || target.kind == PickleKind::opaque) return;
  if (target.kind != kind) fail("items are added to an object that is no such container");
  target.items.insert(target.items.end(), items.begin(), items.end());
}

void Machine::recall(uint64_t key) {
  const auto found = memo_.find(key);
  if (found == memo_.end()) fail("it recalls an object that was never remembered");
  stack_.push_back(found->second);
}

/// Key, value, key, value, … of a list of pairs, as OrderedDict takes them; empty when it is something else.
std::vector<PickleId> Machine::pairs_of(PickleId list) {
  std::vector<PickleId> items;
  if (object(list).kind != PickleKind::list) return items;
  for (const PickleId pair : object(list).items) {
    if (object(pair).items.size() != 2) return {};
    if (++copied_ > kMaxObjects) fail("its lists of pairs are copied too often");  // one list, recalled again and again
    items.insert(items.end(), object(pair).items.begin(), object(pair).items.end());
  }
  return items;
}

/// Only OrderedDict is known; any other call is recorded.
void Machine::reduce() {
  const PickleId arguments = pop(), callable = pop();
  if (object(arguments).kind != PickleKind::tuple) fail("the arguments of a call are no tuple");
  if (!pickle_.is_global(callable, "collections", "OrderedDict")) return push_items(PickleKind::call, {callable, arguments});
  const std::vector<PickleId> given = object(arguments).items;
  push_items(PickleKind::dict, given.empty() ? std::vector<PickleId>() : pairs_of(given[0]));
}

/// The attributes of a dict (a state dictionary's _metadata) are of no interest.
void Machine::build() {
  const PickleId state = pop();
  PickleObject& target = object(top());
  if (target.kind == PickleKind::call && target.items.size() == 2) target.items.push_back(state);
}

bool Machine::frame(uint8_t opcode) {
  switch (opcode) {
    case 0x80: {  // PROTO
      const uint64_t protocol = little_endian(1);
      if (protocol < 2 || protocol > 4) fail("it is of protocol " + std::to_string(protocol) + "; 2, 3 and 4 are read");
      return true;
    }
    case 0x95: take(8); return true;  // FRAME
    case '(': marks_.push_back(stack_.size()); return true;
    case '0': pop(); return true;
    case '1': pop_to_mark(); return true;
    case '2': stack_.push_back(top()); return true;
    default: return false;
  }
}

bool Machine::constant(uint8_t opcode) {
  const auto long_integer = [&](uint64_t count) {
    const std::string_view part = take(count);
    if (count > 8) return push({.kind = PickleKind::opaque});
    int64_t value = !part.empty() && (part.back() & 0x80) != 0 ? -1 : 0;
    for (size_t i = part.size(); i-- > 0;)
      value = static_cast<int64_t>(static_cast<uint64_t>(value) << 8 | static_cast<uint8_t>(part[i]));
    push_number(PickleKind::integer, value);
  };
  switch (opcode) {
    case 'N': push({}); return true;
    case 0x88: push_number(PickleKind::boolean, 1); return true;
    case 0x89: push_number(PickleKind::boolean, 0); return true;
    case 'K': push_number(PickleKind::integer, static_cast<int64_t>(little_endian(1))); return true;
    case 'M': push_number(PickleKind::integer, static_cast<int64_t>(little_endian(2))); return true;
    case 'J': push_number(PickleKind::integer, static_cast<int32_t>(little_endian(4))); return true;
    case 0x8a: long_integer(little_endian(1)); return true;
    case 0x8b: long_integer(little_endian(4)); return true;
    case 'G': {
      uint64_t bits = 0;
      for (const char c : take(8)) bits = bits << 8 | static_cast<uint8_t>(c);
      push({.kind = PickleKind::real, .real = std::bit_cast<double>(bits)});
      return true;
    }
    default: return false;
  }
}

bool Machine::text(uint8_t opcode) {
  const auto push_text = [&](size_t length_bytes) {
    const uint64_t length = little_endian(length_bytes);
    push({.kind = PickleKind::text, .text = take(length)});
    return true;
  };
  switch (opcode) {
    case 'U':
    case 'C':
    case 0x8c: return push_text(1);
    case 'T':
    case 'B':
    case 'X': return push_text(4);
    case 0x8d:
    case 0x8e: return push_text(8);
    default: return false;
  }
}

bool Machine::container(uint8_t opcode) {
  switch (opcode) {
    case ']': push_items(PickleKind::list, {}); return true;
    case ')': push_items(PickleKind::tuple, {}); return true;
    case '}': push_items(PickleKind::dict, {}); return true;
    case 0x8f: push_items(PickleKind::set, {}); return true;
    case 0x85:
    case 0x86:
    case 0x87: {  // TUPLE1 … TUPLE3
      std::vector<PickleId> items(static_cast<size_t>(opcode - 0x84));
      for (size_t i = items.size(); i-- > 0;) items[i] = pop();
      push_items(PickleKind::tuple, std::move(items));
      return true;
    }
    case 'a': {
      const PickleId item = pop();
      add_items({item}, PickleKind::list);
      return true;
    }
    case 's': {
      const PickleId value = pop(), key = pop();
      add_items({key, value}, PickleKind::dict);
      return true;
    }
    default: return false;
  }
}

bool Machine::container_from_mark(uint8_t opcode) {
  switch (opcode) {
    case 'l': push_items(PickleKind::list, pop_to_mark()); return true;
    case 't': push_items(PickleKind::tuple, pop_to_mark()); return true;
    case 'd': {
      const std::vector<PickleId> items = pop_to_mark();
      push_items(PickleKind::dict, {});
      add_items(items, PickleKind::dict);
      return true;
    }
    case 'e': add_items(pop_to_mark(), PickleKind::list); return true;
    case 'u': add_items(pop_to_mark(), PickleKind::dict); return true;
    case 0x90: add_items(pop_to_mark(), PickleKind::set); return true;
    case 0x91: push_items(PickleKind::set, pop_to_mark()); return true;
    default: return false;
  }
}

bool Machine::reference(uint8_t opcode) {
  switch (opcode) {
    case 'q': remember(little_endian(1)); return true;
    case 'r': remember(little_endian(4)); return true;
    case 0x94: remember(memo_.size()); return true;
    case 'h': recall(little_endian(1)); return true;
    case 'j': recall(little_endian(4)); return true;
    case 'Q': {
      const PickleId name = pop();
      push_items(PickleKind::persistent, {name});
      return true;
    }
    default: return false;
  }
}

bool Machine::call(uint8_t opcode) {
  switch (opcode) {
    case 'c': {
      const std::string_view module = line(), name = line();
      push({.kind = PickleKind::global, .text = module, .name = name});
      return true;
    }
    case 0x93: {  // STACK_GLOBAL
      const PickleId name = pop(), module = pop();
      if (object(name).kind != PickleKind::text || object(module).kind != PickleKind::text) fail("a class has no name");
      push({.kind = PickleKind::global, .text = object(module).text, .name = object(name).text});
      return true;
    }
    case 'R':
    case 0x81: reduce(); return true;  // REDUCE, NEWOBJ
    case 0x92: {                       // NEWOBJ_EX
      pop();
      reduce();
      return true;
    }
    case 'b': build(); return true;
    default: return false;
  }
}

Pickle Machine::run() {
  while (true) {
    opcode_at_ = at_;
    const auto opcode = static_cast<uint8_t>(take(1)[0]);
    if (opcode == '.') break;
    const bool known = frame(opcode) || constant(opcode) || text(opcode) || container(opcode) || container_from_mark(opcode) ||
                       reference(opcode) || call(opcode);
    if (!known) fail("opcode " + std::to_string(opcode) + " is none of protocols 2 to 4");
  }
  pickle_.root = pop();
  pickle_.length = at_;
  return std::move(pickle_);
}

}  // namespace

bool Pickle::is_global(PickleId id, std::string_view module, std::string_view name) const {
  const PickleObject& object = objects[id];
  return object.kind == PickleKind::global && object.text == module && object.name == name;
}

const PickleObject* Pickle::find(const PickleObject& dict, std::string_view key) const {
  if (dict.kind != PickleKind::dict) return nullptr;
  for (size_t i = dict.items.size(); i >= 2; i -= 2) {  // the last of equal keys counts
    const PickleObject& candidate = objects[dict.items[i - 2]];
    if (candidate.kind == PickleKind::text && candidate.text == key) return &objects[dict.items[i - 1]];
  }
  return nullptr;
}

Pickle parse_pickle(std::string_view bytes) { return Machine(bytes).run(); }

}  // namespace slimpilot
