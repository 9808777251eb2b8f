// Runs every tactic of the registry that offers for a problem, in every offer and with 1 and 3 threads, and compares with the
// reference kernel. A row is one call of check(); a tactic no row reached fails the program with "tactic never exercised".
//
//   TacticRow row("Softmax");
//   row.attr("axis", int64_t{-1}).input(random_tensor({4, 37}, 1));
//   check(row, {1e-6, 1e-6});
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/op_def.h"
#include "tactic/device.h"
#include "tactic/registry.h"

namespace sinter::testing {

struct Tolerance {
  double relative = 0, absolute = 0;  // |got - wanted| <= absolute + relative * |wanted|
  double share = 1;                   // of elements that may differ at all; one may in any case
};

// One problem with its inputs. Outputs come from the reference kernel.
struct TacticRow {
  std::string domain, op;
  Attributes attributes;
  std::vector<Value> inputs;
  std::vector<bool> constant;
  std::vector<Shape> shapes;  // of inputs, with symbols where the tactic must not know a size; empty: as the tensors
  std::vector<Shape> output_shapes;
  Layout from = Layout::kRowMajor, to = Layout::kRowMajor;  // sinter.Reformat only
  int outputs = 1;
  Precision precision;
  bool cpu_tf32 = false;  // on the CPU, tf32 is permitted only where a row's tolerance allows for it
  int epilogue_base = -1;
  PointwiseProgram epilogue;
  DType epilogue_dtype = DType::kUndefined;  // that the epilogue's result is stored in; undefined: the operator's own

  explicit TacticRow(std::string op_name, std::string op_domain = "") : domain(std::move(op_domain)), op(std::move(op_name)) {}
  TacticRow& attr(const std::string& name, AttrValue value) {
    attributes.set(name, std::move(value));
    return *this;
  }
  TacticRow& input(Tensor tensor) { return add(Value(std::move(tensor)), false); }
  TacticRow& constant_input(Tensor tensor) { return add(Value(std::move(tensor)), true); }
  TacticRow& absent() { return add(Value(), false); }
  TacticRow& add(Value value, bool is_constant) {
    inputs.push_back(std::move(value));
    constant.push_back(is_constant);
    return *this;
  }
  // The program's first operand is output 0, its others are inputs that follow.
  TacticRow& with_epilogue(const std::string& text, std::vector<Tensor> tensors = {}) {
    epilogue_base = static_cast<int>(inputs.size());
    epilogue = *PointwiseProgram::parse(text);
    for (Tensor& tensor : tensors) input(std::move(tensor));
    return *this;
  }
};

// Normal values with a fixed seed; `special` sprinkles zeros of both signs, NaN and infinities.
inline Tensor random_tensor(Dims dims, uint32_t seed, float scale = 1, bool special = false) {
  Tensor tensor(DType::kF32, std::move(dims));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  const float specials[] = {std::nanf(""), HUGE_VALF, -HUGE_VALF, 0.0f, -0.0f, 1e-38f, -88.0f, 89.0f};
  for (int64_t i = 0; i < tensor.count(); ++i) {
    tensor.data<float>()[i] = special && random() % 7 == 0 ? specials[random() % 8] : normal(random);
  }
  return tensor;
}

inline Tensor random_integers(DType dtype, Dims dims, int64_t low, int64_t high, uint32_t seed) {
  Tensor tensor(DType::kI64, std::move(dims));
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < tensor.count(); ++i) {
    const uint64_t count = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;  // 0: all of them
    tensor.data<int64_t>()[i] = static_cast<int64_t>(static_cast<uint64_t>(low) + (count == 0 ? random() : random() % count));
  }
  return tensor.cast(dtype);
}

