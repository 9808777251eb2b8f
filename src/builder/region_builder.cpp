#include "builder/region_builder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace sinter::builder {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Layout kLayouts[] = {Layout::kRowMajor, Layout::kChannelsLast, Layout::kChannelsBlocked16, Layout::kChannelsBlocked8};

// Of a network's time: predictions this close are equal, as they differ from what is measured by more.
constexpr double kLayoutTie = 0.015;

bool same_layouts(const LayoutChoice& a, const LayoutChoice& b) { return a.inputs == b.inputs && a.outputs == b.outputs; }

LayoutChoice row_major(const ir::Node& node) {
  return {std::vector<Layout>(node.inputs.size(), Layout::kRowMajor), std::vector<Layout>(node.outputs.size(), Layout::kRowMajor), 0};
}

// Values of this graph that bodies of its nodes read, however deep.
void collect_captured(const ir::Graph& body, const ir::Graph& outer, std::set<const ir::Value*>& out) {
  for (const auto& [id, value] : body.values()) {
    const ir::Value* captured = value->captured;
    while (captured && captured->graph != &outer && captured->captured) captured = captured->captured;
    if (captured && captured->graph == &outer) out.insert(captured);
  }
  for (const auto& node : body.nodes()) {
    for (const auto& [name, graph] : node->subgraphs) collect_captured(*graph, outer, out);
  }
}

// Values of `outer` that work on the device reads, in `graph` (outer itself, or a body within) and its bodies.
void collect_read(const ir::Graph& graph, const ir::Graph& outer, const SymbolTable& symbols, std::set<const ir::Value*>& out) {
  for (const auto& node : graph.nodes()) {
    for (const auto& [name, body] : node->subgraphs) collect_read(*body, outer, symbols, out);
    const NodeKind kind = classify(*node, symbols);
    if (kind == NodeKind::kControl || kind == NodeKind::kReference || is_shape_arithmetic(*node, symbols)) continue;
    for (const ir::Value* input : node->inputs) {
      while (input && input->graph != &outer && input->captured) input = input->captured;
      if (input && input->graph == &outer) out.insert(input);
    }
  }
}

}  // namespace

Result<int32_t> BuildState::add_blob(const Tensor& tensor, std::string_view what) {
  const std::string digest = ir::digest(tensor);
  if (const auto it = blob_by_digest.find(digest); it != blob_by_digest.end()) return it->second;
  SINTER_TRY(tuner.budget().check(0, what));
  const auto index = static_cast<int32_t>(result.blobs.size());
  result.blobs.push_back(tensor);
  result.plan.blobs.push_back({tensor.dtype(), tensor.dims()});
  blob_by_digest.emplace(digest, index);
  return index;
}

RegionBuilder::RegionBuilder(BuildState& state, const ir::Graph& graph, RegionBuilder* parent, int32_t region)
    : state_(state), graph_(graph), parent_(parent), region_(region) {}

Status RegionBuilder::build() {
  SINTER_TRY(survey());
  SINTER_TRY(choose_layouts());
  return emit();
}

