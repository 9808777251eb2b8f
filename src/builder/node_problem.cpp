#include "builder/node_problem.h"

#include <algorithm>
#include <set>

namespace sinter::builder {
namespace {

// Optimum for a symbol nobody gave a profile for: 1 for the first dimension of an input (the batch), else a middling size.
constexpr int64_t kDefaultBatch = 1, kDefaultExtent = 128;

// Tensors of integers up to this many elements count as shapes.
constexpr int64_t kMostShapeElements = 64;

void set_target(Problem& problem, const BuildOptions& options, plan::Place place) {
  if (place == plan::Place::kDevice) {
    problem.device = spec_of(options);
    return;
  }
  problem.threads = options.threads;
  problem.isa = options.isa;
}

bool has_fixed_size(const ir::Value& value) { return value.type.is_tensor() && dtype_bits(value.type.dtype) > 0; }

}  // namespace

SymbolTable collect_symbols(const ir::Graph& graph, const BuildOptions& options) {
  SymbolTable table;
  for (const ir::Value* input : graph.inputs) {
    if (!input->type.is_tensor() || !input->type.shape) continue;
    for (size_t axis = 0; axis < input->type.shape->size(); ++axis) {
      std::set<std::string> names;
      (*input->type.shape)[axis].collect_symbols(names);
      for (const std::string& name : names) {
        if (table.opt.count(name)) continue;
        const auto given = options.symbols.find(name);
        plan::SymbolRange range{name, 0, axis == 0 ? kDefaultBatch : kDefaultExtent, INT64_MAX};
        if (given != options.symbols.end()) range = given->second;
        table.opt[name] = range.opt;
        table.ranges.push_back(range);
      }
    }
  }
  return table;
}

bool is_plannable(const ir::Value& value, const SymbolTable& symbols) {
  if (!has_fixed_size(value) || !value.type.shape) return false;
  const auto dims = evaluate(*value.type.shape, symbols.opt);
  if (!dims) return false;
  for (int64_t dim : *dims) {
    if (dim < 0) return false;
  }
  return true;
}

NodeKind classify(const ir::Node& node, const SymbolTable& symbols) {
  if (!node.subgraphs.empty()) return NodeKind::kControl;
  for (const ir::Value* input : node.inputs) {
    if (input && !is_plannable(*input, symbols)) return NodeKind::kReference;
  }
  for (const ir::Value* output : node.outputs) {
    if (output && !is_plannable(*output, symbols)) return NodeKind::kReference;
  }
  const bool epilogue = node.attributes.has(kEpilogueAttr);
  if (node.op->is(kViewOnly) && !epilogue && node.input(0) && !node.input(0)->is_constant()) return NodeKind::kView;
  return NodeKind::kKernel;
}

TensorDesc describe(const ir::Value& value, const SymbolTable& symbols) {
  TensorDesc desc;
  desc.dtype = value.type.dtype;
  desc.shape = value.type.shape.value_or(Shape{});
  if (auto dims = evaluate(desc.shape, symbols.opt)) desc.opt = std::move(*dims);
  desc.constant = value.is_constant();
  if (desc.constant && value.constant.count() <= kInlineConstantElements) desc.value = value.constant;
  return desc;
}

bool is_shape_arithmetic(const ir::Node& node, const SymbolTable& symbols) {
  const auto is_small = [&](const ir::Value* value) {
    if (!value) return true;
    if (!value->type.is_tensor() || !value->type.shape || is_float(value->type.dtype)) return false;
    if (!has_fixed_size(*value)) return false;
    const auto dims = evaluate(*value->type.shape, symbols.opt);
    return dims && product(*dims) <= kMostShapeElements;
  };
  return node.subgraphs.empty() && std::all_of(node.inputs.begin(), node.inputs.end(), is_small) &&
         std::all_of(node.outputs.begin(), node.outputs.end(), is_small);
}

Problem make_problem(const ir::Node& node, const SymbolTable& symbols, const BuildOptions& options, plan::Place place) {
  Problem problem;
  problem.domain = node.op->domain;
  problem.op = node.op->name;
  problem.node = node.name;
  for (const auto& [name, value] : node.attributes) {
    if (name != kEpilogueAttr && name != kEpilogueBaseAttr) problem.attributes.set(name, value);
  }
  const auto* epilogue = node.attributes.find_as<std::string>(kEpilogueAttr);
  if (epilogue) {
    if (auto program = PointwiseProgram::parse(*epilogue); program.ok()) {
      problem.epilogue = std::move(program).value();
      problem.epilogue_base = static_cast<int>(node.attributes.i(kEpilogueBaseAttr));
    }
  }
  auto add = [&](const ir::Value* value, std::vector<TensorDesc>& to) {
    if (value) {
      to.push_back(describe(*value, symbols));
    } else {
      to.emplace_back();
      to.back().present = false;
    }
  };
  for (const ir::Value* input : node.inputs) add(input, problem.inputs);
  for (const ir::Value* output : node.outputs) add(output, problem.outputs);
  problem.precision = options.precision;
  set_target(problem, options, place);
  return problem;
}

Problem make_reformat(const TensorDesc& tensor, Layout from, Layout to, const BuildOptions& options, plan::Place place) {
  Problem problem;
  problem.domain = "sinter";
  problem.op = "Reformat";
  problem.inputs = {tensor};
  problem.inputs[0].layout = from;
  problem.inputs[0].constant = false;
  problem.inputs[0].value = Tensor();
  problem.outputs = problem.inputs;
  problem.outputs[0].layout = to;
  set_target(problem, options, place);
  return problem;
}

bool same_bytes(Layout a, Layout b, const Shape& shape) {
  if (a == b) return true;
  if (shape.size() < 3) return false;
  const Dim& channels = shape[1];
  const bool no_extent = product(shape, 2).is(1);
  auto block_of = [](Layout layout) -> int64_t {
    return layout == Layout::kChannelsBlocked16 ? 16 : layout == Layout::kChannelsBlocked8 ? 8 : 1;
  };
  const int64_t block_a = block_of(a), block_b = block_of(b);
  if (block_a == 1 && block_b == 1) return no_extent || channels.is(1);
  // A blocked layout is channels_last when one block holds all channels, and row-major when there is no spatial extent.
  auto plain = [&](Layout layout, int64_t block) {
    if (block == 1) return no_extent || layout == Layout::kChannelsLast;
    return channels.is(block) || (no_extent && mod(channels, Dim(block)).is(0));
  };
  if (no_extent) return plain(a, block_a) && plain(b, block_b);
  return plain(a, block_a) && plain(b, block_b) && (block_a == 1 || channels.is(block_a)) &&
         (block_b == 1 || channels.is(block_b));
}

}  // namespace sinter::builder
