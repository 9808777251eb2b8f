// A stand-in for cuDNN 9.13's graph API: graphs of one convolution and pointwise steps, computed on the CPU when the mock driver's stream comes to
// them. Its heuristics recommend engine 7 (whose results vary from run to run, it says), engine 5 with a knob, and engine 9.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "mock_cuda/library.h"

namespace {

constexpr int kBadParameter = 2000, kNotSupported = 3000;

struct Descriptor {
  int kind = 0;
  bool final = false;
  std::map<int, std::vector<int64_t>> values;  // of any type, as 64-bit words

  int64_t one(int name, int64_t otherwise = 0) const {
    const auto found = values.find(name);
    return found == values.end() || found->second.empty() ? otherwise : found->second[0];
  }
  Descriptor* child(int name) const { return reinterpret_cast<Descriptor*>(one(name)); }
};

// Bytes of a value by the type of attribute.
size_t value_bytes(int type) {
  switch (type) {
    case 0: case 3: case 5: case 6: case 15: return 8;
    case 2: return 1;
    default: return 4;
  }
}

mock::Element element(int64_t type) { return type == 0 ? mock::Element::kF32 : type == 2 ? mock::Element::kF16 : mock::Element::kBF16; }

struct Tensor {
  const Descriptor* desc = nullptr;
  const std::vector<int64_t>& dims() const { return desc->values.at(902); }
  int64_t at(int64_t n, int64_t c, int64_t h, int64_t w) const {
    const int64_t index[] = {n, c, h, w};
    int64_t offset = 0;
    for (size_t i = 0; i < 4; ++i) offset += dims()[i] == 1 ? 0 : index[i] * desc->values.at(903)[i];
    return offset;
  }
};

double apply(int64_t mode, double x, double b) {
  switch (mode) {
    case 0: return x + b;
    case 1: return x * b;
    case 2: return x < b ? x : b;
    case 3: return x > b ? x : b;
    case 100: return x > 0 ? x : 0;
    case 101: return std::tanh(x);
    case 102: return 1 / (1 + std::exp(-x));
    case 104: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case 106: return x / (1 + std::exp(-x));
    case 107: return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    default: return std::nan("");
  }
}

// Runs a graph; the descriptors outlive the work, as a plan does its launches.
class Run {
 public:
  Run(const Descriptor* graph, const Descriptor* pack) : ops_(graph->values.at(801)) {
    const auto &ids = pack->values.at(1000), &pointers = pack->values.at(1001);
    for (size_t i = 0; i < ids.size(); ++i) memory_[ids[i]] = reinterpret_cast<void*>(pointers[i]);
  }
  void operator()() {
    for (const int64_t word : ops_) {
      const auto* op = reinterpret_cast<const Descriptor*>(word);
      op->kind == 10 ? convolve(*op) : point(*op);
    }
  }

 private:
  double load(const Descriptor* tensor, int64_t n, int64_t c, int64_t h, int64_t w) {
    const Tensor view{tensor};
    const int64_t id = tensor->one(906);
    if (tensor->one(907)) return inner_[id][static_cast<size_t>(view.at(n, c, h, w))];
    return mock::load(memory_.at(id), element(tensor->one(901)), view.at(n, c, h, w));
  }
  template <typename Value>
  void store_all(const Descriptor* tensor, Value&& value) {
    const Tensor view{tensor};
    const auto& dims = view.dims();
    const int64_t id = tensor->one(906);
    if (tensor->one(907)) inner_[id].resize(static_cast<size_t>(dims[0] * dims[1] * dims[2] * dims[3]));
    for (int64_t n = 0; n < dims[0]; ++n) {
      for (int64_t c = 0; c < dims[1]; ++c) {
        for (int64_t h = 0; h < dims[2]; ++h) {
          for (int64_t w = 0; w < dims[3]; ++w) {
            const double result = value(n, c, h, w);
            if (tensor->one(907)) inner_[id][static_cast<size_t>(view.at(n, c, h, w))] = result;
            else mock::store(memory_.at(id), element(tensor->one(901)), view.at(n, c, h, w), result);
          }
        }
      }
    }
  }
  void convolve(const Descriptor& op) {
    const Descriptor *conv = op.child(702), *w = op.child(703), *x = op.child(704), *y = op.child(705);
    const auto &pads = conv->values.at(105), &strides = conv->values.at(103), &dilations = conv->values.at(102);
    const std::vector<int64_t> in = Tensor{x}.dims(), filter = Tensor{w}.dims(), out = Tensor{y}.dims();
    const int64_t group_outputs = out[1] / (in[1] / filter[1]);
    store_all(y, [&](int64_t n, int64_t k, int64_t oh, int64_t ow) {
      double sum = 0;
      for (int64_t c = 0; c < filter[1]; ++c) {
        for (int64_t r = 0; r < filter[2]; ++r) {
          for (int64_t s = 0; s < filter[3]; ++s) {
            const int64_t h = oh * strides[0] - pads[0] + r * dilations[0], col = ow * strides[1] - pads[1] + s * dilations[1];
            if (h < 0 || h >= in[2] || col < 0 || col >= in[3]) continue;
            sum += load(x, n, k / group_outputs * filter[1] + c, h, col) * load(w, k, c, r, s);
          }
        }
      }
      return sum;
    });
  }
  void point(const Descriptor& op) {
    const Descriptor *x = op.child(751), *b = op.child(752), *y = op.child(753);
    const int64_t mode = op.child(750)->one(0);
    store_all(y, [&](int64_t n, int64_t c, int64_t h, int64_t w) { return apply(mode, load(x, n, c, h, w), b ? load(b, n, c, h, w) : 0); });
  }

