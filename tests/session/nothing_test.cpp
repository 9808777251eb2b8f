// Every function of the second part of sinter.h called with nothing, and with a network and nothing else: an error, never a crash.
#include <gtest/gtest.h>

#include <memory>
#include <sinter/sinter.hpp>

#include "support/with_nothing.h"

namespace sinter {
namespace {

TEST(NothingToBuild, NothingAtAllIsRefused) {
  expect_refused(
      &sinter_build, &sinter_build_to_memory, &sinter_load_or_build, &sinter_cache_list_json, &sinter_build_report_text, &sinter_calibrate_json,
      &sinter_eval_json, &sinter_compare_json, &sinter_dump_tensors, &sinter_debug_precision_json, &sinter_sign, &sinter_simplify_json,
      &sinter_edit_json, &sinter_memory_json, &sinter_check_json, &sinter_check_plugins_json, &sinter_inspect_json, &sinter_operators_json, &sinter_tactics_json,
      &sinter_conformance, &sinter_peaks_json, &sinter_doctor_json, &sinter_board_json, &sinter_array_read, &sinter_array_random, &sinter_array_picture,
      &sinter_array_tensor, &sinter_tensor_write, &sinter_network_create, &sinter_network_load, &sinter_network_create_body,
      &sinter_network_add_input, &sinter_network_add_constant, &sinter_network_add_node, &sinter_network_mark_output, &sinter_network_unmark_output,
      &sinter_network_set_name, &sinter_network_set_node_name, &sinter_network_set_input_type, &sinter_network_set_range,
      &sinter_network_set_precision, &sinter_network_set_output_type, &sinter_network_set_metadata, &sinter_network_input, &sinter_network_output,
      &sinter_network_find_value, &sinter_network_value_info, &sinter_network_constant, &sinter_network_node, &sinter_network_attribute_text,
      &sinter_network_save, &sinter_network_save_to_memory, &sinter_network_build, &sinter_network_build_to_memory, &sinter_network_build_engine);
}

TEST(NothingToBuild, WhatReturnsNoStatusTakesNothing) {
  const auto all = [](auto... functions) { (static_cast<void>(with_nothing(functions)), ...); };
  all(
      &sinter_build_options_init, &sinter_eval_options_init, &sinter_debug_options_init, &sinter_simplify_options_init, &sinter_edit_options_init, &sinter_memory_options_init,
      &sinter_array_free, &sinter_network_free, &sinter_network_input_count, &sinter_network_output_count, &sinter_network_node_count,
      &sinter_save_options_init);
}

TEST(NothingToBuild, NetworksAlone) {
  sinter_network* network = nullptr;
  ASSERT_EQ(sinter_network_create(nullptr, &network), SINTER_OK);
  const std::unique_ptr<sinter_network, void (*)(sinter_network*)> owner(network, sinter_network_free);
  int number = 0;
  const auto each = [&](auto... functions) {
    const auto check_one = [&](sinter_status status) { EXPECT_NE(status, SINTER_OK) << "function " << number++; };
    (check_one(with_handle(functions, network)), ...);
  };
  each(
      &sinter_network_save, &sinter_network_save_to_memory, &sinter_network_build, &sinter_network_build_to_memory, &sinter_network_build_engine);
  each(
      &sinter_network_create_body, &sinter_network_add_input, &sinter_network_add_constant, &sinter_network_add_node, &sinter_network_mark_output,
      &sinter_network_unmark_output, &sinter_network_set_name, &sinter_network_set_node_name, &sinter_network_set_input_type,
      &sinter_network_set_range, &sinter_network_set_precision, &sinter_network_set_output_type, &sinter_network_set_metadata, &sinter_network_input,
      &sinter_network_output, &sinter_network_find_value, &sinter_network_value_info, &sinter_network_constant, &sinter_network_node,
      &sinter_network_attribute_text);
}

}  // namespace
}  // namespace sinter
