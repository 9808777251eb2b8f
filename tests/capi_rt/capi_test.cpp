// The C interface's run-time half, through its own headers.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "capi_rt/sample_engine.h"
#include "sinter/sinter.hpp"

namespace {

using sinter::ExecutionContext;

sinter::Engine load() { return sinter::Engine::from_memory(sample_engine_bytes().data(), sample_engine_bytes().size()); }

TEST(Capi, DescribesInputsAndOutputs) {
  const sinter::Engine engine = load();
  ASSERT_EQ(engine.input_count(), 1u);
  ASSERT_EQ(engine.output_count(), 2u);
  EXPECT_EQ(engine.input(0).name, "x");
  EXPECT_EQ(engine.input(0).type, "f32[batch,4]");
  EXPECT_EQ(engine.input(0).shape, (sinter::Shape{-1, 4}));
  EXPECT_EQ(engine.output_index("positions"), 1u);
  sinter_io_info info;
  ASSERT_EQ(sinter_engine_input_info(engine.handle(), 0, &info), SINTER_OK);
  EXPECT_STREQ(info.dim_names[0], "batch");
  int64_t min = 0, opt = 0, max = 0;
  ASSERT_EQ(sinter_engine_symbol_range(engine.handle(), "batch", &min, &opt, &max), SINTER_OK);
  EXPECT_EQ(max, 16);
  EXPECT_EQ(sinter_engine_symbol_range(engine.handle(), "k", &min, &opt, &max), SINTER_NOT_FOUND);
  EXPECT_NE(engine.info_json().find("\"report\": {\"layers\": 2}"), std::string::npos);
  EXPECT_STREQ(sinter_version(), "0.1.0");
}

TEST(Capi, RunsWithOwnAndCallersMemory) {
  ExecutionContext context(load(), 1);
  const std::vector<float> x = {-1, 2, -3, 4, 5, -6, 7, 0};
  context.set_input("x", x.data(), {2, 4});
  context.prepare();
  EXPECT_EQ(context.output_shape(0), (sinter::Shape{2, 4}));
  EXPECT_THROW(context.output_shape(1), sinter::Error);  // depends on data
  context.execute();
  const std::vector<float> expected = {0, 2, 0, 4, 5, 0, 7, 0};
  EXPECT_EQ(context.output("y").to_vector<float>(), expected);
  EXPECT_EQ(context.output("positions").shape(), (sinter::Shape{2, 4}));
  EXPECT_EQ(context.output_shape(1), (sinter::Shape{2, 4}));
  EXPECT_THROW(context.output("y").data<int>(), sinter::Error);

  std::vector<float> y(8, -1);
  std::vector<int64_t> positions(16, -1);
  context.set_output("y", y.data(), 32);
  context.set_output("positions", positions.data(), 128);
  context.execute();
  EXPECT_EQ(y, expected);
  EXPECT_EQ(positions[0], 0);
  EXPECT_EQ(positions[8], -1);
  context.set_output("positions", positions.data(), 8);
  EXPECT_THROW(context.execute(), sinter::Error);
}

TEST(Capi, ErrorsHaveCodesAndTexts) {
  ExecutionContext context(load(), 1);
  const std::vector<float> x(80);
  EXPECT_THROW(context.execute(), sinter::Error);
  EXPECT_NE(std::strstr(sinter_last_error(), "'x'"), nullptr);
  context.set_input("x", static_cast<const float*>(nullptr), {2, 4});  // a shape alone
  context.prepare();
  EXPECT_THROW(context.execute(), sinter::Error);
  context.set_input("x", x.data(), {20, 4});
  try {
    context.execute();
    FAIL();
  } catch (const sinter::Error& error) {
    EXPECT_EQ(error.code(), SINTER_INVALID_ARGUMENT);
    EXPECT_NE(std::strstr(error.what(), "('batch') is 20"), nullptr);
  }
  EXPECT_THROW(context.set_input("q", x.data(), {2, 4}), sinter::Error);
  EXPECT_NE(std::strstr(sinter_last_error(), "the engine has 'x'"), nullptr);
  EXPECT_EQ(sinter_context_set_input(context.handle(), 0, SINTER_F32, nullptr, 2, x.data()), SINTER_INVALID_ARGUMENT);
  const int64_t negative[] = {-1, 4};
  EXPECT_EQ(sinter_context_set_input(context.handle(), 0, SINTER_F32, negative, 2, x.data()), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_context_set_input(context.handle(), 0, static_cast<sinter_dtype>(77), negative, 2, x.data()),
            SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_engine_load("/nonexistent", nullptr, nullptr), SINTER_INVALID_ARGUMENT);
  sinter_engine* engine = nullptr;
  EXPECT_EQ(sinter_engine_load("/nonexistent", nullptr, &engine), SINTER_NOT_FOUND);
  EXPECT_EQ(sinter_engine_load_memory("no engine at all", 16, nullptr, &engine), SINTER_INVALID_ENGINE);
  EXPECT_EQ(engine, nullptr);
  sinter_context_options options;
  sinter_context_options_init(&options);
  options.struct_size = 4096;
  sinter_context* made = nullptr;
  EXPECT_EQ(sinter_context_create(load().handle(), &options, &made), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_dtype_parse("bf16"), SINTER_BF16);
  EXPECT_STREQ(sinter_dtype_name(SINTER_U4), "u4");
  EXPECT_EQ(sinter_dtype_bytes(SINTER_U4, 3), 2u);
}

TEST(Capi, StreamsRunInOrderAndPoisonOnlyTheirContext) {
  const sinter::Engine engine = load();
  ExecutionContext good(engine, 1), bad(engine, 1);
  const std::vector<float> x = {-1, 2, -3, 4}, many(80);
  good.set_input("x", x.data(), {1, 4});
  bad.set_input("x", many.data(), {20, 4});
  sinter::Stream stream;
  for (int i = 0; i < 10; ++i) good.enqueue(stream);
  stream.wait();
  EXPECT_EQ(good.output("y").to_vector<float>(), (std::vector<float>{0, 2, 0, 4}));
  bad.enqueue(stream);
  bad.enqueue(stream);
  good.enqueue(stream);
  EXPECT_THROW(stream.wait(), sinter::Error);
  EXPECT_NE(std::strstr(sinter_last_error(), "('batch') is 20"), nullptr);
  EXPECT_EQ(good.output("y").to_vector<float>(), (std::vector<float>{0, 2, 0, 4}));
  stream.wait();
  bad.set_input("x", x.data(), {1, 4});
  bad.enqueue(stream);
  stream.wait();
  EXPECT_EQ(bad.output("y").size(), 4);
}

TEST(Capi, ProfileAndSizes) {
  ExecutionContext context(load(), 1, true);
  const std::vector<float> x(8);
  context.set_input("x", x.data(), {2, 4});
  context.execute();
  EXPECT_NE(context.profile_json().find("\"layer\": \"Relu_0\""), std::string::npos);
  EXPECT_EQ(context.threads(), 1);
}

TEST(Capi, LastErrorIsOfTheThread) {
  sinter_engine* engine = nullptr;
  ASSERT_EQ(sinter_engine_load("/nonexistent", nullptr, &engine), SINTER_NOT_FOUND);
  std::string other = "?";
  std::thread([&] { other = sinter_last_error(); }).join();
  EXPECT_EQ(other, "");
  EXPECT_NE(std::strstr(sinter_last_error(), "/nonexistent"), nullptr);
}

}  // namespace
