// Pointwise programs: `sinter.Pointwise`, and any ONNX operator that states itself as one (OpDef::pointwise). f32, f16, bf16 and
// bool storage, computed in f32, in every layout; sinter.Pointwise also on i8 and u8 (ONNX's operators compute those as integers).
//
// The output's memory is one flat range, cut into tiles of PointwiseTile::kTile elements. Inputs of the output's shape lie in its
// layout and are read in place. Every other input is row-major and broadcasts: where a tile sees one value or a contiguous run of it,
// it is read in place too, else it is spread into a tile-sized buffer first. Bandwidth-bound for programs of a few cheap steps.
#include <algorithm>
#include <cstring>

#include "core/op_def.h"
#include "cpu/byte_dense.h"
#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_tile.h"
#include "cpu/kernels/strided_copy.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kTile = PointwiseTile::kTile;
constexpr int64_t kMinPartElements = 4 * kTile;  // below this a second thread costs more than it saves

constexpr DTypeSet kStored = dtype_set(DType::kF32, DType::kF16, DType::kBF16, DType::kBool);
constexpr DTypeSet kQuantized = dtype_set(DType::kI8, DType::kU8);

// Why a tensor cannot be an operand or a result, "" when it can.
std::string unsuitable_type(const Problem& problem, DType dtype) {
  const bool own = is_op(problem, "Pointwise", "sinter");
  if (contains(kStored, dtype) || (own && contains(kQuantized, dtype))) return "";
  return fmt::format("element type {} is not f32, f16, bf16{}", dtype_name(dtype), own ? ", bool, i8 or u8" : " or bool");
}

// The program of a problem; not ok when it has none.
Result<PointwiseProgram> program_of(const Problem& problem) {
  if (is_op(problem, "Pointwise", "sinter")) {
    const auto* text = problem.attributes.find_as<std::string>("program");
    if (text == nullptr) return make_error(Code::kInvalidArgument, "sinter.Pointwise without attribute 'program'");
    return PointwiseProgram::parse(*text);
  }
  const OpDef* op = find_op(problem.domain, problem.op);
  PointwiseProgram program;
  const int inputs = problem.op_input_count();
  program.inputs = inputs;
  if (op == nullptr || op->pointwise == nullptr || !op->pointwise(problem.attributes, inputs, program)) {
    return make_error(Code::kUnsupported, "operator '{}' has no pointwise form", problem.op);
  }
  return program;
}

// Position and size of each dim in memory order: n c spatial as the layout has them, blocked channels split in two.
struct PhysicalDim {
  int64_t size;
  int axis;        // logical
  int64_t factor;  // steps of the logical index for one step here
};

std::vector<PhysicalDim> physical_dims(const Dims& dims, Layout layout) {
  std::vector<PhysicalDim> out;
  const int rank = static_cast<int>(dims.size());
  const int64_t block = channel_block(layout);
  for (int axis = 0; axis < rank; ++axis) {
    if (axis == 1 && layout == Layout::kChannelsLast) continue;
    const bool blocks = axis == 1 && block > 1;
    out.push_back({blocks ? ceil_quotient(dims[1], block) : dims[static_cast<size_t>(axis)], axis, blocks ? block : 1});
  }
  if (layout == Layout::kChannelsLast) out.push_back({dims[1], 1, 1});
  if (block > 1) out.push_back({block, 1, 1});
  return out;
}

// An input that broadcasts, as loops over the output's memory (outermost first, neighbours merged).
struct BroadcastLoops {
  Dims sizes, strides;
  // Copies elements [begin, begin + n) of the output's memory order to `target`. Element size in bytes is 1, 2 or 4.
  template <typename T>
  void spread(const T* source, int64_t begin, int64_t n, T* target) const;
  // Offset of element `begin`, and how many elements from there on are in one run of the innermost loop.
  int64_t offset(int64_t begin, int64_t& run) const;
};

BroadcastLoops make_loops(const Dims& input, const Dims& output, Layout layout) {
  Dims padded(output.size(), 1);
  std::copy(input.begin(), input.end(), padded.end() - static_cast<std::ptrdiff_t>(input.size()));
  const Dims strides = row_major_strides(padded);
  BroadcastLoops loops;
  for (const PhysicalDim& dim : physical_dims(output, layout)) {
    if (dim.size == 1) continue;
    const auto axis = static_cast<size_t>(dim.axis);
    const int64_t stride = padded[axis] == 1 ? 0 : strides[axis] * dim.factor;
    if (!loops.sizes.empty() && loops.strides.back() == stride * dim.size) {
      loops.sizes.back() *= dim.size;
      loops.strides.back() = stride;
    } else {
      loops.sizes.push_back(dim.size);
      loops.strides.push_back(stride);
    }
  }
  if (loops.sizes.empty()) {
    loops.sizes.push_back(1);
    loops.strides.push_back(0);
  }
  return loops;
}