class ReferenceContext final : public EvalContext {
 public:
  ReferenceContext(const std::vector<Value>& inputs, const Attributes& attributes, int outputs)
      : outputs(static_cast<size_t>(outputs)), inputs_(inputs), attributes_(attributes) {}
  int input_count() const override { return static_cast<int>(inputs_.size()); }
  int output_count() const override { return static_cast<int>(outputs.size()); }
  bool has_input(int index) const override { return index < input_count() && inputs_[static_cast<size_t>(index)].present(); }
  const Value& input(int index) const override { return inputs_[static_cast<size_t>(index)]; }
  bool wants_output(int index) const override { return index < output_count(); }
  Tensor& allocate(int index, DType dtype, Dims dims) override {
    if (index >= output_count()) return spare_ = Tensor(dtype, std::move(dims));
    outputs[static_cast<size_t>(index)] = Tensor(dtype, std::move(dims));
    return outputs[static_cast<size_t>(index)].tensor();
  }
  void set_output(int index, Value value) override {
    if (index < output_count()) outputs[static_cast<size_t>(index)] = std::move(value);
  }
  const Attributes& attributes() const override { return attributes_; }
  Result<std::vector<Value>> run_subgraph(std::string_view, std::vector<Value>) override { return error("there are no bodies here"); }
  Status error(std::string message) const override { return Status(Code::kInvalidArgument, "test node: " + message); }

  std::vector<Value> outputs;

 private:
  const std::vector<Value>& inputs_;
  const Attributes& attributes_;
  Tensor spare_;
};

// Offset of a logical element in a layout; the plain definition.
inline int64_t physical_offset(Layout layout, const Dims& dims, int64_t index) {
  const int64_t block = layout == Layout::kChannelsBlocked16 ? 16 : layout == Layout::kChannelsBlocked8 ? 8 : 1;
  if (layout == Layout::kRowMajor || dims.size() < 3) return index;
  const int64_t pixels = product(dims, 2), c = dims[1];
  const int64_t pixel = index % pixels, channel = index / pixels % c, n = index / pixels / c;
  if (layout == Layout::kChannelsLast) return (n * pixels + pixel) * c + channel;
  const int64_t blocks = (c + block - 1) / block;
  return ((n * blocks + channel / block) * pixels + pixel) * block + channel % block;
}

// Bytes of a tensor in a layout with 64 guard bytes after it.
class Buffer {
 public:
  static constexpr int64_t kGuard = 64;
  Buffer(DType dtype, Dims dims, Layout layout)
      : dtype_(dtype), dims_(std::move(dims)), layout_(layout),
        bytes_(dtype_bytes(dtype, physical_count(layout, dims_))), memory_(DType::kU8, {bytes_ + kGuard}) {
    std::memset(memory_.raw(), 0xdb, static_cast<size_t>(memory_.bytes()));
  }
  void set(const Tensor& tensor) {
    if (layout_ != Layout::kRowMajor) std::memset(memory_.raw(), 0, static_cast<size_t>(bytes_));
    const auto size = static_cast<size_t>(element());
    if (dtype_bits(dtype_) % 8 != 0) {
      std::memcpy(data(), tensor.raw(), static_cast<size_t>(bytes_));
      return;
    }
    for (int64_t i = 0; i < tensor.count(); ++i) {
      std::memcpy(data() + physical_offset(layout_, dims_, i) * element(), tensor.data<char>() + i * element(), size);
    }
  }
  Tensor get() const {
    Tensor tensor(dtype_, dims_);
    for (int64_t i = 0; i < tensor.count(); ++i) {
      std::memcpy(tensor.data<char>() + i * element(), data() + physical_offset(layout_, dims_, i) * element(), static_cast<size_t>(element()));
    }
    return tensor;
  }
  // Padding channels are zero and nothing was written behind the end.
  std::string damage() const {
    std::vector<bool> used(static_cast<size_t>(bytes_), false);
    for (int64_t i = 0; i < product(dims_); ++i) {
      for (int64_t b = 0; b < element(); ++b) used[static_cast<size_t>(physical_offset(layout_, dims_, i) * element() + b)] = true;
    }
    for (int64_t i = 0; i < bytes_; ++i) {
      if (!used[static_cast<size_t>(i)] && data()[i] != 0) return "padding is not zero at byte " + std::to_string(i);
    }
    for (int64_t i = bytes_; i < bytes_ + kGuard; ++i) {
      if (static_cast<unsigned char>(data()[i]) != 0xdb) return "wrote behind the end";
    }
    return "";
  }
  int64_t size() const { return memory_.bytes(); }
  char* data() { return memory_.data<char>(); }
  const char* data() const { return memory_.data<char>(); }

