#include "ops/op_harness.h"

#include <cmath>
#include <sstream>

namespace sinter::testing {

void (*row_hook)(const RowRun& row) = nullptr;

namespace {

class RowEval final : public EvalContext {
 public:
  RowEval(const std::vector<Value>& inputs, const Attributes& attributes, int outputs)
      : results(static_cast<size_t>(outputs)), inputs_(inputs), attributes_(attributes) {}
  int input_count() const override { return static_cast<int>(inputs_.size()); }
  int output_count() const override { return static_cast<int>(results.size()); }
  bool has_input(int index) const override { return index < input_count() && inputs_[index].present(); }
  const Value& input(int index) const override { return inputs_[index]; }
  bool wants_output(int index) const override { return index < output_count(); }
  Tensor& allocate(int index, DType dtype, Dims dims) override {
    set_output(index, Tensor(dtype, std::move(dims)));
    return results[index].tensor();
  }
  void set_output(int index, Value value) override {
    if (index >= output_count()) results.resize(static_cast<size_t>(index) + 1);
    results[index] = std::move(value);
  }
  const Attributes& attributes() const override { return attributes_; }
  Result<std::vector<Value>> run_subgraph(std::string_view, std::vector<Value>) override {
    return error("no bodies here");
  }
  Status error(std::string message) const override { return Status(Code::kInvalidArgument, std::move(message)); }

  std::vector<Value> results;

 private:
  const std::vector<Value>& inputs_;
  const Attributes& attributes_;
};

}  // namespace

class RowInfer final : public InferContext {
 public:
  struct Input {
    ValueType type;
    Tensor constant;
    std::optional<ShapeTensor> elements;
  };
  struct Output {
    ValueType type;
    std::optional<ShapeTensor> elements;
  };
  RowInfer(std::vector<Input> inputs, const Attributes& attributes, int outputs)
      : results(static_cast<size_t>(outputs)), inputs_(std::move(inputs)), attributes_(attributes) {}

  int input_count() const override { return static_cast<int>(inputs_.size()); }
  int output_count() const override { return static_cast<int>(results.size()); }
  bool has_input(int i) const override {
    return i < input_count() && inputs_[i].type.kind != ValueType::Kind::kUnknown;
  }
  bool has_output(int i) const override { return i < output_count(); }
  const ValueType& input_type(int i) const override { return i < input_count() ? inputs_[i].type : unknown_; }
  const Shape* input_shape(int i) const override {
    return has_input(i) && inputs_[i].type.shape ? &*inputs_[i].type.shape : nullptr;
  }
  const Tensor* input_constant(int i) const override {
    return i < input_count() && inputs_[i].constant.defined() ? &inputs_[i].constant : nullptr;
  }
  std::optional<ShapeTensor> input_elements(int i) const override {
    return i < input_count() ? inputs_[i].elements : std::nullopt;
  }
  const Attributes& attributes() const override { return attributes_; }
  void set_output(int i, ValueType type) override {
    if (i < output_count()) results[i].type = std::move(type);
  }
  void set_output_elements(int i, ShapeTensor elements) override {
    if (i < output_count()) results[i].elements = std::move(elements);
  }
  Dim fresh_symbol(std::string_view hint) override { return Dim::symbol(fmt::format("fresh_{}_{}", hint, fresh_++)); }
  Result<std::vector<ValueType>> infer_subgraph(std::string_view, std::span<const ValueType>) override {
    return error("no bodies here");
  }
  Status error(std::string message) const override { return Status(Code::kInvalidModel, std::move(message)); }

  std::vector<Output> results;

