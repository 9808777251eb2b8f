#include "core/op_def.h"

#include <algorithm>
#include <climits>
#include <new>

namespace sinter {
namespace {

// Walks the elements of an operand that broadcasts to `out`, in out's row-major order.
class BroadcastIndex {
 public:
  BroadcastIndex(const Dims& operand, const Dims& out) : dims_(out), strides_(out.size(), 0), at_(out.size(), 0) {
    int64_t stride = 1;
    for (size_t i = 0; i < operand.size(); ++i) {
      const size_t from = operand.size() - 1 - i, to = out.size() - 1 - i;
      if (operand[from] != 1) strides_[to] = stride;
      stride *= operand[from];
    }
  }
  int64_t offset() const { return offset_; }
  void next() {
    for (size_t i = dims_.size(); i-- > 0;) {
      offset_ += strides_[i];
      if (++at_[i] < dims_[i]) return;
      offset_ -= strides_[i] * dims_[i];
      at_[i] = 0;
    }
  }

 private:
  Dims dims_, strides_, at_;
  int64_t offset_ = 0;
};

struct Epilogue {
  PointwiseProgram program;
  int base = 0;  // first node input that belongs to the program
  DType stored = DType::kUndefined;  // of the result; kUndefined: the operator's own
};

// The epilogue of the attributes, nullopt without one.
Result<std::optional<Epilogue>> read_epilogue(const Attributes& attributes, int input_count) {
  const auto* text = attributes.find_as<std::string>(kEpilogueAttr);
  if (!text) return std::optional<Epilogue>();
  SINTER_ASSIGN(PointwiseProgram program, PointwiseProgram::parse(*text));
  const int64_t base = attributes.i_or(kEpilogueBaseAttr, input_count);
  if (base < 0 || base > input_count || program.inputs != 1 + input_count - base) {
    return make_error(Code::kInternal, "epilogue '{}' reads {} operands, the node has {} inputs from {} on; expected one fewer",
                      *text, program.inputs, input_count, base);
  }
  const auto stored = static_cast<DType>(attributes.i_or(kEpilogueTypeAttr, 0));
  if (stored != DType::kUndefined && !contains(kFloatTypes | dtype_set(DType::kI8, DType::kU8), stored)) {
    return make_error(Code::kInternal, "epilogue '{}' is stored as type {}; expected a floating type or one of 8 bits", *text, static_cast<int>(stored));
  }
  return std::optional<Epilogue>(Epilogue{std::move(program), static_cast<int>(base), stored});
}

// The operator's own view of a node with an epilogue: fewer inputs, output 0 kept here.
class InnerEval final : public EvalContext {
 public:
  InnerEval(EvalContext& outer, int inputs) : outer_(outer), inputs_(inputs) {}
  int input_count() const override { return inputs_; }
  int output_count() const override { return outer_.output_count(); }
  bool has_input(int index) const override { return index < inputs_ && outer_.has_input(index); }
  const Value& input(int index) const override { return outer_.input(index); }
  bool wants_output(int index) const override { return outer_.wants_output(index); }
  ValueType output_type(int index) const override { return outer_.output_type(index); }
  Tensor& allocate(int index, DType dtype, Dims dims) override {
    if (index != 0) return outer_.allocate(index, dtype, std::move(dims));
    result = Tensor(dtype, std::move(dims));
    return result.tensor();
  }
  void set_output(int index, Value value) override {
    if (index != 0) return outer_.set_output(index, std::move(value));
    result = std::move(value);
  }
  const Attributes& attributes() const override { return outer_.attributes(); }
  bool has_subgraph(std::string_view attribute) const override { return outer_.has_subgraph(attribute); }
  Result<std::vector<Value>> run_subgraph(std::string_view attribute, std::vector<Value> inputs) override {
    return outer_.run_subgraph(attribute, std::move(inputs));
  }
  Status error(std::string message) const override { return outer_.error(std::move(message)); }

  Value result;

