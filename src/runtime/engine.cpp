#include "runtime/engine.h"

#include "base/cpu_info.h"

namespace sinter::runtime {
namespace {

std::optional<Isa> parse_isa(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Isa::kAmx); ++i) {
    if (isa_name(static_cast<Isa>(i)) == name) return static_cast<Isa>(i);
  }
  return std::nullopt;
}

Result<Match> match_target(const engine::EngineFile& file) {
  const plan::Plan& plan = file.plan();
  const CpuInfo& cpu = cpu_info();
  const std::optional<Isa> isa = plan.isa.empty() ? Isa::kBaseline : parse_isa(plan.isa);
  if (!isa || *isa > cpu.isa) {
    return make_error(Code::kTargetMismatch, "engine '{}' was built for {} ({}); this machine has {} ({}): not loaded, file "
                      "untouched; re-tune it here with 'sinter retune {}'", file.name(), plan.isa, plan.cpu_model,
                      isa_name(cpu.isa), cpu.model_name, file.name());
  }
  return *isa == cpu.isa && plan.cpu_model == cpu.model_name ? Match::kExact : Match::kCompatible;
}

std::vector<engine::IoInfo> io_infos(const plan::Region& region, const std::vector<int32_t>& values,
                                     const std::vector<engine::IoInfo>& names) {
  std::vector<engine::IoInfo> infos;
  for (size_t i = 0; i < values.size(); ++i) {
    const plan::PlanValue& value = region.values[values[i]];
    const std::string& name = names.size() == values.size() ? names[i].name : value.name;
    infos.push_back({name, value.type, value.onnx_names});
  }
  return infos;
}

int index_of(const std::vector<engine::IoInfo>& infos, std::string_view name) {
  for (size_t i = 0; i < infos.size(); ++i) {
    if (infos[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

std::string_view match_name(Match match) { return match == Match::kExact ? "exact" : "compatible"; }

Result<std::shared_ptr<const Engine>> Engine::from_file(std::shared_ptr<const engine::EngineFile> file) {
  std::shared_ptr<Engine> engine(new Engine());
  SINTER_ASSIGN(engine->match_, match_target(*file));
  auto programs = compile(file->plan(), file->blobs());
  if (!programs.ok()) return std::move(programs).status().with(fmt::format("while loading engine '{}'", file->name()));
  engine->programs_ = std::move(programs).value();
  const plan::Region& main = file->plan().regions[0];
  engine->inputs_ = io_infos(main, main.inputs, file->manifest().inputs);
  engine->outputs_ = io_infos(main, main.outputs, file->manifest().outputs);
  engine->file_ = std::move(file);
  return std::shared_ptr<const Engine>(std::move(engine));
}

Result<std::shared_ptr<const Engine>> Engine::load(const std::string& path, engine::Verify verify) {
  SINTER_ASSIGN(auto file, engine::EngineFile::open(path, verify));
  return from_file(std::move(file));
}

Result<std::shared_ptr<const Engine>> Engine::from_memory(std::string_view bytes, std::shared_ptr<const void> keep_alive,
                                                          engine::Verify verify) {
  SINTER_ASSIGN(auto file, engine::EngineFile::from_memory(bytes, std::move(keep_alive), verify));
  return from_file(std::move(file));
}

Result<std::shared_ptr<const Engine>> Engine::from_contents(engine::EngineContents contents) {
  SINTER_ASSIGN(auto file, engine::EngineFile::from_contents(std::move(contents)));
  return from_file(std::move(file));
}

int Engine::input_index(std::string_view name) const { return index_of(inputs_, name); }
int Engine::output_index(std::string_view name) const { return index_of(outputs_, name); }

std::string Engine::info_json() const {
  size_t kernels = 0, references = 0, controls = 0;
  for (const plan::Region& region : plan().regions) {
    for (const plan::Step& step : region.steps) {
      (step.kind == plan::StepKind::kKernel ? kernels : step.kind == plan::StepKind::kReference ? references : controls)++;
    }
  }
  int64_t weights = 0;
  for (const Tensor& blob : file_->blobs()) weights += blob.bytes();
  return fmt::format(
      "{{\"manifest\": {}, \"match\": \"{}\", \"engine_bytes\": {}, \"weight_bytes\": {}, \"portable\": {}, \"regions\": {}, "
      "\"kernel_steps\": {}, \"reference_steps\": {}, \"control_steps\": {}, \"report\": {}}}",
      to_json(file_->manifest()), match_name(match_), file_->size_bytes(), weights, file_->has_portable(), plan().regions.size(),
      kernels, references, controls, file_->report_json().empty() ? "null" : file_->report_json());
}

}  // namespace sinter::runtime
