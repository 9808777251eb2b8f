// SkipLayerNormalization, SkipSimplifiedLayerNormalization, SimplifiedLayerNormalization, EmbedLayerNormalization.
#include "onnx/contrib/contrib.h"

namespace sinter::onnx {
namespace {

constexpr DTypeSet kFloats = dtype_set(DType::kF32, DType::kF16, DType::kBF16, DType::kF64);
constexpr DTypeSet kIndices = dtype_set(DType::kI32, DType::kI64);

Attributes last_axis(const Expansion& e) { return make_attributes({{"axis", int64_t{-1}}, {"epsilon", e.attributes().f("epsilon")}}); }

// input + skip (+ bias), which is output 3 where that is wanted.
ir::Value* skip_sum(Expansion& e, size_t bias) {
  std::vector<ir::Value*> sum{e.input(0), e.input(1)};
  if (e.input(bias)) sum = {e.emit("Add", sum), e.input(bias)};
  return e.wants(3) ? e.output(3, "Add", sum) : e.emit("Add", sum);
}

Status expand_skip(Expansion& e) {
  ir::Value* sum = skip_sum(e, 4);
  e.output_several("LayerNormalization", {sum, e.input(2), e.input(3)}, 3, last_axis(e));
  return ok_status();
}

Status expand_skip_simplified(Expansion& e) {
  ir::Value* sum = skip_sum(e, 3);
  e.output(0, "RMSNormalization", {sum, e.input(2)}, last_axis(e));
  return ok_status();
}

Status expand_simplified(Expansion& e) {
  e.output(0, "RMSNormalization", {e.input(0), e.input(1)}, make_attributes({{"axis", e.attributes().i("axis")}, {"epsilon", e.attributes().f("epsilon")}}));
  return ok_status();
}

// Inputs: ids, segments, tables of words, positions and segments, gamma, beta, mask, positions. Ids are [batch,sequence].
Status expand_embed(Expansion& e) {
  if (e.attributes().i("mask_index_type") != 0) {
    return make_error(Code::kUnsupported, "attribute 'mask_index_type' is {}; expected 0; save the model with less optimization",
                      e.attributes().i("mask_index_type"));
  }
  if (!e.input(1) != !e.input(4)) return e.error("segment ids without a table of segments, or a table without ids", "both or none");
  ir::Value* positions = nullptr;
  if (e.input(8)) {
    positions = e.emit("Gather", {e.input(3), e.input(8)}, make_attributes({{"axis", int64_t{0}}}));
  } else {
    ir::Value* length = e.emit("Shape", {e.input(0)}, make_attributes({{"start", int64_t{1}}, {"end", int64_t{2}}}));
    positions = e.emit("Slice", {e.input(3), e.constant_i64("begin", {0}), length, e.constant_i64("rows", {0})});
  }
  std::vector<ir::Value*> sum{e.emit("Gather", {e.input(2), e.input(0)}, make_attributes({{"axis", int64_t{0}}})), positions};
  if (e.input(1)) sum = {e.emit("Add", sum), e.emit("Gather", {e.input(4), e.input(1)}, make_attributes({{"axis", int64_t{0}}}))};
  ir::Value* total = e.wants(2) ? e.output(2, "Add", sum) : e.emit("Add", sum);
  e.output(0, "LayerNormalization", {total, e.input(5), e.input(6)}, last_axis(e));
  if (!e.wants(1)) return ok_status();
  // How many tokens of each sequence the mask leaves; without a mask ONNX Runtime writes 0.
  const Attributes whole_lines = make_attributes({{"keepdims", int64_t{0}}});
  ir::Value* axis = e.constant_i64("line", {1});
  if (e.input(7)) {
    e.output(1, "ReduceSum", {e.input(7), axis}, whole_lines);
    return ok_status();
  }
  ir::Value* lines = e.emit("ReduceSum", {e.input(0), axis}, whole_lines);
  e.output(1, "Cast", {e.emit("Mul", {lines, e.scalar_like("nothing", 0, lines)})}, make_attributes({{"to", static_cast<int64_t>(DType::kI32)}}));
  return ok_status();
}

OpDef skip(const char* name) {
  OpDef op(name, 1, kMicrosoft);
  op.input("input", "T").input("skip", "T").input("gamma", "T").type("T", kFloats).type("U", kFloats).attr("epsilon", 1e-12f);
  op.output("output", "T").output("mean", "U", ParamKind::kOptional).output("inv_std_var", "U", ParamKind::kOptional);
  op.output("input_skip_bias_sum", "T", ParamKind::kOptional);
  return op;
}

}  // namespace

void add_normalizations(ContribList& list) {
  OpDef layer = skip("SkipLayerNormalization");
  layer.input("beta", "T", ParamKind::kOptional).input("bias", "T", ParamKind::kOptional);
  list.push_back({layer, expand_skip});
  OpDef rms = skip("SkipSimplifiedLayerNormalization");
  rms.input("bias", "T", ParamKind::kOptional);
  list.push_back({rms, expand_skip_simplified});
  // ONNX Runtime registers this one in ONNX's own domain.
  for (const char* domain : {"", kMicrosoft}) {
    OpDef simplified("SimplifiedLayerNormalization", 1, domain);
    simplified.input("X", "T").input("scale", "V").output("Y", "V").output("inv_std_var", "U", ParamKind::kOptional);
    simplified.type("T", kFloats).type("V", kFloats).type("U", kFloats);
    simplified.attr("axis", int64_t{-1}).attr("epsilon", 1e-5f).attr("stash_type", int64_t{1});
    list.push_back({simplified, expand_simplified});
  }
  OpDef embed("EmbedLayerNormalization", 1, kMicrosoft);
  embed.input("input_ids", "I").input("segment_ids", "I", ParamKind::kOptional).input("word_embedding", "T").input("position_embedding", "T");
  embed.input("segment_embedding", "T", ParamKind::kOptional).input("gamma", "T").input("beta", "T").input("mask", "I", ParamKind::kOptional);
  embed.input("position_ids", "I", ParamKind::kOptional).type("T", kFloats).type("I", kIndices);
  embed.output("output", "T").output("mask_index", "M", ParamKind::kOptional).output("embedding_sum", "T", ParamKind::kOptional);
  embed.type("M", dtype_set(DType::kI32)).attr("epsilon", 1e-12f).attr("mask_index_type", int64_t{0});
  list.push_back({embed, expand_embed});
}

}  // namespace sinter::onnx
