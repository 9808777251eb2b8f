// One call of an operator with its inputs and what it must give. check() multiplies each row: the reference kernel
// twice (equal bits), the shape rule with everything known, with shapes only, and with every size a symbol; tracked
// elements against actual ones.
//
//   OpRow("Add").input(f32({2}, {1, 2})).input(f32({1}, {3})).expect(f32({2}, {4, 5}));
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/op_def.h"

namespace sinter::testing {

Tensor f32(Dims dims, const std::vector<double>& values);
Tensor i64(Dims dims, const std::vector<double>& values);
// Values converted exactly as Tensor::cast does.
Tensor typed(DType dtype, Dims dims, const std::vector<double>& values);
Tensor strings(Dims dims, const std::vector<std::string>& values);

// What a row is, and what the reference kernel gave.
struct RowRun {
  const OpDef* op = nullptr;
  const Attributes& attributes;
  const std::vector<Tensor>& inputs;  // undefined: absent
  const std::vector<Tensor>& results;
};
// Called with every row that ran, where a program sets it: tests/rows takes them the whole way.
extern void (*row_hook)(const RowRun& row);

class OpRow {
 public:
  explicit OpRow(std::string name, std::string domain = "");
  OpRow& attr(const std::string& name, AttrValue value);
  OpRow& input(Tensor tensor);
  OpRow& absent();
  OpRow& outputs(int count);

  // Runs and compares output by output: equal type and dims, |got - wanted| <= tolerance * max(1, |wanted|), NaN equal
  // to NaN.
  void expect(const Tensor& wanted, double tolerance = 0);
  void expect_all(const std::vector<Tensor>& wanted, double tolerance = 0);
  // Runs without comparing values; an empty result when it failed (and a test failure).
  std::vector<Tensor> run();
  // The kernel refuses, with `part` in its message.
  void expect_error(const std::string& part);
  // The shape rule refuses, with `part` in its message.
  void expect_infer_error(const std::string& part);

 private:
  friend class RowInfer;
  Status evaluate(std::vector<Value>& results) const;
  void check_shape_rules(const std::vector<Tensor>& results) const;

  const OpDef* op_;
  Attributes attributes_;
  std::vector<Tensor> inputs_;  // undefined: absent
  int outputs_ = 1;
};

// The shape rule and then the reference kernel, once each; defaults of attributes are set.
Status evaluate_once(const OpDef& op, Attributes attributes, const std::vector<Tensor>& inputs, int outputs = 1);

// The shape rule on types and elements given as text: "f32[n,3]", elements "n 3 -1" ("" : not tracked).
struct SymbolicInput {
  std::string type;
  std::string elements;  // space-separated; "" means untracked
};
struct SymbolicOutput {
  std::string type;
  std::string elements;  // "" when untracked
};
std::vector<SymbolicOutput> infer_symbolic(const std::string& op, const Attributes& attributes,
                                           const std::vector<SymbolicInput>& inputs, int outputs = 1);

}  // namespace sinter::testing