 private:
  int64_t element() const { return dtype_bits(dtype_) / 8; }
  DType dtype_;
  Dims dims_;
  Layout layout_;
  int64_t bytes_;
  Tensor memory_;
};

inline std::set<std::string>& exercised_tactics() {
  static std::set<std::string> ids;
  return ids;
}

// The first element that is out of tolerance, "" when all are in. NaN equals NaN.
inline std::string difference(const Tensor& got, const Tensor& wanted, Tolerance tolerance) {
  if (got.dtype() != wanted.dtype() || got.dims() != wanted.dims()) return got.type().to_string() + " instead of " + wanted.type().to_string();
  const std::vector<double> a = got.to_f64(), b = wanted.to_f64();
  size_t different = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    if (static_cast<double>(++different) > std::max(1.0, tolerance.share * static_cast<double>(a.size()))) {
      return fmt::format("{} of {} elements differ up to element {}, which is {}, wanted {}", different, a.size(), i, a[i], b[i]);
    }
    if (std::fabs(a[i] - b[i]) <= tolerance.absolute + tolerance.relative * std::fabs(b[i])) continue;
    return fmt::format("element {} of {} is {}, wanted {}", i, got.type().to_string(), a[i], b[i]);
  }
  return "";
}

// The device that rows run on; null: the CPU. A test program for GPUs sets it before its first row.
inline Device*& harness_device() {
  static Device* device = nullptr;
  return device;
}
// Instruction set of the rows that follow on the CPU.
inline Isa& harness_isa() {
  static Isa isa = cpu_info().isa;
  return isa;
}
inline DeviceKind harness_kind() { return harness_device() ? harness_device()->spec().kind : DeviceKind::kCpu; }

// A launch on the harness's device: copies buffers there and back. On the CPU they are used where they are.
class Staging {
 public:
  ~Staging() {
    if (stream_) harness_device()->release_stream(stream_);
  }
  void add(char* host, int64_t bytes) {
    if (!harness_device() || mapped_.count(host)) return;
    DeviceBuffer buffer = std::move(DeviceBuffer::make(harness_device(), bytes)).value();
    mapped_.emplace(host, std::pair{std::move(buffer), bytes});
  }
  Status launch(Kernel& kernel, const std::vector<const void*>& inputs, const std::vector<void*>& outputs, void* workspace, ThreadTeam& team,
                const std::vector<Tensor>& blobs) {
    if (!harness_device()) return kernel.launch({inputs.data(), outputs.data(), workspace, &team});
    if (!stream_) stream_ = *harness_device()->make_stream();
    for (const Tensor& blob : blobs) add(const_cast<char*>(blob.data<char>()), blob.bytes());
    for (auto& [host, there] : mapped_) SINTER_TRY(harness_device()->copy(there.first.data(), host, there.second, CopyKind::kHostToDevice, stream_));
    const auto at = [&](const void* host) -> void* {
      const auto it = mapped_.find(const_cast<char*>(static_cast<const char*>(host)));
      return it == mapped_.end() ? nullptr : it->second.first.data();
    };
    std::vector<const void*> in, packed;
    std::vector<void*> out;
    for (const void* pointer : inputs) in.push_back(at(pointer));
    for (void* pointer : outputs) out.push_back(at(pointer));
    for (const Tensor& blob : blobs) packed.push_back(at(blob.raw()));
    DeviceFault* const fault = static_cast<DeviceFault*>(*harness_device()->allocate_host(sizeof(DeviceFault)));
    *fault = DeviceFault();
    Status status = kernel.launch({in.data(), out.data(), at(workspace), nullptr, stream_, packed.data(), fault});
    if (status.ok()) status = harness_device()->wait(stream_);
    if (status.ok() && fault->seen) status = make_error(Code::kInvalidArgument, "index {} at position {} of {}", fault->value, fault->position, fault->size);
    harness_device()->release_host(fault);
    SINTER_TRY(std::move(status));
    for (auto& [host, there] : mapped_) SINTER_TRY(harness_device()->copy(host, there.first.data(), there.second, CopyKind::kDeviceToHost, stream_));
    return harness_device()->wait(stream_);
  }

