// Sessions: whole jobs above import, passes, builder, engine and runtime. What the command line and the C ABI offer is here.
#pragma once

#include <memory>
#include <string>

#include "builder/builder.h"
#include "engine/engine_file.h"
#include "onnx/import.h"
#include "passes/pass.h"
#include "quant/insert.h"
#include "session/profiles.h"

namespace sinter::session {

struct BuildRequest {
  std::string model_path;
  onnx::ImportOptions import;
  passes::PassOptions passes;
  builder::BuildOptions build;
  // `shapes` alone fixes dims; with min_shapes and max_shapes they stay symbolic in that range and `shapes` is what is tuned for: the first optimization profile.
  ShapeMap shapes, min_shapes, max_shapes;
  std::vector<ProfileShapes> further_profiles;  // after it: a plan each
  std::vector<ShapeMap> shapes_to_warm;         // sets of input shapes that contexts of the engine make ready for ahead
  bool first_profile_only = false;  // of builds that are compared
  bool dynamic() const { return !min_shapes.empty() || !max_shapes.empty() || !further_profiles.empty(); }
  // Ranges of activations: with them, dense layers work on whole numbers where `quantize` does not keep them in f32. Null: none.
  std::shared_ptr<const quant::Calibration> calibration;
  quant::InsertOptions quantize;
  builder::Constraints constraints;  // types of single layers
  bool fastest = true;    // of several permitted precisions the fastest is taken (session/fastest.h); false: the lowest
  bool int8_where_known = false;  // --best: int8 takes part only where ranges are known
  bool fp8 = false;       // values with ranges pass through f8e4m3fn
  bool strip_quantization = false;  // the float network behind a model with Q/DQ
  bool float_times = false;         // of models with Q/DQ: the report compares int8 layers with that network's
  bool strongly_typed = false;    // the model's own types
  std::vector<std::string> notes; // for the report
  bool portable = true;   // keep the portable part: the engine can be re-tuned for another machine
  std::vector<std::string> trusted_keys;  // load_any: see runtime::LoadOptions
  bool trust_any = false;
  bool fallback_chosen = false;  // load_any: build.fallback is not the default of build.device
  bool strict = false;    // load_any: an engine of another machine is an error
  std::string command;    // recorded in the manifest; without output names, so that equal builds give equal bytes
};

struct BuildOutcome {
  engine::EngineContents contents;
  builder::BuildReport report;
  Status timing_cache_saved = ok_status();  // the rest is whole even if not
};

// model.onnx → tuned engine, in memory. The engine's bytes depend on the model, the options and the timings only.
Result<BuildOutcome> build_model(const BuildRequest& request);

// The same from an engine's portable part, for this machine.
Result<BuildOutcome> retune(const engine::EngineFile& engine, const BuildRequest& request);

// "NAME:1x3x224x224,…" → shapes of inputs; a name may be left out when the model has one input (""). Dims are numbers.
Result<ShapeMap> parse_shapes(std::string_view text);
// "512MiB", "1.5GiB", "2048M", "1000000" → bytes. Suffixes are powers of 1024; "B" alone is a byte.
Result<int64_t> parse_size(std::string_view text);

// The model's own precision, whatever the request permits: no int8, no 16-bit floats, no TF32.
BuildRequest plain_request(const BuildRequest& request);

// A model imported and optimised, for tools that look inside and for jobs that build one model several times: the graph, and what fired.
struct Optimised {
  ir::Model model;
  SymbolRanges symbols;                       // of the request's first profile; {}: none
  std::vector<SymbolRanges> further_symbols;  // of those after it
  passes::PassReport passes;
  builder::LayerTypeMap layer_types;  // the request's constraints, by node of the model
  quant::InsertReport quantization;  // empty before lower, and without a calibration
  std::vector<std::string> notes;    // for the report: constraints that are not kept

  Optimised clone() const;  // the graph and what builds need, not the file's particulars
};
Result<Optimised> optimise(const BuildRequest& request);  // in the model's own precision
// The same in two steps, for rewrites that want operators as the model has them: before elementwise ones are fused, and what is left then.
Result<Optimised> optimise_unfused(const BuildRequest& request);
Status fuse(Optimised& optimised, const BuildRequest& request);
// To the precision that the request permits: quantizes by its calibration, or narrows floats. Constraints that must be obeyed and can't are an error.
Status lower(Optimised& optimised, const BuildRequest& request);
Result<Optimised> import_and_optimise(const BuildRequest& request);  // both
// The rest of build_model.
Result<BuildOutcome> build_lowered(const Optimised& lowered, const BuildRequest& request);

}  // namespace sinter::session
