#include "session/memory_estimate.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "builder/boards.h"
#include "onnx/import.h"

namespace sinter::session {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kMostBatch = 4096;
constexpr double kWeightShare = 1.15;  // packed weights beside the model's: ResNet-50 112.5 to 97.3 MiB (docs/benchmarks.md)

enum class Kind { kF32, kF16, kI8 };
constexpr std::pair<Kind, const char*> kKinds[] = {{Kind::kF32, "fp32"}, {Kind::kF16, "fp16"}, {Kind::kI8, "int8"}};

bool is_dense(const ir::Node& node) {
  const std::string& op = node.op->name;
  return op == "Conv" || op == "ConvTranspose" || op == "MatMul" || op == "Gemm" || op.rfind("Quantized", 0) == 0;
}

// Bytes of `count` elements when the build permits a precision. `dense`: weights or results of convolutions and products.
int64_t bytes_as(DType dtype, int64_t count, Kind kind, bool dense) {
  if (dtype == DType::kF32 && kind != Kind::kF32) return kind == Kind::kI8 && dense ? count : 2 * count;
  if ((dtype == DType::kF16 || dtype == DType::kBF16) && kind == Kind::kI8 && dense) return count;
  return dtype_bytes(dtype, count);
}

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

struct Interval {
  int64_t bytes = 0;
  int first = 0, last = 0;
  int64_t offset = 0;
};

// Places intervals the largest first, each at the lowest offset that is free while it lives; the end of all.
int64_t place(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.first < b.first; });
  std::vector<Interval*> placed;  // by offset
  int64_t end = 0;
  for (Interval& interval : intervals) {
    int64_t offset = 0;
    for (const Interval* other : placed) {
      if (other->last < interval.first || interval.last < other->first) continue;
      if (offset + interval.bytes <= other->offset) break;
      offset = std::max(offset, other->offset + other->bytes);
    }
    interval.offset = offset;
    end = std::max(end, offset + interval.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &interval, [](const Interval* a, const Interval* b) { return a->offset < b->offset; }), &interval);
  }
  return end;
}

class Estimator {
 public:
  Estimator(const ir::Graph& graph, Bindings symbols) : graph_(graph), symbols_(std::move(symbols)) {}

  MemoryRow row(Kind kind, const char* name) {
    MemoryRow row;
    row.precision = name;
    kind_ = kind;
    row.weights = static_cast<int64_t>(kWeightShare * static_cast<double>(weights(graph_)));
    row.activations = activations(graph_, row.workspace);
    for (const auto* list : {&graph_.inputs, &graph_.outputs}) {
      for (const ir::Value* value : *list) row.io += aligned(bytes_of(*value, false, true));
    }
    return row;
  }
  int64_t unknown() const { return unknown_; }

 private:
  // Of a value at the sizes that are asked for; inputs and outputs keep their type.
  int64_t bytes_of(const ir::Value& value, bool dense, bool as_it_is) {
    if (!value.type.is_tensor() || !value.type.shape || value.type.dtype == DType::kString) return ++unknown_, 0;
    const auto dims = evaluate(*value.type.shape, symbols_);
    if (!dims) return ++unknown_, 0;
    int64_t count = 1;
    for (const int64_t dim : *dims) {
      if (__builtin_mul_overflow(count, dim, &count) || count > (int64_t{1} << 50)) return int64_t{1} << 50;
    }
    return as_it_is ? dtype_bytes(value.type.dtype, count) : bytes_as(value.type.dtype, count, kind_, dense);
  }

  int64_t weights(const ir::Graph& graph) {
    int64_t bytes = 0;
    std::unordered_map<const ir::Value*, bool> dense;
    for (const auto& node : graph.nodes()) {
      for (const ir::Value* input : node->inputs) {
        if (input && input->is_constant()) dense[input] = dense[input] || is_dense(*node);
      }
      for (const auto& [name, body] : node->subgraphs) bytes += weights(*body);
    }
    for (const auto& [value, in_product] : dense) bytes += bytes_as(value->constant.dtype(), value->constant.count(), kind_, in_product && value->constant.rank() > 1);
    return bytes;
  }

