#include "runtime/program.h"

#include <algorithm>
#include <set>

#include "tactic/registry.h"

namespace sinter::runtime {
namespace {

// "onednn.conv" → "onednn"; "" for built-in tactics.
std::string_view provider_of(std::string_view tactic) {
  const size_t dot = tactic.find('.');
  const std::string_view prefix = dot == std::string_view::npos ? std::string_view() : tactic.substr(0, dot);
  return prefix == "cpu" || prefix == "cuda" ? std::string_view() : prefix;
}

Status find_tactic(const plan::Step& step, StepProgram& out) {
  out.tactic = tactic_registry().find(step.tactic);
  const std::string_view provider = provider_of(step.tactic);
  if (!out.tactic && !provider.empty()) {
    SINTER_TRY(load_provider(provider).with(fmt::format("while looking for tactic '{}' of step '{}'", step.tactic, step.name)));
    out.tactic = tactic_registry().find(step.tactic);
  }
  if (!out.tactic) {
    return make_error(Code::kTargetMismatch, "step '{}' needs tactic '{}@{}', which this Sinter does not have; re-tune the engine "
                      "with 'sinter retune F'", step.name, step.tactic, step.tactic_version);
  }
  if (out.tactic->version() != step.tactic_version) {
    return make_error(Code::kTargetMismatch, "step '{}' was built with tactic '{}@{}', this Sinter has version {}; re-tune the "
                      "engine with 'sinter retune F'", step.name, step.tactic, step.tactic_version, out.tactic->version());
  }
  return ok_status();
}

Status compile_step(const plan::Step& step, const std::vector<Tensor>& blobs,
                    const std::vector<const void*>& device_blobs, const CodeReader& read_code, StepProgram& out) {
  out.step = &step;
  out.op = find_op(step.problem.domain, step.problem.op);
  out.attributes = step.problem.attributes;
  for (int32_t blob : step.blobs) {
    out.blobs.push_back(blobs[blob]);
    if (!device_blobs.empty()) out.device_blobs.push_back(device_blobs[blob]);
  }
  out.on_device = step.kind == plan::StepKind::kKernel && step.problem.on_cuda();
  if (step.kind == plan::StepKind::kTransfer) return ok_status();
  if (step.kind == plan::StepKind::kKernel) {
    SINTER_TRY(find_tactic(step, out));
    if (out.tactic->device() != step.problem.device.kind) {
      return make_error(Code::kInvalidEngine,
                        "step '{}': tactic '{}' is for another device; the engine is damaged, build it again",
                        step.name, step.tactic);
    }
    if (step.code < 0) return ok_status();
    out.blobs.push_back(blobs[step.code]);
    if (!read_code) return ok_status();
    auto code = read_code(step, *out.tactic, out.blobs.back());
    if (!code.ok())
      return std::move(code).status().with(fmt::format("while making the code of step '{}' ready", step.name));
    out.blobs.back() = std::move(code).value();
    return ok_status();
  }
  if (!out.op || !out.op->evaluate) {
    return make_error(Code::kTargetMismatch, "step '{}' needs a reference kernel for operator '{}{}{}', which this Sinter does not "
                      "have; run the engine with the Sinter that built it", step.name, step.problem.domain,
                      step.problem.domain.empty() ? "" : ".", step.problem.op);
  }
  if (step.problem.has_epilogue()) {
    out.attributes.set(std::string(kEpilogueAttr), step.problem.epilogue.to_string());
    out.attributes.set(std::string(kEpilogueBaseAttr), int64_t{step.problem.epilogue_base});
  }
  return ok_status();
}

void collect_symbols(RegionProgram& program) {
  std::set<std::string> symbols;
  for (const plan::PlanValue& value : program.region->values) {
    value.alias_offset_bytes.collect_symbols(symbols);
    if (!value.type.shape) continue;
    for (const Dim& dim : *value.type.shape) dim.collect_symbols(symbols);
  }
  program.symbols.assign(symbols.begin(), symbols.end());
}

// Same bytes from the root's start: the output's buffer can serve as the root's.
bool covers_root(const plan::Region& region, int32_t value) {
  for (; region.values[value].storage == plan::Storage::kAlias; value = region.values[value].index) {
    const plan::PlanValue& inner = region.values[value];
    const plan::PlanValue& outer = region.values[inner.index];
    if (!inner.alias_offset_bytes.is(0) || !inner.type.is_tensor() || inner.type.dtype != outer.type.dtype) return false;
    if (!inner.type.shape || !outer.type.shape || outer.layout != inner.layout) return false;
    if (product(*inner.type.shape) != product(*outer.type.shape)) return false;
  }
  return true;
}

void find_outputs(RegionProgram& program) {
  const plan::Region& region = *program.region;
  program.output_of_root.assign(region.values.size(), -1);
  for (size_t k = 0; k < region.outputs.size(); ++k) {
    const int32_t root = program.root[region.outputs[k]];
    const plan::PlanValue& value = region.values[root];
    if (value.storage != plan::Storage::kArena || value.layout != Layout::kRowMajor) continue;
    if (program.output_of_root[root] >= 0 || !covers_root(region, region.outputs[k])) continue;
    program.output_of_root[root] = static_cast<int32_t>(k);
  }
}

void find_lifetimes(RegionProgram& program) {
  const plan::Region& region = *program.region;
  const int32_t end = static_cast<int32_t>(region.steps.size());
  program.first.assign(region.values.size(), end);
  program.last.assign(region.values.size(), -1);
  const auto touch = [&](int32_t value, int32_t step) {
    if (value < 0) return;
    const int32_t root = program.root[value];
    program.first[root] = std::min(program.first[root], step);
    program.last[root] = std::max(program.last[root], step);
  };
  for (int32_t s = 0; s < end; ++s) {
    for (int32_t value : region.steps[s].inputs) touch(value, s);
    for (int32_t value : region.steps[s].outputs) touch(value, s);
    for (int32_t value : program.steps[s].captured) touch(value, s);
  }
  for (int32_t value : region.outputs) touch(value, end);
  for (size_t v = 0; v < region.values.size(); ++v) {
    const int32_t last = program.last[program.root[v]];
    const plan::Storage storage = region.values[program.root[v]].storage;
    const bool heap = storage == plan::Storage::kHost || storage == plan::Storage::kArena || storage == plan::Storage::kNone;
    if (heap && last >= 0 && last < end) program.steps[last].releases.push_back(static_cast<int32_t>(v));
  }
}

}  // namespace

Result<std::vector<RegionProgram>> compile(const plan::Plan& plan, const std::vector<Tensor>& blobs,
                                           const std::vector<const void*>& device_blobs, const CodeReader& read_code) {
  std::vector<RegionProgram> programs(plan.regions.size());
  // Bodies come after their parents, so from the back every body's captures are known before the step that owns it.
  for (size_t r = plan.regions.size(); r-- > 0;) {
    const plan::Region& region = plan.regions[r];
    RegionProgram& program = programs[r];
    program.region = &region;
    for (size_t v = 0; v < region.values.size(); ++v) {
      program.root.push_back(plan::alias_root(region, static_cast<int32_t>(v)));
      if (region.values[v].storage == plan::Storage::kCaptured) program.captured.push_back(static_cast<int32_t>(v));
    }
    program.steps.resize(region.steps.size());
    for (size_t s = 0; s < region.steps.size(); ++s) {
      SINTER_TRY(compile_step(region.steps[s], blobs, device_blobs, read_code, program.steps[s]));
      SINTER_TRY(check_step(region, program.steps[s]));
      for (const auto& [attribute, child] : region.steps[s].regions) {
        for (int32_t value : programs[child].captured) {
          program.steps[s].captured.push_back(plan.regions[child].values[value].index);
        }
      }
    }
    collect_symbols(program);
    find_outputs(program);
    find_lifetimes(program);
  }
  return programs;
}

}  // namespace sinter::runtime
