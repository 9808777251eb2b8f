// Attention and MultiHeadAttention: projections, masks and past become inputs of ONNX's Attention.
//
// A mask adds mask_filter_value to the scores of what it hides rather than removing it, so that a line that is hidden whole stays finite.
#include "onnx/contrib/contrib.h"

namespace sinter::onnx {
namespace {

constexpr DTypeSet kFloats = dtype_set(DType::kF32, DType::kF16, DType::kBF16, DType::kF64);
constexpr DTypeSet kMask = dtype_set(DType::kI32, DType::kI64, DType::kBool);

Status unsupported(std::string found, std::string expected) {
  return make_error(Code::kUnsupported, "{}; expected {}; save the model with less optimization", found, expected);
}

Attributes axis(int64_t value) { return make_attributes({{"axis", value}}); }

struct Heads {
  ir::Value *q = nullptr, *k = nullptr, *v = nullptr;  // [B,S,N*H] each, or [B,N,S,H] each
  bool split = false;                                  // the latter
  int64_t count = 0;
};

ir::Value* unsqueeze(Expansion& e, ir::Value* value, const char* name, const std::vector<int64_t>& axes) {
  return e.emit("Unsqueeze", {value, e.constant_i64(name, axes)});
}

ir::Value* split_heads(Expansion& e, ir::Value* value, int64_t heads, const char* name) {
  return e.transpose(e.emit("Reshape", {value, e.constant_i64(name, {0, 0, heads, -1})}), {0, 2, 1, 3});
}

// Length of the keys with what is past, as a scalar.
ir::Value* total_length(Expansion& e, const Heads& heads, ir::Value* past_key) {
  const auto size_of = [&](ir::Value* value, int64_t at) {
    return e.emit("Shape", {value}, make_attributes({{"start", at}, {"end", at + 1}}));
  };
  ir::Value* total = size_of(heads.k, heads.split ? 2 : 1);
  if (past_key) total = e.emit("Add", {total, size_of(past_key, 2)});
  return e.emit("Squeeze", {total});
}

// What is added to the scores, [B,1,1 or S,T]. Masks: lengths [B], or 1 for what counts in [B,T] or [B,S,T].
Status mask_scores(Expansion& e, size_t index, const Heads& heads, ir::Value* past_key, ir::Value*& added) {
  ir::Value* mask = e.input(index);
  if (!mask) return ok_status();
  const int rank = Expansion::rank(mask);
  if (rank < 1 || rank > 3) return unsupported(fmt::format("the rank of mask '{}' is {}", mask->name, rank), "[batch], [batch,keys] or [batch,queries,keys]");
  ir::Value* keep = nullptr;
  if (rank == 1) {
    const Shape *lengths = Expansion::shape(mask), *queries = Expansion::shape(heads.q);
    if (lengths && queries && (*lengths)[0].is_constant() && (*queries)[0].is_constant() && (*lengths)[0].value() != (*queries)[0].value())
      return unsupported(fmt::format("mask '{}' is {}", mask->name, to_string(*lengths)), "one length an element of the batch");
    ir::Value* places = e.emit("Range", {e.constant("mask_first", Tensor::scalar(DType::kI64, int64_t{0})), total_length(e, heads, past_key),
                                         e.constant("mask_step", Tensor::scalar(DType::kI64, int64_t{1}))});
    keep = unsqueeze(e, e.emit("Less", {places, unsqueeze(e, e.cast(mask, DType::kI64), "mask_lengths", {1})}), "mask_axes", {1, 2});
  } else {
    keep = unsqueeze(e, e.cast(mask, DType::kBool), "mask_axes", rank == 2 ? std::vector<int64_t>{1, 2} : std::vector<int64_t>{1});
  }
  added = e.emit("Where", {keep, e.scalar_like("mask_keep", 0, heads.q), e.scalar_like("mask_hide", static_cast<double>(e.attributes().f("mask_filter_value")), heads.q)});
  return ok_status();
}

// Outputs 0 and, in `present`, keys and values with what is past.
Status attend(Expansion& e, const Heads& heads, size_t mask_input, size_t bias_input, ir::Value* past_key, ir::Value* past_value, std::vector<ir::Value*>* present) {
  ir::Value* added = nullptr;
  SINTER_TRY(mask_scores(e, mask_input, heads, past_key, added));
  if (ir::Value* bias = e.input(bias_input)) added = added ? e.emit("Add", {added, bias}) : bias;
  Attributes attributes = make_attributes({{"is_causal", e.attributes().i("unidirectional")}});
  if (const float scale = e.attributes().f("scale"); scale != 0) attributes.set("scale", scale);
  if (!heads.split) {
    attributes.set("q_num_heads", heads.count);
    attributes.set("kv_num_heads", heads.count);
  }
  const std::vector<ir::Value*> inputs{heads.q, heads.k, heads.v, added, past_key, past_value};
  if (!present && !heads.split) {
    e.output(0, "Attention", inputs, attributes);
    return ok_status();
  }
  std::vector<ir::Value*> made = e.emit_several("Attention", inputs, present ? 3 : 1, attributes);
  if (heads.split)
    e.output(0, "Reshape", {e.transpose(made[0], {0, 2, 1, 3}), e.constant_i64("joined", {0, 0, -1})});
  else
    e.output(0, "Identity", {made[0]});
  if (present) *present = {made[1], made[2]};
  return ok_status();
}

Status check_heads(const Expansion& e, int64_t heads) {
  if (heads > 0) return ok_status();
  return e.error(fmt::format("attribute 'num_heads' is {}", heads), "1 or more");
}

// Inputs: data, weights of q, k and v side by side, their bias, mask, past [2,B,N,P,H], what is added to the scores.
Status expand_attention(Expansion& e) {
  const Attributes& a = e.attributes();
  Heads heads;
  heads.count = a.i("num_heads");
  SINTER_TRY(check_heads(e, heads.count));
  if (a.i("do_rotary") != 0 || a.i("past_present_share_buffer") != 0)
    return unsupported("rotary embedding or a shared buffer of the past in the operator", "neither");
  ir::Value* all = e.emit("MatMul", {e.input(0), e.input(1)});
  if (e.input(2)) all = e.emit("Add", {all, e.input(2)});
  const auto* sizes = a.find_as<std::vector<int64_t>>("qkv_hidden_sizes");
  if (sizes && sizes->size() != 3) return e.error(fmt::format("attribute 'qkv_hidden_sizes' has {} numbers", sizes->size()), "3");
  const bool equal = !sizes || sizes->empty();
  Attributes split = axis(2);
  if (equal) split.set("num_outputs", int64_t{3});
  const std::vector<ir::Value*> parts = e.emit_several("Split", equal ? std::vector<ir::Value*>{all} : std::vector<ir::Value*>{all, e.constant_i64("sizes", *sizes)}, 3, split);
  heads.q = parts[0];
  heads.k = parts[1];
  heads.v = parts[2];
  ir::Value *past_key = nullptr, *past_value = nullptr;
  if (ir::Value* past = e.input(4)) {
    past_key = e.emit("Gather", {past, e.constant("past_keys", Tensor::scalar(DType::kI64, int64_t{0}))}, axis(0));
    past_value = e.emit("Gather", {past, e.constant("past_values", Tensor::scalar(DType::kI64, int64_t{1}))}, axis(0));
  }
  std::vector<ir::Value*> present;
  SINTER_TRY(attend(e, heads, 3, 5, past_key, past_value, e.wants(1) ? &present : nullptr));
  if (!e.wants(1) || e.failed()) return ok_status();
  e.output(1, "Concat", {unsqueeze(e, present[0], "present_keys", {0}), unsqueeze(e, present[1], "present_values", {0})}, axis(0));
  return ok_status();
}

// Parts of a packed value [B,S,N,parts,H], each [B,N,S,H].
std::vector<ir::Value*> unpack(Expansion& e, ir::Value* packed, int parts) {
  Attributes split = axis(3);
  split.set("num_outputs", int64_t{parts});
  std::vector<ir::Value*> made = e.emit_several("Split", {packed}, parts, split);
  for (int i = 0; i < parts; ++i) {
    const std::string name = fmt::format("part_{}", i);
    made[static_cast<size_t>(i)] = e.transpose(e.emit("Squeeze", {made[static_cast<size_t>(i)], e.constant_i64(name, {3})}), {0, 2, 1, 3});
  }
  return made;
}

// The biases of q, k and v, side by side in one input.
Status add_biases(Expansion& e, Heads& heads) {
  ir::Value* bias = e.input(3);
  if (!bias) return ok_status();
  std::vector<int64_t> sizes;
  for (const ir::Value* value : {heads.q, heads.k, heads.v}) {
    const Shape* shape = Expansion::shape(value);
    if (heads.split || !shape || !shape->back().is_constant())
      return unsupported("a bias of packed heads, or of heads whose size is not known", "queries, keys and values of rank 3 and known width");
    sizes.push_back(shape->back().value());
  }
  const std::vector<ir::Value*> parts = e.emit_several("Split", {bias, e.constant_i64("bias_sizes", sizes)}, 3, axis(0));
  heads.q = e.emit("Add", {heads.q, parts[0]});
  heads.k = e.emit("Add", {heads.k, parts[1]});
  heads.v = e.emit("Add", {heads.v, parts[2]});
  return ok_status();
}

// Inputs: query, key, value, bias, mask, what is added to the scores, past keys, past values. Query, key and value [B,S,N*H]; or all in the query [B,S,N,3,H]; or
// keys and values in the key [B,S,N,2,H]; or keys and values split into heads already [B,N,S,H].
Status read_heads(Expansion& e, Heads& heads) {
  ir::Value *query = e.input(0), *key = e.input(1), *value = e.input(2);
  SINTER_TRY(e.check_rank(0, 3));
  if (!key) {
    if (Expansion::rank(query) != 5) return e.error("no keys", "them, or a query of rank 5");
    const std::vector<ir::Value*> parts = unpack(e, query, 3);
    heads = {parts[0], parts[1], parts[2], true, heads.count};
    return ok_status();
  }
  SINTER_TRY(e.check_rank(1, 3));
  const int rank = Expansion::rank(key);
  if (rank == 3 && value) {
    heads = {query, key, value, false, heads.count};
    return ok_status();
  }
  ir::Value* split = split_heads(e, query, heads.count, "query_heads");
  if (rank == 5 && !value) {
    const std::vector<ir::Value*> parts = unpack(e, key, 2);
    heads = {split, parts[0], parts[1], true, heads.count};
    return ok_status();
  }
  if (rank != 4 || !value) return e.error(fmt::format("keys of rank {}{}", rank, value ? "" : " without values"), "rank 3 or 4 with values, or rank 5 without");
  heads = {split, key, value, true, heads.count};
  return ok_status();
}

Status expand_multi_head(Expansion& e) {
  Heads heads;
  heads.count = e.attributes().i("num_heads");
  SINTER_TRY(check_heads(e, heads.count));
  SINTER_TRY(read_heads(e, heads));
  SINTER_TRY(add_biases(e, heads));
  const bool with_present = e.wants(1) || e.wants(2);
  std::vector<ir::Value*> present;
  SINTER_TRY(attend(e, heads, 4, 5, e.input(6), e.input(7), with_present ? &present : nullptr));
  if (!with_present || e.failed()) return ok_status();
  e.output(1, "Identity", {present[0]});
  e.output(2, "Identity", {present[1]});
  return ok_status();
}

void add_common(OpDef& op) {
  op.type("T", kFloats).type("M", kMask).attr("mask_filter_value", -10000.0f).attr("num_heads", AttrKind::kInt, true);
  op.attr("scale", 0.0f).attr("unidirectional", int64_t{0});
}

}  // namespace

void add_attention(ContribList& list) {
  OpDef attention("Attention", 1, kMicrosoft);
  attention.input("input", "T").input("weights", "T").input("bias", "T", ParamKind::kOptional).input("mask_index", "M", ParamKind::kOptional);
  attention.input("past", "T", ParamKind::kOptional).input("attention_bias", "T", ParamKind::kOptional);
  attention.output("output", "T").output("present", "T", ParamKind::kOptional);
  attention.attr("do_rotary", int64_t{0}).attr("past_present_share_buffer", int64_t{0}).attr("qkv_hidden_sizes", AttrKind::kInts, false);
  attention.attr("rotary_embedding_dim", int64_t{0});
  add_common(attention);
  list.push_back({attention, expand_attention});
  OpDef multi("MultiHeadAttention", 1, kMicrosoft);
  multi.input("query", "T").input("key", "T", ParamKind::kOptional).input("value", "T", ParamKind::kOptional).input("bias", "T", ParamKind::kOptional);
  multi.input("key_padding_mask", "M", ParamKind::kOptional).input("attention_bias", "T", ParamKind::kOptional);
  multi.input("past_key", "T", ParamKind::kOptional).input("past_value", "T", ParamKind::kOptional);
  multi.output("output", "T").output("present_key", "T", ParamKind::kOptional).output("present_value", "T", ParamKind::kOptional);
  add_common(multi);
  list.push_back({multi, expand_multi_head});
}

}  // namespace sinter::onnx