  // The arena's size; `workspace`: a copy of the largest input of a convolution or product, which is what tactics that pack their input hold.
  int64_t activations(const ir::Graph& graph, int64_t& workspace) {
    std::unordered_map<const ir::Value*, size_t> place_of;  // views and work in place share one
    std::vector<Interval> intervals;
    std::unordered_map<const ir::Value*, int> last_use;
    int step = 0;
    for (const auto& node : graph.nodes()) {
      for (const ir::Value* input : node->inputs) last_use[input] = step;
      for (const auto& [name, body] : node->subgraphs) {
        for (const auto& [id, inner] : body->values()) {
          if (inner->captured) last_use[inner->captured] = step;
        }
      }
      ++step;
    }
    step = 0;
    for (const auto& node : graph.nodes()) {
      const ir::Value* first = node->input(0);
      const auto held = place_of.find(first);
      for (const auto& [name, body] : node->subgraphs) intervals.push_back({activations(*body, workspace), step, step, 0});
      if (is_dense(*node) && first) workspace = std::max(workspace, bytes_of(*first, true, false));
      for (const ir::Value* output : node->outputs) {
        if (!output || graph.is_output(output)) continue;  // outputs are counted with the inputs
        const int last = std::max(step, last_use.count(output) ? last_use[output] : step);
        const int64_t bytes = aligned(bytes_of(*output, is_dense(*node), false));
        const bool elementwise = node->op->is(kElementwise) || node->op->name == "Pointwise";
        const bool shares = held != place_of.end() && (node->op->is(kViewOnly) || (elementwise && last_use[first] == step && intervals[held->second].bytes == bytes));
        if (shares) {
          place_of[output] = held->second;
          intervals[held->second].last = std::max(intervals[held->second].last, last);
          continue;
        }
        place_of[output] = intervals.size();
        intervals.push_back({bytes, step, last, 0});
      }
      ++step;
    }
    return place(std::move(intervals));
  }

  const ir::Graph& graph_;
  Bindings symbols_;
  Kind kind_ = Kind::kF32;
  int64_t unknown_ = 0;
};

// The model with its batch as a symbol where that can be; `why`: why it cannot.
struct Subject {
  Optimised optimised;
  std::string batch;  // the symbol; "": fixed
  std::string why;
};

std::string leading_symbol(const ir::Graph& graph) {
  for (const ir::Value* input : graph.inputs) {
    if (input->type.shape && !input->type.shape->empty()) {
      const std::string_view symbol = input->type.shape->front().symbol_name();
      if (!symbol.empty()) return std::string(symbol);
    }
  }
  return "";
}

Result<Subject> read(const BuildRequest& request) {
  BuildRequest open = plain_request(request);
  open.shapes.clear();
  open.min_shapes.clear();
  open.max_shapes.clear();
  Subject subject;
  SINTER_ASSIGN(subject.optimised, import_and_optimise(open));
  subject.batch = leading_symbol(*subject.optimised.model.graph);
  if (!subject.batch.empty()) return subject;
  open.import.dynamic_batch = true;
  auto dynamic = import_and_optimise(open);
  if (dynamic.ok()) {
    subject.batch = leading_symbol(*dynamic->model.graph);
    if (!subject.batch.empty()) subject.optimised = std::move(dynamic).value();
    else subject.why = "its inputs have a fixed batch";
  } else {
    subject.why = dynamic.status().message();
  }
  return subject;
}

// Dynamic dims other than the batch, from the largest shapes given.
Result<Bindings> bind(const ir::Graph& graph, const BuildRequest& request, const std::string& batch, int64_t& given_batch) {
  Bindings symbols;
  const auto& shapes = request.max_shapes.empty() ? request.shapes : request.max_shapes;
  for (const ir::Value* input : graph.inputs) {
    if (!input->type.is_tensor() || !input->type.shape) continue;
    auto given = shapes.find(input->name);
    if (given == shapes.end() && graph.inputs.size() == 1) given = shapes.find("");
    for (size_t axis = 0; axis < input->type.shape->size(); ++axis) {
      const std::string symbol((*input->type.shape)[axis].symbol_name());
      if (symbol.empty()) continue;
      if (given != shapes.end() && axis < given->second.size()) {
        const int64_t size = given->second[axis].value();
        if (symbol == batch) given_batch = size;
        else symbols[symbol] = size;
      } else if (symbol != batch && !symbols.count(symbol)) {
        symbols[symbol] = -1;
      }
    }
  }
  for (const auto& [symbol, size] : symbols) {
    if (size < 0) return make_error(Code::kInvalidArgument, "dimension '{}' of the inputs is dynamic, expected its size; give --shapes or --maxShapes", symbol);
  }
  return symbols;
}

}  // namespace