 private:
  EvalContext& outer_;
  int inputs_;
};

class InnerInfer final : public InferContext {
 public:
  InnerInfer(InferContext& outer, const Epilogue& epilogue) : outer_(outer), inputs_(epilogue.base), stored_(epilogue.stored) {}
  int input_count() const override { return inputs_; }
  int output_count() const override { return outer_.output_count(); }
  bool has_input(int index) const override { return index < inputs_ && outer_.has_input(index); }
  bool has_output(int index) const override { return outer_.has_output(index); }
  const ValueType& input_type(int index) const override { return index < inputs_ ? outer_.input_type(index) : kUnknownType; }
  const Shape* input_shape(int index) const override { return index < inputs_ ? outer_.input_shape(index) : nullptr; }
  const Tensor* input_constant(int index) const override { return index < inputs_ ? outer_.input_constant(index) : nullptr; }
  std::optional<ShapeTensor> input_elements(int index) const override {
    return index < inputs_ ? outer_.input_elements(index) : std::nullopt;
  }
  const Attributes& attributes() const override { return outer_.attributes(); }
  void set_output(int index, ValueType type) override {
    if (index == 0) {
      result_shape = type.shape;
      if (stored_ != DType::kUndefined) type.dtype = stored_;
    }
    outer_.set_output(index, std::move(type));
  }
  void set_output_elements(int index, ShapeTensor elements) override {
    if (index != 0) outer_.set_output_elements(index, std::move(elements));  // the program changes output 0's
  }
  Dim fresh_symbol(std::string_view hint) override { return outer_.fresh_symbol(hint); }
  bool has_subgraph(std::string_view attribute) const override { return outer_.has_subgraph(attribute); }
  Result<std::vector<ValueType>> infer_subgraph(std::string_view attribute, std::span<const ValueType> inputs) override {
    return outer_.infer_subgraph(attribute, inputs);
  }
  Status error(std::string message) const override { return outer_.error(std::move(message)); }

  std::optional<Shape> result_shape;

