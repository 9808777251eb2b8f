// A stand-in for cuBLASLt 13.1: two algorithms (numbers 1 and 2, the second wants 1024 bytes of workspace), computed on the CPU when the mock driver's
// stream comes to them. Column-major like the real one.
#include <cmath>
#include <cstddef>

#include "mock_cuda/library.h"

namespace {

constexpr int kNotSupported = 15, kInvalid = 7;

struct Desc {
  int32_t trans_a = 0, trans_b = 0, epilogue = 1, bias_type = 0;
  const void* bias = nullptr;
};
struct Layout {
  int type = 0;
  int64_t rows = 0, columns = 0, leading = 0, stride = 0;
  int32_t batch = 1;
};
struct Algo {
  uint64_t words[8];
};
struct Found {
  Algo algo;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

mock::Element element(int type) { return type == 0 ? mock::Element::kF32 : type == 2 ? mock::Element::kF16 : mock::Element::kBF16; }

bool fits(const Desc& desc, const Layout& a, const Layout& b, const Layout& d) {
  const int64_t m = desc.trans_a ? a.columns : a.rows, k = desc.trans_a ? a.rows : a.columns, n = desc.trans_b ? b.rows : b.columns;
  return m == d.rows && n == d.columns && k == (desc.trans_b ? b.columns : b.rows) && a.batch == d.batch && b.batch == d.batch;
}

struct Call {
  Desc desc;
  Layout a, b, c, d;
  float alpha, beta;
  const void *pa, *pb, *pc;
  void* pd;

  void run() const {
    const int64_t k_count = desc.trans_a ? a.rows : a.columns;
    for (int64_t z = 0; z < d.batch; ++z) {
      for (int64_t j = 0; j < d.columns; ++j) {
        for (int64_t i = 0; i < d.rows; ++i) {
          double sum = 0;
          for (int64_t k = 0; k < k_count; ++k) {
            const int64_t at_a = z * a.stride + (desc.trans_a ? i * a.leading + k : k * a.leading + i);
            const int64_t at_b = z * b.stride + (desc.trans_b ? k * b.leading + j : j * b.leading + k);
            sum += mock::load(pa, element(a.type), at_a) * mock::load(pb, element(b.type), at_b);
          }
          sum *= alpha;
          if (beta != 0) sum += beta * mock::load(pc, element(c.type), z * c.stride + j * c.leading + i);
          if (desc.epilogue & 4) sum += mock::load(desc.bias, element(desc.bias_type), i);
          if (desc.epilogue & 2) sum = sum > 0 ? sum : 0;
          if (desc.epilogue & 32) sum = 0.5 * sum * (1 + std::tanh(0.7978845608028654 * (sum + 0.044715 * sum * sum * sum)));
          mock::store(pd, element(d.type), z * d.stride + j * d.leading + i, sum);
        }
      }
    }
  }
};

}  // namespace

MOCK_API int cublasLtCreate(void** handle) {
  MOCK_MAY_FAIL("cublasLtCreate");
  static int shared;
  return *handle = &shared, 0;
}
MOCK_API size_t cublasLtGetVersion() { return 130100; }
MOCK_API int cublasLtMatmulDescCreate(Desc** desc, int compute, int) {
  if (compute != 68 && compute != 77) return kInvalid;
  return *desc = new Desc(), 0;
}
MOCK_API int cublasLtMatmulDescDestroy(Desc* desc) { return delete desc, 0; }
MOCK_API int cublasLtMatmulDescSetAttribute(Desc* desc, int name, const void* value, size_t bytes) {
  const auto put = [&](auto& to) { return bytes == sizeof to ? (std::memcpy(&to, value, bytes), 0) : kInvalid; };
  switch (name) {
    case 3: return put(desc->trans_a);
    case 4: return put(desc->trans_b);
    case 7: return put(desc->epilogue);
    case 8: return put(desc->bias);
    case 26: return put(desc->bias_type);
    default: return kInvalid;
  }
}
MOCK_API int cublasLtMatrixLayoutCreate(Layout** layout, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  *layout = new Layout{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), leading};
  return leading >= static_cast<int64_t>(rows) ? 0 : kInvalid;
}
MOCK_API int cublasLtMatrixLayoutDestroy(Layout* layout) { return delete layout, 0; }
MOCK_API int cublasLtMatrixLayoutSetAttribute(Layout* layout, int name, const void* value, size_t bytes) {
  if (name == 5 && bytes == 4) return std::memcpy(&layout->batch, value, 4), 0;
  if (name == 6 && bytes == 8) return std::memcpy(&layout->stride, value, 8), 0;
  return kInvalid;
}
MOCK_API int cublasLtMatmulPreferenceCreate(int** preference) { return *preference = new int(0), 0; }
MOCK_API int cublasLtMatmulPreferenceDestroy(int* preference) { return delete preference, 0; }
MOCK_API int cublasLtMatmulPreferenceSetAttribute(int*, int name, const void*, size_t bytes) { return bytes == (name == 1 ? 8u : 4u) ? 0 : kInvalid; }
MOCK_API int cublasLtMatmulAlgoCheck(void*, Desc* desc, Layout* a, Layout* b, Layout*, Layout* d, const Algo* algo, Found* result) {
  MOCK_MAY_FAIL("cublasLtMatmulAlgoCheck");
  if (algo->words[0] < 1 || algo->words[0] > 2 || !fits(*desc, *a, *b, *d)) return kNotSupported;
  *result = {*algo, algo->words[0] == 2 ? size_t{1024} : size_t{0}, 0, 1, {}};
  return 0;
}
MOCK_API int cublasLtMatmulAlgoGetHeuristic(void* handle, Desc* desc, Layout* a, Layout* b, Layout* c, Layout* d, int*, int wanted, Found* found, int* count) {
  MOCK_MAY_FAIL("cublasLtMatmulAlgoGetHeuristic");
  *count = 0;
  for (uint64_t number = 1; number <= 2 && *count < wanted; ++number) {
    const Algo algo{{number}};
    if (cublasLtMatmulAlgoCheck(handle, desc, a, b, c, d, &algo, found + *count) == 0) ++*count;
  }
  return *count > 0 ? 0 : kNotSupported;
}
MOCK_API int cublasLtMatmul(void*, Desc* desc, const void* alpha, const void* pa, Layout* a, const void* pb, Layout* b, const void* beta, const void* pc,
                            Layout* c, void* pd, Layout* d, const Algo* algo, void*, size_t workspace, void* stream) {
  MOCK_MAY_FAIL("cublasLtMatmul");
  if (!fits(*desc, *a, *b, *d) || algo->words[0] < 1 || algo->words[0] > 2 || workspace < (algo->words[0] == 2 ? 1024u : 0u)) return kInvalid;
  const Call call{*desc, *a, *b, *c, *d, *static_cast<const float*>(alpha), *static_cast<const float*>(beta), pa, pb, pc, pd};
  return mock::submit(stream, [call] { call.run(); });
}
