#include "session/compare_layers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "quant/equalize.h"
#include "session/distance.h"
#include "session/value_view.h"

namespace sinter::session {
namespace {

constexpr float kLargestF16 = 65504, kSmallestF16 = 0x1p-14f;

using Scales = std::vector<std::optional<ValueScale>>;

bool is_main(const plan::Region& region) { return region.parent < 0; }

// What A's values are in one run, and where it stops being finite.
class Recorder : public runtime::StepWatcher {
 public:
  explicit Recorder(const plan::Region& region) : scales_(scales_of(region)), values_(region.values.size()), ranges_(region.values.size()) {}

  Status after(runtime::StepView& view) override {
    if (!is_main(view.region())) return ok_status();
    for (int32_t v : view.made()) {
      SINTER_ASSIGN(const auto found, view.value(v));
      if (!found) continue;
      const auto index = static_cast<size_t>(v);
      values_[index] = to_f32(*found, scales_[index]);
      if (values_[index].defined()) look(view, index);
    }
    return ok_status();
  }
  // A new run, which changes nothing of what earlier ones found.
  void begin(int64_t sample, const plan::Region& region, const std::vector<Value>& inputs) {
    std::fill(values_.begin(), values_.end(), Tensor());
    sample_ = sample;
    for (size_t i = 0; i < inputs.size() && i < region.inputs.size(); ++i) {
      if (inputs[i].is_tensor() && is_float(inputs[i].tensor().dtype())) values_[static_cast<size_t>(region.inputs[i])] = inputs[i].tensor().cast(DType::kF32);
    }
  }
  const Tensor& value(size_t index) const { return values_[index]; }
  const std::string& not_finite() const { return not_finite_; }
  const std::vector<LayerRange>& ranges() const { return ranges_; }

 private:
  void look(runtime::StepView& view, size_t index) {
    const Tensor& tensor = values_[index];
    LayerRange& range = ranges_[index];
    range.layer = view.step().name;
    range.tensor = view.region().values[index].name;
    int64_t nans = 0, infinities = 0;
    for (int64_t i = 0; i < tensor.count(); ++i) {
      const float x = std::fabs(tensor.data<float>()[i]);
      nans += std::isnan(x), infinities += std::isinf(x);
      range.beyond_f16 += x > kLargestF16;
      range.below_f16 += x > 0 && x < kSmallestF16;
    }
    range.count += tensor.count();
    if (not_finite_.empty() && nans + infinities > 0) {
      not_finite_ = fmt::format("layer '{}' ({}) is the first with {} in '{}' (sample {})", view.step().name, view.step().problem.op,
                                nans > 0 ? fmt::format("{} NaN", nans) : fmt::format("{} infinite values", infinities), range.tensor, sample_);
    }
  }
  Scales scales_;
  std::vector<Tensor> values_;
  std::vector<LayerRange> ranges_;
  std::string not_finite_;
  int64_t sample_ = 0;
};

// Which of A's values each of B's stands for; -1: none.
std::vector<int32_t> match_values(const plan::Region& a, const plan::Region& b) {
  std::map<std::string, int32_t> named;
  std::map<int32_t, const plan::Step*> makers;
  for (const plan::Step& step : a.steps) {
    if (step.kind == plan::StepKind::kTransfer) continue;
    for (int32_t v : step.outputs) {
      if (v >= 0) makers.emplace(v, &step);
    }
  }
  const auto add = [&](int32_t v) {
    for (const std::string& name : a.values[static_cast<size_t>(v)].onnx_names) named.emplace(name, v);
  };
  for (const auto& [v, step] : makers) add(v);
  for (size_t v = 0; v < a.values.size(); ++v) {
    const plan::Storage storage = a.values[v].storage;
    if (storage == plan::Storage::kArena || storage == plan::Storage::kAlias || storage == plan::Storage::kInput) add(static_cast<int32_t>(v));
  }
  std::vector<int32_t> matches(b.values.size(), -1);
  for (size_t v = 0; v < b.values.size(); ++v) {
    for (const std::string& name : b.values[v].onnx_names) {
      const auto it = named.find(name);
      if (it != named.end() && matches[v] < 0) matches[v] = it->second;
    }
  }
  const auto sources = [](const plan::Step& step) {
    return step.source_nodes.empty() ? std::set<std::string>{step.name} : std::set<std::string>(step.source_nodes.begin(), step.source_nodes.end());
  };
  std::vector<std::pair<std::set<std::string>, int32_t>> by_nodes;
  for (const plan::Step& step : a.steps) {
    if (step.kind != plan::StepKind::kTransfer && step.outputs.size() == 1 && step.outputs[0] >= 0) by_nodes.emplace_back(sources(step), step.outputs[0]);
  }
  const auto same_shape = [&](int32_t in_a, size_t in_b) {
    const ValueType &x = a.values[static_cast<size_t>(in_a)].type, &y = b.values[in_b].type;
    return x.is_tensor() && y.is_tensor() && x.shape && y.shape && *x.shape == *y.shape;
  };
  for (const plan::Step& step : b.steps) {
    if (step.outputs.size() != 1 || step.outputs[0] < 0) continue;
    const auto out = static_cast<size_t>(step.outputs[0]);
    if (matches[out] >= 0) continue;
    const bool copies = step.kind == plan::StepKind::kTransfer || step.problem.op == "Reformat" || step.problem.op == "QuantizeLinear" ||
                        (step.problem.op == "Pointwise" && step.source_nodes.empty());
    const int32_t copied = copies && !step.inputs.empty() && step.inputs[0] >= 0 ? matches[static_cast<size_t>(step.inputs[0])] : -1;
    if (copied >= 0 && same_shape(copied, out)) {
      matches[out] = copied;
      continue;
    }
    // Equalized values are multiples, channel by channel, of what the nodes made.
    if (b.values[out].name.find(quant::kEqualizedMark) != std::string::npos) continue;
    const std::set<std::string> own = sources(step);
    size_t most = 0;
    for (const auto& [nodes, v] : by_nodes) {
      if (nodes.size() < most || !same_shape(v, out) || !std::includes(own.begin(), own.end(), nodes.begin(), nodes.end())) continue;
      most = nodes.size();
      matches[out] = v;
    }
    // Quantizers drop a Relu whose work the clipping of 8-bit values does: then some of A's nodes must do.
    const DType type = b.values[out].type.dtype;
    if (matches[out] >= 0 || (type != DType::kI8 && type != DType::kU8)) continue;
    for (const auto& [nodes, v] : by_nodes) {
      const auto common = static_cast<size_t>(std::count_if(nodes.begin(), nodes.end(), [&](const std::string& node) { return own.count(node) > 0; }));
      if (common <= most || !same_shape(v, out)) continue;
      most = common;
      matches[out] = v;
    }
  }
  return matches;
}

// Feeds each of B's steps with A's values and measures what comes out.
class Teacher : public runtime::StepWatcher {
 public:
  Teacher(const plan::Region& region, std::vector<int32_t> matches, const Recorder& recorder)
      : scales_(scales_of(region)), matches_(std::move(matches)), recorder_(recorder), alone_(region.values.size()), own_(region.values.size()),
        fed_(region.steps.size(), true), step_of_(region.values.size(), -1) {
    for (size_t s = 0; s < region.steps.size(); ++s) {
      for (int32_t v : region.steps[s].outputs) {
        if (v >= 0 && region.steps[s].kind != plan::StepKind::kTransfer && region.steps[s].problem.op != "Reformat") step_of_[static_cast<size_t>(v)] = static_cast<int32_t>(s);
      }
    }
  }
  bool feeding = true;

