#include "cpu/kernels/pointwise_tile.h"

#include <algorithm>
#include <cstring>

namespace sinter::cpu {

PointwiseSteps make_pointwise_steps_portable();
#if defined(__x86_64__)
PointwiseSteps make_pointwise_steps_avx2();
PointwiseSteps make_pointwise_steps_avx512();
#endif

const PointwiseSteps& pointwise_steps(Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::kAvx512) {
    static const PointwiseSteps avx512 = make_pointwise_steps_avx512();
    return avx512;
  }
  if (isa >= Isa::kAvx2) {
    static const PointwiseSteps avx2 = make_pointwise_steps_avx2();
    return avx2;
  }
#else
  (void)isa;
#endif
  static const PointwiseSteps portable = make_pointwise_steps_portable();
  return portable;
}

WidenFn PointwiseSteps::widen(DType dtype) const {
  switch (dtype) {
    case DType::kF16: return from_f16;
    case DType::kBF16: return from_bf16;
    case DType::kBool: return from_bool;
    case DType::kI8: return from_i8;
    case DType::kU8: return from_u8;
    default: return nullptr;
  }
}

NarrowFn PointwiseSteps::narrow(DType dtype) const {
  switch (dtype) {
    case DType::kF16: return to_f16;
    case DType::kBF16: return to_bf16;
    case DType::kBool: return to_bool;
    case DType::kI8: return to_i8;
    case DType::kU8: return to_u8;
    default: return nullptr;
  }
}

namespace {

constexpr int kSpreadTiles = 3;  // scalars that a step wants as rows

}  // namespace

// Where an operand's value is while running.
struct PointwiseTile::Place {
  const float* data;  // of the tile; for scalars the value's address
  float value;        // scalars that were computed here
  bool scalar;
};

PointwiseTile::PointwiseTile(const PointwiseProgram& program, Isa isa)
    : table_(&pointwise_steps(isa)), inputs_(program.inputs), outputs_(program.outputs), operands_(program.operand_count()) {
  constants_.assign(static_cast<size_t>(operands_), 0.0f);
  is_constant_.assign(static_cast<size_t>(operands_), false);
  // last[k]: number of the last instruction that reads operand k; outputs live to the end.
  std::vector<int> last(static_cast<size_t>(operands_), -1);
  const int count = static_cast<int>(program.code.size());
  int last_input_read = -1;
  for (int i = 0; i < count; ++i) {
    for (const int16_t arg : program.code[static_cast<size_t>(i)].args) {
      if (arg < 0) continue;
      last[static_cast<size_t>(arg)] = i;
      if (arg < inputs_) last_input_read = i;
    }
  }
  for (const int16_t output : outputs_) {
    last[static_cast<size_t>(output)] = count;
    if (output < inputs_) last_input_read = count;
  }
  std::vector<int16_t> slot_of(static_cast<size_t>(operands_), -1);
  std::vector<int16_t> free_slots;
  for (int i = 0; i < count; ++i) {
    const PointwiseInstruction& code = program.code[static_cast<size_t>(i)];
    const auto operand = static_cast<size_t>(inputs_ + i);
    if (code.op == PointwiseOp::kConst) {
      constants_[operand] = code.constant;
      is_constant_[operand] = true;
      continue;
    }
    Step step{code.op, {code.args[0], code.args[1], code.args[2]}, -1, -1};
    // The result may take the place of an operand that dies here: steps allow exact overlap.
    for (int a = 0; a < 3; ++a) {
      const int16_t arg = code.args[static_cast<size_t>(a)];
      if (arg < 0 || slot_of[static_cast<size_t>(arg)] < 0 || last[static_cast<size_t>(arg)] != i) continue;
      free_slots.push_back(slot_of[static_cast<size_t>(arg)]);
      slot_of[static_cast<size_t>(arg)] = -1;
    }
    if (free_slots.empty()) free_slots.push_back(static_cast<int16_t>(slots_++));
    step.slot = free_slots.back();
    free_slots.pop_back();
    slot_of[operand] = step.slot;
    // Output 0 may be an input's memory: it is written at once only when no later step reads an input.
    const auto wanted = std::find(outputs_.begin(), outputs_.end(), static_cast<int16_t>(operand));
    if (wanted != outputs_.end() && (last_input_read <= i || wanted != outputs_.begin())) {
      step.direct_output = static_cast<int16_t>(wanted - outputs_.begin());
    }
    steps_.push_back(step);
    step_operand_.push_back(static_cast<int16_t>(operand));
  }
  const int64_t place_floats = (operands_ * static_cast<int64_t>(sizeof(Place)) + 3) / 4 + 4;
  scratch_floats_ = (slots_ + kSpreadTiles) * kTile + place_floats;
}

