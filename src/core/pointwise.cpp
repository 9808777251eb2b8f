#include "core/pointwise.h"

#include <bit>
#include <charconv>
#include <cmath>

namespace sinter {
namespace {

struct OpRow {
  std::string_view name;
  int arity;
};

constexpr OpRow kRows[] = {
#define X(id, name, arity) {name, arity},
    SINTER_POINTWISE_OPS(X)
#undef X
};
constexpr int kOpCount = sizeof(kRows) / sizeof(kRows[0]);

constexpr size_t kMaxProgramText = 1 << 20;  // characters
constexpr int kMaxOperands = 8192;           // far above any real chain, and within int16_t

bool truth(float value) { return value != 0; }

// By the exponential of a negative number, so that small results are not 1 / infinity.
float sigmoid(float x) {
  const float e = std::exp(-std::fabs(x));
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}

float softplus(float x) { return std::fmax(x, 0.0f) + std::log1p(std::exp(-std::fabs(x))) + (std::isnan(x) ? x : 0.0f); }

float clamp(float x, float low, float high) {
  const float raised = x < low ? low : x;
  return raised > high ? high : raised;
}

float unary(PointwiseOp op, float x) {
  constexpr float kSqrtHalf = 0.70710678118654752f;
  constexpr float kSqrtTwoOverPi = 0.79788456080286536f;
  switch (op) {
    case PointwiseOp::kNeg: return -x;
    case PointwiseOp::kAbs: return std::fabs(x);
    case PointwiseOp::kExp: return std::exp(x);
    case PointwiseOp::kLog: return std::log(x);
    case PointwiseOp::kSqrt: return std::sqrt(x);
    case PointwiseOp::kReciprocal: return 1.0f / x;
    case PointwiseOp::kRelu: return x < 0 ? 0.0f : x;
    case PointwiseOp::kSigmoid: return sigmoid(x);
    case PointwiseOp::kTanh: return std::tanh(x);
    case PointwiseOp::kErf: return std::erf(x);
    case PointwiseOp::kGelu: return 0.5f * x * (1.0f + std::erf(x * kSqrtHalf));
    case PointwiseOp::kGeluTanh: return 0.5f * x * (1.0f + std::tanh(kSqrtTwoOverPi * (x + 0.044715f * x * x * x)));
    case PointwiseOp::kSilu: return x * sigmoid(x);
    case PointwiseOp::kHardSwish: return x * clamp(x * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f);
    case PointwiseOp::kMish: return x * std::tanh(softplus(x));
    case PointwiseOp::kSoftplus: return softplus(x);
    case PointwiseOp::kSoftsign: return x / (1.0f + std::fabs(x));
    case PointwiseOp::kFloor: return std::floor(x);
    case PointwiseOp::kCeil: return std::ceil(x);
    case PointwiseOp::kRound: return std::nearbyint(x);
    case PointwiseOp::kSign: return x > 0 ? 1.0f : x < 0 ? -1.0f : x;
    case PointwiseOp::kNot: return truth(x) ? 0.0f : 1.0f;
    case PointwiseOp::kIsNan: return std::isnan(x) ? 1.0f : 0.0f;
    case PointwiseOp::kSin: return std::sin(x);
    case PointwiseOp::kCos: return std::cos(x);
    case PointwiseOp::kTan: return std::tan(x);
    case PointwiseOp::kAsin: return std::asin(x);
    case PointwiseOp::kAcos: return std::acos(x);
    case PointwiseOp::kAtan: return std::atan(x);
    case PointwiseOp::kSinh: return std::sinh(x);
    case PointwiseOp::kCosh: return std::cosh(x);
    case PointwiseOp::kAsinh: return std::asinh(x);
    case PointwiseOp::kAcosh: return std::acosh(x);
    default: return std::atanh(x);
  }
}

float binary(PointwiseOp op, float a, float b) {
  switch (op) {
    case PointwiseOp::kAdd: return a + b;
    case PointwiseOp::kSub: return a - b;
    case PointwiseOp::kMul: return a * b;
    case PointwiseOp::kDiv: return a / b;
    case PointwiseOp::kPow: return std::pow(a, b);
    case PointwiseOp::kMin: return std::isnan(a) ? a : std::isnan(b) || b < a ? b : a;
    case PointwiseOp::kMax: return std::isnan(a) ? a : std::isnan(b) || b > a ? b : a;
    case PointwiseOp::kFmod: return std::fmod(a, b);
    case PointwiseOp::kEqual: return a == b ? 1.0f : 0.0f;
    case PointwiseOp::kLess: return a < b ? 1.0f : 0.0f;
    case PointwiseOp::kLessEqual: return a <= b ? 1.0f : 0.0f;
    case PointwiseOp::kGreater: return a > b ? 1.0f : 0.0f;
    case PointwiseOp::kGreaterEqual: return a >= b ? 1.0f : 0.0f;
    case PointwiseOp::kAnd: return truth(a) && truth(b) ? 1.0f : 0.0f;
    case PointwiseOp::kOr: return truth(a) || truth(b) ? 1.0f : 0.0f;
    case PointwiseOp::kXor: return truth(a) != truth(b) ? 1.0f : 0.0f;
    case PointwiseOp::kLeakyRelu: return a < 0 ? b * a : a;
    case PointwiseOp::kElu: return a < 0 ? b * std::expm1(a) : a;
    case PointwiseOp::kCelu: return a < 0 ? b * std::expm1(a / b) : a;
    default: return a > b ? a : 0.0f;  // kThresholdedRelu: 0 for NaN
  }
}

float ternary(PointwiseOp op, float a, float b, float c) {
  switch (op) {
    case PointwiseOp::kWhere: return truth(a) ? b : c;
    case PointwiseOp::kClip: return clamp(a, b, c);
    case PointwiseOp::kHardSigmoid: return clamp(b * a + c, 0.0f, 1.0f);
    case PointwiseOp::kFma: return std::fma(a, b, c);
    default: return c * (a < 0 ? b * std::expm1(a) : a);  // kSelu
  }
}

std::string constant_text(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (value != value) return fmt::format("#{:08x}", bits);
  return fmt::format("{}", value);
}

class ProgramParser {
 public:
  explicit ProgramParser(std::string_view text) : text_(text) {}

