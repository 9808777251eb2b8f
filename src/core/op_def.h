// OpDef: everything Sinter knows of an operator: schema, shape rule, reference kernel, facts for passes. One file of src/ops
// defines one OpDef; the table is reached through find_op(), so that layers below ops need not include it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "core/attributes.h"
#include "core/pointwise.h"
#include "core/tensor.h"
#include "core/type.h"

namespace sinter {

namespace plugin {
class Operator;
}

// An integer tensor of rank 0 or 1 whose elements are known as expressions: what feeds Reshape, Slice, Expand, …
struct ShapeTensor {
  Dims dims;  // {} or {n}
  std::vector<Dim> elements;
};

// What a shape rule sees of its node. Types of inputs are set when known (kUnknown otherwise).
class InferContext {
 public:
  virtual ~InferContext() = default;
  virtual int input_count() const = 0;   // trailing absent optional inputs may be left out
  virtual int output_count() const = 0;
  virtual bool has_input(int index) const = 0;  // false too when index >= input_count()
  virtual bool has_output(int index) const = 0;
  virtual const ValueType& input_type(int index) const = 0;  // kUnknown when absent
  // Shape of a tensor input, null when absent or its rank is unknown.
  virtual const Shape* input_shape(int index) const = 0;
  // The whole tensor when the input is a constant, else null.
  virtual const Tensor* input_constant(int index) const = 0;
  // Elements of an integer input of rank <= 1 as expressions (also of constants), nullopt when not tracked.
  virtual std::optional<ShapeTensor> input_elements(int index) const = 0;
  virtual const Attributes& attributes() const = 0;

  virtual void set_output(int index, ValueType type) = 0;
  virtual void set_output_elements(int index, ShapeTensor elements) = 0;
  // A new symbol for a size that depends on data; `hint` is part of its name. Stable: the same node asks → the same names.
  virtual Dim fresh_symbol(std::string_view hint) = 0;
  // Whether the node has that graph attribute (optional bodies).
  virtual bool has_subgraph(std::string_view attribute) const { (void)attribute; return false; }
  // Infers a graph attribute's body with these input types; its outputs' types.
  virtual Result<std::vector<ValueType>> infer_subgraph(std::string_view attribute, std::span<const ValueType> inputs) = 0;
  // An error that names the node; the message says what was found, expected and what to do.
  virtual Status error(std::string message) const = 0;
};

// What a reference kernel sees at run time. Kernels are plain: wide accumulators, no SIMD, no threads.
class EvalContext {
 public:
  virtual ~EvalContext() = default;
  virtual int input_count() const = 0;
  virtual int output_count() const = 0;
  virtual bool has_input(int index) const = 0;
  virtual const Value& input(int index) const = 0;  // present inputs only
  const Tensor& tensor(int index) const { return input(index).tensor(); }
  virtual bool wants_output(int index) const = 0;
  // The type inferred for an output, unknown when the caller keeps none: what a Loop of no iterations returns needs it.
  virtual ValueType output_type(int index) const { (void)index; return {}; }
  // Allocates output `index`; write into what is returned. Calling for an output nobody wants is allowed.
  virtual Tensor& allocate(int index, DType dtype, Dims dims) = 0;
  virtual void set_output(int index, Value value) = 0;
  virtual const Attributes& attributes() const = 0;
  virtual bool has_subgraph(std::string_view attribute) const { (void)attribute; return false; }
  virtual Result<std::vector<Value>> run_subgraph(std::string_view attribute, std::vector<Value> inputs) = 0;
  virtual Status error(std::string message) const = 0;
};

// Type variable of a schema ("T"): the types an input may have.
struct TypeVar {
  std::string name;
  DTypeSet tensors = 0;      // as a tensor of these
  bool sequences = false;    // also a sequence of such tensors (of any when `tensors` is 0)
  bool optionals = false;    // also an optional of what is allowed
};

enum class ParamKind : uint8_t { kSingle, kOptional, kVariadic };
struct ParamDef {
  std::string name;
  std::string type;  // a TypeVar's name
  ParamKind kind = ParamKind::kSingle;
  bool heterogeneous = false;  // variadic: each may have another type
};

struct AttrDef {
  std::string name;
  AttrKind kind;
  bool required = false;
  std::optional<AttrValue> default_value;
};

enum OpFact : uint32_t {
  kElementwise = 1 << 0,       // output[i] depends on the inputs' elements i (with broadcast) only
  kCommutative = 1 << 1,       // of its first two inputs
  kViewOnly = 1 << 2,          // output has the input's bytes in the same order: Reshape, Squeeze, Unsqueeze, Flatten, Identity
  kNondeterministic = 1 << 3,  // never folded: random numbers
  kControlFlow = 1 << 4,       // has graph attributes
  kMovesData = 1 << 5,         // copies elements without computing: Transpose, Concat, Slice, Gather, Pad, …
};

// Built with chained calls: OpDef("Relu", 6).input("X", "T").output("Y", "T").type("T", kFloatTypes)…
struct OpDef {
  OpDef() = default;
  // `since`: the oldest opset whose files can be read with this schema as it is. Older ones need an adapter in src/onnx/adapt.
  OpDef(std::string name, int since, std::string domain = "") : domain(std::move(domain)), name(std::move(name)), since(since) {}