Status RegionBuilder::survey() {
  int64_t done = 0;
  if (on_device()) {
    // An input that only shape arithmetic reads stays on the host.
    std::set<const ir::Value*> read;
    collect_read(graph_, graph_, state_.symbols, read);
    for (const ir::Value* input : graph_.inputs) places_[input] = read.count(input) ? plan::Place::kDevice : plan::Place::kHost;
  }
  if (on_device()) {
    std::vector<Problem> problems;
    for (const auto& node : graph_.nodes()) {
      if (classify(*node, state_.symbols) != NodeKind::kKernel || is_shape_arithmetic(*node, state_.symbols)) continue;
      problems.push_back(make_problem(*node, state_.symbols, state_.options, plan::Place::kDevice));
    }
    state_.tuner.compile_ahead(problems);
  }
  for (const auto& node : graph_.nodes()) {
    Work work;
    work.node = node.get();
    work.kind = classify(*node, state_.symbols);
    for (const ir::Value* input : node->inputs) work.constants.push_back(input && input->is_constant() ? input->constant : Tensor());
    SINTER_TRY(place(work));
    if (work.choices.empty()) {
      if (work.kind == NodeKind::kKernel) {
        if (state_.options.fallback == Fallback::kError && !is_shape_arithmetic(*node, state_.symbols)) return no_tactic(work);
        work.kind = NodeKind::kReference;
      }
      work.choices.push_back({-1, row_major(*node), std::nullopt});
    }
    for (const ir::Value* output : node->outputs) {
      if (output) places_[output] = work.place;
    }
    work_.push_back(std::move(work));
    ++done;
    if (state_.options.progress && !parent_ &&
        !state_.options.progress({"tuning", done, static_cast<int64_t>(graph_.node_count())})) {
      return make_error(Code::kCancelled, "the build was cancelled while tuning node '{}'; nothing was written", node->name);
    }
  }
  return ok_status();
}

plan::Place RegionBuilder::place_of(const ir::Value& value) const {
  const auto it = places_.find(&value);
  return it == places_.end() ? plan::Place::kHost : it->second;
}

bool RegionBuilder::is_impossible(const ir::Node& node) {
  const auto open = [](const ir::Value* value) { return value && (value->type.kind == ValueType::Kind::kUnknown || (value->type.is_tensor() && value->type.dtype == DType::kUndefined)); };
  const bool cause = ir::is_conditional(graph_) && std::any_of(node.outputs.begin(), node.outputs.end(), open);
  const bool follows = std::any_of(node.inputs.begin(), node.inputs.end(), [&](const ir::Value* value) {
    while (value && value->captured) value = value->captured;
    return value && state_.impossible.count(value);
  });
  if (!cause && !follows) return false;
  if (!follows && node.subgraphs.empty()) {
    state_.result.report.notes.push_back(fmt::format("impossible: '{}' ({}) can't work on what this branch gives it with these shapes; a run that takes the branch fails",
                                                     node.name, make_problem(node, state_.symbols, state_.options, plan::Place::kHost).to_string()));
  }
  for (const ir::Value* output : node.outputs) {
    if (output) state_.impossible.insert(output);
  }
  return true;
}

Status RegionBuilder::place(Work& work) {
  using plan::Place;
  const ir::Node& node = *work.node;
  if (is_impossible(node)) {
    work.impossible = true;
    if (work.kind != NodeKind::kControl) work.kind = NodeKind::kReference;
    work.problem = make_problem(node, state_.symbols, state_.options, Place::kHost);
    return ok_status();
  }
  const auto on_host = [&](const ir::Value* value) { return !value || value->is_constant() || place_of(*value) == Place::kHost; };
  const bool all_host = std::all_of(node.inputs.begin(), node.inputs.end(), on_host);
  const bool shapes = is_shape_arithmetic(node, state_.symbols);
  if (!on_device() || (shapes && all_host)) {
    work.problem = make_problem(node, state_.symbols, state_.options, Place::kHost);
    return work.kind == NodeKind::kKernel ? ask_tactics(work) : ok_status();
  }
  if (work.kind == NodeKind::kControl) {  // the host decides which body runs, and how often
    work.problem = make_problem(node, state_.symbols, state_.options, Place::kHost);
    return ok_status();
  }
  work.problem = make_problem(node, state_.symbols, state_.options, Place::kDevice);
  work.place = Place::kDevice;
  if (work.kind == NodeKind::kView) {
    work.place = place_of(*node.inputs[0]);
    return ok_status();
  }
  if (work.kind == NodeKind::kKernel) SINTER_TRY(ask_tactics(work));
  if (!work.choices.empty()) return ok_status();
  if (state_.options.fallback == Fallback::kError && !shapes) return no_tactic(work);
  std::vector<std::string> refusals = std::move(work.candidates.refusals);
  work.candidates = {};
  work.place = Place::kHost;
  work.problem = make_problem(node, state_.symbols, state_.options, Place::kHost);
  if (work.kind == NodeKind::kKernel && (state_.options.fallback == Fallback::kCpu || shapes)) SINTER_TRY(ask_tactics(work));
  // Layouts are chosen for the device; what runs on the host takes and gives row-major tensors.
  std::erase_if(work.choices, [&](const Choice& choice) { return !same_layouts(choice.layouts, row_major(node)); });
  work.candidates.refusals.insert(work.candidates.refusals.begin(), refusals.begin(), refusals.end());
  return ok_status();
}

