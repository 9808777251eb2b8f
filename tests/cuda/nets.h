// Small nets on the device, from text to a context, and the mock driver's controls: what tests of whole plans share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "builder/builder.h"
#include "engine/engine_file.h"
#include "ir/graph.h"
#include "mock_cuda/control.h"
#include "runtime/context.h"
#include "support/tactic_harness.h"

namespace sinter::testing {

// All on the device: pointwise steps and a transpose.
extern const char* const kDeviceNet;  // f32[2,3,17,19] → f32[2,17,19,3]

// The graph with its constant #w filled, and its types inferred.
std::unique_ptr<ir::Graph> parse_net(const char* text);
// Null device: for the CPU.
Result<engine::EngineContents> build_contents(const ir::Graph& graph, builder::BuildOptions options = {}, Device* device = harness_device());

struct Loaded {
  std::unique_ptr<ir::Graph> graph;
  std::string bytes;
  std::shared_ptr<const runtime::Engine> engine;
  std::unique_ptr<runtime::ExecutionContext> context;
};
Loaded load_net(const char* text, builder::Fallback fallback = builder::Fallback::kError, const runtime::ContextOptions& options = {});

void expect_near(const std::vector<Value>& got, const std::vector<Value>& wanted);

// One test of this program in a process of its own (is_child() there), with these variables in its environment.
struct Child {
  int code = -1;     // its exit code; 128: a signal ended it
  std::string text;  // what it printed
};
Child run_child(const std::string& test, const std::string& variables);

// The mock driver's controls (control.h); not for a real GPU.
MockCounts counts();
void fail_next(const char* call, int after, int result);
void limit_memory(size_t bytes);

}  // namespace sinter::testing