 private:
  std::map<char*, std::pair<DeviceBuffer, int64_t>> mapped_;
  DeviceStream stream_ = nullptr;
};

inline Problem make_problem(const TacticRow& row, const std::vector<Value>& outputs, int threads) {
  Problem problem;
  problem.domain = row.domain;
  problem.op = row.op;
  problem.attributes = row.attributes;
  problem.epilogue_base = row.epilogue_base;
  problem.epilogue = row.epilogue;
  problem.precision = row.precision;
  if (harness_device()) {
    problem.device = harness_device()->spec();
  } else {
    problem.threads = threads;
    problem.isa = harness_isa();
    problem.precision.tf32 = row.cpu_tf32;
  }
  for (size_t i = 0; i < row.inputs.size(); ++i) {
    TensorDesc desc;
    desc.present = row.inputs[i].present();
    if (desc.present) {
      const Tensor& tensor = row.inputs[i].tensor();
      desc.dtype = tensor.dtype();
      desc.shape = i < row.shapes.size() ? row.shapes[i] : to_shape(tensor.dims());
      desc.opt = tensor.dims();
      desc.constant = row.constant[i];
      if (desc.constant && tensor.count() <= kInlineConstantElements) desc.value = tensor;
    }
    problem.inputs.push_back(std::move(desc));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    TensorDesc desc;
    desc.dtype = outputs[i].tensor().dtype();
    desc.opt = outputs[i].tensor().dims();
    desc.shape = i < row.output_shapes.size() ? row.output_shapes[i] : to_shape(desc.opt);
    problem.outputs.push_back(std::move(desc));
  }
  if (row.op == "Reformat") {
    problem.inputs[0].layout = row.from;
    problem.outputs[0].layout = row.to;
  }
  return problem;
}

// Adds schema defaults for attributes that the row leaves out, as the importer does.
inline void complete_attributes(const OpDef& op, Attributes& attributes) {
  for (const AttrDef& def : op.attributes) {
    if (def.default_value && !attributes.has(def.name)) attributes.set(def.name, *def.default_value);
  }
}

inline std::vector<Value> reference_outputs(TacticRow& row) {
  if (row.op == "Reformat") return row.inputs;  // the same logical tensor
  const OpDef* op = find_op(row.domain, row.op);
  if (op == nullptr) {
    ADD_FAILURE() << "operator " << row.domain << "." << row.op << " is not there";
    return {};
  }
  complete_attributes(*op, row.attributes);
  Attributes attributes = row.attributes;
  if (row.epilogue_base >= 0) {
    attributes.set(std::string(kEpilogueAttr), row.epilogue.to_string());
    attributes.set(std::string(kEpilogueBaseAttr), int64_t{row.epilogue_base});
    if (row.epilogue_dtype != DType::kUndefined) attributes.set(std::string(kEpilogueTypeAttr), static_cast<int64_t>(row.epilogue_dtype));
  }
  ReferenceContext context(row.inputs, attributes, row.outputs);
  const Status status = evaluate_op(*op, context);
  EXPECT_TRUE(status.ok()) << status.to_string();
  return status.ok() ? context.outputs : std::vector<Value>();
}