 private:
  std::vector<Input> inputs_;
  const Attributes& attributes_;
  ValueType unknown_;
  int fresh_ = 0;
};

namespace {

bool tracks(const Tensor& tensor) {
  return tensor.rank() <= 1 && tensor.count() <= 64 && (tensor.dtype() == DType::kI64 || tensor.dtype() == DType::kI32);
}

ShapeTensor constant_elements_of(const Tensor& tensor) {
  ShapeTensor elements{tensor.dims(), {}};
  for (const int64_t value : tensor.to_i64()) elements.elements.emplace_back(value);
  return elements;
}

void compare(const Tensor& got, const Tensor& wanted, double tolerance, int output) {
  ASSERT_EQ(got.type().to_string(), wanted.type().to_string()) << "output " << output;
  if (wanted.dtype() == DType::kString || contains(kComplexTypes, wanted.dtype())) {
    EXPECT_TRUE(got.identical(wanted)) << "output " << output;
    return;
  }
  const std::vector<double> a = got.to_f64(), b = wanted.to_f64();
  for (size_t i = 0; i < a.size(); ++i) {
    const bool same = (std::isnan(a[i]) && std::isnan(b[i])) || a[i] == b[i] ||
                      std::abs(a[i] - b[i]) <= tolerance * std::max(1.0, std::abs(b[i]));
    EXPECT_TRUE(same) << "output " << output << ", element " << i << ": got " << a[i] << ", expected " << b[i];
  }
}

// What a rule said against what the kernel gave. Symbols that are not bound (made by the rule) match anything.
void check_rule(const RowInfer& rule, const std::vector<Tensor>& results, const Bindings& bindings, const char* how) {
  for (size_t i = 0; i < results.size(); ++i) {
    const ValueType& type = rule.results[i].type;
    const Tensor& actual = results[i];
    EXPECT_EQ(dtype_name(type.dtype), dtype_name(actual.dtype())) << how << ", output " << i;
    if (type.shape) {
      ASSERT_EQ(type.rank(), actual.rank()) << how << ", output " << i << ": " << type.to_string();
      for (int axis = 0; axis < actual.rank(); ++axis) {
        const auto size = (*type.shape)[axis].evaluate(bindings);
        if (size) {
          EXPECT_EQ(*size, actual.dims()[axis]) << how << ", output " << i << ": " << type.to_string();
        }
      }
    }
    if (const auto& elements = rule.results[i].elements) {
      ASSERT_EQ(elements->dims, actual.dims()) << how << ", output " << i;
      const std::vector<int64_t> values = actual.to_i64();
      ASSERT_EQ(elements->elements.size(), values.size()) << how;
      for (size_t k = 0; k < values.size(); ++k) {
        const auto value = elements->elements[k].evaluate(bindings);
        if (value) {
          EXPECT_EQ(*value, values[k]) << how << ", element " << k << ": " << elements->elements[k].to_string();
        }
      }
    }
  }
}

}  // namespace

Tensor f32(Dims dims, const std::vector<double>& values) { return typed(DType::kF32, std::move(dims), values); }
Tensor i64(Dims dims, const std::vector<double>& values) { return typed(DType::kI64, std::move(dims), values); }

Tensor typed(DType dtype, Dims dims, const std::vector<double>& values) {
  Tensor wide(DType::kF64, std::move(dims));
  EXPECT_EQ(wide.count(), static_cast<int64_t>(values.size())) << "a row's tensor has the wrong number of values";
  for (int64_t i = 0; i < wide.count(); ++i) wide.data<double>()[i] = values[static_cast<size_t>(i)];
  return wide.cast(dtype);
}

Tensor strings(Dims dims, const std::vector<std::string>& values) {
  Tensor tensor(DType::kString, std::move(dims));
  for (size_t i = 0; i < values.size(); ++i) tensor.data<std::string>()[i] = values[i];
  return tensor;
}

OpRow::OpRow(std::string name, std::string domain) : op_(find_op(domain, name)) {
  EXPECT_NE(op_, nullptr) << name;
  if (!op_) return;
  for (const AttrDef& attribute : op_->attributes)
    if (attribute.default_value) attributes_.set(attribute.name, *attribute.default_value);
}
OpRow& OpRow::attr(const std::string& name, AttrValue value) {
  EXPECT_NE(op_->find_attribute(name), nullptr) << name;
  attributes_.set(name, std::move(value));
  return *this;
}
OpRow& OpRow::input(Tensor tensor) {
  inputs_.push_back(std::move(tensor));
  return *this;
}
OpRow& OpRow::absent() { return input(Tensor()); }
OpRow& OpRow::outputs(int count) {
  outputs_ = count;
  return *this;
}

Status OpRow::evaluate(std::vector<Value>& results) const {
  std::vector<Value> inputs;
  for (const Tensor& tensor : inputs_) inputs.push_back(tensor.defined() ? Value(tensor) : Value());
  RowEval context(inputs, attributes_, outputs_);
  SINTER_TRY(evaluate_op(*op_, context));
  results = std::move(context.results);
  return ok_status();
}

Status evaluate_once(const OpDef& op, Attributes attributes, const std::vector<Tensor>& inputs, int outputs) {
  for (const AttrDef& attribute : op.attributes)
    if (attribute.default_value && !attributes.has(attribute.name)) attributes.set(attribute.name, *attribute.default_value);
  std::vector<Value> values;
  std::vector<RowInfer::Input> types;
  for (const Tensor& tensor : inputs) {
    values.push_back(tensor.defined() ? Value(tensor) : Value());
    RowInfer::Input input;
    if (tensor.defined()) {
      input.type = tensor.type();
      input.constant = tensor;
      if (tracks(tensor)) input.elements = constant_elements_of(tensor);
    }
    types.push_back(std::move(input));
  }
  RowInfer rule(std::move(types), attributes, outputs);
  SINTER_TRY(infer_op(op, rule));
  RowEval context(values, attributes, outputs);
  return evaluate_op(op, context);
}

void OpRow::check_shape_rules(const std::vector<Tensor>& results) const {
  // 0: everything constant; 1: shapes only; 2: sizes and elements are symbols; 3: nothing but dtypes.
  const char* const names[] = {"constants", "shapes", "symbols", "dtypes"};
  for (int how = 0; how < 4; ++how) {
    std::vector<RowInfer::Input> inputs;
    Bindings bindings;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      RowInfer::Input input;
      const Tensor& tensor = inputs_[i];
      if (tensor.defined()) {
        input.type = tensor.type();
        if (how == 0) input.constant = tensor;
        if (how == 0 && tracks(tensor)) input.elements = constant_elements_of(tensor);
        if (how == 3) input.type.shape.reset();
        if (how == 2) {
          for (int axis = 0; axis < tensor.rank(); ++axis) {
            if (tensor.dims()[axis] == 1) continue;  // a rule may not assume that a symbol is 1
            const std::string name = fmt::format("s{}_{}", i, axis);
            (*input.type.shape)[axis] = Dim::symbol(name);
            bindings[name] = tensor.dims()[axis];
          }
          if (tracks(tensor) && tensor.dtype() == DType::kI64) {  // i32 rows test wraparound, which symbols lack
            // Symbols stand for numbers that are not negative; others stay constants, and so do small ones, which mean
            // axes.
            input.elements = constant_elements_of(tensor);
            for (size_t k = 0; k < input.elements->elements.size(); ++k) {
              Dim& element = input.elements->elements[k];
              if (element.value() < 2) continue;
              const std::string name = fmt::format("e{}_{}", i, k);
              bindings[name] = element.value();
              element = Dim::symbol(name);
            }
            input.type = tensor.type();
          }
        }
      }
      inputs.push_back(std::move(input));
    }
    RowInfer rule(std::move(inputs), attributes_, outputs_);
    const Status status = infer_op(*op_, rule);
    ASSERT_TRUE(status.ok()) << names[how] << ": " << status.to_string();
    check_rule(rule, results, bindings, names[how]);
    if (how != 0) continue;
    for (size_t i = 0; i < results.size(); ++i)
      EXPECT_TRUE(rule.results[i].type.shape) << "shape of output " << i << " not inferred";
  }
}

