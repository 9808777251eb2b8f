// Part 1 of sinter.h: DLPack.
#include "capi_rt/handles.h"

using namespace sinter;

namespace {

int ordinal_of(const sinter_context* context) {
  const Device* device = context->context->engine().device();
  return device ? device->ordinal() : -1;
}

// The tensor for place `index` of what the engine declares: a clear error at once instead of one in the run.
Result<capi::Imported> import_for(const sinter_context* context, const std::vector<engine::IoInfo>& places, const char* kind, size_t index,
                                  const DLManagedTensor* tensor) {
  if (index >= places.size()) return make_error(Code::kInvalidArgument, "{} {} does not exist: the engine has {} {}s", kind, index, places.size(), kind);
  const engine::IoInfo& place = places[index];
  auto imported = capi::import_dlpack(tensor, ordinal_of(context));
  if (!imported.ok()) return std::move(imported).status().with(fmt::format("while taking it as {} '{}'", kind, place.name));
  if (!place.type.is_tensor() || place.type.dtype != imported->dtype) {
    return make_error(Code::kInvalidArgument, "{} '{}': found a DLPack tensor {}{}, expected {}; convert it first", kind, place.name, dtype_name(imported->dtype),
                      to_string(imported->dims), place.type.to_string());
  }
  return imported;
}

}  // namespace

extern "C" {

sinter_status sinter_context_set_input_dlpack(sinter_context* context, size_t index, DLManagedTensor* tensor) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(context, "the context"));
    runtime::ExecutionContext& run = *context->context;
    SINTER_ASSIGN(const capi::Imported in, import_for(context, run.engine().inputs(), "input", index, tensor));
    SINTER_TRY(in.on_device ? run.set_input_device_data(index, in.dtype, in.dims, in.data) : run.set_input_data(index, in.dtype, in.dims, in.data));
    context->given_inputs[index] = capi::DlpackOwner(tensor);
    context->has_data[index] = true;
    return ok_status();
  });
}

sinter_status sinter_context_set_output_dlpack(sinter_context* context, size_t index, DLManagedTensor* tensor) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(context, "the context"));
    runtime::ExecutionContext& run = *context->context;
    SINTER_ASSIGN(const capi::Imported out, import_for(context, run.engine().outputs(), "output", index, tensor));
    const std::optional<Dims> dims = run.output_dims(index);
    if (dims && *dims != out.dims) {
      return make_error(Code::kInvalidArgument, "output '{}': found a DLPack tensor of shape {}, expected {}; make it of that shape",
                        run.engine().outputs()[index].name, to_string(out.dims), to_string(*dims));
    }
    SINTER_TRY(out.on_device ? run.set_output_device_data(index, out.data, out.bytes) : run.set_output_data(index, out.data, out.bytes));
    context->given_outputs[index] = capi::DlpackOwner(tensor);
    return ok_status();
  });
}

sinter_status sinter_context_output_dlpack(sinter_context* context, size_t index, DLManagedTensor** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(context && out, "the context or the tensor to make"));
    runtime::ExecutionContext& run = *context->context;
    if (index >= run.engine().outputs().size()) {
      return make_error(Code::kInvalidArgument, "output {} does not exist: the engine has {} outputs", index, run.engine().outputs().size());
    }
    const Value& value = run.output(index);
    const std::string& name = run.engine().outputs()[index].name;
    if (!value.is_tensor()) {
      return make_error(Code::kInvalidArgument, "output '{}' is no tensor, or the context was not run; DLPack is for tensors", name);
    }
    const Tensor& tensor = value.tensor();
    if (auto memory = run.share_output(index)) {
      SINTER_ASSIGN(*out, capi::export_dlpack(tensor.dtype(), tensor.dims(), tensor.raw(), std::move(memory), ordinal_of(context)));
      return ok_status();
    }
    if (run.output_is_on_device(index)) {
      return make_error(Code::kInvalidArgument, "output '{}' is in device memory of the caller, who has it already; "
                        "ask with sinter_context_keep_output_on_device for memory of the context's", name);
    }
    const auto copy = std::make_shared<const Tensor>(tensor.clone());
    SINTER_ASSIGN(*out, capi::export_dlpack(copy->dtype(), copy->dims(), copy->raw(), copy, -1));
    return ok_status();
  });
}

}  // extern "C"
