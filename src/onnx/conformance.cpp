#include "onnx/conformance.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

#include "base/files.h"
#include "onnx/model_file.h"
#include "onnx/tensor_io.h"

namespace sinter::onnx {
namespace {

namespace fs = std::filesystem;

// What ONNX's own runner uses.
constexpr double kRelativeTolerance = 1e-3;
constexpr double kAbsoluteTolerance = 1e-7;

// Expected values of these operators come from one particular random generator; the specification asks for the type
// only.
constexpr const char* kRandomOperators[] = {"Bernoulli",        "Multinomial",   "RandomNormal",
                                            "RandomNormalLike", "RandomUniform", "RandomUniformLike"};

struct Tolerances {
  double rtol = kRelativeTolerance, atol = kAbsoluteTolerance;
};

// data.json is a flat object of numbers: {"rtol": 0.002, "atol": 1e-07}.
double number_after(const std::string& text, const std::string& key, double fallback) {
  const size_t at = text.find("\"" + key + "\"");
  if (at == std::string::npos) return fallback;
  const size_t colon = text.find(':', at);
  if (colon == std::string::npos) return fallback;
  char* end = nullptr;
  const double value = std::strtod(text.c_str() + colon + 1, &end);
  return end != text.c_str() + colon + 1 && std::isfinite(value) ? value : fallback;
}

Tolerances read_tolerances(const fs::path& folder) {
  Tolerances tolerances;
  const Result<std::string> text = read_file((folder / "data.json").string());
  if (!text.ok()) return tolerances;
  tolerances.rtol = number_after(*text, "rtol", tolerances.rtol);
  tolerances.atol = number_after(*text, "atol", tolerances.atol);
  return tolerances;
}

Status compare_strings(const Tensor& got, const Tensor& want) {
  for (int64_t i = 0; i < got.count(); ++i) {
    const std::string &a = got.data<std::string>()[i], &b = want.data<std::string>()[i];
    if (a != b) return make_error(Code::kInternal, "element {} is '{}'; expected '{}'", i, a, b);
  }
  return ok_status();
}

Status compare_complex(const Tensor& got, const Tensor& want, double rtol, double atol) {
  const auto reals = [](const Tensor& tensor) {
    Dims dims = tensor.dims();
    dims.push_back(2);
    const DType part = tensor.dtype() == DType::kC64 ? DType::kF32 : DType::kF64;
    return Tensor::view(part, std::move(dims), const_cast<void*>(tensor.raw()), tensor.owner());
  };
  return compare_values(Value(reals(got)), Value(reals(want)), rtol, atol);
}

Status compare_tensors(const Tensor& got, const Tensor& want, double rtol, double atol) {
  if (got.dtype() != want.dtype() || got.dims() != want.dims()) {
    return make_error(Code::kInternal, "got {}{}; expected {}{}", dtype_name(got.dtype()), to_string(got.dims()),
                      dtype_name(want.dtype()), to_string(want.dims()));
  }
  if (got.dtype() == DType::kString) return compare_strings(got, want);
  if (got.dtype() == DType::kC64 || got.dtype() == DType::kC128) return compare_complex(got, want, rtol, atol);
  if (got.dtype() == DType::kI64 || got.dtype() == DType::kU64) {
    if (got.identical(want)) return ok_status();
  }
  const std::vector<double> a = got.to_f64(), b = want.to_f64();
  size_t wrong = 0, first = 0, worst = 0;
  double worst_excess = -1;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double difference = std::fabs(a[i] - b[i]);
    const double allowed = atol + rtol * std::fabs(b[i]);
    if (difference <= allowed && std::isfinite(b[i])) continue;
    const double excess = std::isfinite(difference) ? difference / allowed : INFINITY;
    if (wrong++ == 0) first = i;
    if (excess > worst_excess) {
      worst_excess = excess;
      worst = i;
    }
  }
  if (wrong == 0) return ok_status();
  return make_error(Code::kInternal,
                    "{} of {} elements differ: element {} is {}; expected {}; worst element {}: {}; expected {}", wrong,
                    a.size(), first, a[first], b[first], worst, a[worst], b[worst]);
}

bool is_test(const fs::path& folder) {
  std::error_code error;
  return fs::is_regular_file(folder / "model.onnx", error);
}

void find_tests(const fs::path& folder, std::vector<fs::path>& tests) {
  if (is_test(folder)) {
    tests.push_back(folder);
    return;
  }
  std::error_code error;
  std::vector<fs::path> children;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_directory(error)) children.push_back(it->path());
  }
  std::sort(children.begin(), children.end());
  for (const fs::path& child : children) find_tests(child, tests);
}

Result<std::vector<Value>> read_values(const fs::path& folder, const std::string& stem,
                                       const std::vector<ValueType>& types) {
  std::vector<Value> values;
  for (size_t i = 0; i < types.size(); ++i) {
    const std::string path = (folder / fmt::format("{}_{}.pb", stem, i)).string();
    SINTER_ASSIGN(Value value, read_pb(path, types[i]));
    values.push_back(std::move(value));
  }
  return values;
}

bool is_random(const ir::Model& model) {
  return std::any_of(std::begin(kRandomOperators), std::end(kRandomOperators),
                     [&](const char* op) { return model.operator_histogram.count(op) > 0; });
}

