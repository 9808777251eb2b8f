// Memory of a device by its name, on the CPU. On GPUs: tests/python on the mock or a GPU.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "sinter/sinter.hpp"

namespace {

TEST(Memory, IsAllocatedCopiedAndFilled) {
  void* memory = nullptr;
  ASSERT_EQ(sinter_memory_allocate("cpu", 100, &memory), SINTER_OK);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 256, 0u);
  void* host = nullptr;
  ASSERT_EQ(sinter_memory_allocate_host("cpu", 100, &host), SINTER_OK);
  ASSERT_EQ(sinter_memory_fill("cpu", memory, 7, 100), SINTER_OK);
  ASSERT_EQ(sinter_memory_copy("cpu", host, memory, 100, SINTER_COPY_TO_HOST), SINTER_OK);
  EXPECT_EQ(static_cast<const uint8_t*>(host)[99], 7);
  std::memset(host, 9, 100);
  ASSERT_EQ(sinter_memory_copy("cpu", memory, host, 50, SINTER_COPY_TO_DEVICE), SINTER_OK);
  EXPECT_EQ(static_cast<const uint8_t*>(memory)[49], 9);
  EXPECT_EQ(static_cast<const uint8_t*>(memory)[50], 7);
  EXPECT_EQ(sinter_memory_copy("cpu", memory, nullptr, 0, SINTER_COPY_ON_DEVICE), SINTER_OK);
  sinter_memory_free("cpu", memory);
  sinter_memory_free_host("cpu", host);
  sinter_memory_free("cpu", nullptr);
}

TEST(Memory, RefusesWhatIsWrong) {
  void* memory = nullptr;
  EXPECT_EQ(sinter_memory_allocate("tpu", 1, &memory), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_memory_allocate(nullptr, 1, &memory), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_memory_allocate("cpu", 1, nullptr), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_memory_allocate("cpu", SIZE_MAX, &memory), SINTER_OUT_OF_MEMORY);
  char byte = 0;
  EXPECT_EQ(sinter_memory_copy("cpu", &byte, nullptr, 1, SINTER_COPY_TO_HOST), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_memory_copy("cpu", &byte, &byte, 1, static_cast<sinter_copy>(9)), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_memory_fill("cpu", nullptr, 0, 1), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(memory, nullptr);
}

TEST(Memory, DevicesSayWhatTheyAre) {
  char* text = nullptr;
  ASSERT_EQ(sinter_device_json("cpu", &text), SINTER_OK);
  EXPECT_NE(std::string(text).find("\"compute_capability\": 0"), std::string::npos);
  sinter_free(text);
  EXPECT_NE(sinter_device_json("cuda:99", &text), SINTER_OK);
}

}  // namespace
