// A plugin whose operators each do one thing wrong. All are f32[n] → f32[n] unless their name says otherwise.
#include <sinter/plugin.hpp>

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>

using sinter::custom::Dim;
using sinter::custom::Operator;
using sinter::custom::Run;
using sinter::custom::Shapes;

namespace {

constexpr uint64_t kF32 = SINTER_PLUGIN_SET(SINTER_PLUGIN_F32);

// --- good halves ---

void same(Shapes& s) { s.output(0, SINTER_PLUGIN_F32, s.dims(0)); }
void copy(Run& r) {
  if (r.c()->inputs[0].bytes > 0) std::memcpy(r.output<char>(0), r.input<char>(0), r.c()->inputs[0].bytes);
}
float* out(Run& r) { return r.output<float>(0); }
int64_t count(Run& r) { return r.input_count_of(0); }

// --- shape rules ---

void negative(Shapes& s) { s.output(0, SINTER_PLUGIN_F32, {s.number(-3)}); }
void negative_later(Shapes& s) { s.output(0, SINTER_PLUGIN_F32, {s.dim(0, 0) - 1000}); }
void overflowing(Shapes& s) {
  const Dim huge = s.number(int64_t{1} << 40);
  s.output(0, SINTER_PLUGIN_F32, {huge, huge, huge});
}
void overflowing_later(Shapes& s) {
  const Dim n = s.dim(0, 0) * (int64_t{1} << 40);
  s.output(0, SINTER_PLUGIN_F32, {n, n, n});
}
// Another rank once the length is known.
void rank_changing(Shapes& s) {
  if (s.dim(0, 0).value()) s.output(0, SINTER_PLUGIN_F32, {s.dim(0, 0), s.number(1)});
  else s.output(0, SINTER_PLUGIN_F32, s.dims(0));
}
void size_changing(Shapes& s) { s.output(0, SINTER_PLUGIN_F32, {s.dim(0, 0).value() ? s.dim(0, 0) + 1 : s.dim(0, 0)}); }
void throws(Shapes&) { throw std::runtime_error("the rule is tired"); }
void silent(Shapes&) {}
void wrong_type(Shapes& s) { s.output(0, SINTER_PLUGIN_I64, s.dims(0)); }
void divides_by_zero(Shapes& s) { s.output(0, SINTER_PLUGIN_F32, {s.dim(0, 0) / 0}); }
void kept(Shapes& s) { s.output(0, SINTER_PLUGIN_F32, {s.data_dependent("kept", s.dim(0, 0))}); }

// --- kernels ---

void above_bound(Run& r) { r.set_size(0, 0, count(r) + 1); }
void no_size(Run&) {}
void run_throws(Run&) { throw std::runtime_error("no more numbers"); }
void thread_throws(Run& r) {
  r.parallel(1000, 1, [](int64_t begin, int64_t) {
    if (begin > 10) throw std::runtime_error("a thread is tired");
  });
}
void write_past_end(Run& r) { copy(r), out(r)[count(r)] = 1; }
void write_before(Run& r) { copy(r), out(r)[-1] = 1; }
void read_past_end(Run& r) {
  copy(r);
  volatile float sink = r.input<float>(0)[count(r) + 3];
  (void)sink;
}
void read_before(Run& r) {
  copy(r);
  volatile float sink = r.input<float>(0)[-2];
  (void)sink;
}
void write_input(Run& r) { copy(r), const_cast<float*>(r.input<float>(0))[1] = 5; }
void forget(Run& r) {
  for (int64_t i = 0; i < count(r); ++i) {
    if (i != 2) out(r)[i] = 1;
  }
}
void unsteady(Run& r) {
  static std::atomic<int> calls{0};
  copy(r);
  out(r)[0] = static_cast<float>(++calls);
}
void taste_workspace(Run& r) { copy(r), out(r)[0] = static_cast<float>(r.workspace<uint8_t>()[0]); }
void past_workspace(Run& r) { copy(r), r.workspace<char>()[64] = 1; }
void wild_pointer(Run& r) {
  copy(r);
  float* volatile nowhere = reinterpret_cast<float*>(uintptr_t{1} << 20);
  *nowhere = 1;
}
void leave(Run&) { _exit(7); }
void stop(Run&) { std::abort(); }
int64_t a_line(Run&) { return 64; }
int64_t less_than_none(Run&) { return -1; }
struct NoState {
  explicit NoState(Run&) { throw std::runtime_error("no state today"); }
};

// Past the C++ layer: exceptions and codes that leave the plugin's own functions.
int raw_throws(const sinter_plugin_run*) { throw 42; }
int raw_code(const sinter_plugin_run*) { return 3; }
int raw_says(const sinter_plugin_run* call) {
  call->host->fail(call->context, "the moon is not full");
  return 1;
}

template <void (*Infer)(Shapes&), void (*Kernel)(Run&)>
Operator<Infer, Kernel> op(const char* name) {
  return Operator<Infer, Kernel>("faulty", name).input("x", kF32).output("y", kF32);
}

template <typename Op>
sinter_plugin_operator with_run(Op& from, const char* name, int (*run)(const sinter_plugin_run*)) {
  sinter_plugin_operator made = *from.c();
  made.name = name;
  made.run = run;
  return made;
}

}  // namespace

