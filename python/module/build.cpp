#include "build.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>

#include <pybind11/stl.h>

#include "arrays.h"
#include "engine.h"

namespace sinter::python {
namespace {

enum class Kind { kInt, kSize, kReal, kText };
struct Field {
  const char* name;
  Kind kind;
  size_t offset;
};
#define SINTER_FIELD(name, kind) Field{#name, Kind::kind, offsetof(sinter_build_options, name)}
constexpr Field kFields[] = {
    SINTER_FIELD(threads, kInt), SINTER_FIELD(timing_cache, kText), SINTER_FIELD(shapes, kText), SINTER_FIELD(min_shapes, kText),
    SINTER_FIELD(max_shapes, kText), SINTER_FIELD(tf32, kInt), SINTER_FIELD(fp16, kInt), SINTER_FIELD(bf16, kInt), SINTER_FIELD(int8, kInt),
    SINTER_FIELD(strict_nans, kInt), SINTER_FIELD(workspace_bytes, kSize), SINTER_FIELD(max_build_memory_bytes, kSize), SINTER_FIELD(target_only, kInt),
    SINTER_FIELD(trace_passes, kInt), SINTER_FIELD(disabled_passes, kText), SINTER_FIELD(tactic_filter, kText), SINTER_FIELD(report_path, kText),
    SINTER_FIELD(verbose, kInt), SINTER_FIELD(device, kText), SINTER_FIELD(dynamic_batch, kInt), SINTER_FIELD(trust, kText), SINTER_FIELD(strict, kInt),
    SINTER_FIELD(tactic_sources, kText), SINTER_FIELD(hardware_compatibility, kText), SINTER_FIELD(target, kText), SINTER_FIELD(calib_data, kText), SINTER_FIELD(preprocess, kText), SINTER_FIELD(calib_cache, kText),
    SINTER_FIELD(calib_algorithm, kText), SINTER_FIELD(calib_percentile, kReal), SINTER_FIELD(calib_batch, kInt), SINTER_FIELD(calib_max_samples, kInt),
    SINTER_FIELD(max_drop, kReal), SINTER_FIELD(min_cosine, kReal), SINTER_FIELD(calib_labels, kText), SINTER_FIELD(float_layers, kText),
    SINTER_FIELD(precision_constraints, kText), SINTER_FIELD(layer_precisions, kText), SINTER_FIELD(layer_output_types, kText), SINTER_FIELD(best, kInt),
    SINTER_FIELD(strongly_typed, kInt), SINTER_FIELD(fp8, kInt), SINTER_FIELD(latency_ms, kReal), SINTER_FIELD(int8_placeholders, kInt),
    SINTER_FIELD(cache_dir, kText), SINTER_FIELD(cache_bytes, kSize), SINTER_FIELD(plugins, kText),
    SINTER_FIELD(check_plugins, kInt), SINTER_FIELD(shapes_to_warm, kText)};
#undef SINTER_FIELD

// One build: its options, the callbacks, and the exception that one of them ended with.
class Build {
 public:
  Build(const py::dict& given) {
    sinter_build_options_init(&options_);
    for (const auto& [key, value] : given) set(py::cast<std::string>(key), value);
    options_.progress = [](void* self, const char* phase, int64_t done, int64_t total) { return static_cast<Build*>(self)->on_progress(phase, done, total); };
    options_.progress_user = this;
  }
  Build(const Build&) = delete;

  const sinter_build_options* options() const { return &options_; }

  // A callback's exception, or an interruption, is the build's.
  template <typename Fn>
  void run(Fn&& fn) {
    sinter_status status = SINTER_OK;
    std::string text;
    {
      const py::gil_scoped_release unlocked;
      status = fn();
      if (status != SINTER_OK) text = sinter_last_error();
    }
    if (failure_) {
      py::error_already_set failure = std::move(*failure_);
      failure_.reset();
      if (status != SINTER_OK) throw failure;
    }
    if (status != SINTER_OK) raise(status, text);
  }

 private:
  void set(const std::string& name, py::handle value) {
    if (value.is_none()) return;
    if (name == "progress") {
      progress_ = py::reinterpret_borrow<py::object>(value);
    } else if (name == "samples") {
      samples_ = py::reinterpret_borrow<py::object>(value);
      options_.calib_samples = [](void* self, sinter_tensor* inputs, size_t count) { return static_cast<Build*>(self)->on_samples(inputs, count); };
      options_.calib_samples_user = this;
    } else if (name == "accuracy_check") {
      check_ = py::reinterpret_borrow<py::object>(value);
      options_.accuracy_check = [](void* self, const char* path) { return static_cast<Build*>(self)->on_check(path); };
      options_.accuracy_check_user = this;
    } else if (name == "optimization_profiles") {
      set_profiles(value);
    } else if (name == "fallback") {
      options_.fallback = fallback_of(py::cast<std::string>(value));
    } else {
      set_field(name, value);
    }
  }