 private:
  inline static const ValueType kUnknownType;
  InferContext& outer_;
  int inputs_;
  DType stored_;
};

Status apply_epilogue(const Epilogue& epilogue, const Tensor& own, EvalContext& context) {
  const PointwiseProgram& program = epilogue.program;
  std::vector<Tensor> operands{own.cast(DType::kF32)};
  std::vector<BroadcastIndex> indices;
  for (int i = 1; i < program.inputs; ++i) {
    const int input = epilogue.base + i - 1;
    if (!context.has_input(input) || !context.input(input).is_tensor()) {
      return context.error(fmt::format("epilogue input {} is absent; a tensor is expected", input));
    }
    const Tensor& tensor = context.tensor(input);
    const auto shape = broadcast(tensor.dims(), own.dims());
    if (!shape.ok() || *shape != own.dims()) {
      return context.error(fmt::format("epilogue input {} is {}{}; expected a shape that broadcasts to the result's {}", input,
                                       dtype_name(tensor.dtype()), to_string(tensor.dims()), to_string(own.dims())));
    }
    operands.push_back(tensor.cast(DType::kF32));
    indices.emplace_back(tensor.dims(), own.dims());
  }
  Tensor result(DType::kF32, own.dims());
  std::vector<float> values(program.operand_count());
  for (int64_t i = 0; i < own.count(); ++i) {
    values[0] = operands[0].data<float>()[i];
    for (size_t k = 0; k < indices.size(); ++k) {
      values[k + 1] = operands[k + 1].data<float>()[indices[k].offset()];
      indices[k].next();
    }
    program.evaluate(values.data());
    result.data<float>()[i] = values[program.outputs[0]];
  }
  context.set_output(0, result.cast(epilogue.stored == DType::kUndefined ? own.dtype() : epilogue.stored));
  return ok_status();
}

Status evaluate_unguarded(const OpDef& op, EvalContext& context) {
  if (!op.evaluate) {
    return context.error(fmt::format("operator '{}' has no reference kernel; expected one to evaluate it", op.full_name()));
  }
  SINTER_ASSIGN(const std::optional<Epilogue> epilogue, read_epilogue(context.attributes(), context.input_count()));
  if (!epilogue) return op.evaluate(context);
  InnerEval inner(context, epilogue->base);
  SINTER_TRY(op.evaluate(inner));
  if (!inner.result.is_tensor()) return context.error("the epilogue's operand, output 0, is not a tensor");
  return apply_epilogue(*epilogue, inner.result.tensor(), context);
}

}  // namespace

OpDef& OpDef::input(std::string name, std::string type, ParamKind kind, bool heterogeneous) {
  inputs.push_back({std::move(name), std::move(type), kind, heterogeneous});
  return *this;
}

OpDef& OpDef::output(std::string name, std::string type, ParamKind kind, bool heterogeneous) {
  outputs.push_back({std::move(name), std::move(type), kind, heterogeneous});
  return *this;
}

OpDef& OpDef::type(std::string name, DTypeSet tensors, bool sequences, bool optionals) {
  types.push_back({std::move(name), tensors, sequences, optionals});
  return *this;
}

OpDef& OpDef::attr(std::string name, AttrValue default_value) {
  const auto kind = static_cast<AttrKind>(default_value.index());
  attributes.push_back({std::move(name), kind, false, std::move(default_value)});
  return *this;
}

OpDef& OpDef::attr(std::string name, AttrKind kind, bool required) {
  attributes.push_back({std::move(name), kind, required, std::nullopt});
  return *this;
}

// A variadic of one type takes at least one value (Concat, Max); of mixed types also none (Loop's state).
static int min_params(const std::vector<ParamDef>& params) {
  int count = 0;
  for (size_t i = 0; i < params.size(); ++i) {
    const ParamDef& p = params[i];
    if (p.kind == ParamKind::kSingle || (p.kind == ParamKind::kVariadic && !p.heterogeneous)) count = static_cast<int>(i) + 1;
  }
  return count;
}

static int max_params(const std::vector<ParamDef>& params) {
  const bool variadic = !params.empty() && params.back().kind == ParamKind::kVariadic;
  return variadic ? INT_MAX : static_cast<int>(params.size());
}

int OpDef::min_inputs() const { return min_params(inputs); }
int OpDef::max_inputs() const { return max_params(inputs); }
int OpDef::min_outputs() const { return min_params(outputs); }
int OpDef::max_outputs() const { return max_params(outputs); }

const AttrDef* OpDef::find_attribute(std::string_view wanted) const {
  const auto it = std::find_if(attributes.begin(), attributes.end(), [&](const AttrDef& a) { return a.name == wanted; });
  return it == attributes.end() ? nullptr : &*it;
}

const TypeVar* OpDef::find_type(std::string_view wanted) const {
  const auto it = std::find_if(types.begin(), types.end(), [&](const TypeVar& t) { return t.name == wanted; });
  return it == types.end() ? nullptr : &*it;
}

Status evaluate_op(const OpDef& op, EvalContext& context) {
  try {
    return evaluate_unguarded(op, context);
  } catch (const std::bad_alloc&) {
    return make_error(Code::kOutOfMemory, "operator '{}': a tensor does not fit into memory; use smaller shapes", op.full_name());
  } catch (const std::exception& e) {
    return make_error(Code::kInternal, "operator '{}': {}; this is a bug, please report it", op.full_name(), e.what());
  }
}

Status infer_op(const OpDef& op, InferContext& context) {
  if (!op.infer) return context.error(fmt::format("operator '{}' has no shape rule; expected one", op.full_name()));
  SINTER_ASSIGN(const std::optional<Epilogue> epilogue, read_epilogue(context.attributes(), context.input_count()));
  if (!epilogue) return op.infer(context);
  InnerInfer inner(context, *epilogue);
  SINTER_TRY(op.infer(inner));
  for (int i = epilogue->base; inner.result_shape && i < context.input_count(); ++i) {
    const Shape* shape = context.input_shape(i);
    if (!shape) continue;
    const auto joined = broadcast(*shape, *inner.result_shape);
    if (!joined.ok() || joined->size() != inner.result_shape->size()) {
      return context.error(fmt::format("epilogue input {} has shape {}; expected one that broadcasts to the result's {}", i,
                                       to_string(*shape), to_string(*inner.result_shape)));
    }
  }
  return ok_status();
}

}  // namespace sinter