void PointwiseTile::run(const PointwiseOperand* inputs, float* const* outputs, int64_t n, float* scratch) const {
  float* tiles = scratch;
  const uintptr_t behind = reinterpret_cast<uintptr_t>(scratch + (slots_ + kSpreadTiles) * kTile);
  auto* places = reinterpret_cast<Place*>((behind + alignof(Place) - 1) / alignof(Place) * alignof(Place));
  for (int i = 0; i < operands_; ++i) {
    const auto k = static_cast<size_t>(i);
    places[i] = i < inputs_ ? Place{inputs[i].data, 0, inputs[i].scalar} : Place{&constants_[k], 0, static_cast<bool>(is_constant_[k])};
  }
  // What depends on scalars alone is computed once.
  for (size_t s = 0; s < steps_.size(); ++s) {
    float args[3] = {0, 0, 0};
    bool all_scalar = true;
    for (int a = 0; a < 3; ++a) {
      if (steps_[s].args[a] < 0) continue;
      const Place& place = places[steps_[s].args[a]];
      all_scalar &= place.scalar;
      if (place.scalar) args[a] = *place.data;
    }
    Place& result = places[step_operand_[s]];
    result.scalar = all_scalar;
    if (!all_scalar) continue;
    result.value = evaluate_pointwise(steps_[s].op, args[0], args[1], args[2]);
    result.data = &result.value;
  }
  for (int64_t begin = 0; begin < n; begin += kTile) {
    const int64_t count = std::min(kTile, n - begin);
    run_tile(places, outputs, begin, count, tiles);
    for (int i = 0; i < inputs_; ++i) {
      if (!places[i].scalar) places[i].data += count;
    }
  }
}

void PointwiseTile::run_tile(Place* places, float* const* outputs, int64_t begin, int64_t n, float* tiles) const {
  float* spread = tiles + slots_ * kTile;
  for (size_t s = 0; s < steps_.size(); ++s) {
    const Step& step = steps_[s];
    Place& result = places[step_operand_[s]];
    if (result.scalar) continue;
    const float* args[3] = {nullptr, nullptr, nullptr};
    int mask = 0;
    for (int a = 0; a < 3; ++a) {
      if (step.args[a] < 0) continue;
      args[a] = places[step.args[a]].data;
      if (places[step.args[a]].scalar) mask |= 1 << a;
    }
    PointwiseStep fn = table_->step[static_cast<int>(step.op)][mask];
    if (fn == nullptr) {
      for (int a = 0; a < 3; ++a) {
        if ((mask >> a & 1) == 0) continue;
        std::fill_n(spread + a * kTile, n, *args[a]);
        args[a] = spread + a * kTile;
      }
      fn = table_->step[static_cast<int>(step.op)][0];
    }
    float* target = step.direct_output >= 0 ? outputs[step.direct_output] + begin : tiles + step.slot * kTile;
    fn(target, args[0], args[1], args[2], n);
    result.data = target;
  }
  // Output 0 comes last: it may be the memory of an input that another output is a copy of.
  for (size_t o = outputs_.size(); o-- > 0;) {
    const Place& place = places[outputs_[o]];
    float* target = outputs[o] + begin;
    if (place.scalar) {
      std::fill_n(target, n, *place.data);
    } else if (place.data != target) {
      std::memmove(target, place.data, static_cast<size_t>(n) * sizeof(float));
    }
  }
}

}  // namespace sinter::cpu
