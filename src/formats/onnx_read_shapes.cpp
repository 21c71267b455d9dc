// SPDX-License-Identifier: Apache-2.0
// ONNX operators that move elements: most change only what is known of a tensor's layout and add no node to the graph.
#include <algorithm>

#include "base/error.h"
#include "formats/onnx_reading.h"

namespace slimpilot {
namespace {

constexpr int64_t kMostExtent = int64_t{1} << 30;

Shape reshape_target(const OnnxNodeReader& n) {
  const Shape& x = n.shape(0);
  const auto given = n.integers("shape", 1);
  n.need(given.has_value(), "has no shape");
  std::vector<int64_t> extents = *given;
  int64_t known = 1;
  for (size_t d = 0; d < extents.size(); ++d) {
    if (extents[d] == 0 && n.integer("allowzero", 0) == 0) {
      n.need(d < x.size(), "keeps a dimension that its input does not have");
      extents[d] = x[d];
    }
    if (extents[d] == -1) continue;
    n.need(extents[d] > 0 && extents[d] <= kMostExtent && known <= kMostExtent, "makes an absurd shape");
    known *= extents[d];
  }
  const auto open = std::ranges::find(extents, -1);
  if (open != extents.end() && element_count(x) % known == 0) *open = element_count(x) / known;
  return checked_shape(extents, 1);
}

Shape flatten_target(const OnnxNodeReader& n) {
  const Shape& x = n.shape(0);
  const int64_t given = n.integer("axis", 1), rank = static_cast<int64_t>(x.size());
  n.need(given >= -rank && given <= rank, "there is no dimension " + std::to_string(given));
  const int64_t axis = given < 0 ? given + rank : given;
  const Shape outer(x.begin(), x.begin() + axis), inner(x.begin() + axis, x.end());
  return checked_shape({element_count(outer), element_count(inner)}, 1);
}

Shape squeeze_target(const OnnxNodeReader& n) {
  const Shape& x = n.shape(0);
  const auto axes = n.integers("axes", 1);
  std::vector<bool> removed(x.size(), false);
  for (size_t d = 0; d < x.size(); ++d) removed[d] = !axes && x[d] == 1;
  for (const int64_t axis : axes.value_or(std::vector<int64_t>())) {
    const size_t d = axis_of(axis, x.size());
    n.need(x[d] == 1, "removes a dimension of " + std::to_string(x[d]));
    removed[d] = true;
  }
  Shape shape;
  for (size_t d = 0; d < x.size(); ++d)
    if (!removed[d]) shape.push_back(x[d]);
  return shape;
}

Shape unsqueeze_target(const OnnxNodeReader& n) {
  const Shape& x = n.shape(0);
  const auto axes = n.integers("axes", 1);
  n.need(axes && axes->size() <= 16, "has no axes or absurdly many");
  const size_t rank = x.size() + axes->size();
  std::vector<bool> inserted(rank, false);
  for (const int64_t axis : *axes) inserted[axis_of(axis, rank)] = true;
  n.need(std::ranges::count(inserted, true) == std::ssize(*axes), "inserts a dimension twice");
  Shape shape;
  auto next = x.begin();
  for (size_t d = 0; d < rank; ++d) shape.push_back(inserted[d] ? 1 : *next++);
  return shape;
}

/// A tensor in the value's own order gets a Reshape; so does one that is flattened, whose order a dense layer will undo. Else
/// the layout remembers the shape.
void read_reshape(OnnxNodeReader& n) {
  const OnnxOperand x = n.computed(0);
  const Shape target = onnx_target_shape(n);
  n.need(element_count(target) == element_count(x.shape()),
         "cannot make " + shape_text(target) + " of " + shape_text(x.shape()));
  const bool flattened = target == Shape{1, static_cast<int>(element_count(target))};
  const ValueId id = x.layout.is_plain() || flattened ? n.reshape_to(x.id, target, "") : x.id;
  n.set_output(id, reshaped(x.layout, target));
}

void read_transpose(OnnxNodeReader& n) {
  const OnnxOperand x = n.computed(0);
  const std::vector<int> order = onnx_order(n, x.shape().size());
  if (x.layout.is_aligned()) return n.set_output(x.id, transposed(x.layout, order));
  n.set_output(n.arranged(0, order), plain_layout(permuted_shape(x.shape(), order)));
}

void read_identity(OnnxNodeReader& n) { n.pass_on(); }

void read_dropout(OnnxNodeReader& n) {
  n.need(!n.has_input(2) || integers_of(n.constant(2)) == std::vector<int64_t>{0},
         "is in training mode; export the network for inference");
  read_identity(n);
}

void read_cast(OnnxNodeReader& n) {
  const auto to = static_cast<OnnxType>(n.integer("to", 0));
  const bool real = to == OnnxType::float32 || to == OnnxType::float16 || to == OnnxType::float64 || to == OnnxType::bfloat16;
  n.need(real && n.graph().value(n.computed(0).id).type == ElementType::f32, "casts between real numbers and integers");
  read_identity(n);
}

/// All in the order of the first one: images channels last, everything else as it is.
void read_concat(OnnxNodeReader& n) {
  const size_t rank = n.shape(0).size(), axis = axis_of(n.integer("axis", 0), rank);
  const bool images = n.is_channels_first(0);
  std::vector<ValueId> parts;
  for (size_t i = 0; i < n.node().inputs.size(); ++i) {
    n.need(n.shape(i).size() == rank, "its inputs differ in rank");
    parts.push_back(images ? n.image(i) : n.plain(i));
  }
  const int place = images ? inverse(channels_last(rank))[axis] : static_cast<int>(axis);
  const Value& first = n.graph().value(parts[0]);
  for (const ValueId part : parts) {
    const Value& value = n.graph().value(part);
    n.need(value.type == first.type && value.quantization == first.quantization,
           "joins numbers of different types, scales or zero points");
  }
  const ValueId id = n.append(Concat{place}, std::move(parts));
  if (images) return n.set_image_output(id);
  n.set_output(id, plain_layout(n.graph().value(id).shape));
}

struct Edges {
  int64_t before = 0, after = 0;
  bool is_nothing() const { return before == 0 && after == 0; }
};

/// Input 0 as an image; `edges` of the tensor's dimensions come into the image's order. Nothing may happen to batch and
/// channels.
template <class EdgeOp>
void append_edges(OnnxNodeReader& n, const std::vector<Edges>& edges) {
  n.need(edges.size() == 4, "is no image");
  const std::vector<int> as_it_is{0, 1, 2, 3}, turned = channels_last(4);
  const auto leaves_channels = [&](const std::vector<int>& order) {
    return edges[0].is_nothing() && edges[static_cast<size_t>(order[3])].is_nothing();
  };
  n.need(leaves_channels(as_it_is) || leaves_channels(turned), "changes batch or channels, not rows and columns");
  const bool channels_are_last = leaves_channels(as_it_is) && !(leaves_channels(turned) && n.is_channels_first(0));
  const std::vector<int>& order = channels_are_last ? as_it_is : turned;
  const auto edge = [&](size_t d) { return edges[static_cast<size_t>(order[d])]; };
  for (const Edges& one : edges)
    n.need(std::max(one.before, one.after) < (1 << 20) && std::min(one.before, one.after) >= 0, "an edge is absurd");
  const auto at = [](int64_t extent) { return static_cast<int>(extent); };
  const EdgeOp op{at(edge(1).before), at(edge(1).after), at(edge(2).before), at(edge(2).after)};
  const ValueId id = n.append(op, {n.arranged(0, order)});
  if (!channels_are_last) return n.set_image_output(id);
  n.set_output(id, plain_layout(n.graph().value(id).shape));
}

bool changes_nothing(const std::vector<Edges>& edges) { return std::ranges::all_of(edges, &Edges::is_nothing); }

/// Input 0 as a value from which parts are cut: an image with channels last, anything else as it is.
struct Whole {
  ValueId id;
  bool is_image;
  /// Where dimension `axis` of a tensor of `rank` stands in the value.
  size_t place(size_t axis, size_t rank) const {
    return is_image ? static_cast<size_t>(inverse(channels_last(rank))[axis]) : axis;
  }
};
Whole whole_of(OnnxNodeReader& n) {
  const bool is_image = n.is_channels_first(0);
  return {is_image ? n.image(0) : n.plain(0), is_image};
}

/// `whole` without `edges` along its dimension `place`: what is in front of that dimension are the rows of an image, what is
/// behind it its channels.
ValueId without_edges(OnnxNodeReader& n, ValueId whole, size_t place, const Edges& edges, const std::string& suffix) {
  if (edges.is_nothing()) return whole;
  const int before = static_cast<int>(edges.before), after = static_cast<int>(edges.after);
  Shape shape = n.graph().value(whole).shape;
  if (shape.size() == 4 && place == 1) return n.append(Crop2D{before, after, 0, 0}, {whole}, suffix);
  const auto count = [&](size_t first, size_t last) {
    return static_cast<int>(
        element_count({shape.begin() + static_cast<std::ptrdiff_t>(first), shape.begin() + static_cast<std::ptrdiff_t>(last)}));
  };
  const Shape rows =
      shape.size() == 4 && place == 2 ? shape : Shape{1, count(0, place), shape[place], count(place + 1, shape.size())};
  const ValueId image = n.reshape_to(whole, rows, suffix + "_rows");
  shape[place] -= before + after;
  return n.reshape_to(n.append(Crop2D{0, 0, before, after}, {image}, suffix + "_crop"), shape, suffix);
}

void set_part(OnnxNodeReader& n, size_t output, ValueId id, const Whole& whole) {
  Value& value = n.graph().value(id);
  if (id != whole.id) value.name = n.node().outputs[output];
  OnnxLayout layout = plain_layout(value.shape);
  if (whole.is_image) layout = transposed(layout, channels_first(value.shape.size()));
  n.set(output, {.id = id, .layout = std::move(layout)});
}

/// Rows and columns of an image are cropped at once, other dimensions one after the other.
void append_slice(OnnxNodeReader& n, const std::vector<Edges>& edges) {
  const auto is_whole = [&](size_t d) { return edges[d].is_nothing(); };
  if (edges.size() == 4 && is_whole(0) && (is_whole(1) || is_whole(3))) return append_edges<Crop2D>(n, edges);
  const Whole whole = whole_of(n);
  ValueId id = whole.id;
  for (size_t d = 0; d < edges.size(); ++d)
    id = without_edges(n, id, whole.place(d, edges.size()), edges[d], "/slice" + std::to_string(d));
  set_part(n, 0, id, whole);
}

void read_slice(OnnxNodeReader& n) {
  const Shape x = n.shape(0);
  const auto starts = n.integers("starts", 1), ends = n.integers("ends", 2), axes = n.integers("axes", 3),
             steps = n.integers("steps", 4);
  n.need(starts && ends && starts->size() == ends->size() && (!axes || axes->size() == starts->size()) &&
             (!steps || steps->size() == starts->size()),
         "starts, ends, axes and steps differ in number");
  std::vector<Edges> edges(x.size());
  for (size_t i = 0; i < starts->size(); ++i) {
    const size_t axis = axis_of(axes ? (*axes)[i] : static_cast<int64_t>(i), x.size());
    const int64_t extent = x[axis];
    const auto place = [&](int64_t p) { return std::clamp<int64_t>(p < -extent ? 0 : p < 0 ? p + extent : p, 0, extent); };
    n.need(!steps || (*steps)[i] == 1, "steps by other than 1");
    edges[axis] = {place((*starts)[i]), extent - place((*ends)[i])};
    n.need(edges[axis].before + edges[axis].after < extent, "selects nothing");
  }
  if (changes_nothing(edges)) return read_identity(n);
  append_slice(n, edges);
}

void read_pad(OnnxNodeReader& n) {
  const size_t rank = n.shape(0).size();
  n.need(n.text("mode", "constant") == "constant", "pads with other than a constant");
  if (n.has_input(2)) {
    const Value &x = n.graph().value(n.computed(0).id), &number = n.constant(2);
    const bool is_zero =
        x.quantization ? number.type == x.type && integers_of(number) == std::vector<int64_t>{x.quantization->zero_point[0]}
                       : reals_of(number) == std::vector<float>{0};
    n.need(is_zero, "pads with other than 0");
  }
  n.need(n.real("value", 0) == 0, "pads with other than 0");
  const auto pads = n.integers("pads", 1), axes = n.integers("axes", 3);
  const size_t count = axes ? axes->size() : rank;
  n.need(pads && pads->size() == 2 * count, "needs two numbers per dimension");
  std::vector<Edges> edges(rank);
  for (size_t i = 0; i < count; ++i) {
    const size_t axis = axis_of(axes ? (*axes)[i] : static_cast<int64_t>(i), rank);
    edges[axis] = {(*pads)[i], (*pads)[i + count]};
  }
  if (changes_nothing(edges)) return read_identity(n);
  append_edges<Pad2D>(n, edges);
}

/// Extents of the parts: given, or as equal as they can be, of which the last may be smaller.
std::vector<int64_t> split_extents(const OnnxNodeReader& n, int64_t extent) {
  const auto parts = static_cast<int64_t>(n.node().outputs.size());
  if (const auto given = n.integers("split", 1)) {
    int64_t sum = 0;
    for (const int64_t one : *given) {
      n.need(one > 0 && one <= extent, "makes a part of " + std::to_string(one));
      sum += one;
    }
    n.need(std::ssize(*given) == parts && sum == extent, "its parts are not all of the input");
    return *given;
  }
  n.need(n.integer("num_outputs", parts) == parts, "has another number of outputs than it says");
  const int64_t each = (extent + parts - 1) / parts, last = extent - each * (parts - 1);
  n.need(last > 0 && (each == last || n.opset() >= 18),
         "cannot split " + std::to_string(extent) + " into " + std::to_string(parts) + " parts");
  std::vector<int64_t> extents(static_cast<size_t>(parts), each);
  extents.back() = last;
  return extents;
}

void read_split(OnnxNodeReader& n) {
  const Shape x = n.shape(0);
  const size_t axis = axis_of(n.integer("axis", 0), x.size());
  const std::vector<int64_t> extents = split_extents(n, x[axis]);
  if (extents.size() == 1) return read_identity(n);
  const Whole whole = whole_of(n);
  int64_t first = 0;
  for (size_t i = 0; i < extents.size(); first += extents[i++]) {
    const Edges edges{first, x[axis] - first - extents[i]};
    set_part(n, i, without_edges(n, whole.id, whole.place(axis, x.size()), edges, "/part" + std::to_string(i)), whole);
  }
}

constexpr OnnxRule kRules[] = {
    {"Reshape", read_reshape},     {"Flatten", read_reshape},   {"Squeeze", read_reshape}, {"Unsqueeze", read_reshape},
    {"Transpose", read_transpose}, {"Identity", read_identity}, {"Dropout", read_dropout}, {"Cast", read_cast},
    {"Concat", read_concat},       {"Slice", read_slice},       {"Pad", read_pad},         {"Split", read_split},
};

}  // namespace

std::span<const OnnxRule> onnx_shape_rules() { return kRules; }

std::vector<int> onnx_order(const OnnxNodeReader& n, size_t rank) {
  std::vector<int> order;
  const auto given = n.integers("perm");
  for (size_t d = 0; d < rank; ++d)
    order.push_back(static_cast<int>(given && d < given->size() ? (*given)[d] : static_cast<int64_t>(rank - 1 - d)));
  n.need(!given || given->size() == rank, "its order has another rank than its input");
  for (size_t d = 0; d < rank; ++d)
    n.need(std::ranges::count(order, static_cast<int>(d)) == 1, "its order is no permutation of the dimensions");
  return order;
}

Shape onnx_target_shape(const OnnxNodeReader& n) {
  const std::string& kind = n.node().kind;
  return kind == "Reshape"   ? reshape_target(n)
         : kind == "Flatten" ? flatten_target(n)
         : kind == "Squeeze" ? squeeze_target(n)
                             : unsqueeze_target(n);
}

}  // namespace slimpilot
