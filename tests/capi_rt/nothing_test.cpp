// Every function of the first part of sinter.h called with nothing, and with a handle and nothing else: an error, never a crash.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <sinter/sinter.hpp>
#include <vector>

#include "capi_rt/sample_engine.h"
#include "support/with_nothing.h"

namespace sinter {
namespace {

TEST(Nothing, NothingAtAllIsRefused) {
  expect_refused(
      &sinter_plugin_load, &sinter_engine_load, &sinter_engine_load_memory, &sinter_engine_input_info, &sinter_engine_output_info,
      &sinter_engine_input_index, &sinter_engine_output_index, &sinter_engine_symbol_range, &sinter_engine_optimization_profile_range,
      &sinter_engine_find_optimization_profile, &sinter_engine_info_json, &sinter_arena_create, &sinter_engine_arena_bytes, &sinter_context_create,
      &sinter_context_set_optimization_profile, &sinter_context_set_input, &sinter_context_set_input_sequence, &sinter_context_set_output,
      &sinter_context_set_output_allocator, &sinter_context_set_input_device, &sinter_context_set_output_device,
      &sinter_context_keep_output_on_device, &sinter_context_set_input_dlpack, &sinter_context_set_output_dlpack, &sinter_context_output_dlpack,
      &sinter_context_prepare, &sinter_context_output_shape, &sinter_context_execute, &sinter_context_set_cancelled, &sinter_context_enqueue_cuda,
      &sinter_context_output, &sinter_context_output_length, &sinter_context_output_element, &sinter_context_set_profile,
      &sinter_context_profile_json, &sinter_device_allocate, &sinter_device_write, &sinter_device_read, &sinter_host_allocate, &sinter_device_json,
      &sinter_memory_allocate, &sinter_memory_allocate_host, &sinter_memory_copy, &sinter_memory_fill, &sinter_stream_create, &sinter_context_enqueue,
      &sinter_context_enqueue_notify, &sinter_stream_wait);
}

TEST(Nothing, WhatReturnsNoStatusTakesNothing) {
  const auto all = [](auto... functions) { (static_cast<void>(with_nothing(functions)), ...); };
  all(
      &sinter_status_name, &sinter_dtype_name, &sinter_dtype_parse, &sinter_dtype_bytes, &sinter_free, &sinter_set_log_sink,
      &sinter_load_options_init, &sinter_engine_free, &sinter_engine_input_count, &sinter_engine_output_count,
      &sinter_engine_optimization_profile_count, &sinter_engine_device, &sinter_context_options_init, &sinter_arena_free, &sinter_context_free,
      &sinter_context_optimization_profile, &sinter_context_threads, &sinter_context_arena_bytes, &sinter_context_device_bytes, &sinter_device_free,
      &sinter_host_free, &sinter_memory_free, &sinter_memory_free_host, &sinter_stream_free);
}

TEST(Nothing, EnginesAlone) {
  const Engine engine = Engine::from_memory(sample_engine_bytes().data(), sample_engine_bytes().size());
  int number = 0;
  const auto each = [&](auto... functions) {
    const auto check_one = [&](sinter_status status) { EXPECT_NE(status, SINTER_OK) << "function " << number++; };
    (check_one(with_handle(functions, engine.handle())), ...);
  };
  each(
      &sinter_engine_input_info, &sinter_engine_output_info, &sinter_engine_input_index, &sinter_engine_output_index, &sinter_engine_symbol_range,
      &sinter_engine_optimization_profile_range, &sinter_engine_find_optimization_profile, &sinter_engine_info_json, &sinter_arena_create,
      &sinter_engine_arena_bytes, &sinter_context_create, &sinter_device_allocate, &sinter_device_write, &sinter_device_read, &sinter_host_allocate);
}

TEST(Nothing, ContextsAlone) {
  ExecutionContext context(Engine::from_memory(sample_engine_bytes().data(), sample_engine_bytes().size()), 1);
  int number = 0;
  const auto each = [&](auto... functions) {
    const auto check_one = [&](sinter_status status) { EXPECT_NE(status, SINTER_OK) << "function " << number++; };
    (check_one(with_handle(functions, context.handle())), ...);
  };
  each(
      &sinter_context_output_shape, &sinter_context_output_length, &sinter_context_profile_json);
  each(
      &sinter_context_set_input, &sinter_context_set_input_device, &sinter_context_set_output_device, &sinter_context_keep_output_on_device,
      &sinter_context_set_input_dlpack, &sinter_context_set_output_dlpack, &sinter_context_output_dlpack, &sinter_context_execute,
      &sinter_context_enqueue_cuda, &sinter_context_output, &sinter_context_output_element, &sinter_context_enqueue, &sinter_context_enqueue_notify);
}

// Contexts keep their engine, streams their runs: whatever goes first, the others work on and nothing is left.
TEST(Nothing, HandlesEndInAnyOrder) {
  std::vector<int> order{0, 1, 2, 3};
  do {
    sinter_engine* engine = nullptr;
    ASSERT_EQ(sinter_engine_load_memory(sample_engine_bytes().data(), sample_engine_bytes().size(), nullptr, &engine), SINTER_OK);
    sinter_context *first = nullptr, *second = nullptr;
    sinter_stream* stream = nullptr;
    ASSERT_EQ(sinter_context_create(engine, nullptr, &first), SINTER_OK);
    ASSERT_EQ(sinter_context_create(engine, nullptr, &second), SINTER_OK);
    ASSERT_EQ(sinter_stream_create(&stream), SINTER_OK);
    const std::vector<float> x{1, -2, 3, -4};
    const int64_t dims[] = {1, 4};
    for (sinter_context* context : {first, second}) ASSERT_EQ(sinter_context_set_input(context, 0, SINTER_F32, dims, 2, x.data()), SINTER_OK);
    ASSERT_EQ(sinter_context_enqueue(first, stream), SINTER_OK);
    ASSERT_EQ(sinter_stream_wait(stream), SINTER_OK);
    bool gone = false;
    for (const int what : order) {
      if (what == 0) sinter_engine_free(engine);
      if (what == 1) sinter_context_free(first);
      if (what == 2) sinter_context_free(second), gone = true;
      if (what == 3) sinter_stream_free(stream);
      if (!gone) {
        EXPECT_EQ(sinter_context_execute(second), SINTER_OK);
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace
}  // namespace sinter
