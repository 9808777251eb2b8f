// ONNX backend tests: folders with a model, inputs and the outputs that are expected of it.
//
//   <test>/model.onnx, <test>/data.json (tolerances, optional), <test>/test_data_set_<N>/{input,output}_<i>.pb
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "onnx/import.h"

namespace sinter::onnx {

// Runs a model: outputs in the graph's order. Default: the reference evaluator.
using ModelRunner = std::function<Result<std::vector<Value>>(const ir::Model& model, std::vector<Value> inputs)>;

struct ConformanceResult {
  enum class Kind { kPassed, kFailed, kSkipped };
  std::string test;  // folder
  Kind kind = Kind::kFailed;
  std::string reason;  // of a failure or a skip
};

struct ConformanceReport {
  std::vector<ConformanceResult> results;
  int count(ConformanceResult::Kind kind) const;
  // "N passed, M failed, K skipped"
  std::string summary() const;
};

struct ConformanceOptions {
  ModelRunner runner;
  std::function<bool(const std::string& folder)> filter;   // true: run it; default all
  std::function<void(const ConformanceResult&)> progress;  // after each test
};

// Each of `folders` is a test, or holds tests at any depth. Folders are taken in the order of their names.
ConformanceReport run_conformance(const std::vector<std::string>& folders, const ConformanceOptions& options = {});

// numpy's assert_allclose: equal type and shape, |got - want| <= atol + rtol * |want|, NaN equal to NaN, infinities by
// sign. Ok or an error with the first and the worst difference.
Status compare_values(const Value& got, const Value& want, double rtol, double atol);

}  // namespace sinter::onnx
