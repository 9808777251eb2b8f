// The second half of RegionBuilder: values and steps of the plan once every node's way is chosen.
#include <algorithm>

#include "builder/packing.h"
#include "builder/region_builder.h"
#include "core/work.h"
#include "tactic/arithmetic.h"
#include "tactic/code.h"

namespace sinter::builder {

int32_t RegionBuilder::add_value(const ir::Value& value, Layout layout, plan::Place place, plan::Storage storage, int32_t index) {
  plan::PlanValue entry;
  const auto [slots_at, fresh] = placed_.try_emplace(&value);
  Slots& slots = slots_at->second;
  if (fresh) {
    for (auto& row : slots) row.fill(-1);
  }
  const auto taken = [](const auto& row) { return std::any_of(row.begin(), row.end(), [](int32_t slot) { return slot >= 0; }); };
  const bool copy = std::any_of(slots.begin(), slots.end(), taken);
  entry.name = !copy ? value.name
               : state_.options.device ? fmt::format("{}@{}.{}", value.name, place == plan::Place::kDevice ? "device" : "host", layout_name(layout))
                                       : fmt::format("{}@{}", value.name, layout_name(layout));
  entry.place = place;
  entry.onnx_names = value.onnx_names;
  // An impossible branch leaves element types open; whatever comes at run time is a host value.
  entry.type = value.type.is_tensor() && value.type.dtype == DType::kUndefined ? ValueType() : value.type;
  entry.layout = layout;
  entry.storage = storage;
  entry.index = index;
  const auto at = static_cast<int32_t>(region().values.size());
  region().values.push_back(std::move(entry));
  slots[static_cast<size_t>(place)][static_cast<size_t>(layout)] = at;
  return at;
}

Result<Tensor> RegionBuilder::reformatted(const Tensor& tensor, const TensorDesc& desc, Layout to) {
  const Problem problem = make_reformat(desc, Layout::kRowMajor, to, state_.options, plan::Place::kHost);
  Candidates candidates = collect_candidates(problem, state_.options);
  if (candidates.offers.empty()) {
    return make_error(Code::kInternal, "constant {}: no tactic reformats it to {}", tensor.type().to_string(), layout_name(to));
  }
  const Candidate& candidate = candidates.offers.front();
  SINTER_ASSIGN(auto kernel, candidate.tactic->bind(problem, candidate.offer, {}));
  const Dims dims = tensor.dims();
  SINTER_ASSIGN(const int64_t workspace_bytes, kernel->specialize({&dims, 1}, {&dims, 1}, 1));
  Tensor workspace(DType::kU8, {workspace_bytes}), result(tensor.dtype(), {physical_count(to, dims)});
  const void* input = tensor.raw();
  void* output = result.raw();
  SINTER_TRY(kernel->launch({&input, &output, workspace.raw(), &inline_team()}));
  return result;
}

Result<int32_t> RegionBuilder::use_constant(const ir::Value& value, Layout layout, plan::Place place) {
  Tensor tensor = value.constant;
  if (layout != Layout::kRowMajor) {
    SINTER_ASSIGN(tensor, reformatted(tensor, describe(value, state_.symbols), layout));
  }
  SINTER_ASSIGN(const int32_t blob, state_.add_blob(tensor, value.name));
  return add_value(value, layout, place, plan::Storage::kConstant, blob);
}

Result<int32_t> RegionBuilder::add_reformat(const ir::Value& value, int32_t from, Layout to) {
  const TensorDesc desc = describe(value, state_.symbols);
  const Layout source = region().values[static_cast<size_t>(from)].layout;
  const plan::Place place = region().values[static_cast<size_t>(from)].place;
  Work work;
  work.problem = make_reformat(desc, source, to, state_.options, place);
  work.problem.node = fmt::format("{}:{}", value.name, layout_name(to));
  work.constants.resize(1);
  work.candidates = collect_candidates(work.problem, state_.options);
  for (Candidate& candidate : work.candidates.offers) {
    candidate.offer.input_layouts = {source};
    candidate.offer.output_layouts = {to};
  }
  SINTER_TRY(state_.tuner.time(work.problem, work.constants, work.candidates.offers));
  const int winner = pick(work.candidates.offers);
  if (winner < 0) return make_error(Code::kInternal, "value '{}': no tactic reformats {} to {}", value.name, layout_name(source), layout_name(to));
  const Candidate& candidate = work.candidates.offers[static_cast<size_t>(winner)];
  plan::Step step;
  step.name = work.problem.node;
  step.tactic = candidate.tactic->id();
  step.tactic_version = candidate.tactic->version();
  step.problem = work.problem;
  step.offer = candidate.offer;
  step.tuned_us = candidate.timing.us;
  step.workspace_bytes = candidate.offer.workspace_bytes;
  step.inputs = {from};
  SINTER_TRY(add_code(*candidate.tactic, step));
  const int32_t made = add_value(value, to, place, plan::Storage::kArena, -1);
  step.outputs = {made};
  Choice choice{winner, {{source}, {to}, candidate.timing.us}, std::nullopt};
  report(work, step, choice);
  ++state_.result.report.reformats;
  region().steps.push_back(std::move(step));
  return made;
}

// A cubin of the device that is here; for others a bundle of what can be made here.
Status RegionBuilder::add_code(const Tactic& tactic, plan::Step& step) {
  if (!step.problem.on_cuda() || !has_kernel_text(tactic)) return ok_status();
  Device& device = *state_.options.device;
  const int toolkit = cuda_compiler_number();
  std::vector<CodeForm> forms;
  std::vector<CodeTarget> targets{{device.spec().sm}};
  if (state_.options.ampere_plus) targets.push_back({step.problem.device.sm, /*ptx=*/true});
  if (!device.is_here() && !toolkit) targets.clear();  // compiled on the target
  for (const CodeTarget& target : targets) {
    SINTER_ASSIGN(Tensor code, compile_code(tactic, step.problem, step.offer, target));
    forms.push_back({target, device.is_integrated() && !target.ptx, toolkit, std::move(code)});
  }
  const bool plain = device.is_here() && !state_.options.ampere_plus;
  SINTER_ASSIGN(step.code, state_.add_blob(plain ? forms[0].bytes : bundle_code(forms), step.name));
  return ok_status();
}

Result<int32_t> RegionBuilder::add_transfer(const ir::Value& value, int32_t from, plan::Place to) {
  plan::Step step;
  step.kind = plan::StepKind::kTransfer;
  step.name = fmt::format("{}:{}", value.name, to == plan::Place::kDevice ? "to device" : "to host");
  step.problem.domain = "sinter";
  step.problem.op = "Transfer";
  step.problem.node = step.name;
  step.problem.inputs = {describe(value, state_.symbols)};
  step.problem.outputs = step.problem.inputs;
  step.inputs = {from};
  const int32_t made = add_value(value, Layout::kRowMajor, to, plan::Storage::kArena, -1);
  step.outputs = {made};
  Work work;
  work.problem = step.problem;
  report(work, step, {-1, {{Layout::kRowMajor}, {Layout::kRowMajor}, 0}, std::nullopt});
  region().steps.push_back(std::move(step));
  return made;
}

Result<int32_t> RegionBuilder::use(const ir::Value& value, Layout layout, plan::Place place) {
  const auto it = placed_.find(&value);
  const auto slot_of = [&](plan::Place where, Layout what) {
    return it == placed_.end() ? -1 : it->second[static_cast<size_t>(where)][static_cast<size_t>(what)];
  };
  if (slot_of(place, layout) >= 0) return slot_of(place, layout);
  if (value.is_constant()) return use_constant(value, layout, place);
  const bool foreign = value.graph != &graph_;  // asked for by a body that captures from further out
  if (it == placed_.end() && parent_ && (value.captured || foreign)) {
    // Where it is first wanted here is where it is captured: its other place, if one is needed, is reached by a transfer in this body.
    SINTER_ASSIGN(const int32_t outer, parent_->use(foreign ? value : *value.captured, Layout::kRowMajor, place));
    const int32_t inner = add_value(value, Layout::kRowMajor, place, plan::Storage::kCaptured, outer);
    return layout == Layout::kRowMajor ? Result<int32_t>(inner) : use(value, layout, place);
  }
  if (it == placed_.end()) {
    return make_error(Code::kInternal, "value '{}' is used before it is made in the plan", value.name);
  }
  const plan::Place other = place == plan::Place::kHost ? plan::Place::kDevice : plan::Place::kHost;
  const auto& here = it->second[static_cast<size_t>(place)];
  if (std::all_of(here.begin(), here.end(), [](int32_t slot) { return slot < 0; })) {
    SINTER_ASSIGN(const int32_t there, use(value, Layout::kRowMajor, other));
    SINTER_ASSIGN(const int32_t moved, add_transfer(value, there, place));
    return layout == Layout::kRowMajor ? Result<int32_t>(moved) : use(value, layout, place);
  }
  int32_t from = -1;
  for (int32_t slot : here) {
    if (slot < 0) continue;
    if (from < 0) from = slot;
    if (same_bytes(region().values[static_cast<size_t>(slot)].layout, layout, *value.type.shape)) {
      return add_value(value, layout, place, plan::Storage::kAlias, slot);
    }
  }
  return add_reformat(value, from, layout);
}

plan::Step RegionBuilder::start_step(const Work& work, plan::StepKind kind) const {
  plan::Step step;
  step.kind = kind;
  step.name = work.node->name;
  step.source_nodes = work.node->source_nodes;
  step.problem = work.problem;
  return step;
}

void RegionBuilder::report(const Work& work, const plan::Step& step, const Choice& choice) {
  LayerReport layer;
  layer.name = step.name;
  layer.source_nodes = step.source_nodes;
  layer.problem = work.problem.to_string();
  layer.op = work.problem.op;
  const Tactic* tactic = step.kind == plan::StepKind::kKernel ? tactic_registry().find(step.tactic) : nullptr;
  const Arithmetic types = tactic ? arithmetic_of(*tactic, step.problem, step.offer) : plain_arithmetic(work.problem);
  layer.storage = types.storage;
  layer.compute = types.compute;
  layer.accumulate = types.accumulate;
  layer.us = choice.layouts.cost_us;
  layer.workspace_bytes = step.workspace_bytes;
  for (Layout layout : choice.layouts.inputs) layer.input_layouts.emplace_back(layout_name(layout));
  for (Layout layout : choice.layouts.outputs) layer.output_layouts.emplace_back(layout_name(layout));
  for (int32_t blob : step.blobs) layer.weight_bytes += state_.result.blobs[static_cast<size_t>(blob)].bytes();
  for (const TensorDesc& output : work.problem.outputs) {
    if (output.present) layer.activation_bytes += dtype_bytes(output.dtype, product(output.opt));
  }
  const sinter::Work least = work_of(work.problem);
  layer.dense_ops = least.dense_ops;
  layer.other_ops = least.other_ops;
  layer.moved_bytes = least.bytes;
  layer.dense_type = dense_type(work.problem);
  layer.refusals = work.candidates.refusals;
  for (size_t i = 0; i < work.candidates.offers.size(); ++i) {
    const Candidate& candidate = work.candidates.offers[i];
    if (!candidate.timed) continue;
    OfferReport offer;
    offer.tactic = fmt::format("{}@{}", candidate.tactic->id(), candidate.tactic->version());
    offer.config = candidate.offer.config;
    if (!candidate.offer.input_layouts.empty() && !candidate.offer.output_layouts.empty()) {
      offer.layouts = fmt::format("{} → {}", layout_name(candidate.offer.input_layouts[0]), layout_name(candidate.offer.output_layouts[0]));
    }
    offer.us = candidate.timing.us;
    offer.spread = candidate.timing.spread;
    offer.workspace_bytes = candidate.offer.workspace_bytes;
    offer.chosen = static_cast<int>(i) == choice.candidate;
    layer.offers.push_back(std::move(offer));
  }
  layer.tactic = step.kind == plan::StepKind::kKernel ? fmt::format("{}@{}", step.tactic, step.tactic_version)
                 : step.kind == plan::StepKind::kControl ? "control"
                 : step.kind == plan::StepKind::kTransfer ? "transfer"
                 : work.impossible ? "impossible" : "reference";
  layer.config = step.offer.config;
  BuildReport& report = state_.result.report;
  report.weight_bytes += layer.weight_bytes;
  report.activation_bytes += layer.activation_bytes;
  report.workspace_bytes = std::max(report.workspace_bytes, layer.workspace_bytes);
  if (step.kind == plan::StepKind::kReference && !work.impossible) ++report.reference_layers;
  if (state_.options.device && step.kind == plan::StepKind::kKernel && !step.problem.on_cuda()) ++report.cpu_layers;
  if (step.kind == plan::StepKind::kTransfer) ++report.transfers;
  report.layers.push_back(std::move(layer));
}

void RegionBuilder::record_packings(const Work& work, const Candidate& candidate, const plan::Step& step, std::span<const Tensor> blobs) {
  for (size_t i = 0; i < work.constants.size(); ++i) {
    if (!candidate.offer.packed_inputs[i] || !work.constants[i].defined()) continue;
    const std::string digest = ir::digest(work.constants[i]);
    if (state_.result.packed_weights.count(digest)) continue;
    auto packed = find_packing(*candidate.tactic, step.problem, candidate.offer, work.constants, i, blobs);
    if (!packed) continue;
    packed->blob = step.blobs[static_cast<size_t>(packed->blob)];
    state_.result.packed_weights.emplace(digest, std::move(*packed));
  }
}

Status RegionBuilder::emit_kernel(Work& work) {
  const Choice& choice = work.choices[static_cast<size_t>(work.chosen)];
  const Candidate& candidate = work.candidates.offers[static_cast<size_t>(choice.candidate)];
  plan::Step step = start_step(work, plan::StepKind::kKernel);
  step.tactic = candidate.tactic->id();
  step.tactic_version = candidate.tactic->version();
  step.offer = candidate.offer;
  step.problem = with_layouts(work.problem, candidate.offer);
  step.tuned_us = candidate.timing.us;
  step.workspace_bytes = candidate.offer.workspace_bytes;
  SINTER_ASSIGN(const std::vector<Tensor> blobs, candidate.tactic->prepare(step.problem, candidate.offer, work.constants));
  for (const Tensor& blob : blobs) {
    SINTER_ASSIGN(const int32_t index, state_.add_blob(blob, step.name));
    step.blobs.push_back(index);
  }
  if (state_.options.find_packings) record_packings(work, candidate, step, blobs);
  SINTER_TRY(add_code(*candidate.tactic, step));
  const ir::Node& node = *work.node;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    int32_t input = -1;
    if (node.inputs[i] && !candidate.offer.packed_inputs[i]) {
      SINTER_ASSIGN(input, use(*node.inputs[i], choice.layouts.inputs[i], work.place));
    }
    step.inputs.push_back(input);
  }
  for (size_t o = 0; o < node.outputs.size(); ++o) {
    step.outputs.push_back(node.outputs[o] ? add_value(*node.outputs[o], choice.layouts.outputs[o], work.place, plan::Storage::kArena, -1) : -1);
  }
  report(work, step, choice);
  region().steps.push_back(std::move(step));
  return ok_status();
}