  Status before(runtime::StepView& view) override {
    if (!feeding || !is_main(view.region())) return ok_status();
    const size_t number = static_cast<size_t>(&view.step() - view.region().steps.data());
    for (int32_t v : view.step().inputs) {
      if (v < 0) continue;
      const plan::Storage root = view.region().values[static_cast<size_t>(plan::alias_root(view.region(), v))].storage;
      if (root == plan::Storage::kConstant || root == plan::Storage::kInput) continue;
      SINTER_ASSIGN(const bool done, feed(view, v));
      fed_[number] = fed_[number] && done;
    }
    return ok_status();
  }
  Status after(runtime::StepView& view) override {
    if (!is_main(view.region())) return ok_status();
    for (int32_t v : view.step().outputs) {
      const auto index = static_cast<size_t>(v);
      if (v < 0 || step_of_[index] < 0 || matches_[index] < 0) continue;
      const Tensor& expected = recorder_.value(static_cast<size_t>(matches_[index]));
      SINTER_ASSIGN(const auto found, view.value(v));
      if (!found || !expected.defined()) continue;
      const Tensor got = to_f32(*found, scales_[index]);
      if (got.defined() && got.count() == expected.count()) (feeding ? alone_ : own_)[index].add(expected, got);
    }
    return ok_status();
  }
  void report(const plan::Region& a, const plan::Region& b, LayerComparison& out) const {
    std::set<int32_t> seen;
    for (size_t v = 0; v < b.values.size(); ++v) {
      if (step_of_[v] < 0 || b.values[v].storage == plan::Storage::kNone) continue;
      const plan::Step& step = b.steps[static_cast<size_t>(step_of_[v])];
      if (alone_[v].pairs() == 0) {
        // What only moves elements introduces no error, and has no counterpart where A has the value without a step (a Concat in place).
        static constexpr std::string_view kMovers[] = {"Concat", "Slice", "Split", "Transpose", "Reformat"};
        if (std::find(std::begin(kMovers), std::end(kMovers), step.problem.op) == std::end(kMovers)) ++out.unmatched;
        continue;
      }
      ++out.matched;
      LayerError error{step.name, step.problem.op, std::string(dtype_name(b.values[v].type.dtype)), a.values[static_cast<size_t>(matches_[v])].name};
      error.alone = alone_[v].relative_l2();
      error.cosine = alone_[v].cosine();
      error.max_error = alone_[v].max_error();
      error.accumulated = own_[v].relative_l2();
      error.fed = fed_[static_cast<size_t>(step_of_[v])];
      out.errors.push_back(std::move(error));
    }
    std::stable_sort(out.errors.begin(), out.errors.end(), [](const LayerError& x, const LayerError& y) { return x.alone > y.alone; });
  }

