// Part 1 of sinter.h: contexts and streams.
#include <algorithm>
#include <utility>

#include "capi_rt/handles.h"

using namespace sinter;

namespace {

Status check_input(const sinter_context* context, size_t index) {
  SINTER_TRY(capi::require(context, "the context"));
  const size_t count = context->context->engine().inputs().size();
  if (index < count) return ok_status();
  return make_error(Code::kInvalidArgument, "input {} does not exist: the engine has {} inputs", index, count);
}

Status check_output(const sinter_context* context, size_t index) {
  SINTER_TRY(capi::require(context, "the context"));
  const size_t count = context->context->engine().outputs().size();
  if (index < count) return ok_status();
  return make_error(Code::kInvalidArgument, "output {} does not exist: the engine has {} outputs", index, count);
}

Status check_ready(const sinter_context* context) {
  SINTER_TRY(capi::require(context, "the context"));
  for (size_t i = 0; i < context->has_data.size(); ++i) {
    if (context->has_data[i]) continue;
    return make_error(Code::kInvalidArgument, "input '{}' has no data; set it before a run", context->context->engine().inputs()[i].name);
  }
  return ok_status();
}

Status made_output(const sinter_context* context, size_t index, const Value** out) {
  SINTER_TRY(check_output(context, index));
  *out = &context->context->output(index);
  return ok_status();
}

}  // namespace

extern "C" {

void sinter_context_options_init(sinter_context_options* options) {
  if (options) *options = {sizeof *options, 0, 8, 0, nullptr, 0};
}

sinter_status sinter_context_create(const sinter_engine* engine, const sinter_context_options* options, sinter_context** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine && out, "the engine or the context to make"));
    SINTER_ASSIGN(const sinter_context_options known, capi::read_options(options, &sinter_context_options_init));
    if (known.max_shapes < 1) return make_error(Code::kInvalidArgument, "context options: max_shapes is {}, expected 1 or more", known.max_shapes);
    runtime::ContextOptions wanted;
    wanted.threads = known.threads;
    wanted.max_shapes = static_cast<size_t>(known.max_shapes);
    wanted.profile = known.profile != 0;
    if (known.optimization_profile < 0) {
      return make_error(Code::kInvalidArgument, "context options: optimization_profile is {}, expected 0 or more", known.optimization_profile);
    }
    wanted.optimization_profile = static_cast<size_t>(known.optimization_profile);
    if (known.arena) wanted.arena = known.arena->arena;
    auto made = std::make_unique<sinter_context>();
    SINTER_ASSIGN(made->context, runtime::ExecutionContext::create(engine->engine, wanted));
    made->outputs.resize(engine->outputs.size());
    made->given_inputs.resize(engine->inputs.size());
    made->given_outputs.resize(engine->outputs.size());
    for (const engine::IoInfo& input : engine->engine->inputs()) made->has_data.push_back(input.type.is_optional());
    *out = made.release();
    return ok_status();
  });
}

void sinter_context_free(sinter_context* context) { delete context; }

sinter_status sinter_context_set_optimization_profile(sinter_context* context, size_t profile) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(context, "the context"));
    return context->context->set_optimization_profile(profile);
  });
}

size_t sinter_context_optimization_profile(const sinter_context* context) { return context ? context->context->engine().profile() : 0; }

sinter_status sinter_context_set_input(sinter_context* context, size_t index, sinter_dtype dtype, const int64_t* dims, int32_t rank,
                                       const void* data) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_input(context, index));
    SINTER_ASSIGN(const DType known, capi::to_dtype(dtype));
    if (rank < 0 || rank > 64 || (rank > 0 && !dims)) return make_error(Code::kInvalidArgument, "input {}: rank {}; pass dims and a rank of 0 to 64", index, rank);
    const std::span<const int64_t> shape(dims, static_cast<size_t>(rank));
    const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
    context->has_data[index] = data || empty;
    const capi::DlpackOwner before = std::exchange(context->given_inputs[index], {});
    if (known == DType::kString && data) {
      SINTER_ASSIGN(Tensor strings, capi::to_tensor({dtype, rank, dims, data, 0, 0}, true));
      return context->context->set_input(index, std::move(strings));
    }
    return context->context->set_input_data(index, known, shape, data);
  });
}

