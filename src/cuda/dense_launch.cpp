#include "cuda/dense_launch.h"

#include "cuda/cuda_tactic.h"

namespace sinter::cuda {

sinter_kernels::Divisor divisor(int64_t by) {
  unsigned shift = 0;
  while ((int64_t{1} << shift) < by) ++shift;
  const uint64_t power = uint64_t{1} << (31 + shift), divider = static_cast<uint64_t>(std::max<int64_t>(by, 1));
  return {static_cast<unsigned>((power + divider - 1) / divider), shift};
}

int copy_bytes(const Dim& elements, int element) {
  if (!elements.is_constant()) return element;
  for (int bytes = 16; bytes > element; bytes /= 2) {
    if (elements.value() * element % bytes == 0) return bytes;
  }
  return element;
}

Result<DenseMath> dense_math(const Problem& problem) {
  const DType type = problem.inputs[0].dtype, other = problem.inputs[1].dtype, out = problem.outputs[0].dtype;
  if (!is_compute_float(out) && !is_byte(out)) return make_error(Code::kUnsupported, "a result of type {}", dtype_name(out));
  if (is_byte(type) && is_byte(other)) return DenseMath::kTensor8;
  if (type != other)
    return make_error(Code::kUnsupported, "operands of types {} and {}", dtype_name(type), dtype_name(other));
  if (type == DType::kF16 || type == DType::kBF16) return DenseMath::kTensor16;
  if (type == DType::kF32) return problem.precision.tf32 ? DenseMath::kTf32 : DenseMath::kFma;
  return make_error(Code::kUnsupported, "element type {}, takes f32, f16 and bf16", dtype_name(type));
}

Source dense_source(const DenseVariant& v, const DenseConfig& c, const DenseEpilogue& epilogue) {
  Source source;
  source.file = "dense.cu";
  source.generated = epilogue.source();
  const auto define = [&](std::string_view name, const auto& value) {
    source.defines.push_back(fmt::format("{}={}", name, value));
  };
  define("TYPE", device_type(v.type));
  define("MATH", c.warpgroups ? 3 : v.math == DenseMath::kTensor8 ? 0 : static_cast<int>(v.math));
  define("OUT", device_type(v.out));
  define("BM", c.bm);
  define("BN", c.bn);
  define("BK", c.bk);
  define("STAGES", c.stages);
  define("WARPS_M", c.warps_m);
  define("WARPS_N", c.warps_n);
  define("GATHER", v.gather ? v.all_inside ? 2 : 1 : 0);
  define("B_ROWS", int{v.b_rows});
  define("VEC_A", v.vector_a);
  define("VEC_B", v.vector_b);
  define("SPLIT", c.cluster > 1 ? 2 : c.splits > 1 ? 1 : 0);
  define("WHOLE", int{v.whole});
  define("ROUND_B", int{v.round_b});
  define("WEIGHTS", int{v.weights});
  define("SCATTER", int{v.scatter});
  define("STAYS", int{c.stays});
  if (v.math == DenseMath::kTensor8) {
    define("INTEGERS", 1);
    define("TYPE_B", device_type(v.type_b));
    define("FILL", v.fill);
    define("A_ZERO", v.a_zero);
    define("B_ZERO", v.b_zero);
  }
  return source;
}

ZeroedMemory::~ZeroedMemory() {
  if (memory_ != 0) (*driver())->MemFree(memory_);
}

Status ZeroedMemory::reserve(int64_t bytes) {
  if (bytes <= bytes_) return ok_status();
  SINTER_ASSIGN(const DriverApi* api, driver());
  if (memory_ != 0) SINTER_TRY(check(api->MemFree(memory_), "cuMemFree"));
  memory_ = 0;
  bytes_ = 0;
  SINTER_TRY(check(api->MemAlloc(&memory_, static_cast<size_t>(bytes)), fmt::format("cuMemAlloc of {} bytes", bytes)));
  CUstream stream = nullptr;
  SINTER_TRY(check(api->StreamCreate(&stream, kStreamNonBlocking), "cuStreamCreate"));
  Status status = check(api->MemsetD8Async(memory_, 0, static_cast<size_t>(bytes), stream), "cuMemsetD8Async");
  if (status.ok()) status = check(api->StreamSynchronize(stream), "cuStreamSynchronize");
  api->StreamDestroy(stream);
  if (status.ok()) bytes_ = bytes;
  return status;
}

Status DenseLauncher::load(Function function, const DenseConfig& config, int element) {
  function_ = std::move(function);
  config_ = config;
  element_ = element;
  const int shared = static_cast<int>(shared_bytes(config, element));
  SINTER_TRY(function_.allow_shared(shared));
  if (!config.stays) return ok_status();
  SINTER_ASSIGN(resident_, function_.resident_blocks(config.threads(), shared));
  return ok_status();
}

int64_t dense_workspace(const DenseConfig& config, int64_t m, int64_t n, int64_t z) {
  if (config.splits == 1) return 0;
  return ceil_quotient(m, config.bm) * ceil_quotient(n, config.bn) * z * config.splits * config.bm * config.bn * 4;
}

Result<int64_t> DenseLauncher::specialize(sinter_kernels::DenseParams& p, int64_t z) {
  const int64_t tiles_m = ceil_quotient(p.m, config_.bm), tiles_n = ceil_quotient(p.n, config_.bn);
  if (tiles_m * tiles_n * config_.division() > INT32_MAX || z > 65535) {
    return make_error(
        Code::kUnsupported,
        "a product of {} x {} in {} batches or groups is more than the kernel's grid takes; use smaller inputs", p.m,
        p.n, z);
  }
  p.tiles_m = static_cast<int>(tiles_m);
  p.tiles_n = static_cast<int>(tiles_n);
  p.splits = config_.division();
  p.by_splits = divisor(p.splits);
  if (config_.splits > 1) SINTER_TRY(counters_.reserve(tiles_m * tiles_n * z * 4));
  return dense_workspace(config_, p.m, p.n, z);
}

namespace {

// Of so many tiles, with a column each that they keep, where there are enough of them.
int64_t staying_blocks(int64_t tiles, int64_t columns, int64_t resident) {
  const int64_t together = std::min<int64_t>(columns, 8), whole = resident / together * together;
  return std::min(tiles, std::max<int64_t>(whole > 0 ? whole : resident, 1));
}

}  // namespace

Status DenseLauncher::launch(sinter_kernels::DenseParams p, int64_t z, const LaunchArgs& args) const {
  p.partial = static_cast<float*>(args.workspace);
  p.counters = static_cast<int*>(counters_.data());
  Launch how;
  how.grid = {int64_t{p.tiles_m} * p.tiles_n * p.splits, 1, z};
  if (config_.stays) how.grid.x = staying_blocks(how.grid.x, p.tiles_n, resident_ / z);
  how.threads = config_.threads();
  how.shared_bytes = static_cast<int>(shared_bytes(config_, element_));
  how.stream = args.stream;
  how.cluster_x = config_.cluster;
  return cuda::launch(function_, how, p);
}

int64_t packed_row(int64_t k, int element) { return round_up(std::max<int64_t>(k, 1), 128 / element); }

uint32_t round_to_tf32(uint32_t bits) {
  return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
}

}  // namespace sinter::cuda
