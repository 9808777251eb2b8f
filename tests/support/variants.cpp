#include "support/variants.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "session/run.h"

namespace sinter::testing {
namespace {

constexpr int64_t kLargeElements = (1 << 16) + 3;
constexpr int64_t kMostElements = 1 << 19;  // of one input or output of a derived model
constexpr size_t kMostFailures = 3;         // lines of one model

struct Run {
  std::string what;  // "given", "size 3 becomes 0", …
  const char* kind;  // where it is counted
  ir::Model model;
  std::vector<Value> inputs;
};

ir::Model clone(const ir::Model& model) {
  ir::Model copy;
  copy.graph = model.graph->clone();
  copy.opsets = model.opsets;
  return copy;
}

uint64_t mixed(uint64_t z) {
  z = (z + 0x9E3779B97F4A7C15ull) * 0xBF58476D1CE4E5B9ull;
  return z ^ (z >> 29);
}

// Elements drawn from those of `source`; without any, small numbers. Floats lie between two of them, so that few are equal.
Tensor drawn(const Tensor& source, const Dims& dims) {
  Tensor tensor(source.dtype(), dims);
  if (source.dtype() == DType::kString) {
    for (int64_t i = 0; i < tensor.count(); ++i)
      tensor.data<std::string>()[i] = source.count() > 0 ? source.data<std::string>()[mixed(i) % source.count()] : std::to_string(i % 3);
    return tensor;
  }
  const std::vector<double> values = source.to_f64();
  Tensor wide(DType::kF64, dims);
  const bool blend = contains(kFloatTypes, source.dtype());
  for (int64_t i = 0; i < wide.count(); ++i) {
    const auto draw = [&](uint64_t salt) { return values.empty() ? static_cast<double>(mixed(i + salt) % 2) : values[mixed(i + salt) % values.size()]; };
    const double a = draw(1), b = draw(99), share = static_cast<double>(mixed(i + 7) % 1000) / 1000;
    wide.data<double>()[i] = blend && std::isfinite(a) && std::isfinite(b) && a != b ? a + (b - a) * share : a;
  }
  return wide.cast(source.dtype());
}

// Values that are typed anew from the inputs.
void forget_types(ir::Graph& graph) {
  for (const auto& [id, value] : graph.values()) {
    if (value->is_constant()) continue;
    value->declared = {};
    value->noted = false;
    value->elements.reset();
    if (!value->is_graph_input()) value->type = {};
  }
}

bool is_plain(const ir::Model& model, const std::vector<Value>& inputs) {
  for (const Value& input : inputs) {
    if (!input.is_tensor() || contains(kComplexTypes, input.tensor().dtype())) return false;
  }
  return std::all_of(model.graph->nodes().begin(), model.graph->nodes().end(), [](const auto& node) { return node->subgraphs.empty(); });
}

bool is_small(const ir::Model& model, const std::vector<Value>& inputs) {
  for (const Value& input : inputs) {
    if (input.tensor().count() > kMostElements) return false;
  }
  for (const auto& [id, value] : model.graph->values()) {
    if (!value->type.shape) continue;
    const auto dims = evaluate(*value->type.shape, {});
    int64_t count = 1;
    if (dims) {
      for (const int64_t dim : *dims) count = dim > 0 && count > kMostElements / dim ? kMostElements + 1 : count * dim;
    }
    if (count > kMostElements) return false;
  }
  return true;
}

// The size that takes the largest input that has `size` above 65536 elements.
int64_t large_for(const std::vector<Value>& inputs, int64_t size) {
  int64_t least = kLargeElements;
  for (const Value& input : inputs) {
    const Dims& dims = input.tensor().dims();
    const auto times = std::count(dims.begin(), dims.end(), size);
    if (times == 0) continue;
    int64_t others = 1;
    for (const int64_t dim : dims) others *= dim == size ? 1 : std::max<int64_t>(dim, 1);
    const double needed = std::pow(static_cast<double>(kLargeElements) / static_cast<double>(others), 1.0 / static_cast<double>(times));
    least = std::min(least, static_cast<int64_t>(std::ceil(needed)));
  }
  return std::max<int64_t>(least | 1, 3);
}

void add_sizes(const ir::Model& model, const std::vector<Value>& inputs, const VariantOptions& options, std::vector<Run>& runs) {
  std::set<int64_t> sizes;
  for (const Value& input : inputs) sizes.insert(input.tensor().dims().begin(), input.tensor().dims().end());
  for (const int64_t size : sizes) {
    std::vector<int64_t> wanted = options.sizes;
    if (options.large) wanted.push_back(large_for(inputs, size));
    for (const int64_t other : wanted) {
      if (other == size) continue;
      Run run{fmt::format("size {} becomes {}", size, other), "sizes", clone(model), {}};
      forget_types(*run.model.graph);
      int64_t most = 0;
      for (size_t i = 0; i < inputs.size(); ++i) {
        Dims dims = inputs[i].tensor().dims();
        std::replace(dims.begin(), dims.end(), size, other);
        int64_t count = 1;
        for (const int64_t dim : dims) count = dim > 0 && count > kMostElements / dim ? kMostElements + 1 : count * dim;
        most = std::max(most, count);
        if (most > kMostElements) break;
        run.inputs.emplace_back(drawn(inputs[i].tensor(), dims));
        run.model.graph->inputs[i]->type = run.inputs.back().tensor().type();
      }
      if (most <= kMostElements) runs.push_back(std::move(run));
    }
  }
}

// One size of one input alone: what does not fit must be refused by every way.
void add_mismatches(const ir::Model& model, const std::vector<Value>& inputs, std::vector<Run>& runs) {
  if (inputs.size() < 2) return;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t axis = 0; axis < inputs[i].tensor().dims().size(); ++axis) {
      Dims dims = inputs[i].tensor().dims();
      if (inputs[i].tensor().count() > kMostElements / 2) continue;
      dims[axis] += 1;
      Run run{fmt::format("input {} longer by one along axis {}", i, axis), "mismatches", clone(model), inputs};
      forget_types(*run.model.graph);
      run.inputs[i] = Value(drawn(inputs[i].tensor(), dims));
      run.model.graph->inputs[i]->type = run.inputs[i].tensor().type();
      runs.push_back(std::move(run));
    }
  }
}