// Concat's inputs move into its output, Split's and Slice's outputs into its input. False: a piece can't move.
bool RegionBuilder::emit_pieces(Work& work, const ViewPieces& pieces, Layout layout) {
  const ir::Node& node = *work.node;
  std::vector<plan::PlanValue>& values = region().values;
  if (!pieces.gathers) {
    auto whole = use(*node.inputs[0], layout, work.place);
    if (!whole.ok()) return false;
    for (size_t o = 0; o < node.outputs.size(); ++o) {
      const int32_t piece = add_value(*node.outputs[o], layout, work.place, plan::Storage::kAlias, *whole);
      region().values[static_cast<size_t>(piece)].alias_offset_bytes = pieces.offset_bytes[o];
    }
    return true;
  }
  std::vector<int32_t> parts;
  for (const ir::Value* input : node.inputs) {
    auto part = use(*input, layout, work.place);
    if (!part.ok() || values[static_cast<size_t>(*part)].storage != plan::Storage::kArena) return false;
    const bool made = std::any_of(region().steps.begin(), region().steps.end(), [&](const plan::Step& step) {
      return step.kind == plan::StepKind::kKernel && std::count(step.outputs.begin(), step.outputs.end(), *part) > 0;
    });
    if (!made) return false;
    parts.push_back(*part);
  }
  const int32_t whole = add_value(*node.outputs[0], layout, work.place, plan::Storage::kArena, -1);
  for (size_t i = 0; i < parts.size(); ++i) {
    plan::PlanValue& part = values[static_cast<size_t>(parts[i])];
    part.storage = plan::Storage::kAlias;
    part.index = whole;
    part.alias_offset_bytes = pieces.offset_bytes[i];
  }
  return true;
}

