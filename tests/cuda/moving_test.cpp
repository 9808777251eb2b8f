// Engines that move: bundles of device code, kernels that keep to what every later GPU has, and a GPU that shares the
// processor's memory (tests/e2e/mismatch has whole engines on other devices).
#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "cuda/environment.h"
#include "cuda/nets.h"
#include "tactic/code.h"

namespace sinter::testing {
namespace {

CodeForm form_of(int sm, bool ptx, const std::string& text) {
  CodeForm form{{sm, ptx}, false, 12020, Tensor(DType::kU8, {static_cast<int64_t>(text.size() + 1)})};
  std::memcpy(form.bytes.raw(), text.c_str(), text.size() + 1);
  return form;
}

TEST(Cubins, run_within_a_major_capability_and_from_9_0_on_alone) {
  for (const auto& [made_for, here] : {std::pair{80, 80}, {80, 86}, {80, 87}, {86, 89}, {90, 90}, {120, 120}}) {
    EXPECT_TRUE(cubin_runs_on(made_for, here)) << made_for << " on " << here;
  }
  for (const auto& [made_for, here] :
       {std::pair{86, 80}, {87, 86}, {75, 80}, {89, 90}, {90, 100}, {100, 103}, {120, 121}}) {
    EXPECT_FALSE(cubin_runs_on(made_for, here)) << made_for << " on " << here;
  }
}

TEST(CodeBundle, gives_back_its_forms) {
  std::vector<CodeForm> forms{form_of(90, false, "cubin"), form_of(80, true, "ptx"), form_of(87, false, "")};
  forms[2].tegra = true;
  const Tensor bundle = bundle_code(forms);
  ASSERT_TRUE(is_code_bundle(bundle));
  const auto read = code_forms(bundle);
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  ASSERT_EQ(read->size(), forms.size());
  for (size_t i = 0; i < forms.size(); ++i) {
    const CodeForm &got = (*read)[i], &wanted = forms[i];
    EXPECT_EQ(got.target.sm, wanted.target.sm);
    EXPECT_EQ(got.target.ptx, wanted.target.ptx);
    EXPECT_EQ(got.tegra, wanted.tegra);
    EXPECT_EQ(got.toolkit, 12020);
    EXPECT_TRUE(got.bytes.identical(wanted.bytes)) << i;
  }
  EXPECT_TRUE(code_forms(bundle_code({}))->empty());
}

TEST(CodeBundle, refuses_what_is_damaged) {
  const std::vector<CodeForm> forms{form_of(90, false, "cubin"), form_of(80, true, "ptx")};
  const Tensor bundle = bundle_code(forms);
  EXPECT_FALSE(is_code_bundle(Tensor(DType::kU8, {8})));
  // Cut anywhere, and with any byte of its tables changed: an error, or forms inside of it.
  for (int64_t bytes = 16; bytes < bundle.bytes(); ++bytes) {
    Tensor cut(DType::kU8, {bytes});
    std::memcpy(cut.raw(), bundle.raw(), static_cast<size_t>(bytes));
    EXPECT_FALSE(code_forms(cut).ok()) << bytes;
  }
  for (int64_t at = 8; at < 96; ++at) {
    for (const uint8_t flip : {1, 0x80, 0xff}) {
      Tensor changed = bundle.clone();
      changed.data<uint8_t>()[at] ^= flip;
      const auto read = code_forms(changed);
      if (!read.ok()) continue;
      for (const CodeForm& form : *read) {
        EXPECT_GE(form.bytes.data<uint8_t>(), changed.data<uint8_t>());
        EXPECT_LE(form.bytes.data<uint8_t>() + form.bytes.bytes(), changed.data<uint8_t>() + changed.bytes());
      }
    }
  }
}

// In a child, where no other kernels were launched.
TEST(AmperePlusChild, builds) {
  if (!is_child()) GTEST_SKIP() << "runs in children";
  builder::BuildOptions options;
  options.ampere_plus = true;
  options.device = harness_device();
  const DeviceSpec spec = builder::spec_of(options);
  EXPECT_EQ(spec.sm, 80);
  EXPECT_EQ(spec.shared_bytes, 48 << 10);
  for (const bool half : {false, true}) {
    const char* const text =
        half ? "graph net(%x: f16[1,64,40,40], %k: f16[64,64,3,3]) -> (%y) {\n  %y = Conv(%x, %k) [pads=[1,1,1,1]]\n}\n"
             : "graph net(%x: f32[1,256,256], %k: f32[1,256,256]) -> (%y) {\n  %y = MatMul(%x, %k)\n}\n";
    auto graph = ir::parse(text, nullptr);
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    ASSERT_TRUE(ir::infer_types(**graph).ok());
    const auto contents = build_contents(**graph, options);
    ASSERT_TRUE(contents.ok()) << contents.status().to_string();
    for (const plan::Step& step : contents->plan.regions[0].steps) {
      if (step.code < 0) continue;
      const auto forms = code_forms(contents->blobs[static_cast<size_t>(step.code)]);
      ASSERT_TRUE(forms.ok()) << forms.status().to_string();
      ASSERT_EQ(forms->size(), 2u);
      EXPECT_TRUE((*forms)[1].target.ptx);
    }
  }
  EXPECT_GT(counts().most_shared, 0);
  EXPECT_LE(counts().most_shared, spec.shared_bytes);
  std::printf("built\n");
}

TEST(AmperePlus, kernels_ask_for_no_more_shared_memory_than_every_block_has) {
  if (on_real_gpu()) GTEST_SKIP() << "the mock counts";
  const Child child = run_child("AmperePlusChild.builds", "");
  EXPECT_EQ(child.code, 0) << child.text;
  EXPECT_NE(child.text.find("built"), std::string::npos) << child.text;
}

// In children, whose device shares the processor's memory.
TEST(MappedChild, no_copies) {
  if (!is_child()) GTEST_SKIP() << "runs in children";
  ASSERT_TRUE(harness_device()->maps_host_memory());
  const Loaded loaded = load_net(kDeviceNet);
  ASSERT_TRUE(loaded.context);
  runtime::ExecutionContext& context = *loaded.context;
  const DeviceScope scope(harness_device());
  // The caller's memory: of the process, or such that both sides use.
  for (const bool pinned : {false, true}) {
    const int64_t bytes = 4 * 2 * 3 * 17 * 19;
    void *in = nullptr, *out = nullptr;
    if (pinned) {
      in = harness_device()->allocate_host(bytes).value();
      out = harness_device()->allocate_host(bytes).value();
      ASSERT_TRUE(context.set_output_data(0, out, bytes).ok());
    }
    for (uint32_t round = 0; round < 5; ++round) {  // plain, captured, as a graph
      const Tensor input = random_tensor({2, 3, 17, 19}, round);
      const void* data = input.raw();
      if (pinned) data = std::memcpy(in, input.raw(), static_cast<size_t>(bytes));
      const Dims dims{2, 3, 17, 19};
      ASSERT_TRUE(context.set_input_data(0, DType::kF32, dims, data).ok());
      const MockCounts before = on_real_gpu() ? MockCounts{} : counts();
      const Status status = context.execute();
      ASSERT_TRUE(status.ok()) << status.to_string();
      const MockCounts after = on_real_gpu() ? MockCounts{} : counts();
      EXPECT_EQ(after.host_to_device, before.host_to_device);
      EXPECT_EQ(after.device_to_host, before.device_to_host);
      EXPECT_EQ(after.device_to_device, before.device_to_device);
      if (pinned) {
        EXPECT_EQ(context.output(0).tensor().raw(), out);
      }
      expect_near({context.output(0)}, *ir::evaluate(*loaded.graph, {Value(input)}));
      EXPECT_EQ(after.damaged, before.damaged);
    }
    if (pinned) {
      ASSERT_TRUE(context.set_output_data(0, nullptr, 0).ok());
      harness_device()->release_host(in);
      harness_device()->release_host(out);
    }
  }
  // Results of run() stay when the next one comes.
  const std::vector<Value> first{random_tensor({2, 3, 17, 19}, 8)}, second{random_tensor({2, 3, 17, 19}, 9)};
  const auto results = context.run(first);
  ASSERT_TRUE(results.ok());
  ASSERT_TRUE(context.run(second).ok());
  expect_near(*results, *ir::evaluate(*loaded.graph, first));
  std::printf("no copies\n");
}

TEST(Mapped, inputs_and_outputs_are_used_where_they_lie) {
  // Forced on a GPU that has its own memory, and chosen by itself on one that has none.
  const std::vector<std::string> ways =
      on_real_gpu() ? std::vector<std::string>{"SINTER_MAP_HOST_MEMORY=1"}
                    : std::vector<std::string>{"SINTER_MAP_HOST_MEMORY=1", "SINTER_MOCK_INTEGRATED=1"};
  for (const std::string& way : ways) {
    const Child child = run_child("MappedChild.no_copies", way);
    EXPECT_EQ(child.code, 0) << child.text;
    EXPECT_NE(child.text.find("no copies"), std::string::npos) << child.text;
  }
}

}  // namespace
}  // namespace sinter::testing