struct Special {
  const char* name;
  std::vector<double> values;
};

void add_values(const ir::Model& model, const std::vector<Value>& inputs, std::vector<Run>& runs) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static const Special kinds[] = {{"NaN", {std::nan("")}}, {"infinities", {kInfinity, -kInfinity}}, {"denormals and zeros", {1e-45, -0.0, -1e-45, 0.0}}};
  for (const Special& kind : kinds) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Tensor& tensor = inputs[i].tensor();
      if (!contains(kFloatTypes, tensor.dtype()) || tensor.count() == 0) continue;
      Tensor wide = tensor.cast(DType::kF64).clone();
      for (int64_t k = 0; k < wide.count(); k += 3) wide.data<double>()[(k + k / 9) % wide.count()] = kind.values[(k / 3) % kind.values.size()];
      Run run{fmt::format("{} in input {}", kind.name, i), "values", clone(model), inputs};
      run.inputs[i] = Value(wide.cast(tensor.dtype()));
      runs.push_back(std::move(run));
    }
  }
}

std::string describe(const std::vector<Value>& inputs) {
  std::string text;
  for (const Value& input : inputs) text += (text.empty() ? "" : " ") + (input.is_tensor() ? input.tensor().type().to_string() : std::string("container"));
  return text;
}

// Normalizations divide what rounding leaves of a difference by as little as the root of their epsilon.
double amplification(const ir::Model& model) {
  double most = 1;
  for (const auto& node : model.graph->nodes()) {
    const float* epsilon = node->attributes.find_as<float>("epsilon");
    if (epsilon && *epsilon > 0) most = std::max(most, 0.1 / std::sqrt(static_cast<double>(*epsilon)));
  }
  return most;
}

// Rounding of sums grows with their terms: the largest finite value of the output stands for them, and more than thousands of terms for each thousands.
double allowance(const ir::Model& model, const std::vector<Value>& inputs) {
  int64_t most = 0;
  for (const Value& input : inputs) most = std::max(most, input.is_tensor() ? input.tensor().count() : 0);
  return amplification(model) * static_cast<double>(1 + most / 16384);
}

// Exact where `factor` is 0.
Status compare(const Value& got, const Value& wanted, double factor) {
  if (got.content.index() != wanted.content.index()) return make_error(Code::kInternal, "another kind of value");
  if (!got.present()) return ok_status();
  if (got.is_sequence()) {
    if (got.sequence().size() != wanted.sequence().size()) return make_error(Code::kInternal, "a sequence of {} instead of {}", got.sequence().size(), wanted.sequence().size());
    for (size_t i = 0; i < got.sequence().size(); ++i) SINTER_TRY(compare(got.sequence()[i], wanted.sequence()[i], factor));
    return ok_status();
  }
  const Tensor &a = got.tensor(), &b = wanted.tensor();
  if (a.type().to_string() != b.type().to_string()) return make_error(Code::kInternal, "{} instead of {}", a.type().to_string(), b.type().to_string());
  if (factor == 0 || a.dtype() == DType::kString || contains(kComplexTypes, a.dtype()))
    return a.identical(b) ? ok_status() : make_error(Code::kInternal, "other bits");
  const std::vector<double> x = a.to_f64(), y = b.to_f64();
  double largest = 1;
  for (const double value : y) largest = std::isfinite(value) ? std::max(largest, std::fabs(value)) : largest;
  const double allowed = kernel_tolerance(b.dtype()) * factor * largest;
  for (size_t i = 0; i < x.size(); ++i) {
    if ((std::isnan(x[i]) && std::isnan(y[i])) || x[i] == y[i] || std::fabs(x[i] - y[i]) <= allowed) continue;
    return make_error(Code::kInternal, "element {} of {} is {}, not {}", i, x.size(), x[i], y[i]);
  }
  return ok_status();
}

