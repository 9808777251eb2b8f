// Runs every case of tests/passes/NAME.txt through the pass NAME.
//
// A file: lines "# …" are comments; "tolerance: 1e-5 why" once, before the cases, when results need not be bitwise equal; then
//   case: what it shows
//   [bind: n=4 h=5]            values of symbols (default 3)
//   graph(…) -> (…) {…}        ir text; constants "#random1" are filled from their name
//   expect:                    followed by ir text ("#any1": any constant of that type), or
//   expect: unchanged (part of the reason)
// For each case: verifier, print → parse → print, the pass, verifier after every patch, the expected graph, a second run that
// changes nothing, and random inputs through both graphs.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "passes/graph_match.h"
#include "passes/pass.h"

namespace sinter::passes {
namespace {

struct Case {
  std::string name, before, after, reason;
  bool unchanged = false;
  Bindings bindings;
  int line = 0;
};
struct CaseFile {
  double tolerance = 0;
  std::vector<Case> cases;
};

std::string folder() { return std::string(SINTER_SOURCE_DIR) + "/tests/passes"; }

bool starts_with(const std::string& line, const char* prefix) { return line.rfind(prefix, 0) == 0; }

CaseFile read_cases(const std::string& path) {
  CaseFile file;
  std::ifstream stream(path);
  std::string line;
  bool expected = false;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (starts_with(line, "# ") || line == "#") continue;
    if (starts_with(line, "tolerance: ")) {
      file.tolerance = std::stod(line.substr(11));
    } else if (starts_with(line, "case: ")) {
      file.cases.push_back({});
      file.cases.back().name = line.substr(6);
      file.cases.back().line = number;
      expected = false;
    } else if (starts_with(line, "bind: ")) {
      std::istringstream words(line.substr(6));
      for (std::string word; words >> word;) {
        const size_t equals = word.find('=');
        file.cases.back().bindings[word.substr(0, equals)] = std::stoll(word.substr(equals + 1));
      }
    } else if (starts_with(line, "expect: unchanged")) {
      const size_t open = line.find('('), close = line.rfind(')');
      file.cases.back().unchanged = true;
      if (open != std::string::npos && close != std::string::npos) file.cases.back().reason = line.substr(open + 1, close - open - 1);
    } else if (starts_with(line, "expect:")) {
      expected = true;
    } else if (!file.cases.empty()) {
      Case& entry = file.cases.back();
      (expected ? entry.after : entry.before) += line + "\n";
    }
  }
  return file;
}

// Blobs for "#random…" and "#any…".
ir::BlobMap make_blobs(const std::string& text, std::set<const void*>& wildcards) {
  static const std::regex kBlob(R"((\w+\[[0-9,]*\])\s+#((random|any)\w*))");
  ir::BlobMap blobs;
  for (std::sregex_iterator match(text.begin(), text.end(), kBlob), end; match != end; ++match) {
    const auto type = ValueType::parse((*match)[1].str());
    if (!type.ok()) continue;
    const std::string name = (*match)[2];
    unsigned seed = 1;
    for (char c : name) seed = seed * 131 + static_cast<unsigned char>(c);
    Tensor tensor = testing::random_tensor(type->dtype, *constant_dims(*type->shape), seed);
    if ((*match)[3] == "any") wildcards.insert(tensor.raw());
    blobs[name] = std::move(tensor);
  }
  return blobs;
}

std::unique_ptr<ir::Graph> parse_graph(const std::string& text, std::set<const void*>& wildcards, const char* which) {
  const ir::BlobMap blobs = make_blobs(text, wildcards);
  auto graph = ir::parse(text, &blobs);
  EXPECT_TRUE(graph.ok()) << which << ": " << graph.status().to_string();
  if (!graph.ok()) return nullptr;
  Status status = ir::infer_types(**graph);
  if (status.ok()) status = ir::verify(**graph);
  EXPECT_TRUE(status.ok()) << which << ": " << status.to_string();
  return status.ok() ? std::move(graph).value() : nullptr;
}

void check_round_trip(const ir::Graph& graph) {
  const std::string once = ir::print(graph, -1);
  auto again = ir::parse(once);
  ASSERT_TRUE(again.ok()) << again.status().to_string() << "\n" << once;
  EXPECT_EQ(ir::print(**again, -1), once);
}

void run_case(const std::string& pass, const Case& entry, double tolerance) {
  std::set<const void*> wildcards;
  auto graph = parse_graph(entry.before, wildcards, "before");
  if (!graph) return;
  const auto before = graph->clone();
  check_round_trip(*graph);
  auto report = run_pass(*graph, pass);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  const Status status = ir::verify(*graph);
  ASSERT_TRUE(status.ok()) << status.to_string();
  check_round_trip(*graph);
  if (entry.unchanged) {
    EXPECT_EQ(report->patches, 0) << ir::print(*graph);
    std::string reasons;
    for (const auto& [reason, times] : report->declined[pass]) reasons += reason + "\n";
    EXPECT_NE(reasons.find(entry.reason), std::string::npos) << "reasons given: " << reasons;
    if (entry.reason.empty()) {
      EXPECT_EQ(reasons, "");
    }
  } else {
    auto expected = parse_graph(entry.after, wildcards, "expected");
    if (!expected) return;
    EXPECT_GT(report->patches, 0);
    EXPECT_EQ(testing::compare_graphs(*graph, *expected, wildcards), "") << ir::print(*graph);
  }
  auto second = run_pass(*graph, pass);
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  EXPECT_EQ(second->patches, 0) << "the second run changes the graph again";
  for (unsigned seed : {1u, 2u}) {
    const auto inputs = testing::random_inputs(*before, entry.bindings, 3, seed);
    auto reference = ir::evaluate(*before, inputs);
    ASSERT_TRUE(reference.ok()) << reference.status().to_string();
    auto result = ir::evaluate(*graph, inputs);
    ASSERT_TRUE(result.ok()) << result.status().to_string() << ir::print(*graph);
    EXPECT_EQ(testing::compare_values(*result, *reference, tolerance), "") << ir::print(*graph);
  }
}

class PassCases : public ::testing::TestWithParam<std::string> {};

TEST_P(PassCases, AllHold) {
  const CaseFile file = read_cases(folder() + "/" + GetParam() + ".txt");
  ASSERT_FALSE(file.cases.empty());
  for (const Case& entry : file.cases) {
    SCOPED_TRACE(fmt::format("{}.txt:{}: {}", GetParam(), entry.line, entry.name));
    run_case(GetParam(), entry, file.tolerance);
  }
}

std::vector<std::string> case_files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Files, PassCases, ::testing::ValuesIn(case_files()), [](const auto& info) { return info.param; });

