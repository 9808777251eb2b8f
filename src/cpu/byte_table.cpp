// cpu.byte_table: `sinter.Pointwise` programs of one tensor of 8-bit integers with an 8-bit result (activations between quantized layers,
// changes of scale): every one of the 256 results is computed when the kernel is bound, by the program's reference evaluation, and then
// looked up. Other operands must be constants of one element. In every layout: what is padding stays zero.
#include <algorithm>
#include <array>
#include <cstring>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 65536;

bool is_byte(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }

struct Body {
  PointwiseProgram program;
  size_t input = 0;  // the one that is not constant
};

// The problem's program, or why it is no table.
Result<Body> body_of(const Problem& problem) {
  const auto no = [](std::string why) { return make_error(Code::kUnsupported, "{}", why); };
  const auto* text = problem.attributes.find_as<std::string>("program");
  if (text == nullptr) return no("no program");
  Body body;
  SINTER_ASSIGN(body.program, PointwiseProgram::parse(*text));
  if (problem.has_epilogue() || problem.outputs.size() != 1 || !is_byte(problem.outputs[0].dtype)) return no("the result is not one tensor of i8 or u8");
  if (body.program.inputs != static_cast<int>(problem.inputs.size()) || body.program.outputs.size() != 1) return no("operand counts differ");
  int tensors = 0;
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const TensorDesc& desc = problem.inputs[i];
    if (desc.present && desc.value.defined() && desc.value.count() == 1 && desc.rank() <= problem.outputs[0].rank()) continue;
    body.input = i;
    ++tensors;
  }
  if (tensors != 1) return no("more operands than one tensor and constants");
  const TensorDesc& desc = problem.inputs[body.input];
  if (!desc.present || !is_byte(desc.dtype)) return no("the operand is not of i8 or u8");
  if (desc.shape != problem.outputs[0].shape) return no("the operand is not of the result's shape");
  return body;
}

// The result for each bit pattern of the operand.
std::array<uint8_t, 256> table_of(const Problem& problem, const Body& body) {
  std::array<uint8_t, 256> table{};
  std::vector<float> operands(static_cast<size_t>(body.program.operand_count()));
  const bool from_signed = problem.inputs[body.input].dtype == DType::kI8, to_signed = problem.outputs[0].dtype == DType::kI8;
  for (size_t bits = 0; bits < table.size(); ++bits) {
    for (size_t i = 0; i < problem.inputs.size(); ++i) {
      if (i != body.input) operands[i] = static_cast<float>(problem.inputs[i].value.to_f64()[0]);
    }
    operands[body.input] = from_signed ? static_cast<float>(static_cast<int8_t>(bits)) : static_cast<float>(bits);
    body.program.evaluate(operands.data());
    const float value = operands[static_cast<size_t>(body.program.outputs[0])];
    const float low = to_signed ? -128.0f : 0.0f, high = to_signed ? 127.0f : 255.0f;
    const float bounded = value > low ? std::min(value, high) : low;  // NaN: any value will do
    table[bits] = static_cast<uint8_t>(static_cast<int>(bounded));
  }
  return table;
}

class ByteTableKernel final : public Kernel {
 public:
  ByteTableKernel(const Problem& problem, const Offer& offer, const Body& body)
      : steps_(pointwise_steps(problem.isa)), table_(table_of(problem, body)), input_(body.input), layout_(offer.output_layouts[0]) {}

  Result<int64_t> specialize(std::span<const Dims>, std::span<const Dims> outputs, int) override {
    count_ = physical_count(layout_, outputs[0]);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* source = static_cast<const uint8_t*>(args.inputs[input_]);
    auto* target = static_cast<uint8_t*>(args.outputs[0]);
    args.team->split(count_, kMinPartElements, [&](int64_t begin, int64_t end) {
      steps_.look_up(table_.data(), source + begin, target + begin, end - begin);
    });
    return ok_status();
  }

 private:
  const PointwiseSteps& steps_;
  std::array<uint8_t, 256> table_;
  size_t input_;
  Layout layout_;
  int64_t count_ = 0;
};

class ByteTable final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Pointwise", "sinter")) return;
    const Result<Body> body = body_of(problem);
    if (!body.ok()) return answer.decline(body.status().message());
    const Shape& shape = problem.outputs[0].shape;
    for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast, Layout::kChannelsBlocked16, Layout::kChannelsBlocked8}) {
      if (layout != Layout::kRowMajor && shape.size() < 3) continue;
      const int64_t block = channel_block(layout);
      if (block > 1 && !mod(shape[1], block).is(0)) {
        answer.decline(fmt::format("{}: channels do not fill the blocks", layout_name(layout)));
        continue;
      }
      Offer offer = uniform_offer(problem, layout);
      for (size_t i = 0; i < problem.inputs.size(); ++i) {
        if (i != body->input) offer.input_layouts[i] = Layout::kRowMajor;
      }
      offer.in_place_input = static_cast<int>(body->input);
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    SINTER_ASSIGN(const Body body, body_of(problem));
    return std::unique_ptr<Kernel>(std::make_unique<ByteTableKernel>(problem, offer, body));
  }
};

}  // namespace

SINTER_CPU_TACTIC(byte_table, ByteTable)

}  // namespace sinter::cpu
