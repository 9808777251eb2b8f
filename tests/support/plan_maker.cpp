#include "support/plan_maker.h"

#include <mutex>

#include "base/cpu_info.h"

namespace sinter::test {

int32_t RegionMaker::value(const std::string& name, const std::string& type, plan::Storage storage, int32_t index, Layout layout) {
  plan::PlanValue value;
  value.name = name;
  value.type = ValueType::parse(type).value();
  value.storage = storage;
  value.index = index;
  value.layout = layout;
  region().values.push_back(std::move(value));
  return static_cast<int32_t>(region().values.size() - 1);
}

int32_t RegionMaker::input(const std::string& name, const std::string& type) {
  const int32_t at = value(name, type, plan::Storage::kInput, static_cast<int32_t>(region().inputs.size()));
  region().inputs.push_back(at);
  return at;
}

int32_t RegionMaker::constant(const std::string& name, Tensor tensor) {
  contents_.blobs.push_back(tensor);
  contents_.plan.blobs.push_back({tensor.dtype(), tensor.dims()});
  return value(name, tensor.type().to_string(), plan::Storage::kConstant, static_cast<int32_t>(contents_.blobs.size() - 1));
}

int32_t RegionMaker::alias(const std::string& name, const std::string& type, int32_t of, Dim offset_bytes) {
  const int32_t at = value(name, type, plan::Storage::kAlias, of);
  region().values[static_cast<size_t>(at)].alias_offset_bytes = std::move(offset_bytes);
  return at;
}

plan::Step& RegionMaker::step(plan::StepKind kind, const std::string& op, std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
  plan::Step step;
  step.kind = kind;
  step.name = op + "_" + std::to_string(region().steps.size());
  step.source_nodes = {step.name};
  step.problem.op = op;
  step.problem.node = step.name;
  step.inputs = std::move(inputs);
  step.outputs = std::move(outputs);
  region().steps.push_back(std::move(step));
  return region().steps.back();
}

plan::Step& RegionMaker::reference(const std::string& op, std::vector<int32_t> inputs, std::vector<int32_t> outputs,
                                   Attributes attributes) {
  plan::Step& added = step(plan::StepKind::kReference, op, std::move(inputs), std::move(outputs));
  added.problem.attributes = std::move(attributes);
  return added;
}

plan::Step& RegionMaker::control(const std::string& op, std::vector<int32_t> inputs, std::vector<int32_t> outputs,
                                 std::vector<std::pair<std::string, int32_t>> bodies) {
  plan::Step& added = step(plan::StepKind::kControl, op, std::move(inputs), std::move(outputs));
  added.regions = std::move(bodies);
  return added;
}

plan::Step& RegionMaker::kernel(const std::string& tactic, const std::string& op, std::vector<int32_t> inputs,
                                std::vector<int32_t> outputs) {
  plan::Step& added = step(plan::StepKind::kKernel, op, std::move(inputs), std::move(outputs));
  added.tactic = tactic;
  added.tactic_version = 1;
  const auto describe = [&](const std::vector<int32_t>& values, std::vector<TensorDesc>& descs, std::vector<Layout>& layouts) {
    for (int32_t v : values) {
      TensorDesc desc;
      desc.present = v >= 0;
      if (v >= 0) {
        const plan::PlanValue& value = region().values[static_cast<size_t>(v)];
        desc.dtype = value.type.dtype;
        desc.shape = *value.type.shape;
        desc.layout = value.layout;
      }
      layouts.push_back(desc.layout);
      descs.push_back(std::move(desc));
    }
  };
  describe(added.inputs, added.problem.inputs, added.offer.input_layouts);
  describe(added.outputs, added.problem.outputs, added.offer.output_layouts);
  return added;
}

RegionMaker add_region(engine::EngineContents& contents, const std::string& name, int32_t parent) {
  contents.plan.isa = std::string(isa_name(Isa::kBaseline));
  contents.plan.regions.emplace_back();
  contents.plan.regions.back().name = name;
  contents.plan.regions.back().parent = parent;
  return {contents, static_cast<int32_t>(contents.plan.regions.size() - 1)};
}

namespace {

enum class Work { kRelu, kAdd, kBlobAdd };

class TestKernel final : public Kernel {
 public:
  TestKernel(Work work, Layout layout, Tensor blob) : work_(work), layout_(layout), blob_(std::move(blob)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    for (const Dims& dims : inputs) {
      if (dims != outputs[0]) return make_error(Code::kInternal, "test kernel: shapes differ");
    }
    count_ = physical_count(layout_, outputs[0]);
    if (work_ == Work::kBlobAdd && blob_.count() != count_) return make_error(Code::kInternal, "test kernel: blob differs");
    return work_ == Work::kBlobAdd ? count_ * 4 : 0;
  }

  Status launch(const LaunchArgs& args) override {
    const float* a = static_cast<const float*>(args.inputs[0]);
    float* out = static_cast<float*>(args.outputs[0]);
    if (work_ == Work::kRelu) {
      last_relu_launch() = {a, out};
      args.team->split(count_, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) out[i] = a[i] < 0 ? 0 : a[i];
      });
    } else if (work_ == Work::kAdd) {
      const float* b = static_cast<const float*>(args.inputs[1]);
      for (int64_t i = 0; i < count_; ++i) out[i] = a[i] + b[i];
    } else {
      float* scratch = static_cast<float*>(args.workspace);
      if (reinterpret_cast<uintptr_t>(scratch) % kTensorAlignment != 0) return make_error(Code::kInternal, "workspace");
      for (int64_t i = 0; i < count_; ++i) scratch[i] = blob_.data<float>()[i];
      for (int64_t i = 0; i < count_; ++i) out[i] = a[i] + scratch[i];
    }
    return ok_status();
  }

 private:
  Work work_;
  Layout layout_;
  Tensor blob_;
  int64_t count_ = 0;
};

class TestTactic final : public Tactic {
 public:
  TestTactic(std::string id, Work work) : id_(std::move(id)), work_(work) {}
  std::string_view id() const override { return id_; }
  int version() const override { return 1; }
  void query(const Problem&, Answer& answer) const override { answer.decline("for tests of the runtime only"); }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    const size_t wanted = work_ == Work::kBlobAdd ? 1 : 0;
    if (blobs.size() != wanted || problem.inputs.empty() || problem.inputs[0].dtype != DType::kF32) {
      return make_error(Code::kInvalidEngine, "test tactic: bad problem");
    }
    return std::unique_ptr<Kernel>(
        std::make_unique<TestKernel>(work_, problem.inputs[0].layout, wanted ? blobs[0] : Tensor()));
  }

 private:
  std::string id_;
  Work work_;
};

}  // namespace

void register_test_tactics() {
  static std::once_flag once;
  std::call_once(once, [] {
    static const TestTactic relu("test.relu", Work::kRelu), add("test.add", Work::kAdd), blob_add("test.blob_add", Work::kBlobAdd);
    for (const Tactic* tactic : {&relu, &add, &blob_add}) tactic_registry().add(tactic);
  });
}

LastLaunch& last_relu_launch() {
  thread_local LastLaunch launch;
  return launch;
}

}  // namespace sinter::test
