#include "plugin/guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>

#include "plugin/guarded_memory.h"
#include "plugin/shapes.h"

namespace sinter::plugin {
namespace {

constexpr int kRuns = 3;
constexpr uint8_t kPoison[kRuns] = {0xA5, 0x5A, 0xA5};
constexpr int kFaulted = 41, kNoMemory = 42;  // exit codes of the child
constexpr double kMostSeconds = 60;
constexpr int64_t kMostBytes = int64_t{2} << 30;  // of a node's tensors; larger nodes are not tried
constexpr size_t kMostText = 2048, kMostResults = 1024;

// What the child leaves for its parent.
struct Report {
  bool done = false, failed = false;
  char message[kMostText] = {};
  uintptr_t fault = 0;
  int wrote = -1;  // the fault was a write: 1, a read: 0, not known: -1
  GuardedMemory workspace;
  int64_t results[kMostResults] = {};  // dims of the outputs, one after the other
};

Report* report_of_child = nullptr;  // for the handler of signals

void on_fault(int, siginfo_t* info, void* state) {
  report_of_child->fault = reinterpret_cast<uintptr_t>(info->si_addr);
#if defined(__x86_64__) && defined(__linux__)
  report_of_child->wrote = (static_cast<ucontext_t*>(state)->uc_mcontext.gregs[REG_ERR] & 2) != 0 ? 1 : 0;
#else
  (void)state;
#endif
  _exit(kFaulted);
}

void catch_faults() {
  const rlimit none{0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  static char stack[64 << 10];
  stack_t other{};
  other.ss_sp = stack;
  other.ss_size = sizeof stack;
  sigaltstack(&other, nullptr);
  for (int number : {SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGINT}) signal(number, SIG_DFL);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}

class Trial {
 public:
  Trial(const GuardCase& given, Placement placement) : given_(given), op_(*given.op), placement_(placement) {}
  ~Trial() {
    for (std::vector<GuardedMemory>* list : {&inputs_, &outputs_, &copies_}) {
      for (GuardedMemory& memory : *list) memory.unmap();
    }
    if (report_) munmap(report_, sizeof(Report));
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  Result<std::vector<GuardFinding>> run() {
    if (!map()) return make_error(Code::kOutOfMemory, "no memory to try the kernel of {}; use smaller shapes", op_.owner());
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0) return make_error(Code::kOutOfMemory, "no process to try the kernel of {}; end others", op_.owner());
    if (child == 0) in_child();
    int status = 0;
    if (!wait(child, status)) add(false, "the kernel did not return within {:.0f} s", kMostSeconds);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == kFaulted) explain_fault();
    else if (WIFEXITED(status) && WEXITSTATUS(status) == kNoMemory) return make_error(Code::kOutOfMemory, "no memory to try the kernel of {}; use smaller shapes", op_.owner());
    else if (WIFSIGNALED(status)) add(false, "the kernel ended its process by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (!report_->done) add(false, "the kernel ended its process with exit code {}", WEXITSTATUS(status));
    else if (report_->failed) add(false, "{}", report_->message);
    else compare();
    return std::move(findings_);
  }

 private:
  template <typename... Args>
  void add(bool warning, fmt::format_string<Args...> format, Args&&... args) {
    findings_.push_back({warning, fmt::format(format, std::forward<Args>(args)...)});
  }

  static size_t bytes_of(const TensorSpec& spec) { return spec.present ? static_cast<size_t>(dtype_bytes(spec.dtype, product(spec.dims))) : 0; }

  bool map() {
    void* shared = mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return false;
    report_ = new (shared) Report;
    inputs_.resize(given_.inputs.size());
    outputs_.resize(given_.outputs.size());
    copies_.resize(given_.outputs.size() * kRuns);
    bool good = true;
    for (size_t i = 0; good && i < inputs_.size(); ++i) {
      const Tensor& tensor = given_.inputs[i];
      if (!tensor.defined()) continue;
      good = inputs_[i].map(static_cast<size_t>(tensor.bytes()), placement_);
      if (good && tensor.bytes() > 0) std::memcpy(inputs_[i].data, tensor.raw(), inputs_[i].bytes);
    }
    for (size_t o = 0; good && o < outputs_.size(); ++o) {
      if (!given_.outputs[o].present) continue;
      good = outputs_[o].map(bytes_of(given_.outputs[o]), placement_);
      for (int r = 0; good && r < kRuns; ++r) good = copies_[o * kRuns + static_cast<size_t>(r)].map(outputs_[o].bytes, Placement::kBegin);
    }
    return good;
  }

  // --- the child ---

  [[noreturn]] void in_child() {
    catch_faults();
    report_of_child = report_;
    try {
      const Status status = run_kernel();
      report_->failed = !status.ok();
      std::strncpy(report_->message, status.ok() ? "" : status.message().c_str(), kMostText - 1);
      report_->done = true;
    } catch (const std::bad_alloc&) {
      _exit(kNoMemory);
    }
    _exit(0);
  }

  Status run_kernel() {
    Invocation kernel(op_, given_.attributes);
    std::vector<TensorSpec> specs;
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Tensor& tensor = given_.inputs[i];
      specs.push_back({tensor.defined(), tensor.dtype(), tensor.dims(), {}});
      inputs.push_back(inputs_[i].data);
    }
    for (const GuardedMemory& output : outputs_) outputs.push_back(output.data);
    SINTER_ASSIGN(const int64_t workspace, kernel.prepare(std::move(specs), given_.outputs, 1));
    if (!report_->workspace.map(static_cast<size_t>(workspace), placement_)) _exit(kNoMemory);
    for (int r = 0; r < kRuns; ++r) {
      poison(kPoison[r]);
      SINTER_TRY(kernel.run(inputs.data(), outputs.data(), report_->workspace.data, nullptr));
      SINTER_TRY(check_rest());
      for (size_t o = 0; o < outputs_.size(); ++o) {
        if (outputs_[o].bytes > 0) std::memcpy(copies_[o * kRuns + static_cast<size_t>(r)].data, outputs_[o].data, outputs_[o].bytes);
      }
    }
    size_t at = 0;
    for (const Dims& dims : kernel.result()) {
      for (size_t axis = 0; axis < dims.size() && at < kMostResults; ++axis) report_->results[at++] = dims[axis];
    }
    return ok_status();
  }

  // What nobody wrote is another value each time: what is read of it shows.
  void poison(uint8_t value) const {
    for (const GuardedMemory& input : inputs_) {
      if (!input.base) continue;
      input.set_writable(true);
      input.fill_rest(value);
      input.set_writable(false);
    }
    for (const GuardedMemory& output : outputs_) {
      if (output.bytes > 0) std::memset(output.data, value, output.bytes);
    }
    if (report_->workspace.bytes > 0) std::memset(report_->workspace.data, value, report_->workspace.bytes);
  }

  // Writes that stayed within the page.
  Status check_rest() const {
    int64_t offset = 0;
    for (size_t o = 0; o < outputs_.size(); ++o) {
      if (outputs_[o].base && outputs_[o].find_change(GuardedMemory::kFiller, offset)) return outside(output_name(op_, o), outputs_[o].bytes, offset, "writes");
    }
    if (report_->workspace.find_change(GuardedMemory::kFiller, offset)) return outside("the workspace", report_->workspace.bytes, offset, "writes");
    return ok_status();
  }

  static std::string where(const std::string& tensor, size_t bytes, int64_t offset, std::string_view verb) {
    if (offset < 0) return fmt::format("the kernel {} {} bytes before the beginning of {}", verb, -offset, tensor);
    return fmt::format("the kernel {} past the end of {}: at byte {} of {}", verb, tensor, offset, bytes);
  }
  static Status outside(const std::string& tensor, size_t bytes, int64_t offset, std::string_view verb) {
    return make_error(Code::kInvalidArgument, "{}", where(tensor, bytes, offset, verb));
  }

  // --- the parent ---

  static bool wait(pid_t child, int& status) {
    const auto start = std::chrono::steady_clock::now();
    for (useconds_t pause = 200;; pause = std::min<useconds_t>(pause * 2, 20000)) {
      if (waitpid(child, &status, WNOHANG) == child) return true;
      if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > kMostSeconds) break;
      usleep(pause);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return false;
  }

  void explain_fault() {
    const uintptr_t address = report_->fault;
    const std::string_view verb = report_->wrote == 1 ? "writes" : report_->wrote == 0 ? "reads" : "reads or writes";
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].holds(address)) return explain(inputs_[i], input_name(op_, i), address, verb, true);
    }
    for (size_t o = 0; o < outputs_.size(); ++o) {
      if (outputs_[o].holds(address)) return explain(outputs_[o], output_name(op_, o), address, verb, false);
    }
    if (report_->workspace.holds(address)) return explain(report_->workspace, "the workspace", address, verb, false);
    add(false, "the kernel crashed: it {} at address {:#x}, which is in none of its tensors", verb, address);
  }

  void explain(const GuardedMemory& memory, const std::string& name, uintptr_t address, std::string_view verb, bool input) {
    const int64_t offset = static_cast<int64_t>(address) - static_cast<int64_t>(reinterpret_cast<uintptr_t>(memory.data));
    if (input && offset >= 0 && offset < static_cast<int64_t>(memory.bytes)) add(false, "the kernel writes to {}, at byte {}; inputs are not its to change", name, offset);
    else add(false, "{}", where(name, memory.bytes, offset, verb));
  }

  void compare() {
    const bool random = (op_.c.flags & SINTER_PLUGIN_RANDOM) != 0;
    size_t at = 0;
    for (size_t o = 0; o < outputs_.size(); ++o) {
      const TensorSpec& spec = given_.outputs[o];
      Dims dims;
      for (size_t axis = 0; axis < spec.dims.size(); ++axis, ++at) dims.push_back(at < kMostResults ? report_->results[at] : spec.dims[axis]);
      if (spec.present) compare_output(o, std::min<size_t>(outputs_[o].bytes, static_cast<size_t>(dtype_bytes(spec.dtype, product(dims)))), random);
    }
  }

  void compare_output(size_t o, size_t bytes, bool random) {
    const uint8_t* runs[kRuns];
    for (int r = 0; r < kRuns; ++r) runs[r] = copies_[o * kRuns + static_cast<size_t>(r)].data;
    const auto element = static_cast<size_t>(std::max(1, dtype_bits(given_.outputs[o].dtype) / 8));
    const auto is_poison = [&](int run, size_t from) {
      return std::all_of(runs[run] + from, runs[run] + from + element, [&](uint8_t byte) { return byte == kPoison[run]; });
    };
    const auto differs = [&](int a, int b, size_t from) { return std::memcmp(runs[a] + from, runs[b] + from, element) != 0; };
    size_t unwritten = 0, unsteady = 0, tainted = 0, first[3] = {};
    const auto count = [&](size_t& number, size_t which, size_t from) { if (number++ == 0) first[which] = from / element; };
    for (size_t from = 0; from + element <= bytes; from += element) {
      if (is_poison(0, from) && is_poison(1, from)) count(unwritten, 0, from);
      else if (differs(0, 2, from)) count(unsteady, 1, from);
      else if (differs(0, 1, from)) count(tainted, 2, from);
    }
    const std::string name = output_name(op_, o);
    const size_t all = bytes / element;
    if (unwritten > 0) add(false, "the kernel does not write {} of {} elements of {}, first element {}", unwritten, all, name, first[0]);
    if (random) return;
    if (tainted > 0) add(false, "{} of {} elements of {} depend on memory that the kernel did not write (its workspace, an output, or bytes behind a tensor), first element {}", tainted, all, name, first[2]);
    if (unsteady > 0) add(true, "{} of {} elements of {} differ from run to run, first element {}; say SINTER_PLUGIN_RANDOM if that is meant", unsteady, all, name, first[1]);
  }

  const GuardCase& given_;
  const Operator& op_;
  const Placement placement_;
  Report* report_ = nullptr;
  std::vector<GuardedMemory> inputs_, outputs_, copies_;
  std::vector<GuardFinding> findings_;
};

}  // namespace

Result<std::vector<GuardFinding>> try_kernel(const GuardCase& given) {
  int64_t bytes = 0;
  for (const Tensor& input : given.inputs) bytes += input.defined() ? input.bytes() : 0;
  for (const TensorSpec& output : given.outputs) bytes += dtype_bytes(output.dtype, product(output.dims)) * (1 + kRuns);
  std::vector<GuardFinding> findings;
  if (bytes > kMostBytes || bytes < 0) {
    findings.push_back({true, fmt::format("not tried: its tensors have {} bytes; use smaller shapes", bytes)});
    return findings;
  }
  for (Placement placement : {Placement::kEnd, Placement::kBegin}) {
    SINTER_ASSIGN(const std::vector<GuardFinding> found, Trial(given, placement).run());
    for (const GuardFinding& finding : found) {
      const bool known = std::any_of(findings.begin(), findings.end(), [&](const GuardFinding& other) { return other.message == finding.message; });
      if (!known) findings.push_back(finding);
    }
  }
  return findings;
}

}  // namespace sinter::plugin
