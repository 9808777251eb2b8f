// Contributed operators: those of ONNX Runtime's domain com.microsoft, and plugins of TensorRT, each a composition of ONNX's operators and so no operator of the IR but an
// expansion while a node is imported.
//
// An entry is a schema, by which the importer checks the node as it checks any other, and a function that adds the nodes. Where the order of
// roundings decides the last bit of an 8-bit result, the nodes follow ONNX Runtime's arithmetic, not the textbook's (see each function). Names
// of what is added begin with the node's own; the outputs keep theirs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/op_def.h"
#include "onnx/adapt/adapt.h"

namespace sinter::onnx {

class Expansion {
 public:
  // output_names: what each output is called in the graph ("": nobody wants it).
  Expansion(const PendingNode& node, NodeMaker& maker, std::vector<std::string> output_names)
      : node_(node), maker_(maker), output_names_(std::move(output_names)), outputs_(output_names_.size()) {}

  ir::Value* input(size_t index) const { return index < node_.inputs.size() ? node_.inputs[index] : nullptr; }
  size_t input_count() const { return node_.inputs.size(); }
  const Attributes& attributes() const { return node_.attributes; }
  // Null when the rank is unknown or the value absent; -1 likewise.
  static const Shape* shape(const ir::Value* value);
  static int rank(const ir::Value* value);
  static DType dtype(const ir::Value* value) { return value ? value->type.dtype : DType::kUndefined; }
  static const Tensor* constant_of(const ir::Value* value) { return value && value->is_constant() ? &value->constant : nullptr; }

  ir::Value* constant(std::string_view suffix, Tensor tensor);
  ir::Value* constant_f32(std::string_view suffix, float value) { return constant(suffix, Tensor::scalar(DType::kF32, value)); }
  ir::Value* constant_i64(std::string_view suffix, const std::vector<int64_t>& values) { return constant(suffix, Tensor::from_i64(values)); }
  // 0 of an integer type, without dims.
  ir::Value* zero_of(DType dtype);
  // A constant scalar of the type of `like`.
  ir::Value* scalar_like(std::string_view suffix, double value, const ir::Value* like);

  // A node; its output. Null inputs in the middle are left-out optional ones. After the first failure nothing is added any more.
  ir::Value* emit(std::string_view op_type, std::vector<ir::Value*> inputs, Attributes attributes = {});
  // All outputs of a node that has `count`; nulls after a failure.
  std::vector<ir::Value*> emit_several(std::string_view op_type, std::vector<ir::Value*> inputs, int count, Attributes attributes = {});
  // The node that makes the first outputs of the expanded node, as many as `count`, under their names.
  void output_several(std::string_view op_type, std::vector<ir::Value*> inputs, size_t count, Attributes attributes = {});
  // The node that makes output `index` of the expanded node; nothing when nobody wants it.
  ir::Value* output(size_t index, std::string_view op_type, std::vector<ir::Value*> inputs, Attributes attributes = {});
  bool wants(size_t index) const { return index < output_names_.size() && !output_names_[index].empty(); }
  const std::vector<ir::Value*>& outputs() const { return outputs_; }
  bool failed() const { return failed_; }

  // What most expansions are made of.
  ir::Value* to_f32(ir::Value* value) { return dtype(value) == DType::kF32 ? value : cast(value, DType::kF32); }
  ir::Value* cast(ir::Value* value, DType dtype);
  ir::Value* dequantize(ir::Value* value, ir::Value* scale, ir::Value* zero = nullptr);
  ir::Value* transpose(ir::Value* value, const std::vector<int64_t>& permutation);
  // [N,spatial…,C] → [N,C,spatial…], and back; the rank must be known.
  ir::Value* channels_first(ir::Value* value);
  static std::vector<int64_t> channels_last_permutation(int rank);
  // Output `index` in the type of `zero`, saturated: round(value / scale) + zero.
  ir::Value* quantized_output(size_t index, ir::Value* value, ir::Value* scale, ir::Value* zero);
  // Output `index`, saturated to 8 bits: round(value), where a zero point has been added before rounding.
  ir::Value* rounded_output(size_t index, ir::Value* value, DType dtype);

  // Output `index`: a program (core/pointwise.h) over the inputs, of which `dtype` is the type of the result.
  ir::Value* program_output(size_t index, const PointwiseProgram& program, std::vector<ir::Value*> inputs, DType dtype);
  // The number that a constant of one element holds.
  static std::optional<float> number_of(const ir::Value* value);

  // Inputs of one element each (scales and zero points a tensor), as far as known; the first other one is the error.
  Status check_single(std::initializer_list<size_t> inputs) const;
  Status check_rank(size_t input, int least) const;
  // A warning about the node: FOUND; expected EXPECTED; ACTION.
  struct Note {
    std::string found, expected, action;
  };
  void note(Note note) { notes_.push_back(std::move(note)); }
  const std::vector<Note>& notes() const { return notes_; }

  // FOUND; expected EXPECTED; ACTION
  static Status error(std::string found, std::string expected, std::string action = "correct the model");

 private:
  // The outputs of a new node, as many as names; nulls when it fails.
  std::vector<ir::Value*> add(std::string_view op_type, std::vector<ir::Value*> inputs, Attributes attributes, const std::string& name,
                              const std::vector<std::string>& outputs);

  const PendingNode& node_;
  NodeMaker& maker_;
  std::vector<std::string> output_names_;
  std::vector<ir::Value*> outputs_;
  std::vector<Note> notes_;
  int made_ = 0;
  bool failed_ = false;
};

using ExpandFunction = Status (*)(Expansion&);

struct ContribOp {
  OpDef schema;
  ExpandFunction expand = nullptr;
};

// Null when there is no such operator.
const ContribOp* find_contrib(std::string_view domain, std::string_view name);
// By domain and name.
const std::map<std::string, ContribOp, std::less<>>& contrib_ops();

// Attributes of a node to be made: {{"axis", int64_t{1}}, …}.
Attributes make_attributes(std::initializer_list<std::pair<const char*, AttrValue>> list);

// One list of entries a file.
using ContribList = std::vector<ContribOp>;
inline constexpr const char* kMicrosoft = "com.microsoft";
void add_quantized_pointwise(ContribList& list);
void add_quantized_pools(ContribList& list);
void add_quantized_products(ContribList& list);
void add_matmul_nbits(ContribList& list);
void add_fused_products(ContribList& list);
void add_activations(ContribList& list);
void add_normalizations(ContribList& list);
void add_attention(ContribList& list);
void add_plugins(ContribList& list);
void add_maps(ContribList& list);

// A plugin of TensorRT, which files name in any domain, imported or not. Null when the name is none, or an operator of the domain.
const OpDef* find_plugin(std::string_view domain, std::string_view name);
// Takes away what says only which plugin library is meant, and brings numbers into the kinds that the schema has.
void normalize_plugin_attributes(const OpDef& op, Attributes& attributes);

}  // namespace sinter::onnx