sinter_status sinter_context_set_input_sequence(sinter_context* context, size_t index, const sinter_tensor* elements, int64_t count) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_input(context, index));
    context->has_data[index] = true;
    const capi::DlpackOwner before = std::exchange(context->given_inputs[index], {});
    if (count < 0) return context->context->set_input(index, Value());
    if (count > 0) SINTER_TRY(capi::require(elements, "the sequence's elements"));
    Sequence sequence;
    for (int64_t i = 0; i < count; ++i) {
      SINTER_ASSIGN(Tensor element, capi::to_tensor(elements[i], true));
      sequence.emplace_back(std::move(element));
    }
    return context->context->set_input(index, Value(std::move(sequence)));
  });
}

sinter_status sinter_context_set_output(sinter_context* context, size_t index, void* data, size_t bytes) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_output(context, index));
    const capi::DlpackOwner before = std::exchange(context->given_outputs[index], {});
    return context->context->set_output_data(index, data, static_cast<int64_t>(std::min<size_t>(bytes, INT64_MAX)));
  });
}

sinter_status sinter_context_set_input_device(sinter_context* context, size_t index, sinter_dtype dtype, const int64_t* dims, int32_t rank,
                                              const void* device_data) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_input(context, index));
    SINTER_ASSIGN(const DType known, capi::to_dtype(dtype));
    if (rank < 0 || rank > 64 || (rank > 0 && !dims)) return make_error(Code::kInvalidArgument, "input {}: rank {}; pass dims and a rank of 0 to 64", index, rank);
    SINTER_TRY(capi::require(device_data, "the input's device address"));
    SINTER_TRY(context->context->set_input_device_data(index, known, {dims, static_cast<size_t>(rank)}, device_data));
    context->given_inputs[index] = {};
    context->has_data[index] = true;
    return ok_status();
  });
}

sinter_status sinter_context_set_output_device(sinter_context* context, size_t index, void* device_data, size_t bytes) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_output(context, index));
    const capi::DlpackOwner before = std::exchange(context->given_outputs[index], {});
    return context->context->set_output_device_data(index, device_data, static_cast<int64_t>(std::min<size_t>(bytes, INT64_MAX)));
  });
}

sinter_status sinter_context_set_output_allocator(sinter_context* context, size_t index, sinter_allocate_fn allocate, void* user, int32_t on_device) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_output(context, index));
    const capi::DlpackOwner before = std::exchange(context->given_outputs[index], {});
    runtime::OutputAllocator allocator;
    if (allocate) {
      allocator = [=](const Dims& dims, int64_t bytes) {
        const size_t alignment = on_device ? 256 : kTensorAlignment;
        return allocate(user, index, dims.data(), static_cast<int32_t>(dims.size()), static_cast<size_t>(bytes), alignment);
      };
    }
    return context->context->set_output_allocator(index, std::move(allocator), on_device != 0);
  });
}

sinter_status sinter_context_keep_output_on_device(sinter_context* context, size_t index, int32_t keep) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_output(context, index));
    const capi::DlpackOwner before = std::exchange(context->given_outputs[index], {});
    return context->context->keep_output_on_device(index, keep != 0);
  });
}

sinter_status sinter_context_enqueue_cuda(sinter_context* context, void* cuda_stream) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_ready(context));
    return context->context->enqueue(cuda_stream);
  });
}

sinter_status sinter_context_set_cancelled(sinter_context* context, int32_t cancel) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(context, "the context"));
    context->context->set_cancelled(cancel != 0);
    return ok_status();
  });
}

sinter_status sinter_context_prepare(sinter_context* context) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(context, "the context"));
    return context->context->prepare();
  });
}