Status RegionBuilder::no_tactic(const Work& work) const {
  std::string reasons;
  for (const std::string& refusal : work.candidates.refusals) reasons += "; " + refusal;
  if (on_device()) {
    return make_error(Code::kUnsupported, "node '{}' ({}): no CUDA tactic{}; let it run on the CPU with --fallback=cpu", work.node->name,
                      work.problem.to_string(), reasons.empty() ? work.kind == NodeKind::kKernel ? " knows this operator" : " takes work whose sizes depend on data" : reasons);
  }
  return make_error(Code::kUnsupported, "node '{}' ({}): no tactic{}; allow the reference kernel with --fallback=reference",
                    work.node->name, work.problem.to_string(), reasons.empty() ? " knows this operator" : reasons);
}

Status RegionBuilder::ask_tactics(Work& work) {
  work.candidates = collect_candidates(work.problem, state_.options);
  SINTER_TRY(state_.tuner.time(work.problem, work.constants, work.candidates.offers));
  std::vector<Candidate>& offers = work.candidates.offers;
  for (const Candidate& candidate : offers) {
    if (!candidate.timed) {
      work.candidates.refusals.push_back(
          fmt::format("{}@{} {}: failed: {}", candidate.tactic->id(), candidate.tactic->version(), candidate.offer.config, candidate.failure));
    }
  }
  // The winner of each combination of layouts competes for the graph.
  std::vector<bool> taken(offers.size(), false);
  for (size_t i = 0; i < offers.size(); ++i) {
    if (taken[i] || !offers[i].timed) continue;
    const LayoutChoice layouts{offers[i].offer.input_layouts, offers[i].offer.output_layouts, 0};
    std::vector<Candidate> rivals;
    std::vector<size_t> places;
    for (size_t j = i; j < offers.size(); ++j) {
      if (!offers[j].timed || !same_layouts(layouts, {offers[j].offer.input_layouts, offers[j].offer.output_layouts, 0})) continue;
      rivals.push_back(offers[j]);
      places.push_back(j);
      taken[j] = true;
    }
    Choice choice{static_cast<int>(places[static_cast<size_t>(pick(rivals))]), layouts, std::nullopt};
    choice.layouts.cost_us = offers[static_cast<size_t>(choice.candidate)].timing.us;
    work.choices.push_back(std::move(choice));
  }
  add_view_choices(work);
  return ok_status();
}

void RegionBuilder::add_view_choices(Work& work) {
  const ir::Node& node = *work.node;
  const bool gathers = node.is("Concat");
  if (gathers) {
    std::set<const ir::Value*> seen;
    if (graph_.is_output(node.output())) return;
    for (const ir::Value* input : node.inputs) {
      if (!input || !input->producer || graph_.is_output(input) || !seen.insert(input).second) return;
    }
  }
  for (Layout layout : kLayouts) {
    auto pieces = view_pieces(work.problem, layout);
    if (!pieces) continue;
    Choice choice{-1, row_major(node), std::move(pieces)};
    if (gathers) choice.layouts.inputs.assign(node.inputs.size(), layout);
    else choice.layouts.inputs[0] = layout;
    choice.layouts.outputs.assign(node.outputs.size(), layout);
    work.choices.push_back(std::move(choice));
  }
}

