// One region of the plan from one graph: asks the tactics, times them, chooses layouts, emits values and steps. Bodies recurse.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "builder/layout_solver.h"
#include "builder/node_problem.h"
#include "builder/tuner.h"
#include "builder/views.h"

namespace sinter::builder {

// Shared by the regions of one build.
struct BuildState {
  const BuildOptions& options;
  SymbolTable symbols;
  Tuner& tuner;
  BuildResult& result;
  std::map<std::string, int32_t> blob_by_digest;
  std::set<const ir::Value*> impossible = {};  // made by operators of a branch that these shapes forbid, or from what they make

  Result<int32_t> add_blob(const Tensor& tensor, std::string_view what);
};

class RegionBuilder {
 public:
  // `parent` is null for the main graph.
  RegionBuilder(BuildState& state, const ir::Graph& graph, RegionBuilder* parent, int32_t region);
  Status build();

 private:
  // A way to do a node: a timed offer, or (candidate < 0) a view, the reference kernel, a control step.
  struct Choice {
    int candidate = -1;
    LayoutChoice layouts;
    std::optional<ViewPieces> view;
  };
  using Slots = std::array<std::array<int32_t, kLayoutCount>, 2>;  // by place and layout
  struct Work {
    const ir::Node* node = nullptr;
    NodeKind kind = NodeKind::kReference;
    plan::Place place = plan::Place::kHost;
    Problem problem;
    std::vector<Tensor> constants;
    Candidates candidates;
    std::vector<Choice> choices;
    int chosen = 0;
    bool impossible = false;
  };

  Status survey();
  // Whether the node can never be reached: it, or what makes its inputs, fails on the shapes of its branch (ir::refine_node left their types open).
  // The reference kernel says so if the branch is taken; no fallback has to be permitted for that.
  bool is_impossible(const ir::Node& node);
  // Where the node's work is done: on the device where a tactic takes it, else on the host where that is allowed.
  Status place(Work& work);
  bool on_device() const { return state_.options.device; }
  plan::Place place_of(const ir::Value& value) const;
  Status ask_tactics(Work& work);
  void add_view_choices(Work& work);
  Status no_tactic(const Work& work) const;
  Status choose_layouts();

  Status emit();
  // Which weights of the step can be read back from its blobs, so that the portable part need not store them again.
  void record_packings(const Work& work, const Candidate& candidate, const plan::Step& step, std::span<const Tensor> blobs);
  Status emit_kernel(Work& work);
  Status emit_view(Work& work);
  Status emit_host(Work& work);
  bool emit_pieces(Work& work, const ViewPieces& pieces, Layout layout);
  Status add_code(const Tactic& tactic, plan::Step& step);
  plan::Step start_step(const Work& work, plan::StepKind kind) const;
  void report(const Work& work, const plan::Step& step, const Choice& choice);

  plan::Region& region() { return state_.result.plan.regions[static_cast<size_t>(region_)]; }
  int32_t add_value(const ir::Value& value, Layout layout, plan::Place place, plan::Storage storage, int32_t index);
  // The plan value that holds `value` in this layout and place; makes a constant, a capture, an alias, a reformat or a transfer when needed.
  Result<int32_t> use(const ir::Value& value, Layout layout, plan::Place place);
  Result<int32_t> use_constant(const ir::Value& value, Layout layout, plan::Place place);
  Result<int32_t> add_transfer(const ir::Value& value, int32_t from, plan::Place to);
  Result<int32_t> add_reformat(const ir::Value& value, int32_t from, Layout to);
  Result<Tensor> reformatted(const Tensor& tensor, const TensorDesc& desc, Layout to);

  BuildState& state_;
  const ir::Graph& graph_;
  RegionBuilder* parent_;
  int32_t region_;
  std::vector<Work> work_;
  std::map<const ir::Value*, Slots> placed_;
  std::map<const ir::Value*, plan::Place> places_;  // of values that nodes make, and of inputs
};

}  // namespace sinter::builder