Status compare_all(const std::vector<Value>& got, const std::vector<Value>& wanted, double factor) {
  if (got.size() != wanted.size()) return make_error(Code::kInternal, "{} outputs instead of {}", got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const Status same = compare(got[i], wanted[i], factor);
    if (!same.ok()) return make_error(Code::kInternal, "output {}: {}", i, same.message());
  }
  return ok_status();
}

using Outputs = Result<std::vector<Value>>;

Outputs run_engine(const std::shared_ptr<const runtime::Engine>& engine, const std::vector<Value>& inputs) {
  runtime::ContextOptions options;
  options.threads = 1;
  SINTER_ASSIGN(const auto context, runtime::ExecutionContext::create(engine, options));
  return context->run(inputs);
}

// The engine of a graph, run as it was built and after it was written and loaded.
Status run_both(const ir::Model& model, const std::vector<Value>& inputs, bool optimise, std::vector<Value>& direct, std::vector<Value>& loaded) {
  const std::unique_ptr<ir::Graph> graph = model.graph->clone();
  if (optimise) {
    const auto report = passes::run_pipeline(*graph, {});
    SINTER_TRY(report.ok() ? ok_status() : report.status());
  }
  static const auto timings = std::make_shared<builder::TimingCache>();  // most variants have problems in common
  builder::BuildOptions options;
  options.timings = timings;
  SINTER_ASSIGN(builder::BuildResult built, builder::build_plan(*graph, options));
  engine::EngineContents contents = session::plain_contents(*graph, std::move(built));
  SINTER_ASSIGN(const std::string bytes, engine::write_engine(contents));
  SINTER_ASSIGN(const auto engine, runtime::Engine::from_memory(bytes));
  SINTER_ASSIGN(loaded, run_engine(engine, inputs));
  SINTER_ASSIGN(const auto built_engine, runtime::Engine::from_contents(std::move(contents)));
  SINTER_ASSIGN(direct, run_engine(built_engine, inputs));
  return ok_status();
}

// "" or what is wrong.
std::string check_run(const Run& run, bool optimise, const Outputs& wanted) {
  std::vector<Value> direct, loaded;
  const Status status = run_both(run.model, run.inputs, optimise, direct, loaded);
  const std::string where = fmt::format("{} ({}), {}", run.what, describe(run.inputs), optimise ? "optimised" : "not optimised");
  if (status.ok() != wanted.ok())
    return status.ok() ? fmt::format("{}: runs, but the reference evaluator says: {}", where, wanted.status().to_string()) : fmt::format("{}: {}", where, status.to_string());
  if (!status.ok()) return "";
  const Status saved = compare_all(loaded, direct, 0);
  if (!saved.ok()) return fmt::format("{}: loaded against built engine: {}", where, saved.message());
  const Status same = compare_all(direct, *wanted, allowance(run.model, run.inputs));
  return same.ok() ? "" : fmt::format("{}: {}", where, same.message());
}

}  // namespace

double kernel_tolerance(DType dtype) {
  switch (dtype) {
    case DType::kF64: return 1e-9;
    case DType::kF32: return 2e-5;
    case DType::kF16: return 2e-3;
    case DType::kBF16: return 2e-2;
    default: return 0;
  }
}

std::vector<std::string> check_variants(const ir::Model& model, const std::vector<Value>& inputs, const VariantOptions& options, VariantCounts& counts) {
  std::vector<Run> runs;
  runs.push_back({"given", "given", clone(model), inputs});
  if (is_plain(model, inputs)) {
    add_sizes(model, inputs, options, runs);
    if (!options.sizes.empty()) add_mismatches(model, inputs, runs);
    if (options.special_values) add_values(model, inputs, runs);
  }
  std::vector<std::string> failures;
  for (const Run& run : runs) {
    const bool given = std::string_view(run.kind) == "given";
    // Sizes that a rule refuses are no model.
    if (!given && (!ir::infer_types(*run.model.graph).ok() || !is_small(run.model, run.inputs))) {
      ++counts["impossible"];
      continue;
    }
    const Outputs wanted = ir::evaluate(*run.model.graph, run.inputs);
    ++counts[wanted.ok() ? run.kind : "refused"];
    for (const bool optimise : {true, false}) {
      if (given && optimise && !options.given_optimised) continue;
      if (!given && !optimise && !wanted.ok()) continue;
      const std::string failure = check_run(run, optimise, wanted);
      if (!failure.empty() && failures.size() < kMostFailures) failures.push_back(failure);
    }
  }
  return failures;
}

}  // namespace sinter::testing
