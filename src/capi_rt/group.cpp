// Part 1 of sinter.h: several GPUs.
#include "capi_rt/handles.h"

using namespace sinter;

namespace {

Result<runtime::GroupOptions> group_options_of(const sinter_group_options* options) {
  SINTER_ASSIGN(const sinter_group_options known, capi::read_options(options, &sinter_group_options_init));
  return runtime::GroupOptions{known.contexts, known.threads, known.split != 0};
}

Status check_kind(const runtime::Engine& engine, const Device& device) {
  const bool on_gpu = device.spec().kind == DeviceKind::kCuda;
  if ((engine.device() != nullptr) == on_gpu) return ok_status();
  return make_error(Code::kInvalidArgument, "engine '{}' is for {}, but the devices named are {}; {}",
                    engine.file().name(), on_gpu ? "the CPU" : "a GPU", on_gpu ? "GPUs" : "the CPU",
                    on_gpu ? "build it with --device cuda" : "name GPUs, such as cuda:all");
}

}  // namespace

extern "C" {

void sinter_group_options_init(sinter_group_options* options) {
  if (options) *options = {sizeof *options, 2, 0, 1};
}

sinter_status sinter_devices_json(const char* devices, char** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(devices && out, "the devices or the place for the text"));
    SINTER_ASSIGN(const std::vector<Device*> found, find_devices(devices));
    std::string text;
    for (const Device* device : found) {
      text += fmt::format("{}{{\"device\": {}, \"name\": {}, \"compute_capability\": {}, \"multiprocessors\": {}}}",
                          text.empty() ? "" : ", ",
                          engine::json_quote(to_string(DeviceId{device->spec().kind, device->ordinal()})),
                          engine::json_quote(device->name()), device->spec().sm, device->spec().processors);
    }
    *out = capi::copy_text("[" + text + "]");
    return ok_status();
  });
}

sinter_status sinter_group_create(const sinter_engine* const* engines, size_t count,
                                  const sinter_group_options* options, sinter_group** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engines && out, "the engines or the group to make"));
    SINTER_ASSIGN(const runtime::GroupOptions how, group_options_of(options));
    std::vector<std::shared_ptr<const runtime::Engine>> given;
    for (size_t i = 0; i < count; ++i) {
      SINTER_TRY(capi::require(engines[i], "an engine of the group"));
      given.push_back(engines[i]->engine);
    }
    SINTER_ASSIGN(auto group, runtime::DeviceGroup::make(std::move(given), how));
    *out = new sinter_group{std::move(group)};
    return ok_status();
  });
}

sinter_status sinter_group_load(const char* path, const char* devices, const sinter_load_options* load,
                                const sinter_group_options* options, sinter_group** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(path && devices && out, "the path, the devices or the group to make"));
    SINTER_ASSIGN(runtime::LoadOptions how, capi::load_options_of(load));
    SINTER_ASSIGN(const runtime::GroupOptions group_options, group_options_of(options));
    SINTER_ASSIGN(const std::vector<Device*> found, find_devices(devices));
    std::vector<std::shared_ptr<const runtime::Engine>> engines;
    for (const Device* device : found) {
      how.device = device->ordinal();
      SINTER_ASSIGN(auto engine, runtime::Engine::load(path, how));
      SINTER_TRY(check_kind(*engine, *device));
      engines.push_back(std::move(engine));
    }
    SINTER_ASSIGN(auto group, runtime::DeviceGroup::make(std::move(engines), group_options));
    *out = new sinter_group{std::move(group)};
    return ok_status();
  });
}

void sinter_group_free(sinter_group* group) { delete group; }

sinter_status sinter_group_submit(sinter_group* group, const sinter_tensor* inputs, size_t count, sinter_batch** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(group && out && (inputs || count == 0), "the group, the inputs or the batch to make"));
    const size_t wanted = group->group->engine().inputs().size();
    if (count != wanted)
      return make_error(Code::kInvalidArgument, "batch: {} inputs given, the engine has {}", count, wanted);
    std::vector<Value> values;
    for (size_t i = 0; i < count; ++i) {
      SINTER_ASSIGN(Tensor tensor, capi::to_tensor(inputs[i], false));
      values.emplace_back(std::move(tensor));
    }
    auto batch = std::make_unique<sinter_batch>();
    for (const engine::IoInfo& output : group->group->engine().outputs()) batch->names.push_back(output.name);
    batch->outputs.resize(batch->names.size());
    batch->batch = group->group->submit(std::move(values));
    *out = batch.release();
    return ok_status();
  });
}

sinter_status sinter_group_json(const sinter_group* group, char** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(group && out, "the group or the place for the text"));
    *out = capi::copy_text(group->group->json());
    return ok_status();
  });
}

sinter_status sinter_batch_wait(sinter_batch* batch) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(batch, "the batch"));
    return batch->batch->wait().status();
  });
}

sinter_status sinter_batch_output(sinter_batch* batch, size_t index, sinter_tensor* out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(batch && out, "the batch or the tensor to fill"));
    if (index >= batch->names.size())
      return make_error(Code::kInvalidArgument, "output {} does not exist: the engine has {} outputs", index,
                        batch->names.size());
    const Result<std::vector<Value>> outputs = batch->batch->wait();
    SINTER_TRY(outputs.status());
    const Value& value = (*outputs)[index];
    if (!value.is_tensor())
      return make_error(Code::kUnsupported, "output '{}' is no tensor; run a context for such models",
                        batch->names[index]);
    batch->outputs[index].assign(value.tensor());
    *out = batch->outputs[index].view;
    return ok_status();
  });
}

void sinter_batch_free(sinter_batch* batch) {
  if (batch) (void)batch->batch->wait();
  delete batch;
}

}  // extern "C"