  std::vector<int64_t> ops_;
  std::map<int64_t, void*> memory_;
  std::map<int64_t, std::vector<double>> inner_;
};

const std::vector<int64_t>& engines() {
  static const std::vector<int64_t> numbers = {7, 5, 9};
  return numbers;
}

int get_results(void* values, int64_t wanted, int64_t* count) {
  auto** configs = static_cast<Descriptor**>(values);
  *count = static_cast<int64_t>(engines().size());
  for (size_t i = 0; i < engines().size() && static_cast<int64_t>(i) < wanted; ++i) configs[i]->values[-1] = {engines()[i]};
  return 0;
}

int get_knobs(const Descriptor& config, void* values, int64_t wanted, int64_t* count) {
  *count = config.one(-1) == 5 ? 1 : 0;
  if (*count == 0 || wanted < 1) return 0;
  Descriptor* knob = *static_cast<Descriptor**>(values);
  knob->values[600] = {2};
  knob->values[601] = {1};
  return 0;
}

}  // namespace

MOCK_API size_t cudnnGetVersion() {
  const char* version = std::getenv("SINTER_MOCK_CUDNN_VERSION");  // 9.13.0 by default
  return version ? std::strtoul(version, nullptr, 10) : 91300;
}
MOCK_API const char* cudnnGetErrorString(int status) { return status == 0 ? "CUDNN_STATUS_SUCCESS" : status >= 3000 ? "CUDNN_STATUS_NOT_SUPPORTED" : "CUDNN_STATUS_BAD_PARAM"; }
MOCK_API int cudnnCreate(void** handle) {
  MOCK_MAY_FAIL("cudnnCreate");
  *handle = new void*(nullptr);
  return 0;
}
MOCK_API int cudnnSetStream(void* handle, void* stream) { return *static_cast<void**>(handle) = stream, 0; }
MOCK_API int cudnnBackendCreateDescriptor(int kind, void** descriptor) {
  auto made = std::make_unique<Descriptor>();
  made->kind = kind;
  *descriptor = made.release();
  return 0;
}
MOCK_API int cudnnBackendDestroyDescriptor(void* descriptor) { return delete static_cast<Descriptor*>(descriptor), 0; }
MOCK_API int cudnnBackendSetAttribute(void* descriptor, int name, int type, int64_t count, const void* values) {
  auto& desc = *static_cast<Descriptor*>(descriptor);
  if (desc.final) return kBadParameter;
  std::vector<int64_t>& words = desc.values[name];
  words.assign(static_cast<size_t>(count), 0);
  const size_t bytes = value_bytes(type);
  for (int64_t i = 0; i < count; ++i) std::memcpy(&words[static_cast<size_t>(i)], static_cast<const char*>(values) + static_cast<size_t>(i) * bytes, bytes);
  return 0;
}
MOCK_API int cudnnBackendGetAttribute(void* descriptor, int name, int, int64_t wanted, int64_t* count, void* values) {
  auto& desc = *static_cast<Descriptor*>(descriptor);
  const auto put = [&](auto value) { return *count = 1, std::memcpy(values, &value, sizeof value), 0; };
  if (name == 202) return get_results(values, wanted, count);
  if (name == 302) return get_knobs(desc, values, wanted, count);
  if (name == 300) {
    *count = 1;
    (*static_cast<Descriptor**>(values))->values[1301] = {desc.one(-1)};
    return 0;
  }
  if (name == 1303) {
    *count = 0;
    return desc.one(1301) == 7 ? put(int{4}) : 0;
  }
  if (name == 402) return put(desc.child(401)->child(300)->one(1301) == 9 ? int64_t{4096} : int64_t{0});
  if (name == 600) return put(static_cast<int>(desc.one(600)));
  const auto found = desc.values.find(name);
  return found == desc.values.end() ? kBadParameter : put(found->second[0]);
}
MOCK_API int cudnnBackendFinalize(void* descriptor) {
  MOCK_MAY_FAIL("cudnnBackendFinalize");
  auto& desc = *static_cast<Descriptor*>(descriptor);
  if (desc.kind == 2) {
    const auto& known = engines();
    if (std::find(known.begin(), known.end(), desc.one(1301)) == known.end()) return kNotSupported;
  }
  desc.final = true;
  return 0;
}
MOCK_API int cudnnBackendExecute(void* handle, void* plan, void* pack) {
  MOCK_MAY_FAIL("cudnnBackendExecute");
  const Descriptor* graph = static_cast<Descriptor*>(plan)->child(401)->child(300)->child(1300);
  auto run = std::make_shared<Run>(graph, static_cast<Descriptor*>(pack));
  return mock::submit(*static_cast<void**>(handle), [run] { (*run)(); });
}