// Dropout in training mode draws its mask too, unless the ratio is zero.
bool drops_randomly(const ir::Model& model) {
  for (const auto& node : model.graph->nodes()) {
    if (!node->is("Dropout") || !node->input(2)) continue;
    const ir::Value* mode = node->input(2);
    const ir::Value* ratio = node->input(1);
    const bool trains = !mode->is_constant() || mode->constant.to_i64()[0] != 0;
    const bool zero = ratio && ratio->is_constant() && ratio->constant.to_f64()[0] == 0;
    if (trains && !zero) return true;
  }
  return false;
}

Status compare_kind(const Value& got, const Value& want) {
  if (got.is_tensor() && want.is_tensor() && got.tensor().dtype() == want.tensor().dtype() &&
      got.tensor().dims() == want.tensor().dims()) {
    return ok_status();
  }
  return make_error(Code::kInternal, "shape or type differs from the expected output's");
}

Status run_data_set(const ir::Model& model, const fs::path& folder, const Tolerances& tolerances,
                    const ModelRunner& runner) {
  std::vector<ValueType> input_types, output_types;
  for (const ir::Value* input : model.graph->inputs) input_types.push_back(input->type);
  for (const ir::Value* output : model.graph->outputs) output_types.push_back(output->type);
  SINTER_ASSIGN(std::vector<Value> inputs, read_values(folder, "input", input_types));
  SINTER_ASSIGN(const std::vector<Value> want, read_values(folder, "output", output_types));
  SINTER_ASSIGN(const std::vector<Value> got,
                runner ? runner(model, std::move(inputs)) : ir::evaluate(*model.graph, std::move(inputs)));
  if (got.size() != want.size()) {
    return make_error(Code::kInternal, "got {} outputs; expected {}", got.size(), want.size());
  }
  const bool random = is_random(model) || drops_randomly(model);
  for (size_t i = 0; i < got.size(); ++i) {
    Status same =
        random ? compare_kind(got[i], want[i]) : compare_values(got[i], want[i], tolerances.rtol, tolerances.atol);
    if (!same.ok())
      return make_error(same.code(), "output {} ('{}'): {}", i, model.graph->outputs[i]->name, same.message());
  }
  return ok_status();
}

ConformanceResult run_test(const fs::path& folder, const ConformanceOptions& options) {
  ConformanceResult result;
  result.test = folder.string();
  const Result<ir::Model> model = import_model((folder / "model.onnx").string());
  if (!model.ok()) {
    result.reason = model.status().to_string();
    return result;
  }
  const Tolerances tolerances = read_tolerances(folder);
  std::vector<fs::path> sets;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_directory(error) && it->path().filename().string().rfind("test_data_set_", 0) == 0)
      sets.push_back(it->path());
  }
  std::sort(sets.begin(), sets.end());
  if (sets.empty()) {
    result.kind = ConformanceResult::Kind::kSkipped;
    result.reason = "no test_data_set_<N> folder";
    return result;
  }
  for (const fs::path& set : sets) {
    const Status status = run_data_set(*model, set, tolerances, options.runner);
    if (!status.ok()) {
      result.reason = status.to_string();
      return result;
    }
  }
  result.kind = ConformanceResult::Kind::kPassed;
  return result;
}

}  // namespace

Status compare_values(const Value& got, const Value& want, double rtol, double atol) {
  if (got.content.index() != want.content.index()) {
    const char* const names[] = {"absent", "a tensor", "a sequence"};
    return make_error(Code::kInternal, "got {}; expected {}", names[got.content.index()], names[want.content.index()]);
  }
  if (!got.present()) return ok_status();
  if (got.is_tensor()) return compare_tensors(got.tensor(), want.tensor(), rtol, atol);
  if (got.sequence().size() != want.sequence().size()) {
    return make_error(Code::kInternal, "got a sequence of {}; expected one of {}", got.sequence().size(),
                      want.sequence().size());
  }
  for (size_t i = 0; i < got.sequence().size(); ++i) {
    const Status same = compare_values(got.sequence()[i], want.sequence()[i], rtol, atol);
    if (!same.ok()) return make_error(same.code(), "element {} of the sequence: {}", i, same.message());
  }
  return ok_status();
}

int ConformanceReport::count(ConformanceResult::Kind kind) const {
  return static_cast<int>(
      std::count_if(results.begin(), results.end(), [&](const auto& result) { return result.kind == kind; }));
}

std::string ConformanceReport::summary() const {
  return fmt::format("{} passed, {} failed, {} skipped", count(ConformanceResult::Kind::kPassed),
                     count(ConformanceResult::Kind::kFailed), count(ConformanceResult::Kind::kSkipped));
}

ConformanceReport run_conformance(const std::vector<std::string>& folders, const ConformanceOptions& options) {
  std::vector<fs::path> tests;
  ConformanceReport report;
  for (const std::string& folder : folders) {
    const size_t before = tests.size();
    find_tests(folder, tests);
    if (tests.size() == before) {
      report.results.push_back(
          {folder, ConformanceResult::Kind::kFailed, "no test found: expected a folder with model.onnx in it"});
      if (options.progress) options.progress(report.results.back());
    }
  }
  for (const fs::path& test : tests) {
    if (options.filter && !options.filter(test.string())) continue;
    ConformanceResult result;
    try {
      result = run_test(test, options);
    } catch (const std::bad_alloc&) {
      result = {test.string(), ConformanceResult::Kind::kFailed, "memory is spent"};
    }
    report.results.push_back(std::move(result));
    if (options.progress) options.progress(report.results.back());
  }
  return report;
}

}  // namespace sinter::onnx