 private:
  Result<bool> feed(runtime::StepView& view, int32_t v) {
    const auto index = static_cast<size_t>(v);
    SINTER_ASSIGN(const auto found, view.value(v));
    if (!found) return false;
    const DType dtype = found->value->type.dtype;
    // A view of a whole value is fed by way of it.
    const int32_t root = plan::alias_root(view.region(), v);
    if (matches_[index] < 0 && root != v && matches_[static_cast<size_t>(root)] >= 0) return feed(view, root);
    if (matches_[index] < 0 || !recorder_.value(static_cast<size_t>(matches_[index])).defined()) return !is_float(dtype) && dtype != DType::kI8 && dtype != DType::kU8;
    const std::vector<uint8_t> bytes = to_bytes(recorder_.value(static_cast<size_t>(matches_[index])), *found, scales_[index]);
    if (bytes.empty()) return false;
    SINTER_TRY(view.write(v, bytes));
    return true;
  }
  Scales scales_;
  std::vector<int32_t> matches_;
  const Recorder& recorder_;
  std::vector<Distance> alone_, own_;
  std::vector<bool> fed_;
  std::vector<int32_t> step_of_;
};

class Comparer : public LayerComparer {
 public:
  std::shared_ptr<const runtime::Engine> a, b;
  std::unique_ptr<runtime::ExecutionContext> a_context, b_context, free_context;
  std::shared_ptr<Recorder> a_values, b_values;
  std::shared_ptr<Teacher> teacher;
  LayerComparison result;

  Status add(const std::vector<Value>& a_inputs, const std::vector<Value>& b_inputs) override {
    a_values->begin(result.samples, a->plan().regions[0], a_inputs);
    SINTER_TRY(a_context->run(a_inputs).status());
    for (const bool feeding : {true, false}) {
      teacher->feeding = feeding;
      SINTER_TRY(b_context->run(b_inputs).status());
    }
    b_values->begin(result.samples, b->plan().regions[0], b_inputs);
    SINTER_TRY(free_context->run(b_inputs).status());
    ++result.samples;
    return ok_status();
  }
  LayerComparison finish() override {
    teacher->report(a->plan().regions[0], b->plan().regions[0], result);
    result.not_finite_a = a_values->not_finite();
    result.not_finite_b = b_values->not_finite();
    for (const LayerRange& range : a_values->ranges()) {
      if (range.beyond_f16 + range.below_f16 > 0) result.ranges.push_back(range);
    }
    std::stable_sort(result.ranges.begin(), result.ranges.end(), [](const LayerRange& x, const LayerRange& y) {
      return x.beyond_f16 != y.beyond_f16 ? x.beyond_f16 > y.beyond_f16 : x.below_f16 > y.below_f16;
    });
    return std::move(result);
  }
};

}  // namespace

Result<std::unique_ptr<LayerComparer>> LayerComparer::create(std::shared_ptr<const runtime::Engine> a, std::shared_ptr<const runtime::Engine> b, int threads) {
  auto comparer = std::make_unique<Comparer>();
  const plan::Region &in_a = a->plan().regions[0], &in_b = b->plan().regions[0];
  comparer->a_values = std::make_shared<Recorder>(in_a);
  comparer->b_values = std::make_shared<Recorder>(in_b);
  comparer->teacher = std::make_shared<Teacher>(in_b, match_values(in_a, in_b), *comparer->a_values);
  runtime::ContextOptions options;
  options.threads = threads;
  options.watcher = comparer->a_values;
  SINTER_ASSIGN(comparer->a_context, runtime::ExecutionContext::create(a, options));
  options.watcher = comparer->teacher;
  SINTER_ASSIGN(comparer->b_context, runtime::ExecutionContext::create(b, options));
  options.watcher = comparer->b_values;
  SINTER_ASSIGN(comparer->free_context, runtime::ExecutionContext::create(b, options));
  comparer->a = std::move(a);
  comparer->b = std::move(b);
  return Result<std::unique_ptr<LayerComparer>>(std::move(comparer));
}

}  // namespace sinter::session