std::vector<MemoryDevice> memory_devices() {
  std::vector<MemoryDevice> devices;
  for (const builder::Board& board : builder::boards())
    devices.push_back({board.name, board.text, board.total, board.system, board.desktop, board.cuda, board.runtime});
  return devices;
}

Result<MemoryDevice> find_memory_device(const std::string& text) {
  std::string names;
  for (MemoryDevice& device : memory_devices()) {
    if (device.name == text) return std::move(device);
    names += (names.empty() ? "" : ", ") + device.name;
  }
  const auto size = parse_size(text);
  if (!size.ok() || *size <= 0) return make_error(Code::kInvalidArgument, "found device '{}', expected one of {}, or a size such as 6GiB", text, names);
  MemoryDevice device;
  device.name = text;
  device.text = "a budget of " + text;
  device.total = *size;
  return device;
}

Result<MemoryEstimate> estimate_memory(const BuildRequest& request, const MemoryOptions& options) {
  MemoryEstimate estimate;
  SINTER_ASSIGN(estimate.device, find_memory_device(options.device));
  estimate.desktop = options.desktop;
  estimate.budget = estimate.device.budget(options.desktop);
  SINTER_ASSIGN(const Subject subject, read(request));
  const ir::Graph& graph = *subject.optimised.model.graph;
  int64_t given_batch = 0;
  SINTER_ASSIGN(const Bindings symbols, bind(graph, request, subject.batch, given_batch));
  estimate.any_batch = !subject.batch.empty();
  estimate.fixed_why = subject.why;
  const auto row_at = [&](Kind kind, const char* name, int64_t batch) {
    Bindings all = symbols;
    if (estimate.any_batch) all[subject.batch] = batch;
    Estimator estimator(graph, std::move(all));
    MemoryRow row = estimator.row(kind, name);
    row.batch = batch;
    estimate.unknown_values = std::max(estimate.unknown_values, estimator.unknown());
    return row;
  };
  int64_t fixed = 1;
  if (!estimate.any_batch && !graph.inputs.empty() && graph.inputs[0]->type.shape && !graph.inputs[0]->type.shape->empty() && graph.inputs[0]->type.shape->front().is_constant()) {
    fixed = graph.inputs[0]->type.shape->front().value();
  }
  for (const auto& [kind, name] : kKinds) {
    // Memory grows with the batch: the largest that fits lies between a power of two that does and one that does not.
    int64_t largest = 0;
    const auto fits = [&](int64_t batch) { return row_at(kind, name, batch).total() <= estimate.budget; };
    if (!estimate.any_batch) {
      largest = fits(fixed) ? fixed : 0;
    } else if (fits(1)) {
      largest = 1;
      while (largest < kMostBatch && fits(2 * largest)) largest *= 2;
      for (int64_t add = largest / 2; add > 0 && largest < kMostBatch; add /= 2) {
        if (fits(largest + add)) largest += add;
      }
    }
    estimate.largest.push_back({name, largest});
    std::vector<int64_t> batches = options.batches;
    if (!estimate.any_batch) batches = {fixed};
    else if (batches.empty() && given_batch > 0) batches = {given_batch};
    else if (batches.empty()) batches = {1, 4, 16};
    for (const int64_t batch : batches) estimate.rows.push_back(row_at(kind, name, batch));
  }
  return estimate;
}

std::string to_json(const MemoryEstimate& estimate) {
  using Json = nlohmann::ordered_json;
  const MemoryDevice& device = estimate.device;
  Json rows = Json::array(), largest = Json::array();
  for (const MemoryRow& row : estimate.rows) {
    rows.push_back({{"precision", row.precision}, {"batch", row.batch}, {"weights", row.weights}, {"activations", row.activations}, {"workspace", row.workspace}, {"io", row.io},
                    {"total", row.total()}, {"fits", row.total() <= estimate.budget}});
  }
  for (const auto& entry : estimate.largest) largest.push_back({{"precision", entry.precision}, {"batch", entry.batch}});
  const Json json = {{"device", {{"name", device.name}, {"text", device.text}, {"total", device.total}, {"system", device.system}, {"desktop", estimate.desktop ? device.desktop : 0},
                                 {"cuda", device.cuda}, {"runtime", device.runtime}}},
                     {"budget", estimate.budget}, {"any_batch", estimate.any_batch}, {"fixed_why", estimate.fixed_why}, {"rows", rows}, {"largest_batch", largest},
                     {"unknown_values", estimate.unknown_values}};
  return json.dump(2);
}

}  // namespace sinter::session
