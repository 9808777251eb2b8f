// Part 1 of sinter.h: memory of an engine's GPU.
#include <algorithm>

#include "capi_rt/handles.h"

using namespace sinter;

namespace {

Result<Device*> device_of(const sinter_engine* engine) {
  SINTER_TRY(capi::require(engine, "the engine"));
  if (engine->engine->device()) return engine->engine->device();
  return make_error(Code::kUnsupported, "the engine runs on the CPU, which has no device memory; use host memory");
}

// One copy on a stream of its own, waited for.
Status copy(const sinter_engine* engine, void* to, const void* from, size_t bytes, CopyKind kind) {
  SINTER_ASSIGN(Device* device, device_of(engine));
  SINTER_TRY(capi::require(to && from, "the memory to copy"));
  const DeviceScope scope(device);
  SINTER_TRY(scope.status());
  SINTER_ASSIGN(const DeviceStream stream, device->make_stream());
  Status status = device->copy(to, from, static_cast<int64_t>(bytes), kind, stream);
  if (status.ok()) status = device->wait(stream);
  device->release_stream(stream);
  return status;
}

}  // namespace

extern "C" {

sinter_status sinter_device_allocate(const sinter_engine* engine, size_t bytes, void** out) {
  return capi::guarded([&]() -> Status {
    SINTER_ASSIGN(Device* device, device_of(engine));
    SINTER_TRY(capi::require(out, "the address to fill"));
    const DeviceScope scope(device);
    SINTER_TRY(scope.status());
    SINTER_ASSIGN(*out, device->allocate(static_cast<int64_t>(std::min<size_t>(bytes, INT64_MAX))));
    return ok_status();
  });
}

void sinter_device_free(const sinter_engine* engine, void* device_data) {
  if (!engine || !engine->engine->device()) return;
  const DeviceScope scope(engine->engine->device());
  if (scope.status().ok()) engine->engine->device()->release(device_data);
}

sinter_status sinter_device_write(const sinter_engine* engine, void* device_data, const void* host_data, size_t bytes) {
  return capi::guarded([&] { return copy(engine, device_data, host_data, bytes, CopyKind::kHostToDevice); });
}

sinter_status sinter_device_read(const sinter_engine* engine, void* host_data, const void* device_data, size_t bytes) {
  return capi::guarded([&] { return copy(engine, host_data, device_data, bytes, CopyKind::kDeviceToHost); });
}

sinter_status sinter_host_allocate(const sinter_engine* engine, size_t bytes, void** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine && out, "the engine or the address to fill"));
    SINTER_ASSIGN(Device* device, engine->engine->device() ? Result<Device*>(engine->engine->device()) : find_device({}));
    const DeviceScope scope(device);
    SINTER_TRY(scope.status());
    SINTER_ASSIGN(*out, device->allocate_host(static_cast<int64_t>(std::min<size_t>(bytes, INT64_MAX))));
    return ok_status();
  });
}

void sinter_host_free(const sinter_engine* engine, void* memory) {
  if (!engine) return;
  const Result<Device*> device = engine->engine->device() ? Result<Device*>(engine->engine->device()) : find_device({});
  if (!device.ok()) return;
  const DeviceScope scope(*device);
  if (scope.status().ok()) (*device)->release_host(memory);
}

sinter_status sinter_arena_create(const sinter_engine* engine, void* device_data, size_t bytes, sinter_arena** out) {
  return capi::guarded([&]() -> Status {
    SINTER_ASSIGN(Device* device, device_of(engine));
    SINTER_TRY(capi::require(out, "the arena to make"));
    auto made = std::make_unique<sinter_arena>();
    const auto size = static_cast<int64_t>(std::min<size_t>(bytes, INT64_MAX));
    SINTER_ASSIGN(made->arena, device_data ? runtime::SharedArena::in(device, device_data, size) : runtime::SharedArena::make(device));
    *out = made.release();
    return ok_status();
  });
}

void sinter_arena_free(sinter_arena* arena) { delete arena; }

sinter_status sinter_engine_arena_bytes(const sinter_engine* engine, const sinter_tensor* inputs, size_t count, size_t* out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine && out, "the engine or the size to fill"));
    std::vector<Dims> dims;
    for (size_t i = 0; inputs && i < count; ++i) {
      SINTER_ASSIGN(Dims shape, capi::to_dims(inputs[i].dims, inputs[i].rank));
      dims.push_back(std::move(shape));
    }
    // Of several optimization profiles the one that takes these shapes; without shapes the one that needs most.
    int64_t most = 0;
    for (size_t p = 0; p < engine->engine->profile_count(); ++p) {
      const auto at = runtime::Engine::at_profile(engine->engine, p);
      const bool last = p + 1 == engine->engine->profile_count();
      if (!dims.empty() && !last && !at->takes(dims)) continue;
      SINTER_ASSIGN(const int64_t bytes, runtime::device_arena_bytes(*at, dims));
      most = std::max(most, bytes);
      if (!dims.empty()) break;
    }
    *out = static_cast<size_t>(most);
    return ok_status();
  });
}

}  // extern "C"