std::vector<Tensor> OpRow::run() {
  std::vector<Value> first, second;
  Status status = evaluate(first);
  EXPECT_TRUE(status.ok()) << status.to_string();
  if (!status.ok()) return {};
  status = evaluate(second);
  EXPECT_TRUE(status.ok()) << status.to_string();
  std::vector<Tensor> results;
  for (size_t i = 0; i < static_cast<size_t>(outputs_); ++i) {
    EXPECT_TRUE(first[i].is_tensor()) << "output " << i << " is not set";
    if (!first[i].is_tensor()) return {};
    if (!op_->is(kNondeterministic)) {
      EXPECT_TRUE(first[i].tensor().identical(second[i].tensor())) << "two runs differ";
    }
    results.push_back(first[i].tensor());
  }
  check_shape_rules(results);
  if (row_hook) row_hook({op_, attributes_, inputs_, results});
  return results;
}

void OpRow::expect_all(const std::vector<Tensor>& wanted, double tolerance) {
  outputs_ = static_cast<int>(wanted.size());
  const std::vector<Tensor> results = run();
  ASSERT_EQ(results.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) compare(results[i], wanted[i], tolerance, static_cast<int>(i));
}
void OpRow::expect(const Tensor& wanted, double tolerance) { expect_all({wanted}, tolerance); }

