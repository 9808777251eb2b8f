#include "trtexec/flags.h"

#include <algorithm>

namespace sinter::tool::trtexec {
namespace {

constexpr bool kSwitch = false, kValue = true;
const char* const kNoDla = "there is no DLA here; layers run on the device of --device";
const char* const kNoSafety = "it belongs to the safety product";
const char* const kNoRuntimes = "an engine of Sinter holds a portable part, and runs on later versions and other machines as it is";
const char* const kNoPlugins = "engines name the plugins they need and hold no code of them; a plugin can't replace an operator";
const char* const kNoStreaming = "weights stay where the device reads them";
const char* const kNoRoutes = "the tuner measures every tactic; there are no routes to search";
const char* const kOldFormats = "Caffe and UFF models are not read; export the model to ONNX";

const std::vector<Flag> kFlags = {
    // Model.
    {"--onnx", kValue, 7, 11, "FILE  the ONNX model", nullptr},
    {"--model", kValue, 7, 8, "", kOldFormats},
    {"--deploy", kValue, 7, 8, "", kOldFormats},
    {"--uff", kValue, 7, 8, "", kOldFormats},
    {"--uffInput", kValue, 7, 8, "", kOldFormats},
    {"--uffNHWC", kSwitch, 7, 8, "", kOldFormats},
    {"--output", kValue, 7, 8, "", "an ONNX model says its outputs itself"},
    // Shapes and profiles.
    {"--minShapes", kValue, 7, 11, "NAME:DIMS,...  smallest shapes of dynamic inputs", nullptr},
    {"--optShapes", kValue, 7, 11, "NAME:DIMS,...  shapes that are tuned for", nullptr},
    {"--maxShapes", kValue, 7, 11, "NAME:DIMS,...  largest shapes", nullptr},
    {"--shapes", kValue, 7, 11, "NAME:DIMS,...  shapes of the inference", nullptr},
    {"--profile", kValue, 9, 11, "N  the shapes behind it are of profile N", nullptr},
    {"--useProfile", kValue, 9, 11, "N  the profile that inference uses", nullptr},
    {"--calibProfile", kValue, 9, 10, "", "calibration takes the shapes that are tuned for"},
    {"--minShapesCalib", kValue, 7, 10, "", "calibration takes the shapes that are tuned for"},
    {"--optShapesCalib", kValue, 7, 10, "", "calibration takes the shapes that are tuned for"},
    {"--maxShapesCalib", kValue, 7, 10, "", "calibration takes the shapes that are tuned for"},
    {"--inputIOFormats", kValue, 7, 11, "TYPE:FORMAT,...  only fp32:chw and what the model has", nullptr},
    {"--outputIOFormats", kValue, 7, 11, "TYPE:FORMAT,...  likewise", nullptr},
    // Precision.
    {"--fp16", kSwitch, 7, 10, "permit fp16", nullptr},
    {"--bf16", kSwitch, 9, 10, "permit bf16", nullptr},
    {"--int8", kSwitch, 7, 10, "permit int8 (--calib, or Q/DQ in the model; without both, accuracy is meaningless)", nullptr},
    {"--fp8", kSwitch, 8, 10, "values with ranges pass through float8 (--calib)", nullptr},
    {"--int4", kSwitch, 10, 10, "", "weights of 4 bits are used where the model has them"},
    {"--best", kSwitch, 7, 10, "permit every precision", nullptr},
    {"--noTF32", kSwitch, 7, 11, "full fp32 accuracy", nullptr},
    {"--stronglyTyped", kSwitch, 9, 11, "the types of the model are obeyed", nullptr},
    {"--precisionConstraints", kValue, 8, 10, "none|prefer|obey  what the next two mean", nullptr},
    {"--layerPrecisions", kValue, 8, 10, "NAME:TYPE,...  types of layers", nullptr},
    {"--layerOutputTypes", kValue, 8, 10, "NAME:TYPE+TYPE,...  types of layers' results", nullptr},
    {"--calib", kValue, 7, 10, "FILE  int8 calibration cache; written from random values when it does not exist", nullptr},
    {"--sparsity", kValue, 8, 11, "", "2:4 sparse products are not made; weights are used as they are"},
    {"--explicitPrecision", kSwitch, 8, 9, "", "Q/DQ is always obeyed"},
    // Resources and tactics.
    {"--workspace", kValue, 7, 9, "MiB  scratch memory of a layer", nullptr},
    {"--memPoolSize", kValue, 8, 11, "POOL:SIZE,...  workspace:2048MiB", nullptr},
    {"--minTiming", kValue, 7, 9, "", "a tactic is timed until its three smallest samples agree"},
    {"--avgTiming", kValue, 7, 11, "", "a tactic is timed until its three smallest samples agree"},
    {"--builderOptimizationLevel", kValue, 8, 11, "", "every tactic that may win is timed; a timing cache makes later builds quick"},
    {"--maxTactics", kValue, 10, 11, "", "every tactic that may win is timed"},
    {"--tilingOptimizationLevel", kValue, 10, 11, "", "tiles are tactics here, and timed"},
    {"--l2LimitForTiling", kValue, 10, 11, "", "tiles are tactics here, and timed"},
    {"--maxAuxStreams", kValue, 8, 11, "", "a context runs in one stream"},
    {"--tacticSources", kValue, 7, 11, "+NAME,-NAME  CUBLAS_LT and CUDNN take part when they are named", nullptr},
    {"--heuristic", kSwitch, 8, 9, "", "every tactic that may win is timed"},
    {"--noBuilderCache", kSwitch, 7, 11, "no timing cache", nullptr},
    {"--timingCacheFile", kValue, 8, 11, "FILE  timings, read and updated", nullptr},
    {"--errorOnTimingCacheMiss", kSwitch, 9, 11, "", "timings that are missing are taken"},
    {"--noCompilationCache", kSwitch, 9, 11, "", "compiled kernels are kept in a folder of the user's, not in the timing cache"},
    {"--preview", kValue, 8, 11, "", "there are no preview features"},
    {"--restricted", kSwitch, 8, 10, "", kNoSafety},
    {"--directIO", kSwitch, 8, 11, "", "inputs and outputs are row-major; the report counts reformats"},
    {"--distributiveIndependence", kSwitch, 10, 11, "", "results of a row depend on no other row"},
    {"--decomposableAttentions", kValue, 10, 11, "", "attention is fused where a tactic takes it, else it stays as the model has it"},
    {"--monitorMemory", kSwitch, 10, 11, "", "the peak of host memory is always printed"},
    {"--remoteAutoTuningConfig", kValue, 10, 11, "", kNoSafety},
    {"--cpuOnly", kSwitch, 10, 11, "", kNoSafety},
    {"--dumpKernelText", kSwitch, 10, 11, "", kNoSafety},
    {"--safetyPlugins", kValue, 10, 11, "", kNoSafety},
    {"--buildOnly", kSwitch, 7, 9, "the old name of --skipInference", nullptr},
    // Engine file, portability, refit.
    {"--saveEngine", kValue, 7, 11, "FILE  write the engine", nullptr},
    {"--loadEngine", kValue, 7, 11, "FILE  use this engine instead of building one", nullptr},
    {"--asyncFileReader", kSwitch, 10, 11, "", "engines are mapped"},
    {"--getPlanVersionOnly", kSwitch, 9, 11, "print which version of Sinter wrote the engine", nullptr},
    {"--refit", kSwitch, 7, 11, "", "weights are not replaced in engines yet; build again (the timing cache makes it quick)"},
    {"--stripWeights", kSwitch, 10, 11, "", "engines keep their weights"},
    {"--stripAllWeights", kSwitch, 10, 11, "", "engines keep their weights"},
    {"--weightless", kSwitch, 9, 10, "", "engines keep their weights"},
    {"--refitFromOnnx", kSwitch, 10, 11, "", "weights are not replaced in engines yet; build again"},
    {"--timeRefit", kSwitch, 8, 11, "", "weights are not replaced in engines yet"},
    {"--allowWeightStreaming", kSwitch, 10, 11, "", kNoStreaming},
    {"--weightStreamingBudget", kValue, 10, 11, "", kNoStreaming},
    {"--versionCompatible", kSwitch, 8, 11, "", kNoRuntimes},
    {"--vc", kSwitch, 8, 11, "", kNoRuntimes},
    {"--excludeLeanRuntime", kSwitch, 8, 11, "", kNoRuntimes},
    {"--leanDLLPath", kValue, 8, 11, "", kNoRuntimes},
    {"--useRuntime", kValue, 8, 11, "", kNoRuntimes},
    {"--hardwareCompatibilityLevel", kValue, 8, 11, "none|ampere+  with ampere+ the engine runs on every later GPU", nullptr},
    {"--runtimePlatform", kValue, 10, 11, "", "an engine's portable part is tuned again on another machine"},
    {"--tempdir", kValue, 8, 11, "", "no temporary files are executed"},
    {"--tempfileControls", kValue, 8, 11, "", "no temporary files are executed"},
    {"--saveAllEngines", kSwitch, 11, 11, "", kNoRoutes},
    // Parser, plugins, DLA, safety, debug.
    {"--nativeInstanceNorm", kSwitch, 8, 9, "", "InstanceNormalization is native"},
    {"--ni", kSwitch, 8, 9, "", "InstanceNormalization is native"},
    {"--pluginInstanceNorm", kSwitch, 10, 11, "", "InstanceNormalization is native"},
    {"--pi", kSwitch, 10, 11, "", "InstanceNormalization is native"},
    {"--uint8AsymmetricQuantizationDLA", kSwitch, 10, 11, "", kNoDla},
    {"--reportCapabilityDLA", kSwitch, 10, 11, "", kNoDla},
    {"--adjustForDLA", kSwitch, 10, 11, "", kNoDla},
    {"--enablePluginOverride", kSwitch, 10, 11, "", kNoPlugins},
    {"--useDLACore", kValue, 7, 11, "", kNoDla},
    {"--allowGPUFallback", kSwitch, 7, 11, "", kNoDla},
    {"--buildDLAStandalone", kSwitch, 8, 11, "", kNoDla},
    {"--layerDeviceTypes", kValue, 8, 11, "", kNoDla},
    {"--safe", kSwitch, 7, 11, "", kNoSafety},
    {"--consistency", kSwitch, 8, 11, "", kNoSafety},
    {"--markDebug", kValue, 10, 11, "", "every tensor that is stored can be written: sinter run --dump-tensors"},
    {"--markUnfusedTensorsAsDebugTensors", kSwitch, 10, 11, "", "every tensor that is stored can be written: sinter run --dump-tensors"},
    {"--saveDebugTensors", kValue, 10, 11, "", "sinter run --dump-tensors writes them"},
    {"--saveAllDebugTensors", kValue, 10, 11, "", "sinter run --dump-tensors writes them"},
    {"--profilingVerbosity", kValue, 8, 11, "layer_names_only|detailed|none  what --exportLayerInfo holds", nullptr},
    {"--nvtxMode", kValue, 7, 9, "the old name of --profilingVerbosity", nullptr},
    // Inference.
    {"--batch", kValue, 7, 8, "", "an ONNX model says its batch itself, or --shapes does"},
    {"--maxBatch", kValue, 7, 8, "", "an ONNX model says its batch itself, or --maxShapes does"},
    {"--explicitBatch", kSwitch, 7, 9, "nothing: it is always so", nullptr},
    {"--loadInputs", kValue, 7, 11, "NAME:FILE,...  values of inputs, raw", nullptr},
    {"--loadRefOutputs", kValue, 11, 11, "", "sinter compare MODEL ENGINE compares outputs"},
    {"--accuracyAlgorithm", kValue, 11, 11, "", "sinter compare MODEL ENGINE compares outputs"},
    {"--atol", kValue, 11, 11, "", "sinter compare MODEL ENGINE compares outputs"},
    {"--rtol", kValue, 11, 11, "", "sinter compare MODEL ENGINE compares outputs"},
    {"--accuracyThreshold", kValue, 11, 11, "", "sinter compare MODEL ENGINE compares outputs"},
    {"--refPair", kValue, 11, 11, "", "sinter compare MODEL ENGINE compares outputs"},
    {"--iterations", kValue, 7, 11, "N  at least so many (10)", nullptr},
    {"--warmUp", kValue, 7, 11, "MS  (200)", nullptr},
    {"--duration", kValue, 7, 11, "S  at least so long (3)", nullptr},
    {"--sleepTime", kValue, 7, 11, "", "work is not delayed on the device"},
    {"--idleTime", kValue, 8, 11, "MS  pause between iterations", nullptr},
    {"--infStreams", kValue, 8, 11, "N  contexts at once (1)", nullptr},
    {"--streams", kValue, 7, 11, "the old name of --infStreams", nullptr},
    {"--exposeDMA", kSwitch, 7, 11, "", "copies and computing of one stream are measured one after the other"},
    {"--noDataTransfers", kSwitch, 7, 11, "inputs and outputs stay on the device", nullptr},
    {"--includeDataTransfers", kSwitch, 11, 11, "the opposite", nullptr},
    {"--useManagedMemory", kSwitch, 8, 11, "", "device memory is allocated plainly"},
    {"--useSpinWait", kSwitch, 7, 11, "", "waiting is the runtime's"},
    {"--noSpinWait", kSwitch, 11, 11, "", "waiting is the runtime's"},
    {"--threads", kSwitch, 7, 11, "", "every stream has a thread of its own"},
    {"--useCudaGraph", kSwitch, 7, 11, "", "graphs are captured by themselves"},
    {"--noCudaGraph", kSwitch, 11, 11, "", "graphs are captured by themselves, where that is faster"},
    {"--timeDeserialize", kSwitch, 8, 11, "measure loading, and end", nullptr},
    {"--separateProfileRun", kSwitch, 7, 11, "nothing: profiles are always taken in runs of their own", nullptr},
    {"--skipInference", kSwitch, 8, 11, "build only", nullptr},
    {"--persistentCacheRatio", kValue, 8, 11, "", "no part of the second-level cache is set aside"},
    {"--allocationStrategy", kValue, 10, 11, "", "a context has memory for the shapes it runs"},
    // Build-route tuning.
    {"--tuneBuildRoutes", kValue, 11, 11, "", kNoRoutes},
    {"--tuneBuildRouteFile", kValue, 11, 11, "", kNoRoutes},
    {"--tuningSearch", kValue, 11, 11, "", kNoRoutes},
    {"--tuningCacheFile", kValue, 11, 11, "", kNoRoutes},
    {"--tuningTimeOut", kValue, 11, 11, "", kNoRoutes},
    {"--continue", kSwitch, 11, 11, "", kNoRoutes},
    {"--dryRun", kSwitch, 11, 11, "", kNoRoutes},
    {"--helpBuildRoute", kSwitch, 11, 11, "", kNoRoutes},
    {"--setBuildRoute", kValue, 11, 11, "", kNoRoutes},
    // Reporting.
    {"--verbose", kSwitch, 7, 11, "more messages", nullptr},
    {"--avgRuns", kValue, 7, 11, "N  runs of an average line (10)", nullptr},
    {"--percentile", kValue, 7, 11, "P,...  (90,95,99)", nullptr},
    {"--dumpRefit", kSwitch, 7, 11, "", "weights are not replaced in engines yet"},
    {"--dumpOutput", kSwitch, 7, 11, "print the outputs", nullptr},
    {"--dumpRawBindingsToFile", kSwitch, 8, 11, "write inputs and outputs as raw files", nullptr},
    {"--dumpProfile", kSwitch, 7, 11, "print the times of layers", nullptr},
    {"--exportProfile", kValue, 7, 11, "FILE  write them as JSON", nullptr},
    {"--dumpLayerInfo", kSwitch, 8, 11, "print the layers", nullptr},
    {"--exportLayerInfo", kValue, 8, 11, "FILE  write them as JSON", nullptr},
    {"--dumpOptimizationProfile", kSwitch, 9, 11, "print the ranges of inputs", nullptr},
    {"--exportTimes", kValue, 7, 11, "FILE  write the time of every query as JSON", nullptr},
    {"--exportOutput", kValue, 7, 11, "FILE  write the outputs as JSON", nullptr},
    // System.
    {"--device", kValue, 7, 11, "N  the GPU of this number (0); cpu: the processor, which is also taken where no GPU is", nullptr},
    {"--staticPlugins", kValue, 8, 11, "FILE  a library of operators written with sinter/plugin.h; may be repeated", nullptr},
    {"--plugins", kValue, 7, 11, "FILE  likewise", nullptr},
    {"--dynamicPlugins", kValue, 8, 11, "FILE  likewise", nullptr},
    {"--setPluginsToSerialize", kValue, 8, 11, "FILE  likewise: engines name plugins and hold none", nullptr},
    {"--ignoreParsedPluginLibs", kSwitch, 8, 11, "", kNoPlugins},
    {"--help", kSwitch, 7, 11, "this text", nullptr},
    {"-h", kSwitch, 7, 11, "this text", nullptr},
    // Sinter's own.
    {"--generation", kValue, 0, 0, "8|10|11  whose defaults hold (10; also SINTER_TRTEXEC)", nullptr},
};

}  // namespace

const std::vector<Flag>& flags() { return kFlags; }

const Flag* find_flag(const std::string& name) {
  const auto found = std::find_if(kFlags.begin(), kFlags.end(), [&](const Flag& flag) { return name == flag.name; });
  return found == kFlags.end() ? nullptr : &*found;
}

std::vector<std::string> flag_names() {
  std::vector<std::string> names;
  for (const Flag& flag : kFlags) names.emplace_back(flag.name);
  return names;
}

std::string help_text() {
  std::string text = "Builds and measures engines with trtexec's command line.\nUsage: trtexec [--flag | --key=value]...\n\n";
  std::string accepted;
  for (const Flag& flag : kFlags) {
    if (flag.nothing) accepted += std::string(accepted.empty() ? "" : ", ") + flag.name;
    else text += "  " + std::string(flag.name) + (flag.has_value ? "=" : "  ") + flag.help + "\n";
  }
  return text + "\nAccepted, and said to have no meaning here: " + accepted + "\n";
}

}  // namespace sinter::tool::trtexec
