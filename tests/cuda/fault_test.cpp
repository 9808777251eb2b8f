// Bad input and faults of a device, on the mock and (SINTER_TEST_GPU=1) on a GPU: each is one clear error, and the process goes on.
// What ruins a process (a kernel that traps, a hidden driver) is shown in a child process: this program again, with one test.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cuda/environment.h"
#include "cuda/kernel.h"
#include "cuda/nets.h"
#include "session/run.h"
#include "support/fake_root.h"

namespace sinter::testing {
namespace {

void expect_text(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words) EXPECT_NE(text.find(word), std::string::npos) << "no '" << word << "' in: " << text;
}

// A pointwise kernel that stops the device.
Result<Tensor> trapping_code() {
  return cuda::compile({"pointwise.cu", {}, R"(#define PW_VECTOR 1
struct PointwiseArgs { i64 count; };
#ifdef __CUDACC__
SINTER_DEVICE void pw_vector(const PointwiseArgs&, i64, int) { asm volatile("trap;"); }
#else
extern "C" __attribute__((visibility("default"))) int mock_trapped = 0;
SINTER_DEVICE void pw_vector(const PointwiseArgs&, i64, int) { mock_trapped = 1; }
#endif
)"},
                       {harness_device()->spec().sm});
}

// kDeviceNet whose last step traps.
Result<std::shared_ptr<const runtime::Engine>> trapping_engine() {
  const auto graph = parse_net(kDeviceNet);
  SINTER_ASSIGN(engine::EngineContents contents, build_contents(*graph));
  SINTER_ASSIGN(const Tensor trap, trapping_code());
  const plan::Step& last = contents.plan.regions[0].steps.back();
  if (last.tactic != "cuda.pointwise") return make_error(Code::kInternal, "the last step is '{}'", last.tactic);
  contents.blobs.push_back(trap);
  contents.plan.regions[0].steps.back().code = static_cast<int32_t>(contents.blobs.size()) - 1;
  return runtime::Engine::from_contents(std::move(contents));
}

// In the child: a trap, and what still works after it.
TEST(FaultChild, a_trapping_kernel) {
  if (!is_child()) GTEST_SKIP() << "runs in a child of Fault.a_trapping_kernel_names_its_layer";
  const std::vector<Value> inputs{random_tensor({2, 3, 17, 19}, 1)};
  Loaded good = load_net(kDeviceNet);
  ASSERT_TRUE(good.context->run(inputs).ok());
  const auto engine = trapping_engine();
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  auto context = runtime::ExecutionContext::create(*engine, {});
  ASSERT_TRUE(context.ok());
  const auto failed = (*context)->run(inputs);
  ASSERT_FALSE(failed.ok());
  std::printf("first: %s\n", failed.status().to_string().c_str());
  expect_text(failed.status().to_string(), {"while running step '", "(Tanh)", "failed with CUDA_ERROR_", "destroyed the CUDA context of device 'cuda:0'"});
  for (int round = 0; round < 2; ++round) {  // every context of that device
    const auto other = round ? (*context)->run(inputs) : good.context->run(inputs);
    ASSERT_FALSE(other.ok());
    expect_text(other.status().to_string(), {"can't be used by this process any more", "while running step '", "(Tanh)", "start the process again"});
    if (!round) std::printf("others: %s\n", other.status().to_string().c_str());
  }
  EXPECT_FALSE(runtime::ExecutionContext::create(good.engine, {}).ok());
  EXPECT_FALSE(runtime::Engine::from_memory(good.bytes).ok());
  EXPECT_FALSE(harness_device()->lost().ok());
  // Engines on the CPU go on.
  const auto graph = parse_net(kDeviceNet);
  auto contents = build_contents(*graph, {}, nullptr);
  ASSERT_TRUE(contents.ok()) << contents.status().to_string();
  const auto on_cpu = runtime::Engine::from_contents(std::move(contents).value());
  ASSERT_TRUE(on_cpu.ok()) << on_cpu.status().to_string();
  const auto cpu_context = runtime::ExecutionContext::create(*on_cpu, {.threads = 2});
  ASSERT_TRUE(cpu_context.ok());
  const auto results = (*cpu_context)->run(inputs);
  ASSERT_TRUE(results.ok()) << results.status().to_string();
  expect_near(*results, *ir::evaluate(*graph, inputs));
  std::printf("the CPU goes on\n");
}

TEST(Fault, a_trapping_kernel_names_its_layer) {
  // What a dead context holds stays with it: no leaks to look for.
  const Child child = run_child("FaultChild.a_trapping_kernel", "ASAN_OPTIONS=detect_leaks=0");
  EXPECT_EQ(child.code, 0) << child.text;  // ends by itself: no hang, no crash in destructors
  expect_text(child.text, {"first: ", "the CPU goes on", "[  PASSED  ] 1 test"});
  if (on_real_gpu()) std::fputs(child.text.c_str(), stdout);
}

// In the child, whose device is hidden: what find_device says.
TEST(FaultChild, nothing_there) {
  if (!is_child()) GTEST_SKIP() << "runs in children";
  const auto device = find_device({DeviceKind::kCuda, 0});
  ASSERT_FALSE(device.ok());
  std::printf("error: %s\n", device.status().to_string().c_str());
}

TEST(Fault, no_driver_and_no_device) {
  const Child hidden = run_child("FaultChild.nothing_there", "SINTER_CUDA_DRIVER=none");
  expect_text(hidden.text, {"error: CUDA driver: hidden by SINTER_CUDA_DRIVER=none"});
  const Child missing = run_child("FaultChild.nothing_there", "SINTER_CUDA_DRIVER=/nowhere/libcuda.so.1");
  expect_text(missing.text, {"no libcuda.so.1 could be opened", "/nowhere/libcuda.so.1", "install the NVIDIA driver"});
  const Child empty = run_child("FaultChild.nothing_there", on_real_gpu() ? "CUDA_VISIBLE_DEVICES=" : "SINTER_MOCK_DEVICES=0");
  expect_text(empty.text, {"error: ", "CUDA_ERROR_NO_DEVICE", "check that a GPU is there"});
  if (on_real_gpu()) fmt::print("{}{}{}", hidden.text, missing.text, empty.text);
}

TEST(Fault, wrong_device_numbers_say_how_many_there_are) {
  const auto device = find_device({DeviceKind::kCuda, 99});
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.status().code(), Code::kNotFound);
  expect_text(device.status().message(), {"'cuda:99': this machine has ", " CUDA device"});
  const auto graph = parse_net(kDeviceNet);
  const auto bytes = engine::write_engine(*build_contents(*graph));
  ASSERT_TRUE(bytes.ok());
  const auto engine = runtime::Engine::from_memory(*bytes, nullptr, {engine::Verify::kTarget, 99});
  ASSERT_FALSE(engine.ok());
  expect_text(engine.status().to_string(), {"'cuda:99': this machine has ", "while loading engine"});
}