Status RegionBuilder::choose_layouts() {
  LayoutProblem problem;
  std::map<const ir::Value*, int> index;
  std::set<const ir::Value*> captured;
  for (const auto& node : graph_.nodes()) {
    for (const auto& [name, body] : node->subgraphs) collect_captured(*body, graph_, captured);
  }
  auto add = [&](const ir::Value* value, int producer, int output) -> Status {
    LayoutProblem::Value entry;
    entry.producer = producer;
    entry.producer_output = output;
    entry.needed_row_major = graph_.is_output(value) || captured.count(value) > 0;
    for (auto& row : entry.reformat_us) row.fill(kInfinity);
    for (int l = 0; l < kLayoutCount; ++l) entry.reformat_us[static_cast<size_t>(l)][static_cast<size_t>(l)] = 0;
    index[value] = static_cast<int>(problem.values.size());
    problem.values.push_back(entry);
    return ok_status();
  };
  for (const ir::Value* input : graph_.inputs) SINTER_TRY(add(input, -1, 0));
  for (const auto& [id, value] : graph_.values()) {
    if (value->captured) SINTER_TRY(add(value.get(), -1, 0));
  }
  // Which layouts can meet at a value: only those reformats are timed.
  std::map<const ir::Value*, std::set<Layout>> made, wanted;
  for (size_t n = 0; n < work_.size(); ++n) {
    const Work& work = work_[n];
    LayoutProblem::Node node;
    for (size_t i = 0; i < work.node->inputs.size(); ++i) {
      const ir::Value* input = work.node->inputs[i];
      node.inputs.push_back(input && !input->is_constant() ? index.at(input) : -1);
      for (const Choice& choice : work.choices) {
        if (node.inputs.back() >= 0) wanted[input].insert(choice.layouts.inputs[i]);
      }
    }
    for (const Choice& choice : work.choices) node.choices.push_back(choice.layouts);
    for (size_t o = 0; o < work.node->outputs.size(); ++o) {
      if (!work.node->outputs[o]) continue;
      SINTER_TRY(add(work.node->outputs[o], static_cast<int>(n), static_cast<int>(o)));
      for (const Choice& choice : work.choices) made[work.node->outputs[o]].insert(choice.layouts.outputs[o]);
    }
    problem.nodes.push_back(std::move(node));
  }
  for (const auto& [value, at] : index) {
    LayoutProblem::Value& entry = problem.values[static_cast<size_t>(at)];
    std::set<Layout> from = entry.producer < 0 ? std::set<Layout>{Layout::kRowMajor} : made[value];
    std::set<Layout> to = wanted[value];
    if (entry.needed_row_major) to.insert(Layout::kRowMajor);
    if (from.size() + to.size() < 2 || (from.size() == 1 && from == to)) continue;
    const plan::Place place = on_device() ? plan::Place::kDevice : plan::Place::kHost;
    if (!is_plannable(*value, state_.symbols)) continue;
    const TensorDesc desc = describe(*value, state_.symbols);
    for (Layout a : from) {
      for (Layout b : to) {
        double& cost = entry.reformat_us[static_cast<size_t>(a)][static_cast<size_t>(b)];
        if (same_bytes(a, b, desc.shape)) {
          cost = 0;
        } else {
          SINTER_ASSIGN(cost, state_.tuner.reformat_us(desc, a, b, place));
        }
      }
    }
  }
  const LayoutSolution solution = solve_layouts(problem, kLayoutTie);
  if (!std::isfinite(solution.cost_us)) {
    return make_error(Code::kInternal, "graph '{}': no combination of layouts connects all tactics (a reformat is missing)", graph_.name);
  }
  for (size_t n = 0; n < work_.size(); ++n) work_[n].chosen = solution.choice[n];
  if (!parent_) state_.result.report.predicted_us = solution.cost_us;
  state_.result.report.layouts_exact &= solution.exact;
  return ok_status();
}

}  // namespace sinter::builder
