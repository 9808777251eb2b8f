// Running models from files and from memory, for the command line and for conformance tests.
#pragma once

#include <memory>

#include "onnx/conformance.h"
#include "runtime/context.h"
#include "session/session.h"

namespace sinter::session {

// An engine from an .onnx file (built in memory with the request's options) or from an engine file, whichever `path` is. An engine for
// another machine is re-tuned from its portable part, in memory, unless the request is strict.
Result<std::shared_ptr<const runtime::Engine>> load_any(const BuildRequest& request);
// The same on each of these GPUs: a model is built once for those of one kind.
Result<std::vector<std::shared_ptr<const runtime::Engine>>> load_on_each(const BuildRequest& request,
                                                                         std::span<Device* const> gpus);
// Where the request is for the processor and the engine for a GPU: the request becomes one for the GPU `ordinal`.
Status take_device_of(const engine::EngineFile& file, int ordinal, BuildRequest& request);
// True when the file begins as an engine does.
bool is_engine_file(const std::string& path);

// What was built of a graph as an engine that says no more of itself than a run needs: no portable part, no origin.
engine::EngineContents plain_contents(const ir::Graph& graph, builder::BuildResult built);

// Runs each conformance test's model the whole way: passes, builder, engine, runtime.
onnx::ModelRunner engine_runner(const BuildRequest& base);

// Floats in [0,1), integers and booleans 0 and 1, from a seed; the same on every machine.
Result<Tensor> random_tensor(DType dtype, const Dims& dims, uint64_t seed);
// Values for every input of the engine by random_tensor(seed + index); symbols at the profile's optimum or as `shapes` says.
Result<std::vector<Value>> random_inputs(const runtime::Engine& engine, uint64_t seed,
                                         const std::map<std::string, Shape, std::less<>>& shapes = {});

}  // namespace sinter::session