// Runs one offer once. `team` decides the number of threads.
inline void run_offer(const Tactic& tactic, Problem problem, const Offer& offer, const TacticRow& row,
                      const std::vector<Value>& wanted, Tolerance tolerance, ThreadTeam& team) {
  std::vector<Tensor> constants(row.inputs.size());
  for (size_t i = 0; i < row.inputs.size(); ++i) {
    problem.inputs[i].layout = offer.input_layouts.at(i);
    if (row.constant[i]) constants[i] = row.inputs[i].tensor();
  }
  for (size_t i = 0; i < wanted.size(); ++i) problem.outputs[i].layout = offer.output_layouts.at(i);
  auto blobs = tactic.prepare(problem, offer, constants);
  ASSERT_TRUE(blobs.ok()) << blobs.status().to_string();
  auto code = tactic.compile(problem, offer);
  ASSERT_TRUE(code.ok()) << code.status().to_string();
  std::vector<Tensor> bound = *blobs;
  if (code->defined()) bound.push_back(*code);
  auto kernel = tactic.bind(problem, offer, bound);
  ASSERT_TRUE(kernel.ok()) << kernel.status().to_string();

  std::vector<Buffer> buffers, outputs;
  std::vector<Dims> input_dims, output_dims;
  buffers.reserve(row.inputs.size());
  std::vector<const void*> input_pointers;
  for (size_t i = 0; i < row.inputs.size(); ++i) {
    const bool packed = !offer.packed_inputs.empty() && offer.packed_inputs[i];
    const bool there = row.inputs[i].present();
    input_dims.push_back(there ? row.inputs[i].tensor().dims() : Dims{});
    if (!there || packed) {
      buffers.emplace_back(DType::kU8, Dims{0}, Layout::kRowMajor);
      input_pointers.push_back(nullptr);
      continue;
    }
    buffers.emplace_back(row.inputs[i].tensor().dtype(), input_dims.back(), offer.input_layouts[i]);
    buffers.back().set(row.inputs[i].tensor());
    input_pointers.push_back(buffers.back().data());
  }
  std::vector<void*> output_pointers;
  outputs.reserve(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    output_dims.push_back(wanted[i].tensor().dims());
    outputs.emplace_back(wanted[i].tensor().dtype(), output_dims.back(), offer.output_layouts[i]);
    output_pointers.push_back(outputs.back().data());
  }
  auto bytes = (*kernel)->specialize(input_dims, output_dims, team.size());
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
  Buffer workspace(DType::kU8, {*bytes}, Layout::kRowMajor);
  Staging staging;
  for (Buffer& buffer : buffers) staging.add(buffer.data(), buffer.size());
  for (Buffer& buffer : outputs) staging.add(buffer.data(), buffer.size());
  staging.add(workspace.data(), workspace.size());
  const auto launch = [&] { return staging.launch(**kernel, input_pointers, output_pointers, workspace.data(), team, *blobs); };
  for (int round = 0; round < 2; ++round) {  // a second launch must not depend on what the first left behind
    const Status status = launch();
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  EXPECT_EQ(workspace.damage().find("behind"), std::string::npos) << "workspace of " << *bytes << " bytes is too small";
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(outputs[i].damage(), "") << "output " << i;
    EXPECT_EQ(difference(outputs[i].get(), wanted[i].tensor(), tolerance), "") << "output " << i;
  }
  if (offer.in_place_input >= 0) {
    auto& shared = buffers[static_cast<size_t>(offer.in_place_input)];
    output_pointers[0] = shared.data();
    ASSERT_TRUE(launch().ok());
    EXPECT_EQ(difference(Tensor(outputs[0].get()), wanted[0].tensor(), tolerance), "") << "while in place";
    Buffer moved(wanted[0].tensor().dtype(), output_dims[0], offer.output_layouts[0]);
    std::memcpy(moved.data(), shared.data(), static_cast<size_t>(dtype_bytes(wanted[0].tensor().dtype(), physical_count(offer.output_layouts[0], output_dims[0]))));
    EXPECT_EQ(difference(moved.get(), wanted[0].tensor(), tolerance), "") << "in place";
  }
}

// Runs the row on all offers of one tactic, of which there must be some.
inline void check_with(std::string_view id, TacticRow row, Tolerance tolerance) {
  const std::vector<Value> wanted = reference_outputs(row);
  ASSERT_FALSE(wanted.empty());
  const Tactic* const tactic = tactic_registry().find(id);
  ASSERT_NE(tactic, nullptr) << id;
  const DeviceScope scope(harness_device());
  const Problem problem = make_problem(row, wanted, 1);
  Answer answer;
  tactic->query(problem, answer);
  EXPECT_FALSE(answer.offers.empty()) << (answer.declines.empty() ? "not for this" : answer.declines[0].reason);
  for (const Offer& offer : answer.offers) {
    SCOPED_TRACE(fmt::format("{} config '{}' on {}", id, offer.config, problem.to_string()));
    run_offer(*tactic, problem, offer, row, wanted, tolerance, inline_team());
    exercised_tactics().insert(std::string(id));
  }
}