extern "C" SINTER_PLUGIN_EXPORT const sinter_plugin* sinter_plugin_entry(uint32_t) {
  static auto good = op<same, copy>("Copy");
  static sinter_plugin_operator raw[] = {with_run(good, "RawThrows", raw_throws), with_run(good, "RawCode", raw_code), with_run(good, "RawSays", raw_says)};
  static auto o1 = op<negative, copy>("Negative");
  static auto o2 = op<negative_later, copy>("NegativeLater");
  static auto o3 = op<overflowing, copy>("Overflowing");
  static auto o4 = op<overflowing_later, copy>("OverflowingLater");
  static auto o5 = op<rank_changing, copy>("RankChanging");
  static auto o6 = op<size_changing, copy>("SizeChanging");
  static auto o7 = op<throws, copy>("RuleThrows");
  static auto o8 = op<silent, copy>("Silent");
  static auto o9 = op<wrong_type, copy>("WrongType");
  static auto o10 = op<divides_by_zero, copy>("DividesByZero");
  static auto o11 = op<kept, above_bound>("AboveBound");
  static auto o12 = op<kept, no_size>("NoSize");
  static auto o13 = op<same, run_throws>("RunThrows");
  static auto o14 = op<same, thread_throws>("ThreadThrows");
  static auto o15 = op<same, write_past_end>("WritePastEnd");
  static auto o16 = op<same, write_before>("WriteBefore");
  static auto o17 = op<same, read_past_end>("ReadPastEnd");
  static auto o18 = op<same, read_before>("ReadBefore");
  static auto o19 = op<same, write_input>("WriteInput");
  static auto o20 = op<same, forget>("Forget");
  static auto o21 = op<same, unsteady>("Unsteady");
  static auto o22 = op<same, taste_workspace>("TasteWorkspace").workspace<a_line>();
  static auto o23 = op<same, past_workspace>("PastWorkspace").workspace<a_line>();
  static auto o24 = op<same, wild_pointer>("WildPointer");
  static auto o25 = op<same, leave>("Leave");
  static auto o26 = op<same, stop>("Stop");
  static auto o27 = op<same, copy>("NegativeWorkspace").workspace<less_than_none>();
  static auto o28 = op<same, copy>("NoState").state<NoState>();
  static auto o29 = op<same, unsteady>("Random").random();
  static auto ranged = Operator<same, copy>("faulty", "Ranged", 2, 3).input("x", kF32).output("y", kF32);
  static const sinter_plugin_operator* const list[] = {
      good.c(), &raw[0], &raw[1], &raw[2], o1.c(), o2.c(), o3.c(), o4.c(), o5.c(), o6.c(), o7.c(), o8.c(), o9.c(), o10.c(), o11.c(), o12.c(), o13.c(), o14.c(), o15.c(), o16.c(),
      o17.c(), o18.c(), o19.c(), o20.c(), o21.c(), o22.c(), o23.c(), o24.c(), o25.c(), o26.c(), o27.c(), o28.c(), o29.c(), ranged.c()};
  static const sinter_plugin plugin{SINTER_PLUGIN_ABI, 0, sizeof(sinter_plugin), "faulty", "1.0", list, sizeof list / sizeof *list};
  return &plugin;
}