std::unique_ptr<ir::Graph> parsed(const char* text) {
  auto graph = ir::parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  return graph.ok() ? std::move(graph).value() : nullptr;
}

TEST(Pipeline, EveryPassHasCasesAndEveryFileAPass) {
  std::set<std::string> passes, files;
  for (const Pass& pass : pipeline()) passes.insert(std::string(pass.name));
  for (const std::string& name : case_files()) files.insert(name);
  EXPECT_EQ(passes, files);
}

TEST(Pipeline, StopsAfterTheGivenPatchAndTracesEachOne) {
  const char* text = "graph(%x: f32[2]) -> (%y) {\n%a = Identity(%x)\n%b = Identity(%a)\n%c = Relu(%b)\n%y = Relu(%c)\n%d = Relu(%y)\n}";
  std::vector<std::string> lines;
  PassOptions options;
  options.trace = [&](std::string_view line) { lines.emplace_back(line); };
  auto graph = parsed(text);
  ASSERT_NE(graph, nullptr);
  auto report = run_pipeline(*graph, options);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  ASSERT_GE(lines.size(), 3u);
  EXPECT_EQ(lines[0], "1 eliminate_dead_nodes 'd' Relu");
  EXPECT_EQ(static_cast<int64_t>(lines.size()), report->patches);
  for (int64_t stop = 0; stop <= 2; ++stop) {
    graph = parsed(text);
    PassOptions stopped;
    stopped.stop_after_patch = stop;
    report = run_pipeline(*graph, stopped);
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report->patches, stop);
    EXPECT_EQ(static_cast<int64_t>(graph->node_count()), 5 - stop);
  }
}

TEST(Pipeline, DisabledPassesDoNotRunAndUnknownOnesAreErrors) {
  const char* text = "graph(%x: f32[2]) -> (%y) {\n%a = Identity(%x)\n%y = Relu(%a)\n}";
  auto graph = parsed(text);
  PassOptions options;
  options.disabled = {"eliminate_identity"};
  auto report = run_pipeline(*graph, options);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->fired.count("eliminate_identity"), 0u);
  options.disabled = {"no_such_pass"};
  EXPECT_EQ(run_pipeline(*graph, options).status().code(), Code::kNotFound);
  EXPECT_EQ(run_pass(*graph, "no_such_pass").status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace sinter::passes