int64_t BroadcastLoops::offset(int64_t begin, int64_t& run) const {
  int64_t at = 0;
  run = sizes.back() - begin % sizes.back();
  for (size_t d = sizes.size(); d-- > 0;) {
    at += begin % sizes[d] * strides[d];
    begin /= sizes[d];
  }
  return at;
}

// target[0, n) = the first `period` elements of it over and over; they are there already.
template <typename T>
void repeat(T* target, int64_t period, int64_t n) {
  for (int64_t filled = period; filled < n;) {
    const int64_t step = std::min(filled, n - filled);
    std::memcpy(target + filled, target, static_cast<size_t>(step) * sizeof(T));
    filled += step;
  }
}

template <typename T>
void BroadcastLoops::spread(const T* source, int64_t begin, int64_t n, T* target) const {
  const int64_t inner = strides.back(), size = sizes.back();
  // A run that the loop around it repeats (one value a channel of a blocked image) is written once and then copied.
  const bool repeats = sizes.size() > 1 && strides[sizes.size() - 2] == 0;
  while (n > 0) {
    int64_t run = 0;
    const T* from = source + offset(begin, run);
    run = std::min(run, n);
    if (inner == 0) {
      std::fill_n(target, run, *from);
    } else if (inner == 1) {
      std::memcpy(target, from, static_cast<size_t>(run) * sizeof(T));
    } else {
      for (int64_t i = 0; i < run; ++i) target[i] = from[i * inner];
    }
    if (repeats && run == size) {
      const int64_t around = sizes[sizes.size() - 2];
      run = std::min(n, (around - begin / size % around) * size);
      repeat(target, size, run);
    }
    begin += run;
    target += run;
    n -= run;
  }
}