  Result<PointwiseProgram> parse() {
    if (text_.size() > kMaxProgramText) return error("longer than 1 MiB");
    PointwiseProgram program;
    int64_t inputs = 0;
    skip();
    if (!number(inputs) || inputs < 0 || inputs > kMaxOperands) return error("number of inputs expected");
    program.inputs = static_cast<int>(inputs);
    if (!accept('|')) return error("'|' expected after the number of inputs");
    while (!accept('|')) {
      if (program.operand_count() >= kMaxOperands) return error("too many operands");
      SINTER_TRY(instruction(program));
    }
    skip();
    while (at_ < text_.size()) {
      int16_t operand = 0;
      if (program.outputs.size() >= kMaxOperands || !operand_number(program, operand)) return error("operand expected as output");
      program.outputs.push_back(operand);
      skip();
    }
    if (program.outputs.empty()) return error("at least one output expected");
    return program;
  }

 private:
  Status error(std::string_view why) const {
    return make_error(Code::kInvalidArgument,
                      "pointwise program '{}': {} at character {}; expected a text like '2 | add(0,1) relu(2) | 3'",
                      text_.substr(0, 200), why, at_);
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool accept(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool number(int64_t& value) {
    const auto result = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (result.ec != std::errc()) return false;
    at_ = static_cast<size_t>(result.ptr - text_.data());
    return true;
  }
  bool operand_number(const PointwiseProgram& program, int16_t& operand) {
    int64_t value = 0;
    skip();
    if (!number(value) || value < 0 || value >= program.operand_count()) return false;
    operand = static_cast<int16_t>(value);
    return true;
  }
  bool float_number(float& value) {
    const char* end = text_.data() + text_.size();
    if (at_ < text_.size() && text_[at_] == '#') {
      uint32_t bits = 0;
      const auto result = std::from_chars(text_.data() + at_ + 1, end, bits, 16);
      if (result.ec != std::errc()) return false;
      at_ = static_cast<size_t>(result.ptr - text_.data());
      value = std::bit_cast<float>(bits);
      return true;
    }
    const auto result = std::from_chars(text_.data() + at_, end, value);
    if (result.ec != std::errc()) return false;
    at_ = static_cast<size_t>(result.ptr - text_.data());
    return true;
  }
  Status instruction(PointwiseProgram& program) {
    skip();
    const size_t begin = at_;
    while (at_ < text_.size() && ((text_[at_] >= 'a' && text_[at_] <= 'z') || text_[at_] == '_')) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    int index = 0;
    while (index < kOpCount && kRows[index].name != name) ++index;
    if (index == kOpCount) return error("unknown instruction");
    PointwiseInstruction code;
    code.op = static_cast<PointwiseOp>(index);
    if (!accept('(')) return error("'(' expected");
    if (code.op == PointwiseOp::kConst) {
      skip();
      if (!float_number(code.constant)) return error("number expected");
    }
    for (int i = 0; i < kRows[index].arity; ++i) {
      if (i > 0 && !accept(',')) return error("',' expected");
      if (!operand_number(program, code.args[i])) return error("operand that is defined before expected");
    }
    if (!accept(')')) return error("')' expected");
    program.code.push_back(code);
    return ok_status();
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::string_view pointwise_op_name(PointwiseOp op) { return kRows[static_cast<int>(op)].name; }
int pointwise_op_arity(PointwiseOp op) { return kRows[static_cast<int>(op)].arity; }

int16_t PointwiseProgram::append(PointwiseOp op, std::initializer_list<int16_t> args) {
  PointwiseInstruction instruction;
  instruction.op = op;
  size_t i = 0;
  for (const int16_t arg : args) instruction.args[i++] = arg;
  code.push_back(instruction);
  return static_cast<int16_t>(operand_count() - 1);
}

int16_t PointwiseProgram::append_constant(float value) {
  for (size_t i = 0; i < code.size(); ++i) {
    const bool equal = std::bit_cast<uint32_t>(code[i].constant) == std::bit_cast<uint32_t>(value);
    if (code[i].op == PointwiseOp::kConst && equal) return static_cast<int16_t>(inputs + static_cast<int>(i));
  }
  PointwiseInstruction instruction;
  instruction.constant = value;
  code.push_back(instruction);
  return static_cast<int16_t>(operand_count() - 1);
}

std::string PointwiseProgram::to_string() const {
  std::string text = std::to_string(inputs) + " |";
  for (const PointwiseInstruction& instruction : code) {
    text += ' ';
    text += pointwise_op_name(instruction.op);
    text += '(';
    if (instruction.op == PointwiseOp::kConst) text += constant_text(instruction.constant);
    for (int i = 0; i < pointwise_op_arity(instruction.op); ++i) {
      if (i > 0) text += ',';
      text += std::to_string(instruction.args[i]);
    }
    text += ')';
  }
  text += " |";
  for (const int16_t output : outputs) text += ' ' + std::to_string(output);
  return text;
}

Result<PointwiseProgram> PointwiseProgram::parse(std::string_view text) { return ProgramParser(text).parse(); }

void PointwiseProgram::evaluate(float* operands) const {
  float* next = operands + inputs;
  for (const PointwiseInstruction& instruction : code) {
    const auto arg = [&](int i) { return instruction.args[i] >= 0 ? operands[instruction.args[i]] : 0.0f; };
    *next++ = instruction.op == PointwiseOp::kConst ? instruction.constant
                                                    : evaluate_pointwise(instruction.op, arg(0), arg(1), arg(2));
  }
}

float evaluate_pointwise(PointwiseOp op, float a, float b, float c) {
  switch (pointwise_op_arity(op)) {
    case 1: return unary(op, a);
    case 2: return binary(op, a, b);
    case 3: return ternary(op, a, b, c);
    default: return a;
  }
}

PointwiseProgram compose(const PointwiseProgram& producer, int output, const PointwiseProgram& consumer, int input) {
  PointwiseProgram out;
  out.inputs = producer.inputs + consumer.inputs - 1;
  const int shift = consumer.inputs - 1;  // the producer's results move up by the consumer's other inputs
  const auto from_producer = [&](int16_t operand) {
    return operand < 0 || operand < producer.inputs ? operand : static_cast<int16_t>(operand + shift);
  };
  for (PointwiseInstruction instruction : producer.code) {
    for (int16_t& arg : instruction.args) arg = from_producer(arg);
    out.code.push_back(instruction);
  }
  std::vector<int16_t> renamed(consumer.operand_count());
  int16_t next_input = static_cast<int16_t>(producer.inputs);
  for (int i = 0; i < consumer.inputs; ++i) renamed[i] = i == input ? from_producer(producer.outputs[output]) : next_input++;
  for (size_t i = 0; i < consumer.code.size(); ++i) {
    PointwiseInstruction instruction = consumer.code[i];
    int16_t& place = renamed[consumer.inputs + i];
    if (instruction.op == PointwiseOp::kConst) {
      place = out.append_constant(instruction.constant);
      continue;
    }
    for (int16_t& arg : instruction.args) arg = arg < 0 ? arg : renamed[arg];
    out.code.push_back(instruction);
    place = static_cast<int16_t>(out.operand_count() - 1);
  }
  for (const int16_t operand : consumer.outputs) out.outputs.push_back(renamed[operand]);
  return out;
}

}  // namespace sinter