  // A list of (min, opt, max), each a text or None.
  void set_profiles(py::handle value) {
    for (const auto& [least, best, most] : py::cast<std::vector<std::array<std::optional<std::string>, 3>>>(value)) {
      const auto keep = [&](const std::optional<std::string>& text) -> const char* {
        if (!text) return nullptr;
        texts_.push_back(*text);
        if (texts_.back().find('\0') != std::string::npos) raise(SINTER_INVALID_ARGUMENT, "build option optimization_profiles: found a text with a zero byte");
        return texts_.back().c_str();
      };
      const char* const low = keep(least);
      const char* const middle = keep(best);
      profiles_.push_back({low, middle, keep(most)});
    }
    options_.optimization_profiles = profiles_.data();
    options_.optimization_profile_count = profiles_.size();
  }

  static sinter_fallback fallback_of(const std::string& name) {
    if (name == "reference") return SINTER_FALLBACK_REFERENCE;
    if (name == "error") return SINTER_FALLBACK_ERROR;
    if (name == "cpu") return SINTER_FALLBACK_CPU;
    raise(SINTER_INVALID_ARGUMENT, "build option fallback: found '" + name + "', expected 'reference', 'error' or 'cpu'");
  }

  void set_field(const std::string& name, py::handle value) {
    for (const Field& field : kFields) {
      if (name != field.name) continue;
      char* place = reinterpret_cast<char*>(&options_) + field.offset;
      try {
        switch (field.kind) {
          case Kind::kInt: *reinterpret_cast<int32_t*>(place) = py::isinstance<py::bool_>(value) ? py::cast<bool>(value) : py::cast<int32_t>(value); return;
          case Kind::kSize: *reinterpret_cast<uint64_t*>(place) = py::cast<uint64_t>(value); return;
          case Kind::kReal: *reinterpret_cast<double*>(place) = py::cast<double>(value); return;
          case Kind::kText:
            texts_.push_back(py::cast<std::string>(value));
            if (texts_.back().find('\0') != std::string::npos) raise(SINTER_INVALID_ARGUMENT, "build option " + name + ": found a text with a zero byte");
            *reinterpret_cast<const char**>(place) = texts_.back().c_str();
            return;
        }
      } catch (const py::cast_error&) {
        static constexpr const char* kExpected[] = {"bool or int", "int, 0 or more", "float", "str"};
        raise(SINTER_INVALID_ARGUMENT, "build option " + name + ": found " + std::string(py::repr(value)) + ", expected " + kExpected[static_cast<int>(field.kind)]);
      }
    }
    std::string names;
    for (const Field& field : kFields) names += std::string(names.empty() ? "" : ", ") + field.name;
    raise(SINTER_INVALID_ARGUMENT, "build option '" + name + "' does not exist; there are progress, samples, accuracy_check, fallback, optimization_profiles, " + names);
  }

  // Keeps the exception that is set, if there is no earlier one.
  int keep_failure() {
    if (!failure_) failure_.emplace();
    else PyErr_Clear();
    return -1;
  }
  int keep_failure(py::error_already_set& error) {
    if (!failure_) failure_.emplace(std::move(error));
    return -1;
  }

  int on_progress(const char* phase, int64_t done, int64_t total) {
    // Without a callback it is enough to look for signals now and then.
    const auto now = std::chrono::steady_clock::now();
    if (!progress_ && now - looked_ < std::chrono::milliseconds(20)) return 0;
    looked_ = now;
    const py::gil_scoped_acquire locked;
    if (PyErr_CheckSignals() != 0) return keep_failure();
    if (!progress_) return 0;
    try {
      const py::object answer = progress_(phase, done, total);
      return answer.is_none() || PyObject_IsTrue(answer.ptr()) == 1 ? 0 : 1;
    } catch (py::error_already_set& error) {
      return keep_failure(error);
    }
  }

  // samples(count) → a sequence of arrays, one an input, or None.
  int on_samples(sinter_tensor* inputs, size_t count) {
    const py::gil_scoped_acquire locked;
    if (PyErr_CheckSignals() != 0) return keep_failure();
    try {
      const py::object answer = samples_(count);
      if (answer.is_none()) return 0;
      const py::list items(answer);
      if (items.size() != count) {
        raise(SINTER_INVALID_ARGUMENT, "calibration: a batch has " + std::to_string(items.size()) + " arrays, expected " + std::to_string(count) + ", one an input");
      }
      given_.clear();
      for (size_t i = 0; i < count; ++i) {
        sinter_dtype dtype = SINTER_UNDEFINED;
        given_.push_back(to_tensor(items[i], SINTER_UNDEFINED, "calibration: input " + std::to_string(i), &dtype));
        const Given& given = given_.back();
        inputs[i] = {dtype, static_cast<int32_t>(given.dims.size()), given.dims.data(), given.strings.empty() ? given.data : given.strings.data(), 0, 0};
      }
      return 1;
    } catch (py::error_already_set& error) {
      return keep_failure(error);
    } catch (const std::exception& error) {
      PyErr_SetString(PyExc_RuntimeError, error.what());
      return keep_failure();
    }
  }

