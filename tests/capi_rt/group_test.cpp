// Groups through the C interface and its C++ layer.
#include <gtest/gtest.h>

#include <fstream>

#include "capi_rt/sample_engine.h"
#include "sinter/sinter.hpp"

namespace {

sinter::Engine load() {
  return sinter::Engine::from_memory(sample_engine_bytes().data(), sample_engine_bytes().size());
}

TEST(Group, RunsBatchesAndOutlivesItsEngines) {
  sinter::DeviceGroup::Options options;
  EXPECT_EQ(options.contexts, 2);
  EXPECT_EQ(options.split, 1);
  options.threads = 1;
  auto group = std::make_unique<sinter::DeviceGroup>(std::vector<sinter::Engine>{load(), load()}, options);
  const std::vector<float> x = {-1, 2, -3, 4, 5, -6, 7, 0};
  auto batch = group->submit({{x.data(), {2, 4}}}), dropped = group->submit({{x.data(), {2, 4}}});
  batch.wait();
  EXPECT_NE(group->json().find("\"devices\": [{\"device\": \"cpu\""), std::string::npos) << group->json();
  group.reset();
  EXPECT_EQ(batch.output(0).to_vector<float>(), (std::vector<float>{0, 2, 0, 4, 5, 0, 7, 0}));
  EXPECT_EQ(batch.output(0).shape(), (sinter::Shape{2, 4}));
  EXPECT_EQ(batch.output(1).shape(), (sinter::Shape{2, 4}));  // four places, of two numbers
  EXPECT_THROW(batch.output(2), sinter::Error);
}

TEST(Group, LoadsAFileOnDevices) {
  const std::string path = ::testing::TempDir() + "/group.engine";
  std::ofstream(path, std::ios::binary) << sample_engine_bytes();
  sinter::DeviceGroup group(path, "cpu");
  const std::vector<float> x(80, -1);
  auto batch = group.submit(
      {{x.data(), {20, 4}}});  // more than the engine takes, and not to be divided: 'positions' has no such dim
  try {
    batch.wait();
    FAIL();
  } catch (const sinter::Error& error) {
    EXPECT_EQ(error.code(), SINTER_INVALID_ARGUMENT);
    EXPECT_NE(std::string(error.what()).find("('batch') is 20"), std::string::npos) << error.what();
  }
  EXPECT_THROW(batch.output(0), sinter::Error);
}

TEST(Group, RefusesWhatIsWrong) {
  sinter_group* group = nullptr;
  EXPECT_EQ(sinter_group_create(nullptr, 0, nullptr, &group), SINTER_INVALID_ARGUMENT);
  const sinter_engine* none = nullptr;
  EXPECT_EQ(sinter_group_create(&none, 1, nullptr, &group), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_group_load(nullptr, "cpu", nullptr, nullptr, &group), SINTER_INVALID_ARGUMENT);
  char* text = nullptr;
  for (const char* wrong : {"", "gpu", "cuda:", "cuda:x", "cuda:0,", "cuda:all,1", "cuda:1,1", "cuda:0,x"}) {
    EXPECT_EQ(sinter_devices_json(wrong, &text), SINTER_INVALID_ARGUMENT) << wrong;
  }
  EXPECT_NE(std::string(sinter_last_error()).find("cuda:0,x"), std::string::npos) << sinter_last_error();
  ASSERT_EQ(sinter_devices_json("cpu", &text), SINTER_OK);
  EXPECT_NE(std::string(text).find("\"device\": \"cpu\""), std::string::npos) << text;
  sinter_free(text);
  sinter::DeviceGroup good(std::vector<sinter::Engine>{load()});
  sinter_batch* batch = nullptr;
  EXPECT_EQ(sinter_group_submit(good.handle(), nullptr, 0, &batch), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_group_submit(nullptr, nullptr, 0, &batch), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_batch_wait(nullptr), SINTER_INVALID_ARGUMENT);
  sinter_batch_free(nullptr);
  sinter_group_free(nullptr);
}

}  // namespace
