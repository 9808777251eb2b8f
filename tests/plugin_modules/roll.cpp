// Roll of domain "roll": the elements of a tensor moved on by `shift` places, round the end; f32 or i64. On the CPU and on a GPU, where it is two copies on the stream, by the
// driver that Sinter uses too.
#include <sinter/plugin.hpp>

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

using sinter::custom::fail;
using sinter::custom::Operator;
using sinter::custom::Run;
using sinter::custom::Shapes;

namespace {

constexpr uint64_t kTypes = SINTER_PLUGIN_SET(SINTER_PLUGIN_F32) | SINTER_PLUGIN_SET(SINTER_PLUGIN_I64);

void infer(Shapes& s) { s.output(0, s.dtype(0), s.dims(0)); }

// Bytes that move to the front.
size_t moved(Run& r) {
  const int64_t count = r.input_count_of(0);
  if (count == 0) return 0;
  const size_t element = r.c()->inputs[0].bytes / static_cast<size_t>(count);
  return static_cast<size_t>(((r.integer(0) % count) + count) % count) * element;
}

void run(Run& r) {
  const size_t all = r.c()->inputs[0].bytes, front = moved(r);
  if (all == 0) return;
  std::memcpy(r.output<char>(0), r.input<char>(0) + (all - front), front);
  std::memcpy(r.output<char>(0) + front, r.input<char>(0), all - front);
}

using CopyAsync = int (*)(unsigned long long to, unsigned long long from, size_t bytes, void* stream);

void run_cuda(Run& r) {
  static const CopyAsync copy = [] {
    const char* name = std::getenv("SINTER_CUDA_DRIVER");
    void* driver = dlopen(name ? name : "libcuda.so.1", RTLD_NOW);
    return driver ? reinterpret_cast<CopyAsync>(dlsym(driver, "cuMemcpyDtoDAsync_v2")) : nullptr;
  }();
  if (!copy) fail("there is no CUDA driver");
  const auto x = reinterpret_cast<unsigned long long>(r.input<char>(0)), y = reinterpret_cast<unsigned long long>(r.output<char>(0));
  const size_t all = r.c()->inputs[0].bytes, front = moved(r);
  const auto part = [&](unsigned long long to, unsigned long long from, size_t bytes) {
    if (bytes > 0 && copy(to, from, bytes, r.c()->cuda_stream) != 0) fail("a copy was refused");
  };
  part(y, x + (all - front), front);
  part(y + front, x, all - front);
}

Operator<infer, run> roll = Operator<infer, run>("roll", "Roll").input("x", kTypes, "T").output("y", kTypes, "T").required("shift", SINTER_PLUGIN_INT).cuda<run_cuda>();

}  // namespace

SINTER_PLUGIN_LIBRARY("roll", "1.0", roll)