void OpRow::expect_error(const std::string& part) {
  std::vector<Value> results;
  const Status status = evaluate(results);
  ASSERT_FALSE(status.ok()) << "expected an error with '" << part << "'";
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

void OpRow::expect_infer_error(const std::string& part) {
  std::vector<RowInfer::Input> inputs;
  for (const Tensor& tensor : inputs_) {
    RowInfer::Input input;
    if (tensor.defined()) {
      input.type = tensor.type();
      input.constant = tensor;
      if (tracks(tensor)) input.elements = constant_elements_of(tensor);
    }
    inputs.push_back(std::move(input));
  }
  RowInfer rule(std::move(inputs), attributes_, outputs_);
  const Status status = infer_op(*op_, rule);
  ASSERT_FALSE(status.ok()) << "expected an error with '" << part << "'";
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

std::vector<SymbolicOutput> infer_symbolic(const std::string& op, const Attributes& attributes,
                                           const std::vector<SymbolicInput>& inputs, int outputs) {
  const OpDef* def = find_op("", op);
  EXPECT_NE(def, nullptr) << op;
  if (!def) return {};
  Attributes complete = attributes;
  for (const AttrDef& attribute : def->attributes)
    if (attribute.default_value && !complete.has(attribute.name))
      complete.set(attribute.name, *attribute.default_value);
  std::vector<RowInfer::Input> row;
  for (const SymbolicInput& given : inputs) {
    RowInfer::Input input;
    if (!given.type.empty()) {
      auto type = ValueType::parse(given.type);
      EXPECT_TRUE(type.ok()) << given.type;
      input.type = type.value();
    }
    if (!given.elements.empty()) {
      ShapeTensor elements;
      std::istringstream stream(given.elements);
      for (std::string word; stream >> word;) elements.elements.push_back(*Dim::parse(word));
      if (input.type.rank() == 1) elements.dims = {static_cast<int64_t>(elements.elements.size())};
      input.elements = std::move(elements);
    }
    row.push_back(std::move(input));
  }
  RowInfer rule(std::move(row), complete, outputs);
  const Status status = infer_op(*def, rule);
  EXPECT_TRUE(status.ok()) << status.to_string();
  std::vector<SymbolicOutput> results;
  for (const auto& output : rule.results) {
    std::string elements;
    if (output.elements)
      for (const Dim& element : output.elements->elements)
        elements += (elements.empty() ? "" : " ") + element.to_string();
    results.push_back({output.type.to_string(), elements});
  }
  return results;
}

}  // namespace sinter::testing