// Takes the device's memory down to about `left` bytes.
class MemoryHog {
 public:
  explicit MemoryHog(int64_t left) : scope_(harness_device()) {
    for (int64_t chunk = int64_t{1} << 40; chunk >= (1 << 20); chunk /= 2) {
      while (harness_device()->free_bytes() - chunk >= left) {
        auto buffer = DeviceBuffer::make(harness_device(), chunk);
        if (!buffer.ok()) break;
        held_.push_back(std::move(buffer).value());
      }
    }
  }

 private:
  DeviceScope scope_;
  std::vector<DeviceBuffer> held_;
};

TEST(Fault, out_of_memory_names_sizes_and_the_process_lives) {
  // 64 Mi elements: 256 MiB each for input, output and what is between them.
  const char* const text = "graph net(%x: f32[64,1024,1024]) -> (%y) {\n  %a = Relu(%x)\n  %b = Transpose(%a) [perm=[1,0,2]]\n  %y = Tanh(%b)\n}\n";
  const std::vector<Value> small{random_tensor({2, 3, 17, 19}, 1)};
  Loaded other = load_net(kDeviceNet);
  ASSERT_TRUE(other.context->run(small).ok());
  const auto graph = parse_net(text);
  {
    const MemoryHog hog(100 << 20);
    const auto failed = build_contents(*graph);
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.status().code(), Code::kOutOfMemory) << failed.status().to_string();
    expect_text(failed.status().to_string(), {"CUDA_ERROR_OUT_OF_MEMORY", "268435456 bytes wanted on ", " are free", "node '"});
    EXPECT_TRUE(other.context->run(small).ok());
    if (on_real_gpu()) fmt::print("build: {}\n", failed.status().to_string());
  }
  if (!on_real_gpu()) return;  // so large a net takes the mock long
  auto contents = build_contents(*graph);
  ASSERT_TRUE(contents.ok()) << contents.status().to_string();
  const auto engine = runtime::Engine::from_contents(std::move(contents).value());
  ASSERT_TRUE(engine.ok());
  const auto context = runtime::ExecutionContext::create(*engine, {});
  const std::vector<Value> inputs{random_tensor({64, 1024, 1024}, 1)};
  {
    const MemoryHog hog(100 << 20);
    const auto failed = (*context)->run(inputs);
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.status().code(), Code::kOutOfMemory);
    expect_text(failed.status().to_string(), {"bytes wanted on ", " are free", "while "});
    fmt::print("run: {}\n", failed.status().to_string());
    EXPECT_TRUE(other.context->run(small).ok());
  }
  const auto results = (*context)->run(inputs);
  ASSERT_TRUE(results.ok()) << results.status().to_string();
}

// In a child whose mock GPU shares the memory of a made-up board.
class FaultBoardChild : public FakeRootTest {
 protected:
  void put_available(int64_t mib) {
    put("/proc/meminfo", fmt::format("MemTotal: 8000000 kB\nMemAvailable: {} kB", mib * 1024));
  }
};