  int on_check(const char* path) {
    const py::gil_scoped_acquire locked;
    if (PyErr_CheckSignals() != 0) return keep_failure();
    try {
      return PyObject_IsTrue(check_(path).ptr()) == 1 ? 1 : 0;
    } catch (py::error_already_set& error) {
      return keep_failure(error);
    }
  }

  sinter_build_options options_;
  std::deque<std::string> texts_;
  std::vector<sinter_optimization_profile> profiles_;
  py::object progress_, samples_, check_;
  std::deque<Given> given_;  // of the last batch
  std::optional<py::error_already_set> failure_;
  std::chrono::steady_clock::time_point looked_;
};

// An engine in memory, read-only; aligned so that it is loaded in place.
struct EngineBytes {
  void* data = nullptr;
  size_t bytes = 0;
  EngineBytes() = default;
  EngineBytes(const EngineBytes&) = delete;
  ~EngineBytes() {
    if (owned) std::free(data);
    else sinter_free(data);
  }
  bool owned = false;  // allocated here
};

std::shared_ptr<EngineBytes> copy_bytes(const py::buffer& given) {
  Py_buffer view;
  if (PyObject_GetBuffer(given.ptr(), &view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  auto made = std::make_shared<EngineBytes>();
  constexpr size_t kAlignment = 64;
  const auto bytes = static_cast<size_t>(view.len);
  made->data = std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
  made->owned = true;
  if (made->data && bytes > 0) std::memcpy(made->data, view.buf, bytes);
  made->bytes = made->data ? bytes : 0;
  PyBuffer_Release(&view);
  if (!made->data) throw std::bad_alloc();
  return made;
}

py::str report_text() {
  char* text = nullptr;
  check(sinter_build_report_text(&text));
  return take_text(text);
}

py::str json_of(const py::dict& options, const std::string& path, sinter_status (*fn)(const char*, const sinter_build_options*, char**)) {
  Build build(options);
  char* text = nullptr;
  build.run([&] { return fn(path.c_str(), build.options(), &text); });
  return take_text(text);
}

py::str json_of(const std::string& path, sinter_status (*fn)(const char*, char**)) {
  char* text = nullptr;
  check_unlocked([&] { return fn(path.c_str(), &text); });
  return take_text(text);
}

}  // namespace

void define_build(py::module_& module) {
  py::class_<EngineBytes, std::shared_ptr<EngineBytes>>(module, "EngineBytes", py::buffer_protocol(), "A built engine: read-only bytes (buffer protocol).")
      .def_buffer([](EngineBytes& engine) {
        return py::buffer_info(static_cast<uint8_t*>(engine.data), static_cast<py::ssize_t>(engine.bytes), /*readonly=*/true);
      })
      .def(py::init(&copy_bytes), py::arg("data"))
      .def("_swap", [](EngineBytes& engine, EngineBytes& other) {
        std::swap(engine.data, other.data);
        std::swap(engine.bytes, other.bytes);
        std::swap(engine.owned, other.owned);
      })
      .def("__len__", [](const EngineBytes& engine) { return engine.bytes; })
      .def_property_readonly("nbytes", [](const EngineBytes& engine) { return engine.bytes; })
      .def("__bytes__", [](const EngineBytes& engine) { return py::bytes(static_cast<const char*>(engine.data), engine.bytes); });
  module.def("_build", [](const std::string& model, const std::string& path, const py::dict& options) {
    Build build(options);
    build.run([&] { return sinter_build(model.c_str(), build.options(), path.c_str()); });
  });
  module.def("_build_to_memory", [](const std::string& model, const py::dict& options) {
    Build build(options);
    auto made = std::make_shared<EngineBytes>();
    build.run([&] { return sinter_build_to_memory(model.c_str(), build.options(), &made->data, &made->bytes); });
    return made;
  });
  module.def("_load_or_build", [](const std::string& path, const py::dict& options) {
    Build build(options);
    sinter_engine* made = nullptr;
    build.run([&] { return sinter_load_or_build(path.c_str(), build.options(), &made); });
    return std::make_shared<Engine>(made);
  });
  module.def("_calibrate_json", [](const std::string& model, const py::dict& options) { return json_of(options, model, sinter_calibrate_json); });
  module.def("_inspect_json", [](const std::string& path) { return json_of(path, sinter_inspect_json); });
  module.def("_check_json", [](const std::string& path) { return json_of(path, sinter_check_json); });
  module.def("_operators_json", [] {
    char* text = nullptr;
    check_unlocked([&] { return sinter_operators_json(&text); });
    return take_text(text);
  });
  module.def("build_report", &report_text, "The layer table of the last build on this thread, as text.");
}

}  // namespace sinter::python