sinter_status sinter_context_output_shape(const sinter_context* context, size_t index, int64_t* dims, int32_t capacity, int32_t* rank) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_output(context, index));
    SINTER_TRY(capi::require(rank && (dims || capacity <= 0), "a place for the shape"));
    const std::optional<Dims> shape = context->context->output_dims(index);
    if (!shape) {
      return make_error(Code::kUnsupported, "the shape of output '{}' ({}) is not known yet; prepare or run the context first",
                        context->context->engine().outputs()[index].name, context->context->engine().outputs()[index].type.to_string());
    }
    *rank = static_cast<int32_t>(shape->size());
    const size_t count = std::min(shape->size(), static_cast<size_t>(std::max(capacity, 0)));
    std::copy_n(shape->begin(), count, dims);
    return ok_status();
  });
}

sinter_status sinter_context_execute(sinter_context* context) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_ready(context));
    return context->context->execute();
  });
}

sinter_status sinter_context_output(sinter_context* context, size_t index, sinter_tensor* out) {
  return sinter_context_output_element(context, index, 0, out);
}

sinter_status sinter_context_output_length(const sinter_context* context, size_t index, size_t* out) {
  return capi::guarded([&]() -> Status {
    const Value* value = nullptr;
    SINTER_TRY(made_output(context, index, &value));
    SINTER_TRY(capi::require(out, "the length to fill"));
    *out = value->is_sequence() ? value->sequence().size() : value->is_tensor() ? 1 : 0;
    return ok_status();
  });
}

sinter_status sinter_context_output_element(sinter_context* context, size_t index, size_t element, sinter_tensor* out) {
  return capi::guarded([&]() -> Status {
    const Value* value = nullptr;
    SINTER_TRY(made_output(context, index, &value));
    SINTER_TRY(capi::require(out, "the tensor to fill"));
    const std::string& name = context->context->engine().outputs()[index].name;
    if (value->is_sequence()) {
      const Sequence& sequence = value->sequence();
      if (element >= sequence.size() || !sequence[element].is_tensor()) {
        return make_error(Code::kInvalidArgument, "output '{}' has no tensor {}: its sequence has {}", name, element, sequence.size());
      }
      context->elements.resize(std::max(context->elements.size(), element + 1));
      context->elements[element].assign(sequence[element].tensor());
      *out = context->elements[element].view;
      return ok_status();
    }
    if (!value->is_tensor() || element > 0) {
      return make_error(Code::kInvalidArgument, "output '{}' has no value {}: it is absent or the context was not run", name, element);
    }
    context->outputs[index].assign(value->tensor());
    *out = context->outputs[index].view;
    return ok_status();
  });
}

sinter_status sinter_context_set_profile(sinter_context* context, int32_t enabled) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(context, "the context"));
    context->context->set_profile(enabled != 0);
    return ok_status();
  });
}

sinter_status sinter_context_profile_json(const sinter_context* context, char** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(context && out, "the context or the text to make"));
    *out = capi::copy_text(context->context->profile_json());
    return ok_status();
  });
}

int32_t sinter_context_threads(const sinter_context* context) { return context ? context->context->threads() : 0; }

size_t sinter_context_arena_bytes(const sinter_context* context) {
  return context ? static_cast<size_t>(context->context->arena_bytes()) : 0;
}

size_t sinter_context_device_bytes(const sinter_context* context) {
  return context ? static_cast<size_t>(context->context->device_bytes()) : 0;
}

sinter_status sinter_stream_create(sinter_stream** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(out, "the stream to make"));
    *out = new sinter_stream();
    return ok_status();
  });
}

void sinter_stream_free(sinter_stream* stream) { delete stream; }

sinter_status sinter_context_enqueue(sinter_context* context, sinter_stream* stream) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_ready(context));
    SINTER_TRY(capi::require(stream, "the stream"));
    stream->stream.enqueue(context->context.get());
    return ok_status();
  });
}

sinter_status sinter_context_enqueue_notify(sinter_context* context, sinter_stream* stream, sinter_done_fn done, void* user) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(check_ready(context));
    SINTER_TRY(capi::require(stream, "the stream"));
    SINTER_TRY(capi::require(done, "the function to call"));
    stream->stream.enqueue(context->context.get(), [done, user](const Status& status) { done(user, capi::report(status), status.message().c_str()); });
    return ok_status();
  });
}

sinter_status sinter_stream_wait(sinter_stream* stream) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(stream, "the stream"));
    return stream->stream.wait();
  });
}

}  // extern "C"
