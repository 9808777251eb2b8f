// The ONNX backend tests of ../shared, through the reference evaluator. SINTER_CONFORMANCE_FILTER: names, or parts of
// names, with commas between them; only those tests run. SINTER_CONFORMANCE_DIR: other folders, with colons between
// them.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "onnx/conformance.h"

namespace sinter::onnx {
namespace {

std::vector<std::string> split(const char* text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text ? text : "");
  for (std::string part; std::getline(stream, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

TEST(Conformance, BackendTests) {
  const std::string data = SINTER_SOURCE_DIR "/../shared/onnx-backend-tests";
  std::vector<std::string> folders = split(std::getenv("SINTER_CONFORMANCE_DIR"), ':');
  if (folders.empty() && std::filesystem::is_directory(data)) folders.push_back(data);
  if (folders.empty()) GTEST_SKIP() << "../shared/onnx-backend-tests is not there";
  const std::vector<std::string> filters = split(std::getenv("SINTER_CONFORMANCE_FILTER"), ',');
  ConformanceOptions options;
  options.filter = [&](const std::string& folder) {
    if (filters.empty()) return true;
    for (const std::string& filter : filters) {
      if (folder.find(filter) != std::string::npos) return true;
    }
    return false;
  };
  options.progress = [](const ConformanceResult& result) {
    if (result.kind == ConformanceResult::Kind::kPassed) return;
    std::printf("%s %s: %s\n", result.kind == ConformanceResult::Kind::kFailed ? "failed " : "skipped",
                result.test.c_str(), result.reason.c_str());
    std::fflush(stdout);
  };
  const ConformanceReport report = run_conformance(folders, options);
  std::printf("%s\n", report.summary().c_str());
  EXPECT_GT(report.count(ConformanceResult::Kind::kPassed), 0);
}

}  // namespace
}  // namespace sinter::onnx