  std::string domain;  // "" is ai.onnx; "sinter" holds operators that only passes make
  std::string name;
  int since = 1;
  int until = 0;  // the newest opset of the domain whose files it reads; 0: no end
  std::vector<ParamDef> inputs, outputs;
  std::vector<TypeVar> types;
  std::vector<AttrDef> attributes;
  uint32_t facts = 0;
  // Sets every output's type (dtype always; shape as far as known), and elements of shape tensors where it can.
  std::function<Status(InferContext&)> infer;
  std::function<Status(EvalContext&)> evaluate;
  // Elementwise operators on floats: the program that computes output 0 from the node's inputs. False: not with these attributes
  // (or this number of inputs). Null: no pointwise form.
  bool (*pointwise)(const Attributes& attributes, int inputs, PointwiseProgram& program) = nullptr;
  const plugin::Operator* plugin = nullptr;  // of a library that was loaded at run time: its kernels are there (src/plugin)

  OpDef& input(std::string name, std::string type, ParamKind kind = ParamKind::kSingle, bool heterogeneous = false);
  OpDef& output(std::string name, std::string type, ParamKind kind = ParamKind::kSingle, bool heterogeneous = false);
  OpDef& type(std::string name, DTypeSet tensors, bool sequences = false, bool optionals = false);
  OpDef& attr(std::string name, AttrValue default_value);       // optional with default (kind from the value's type)
  OpDef& attr(std::string name, AttrKind kind, bool required);  // without default
  OpDef& fact(uint32_t bits) { facts |= bits; return *this; }

  bool is(OpFact fact) const { return facts & fact; }
  int min_inputs() const;
  int max_inputs() const;  // INT_MAX when variadic
  int min_outputs() const;
  int max_outputs() const;
  const AttrDef* find_attribute(std::string_view name) const;
  const TypeVar* find_type(std::string_view name) const;
  std::string full_name() const { return domain.empty() ? name : domain + "." + name; }
};

// The operator's latest meaning, null when Sinter has none. Domain "ai.onnx" is "". Defined in src/ops/registry.cpp; the table
// is made at first use, thread-safe, and lives as long as the process. What these return stays valid when operators are added.
const OpDef* find_op(std::string_view domain, std::string_view name);
std::span<const OpDef* const> all_ops();  // sorted by domain, name
// Adds operators of a plugin: all of them, or none when one is there already.
Status add_ops(std::vector<OpDef> ops);

// Name of the node attribute that holds an epilogue program's text, and of the one that says which node input is the program's
// input 1 (input 0 is the operator's own output 0). Any operator may carry an epilogue; run_op applies it.
inline constexpr std::string_view kEpilogueAttr = "sinter.epilogue";
inline constexpr std::string_view kEpilogueBaseAttr = "sinter.epilogue_base";
// Optional besides an epilogue: the element type (a DType) that its result is stored in; without it, the operator's own.
inline constexpr std::string_view kEpilogueTypeAttr = "sinter.epilogue_type";

// Evaluates op.evaluate, then the epilogue if the attributes have one. All reference evaluation goes through here; exceptions
// (bad_alloc) become statuses.
Status evaluate_op(const OpDef& op, EvalContext& context);
// op.infer on the operator's own inputs, then the epilogue's effect on output 0's type (broadcast shape stays output 0's).
Status infer_op(const OpDef& op, InferContext& context);

}  // namespace sinter