// Runs the row on every tactic that offers. Returns the number of offers run; fails when there is none unless `may_decline`.
inline int check(TacticRow row, Tolerance tolerance, bool may_decline = false) {
  const std::vector<Value> wanted = reference_outputs(row);
  if (wanted.empty()) return 0;
  int runs = 0;
  std::string declines;
  const DeviceScope scope(harness_device());
  for (const int threads : harness_device() ? std::vector{1} : std::vector{1, 3}) {
    const std::unique_ptr<ThreadTeam> team = make_thread_pool(threads);
    const Problem problem = make_problem(row, wanted, threads);
    for (const Tactic* tactic : tactic_registry().all()) {
      if (tactic->device() != harness_kind()) continue;
      Answer answer;
      tactic->query(problem, answer);
      for (const Decline& decline : answer.declines) declines += fmt::format("\n  {}: {}", tactic->id(), decline.reason);
      for (const Offer& offer : answer.offers) {
        std::string layouts;
        for (const Layout layout : offer.input_layouts) layouts += std::string(layout_name(layout)) + " ";
        SCOPED_TRACE(fmt::format("{} config '{}' layouts {}threads {} on {}", tactic->id(), offer.config, layouts, threads, problem.to_string()));
        run_offer(*tactic, problem, offer, row, wanted, tolerance, *team);
        exercised_tactics().insert(std::string(tactic->id()));
        ++runs;
      }
    }
  }
  if (!may_decline) {
    EXPECT_GT(runs, 0) << "no tactic offers for " << make_problem(row, wanted, 1).to_string() << declines;
  }
  return runs;
}

// A test that skips itself on this machine names the tactics that nothing else can run there, so that they do not count as forgotten.
inline void leave_out(std::initializer_list<std::string_view> tactics) {
  for (const std::string_view id : tactics) exercised_tactics().emplace(id);
}

inline void expect_every_tactic(const std::set<std::string>& exercised) {
  for (const Tactic* tactic : tactic_registry().all()) {
    if (tactic->device() == harness_kind() && exercised.count(std::string(tactic->id())) == 0) {
      ADD_FAILURE() << "tactic never exercised: '" << tactic->id() << "'; add a row to tests/cpu that it offers for";
    }
  }
}

// Registered once by the test program: at the end every tactic must have run, unless a filter left tests out. Of a program that runs in parts, each writes down in
// the folder SINTER_EXERCISED what it ran, for exercised_by_parts().
class EveryTacticRan final : public ::testing::Environment {
 public:
  void TearDown() override {
    const bool filtered = ::testing::GTEST_FLAG(filter) != "*";
    const char *part = std::getenv("GTEST_SHARD_INDEX"), *folder = std::getenv("SINTER_EXERCISED");
    if (part && folder) {
      std::filesystem::create_directories(folder);
      std::ofstream out(std::filesystem::path(folder) / part);
      if (filtered) out << "filtered\n";
      for (const std::string& id : exercised_tactics()) out << id << "\n";
    }
    if (!part && !filtered) expect_every_tactic(exercised_tactics());
  }
};

// What all parts wrote down; nullopt: there is no such folder, or a filter left tests out.
inline std::optional<std::set<std::string>> exercised_by_parts() {
  const char* folder = std::getenv("SINTER_EXERCISED");
  if (!folder || std::getenv("GTEST_SHARD_INDEX")) return std::nullopt;
  std::set<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path());
    for (std::string id; std::getline(in, id);) all.insert(id);
  }
  if (all.count("filtered")) return std::nullopt;
  return all;
}

}  // namespace sinter::testing
