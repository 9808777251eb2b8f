// The C interface on a device: DLPack, pinned memory, shared arenas, trust in device code.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "capi_rt/dlpack.h"
#include "cuda/environment.h"
#include "cuda/nets.h"
#include "sinter/sinter.h"

namespace sinter::testing {
namespace {

const Dims kIn{2, 3, 17, 19}, kOut{2, 17, 19, 3};
constexpr size_t kBytes = 2 * 3 * 17 * 19 * sizeof(float);

// The net's engine in memory. (The C++ header shares names with Sinter's inside; test_capi_rt is for it.)
struct Loader {
  Loader() : net(load_net(kDeviceNet)) {
    net.context.reset();
    EXPECT_EQ(sinter_engine_load_memory(net.bytes.data(), net.bytes.size(), nullptr, &engine), SINTER_OK) << sinter_last_error();
  }
  ~Loader() { sinter_engine_free(engine); }
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  sinter_engine* engine = nullptr;
  std::vector<Value> wanted(const Tensor& x) const { return *ir::evaluate(*net.graph, std::vector<Value>{x}); }
  Loaded net;
};

struct Context {
  explicit Context(const Loader& loader, const sinter_context_options* options = nullptr) {
    EXPECT_EQ(sinter_context_create(loader.engine, options, &handle), SINTER_OK) << sinter_last_error();
  }
  ~Context() { sinter_context_free(handle); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  sinter_context* handle = nullptr;
};

// Somebody's tensor, who counts how often it was ended.
struct Foreign {
  Foreign(void* data, Dims dims, int32_t device_type, int32_t device_id = 0) : shape(std::move(dims)) {
    managed.dl_tensor = {data, {device_type, device_id}, static_cast<int32_t>(shape.size()), {2, 32, 1}, shape.data(), nullptr, 0};
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensor* self) { ++static_cast<Foreign*>(self->manager_ctx)->ended; };
  }
  Dims shape, strides;
  DLManagedTensor managed{};
  int ended = 0;
};

void expect_last_error(std::initializer_list<const char*> words) {
  const std::string text = sinter_last_error();
  for (const char* word : words) EXPECT_NE(text.find(word), std::string::npos) << "no '" << word << "' in: " << text;
}

TEST(CapiDevice, dlpack_tensors_of_the_device_are_used_in_place) {
  const Loader loader;
  Device& device = *harness_device();
  const DeviceScope scope(&device);
  const Tensor x = random_tensor(kIn, 5);
  const auto in = DeviceBuffer::make(&device, x.bytes() + 256), out = DeviceBuffer::make(&device, x.bytes());
  const DeviceStream stream = *device.make_stream();
  ASSERT_TRUE(device.copy(in->data() + 256, x.raw(), x.bytes(), CopyKind::kHostToDevice, stream).ok());
  Foreign from(in->data(), kIn, capi::kDlCuda), to(out->data(), kOut, capi::kDlCuda);
  from.managed.dl_tensor.byte_offset = 256;
  from.strides = {3 * 17 * 19, 17 * 19, 19, 1};
  from.managed.dl_tensor.strides = from.strides.data();
  {
    Context context(loader);
    ASSERT_EQ(sinter_context_set_input_dlpack(context.handle, 0, &from.managed), SINTER_OK) << sinter_last_error();
    ASSERT_EQ(sinter_context_set_output_dlpack(context.handle, 0, &to.managed), SINTER_OK) << sinter_last_error();
    for (int round = 0; round < 3; ++round) {
      ASSERT_EQ(sinter_context_enqueue_cuda(context.handle, stream), SINTER_OK) << sinter_last_error();
      Tensor y(DType::kF32, kOut);
      ASSERT_TRUE(device.copy(y.raw(), out->data(), y.bytes(), CopyKind::kDeviceToHost, stream).ok());
      ASSERT_TRUE(device.wait(stream).ok());
      expect_near({y}, loader.wanted(x));
    }
    EXPECT_EQ(from.ended + to.ended, 0);
    ASSERT_EQ(sinter_context_set_output(context.handle, 0, nullptr, 0), SINTER_OK);
    EXPECT_EQ(to.ended, 1);
  }
  EXPECT_EQ(from.ended, 1);
  EXPECT_EQ(to.ended, 1);
  device.release_stream(stream);
}

TEST(CapiDevice, dlpack_tensors_that_do_not_fit_are_refused_and_stay_the_callers) {
  const Loader loader;
  Context context(loader);
  const DeviceScope scope(harness_device());
  const auto memory = DeviceBuffer::make(harness_device(), kBytes);
  const auto refused = [&](auto&& change, std::initializer_list<const char*> words) {
    Foreign tensor(memory->data(), kIn, capi::kDlCuda);
    change(tensor);
    EXPECT_EQ(sinter_context_set_input_dlpack(context.handle, 0, &tensor.managed), tensor.managed.dl_tensor.dtype.bits == 12 || tensor.managed.dl_tensor.strides
                                                                                          ? SINTER_UNSUPPORTED : SINTER_INVALID_ARGUMENT);
    expect_last_error(words);
    EXPECT_EQ(tensor.ended, 0);
  };
  refused([](Foreign& t) { t.managed.dl_tensor.device.device_id = 5; }, {"found it in memory of cuda:5", "expected host memory or memory of cuda:0", "input 'x'"});
  refused([](Foreign& t) { t.managed.dl_tensor.device.device_type = 7; }, {"memory of device type 7"});
  refused([](Foreign& t) { t.managed.dl_tensor.dtype = {2, 16, 1}; }, {"input 'x'", "f16[2,3,17,19]", "expected f32"});
  refused([](Foreign& t) { t.managed.dl_tensor.dtype = {2, 12, 1}; }, {"12 bits"});
  refused([](Foreign& t) { t.strides = {969, 1, 57, 3}, t.managed.dl_tensor.strides = t.strides.data(); }, {"strides [969,1,57,3]", "contiguous"});
  refused([](Foreign& t) { t.shape[1] = -3; }, {"negative dim"});
  refused([](Foreign& t) { t.managed.dl_tensor.ndim = 99; }, {"99 dims"});
  refused([](Foreign& t) { t.managed.dl_tensor.data = nullptr; }, {"no data"});
  EXPECT_EQ(sinter_context_set_input_dlpack(context.handle, 0, nullptr), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_context_set_input_dlpack(nullptr, 0, nullptr), SINTER_INVALID_ARGUMENT);
  Foreign small(memory->data(), {2, 17, 19, 1}, capi::kDlCuda), x(memory->data(), kIn, capi::kDlCuda);
  ASSERT_EQ(sinter_context_set_input_dlpack(context.handle, 0, &x.managed), SINTER_OK);
  ASSERT_EQ(sinter_context_prepare(context.handle), SINTER_OK) << sinter_last_error();
  EXPECT_EQ(sinter_context_set_output_dlpack(context.handle, 0, &small.managed), SINTER_INVALID_ARGUMENT);
  expect_last_error({"output 'y'", "[2,17,19,1]", "expected [2,17,19,3]"});
  EXPECT_EQ(sinter_context_set_input_dlpack(context.handle, 9, &small.managed), SINTER_INVALID_ARGUMENT);
}

// Host tensors go through staging; exports live on after the context.
TEST(CapiDevice, dlpack_from_the_host_and_exports_that_outlive_the_context) {
  const Loader loader;
  Tensor x = random_tensor(kIn, 3);
  Foreign from(x.raw(), kIn, capi::kDlCpu);
  std::vector<DLManagedTensor*> made;
  {
    Context context(loader);
    ASSERT_EQ(sinter_context_set_input_dlpack(context.handle, 0, &from.managed), SINTER_OK) << sinter_last_error();
    DLManagedTensor* out = nullptr;
    EXPECT_NE(sinter_context_output_dlpack(context.handle, 0, &out), SINTER_OK);  // no run yet
    ASSERT_EQ(sinter_context_execute(context.handle), SINTER_OK) << sinter_last_error();
    ASSERT_EQ(sinter_context_output_dlpack(context.handle, 0, &out), SINTER_OK) << sinter_last_error();
    made.push_back(out);
    EXPECT_EQ(out->dl_tensor.device.device_type, capi::kDlCpu);
    ASSERT_EQ(sinter_context_keep_output_on_device(context.handle, 0, 1), SINTER_OK);
    for (int round = 0; round < 3; ++round) {
      ASSERT_EQ(sinter_context_execute(context.handle), SINTER_OK) << sinter_last_error();
      ASSERT_EQ(sinter_context_output_dlpack(context.handle, 0, &out), SINTER_OK) << sinter_last_error();
      made.push_back(out);
      EXPECT_EQ(out->dl_tensor.device.device_type, capi::kDlCuda);
      EXPECT_EQ(out->dl_tensor.device.device_id, 0);
    }
  }
  EXPECT_EQ(from.ended, 1);
  const auto wanted = loader.wanted(x);
  Device& device = *harness_device();
  const DeviceScope scope(&device);
  const DeviceStream stream = *device.make_stream();
  for (size_t i = 0; i < made.size(); ++i) {
    const DLTensor& tensor = made[i]->dl_tensor;
    EXPECT_EQ(Dims(tensor.shape, tensor.shape + tensor.ndim), kOut);
    EXPECT_EQ(tensor.dtype.code * 100 + tensor.dtype.bits, 232);
    for (size_t k = 0; k < i; ++k) EXPECT_NE(made[k]->dl_tensor.data, tensor.data);
    Tensor y(DType::kF32, kOut);
    if (tensor.device.device_type == capi::kDlCpu) {
      std::memcpy(y.raw(), tensor.data, kBytes);
    } else {
      ASSERT_TRUE(device.copy(y.raw(), tensor.data, y.bytes(), CopyKind::kDeviceToHost, stream).ok());
      ASSERT_TRUE(device.wait(stream).ok());
    }
    expect_near({y}, wanted);
  }
  for (DLManagedTensor* tensor : made) tensor->deleter(tensor);
  device.release_stream(stream);
}

TEST(CapiDevice, contexts_in_an_arena_of_the_caller_with_pinned_inputs) {
  const Loader loader;
  size_t bytes = 1;
  ASSERT_EQ(sinter_engine_arena_bytes(loader.engine, nullptr, 0, &bytes), SINTER_OK) << sinter_last_error();
  void *memory = nullptr, *pinned = nullptr;
  ASSERT_EQ(sinter_device_allocate(loader.engine, std::max<size_t>(bytes, 256), &memory), SINTER_OK);
  ASSERT_EQ(sinter_host_allocate(loader.engine, kBytes, &pinned), SINTER_OK);
  sinter_arena* arena = nullptr;
  ASSERT_EQ(sinter_arena_create(loader.engine, memory, std::max<size_t>(bytes, 256), &arena), SINTER_OK) << sinter_last_error();
  sinter_context_options options;
  sinter_context_options_init(&options);
  options.arena = arena;
  const Tensor x = random_tensor(kIn, 4);
  std::memcpy(pinned, x.raw(), kBytes);
  for (int number = 0; number < 2; ++number) {
    const Context context(loader, &options);
    ASSERT_EQ(sinter_context_set_input(context.handle, 0, SINTER_F32, kIn.data(), 4, pinned), SINTER_OK);
    for (int round = 0; round < 3; ++round) ASSERT_EQ(sinter_context_execute(context.handle), SINTER_OK) << sinter_last_error();
    sinter_tensor y;
    ASSERT_EQ(sinter_context_output(context.handle, 0, &y), SINTER_OK);
    expect_near({Tensor::view(DType::kF32, kOut, const_cast<void*>(y.data))}, loader.wanted(x));
  }
  sinter_arena_free(arena);
  sinter_host_free(loader.engine, pinned);
  sinter_device_free(loader.engine, memory);
}

// Trust: this program compiled the code itself, so a child process (another memory of what was compiled, no kernel cache) is the stranger.
TEST(TrustChild, loads_or_not) {
  const char* const path = std::getenv("SINTER_TRUST_ENGINE");
  if (!path) GTEST_SKIP() << "runs in children of Trust.code_of_strangers_is_not_loaded";
  const char* const trust = std::getenv("SINTER_TRUST");
  sinter_load_options options;
  sinter_load_options_init(&options);
  options.trust = trust;
  sinter_engine* engine = nullptr;
  const sinter_status status = sinter_engine_load(path, &options, &engine);
  fmt::print("status {}: {}\n", static_cast<int>(status), status == SINTER_OK ? "loaded" : sinter_last_error());
  sinter_engine_free(engine);
}

std::string load_in_child(const std::string& engine, const std::string& trust, const std::string& cache = "none") {
  return run_child("TrustChild.*", fmt::format("SINTER_NVRTC=none SINTER_KERNEL_CACHE='{}' SINTER_TRUST_ENGINE='{}' {}", cache, engine, trust)).text;
}

TEST(Trust, code_of_strangers_is_not_loaded) {
  if (std::system("openssl version >/dev/null 2>&1") != 0) GTEST_SKIP() << "openssl is not here, which makes the keys";
  const std::string folder = ::testing::TempDir() + fmt::format("sinter_trust_{}", ::getpid());
  std::filesystem::create_directories(folder + "/cache");
  const std::string engine = folder + "/net.engine";
  const Loader loader;
  std::ofstream(engine, std::ios::binary) << loader.net.bytes;
  for (const char* name : {"good", "other"}) {
    ASSERT_EQ(std::system(fmt::format("cd '{0}' && openssl genpkey -algorithm ed25519 -out {1}.pem && openssl pkey -in {1}.pem -pubout -out {1}.pub", folder, name).c_str()), 0);
  }
  const auto has = [](const std::string& text, std::initializer_list<const char*> words) {
    for (const char* word : words) EXPECT_NE(text.find(word), std::string::npos) << "no '" << word << "' in: " << text;
  };
  const std::string good = "SINTER_TRUST='" + folder + "/good.pub'", both = "SINTER_TRUST='" + folder + "/other.pub," + folder + "/good.pub'";
  has(load_in_child(engine, ""), {"status 8", "not made by this user's kernel cache", "it is not signed", "sinter retune", "--trust"});
  has(load_in_child(engine, "SINTER_TRUST=any"), {"status 0: loaded"});
  has(load_in_child(engine, good), {"status 8", "it is not signed"});
  ASSERT_EQ(sinter_sign(engine.c_str(), (folder + "/good.pem").c_str(), engine.c_str()), SINTER_OK) << sinter_last_error();
  has(load_in_child(engine, ""), {"status 8", "no key is trusted"});
  has(load_in_child(engine, good), {"status 0: loaded"});
  has(load_in_child(engine, both), {"status 0: loaded"});
  has(load_in_child(engine, "SINTER_TRUST='" + folder + "/other.pub'"), {"status 8", "none of the 1 trusted"});
  has(load_in_child(engine, "SINTER_TRUST='" + folder + "/missing.pub'"), {"status 5", "missing.pub"});
  has(load_in_child(engine, "SINTER_TRUST='" + engine + "'"), {"status 1", "no Ed25519 public key"});
  EXPECT_NE(sinter_sign(engine.c_str(), (folder + "/good.pub").c_str(), engine.c_str()), SINTER_OK);
  // Another kernel under the old signature.
  const auto file = engine::EngineFile::open(engine);
  ASSERT_TRUE(file.ok());
  engine::EngineContents changed;
  changed.manifest = (*file)->manifest();
  changed.plan = (*file)->plan();
  changed.blobs = (*file)->blobs();
  auto& steps = changed.plan.regions[0].steps;
  const auto code = static_cast<size_t>(steps.back().code);
  changed.blobs[code] = changed.blobs[code].clone();
  changed.blobs[code].data<uint8_t>()[changed.blobs[code].bytes() - 1] ^= 1;
  ASSERT_TRUE(engine::write_engine(changed, folder + "/changed.engine").ok());
  has(load_in_child(folder + "/changed.engine", good), {"status 8", "the code was changed after signing"});
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sinter::testing
