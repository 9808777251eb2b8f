// DLPack through the C++ header, for engines on the CPU. (On a device: tests/cuda/capi_device_test.cpp.)
#include <gtest/gtest.h>

#include "capi_rt/dlpack_abi.h"
#include "capi_rt/sample_engine.h"
#include "sinter/sinter.hpp"

namespace {

struct Foreign {
  Foreign(void* data, std::vector<int64_t> dims, uint8_t code = 2, uint8_t bits = 32) : shape(std::move(dims)) {
    managed.dl_tensor = {data, {1, 0}, static_cast<int32_t>(shape.size()), {code, bits, 1}, shape.data(), nullptr, 0};
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensor* self) { ++static_cast<Foreign*>(self->manager_ctx)->ended; };
  }
  std::vector<int64_t> shape;
  DLManagedTensor managed{};
  int ended = 0;
};

sinter::Engine load() { return sinter::Engine::from_memory(sample_engine_bytes().data(), sample_engine_bytes().size()); }

TEST(Dlpack, ImportsAndExportsInHostMemory) {
  std::vector<float> x = {-1, 2, -3, 4, 5, -6, 7, 0}, y(8, -1);
  Foreign in(x.data(), {2, 4}), out(y.data(), {2, 4});
  DLManagedTensor *first = nullptr, *second = nullptr;
  const std::vector<float> expected = {0, 2, 0, 4, 5, 0, 7, 0};
  {
    sinter::ExecutionContext context(load(), 1);
    context.set_input_dlpack(0, &in.managed);
    context.execute();
    first = context.output_dlpack(0);
    second = context.output_dlpack(1);  // i64, a size that depends on data
    x[0] = 9;
    context.execute();
    EXPECT_EQ(static_cast<const float*>(first->dl_tensor.data)[0], 0);  // of its own
    x[0] = -1;
    context.set_output_dlpack(0, &out.managed);
    context.execute();
    EXPECT_EQ(y, expected);
    EXPECT_THROW(context.keep_output_on_device(0), sinter::Error);
    EXPECT_THROW(sinter::Arena(context.engine()), sinter::Error);
    EXPECT_EQ(context.engine().arena_bytes(), 0u);
    EXPECT_EQ(in.ended, 0);
    const std::vector<float> other = {1, 1, 1, 1};
    context.set_input("x", other.data(), {1, 4});
    EXPECT_EQ(in.ended, 1);
  }
  EXPECT_EQ(out.ended, 1);
  EXPECT_EQ(in.ended, 1);
  EXPECT_EQ(std::vector<float>(static_cast<float*>(first->dl_tensor.data), static_cast<float*>(first->dl_tensor.data) + 8), expected);
  EXPECT_EQ(first->dl_tensor.dtype.code, 2);
  EXPECT_EQ(second->dl_tensor.dtype.code, 0);
  EXPECT_EQ(second->dl_tensor.dtype.bits, 64);
  EXPECT_EQ(second->dl_tensor.shape[1], 4);
  first->deleter(first);
  second->deleter(second);
}

TEST(Dlpack, RefusesWhatItCannotUse) {
  std::vector<float> x(16);
  sinter::ExecutionContext context(load(), 1);
  Foreign wrong_type(x.data(), {2, 4}, 0, 32), on_gpu(x.data(), {2, 4}), strided(x.data(), {2, 4}), vectors(x.data(), {2, 4});
  on_gpu.managed.dl_tensor.device = {2, 0};
  int64_t strides[] = {8, 2};
  strided.managed.dl_tensor.strides = strides;
  vectors.managed.dl_tensor.dtype.lanes = 4;
  for (Foreign* tensor : {&wrong_type, &on_gpu, &strided, &vectors}) {
    EXPECT_THROW(context.set_input_dlpack(0, &tensor->managed), sinter::Error);
    EXPECT_EQ(tensor->ended, 0);
  }
  EXPECT_THROW(context.output_dlpack(0), sinter::Error);  // nothing was run
  EXPECT_THROW(context.output_dlpack(7), sinter::Error);
}

}  // namespace