TEST_F(FaultBoardChild, takes_what_the_board_has_available) {
  if (!is_child()) GTEST_SKIP() << "runs in a child of Fault.an_integrated_gpu_keeps_to_what_its_board_has_available";
  const Environment root("SINTER_SYSTEM_ROOT", root_);
  put_available(5000);
  put("/proc/812/status", "Name:\tpython3\nVmRSS:\t2048000 kB");
  put("/proc/901/status", "Name:\tgnome-shell\nVmRSS:\t409600 kB");
  const std::vector<Value> inputs{random_tensor({2, 3, 17, 19}, 1)};
  Loaded net = load_net(kDeviceNet);
  put_available(250);  // the margin alone takes 244
  {
    const DeviceScope scope(harness_device());
    EXPECT_EQ(harness_device()->free_bytes(), int64_t{250} * (1 << 20) - int64_t{8000000} * 1024 / 32);
  }
  EXPECT_TRUE(net.context->run(inputs).ok());  // small
  put_available(244);
  net.context = *runtime::ExecutionContext::create(net.engine, {});
  const auto failed = net.context->run(inputs);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.status().code(), Code::kOutOfMemory);
  std::printf("run: %s\n", failed.status().to_string().c_str());
  const auto loaded = runtime::Engine::from_memory(net.bytes);
  ASSERT_FALSE(loaded.ok());
  std::printf("load: %s\n", loaded.status().to_string().c_str());
  const auto graph = parse_net(kDeviceNet);
  const auto built = build_contents(*graph);
  ASSERT_FALSE(built.ok());
  std::printf("build: %s\n", built.status().to_string().c_str());
  put_available(5000);  // those programs were ended
  EXPECT_TRUE(net.context->run(inputs).ok());
}

TEST(Fault, an_integrated_gpu_keeps_to_what_its_board_has_available) {
  if (on_real_gpu()) GTEST_SKIP() << "needs the mock driver's integrated GPU";
  const Child child = run_child("FaultBoardChild.takes_what_the_board_has_available", "SINTER_MOCK_INTEGRATED=1");
  EXPECT_EQ(child.code, 0) << child.text;
  expect_text(
      child.text,
      {"run: ", "more than this board may give: ",
       "bytes wanted on Mock GPU (cuda:0), 0 are free (what the host has available, less a margin",
       "most is held by python3 (process 812, 2000 MiB), gnome-shell (process 901, 400 MiB)",
       "sudo systemctl set-default multi-user.target", "--memPoolSize=workspace:", "smaller batches",
       "a larger machine", "while making room for activations and scratch", "needs the most: ", "in engine '",
       "load: ", "while making room for the weights on the device", "while loading engine '", "build: ", "node '"});
}

TEST(Fault, out_of_memory_of_a_run_says_what_asked) {
  Loaded net = load_net(kDeviceNet);
  if (on_real_gpu()) GTEST_SKIP() << "needs the mock driver's exact sizes";
  for (int after = 0; after < 3; ++after) {
    fail_next("cuMemAlloc_v2", after, 2);
    const auto failed = net.context->run(std::vector<Value>{random_tensor({2, 3, 17, 19}, 1)});
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.status().code(), Code::kOutOfMemory);
    const char* const what[] = {"activations and scratch", "input 'x'", "output 'y'"};
    expect_text(failed.status().to_string(), {"bytes wanted on Mock GPU (cuda:0)", what[after]});
    net = load_net(kDeviceNet);
    fail_next("", 0, 0);
  }
  EXPECT_TRUE(net.context->run(std::vector<Value>{random_tensor({2, 3, 17, 19}, 1)}).ok());
}

TEST(Fault, an_engine_for_another_gpu_is_retuned_or_refused) {
  const auto graph = parse_net(kDeviceNet);
  engine::EngineContents contents = *build_contents(*graph);
  contents.plan.device.sm = 123;
  for (plan::Step& step : contents.plan.regions[0].steps) step.problem.device = contents.plan.device;
  contents.plan.device_model = "Some Other GPU";
  engine::PortablePart portable;
  portable.ir_text = ir::print(*graph);
  for (auto& [digest, tensor] : ir::collect_blobs(*graph)) portable.blobs.emplace_back(digest, tensor);
  contents.portable = std::move(portable);
  const std::string path = ::testing::TempDir() + fmt::format("sinter_other_gpu_{}.engine", ::getpid());
  const Status written = engine::write_engine(contents, path);
  ASSERT_TRUE(written.ok()) << written.to_string();
  session::BuildRequest request;
  request.model_path = path;
  request.build.threads = 1;
  request.strict = true;
  const auto refused = session::load_any(request);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kTargetMismatch);
  expect_text(refused.status().to_string(), {"was built for Some Other GPU (sm_123)", "not loaded, file untouched", "sinter retune", "strict"});
  request.strict = false;
  const auto engine = session::load_any(request);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EXPECT_EQ((*engine)->plan().device_model, harness_device()->name());
  ASSERT_EQ((*engine)->device(), harness_device());
  const auto context = runtime::ExecutionContext::create(*engine, {});
  const std::vector<Value> inputs{random_tensor({2, 3, 17, 19}, 4)};
  expect_near(*(*context)->run(inputs), *ir::evaluate(*graph, inputs));
  std::remove(path.c_str());
}

}  // namespace
}  // namespace sinter::testing
