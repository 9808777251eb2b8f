// What each operator does with the samples of a batch. See batch_tracer.h for what "where the samples are" means.
#include <algorithm>
#include <array>
#include <unordered_map>

#include "onnx/batch_tracer.h"

namespace sinter::onnx {
namespace {

// Sizes before an axis: how many places the samples are spread over.
Dim places_before(const Shape& shape, const Place& place) { return product(shape, 0, static_cast<size_t>(place.axis)) * place.outer; }

// All inputs from `first` on are the same for every sample.
Status others_shared(const BatchTracer& at, size_t first) {
  for (size_t i = first; i < at.node().inputs.size(); ++i) {
    if (at.has(i) && at.place(i).kind != Place::Kind::kShared) return at.forbid(fmt::format("input {} depends on the samples", i));
  }
  return ok_status();
}

// Where the inputs agree that the samples are, axes counted from the back (broadcasting); nullopt with the reason otherwise.
Result<Place> common_place(const BatchTracer& at, int rank, const std::vector<size_t>& inputs) {
  std::optional<Place> common;
  for (const size_t i : inputs) {
    if (!at.has(i)) continue;
    Place place = at.place(i);
    if (place.kind == Place::Kind::kSizes) return at.forbid(fmt::format("input {} is computed from the number of samples", i));
    if (!place.batched()) continue;
    place.axis += rank - at.rank(i);
    if (common && (common->axis != place.axis || common->outer != place.outer)) {
      return at.forbid(fmt::format("samples are in axis {} of one operand and in axis {} of another", common->axis, place.axis));
    }
    common = place;
  }
  if (!common) return at.forbid("samples arrive in an operand that no sample may change");
  return *common;
}

std::vector<size_t> all_inputs(const BatchTracer& at) {
  std::vector<size_t> inputs(at.node().inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = i;
  return inputs;
}

Status put_all(BatchTracer& at, const Place& place) {
  for (size_t i = 0; i < at.node().outputs.size(); ++i) SINTER_TRY(at.put(i, place));
  return ok_status();
}

// Every operand's size along the samples' axis: that of the output where it has samples, else 1.
Status check_broadcast(const BatchTracer& at, const Place& place, int rank, const Dim& size, const std::vector<size_t>& inputs) {
  for (const size_t i : inputs) {
    if (!at.has(i)) continue;
    const int axis = place.axis - (rank - at.rank(i));
    if (axis < 0) continue;
    const Dim& own = at.shape(i)[static_cast<size_t>(axis)];
    if (at.place(i).batched() ? own == size : own.is(1)) continue;
    return at.forbid(fmt::format("operand '{}' {} is spread over the samples' axis", at.node().input(i)->name, to_string(at.shape(i))));
  }
  return ok_status();
}

Status elementwise(BatchTracer& at) {
  const int rank = static_cast<int>(at.output_shape().size());
  const std::vector<size_t> inputs = at.node().is("CastLike") ? std::vector<size_t>{0} : all_inputs(at);
  SINTER_ASSIGN(const Place place, common_place(at, rank, inputs));
  SINTER_TRY(check_broadcast(at, place, rank, at.output_shape()[static_cast<size_t>(place.axis)], inputs));
  return put_all(at, place);
}

// One input, outputs alike; nothing is combined along the samples' axis.
Status unary(BatchTracer& at) {
  SINTER_TRY(others_shared(at, 1));
  return put_all(at, at.place(0));
}

Status dropout(BatchTracer& at) {
  if (at.has(2)) {
    const ir::Value* training = at.node().input(2);
    if (!training->is_constant() || training->constant.to_f64().front() != 0) return at.forbid("dropout may be in training mode");
  }
  return unary(at);
}

Status avoid_axis(const BatchTracer& at, int64_t axis) {
  if (axis == at.place(0).axis) return at.forbid(fmt::format("works along axis {}, where the samples are", axis));
  return ok_status();
}

Status along_axis(BatchTracer& at) {
  SINTER_TRY(avoid_axis(at, at.from_front(at.attribute("axis", -1), at.rank(0))));
  return unary(at);
}

Status cumulative(BatchTracer& at) {
  const auto axis = at.integers(1);
  if (!axis || axis->size() != 1) return at.forbid("the axis is not known");
  SINTER_TRY(avoid_axis(at, at.from_front(axis->front(), at.rank(0))));
  return unary(at);
}

Status normalize_tail(BatchTracer& at) {
  if (at.place(0).axis >= at.from_front(at.attribute("axis", -1), at.rank(0))) return at.forbid("normalizes over the samples");
  return unary(at);
}

Status quantize(BatchTracer& at) {
  SINTER_TRY(others_shared(at, 1));
  const bool one_scale = at.rank(1) == 0 || (at.rank(1) == 1 && at.shape(1)[0].is(1));
  if (!one_scale) SINTER_TRY(avoid_axis(at, at.from_front(at.attribute("axis", 1), at.rank(0))));
  if (!one_scale && at.rank(1) > 1) return at.forbid("has a scale per block");
  return unary(at);
}

Status put_reduced(BatchTracer& at, const std::vector<int64_t>& axes, bool keep) {
  Place place = at.place(0);
  int removed = 0;
  for (const int64_t axis : axes) {
    SINTER_TRY(avoid_axis(at, axis));
    removed += axis < place.axis;
  }
  if (!keep) place.axis -= removed;
  return put_all(at, place);
}

Status reduce(BatchTracer& at) {
  SINTER_TRY(others_shared(at, 1));
  std::vector<int64_t> axes;
  if (at.has(1)) {
    const auto given = at.integers(1);
    if (!given) return at.forbid("the axes are not known");
    for (const int64_t axis : *given) axes.push_back(at.from_front(axis, at.rank(0)));
  }
  if (axes.empty() && at.attribute("noop_with_empty_axes", 0) == 0) {
    for (int axis = 0; axis < at.rank(0); ++axis) axes.push_back(axis);
  }
  return put_reduced(at, axes, at.attribute("keepdims", 1) != 0);
}

Status arg_reduce(BatchTracer& at) {
  return put_reduced(at, {at.from_front(at.attribute("axis", 0), at.rank(0))}, at.attribute("keepdims", 1) != 0);
}

Status concat(BatchTracer& at) {
  const int rank = static_cast<int>(at.output_shape().size());
  SINTER_ASSIGN(const Place place, common_place(at, rank, all_inputs(at)));
  if (place.axis == at.from_front(at.attribute("axis", 0), rank)) return at.forbid(fmt::format("joins along axis {}, where the samples are", place.axis));
  for (size_t i = 0; i < at.node().inputs.size(); ++i) {
    if (!at.place(i).batched()) SINTER_TRY(at.spread(i, place.axis));
  }
  return put_all(at, place);
}

// Operators on [samples, channels, ...]: the listed inputs have samples or are repeated for each, the others are shared.
template <size_t... kWith>
Status leading(BatchTracer& at) {
  constexpr std::array<size_t, sizeof...(kWith)> with = {kWith...};
  for (size_t i = 0; i < at.node().inputs.size(); ++i) {
    const bool may = std::find(with.begin(), with.end(), i) != with.end();
    const Place place = at.place(i);
    if (!at.has(i)) continue;
    if (may && !place.batched()) SINTER_TRY(at.spread(i, 0));
    if (may ? at.place(i).axis != 0 : place.kind != Place::Kind::kShared) {
      return at.forbid(fmt::format("samples are in axis {} of input '{}'", place.axis, at.node().input(i)->name));
    }
  }
  return put_all(at, at.place(0));
}

Status batch_normalization(BatchTracer& at) {
  if (at.attribute("training_mode", 0) != 0) return at.forbid("normalizes over the samples (training mode)");
  SINTER_TRY(others_shared(at, 1));
  if (at.place(0).axis == 1) return at.forbid("samples are in the channels' axis");
  return put_all(at, at.place(0));
}

Status multiply(BatchTracer& at, size_t a, size_t b) {
  const int rank_a = at.rank(a), rank_b = at.rank(b), rank = static_cast<int>(at.output_shape().size());
  if (rank_a < 2 || rank_b < 2) return at.forbid("multiplies a vector");
  for (const size_t i : {a, b}) {
    const Place place = at.place(i);
    if (place.kind == Place::Kind::kSizes) return at.forbid("multiplies sizes");
    if (!place.batched() || place.axis < at.rank(i) - 2) continue;
    const bool inner = i == a ? place.axis == rank_a - 1 : place.axis == rank_b - 2;
    if (inner) return at.forbid("sums over the samples");
    if (at.place(i == a ? b : a).kind != Place::Kind::kShared) return at.forbid("multiplies samples with each other");
    return at.put(0, Place::at(place.axis + rank - at.rank(i), place.outer));
  }
  SINTER_ASSIGN(const Place place, common_place(at, rank, {a, b}));
  SINTER_TRY(check_broadcast(at, place, rank, at.output_shape()[static_cast<size_t>(place.axis)], {a, b}));
  return at.put(0, place);
}

Status matmul(BatchTracer& at) {
  SINTER_TRY(others_shared(at, 2));
  return multiply(at, 0, 1);
}

Status q_linear_matmul(BatchTracer& at) {
  for (const size_t i : {1, 2, 4, 5, 6, 7}) {
    if (at.has(i) && at.place(i).kind != Place::Kind::kShared) return at.forbid("a scale depends on the samples");
  }
  return multiply(at, 0, 3);
}

Status gemm(BatchTracer& at) {
  const int inner_a = at.attribute("transA", 0) ? 0 : 1, inner_b = at.attribute("transB", 0) ? 1 : 0;
  const Place a = at.place(0), b = at.place(1);
  if ((a.batched() && a.axis == inner_a) || (b.batched() && b.axis == inner_b)) return at.forbid("sums over the samples");
  if (a.batched() && b.batched()) return at.forbid("multiplies samples with each other");
  if (!a.batched() && !b.batched()) return at.forbid("only the bias has samples");
  const Place place = Place::at(a.batched() ? 0 : 1, a.batched() ? a.outer : b.outer);
  if (at.has(2)) {
    if (at.place(2).batched()) {
      SINTER_ASSIGN(const Place bias, common_place(at, 2, {2}));
      if (bias.axis != place.axis || bias.outer != place.outer) return at.forbid("the bias has its samples in another axis");
    }
    SINTER_TRY(check_broadcast(at, place, 2, at.output_shape()[static_cast<size_t>(place.axis)], {2}));
  }
  return at.put(0, place);
}

Status transpose(BatchTracer& at) {
  const std::vector<int64_t>* perm = at.node().attributes.find_as<std::vector<int64_t>>("perm");
  Place place = at.place(0);
  int to = at.rank(0) - 1 - place.axis;
  for (size_t i = 0; perm && i < perm->size(); ++i) {
    if ((*perm)[i] == place.axis) to = static_cast<int>(i);
  }
  place.axis = to;
  return at.put(0, place);
}

// Where the samples can be after a reshape, the likeliest first: the same number of places before them in the order of memory.
std::vector<Place> reshaped_places(const Shape& out, const Dim& before) {
  std::vector<std::pair<int, Place>> found;
  const int rank = static_cast<int>(out.size());
  for (int axis = 0; axis < rank; ++axis) {
    const Dim prefix = product(out, 0, static_cast<size_t>(axis));
    const Dim& size = out[static_cast<size_t>(axis)];
    const bool last = axis == rank - 1 && axis > 0;
    if (prefix == before) found.emplace_back(size.is(1) ? 0 : last ? 3 : 1, Place::at(axis));
    else if (prefix * size == before) found.emplace_back(2, Place::at(axis, size));
    else if (size.is_constant() && before.is_constant() && prefix.is_constant() && prefix.value() > 0 && before.value() % prefix.value() == 0) {
      const int64_t outer = before.value() / prefix.value();
      if (outer > 1 && outer < size.value() && size.value() % outer == 0) found.emplace_back(4, Place::at(axis, outer));
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Place> places;
  for (auto& [cost, place] : found) places.push_back(std::move(place));
  return places;
}

// A fixed target made to follow the batch: -1 where the samples go, so that no other element may be -1.
bool follow_target(BatchTracer& at, const Place& place) {
  const auto old = at.integers(1);
  if (!old || old->size() != at.output_shape().size()) return false;
  std::vector<int64_t> target = *old;
  for (size_t i = 0; i < target.size(); ++i) {
    const Dim& size = at.output_shape()[i];
    if (static_cast<int>(i) == place.axis) target[i] = -1;
    else if (size.is_constant() && size.value() > 0) target[i] = size.value();
    else if (target[i] != 0 || at.attribute("allowzero", 0) != 0 || static_cast<int>(i) == at.place(0).axis) return false;
  }
  at.set_constant(1, target);
  return true;
}

Status reshape(BatchTracer& at) {
  if (!at.place(0).batched()) return at.forbid("reshapes a value that is the same for every sample to a shape with them");
  const std::vector<Place> places = reshaped_places(at.output_shape(), places_before(at.shape(0), at.place(0)));
  if (places.empty()) return at.forbid(fmt::format("moves samples from axis {} of {} into the inside of {}", at.place(0).axis, to_string(at.shape(0)),
                                                   to_string(at.output_shape())));
  const bool is_reshape = at.node().is("Reshape");
  if (is_reshape && at.integers(1)) {
    if (at.infers(0, places.front()) || follow_target(at, places.front())) return at.put(0, places.front());
  }
  for (const Place& place : places) {
    if (at.infers(0, place)) return at.put(0, place);
  }
  return at.forbid(fmt::format("its target shape does not follow the number of samples: {} for one", to_string(at.output_shape())));
}

Status squeeze(BatchTracer& at) {
  Place place = at.place(0);
  std::vector<int64_t> axes;
  if (at.has(1)) {
    const auto given = at.integers(1);
    if (!given) return at.forbid("the axes are not known");
    axes = *given;
  } else {
    for (int axis = 0; axis < at.rank(0); ++axis) {
      if (at.shape(0)[static_cast<size_t>(axis)].is(1)) axes.push_back(axis);
    }
  }
  int removed = 0;
  for (const int64_t axis : axes) {
    const int64_t from_front = at.from_front(axis, at.rank(0));
    if (from_front == place.axis) return at.forbid(fmt::format("drops axis {}, where the samples are", from_front));
    removed += from_front < place.axis;
  }
  place.axis -= removed;
  return at.put(0, place);
}

Status unsqueeze(BatchTracer& at) {
  const auto given = at.integers(1);
  if (!given) return at.forbid("the axes are not known");
  const int rank = static_cast<int>(at.output_shape().size());
  std::vector<bool> added(static_cast<size_t>(rank), false);
  for (const int64_t axis : *given) added[static_cast<size_t>(std::clamp<int64_t>(at.from_front(axis, rank), 0, rank - 1))] = true;
  Place place = at.place(0);
  for (int axis = 0, old = 0; axis < rank; ++axis) {
    if (added[static_cast<size_t>(axis)]) continue;
    if (old++ == at.place(0).axis) place.axis = axis;
  }
  return at.put(0, place);
}

Status gather(BatchTracer& at) {
  const int axis = static_cast<int>(at.from_front(at.attribute("axis", 0), at.rank(0)));
  const Place data = at.place(0), indices = at.place(1);
  if (data.batched() && indices.kind == Place::Kind::kShared) {
    SINTER_TRY(avoid_axis(at, axis));
    return at.put(0, Place::at(data.axis < axis ? data.axis : data.axis - 1 + at.rank(1), data.outer));
  }
  if (data.kind == Place::Kind::kShared && indices.batched()) return at.put(0, Place::at(axis + indices.axis, indices.outer));
  return at.forbid("picks with indices that differ from sample to sample");
}

Status gather_elements(BatchTracer& at) {
  const Place data = at.place(0), indices = at.place(1);
  SINTER_TRY(avoid_axis(at, at.from_front(at.attribute("axis", 0), at.rank(0))));
  const size_t axis = static_cast<size_t>(data.axis);
  if (!data.batched() || !indices.batched() || data.axis != indices.axis || data.outer != indices.outer || at.shape(0)[axis] != at.shape(1)[axis]) {
    return at.forbid("data and indices do not have the same samples");
  }
  return at.put(0, data);
}

Status gather_nd(BatchTracer& at) {
  const Place data = at.place(0), indices = at.place(1);
  if (at.attribute("batch_dims", 0) < 1) return at.forbid("picks across the samples");
  if (!data.batched() || !indices.batched() || data.axis != 0 || indices.axis != 0 || data.outer != indices.outer) {
    return at.forbid("data and indices do not have the same samples");
  }
  return at.put(0, data);
}

Status slice(BatchTracer& at) {
  SINTER_TRY(others_shared(at, 3));
  if (at.place(1).kind != Place::Kind::kShared) return at.forbid("where it starts depends on the number of samples");
  const auto starts = at.integers(1);
  const std::optional<std::vector<int64_t>> axes = at.has(3) ? at.integers(3) : std::nullopt;
  const std::optional<std::vector<int64_t>> steps = at.has(4) ? at.integers(4) : std::nullopt;
  if ((at.has(3) && !axes) || (at.has(4) && !steps)) return at.forbid("the axes or steps are not known");
  if (!axes && !starts) return at.forbid("the axes are not known");
  const size_t count = axes ? axes->size() : starts->size();
  for (size_t i = 0; i < count; ++i) {
    const int64_t axis = axes ? at.from_front((*axes)[i], at.rank(0)) : static_cast<int64_t>(i);
    if (axis != at.place(0).axis) {
      if (at.varies(2, i)) return at.forbid("where it ends depends on the number of samples");
      continue;
    }
    const bool whole = starts && i < starts->size() && (*starts)[i] == 0 && (!steps || (*steps)[i] == 1);
    if (!whole || !at.infers(0, at.place(0))) return at.forbid(fmt::format("takes part of axis {}, where the samples are", axis));
  }
  return at.put(0, at.place(0));
}

Status pad(BatchTracer& at) {
  SINTER_TRY(others_shared(at, 1));
  const auto pads = at.integers(1);
  const std::optional<std::vector<int64_t>> axes = at.has(3) ? at.integers(3) : std::nullopt;
  if (!pads || (at.has(3) && !axes)) return at.forbid("the padding is not known");
  const size_t count = pads->size() / 2;
  for (size_t i = 0; i < count; ++i) {
    const int64_t axis = axes && i < axes->size() ? at.from_front((*axes)[i], at.rank(0)) : static_cast<int64_t>(i);
    if (axis == at.place(0).axis && ((*pads)[i] != 0 || (*pads)[i + count] != 0)) return at.forbid(fmt::format("pads axis {}, where the samples are", axis));
  }
  return at.put(0, at.place(0));
}

Status resize(BatchTracer& at) {
  if (at.node().attributes.s_or("coordinate_transformation_mode", "") == "tf_crop_and_resize") return at.forbid("crops while resizing");
  const Place place = at.place(0);
  if (at.infers(0, place)) return at.put(0, place);
  const bool by_axes = at.node().attributes.has("axes");
  if (!at.has(3) || by_axes) return at.forbid(fmt::format("resizes axis {}, where the samples are", place.axis));
  SINTER_TRY(at.follow_batch(3, place.axis));
  return at.put(0, place);
}

// The axis along which inference finds the samples, when each is a copy of a shared value.
Status put_copies(BatchTracer& at) {
  if (at.has(0) && !at.node().is("ConstantOfShape") && at.place(0).kind == Place::Kind::kSizes) return at.forbid("copies sizes");
  SINTER_TRY(ir::infer_node(at.node()));
  const Shape* shape = at.inferred(0);
  for (size_t axis = 0; shape && axis < shape->size(); ++axis) {
    if (!at.depends_on_batch((*shape)[axis])) continue;
    const Place place = Place::at(static_cast<int>(axis));
    if (*shape != at.expected(at.output_shape(), place)) break;
    const int own = static_cast<int>(axis) - (static_cast<int>(shape->size()) - at.rank(0));
    const bool copies = at.node().is("ConstantOfShape") || at.node().is("Tile") || own < 0 || at.shape(0)[static_cast<size_t>(own)].is(1);
    if (copies) return at.put(0, place);
  }
  return at.forbid("its shape does not follow the number of samples");
}

Status expand(BatchTracer& at) {
  if (!at.place(0).batched()) return put_copies(at);
  const int rank = static_cast<int>(at.output_shape().size());
  Place place = at.place(0);
  const Dim own = at.shape(0)[static_cast<size_t>(place.axis)];
  place.axis += rank - at.rank(0);
  if (at.output_shape()[static_cast<size_t>(place.axis)] != own) return at.forbid("repeats samples");
  return at.put(0, place);
}

Status tile(BatchTracer& at) {
  if (!at.place(0).batched()) return put_copies(at);
  const auto repeats = at.integers(1);
  if (!repeats || static_cast<size_t>(at.place(0).axis) >= repeats->size() || (*repeats)[static_cast<size_t>(at.place(0).axis)] != 1) {
    return at.forbid("repeats samples");
  }
  return at.put(0, at.place(0));
}

Status one_hot(BatchTracer& at) {
  SINTER_TRY(others_shared(at, 1));
  Place place = at.place(0);
  const int rank = static_cast<int>(at.output_shape().size());
  if (at.from_front(at.attribute("axis", -1), rank) <= place.axis) ++place.axis;
  return at.put(0, place);
}

Status trilu(BatchTracer& at) {
  if (at.place(0).axis >= at.rank(0) - 2) return at.forbid("cuts a triangle through the samples");
  return unary(at);
}

Status recurrent(BatchTracer& at) {
  const bool leads = at.attribute("layout", 0) == 1;
  const int axis = leads ? 0 : 1;
  for (const size_t i : {1, 2, 3, 7}) {
    if (at.has(i) && at.place(i).kind != Place::Kind::kShared) return at.forbid(fmt::format("weights (input {}) depend on the samples", i));
  }
  const auto axis_of = [&](size_t i) { return i == 4 ? 0 : axis; };
  for (const size_t i : {0, 4, 5, 6}) {
    if (!at.has(i)) continue;
    if (!at.place(i).batched()) SINTER_TRY(at.spread(i, axis_of(i)));
    if (at.place(i).axis != axis_of(i) || !at.place(i).outer.is(1)) return at.forbid(fmt::format("samples are in axis {} of input {}", at.place(i).axis, i));
  }
  SINTER_TRY(at.put(0, Place::at(leads ? 0 : 2)));
  SINTER_TRY(at.put(1, Place::at(axis)));
  return at.put(2, Place::at(axis));
}

Status attention(BatchTracer& at) {
  for (const size_t i : {0, 1, 2, 4, 5, 6}) {
    if (!at.has(i)) continue;
    if (!at.place(i).batched()) SINTER_TRY(at.spread(i, 0));
    if (at.place(i).axis != 0) return at.forbid(fmt::format("samples are in axis {} of input {}", at.place(i).axis, i));
  }
  if (at.has(3)) {
    const Place mask = at.place(3);
    const bool leads = mask.batched() && mask.axis == 0 && at.rank(3) == 4;
    const bool shared = mask.kind == Place::Kind::kShared && (at.rank(3) < 4 || at.shape(3)[0].is(1));
    if (!leads && !shared) return at.forbid("the mask does not have its samples in axis 0 of four");
  }
  return put_all(at, at.place(0));
}

const std::unordered_map<std::string_view, BatchRule>& rules() {
  static const std::unordered_map<std::string_view, BatchRule> kRules = {
      {"Identity", unary}, {"Dropout", dropout}, {"CastLike", elementwise}, {"Softmax", along_axis}, {"LogSoftmax", along_axis},
      {"Hardmax", along_axis}, {"LpNormalization", along_axis}, {"TopK", along_axis}, {"Split", along_axis}, {"CumSum", cumulative},
      {"LayerNormalization", normalize_tail}, {"RMSNormalization", normalize_tail}, {"QuantizeLinear", quantize}, {"DequantizeLinear", quantize},
      {"ReduceL1", reduce}, {"ReduceL2", reduce}, {"ReduceLogSum", reduce}, {"ReduceLogSumExp", reduce}, {"ReduceMax", reduce}, {"ReduceMean", reduce},
      {"ReduceMin", reduce}, {"ReduceProd", reduce}, {"ReduceSum", reduce}, {"ReduceSumSquare", reduce}, {"ArgMax", arg_reduce}, {"ArgMin", arg_reduce},
      {"Concat", concat}, {"Conv", leading<0>}, {"ConvInteger", leading<0>}, {"QLinearConv", leading<0>}, {"ConvTranspose", leading<0>},
      {"DeformConv", leading<0, 2, 4>}, {"MaxPool", leading<0>}, {"AveragePool", leading<0>}, {"LpPool", leading<0>}, {"GlobalAveragePool", leading<0>},
      {"GlobalMaxPool", leading<0>}, {"GlobalLpPool", leading<0>}, {"InstanceNormalization", leading<0>}, {"GroupNormalization", leading<0>},
      {"LRN", leading<0>}, {"DepthToSpace", leading<0>}, {"SpaceToDepth", leading<0>}, {"GridSample", leading<0, 1>},
      {"BatchNormalization", batch_normalization}, {"MatMul", matmul}, {"MatMulInteger", matmul}, {"QLinearMatMul", q_linear_matmul}, {"Gemm", gemm},
      {"Transpose", transpose}, {"Reshape", reshape}, {"Flatten", reshape}, {"Squeeze", squeeze}, {"Unsqueeze", unsqueeze}, {"Gather", gather},
      {"GatherElements", gather_elements}, {"GatherND", gather_nd}, {"Slice", slice}, {"Pad", pad}, {"Resize", resize}, {"Expand", expand}, {"Tile", tile},
      {"ConstantOfShape", put_copies}, {"OneHot", one_hot}, {"Trilu", trilu}, {"LSTM", recurrent}, {"GRU", recurrent}, {"RNN", recurrent},
      {"Attention", attention},
  };
  return kRules;
}

}  // namespace

BatchRule find_batch_rule(const OpDef& op) {
  if (!op.domain.empty()) return nullptr;
  const auto found = rules().find(op.name);
  if (found != rules().end()) return found->second;
  return op.is(kElementwise) ? elementwise : nullptr;
}

}  // namespace sinter::onnx
