#include "cuda/nets.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "engine/signature.h"

namespace sinter::testing {
namespace {

template <typename Fn>
Fn control(const char* name) {
  void* driver = dlopen(std::getenv("SINTER_CUDA_DRIVER"), RTLD_NOW | RTLD_NOLOAD);
  return reinterpret_cast<Fn>(dlsym(driver, name));
}

}  // namespace

const char* const kDeviceNet = R"ir(graph net(%x: f32[2,3,17,19]) -> (%y) {
  %w = const f32[3,1,1] #w
  %a = Mul(%x, %w)
  %b = Transpose(%a) [perm=[0,2,3,1]]
  %c = Relu(%b)
  %y = Tanh(%c)
}
)ir";

std::unique_ptr<ir::Graph> parse_net(const char* text) {
  const ir::BlobMap blobs{{"w", random_tensor({3, 1, 1}, 3)}};
  auto graph = ir::parse(text, &blobs);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  if (!graph.ok()) return nullptr;
  const Status typed = ir::infer_types(**graph);
  EXPECT_TRUE(typed.ok()) << typed.to_string();
  return std::move(graph).value();
}

Result<engine::EngineContents> build_contents(const ir::Graph& graph, builder::BuildOptions options, Device* device) {
  options.device = device;
  SINTER_ASSIGN(builder::BuildResult built, builder::build_plan(graph, options));
  engine::EngineContents contents;
  for (const ir::Value* value : graph.inputs) contents.manifest.inputs.push_back({value->name, value->type, {}});
  for (const ir::Value* value : graph.outputs) contents.manifest.outputs.push_back({value->name, value->type, {}});
  contents.plan = std::move(built.plan);
  if (engine::has_code(contents.plan)) contents.manifest.more.push_back(engine::signature_place());
  contents.blobs = std::move(built.blobs);
  return contents;
}

Loaded load_net(const char* text, builder::Fallback fallback, const runtime::ContextOptions& options) {
  Loaded loaded;
  loaded.graph = parse_net(text);
  builder::BuildOptions build;
  build.fallback = fallback;
  const auto contents = build_contents(*loaded.graph, build);
  EXPECT_TRUE(contents.ok()) << contents.status().to_string();
  if (!contents.ok()) return loaded;
  auto bytes = engine::write_engine(*contents);
  EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
  if (!bytes.ok()) return loaded;
  loaded.bytes = std::move(bytes).value();
  auto engine = runtime::Engine::from_memory(loaded.bytes);
  EXPECT_TRUE(engine.ok()) << engine.status().to_string();
  if (!engine.ok()) return loaded;
  loaded.engine = *engine;
  auto context = runtime::ExecutionContext::create(*engine, options);
  EXPECT_TRUE(context.ok()) << context.status().to_string();
  if (context.ok()) loaded.context = std::move(context).value();
  return loaded;
}

void expect_near(const std::vector<Value>& got, const std::vector<Value>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(difference(got[i].tensor(), wanted[i].tensor(), {1e-5, 1e-6}), "") << "output " << i;
}

Child run_child(const std::string& test, const std::string& variables) {
  Child child;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command =
      fmt::format("env -u GTEST_TOTAL_SHARDS -u GTEST_SHARD_INDEX SINTER_FAULT_CHILD=1 {} timeout 300 '{}' --gtest_filter={} 2>&1", variables, program, test);
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return child;
  char buffer[512];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) child.text.append(buffer, got);
  const int status = ::pclose(pipe);
  child.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return child;
}

MockCounts counts() {
  MockCounts result{};
  control<MockCountsFn>(kMockCounts)(&result);
  return result;
}
void fail_next(const char* call, int after, int result) { control<MockFailFn>(kMockFail)(call, after, result); }
void limit_memory(size_t bytes) { control<MockMemoryFn>(kMockMemory)(bytes); }

}  // namespace sinter::testing
