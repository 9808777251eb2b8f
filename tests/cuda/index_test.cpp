// Indices out of range on a device: nothing is read or written out of bounds, and the run reports them.
#include "builder/builder.h"
#include "engine/engine_file.h"
#include "ir/graph.h"
#include "runtime/context.h"
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

struct Net {
  std::unique_ptr<ir::Graph> graph;
  std::string bytes;
  std::shared_ptr<const runtime::Engine> engine;
  std::unique_ptr<runtime::ExecutionContext> context;
};

Result<Net> load(const char* text) {
  Net net;
  const ir::BlobMap blobs;
  SINTER_ASSIGN(net.graph, ir::parse(text, &blobs));
  SINTER_TRY(ir::infer_types(*net.graph));
  builder::BuildOptions options;
  options.device = harness_device();
  options.fallback = builder::Fallback::kError;
  SINTER_ASSIGN(builder::BuildResult built, builder::build_plan(*net.graph, options));
  engine::EngineContents contents;
  for (const ir::Value* value : net.graph->inputs) contents.manifest.inputs.push_back({value->name, value->type, {}});
  for (const ir::Value* value : net.graph->outputs) contents.manifest.outputs.push_back({value->name, value->type, {}});
  contents.plan = std::move(built.plan);
  contents.blobs = std::move(built.blobs);
  SINTER_ASSIGN(net.bytes, engine::write_engine(contents));
  SINTER_ASSIGN(net.engine, runtime::Engine::from_memory(net.bytes));
  SINTER_ASSIGN(net.context, runtime::ExecutionContext::create(net.engine, {}));
  return net;
}

Status run(Net& net, const std::vector<Value>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) SINTER_TRY(net.context->set_input(i, inputs[i]));
  return net.context->execute();
}

const char* const kGathers[] = {
    "graph net(%x: f32[5,7], %i: i64[40]) -> (%y) {\n  %y = Gather(%x, %i)\n}\n",
    "graph net(%x: f32[5,7], %i: i64[40,7]) -> (%y) {\n  %y = GatherElements(%x, %i)\n}\n",
    "graph net(%x: f32[5,7], %i: i64[40,1]) -> (%y) {\n  %y = GatherND(%x, %i)\n}\n",
    "graph net(%x: f32[5,7], %i: i64[40,1], %u: f32[40,7]) -> (%y) {\n  %y = ScatterND(%x, %i, %u)\n}\n",
    "graph net(%x: f32[5,7], %i: i64[40,7], %u: f32[40,7]) -> (%y) {\n  %y = ScatterElements(%x, %i, %u)\n}\n"};

TEST(IndexFaults, are_errors_of_the_run_and_the_next_run_is_fine) {
  for (const char* text : kGathers) {
    SCOPED_TRACE(text);
    auto net = load(text);
    ASSERT_TRUE(net.ok()) << net.status().to_string();
    const Dims dims = *constant_dims(*net->graph->inputs[1]->type.shape);
    const Tensor good = random_integers(DType::kI64, dims, -5, 4, 3);
    std::vector<Value> inputs(net->graph->inputs.size(), Value(random_tensor({40, 7}, 2)));
    inputs[0] = random_tensor({5, 7}, 1);
    inputs[1] = good;
    for (int round = 0; round < 4; ++round) {  // plain, captured, replayed
      ASSERT_TRUE(run(*net, inputs).ok());
      const auto wanted = ir::evaluate(*net->graph, inputs);
      ASSERT_TRUE(wanted.ok());
      EXPECT_EQ(difference(net->context->output(0).tensor(), (*wanted)[0].tensor(), {}), "");
      for (const int64_t bad : {int64_t{5}, int64_t{-6}, INT64_MAX, INT64_MIN}) {
        Tensor indices = good.clone();
        indices.data<int64_t>()[3] = bad;
        std::vector<Value> damaged = inputs;
        damaged[1] = indices;
        const Status status = run(*net, damaged);
        ASSERT_FALSE(status.ok());
        EXPECT_NE(status.message().find(fmt::format("index {} at position 3; expected one in [-5,4]", bad)), std::string::npos) << status.message();
      }
    }
  }
}

}  // namespace
}  // namespace sinter::testing