class PointwiseKernel final : public Kernel {
 public:
  PointwiseKernel(const Problem& problem, const Offer& offer, const PointwiseProgram& program)
      : steps_(pointwise_steps(problem.isa)), layout_(offer.output_layouts[0]) {
    for (size_t i = 0; i < problem.inputs.size(); ++i) {
      inputs_.push_back({problem.inputs[i].dtype, offer.input_layouts[i] == layout_, Kind::kFull, {}});
    }
    for (const TensorDesc& desc : problem.outputs) outputs_.push_back(desc.dtype);
    PointwiseProgram values = program;
    if (ByteDense tail; split_quantization(outputs_[0], values, tail)) {
      quantizes_ = true;
      quantization_ = {tail.divisor, tail.zero, tail.low, tail.high, outputs_[0] == DType::kI8};
      if (values.outputs[0] < values.inputs) quantized_input_ = values.outputs[0];
    }
    tile_ = PointwiseTile(values, problem.isa);
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    const Dims& dims = outputs[0];
    count_ = physical_count(layout_, dims);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      Input& input = inputs_[i];
      if (product(inputs[i]) == 1) {
        input.kind = Kind::kScalar;
      } else if (input.same_layout && inputs[i] == dims) {
        input.kind = Kind::kFull;
      } else {
        input.kind = Kind::kBroadcast;
        input.loops = make_loops(inputs[i], dims, layout_);
      }
    }
    const int64_t block = channel_block(layout_);
    padding_ = dims.size() >= 3 && block > 1 && count_ > 0 ? round_up(dims[1], block) - dims[1] : 0;
    image_ = padding_ > 0 ? count_ / dims[0] : 0;
    last_block_ = padding_ > 0 ? image_ - product(dims, 2) * block : 0;
    // A thread's share: scratch of the program, a float tile an input and an output, and a tile of narrow elements.
    thread_floats_ = round_up(tile_.scratch_floats() + (static_cast<int64_t>(inputs_.size() + outputs_.size()) + 1) * kTile, 16);
    return thread_floats_ * 4 * threads;
  }

  Status launch(const LaunchArgs& args) override {
    const int64_t tiles = ceil_quotient(count_, kTile);
    const int64_t useful = std::max<int64_t>(1, count_ / kMinPartElements);
    const int parts = static_cast<int>(std::min<int64_t>({args.team->size(), tiles, useful}));
    args.team->run(parts, [&](int part) {
      auto* scratch = static_cast<float*>(args.workspace) + part * thread_floats_;
      for (int64_t t = tiles * part / parts; t < tiles * (part + 1) / parts; ++t) {
        run_tile(args, t * kTile, std::min(kTile, count_ - t * kTile), scratch);
      }
    });
    return ok_status();
  }

 private:
  enum class Kind : uint8_t { kFull, kScalar, kBroadcast };
  struct Input {
    DType dtype;
    bool same_layout;  // as the output; else row-major
    Kind kind;
    BroadcastLoops loops;
  };

  // The elements of a tile as floats, in place where they are that already.
  template <typename T>
  PointwiseOperand operand(const Input& input, const void* data, int64_t begin, int64_t n, float* floats, void* narrow) const {
    const T* source = static_cast<const T*>(data);
    bool scalar = input.kind == Kind::kScalar;
    if (input.kind == Kind::kFull) source += begin;
    if (input.kind == Kind::kBroadcast) {
      int64_t run = 0;
      const int64_t at = input.loops.offset(begin, run);
      const int64_t stride = input.loops.strides.back();
      if (run >= n && stride <= 1) {
        source += at;
        scalar = stride == 0;
      } else {
        T* buffer = sizeof(T) == 4 ? reinterpret_cast<T*>(floats) : static_cast<T*>(narrow);
        input.loops.spread(source, begin, n, buffer);
        source = buffer;
      }
    }
    if constexpr (sizeof(T) == 4) return {source, scalar};
    steps_.widen(input.dtype)(source, floats, scalar ? 1 : n);
    return {floats, scalar};
  }

  void run_tile(const LaunchArgs& args, int64_t begin, int64_t n, float* scratch) const {
    float* buffers = scratch + tile_.scratch_floats();
    void* narrow = buffers + static_cast<int64_t>(inputs_.size() + outputs_.size()) * kTile;
    PointwiseOperand operands[kMaxOperands];
    float* results[kMaxOperands];
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Input& input = inputs_[i];
      float* floats = buffers + static_cast<int64_t>(i) * kTile;
      switch (element_bytes(input.dtype)) {
        case 4: operands[i] = operand<float>(input, args.inputs[i], begin, n, floats, narrow); break;
        case 2: operands[i] = operand<uint16_t>(input, args.inputs[i], begin, n, floats, narrow); break;
        default: operands[i] = operand<uint8_t>(input, args.inputs[i], begin, n, floats, narrow); break;
      }
    }
    for (size_t o = 0; o < outputs_.size(); ++o) {
      const bool wide = outputs_[o] == DType::kF32;
      results[o] = wide ? static_cast<float*>(args.outputs[o]) + begin : buffers + static_cast<int64_t>(inputs_.size() + o) * kTile;
    }
    const bool as_it_is = quantized_input_ >= 0 && !operands[quantized_input_].scalar;
    if (!as_it_is) tile_.run(operands, results, n, scratch);
    for (size_t o = 0; o < outputs_.size(); ++o) {
      const int bytes = element_bytes(outputs_[o]);
      char* target = static_cast<char*>(args.outputs[o]);
      if (quantizes_) steps_.quantize(quantization_, as_it_is ? operands[quantized_input_].data : results[o], n, static_cast<uint8_t*>(args.outputs[o]) + begin);
      else if (bytes != 4) steps_.narrow(outputs_[o])(results[o], target + begin * bytes, n);
      if (padding_ > 0) clear_padding(target, bytes, begin, begin + n);
    }
  }

  // Zeroes the padding channels in [begin, end): the program made something of them.
  void clear_padding(char* target, int bytes, int64_t begin, int64_t end) const {
    const int64_t block = channel_block(layout_);
    for (int64_t group = begin / block; group < ceil_quotient(end, block); ++group) {
      const int64_t start = group * block;
      if (start % image_ < last_block_) {
        group += (last_block_ - start % image_) / block - 1;
        continue;
      }
      const int64_t from = std::max(begin, start + block - padding_), to = std::min(end, start + block);
      if (from < to) std::memset(target + from * bytes, 0, static_cast<size_t>((to - from) * bytes));
    }
  }

 public:
  static constexpr size_t kMaxOperands = 64;

 private:
  PointwiseTile tile_;
  const PointwiseSteps& steps_;
  Layout layout_;
  bool quantizes_ = false;  // the program's end; the tile has what is before it
  ByteQuantization quantization_;
  int quantized_input_ = -1;  // where nothing is before it
  std::vector<Input> inputs_;
  std::vector<DType> outputs_;
  int64_t count_ = 0, thread_floats_ = 0;
  int64_t padding_ = 0, image_ = 0, last_block_ = 0;  // of blocked layouts: padding channels, elements of an image, start of its last block
};

