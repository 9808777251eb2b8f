// ONNX's backend tests of single operators in the variants of support/variants.h: optimised and not, built and loaded, with NaN, infinities and denormals among the
// inputs. SINTER_CONFORMANCE_FILTER: names, or parts of names, with commas between them; only those tests run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "onnx/conformance.h"
#include "support/variants.h"

namespace sinter::testing {
namespace {

bool holds(const ir::Model& model, std::initializer_list<const char*> operators) {
  return std::any_of(operators.begin(), operators.end(), [&](const char* name) { return model.operator_histogram.count(name) > 0; });
}

TEST(BackendTests, RunInEveryVariant) {
  const std::string data = SINTER_SOURCE_DIR "/../shared/onnx-backend-tests/node";
  if (!std::filesystem::is_directory(data)) GTEST_SKIP() << "../shared/onnx-backend-tests is not there";
  if (kSlowed) GTEST_SKIP() << "the operators' own rows run with sanitizers";
  const char* const given = std::getenv("SINTER_CONFORMANCE_FILTER");
  std::stringstream stream(given ? given : "");
  std::vector<std::string> filters;
  for (std::string part; std::getline(stream, part, ',');) filters.push_back(part);

  VariantCounts counts;
  onnx::ConformanceOptions options;
  options.filter = [&](const std::string& folder) {
    return filters.empty() || std::any_of(filters.begin(), filters.end(), [&](const std::string& part) { return folder.find(part) != std::string::npos; });
  };
  options.progress = [](const onnx::ConformanceResult& result) {
    if (result.reason.rfind("variants: ", 0) == 0) ADD_FAILURE() << result.test << ": " << result.reason;
  };
  options.runner = [&](const ir::Model& model, std::vector<Value> inputs) -> Result<std::vector<Value>> {
    VariantOptions variants;
    // For the reasons of is_beyond_special_values in rows_hook.cpp.
    variants.special_values = !holds(model, {"Attention", "DynamicQuantizeLinear", "LpNormalization"});
    if (holds(model, {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Dropout"})) return inputs;
    const std::vector<std::string> failures = check_variants(model, inputs, variants, counts);
    if (failures.empty()) return inputs;
    std::string text = "variants: ";
    for (const std::string& failure : failures) text += "\n  " + failure;
    return make_error(Code::kInternal, "{}", text);
  };
  onnx::run_conformance({data}, options);
  for (const auto& [kind, count] : counts) std::printf("backend tests: %s %lld\n", kind.c_str(), static_cast<long long>(count));
  EXPECT_GT(counts["given"], 0);
}

}  // namespace
}  // namespace sinter::testing