Status RegionBuilder::emit_view(Work& work) {
  const Choice& choice = work.choices[static_cast<size_t>(work.chosen)];
  const ir::Node& node = *work.node;
  if (work.kind == NodeKind::kView) {
    SINTER_ASSIGN(const int32_t source, use(*node.inputs[0], Layout::kRowMajor, work.place));
    add_value(*node.outputs[0], Layout::kRowMajor, work.place, plan::Storage::kAlias, source);
    ++state_.result.report.aliased;
    return ok_status();
  }
  const Layout layout = choice.layouts.outputs[0];
  if (emit_pieces(work, *choice.view, layout)) {
    ++state_.result.report.aliased;
    return ok_status();
  }
  // A piece is a view itself: copy after all, with the best tactic of this layout, else the reference kernel.
  int best = -1;
  for (size_t i = 0; i < work.choices.size(); ++i) {
    const Choice& other = work.choices[i];
    if (other.candidate < 0) continue;
    const bool same = choice.layouts.inputs == other.layouts.inputs && choice.layouts.outputs == other.layouts.outputs;
    if (same || best < 0) best = static_cast<int>(i);
    if (same) break;
  }
  if (best < 0 && work.place == plan::Place::kDevice) {
    return make_error(Code::kUnsupported, "node '{}' ({}): no CUDA tactic copies it", node.name, work.problem.to_string());
  }
  if (best < 0) return emit_host(work);
  work.chosen = best;
  SINTER_TRY(emit_kernel(work));
  SINTER_ASSIGN([[maybe_unused]] const int32_t wanted, use(*node.outputs[0], layout, work.place));
  return ok_status();
}

