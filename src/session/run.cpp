#include "session/run.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "base/log.h"
#include "ir/graph.h"

namespace sinter::session {
namespace {

constexpr char kEngineMagic[] = {'S', 'I', 'N', 'T', 'E', 'R'};

// splitmix64: a counter-based generator, the same on every machine (Steele, Lea, Flood 2014).
uint64_t next_random(uint64_t& state) {
  uint64_t z = state += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

}  // namespace

bool is_engine_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  char start[sizeof kEngineMagic] = {};
  in.read(start, sizeof start);
  if (in && std::memcmp(start, kEngineMagic, sizeof start) == 0) return true;
  // A length and so many bytes of JSON may come first.
  in.clear();
  in.seekg(0);
  uint32_t length = 0;
  char brace = 0;
  in.read(reinterpret_cast<char*>(&length), sizeof length);
  in.get(brace);
  if (!in || brace != '{' || length > (1u << 24)) return false;
  in.seekg(4 + static_cast<std::streamoff>(length));
  in.read(start, sizeof start);
  return in && std::memcmp(start, kEngineMagic, sizeof start) == 0;
}

Status take_device_of(const engine::EngineFile& file, int ordinal, BuildRequest& request) {
  if (!file.plan().on_cuda() || request.build.device) return ok_status();
  SINTER_ASSIGN(request.build.device, find_device({DeviceKind::kCuda, ordinal}));
  if (!request.fallback_chosen) request.build.fallback = builder::Fallback::kError;
  return ok_status();
}

Result<std::shared_ptr<const runtime::Engine>> load_any(const BuildRequest& given) {
  BuildRequest request = given;
  runtime::LoadOptions how(engine::Verify::kTarget, request.build.device ? request.build.device->ordinal() : 0);
  how.trusted_keys = request.trusted_keys;
  how.trust_any = request.trust_any;
  if (!is_engine_file(request.model_path)) {
    SINTER_ASSIGN(BuildOutcome outcome, build_model(request));
    SINTER_TRY(outcome.timing_cache_saved);
    return runtime::Engine::from_contents(std::move(outcome.contents), how);
  }
  auto engine = runtime::Engine::load(request.model_path, how);
  if (engine.ok() || engine.status().code() != Code::kTargetMismatch) return engine;
  if (request.strict) return std::move(engine).status().with("while loading it as it is, as strict asks for");
  SINTER_ASSIGN(const auto file, engine::EngineFile::open(request.model_path, engine::Verify::kFull));
  if (!file->has_portable()) return engine;
  SINTER_TRY(take_device_of(*file, how.device, request));
  log(Severity::kWarning, "{}; re-tuned in memory from its portable part, for this run alone", engine.status().message());
  SINTER_ASSIGN(BuildOutcome outcome, retune(*file, request));
  SINTER_TRY(outcome.timing_cache_saved);
  return runtime::Engine::from_contents(std::move(outcome.contents), how);
}

Result<std::vector<std::shared_ptr<const runtime::Engine>>> load_on_each(const BuildRequest& given,
                                                                         std::span<Device* const> gpus) {
  std::vector<std::shared_ptr<const runtime::Engine>> engines;
  std::vector<std::pair<const Device*, engine::EngineContents>> built;
  for (Device* const gpu : gpus) {
    BuildRequest request = given;
    request.build.device = gpu;
    if (is_engine_file(request.model_path)) {
      SINTER_ASSIGN(engines.emplace_back(), load_any(request));
      if (engines.back()->device() == gpu) continue;
      return make_error(Code::kInvalidArgument,
                        "engine '{}' is for the CPU, but {} GPUs are to run it; build it with --device cuda",
                        request.model_path, gpus.size());
    }
    const auto same = [&](const auto& made) {
      return made.first->spec() == gpu->spec() && made.first->name() == gpu->name();
    };
    auto made = std::find_if(built.begin(), built.end(), same);
    if (made == built.end()) {
      SINTER_ASSIGN(BuildOutcome outcome, build_model(request));
      SINTER_TRY(outcome.timing_cache_saved);
      made = built.insert(built.end(), {gpu, std::move(outcome.contents)});
    }
    SINTER_ASSIGN(
        engines.emplace_back(),
        runtime::Engine::from_contents(made->second, runtime::LoadOptions(engine::Verify::kTarget, gpu->ordinal())));
  }
  return engines;
}

Result<Tensor> random_tensor(DType dtype, const Dims& dims, uint64_t seed) {
  if (dtype_bits(dtype) == 0) {
    return make_error(Code::kUnsupported, "random inputs: found element type {}, expected a number; give the input with --input", dtype_name(dtype));
  }
  uint64_t state = seed;
  const bool floating = is_float(dtype);
  Tensor wide(floating ? DType::kF32 : DType::kI64, dims);
  for (int64_t i = 0; i < wide.count(); ++i) {
    const uint64_t bits = next_random(state);
    if (floating) wide.data<float>()[i] = static_cast<float>(bits >> 40) / 16777216.0f;
    else wide.data<int64_t>()[i] = static_cast<int64_t>(bits >> 63);
  }
  return wide.dtype() == dtype ? wide : wide.cast(dtype);
}

engine::EngineContents plain_contents(const ir::Graph& graph, builder::BuildResult built) {
  engine::EngineContents contents;
  for (const ir::Value* value : graph.inputs) contents.manifest.inputs.push_back({value->name, value->type, value->onnx_names});
  for (const ir::Value* value : graph.outputs) contents.manifest.outputs.push_back({value->name, value->type, value->onnx_names});
  contents.manifest.isa = built.plan.isa;
  contents.manifest.device = built.plan.cpu_model;
  contents.plan = std::move(built.plan);
  contents.blobs = std::move(built.blobs);
  return contents;
}

onnx::ModelRunner engine_runner(const BuildRequest& base) {
  return [base](const ir::Model& model, std::vector<Value> inputs) -> Result<std::vector<Value>> {
    const std::unique_ptr<ir::Graph> graph = model.graph->clone();
    SINTER_ASSIGN(const passes::PassReport passes, passes::run_pipeline(*graph, base.passes));
    SINTER_ASSIGN(builder::BuildResult built, builder::build_plan(*graph, base.build));
    const engine::EngineContents contents = plain_contents(*graph, std::move(built));
    SINTER_ASSIGN(const std::string bytes, engine::write_engine(contents));
    SINTER_ASSIGN(const auto engine, runtime::Engine::from_memory(bytes, nullptr, {engine::Verify::kTarget, base.build.device ? base.build.device->ordinal() : 0}));
    runtime::ContextOptions options;
    options.threads = base.build.threads;
    SINTER_ASSIGN(const auto context, runtime::ExecutionContext::create(engine, options));
    return context->run(inputs);
  };
}

Result<std::vector<Value>> random_inputs(const runtime::Engine& engine, uint64_t seed,
                                         const std::map<std::string, Shape, std::less<>>& shapes) {
  Bindings optimum;
  for (const plan::SymbolRange& symbol : engine.plan().symbols) optimum[symbol.name] = symbol.opt;
  std::vector<Value> values;
  for (const engine::IoInfo& input : engine.inputs()) {
    if (!input.type.is_tensor() || !input.type.shape) {
      return make_error(Code::kUnsupported, "random inputs: input '{}' is {}, expected a tensor of known rank; give it with --input", input.name,
                        input.type.to_string());
    }
    auto given = shapes.find(input.name);
    if (given == shapes.end() && engine.inputs().size() == 1) given = shapes.find("");
    const Shape& shape = given != shapes.end() ? given->second : *input.type.shape;
    const auto dims = evaluate(shape, optimum);
    if (!dims) return make_error(Code::kInvalidArgument, "random inputs: input '{}' has shape {}; say which with --shapes", input.name, to_string(shape));
    SINTER_ASSIGN(Tensor tensor, random_tensor(input.type.dtype, *dims, seed + values.size()));
    values.emplace_back(std::move(tensor));
  }
  return values;
}

}  // namespace sinter::session