std::string unsuitable(const Problem& problem, const PointwiseProgram& program) {
  if (problem.has_epilogue()) return "an epilogue on a pointwise program";
  if (problem.inputs.size() > PointwiseKernel::kMaxOperands || problem.outputs.size() > PointwiseKernel::kMaxOperands) return "too many operands";
  if (program.inputs != static_cast<int>(problem.inputs.size()) || program.outputs.size() < problem.outputs.size()) return "operand counts differ";
  for (const TensorDesc& desc : problem.inputs) {
    if (!desc.present) return "an operand is absent";
    if (std::string reason = unsuitable_type(problem, desc.dtype); !reason.empty()) return reason;
    if (desc.rank() > problem.outputs[0].rank()) return "an operand has a higher rank than the result";
  }
  for (const TensorDesc& desc : problem.outputs) {
    if (std::string reason = unsuitable_type(problem, desc.dtype); !reason.empty()) return reason;
    if (!desc.present || desc.shape != problem.outputs[0].shape) return "outputs of different shapes";
  }
  return "";
}

// One element for every shape.
bool is_single(const TensorDesc& desc) { return product(desc.shape).is(1); }

// The offer in one layout, or why there is none.
Result<Offer> offer_in(const Problem& problem, Layout layout, const PointwiseProgram& program) {
  const TensorDesc& out = problem.outputs[0];
  if (layout != Layout::kRowMajor && out.rank() < 3) return make_error(Code::kUnsupported, "");
  const int64_t block = channel_block(layout);
  const bool whole_blocks = layout == Layout::kRowMajor || block == 1 || mod(out.shape[1], block).is(0);
  Offer offer = uniform_offer(problem, layout);
  bool any_full = false;
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const TensorDesc& input = problem.inputs[i];
    if (input.shape == out.shape && !is_single(input)) {
      any_full = true;
      // The same dtype and layout: the same bytes.
      if (offer.in_place_input < 0 && input.dtype == out.dtype) offer.in_place_input = static_cast<int>(i);
      continue;
    }
    offer.input_layouts[i] = Layout::kRowMajor;
    const int channel_axis = input.rank() - (out.rank() - 1);
    const bool by_channel = channel_axis >= 0 && channel_axis < input.rank() && !input.shape[static_cast<size_t>(channel_axis)].is(1);
    if (by_channel && !whole_blocks) return make_error(Code::kUnsupported, "{}: channels do not fill the blocks of a broadcast operand", layout_name(layout));
  }
  if (layout != Layout::kRowMajor && !any_full) return make_error(Code::kUnsupported, "");
  const PointwiseTile tile(program, problem.isa);
  const int64_t tiles = static_cast<int64_t>(problem.inputs.size() + problem.outputs.size()) + 1;
  offer.workspace_bytes = round_up(tile.scratch_floats() + tiles * kTile, 16) * 4 * problem.threads;
  return offer;
}

class Pointwise final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (problem.outputs.empty()) return;
    const Result<PointwiseProgram> program = program_of(problem);
    if (!program.ok()) return;
    const std::string reason = unsuitable(problem, *program);
    if (!reason.empty()) return answer.decline(reason);
    for (int l = 0; l < kLayoutCount; ++l) {
      Result<Offer> offer = offer_in(problem, static_cast<Layout>(l), *program);
      if (offer.ok()) {
        answer.offer(std::move(offer).value());
      } else if (!offer.status().message().empty()) {
        answer.decline(offer.status().message());
      }
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    SINTER_ASSIGN(PointwiseProgram program, program_of(problem));
    program.outputs.resize(problem.outputs.size());
    return std::unique_ptr<Kernel>(std::make_unique<PointwiseKernel>(problem, offer, program));
  }
};

}  // namespace

SINTER_CPU_TACTIC(pointwise, Pointwise)

}  // namespace sinter::cpu