Status RegionBuilder::emit_host(Work& work) {
  const ir::Node& node = *work.node;
  const bool control = work.kind == NodeKind::kControl;
  plan::Step step = start_step(work, control ? plan::StepKind::kControl : plan::StepKind::kReference);
  for (const ir::Value* input : node.inputs) {
    int32_t index = -1;
    if (input) {
      SINTER_ASSIGN(index, use(*input, Layout::kRowMajor, plan::Place::kHost));
    }
    step.inputs.push_back(index);
  }
  for (const auto& [name, body] : node.subgraphs) {
    const auto child = static_cast<int32_t>(state_.result.plan.regions.size());
    state_.result.plan.regions.emplace_back();
    state_.result.plan.regions.back().name = fmt::format("{}.{}", node.name, name);
    state_.result.plan.regions.back().parent = region_;
    SINTER_TRY(RegionBuilder(state_, *body, this, child).build());
    step.regions.emplace_back(name, child);
  }
  for (const ir::Value* output : node.outputs) {
    int32_t index = -1;
    if (output) {
      const bool arena = is_plannable(*output, state_.symbols);
      index = add_value(*output, Layout::kRowMajor, plan::Place::kHost, arena ? plan::Storage::kArena : plan::Storage::kHost, -1);
    }
    step.outputs.push_back(index);
  }
  report(work, step, work.choices[static_cast<size_t>(work.chosen)]);
  region().steps.push_back(std::move(step));
  return ok_status();
}

Status RegionBuilder::emit() {
  for (size_t i = 0; i < graph_.inputs.size(); ++i) {
    const int32_t index = add_value(*graph_.inputs[i], Layout::kRowMajor, place_of(*graph_.inputs[i]), plan::Storage::kInput, static_cast<int32_t>(i));
    region().inputs.push_back(index);
  }
  for (Work& work : work_) {
    const Choice& choice = work.choices[static_cast<size_t>(work.chosen)];
    if (work.kind == NodeKind::kView || choice.view) SINTER_TRY(emit_view(work));
    else if (choice.candidate >= 0) SINTER_TRY(emit_kernel(work));
    else SINTER_TRY(emit_host(work));
  }
  for (const ir::Value* output : graph_.outputs) {
    SINTER_ASSIGN(const int32_t index, use(*output, Layout::kRowMajor, place_of(*output)));
    region().outputs.push_back(index);
  }
  return ok_status();
}

}  // namespace sinter::builder
