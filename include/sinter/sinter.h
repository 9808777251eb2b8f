/* Sinter's C interface. Two libraries export it: libsinter_rt has part 1 (load engines and run them), libsinter has both parts.
 *
 * Errors. Functions that can fail return a sinter_status; SINTER_OK is 0. The text of the last failure on the calling thread is
 * sinter_last_error(); it says where, what was found, what was expected and what to do. No function throws, prints or ends
 * the process. An output parameter is written only on success.
 * Ownership. sinter_X_create/load/read make a handle, sinter_X_free ends it (NULL is fine). Text and bytes that a function
 * allocates (char**, void**) are released with sinter_free. Pointers inside info structs belong to the handle they came from.
 * Threads. Different handles may be used by different threads at the same time. An engine may be used by many threads. A
 * context, stream or array is used by one thread at a time. Contexts keep their engine alive; free the handles in any order.
 * Shapes are in elements, outermost dim first; tensors are dense and row-major; sizes are in bytes. Elements of less than a
 * byte are packed, the first in the low bits.
 * Versions. Option structs begin with struct_size: initialise them with their _init function. Later versions append fields. */
#ifndef SINTER_SINTER_H_
#define SINTER_SINTER_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SINTER_API __attribute__((visibility("default")))
/* In C++ the enums have a fixed type, so that any number a caller passes is a value that can be refused. */
#ifdef __cplusplus
#define SINTER_ENUM_TYPE : unsigned int
#else
#define SINTER_ENUM_TYPE
#endif

typedef enum sinter_status SINTER_ENUM_TYPE {
  SINTER_OK = 0,
  SINTER_INVALID_ARGUMENT = 1, /* the caller's value is wrong */
  SINTER_INVALID_MODEL = 2,    /* the file is no valid ONNX model */
  SINTER_INVALID_ENGINE = 3,   /* the file is no valid engine: damaged, truncated, another format version */
  SINTER_UNSUPPORTED = 4,      /* valid, but Sinter can't do it */
  SINTER_NOT_FOUND = 5,        /* a file or a name does not exist */
  SINTER_IO = 6,               /* the operating system refused: disk full, permissions */
  SINTER_OUT_OF_MEMORY = 7,    /* memory or a stated budget is spent */
  SINTER_TARGET_MISMATCH = 8,  /* the engine was built for another machine */
  SINTER_CANCELLED = 9,        /* the caller asked to stop */
  SINTER_INTERNAL = 10         /* a bug in Sinter */
} sinter_status;

/* Element types: ONNX's numbers. */
typedef enum sinter_dtype SINTER_ENUM_TYPE {
  SINTER_UNDEFINED = 0, SINTER_F32 = 1, SINTER_U8 = 2, SINTER_I8 = 3, SINTER_U16 = 4, SINTER_I16 = 5, SINTER_I32 = 6,
  SINTER_I64 = 7, SINTER_STRING = 8, SINTER_BOOL = 9, SINTER_F16 = 10, SINTER_F64 = 11, SINTER_U32 = 12, SINTER_U64 = 13,
  SINTER_C64 = 14, SINTER_C128 = 15, SINTER_BF16 = 16, SINTER_F8E4M3FN = 17, SINTER_F8E4M3FNUZ = 18, SINTER_F8E5M2 = 19,
  SINTER_F8E5M2FNUZ = 20, SINTER_U4 = 21, SINTER_I4 = 22, SINTER_F4E2M1 = 23, SINTER_F8E8M0 = 24, SINTER_U2 = 25,
  SINTER_I2 = 26, SINTER_F6E2M3 = 27, SINTER_F6E3M2 = 28
} sinter_dtype;

typedef enum sinter_kind SINTER_ENUM_TYPE { SINTER_TENSOR = 0, SINTER_SEQUENCE = 1, SINTER_OPTIONAL = 2, SINTER_UNKNOWN = 3 } sinter_kind;

/* ---- Part 1: run time (libsinter_rt, libsinter) ---- */

SINTER_API const char* sinter_version(void); /* "0.1.0" */
/* Text of the last failure on this thread, "" if there was none. Valid until the next call into Sinter on this thread. */
SINTER_API const char* sinter_last_error(void);
SINTER_API const char* sinter_status_name(sinter_status status); /* "invalid argument" */
SINTER_API const char* sinter_dtype_name(sinter_dtype dtype);    /* "f32" */
SINTER_API sinter_dtype sinter_dtype_parse(const char* name);    /* SINTER_UNDEFINED: none of that name */
/* Bytes of `count` elements packed; 0 for strings. */
SINTER_API size_t sinter_dtype_bytes(sinter_dtype dtype, int64_t count);
SINTER_API void sinter_free(void* memory);

/* Messages of the library: warnings and, when asked for, progress. Without a sink they are dropped. Called from any thread, one
 * call at a time. NULL removes the sink. */
typedef enum sinter_severity SINTER_ENUM_TYPE { SINTER_LOG_WARNING = 0, SINTER_LOG_INFO = 1, SINTER_LOG_TRACE = 2 } sinter_severity;
typedef void (*sinter_log_fn)(void* user, sinter_severity severity, const char* message);
SINTER_API void sinter_set_log_sink(sinter_log_fn sink, void* user);

/* A tensor somebody else owns. For strings `data` is an array of `count` const char* and `bytes` is 0. */
typedef struct sinter_tensor {
  sinter_dtype dtype;
  int32_t rank;
  const int64_t* dims;
  const void* data;
  size_t bytes;
  int64_t count; /* elements */
} sinter_tensor;

/* Engines: immutable, shared by any number of contexts. */
typedef struct sinter_engine sinter_engine;

typedef enum sinter_verify SINTER_ENUM_TYPE {
  SINTER_VERIFY_TARGET = 0,   /* checksums of all a run can touch: the default */
  SINTER_VERIFY_METADATA = 1, /* all but the weights: fastest */
  SINTER_VERIFY_FULL = 2      /* the portable part's weights too */
} sinter_verify;

typedef struct sinter_load_options {
  size_t struct_size;
  sinter_verify verify;
  int32_t device; /* engines for CUDA: the number of the GPU; default 0. The calling thread's current CUDA context is used where it is this
                     device's, else its primary context. */
  /* Engines for CUDA hold device code, which is loaded only where this user's kernel cache made it or somebody trusted signed it (`sinter
   * sign`): PEM files of public keys, comma-separated; "any": whoever made it; NULL: this user only. */
  const char* trust;
  const char* plugins; /* libraries of operators to load before, comma-separated: see sinter_plugin_load; NULL: none */
} sinter_load_options;
SINTER_API void sinter_load_options_init(sinter_load_options* options);

/* Adds the operators of a shared library that was written with sinter/plugin.h, for this process: models may hold them, and engines that were built with them load.
 * Fine for one that is loaded. An error leaves nothing of it behind. Each of the two libraries of Sinter has its own operators. */
SINTER_API sinter_status sinter_plugin_load(const char* path);

/* Maps the file; it must not be changed while the engine lives (replace it by renaming another over it). options may be NULL.
 * SINTER_TARGET_MISMATCH: this machine lacks what the engine needs, or the engine's device code is of nobody trusted; it is not re-tuned here. */
SINTER_API sinter_status sinter_engine_load(const char* path, const sinter_load_options* options, sinter_engine** out);
/* From bytes of the caller, which must live as long as the engine and its contexts. Aligned to 64 they are used in place, otherwise
 * copied. */
SINTER_API sinter_status sinter_engine_load_memory(const void* data, size_t bytes, const sinter_load_options* options,
                                                   sinter_engine** out);
SINTER_API void sinter_engine_free(sinter_engine* engine);

typedef struct sinter_io_info {
  const char* name;
  sinter_kind kind;
  sinter_dtype dtype;           /* of a tensor, else SINTER_UNDEFINED */
  int32_t rank;                 /* of a tensor, -1: unknown */
  const int64_t* dims;          /* rank of them; -1: dynamic */
  const char* const* dim_names; /* rank of them: "batch", "2*h", "3" */
  const char* type;             /* "f32[batch,3,224,224]" */
} sinter_io_info;

SINTER_API size_t sinter_engine_input_count(const sinter_engine* engine);
SINTER_API size_t sinter_engine_output_count(const sinter_engine* engine);
SINTER_API sinter_status sinter_engine_input_info(const sinter_engine* engine, size_t index, sinter_io_info* out);
SINTER_API sinter_status sinter_engine_output_info(const sinter_engine* engine, size_t index, sinter_io_info* out);
/* Index of a name; SINTER_NOT_FOUND lists the names there are. */
SINTER_API sinter_status sinter_engine_input_index(const sinter_engine* engine, const char* name, size_t* out);
SINTER_API sinter_status sinter_engine_output_index(const sinter_engine* engine, const char* name, size_t* out);
/* Range of a symbol of the shapes ("batch"), and the size it was tuned at. SINTER_NOT_FOUND: any size goes. */
SINTER_API sinter_status sinter_engine_symbol_range(const sinter_engine* engine, const char* symbol, int64_t* min, int64_t* opt,
                                                    int64_t* max);
/* Optimization profiles: an engine that was built for several ranges of shapes has a plan for each; a context runs one of them at a time, at first 0.
 * sinter_engine_symbol_range is of profile 0. */
SINTER_API size_t sinter_engine_optimization_profile_count(const sinter_engine* engine); /* at least 1 */
SINTER_API sinter_status sinter_engine_optimization_profile_range(const sinter_engine* engine, size_t profile, const char* symbol, int64_t* min, int64_t* opt,
                                                                  int64_t* max);
/* The first profile that takes inputs of these shapes (dims and rank of each are read). SINTER_NOT_FOUND: none; the text lists their ranges. */
SINTER_API sinter_status sinter_engine_find_optimization_profile(const sinter_engine* engine, const sinter_tensor* inputs, size_t count, size_t* out);
/* "cpu", "cuda:0": where it runs. Belongs to the engine. */
SINTER_API const char* sinter_engine_device(const sinter_engine* engine);
/* Manifest, how well it matches this machine, sizes, and the layer report, as JSON. */
SINTER_API sinter_status sinter_engine_info_json(const sinter_engine* engine, char** out);

/* Contexts: one caller's memory, threads and state. */
typedef struct sinter_context sinter_context;

typedef struct sinter_context_options {
  size_t struct_size;
  int32_t threads;    /* 0: all cores this process may use */
  int32_t max_shapes; /* sets of input shapes kept ready at once; at least 1 */
  int32_t profile;    /* 1: take every layer's time */
  struct sinter_arena* arena; /* engines for CUDA: memory for activations and scratch that contexts share; NULL: each has its own */
  int32_t optimization_profile; /* of the engine; default 0 */
} sinter_context_options;
SINTER_API void sinter_context_options_init(sinter_context_options* options);

/* GPU memory that contexts share for activations and scratch, instead of an arena each; their runs then take turns on the GPU. The engine says
 * which GPU; any engine of it may use the arena. With device_data it lies in memory of the caller (aligned to 256, kept till the contexts are freed)
 * and runs that need more fail; NULL: it grows. Contexts keep it alive. */
typedef struct sinter_arena sinter_arena;
SINTER_API sinter_status sinter_arena_create(const sinter_engine* engine, void* device_data, size_t bytes, sinter_arena** out);
SINTER_API void sinter_arena_free(sinter_arena* arena);
/* What a context will need of it for inputs of these shapes (dims and rank of each are read; NULL: the model's own, dynamic dims at their largest). */
SINTER_API sinter_status sinter_engine_arena_bytes(const sinter_engine* engine, const sinter_tensor* inputs, size_t count, size_t* out);

SINTER_API sinter_status sinter_context_create(const sinter_engine* engine, const sinter_context_options* options,
                                               sinter_context** out);
SINTER_API void sinter_context_free(sinter_context* context);
/* Changes to another optimization profile, when no run is under way. What is set stays set; what was made ready for shapes is made again, so a program that
 * changes often has a context a profile. */
SINTER_API sinter_status sinter_context_set_optimization_profile(sinter_context* context, size_t profile);
SINTER_API size_t sinter_context_optimization_profile(const sinter_context* context);

/* The memory that the next runs read, dense and row-major. It is used in place when it is aligned to 16 bytes, and is the caller's
 * until the run is over. data may be NULL to set the shape alone, for sinter_context_prepare. For strings `data` is an array
 * of const char*, which is copied. */
SINTER_API sinter_status sinter_context_set_input(sinter_context* context, size_t index, sinter_dtype dtype, const int64_t* dims,
                                                  int32_t rank, const void* data);
/* A sequence of tensors (copied), or with count < 0 an absent optional. */
SINTER_API sinter_status sinter_context_set_input_sequence(sinter_context* context, size_t index, const sinter_tensor* elements,
                                                           int64_t count);
/* Memory that the next runs write an output to, at least as large as the output; aligned to 16 bytes it is written directly. NULL: the
 * context's own. */
SINTER_API sinter_status sinter_context_set_output(sinter_context* context, size_t index, void* data, size_t bytes);
/* Memory for an output from the caller, asked for in every run when the output's shape is known: before the layers run, so that it is written directly, or
 * behind them where the shape depends on data (NonZero, NonMaxSuppression, Loop). `allocate` returns `bytes` bytes, aligned to `alignment` to be written without a copy, or
 * NULL to refuse, which fails the run with SINTER_OUT_OF_MEMORY; with bytes 0 NULL is fine. It is called by the thread that runs, and must not call into the context. NULL for
 * `allocate`: the context's own memory. on_device 1: engines for CUDA, it returns device memory; outputs whose shape depends on data are on the host. A buffer of
 * sinter_context_set_output takes such an output too, when it is large enough. */
typedef void* (*sinter_allocate_fn)(void* user, size_t index, const int64_t* dims, int32_t rank, size_t bytes, size_t alignment);
SINTER_API sinter_status sinter_context_set_output_allocator(sinter_context* context, size_t index, sinter_allocate_fn allocate, void* user, int32_t on_device);
/* Engines for CUDA: inputs and outputs at addresses of device memory, which are used in place (aligned to 16 bytes): of cudaMalloc, sinter_device_allocate
 * or another library's tensors. An output there is not copied to the host; sinter_context_output then gives its device address. */
SINTER_API sinter_status sinter_context_set_input_device(sinter_context* context, size_t index, sinter_dtype dtype, const int64_t* dims,
                                                         int32_t rank, const void* device_data);
SINTER_API sinter_status sinter_context_set_output_device(sinter_context* context, size_t index, void* device_data, size_t bytes);
/* Engines for CUDA: 1: the output stays in GPU memory of the context; sinter_context_output gives its device address. */
SINTER_API sinter_status sinter_context_keep_output_on_device(sinter_context* context, size_t index, int32_t keep);

/* DLPack: tensors of other libraries (PyTorch, CuPy, JAX) without a copy, and their streams with sinter_context_enqueue_cuda. The struct is that of
 * dlpack.h, which need not be included. An import takes the tensor over on success: its deleter is called when the input or output is set to
 * something else or the context is freed. Tensors must be dense and row-major, with the element type of the input or output, in host memory or in that of
 * the engine's GPU; outputs are written to them. What the producer still has to write must come before the run on the same stream. */
struct DLManagedTensor;
SINTER_API sinter_status sinter_context_set_input_dlpack(sinter_context* context, size_t index, struct DLManagedTensor* tensor);
SINTER_API sinter_status sinter_context_set_output_dlpack(sinter_context* context, size_t index, struct DLManagedTensor* tensor);
/* The output of the last run as a tensor of its own, which the caller ends with its deleter: in GPU memory, without a copy, where
 * sinter_context_keep_output_on_device was asked for (later runs leave that memory alone until then); else a copy in host memory. Work that reads it
 * must be over, or come before the next run on the same stream, when the deleter is called. */
SINTER_API sinter_status sinter_context_output_dlpack(sinter_context* context, size_t index, struct DLManagedTensor** out);

/* Makes the context ready for the inputs' shapes (memory, kernels) ahead of the first run. */
SINTER_API sinter_status sinter_context_prepare(sinter_context* context);
/* After prepare or a run: the shape of an output. Writes at most `capacity` dims. SINTER_UNSUPPORTED: it depends on data and no run
 * has been made. */
SINTER_API sinter_status sinter_context_output_shape(const sinter_context* context, size_t index, int64_t* dims, int32_t capacity,
                                                     int32_t* rank);

SINTER_API sinter_status sinter_context_execute(sinter_context* context);
/* While `cancel` is 1, runs of the context end before their next layer with SINTER_CANCELLED, one under way too (a CUDA graph ends as a whole); 0: runs are
 * possible again. Thread-safe, the one call that may be made while the context runs. */
SINTER_API sinter_status sinter_context_set_cancelled(sinter_context* context, int32_t cancel);
/* Engines for CUDA whose layers are all on the GPU, with all inputs and outputs in device memory: puts the run on a CUDA stream of the caller
 * (a CUstream or cudaStream_t; NULL: the context's own) and returns. One run of a context at a time is under way; later ones wait on the GPU. */
SINTER_API sinter_status sinter_context_enqueue_cuda(sinter_context* context, void* cuda_stream);
/* Outputs of the last run; valid until the next run or set call of this context. */
SINTER_API sinter_status sinter_context_output(sinter_context* context, size_t index, sinter_tensor* out);
/* Elements of an output: 1 for a tensor, the length of a sequence, 0 for an absent optional. */
SINTER_API sinter_status sinter_context_output_length(const sinter_context* context, size_t index, size_t* out);
SINTER_API sinter_status sinter_context_output_element(sinter_context* context, size_t index, size_t element, sinter_tensor* out);

/* Starts (1) or stops (0) taking times of layers; both clear them. */
SINTER_API sinter_status sinter_context_set_profile(sinter_context* context, int32_t enabled);
/* A JSON array, one object a layer: region, layer, op, tactic, problem, runs; total_us, mean_us, median_us, min_us (on a GPU: the device's own time,
 * launches queued ahead, when all layers are there) and tuned_us; dense_type, dense_ops, other_ops and bytes: the least work, for the shapes of the last run;
 * live_bytes: of activations and scratch while the layer runs. */
SINTER_API sinter_status sinter_context_profile_json(const sinter_context* context, char** out);
SINTER_API int32_t sinter_context_threads(const sinter_context* context);
SINTER_API size_t sinter_context_arena_bytes(const sinter_context* context);
/* GPU memory of the context: activations, scratch, and copies of inputs and outputs that the caller has on the host. 0 on the CPU. */
SINTER_API size_t sinter_context_device_bytes(const sinter_context* context);

/* Memory of an engine's GPU, for callers without a CUDA library of their own. bytes are copied and waited for. SINTER_UNSUPPORTED: the
 * engine runs on the CPU. */
SINTER_API sinter_status sinter_device_allocate(const sinter_engine* engine, size_t bytes, void** out);
SINTER_API void sinter_device_free(const sinter_engine* engine, void* device_data);
SINTER_API sinter_status sinter_device_write(const sinter_engine* engine, void* device_data, const void* host_data, size_t bytes);
SINTER_API sinter_status sinter_device_read(const sinter_engine* engine, void* host_data, const void* device_data, size_t bytes);

/* Host memory that is copied to and from the engine's GPU at full speed and without another copy (pinned); for the CPU: plain memory. */
SINTER_API sinter_status sinter_host_allocate(const sinter_engine* engine, size_t bytes, void** out);
SINTER_API void sinter_host_free(const sinter_engine* engine, void* memory);

/* The same by the device's name ("cpu", "cuda", "cuda:1"), for callers that have no engine. Memory is aligned to 256 bytes; copies and fills are waited for.
 * SINTER_NOT_FOUND or SINTER_UNSUPPORTED: there is no such device here. sinter_device_json: {"name", "ordinal", "free_bytes",
 * "compute_capability" (90 for 9.0; 0: no GPU), "multiprocessors"}. */
typedef enum sinter_copy SINTER_ENUM_TYPE { SINTER_COPY_TO_DEVICE = 0, SINTER_COPY_TO_HOST = 1, SINTER_COPY_ON_DEVICE = 2 } sinter_copy;
SINTER_API sinter_status sinter_device_json(const char* device, char** out);
SINTER_API sinter_status sinter_memory_allocate(const char* device, size_t bytes, void** out);
SINTER_API void sinter_memory_free(const char* device, void* memory);
SINTER_API sinter_status sinter_memory_allocate_host(const char* device, size_t bytes, void** out);
SINTER_API void sinter_memory_free_host(const char* device, void* memory);
SINTER_API sinter_status sinter_memory_copy(const char* device, void* to, const void* from, size_t bytes, sinter_copy kind);
SINTER_API sinter_status sinter_memory_fill(const char* device, void* memory, uint8_t value, size_t bytes);

/* Streams: work in order, off the caller's thread. execute = enqueue + wait. */
typedef struct sinter_stream sinter_stream;
SINTER_API sinter_status sinter_stream_create(sinter_stream** out);
/* Waits for what is queued. */
SINTER_API void sinter_stream_free(sinter_stream* stream);
/* Queues a run of the context with what is set now. Until sinter_stream_wait the context must be left alone. A run that fails makes
 * later queued runs of that context do nothing; other contexts go on. */
SINTER_API sinter_status sinter_context_enqueue(sinter_context* context, sinter_stream* stream);
/* The same, and `done` is called once by the stream's thread when the run is over: with its status and, unless that is SINTER_OK, the message. It may read the
 * context's outputs, set its inputs and enqueue it again; it must not wait for the stream or free it, nor throw. */
typedef void (*sinter_done_fn)(void* user, sinter_status status, const char* message);
SINTER_API sinter_status sinter_context_enqueue_notify(sinter_context* context, sinter_stream* stream, sinter_done_fn done, void* user);
/* Returns when everything queued is done: the first failure since the last wait, or SINTER_OK. */
SINTER_API sinter_status sinter_stream_wait(sinter_stream* stream);

/* Several GPUs of one machine: an engine on each, some contexts of each engine, and batches that are handed to them.
 * Thread-safe. A batch whose leading dim is dynamic in all inputs and outputs is divided by the GPUs' speeds, which are
 * measured when the group is made and kept up from batch to batch; it may be larger than one engine takes. Its samples
 * must not depend on each other. Any other batch goes whole to the GPU that is free next. When a fault destroys a GPU's
 * CUDA context, the others take over its work, a warning names it, and sinter_group_json says why; a part that was
 * under way on two GPUs that were lost is not tried on a third: its batch fails, and says where. */
typedef struct sinter_group sinter_group;
typedef struct sinter_batch sinter_batch;

typedef struct sinter_group_options {
  size_t struct_size;
  int32_t contexts; /* of each engine; default 2: the copies of one batch overlap the computing of another */
  int32_t threads;  /* of a context's layers on the processor; 0: all cores this process may use */
  int32_t split;    /* 0: batches stay whole, as suits many small ones at once; default 1 */
} sinter_group_options;
SINTER_API void sinter_group_options_init(sinter_group_options* options);

/* The devices of "cuda:all" (all GPUs that Sinter can use), "cuda:0,2", "cuda:1" or "cpu": [{"device": "cuda:0",
 * "name", "compute_capability", "multiprocessors"}]. */
SINTER_API sinter_status sinter_devices_json(const char* devices, char** out);
/* Of engines of one model, each loaded for a GPU of its own (sinter_load_options.device); the group keeps them alive.
 */
SINTER_API sinter_status sinter_group_create(const sinter_engine* const* engines, size_t count,
                                             const sinter_group_options* options, sinter_group** out);
/* The same from a file, loaded on each of the devices ("cuda:all", ...; load->device is not used). */
SINTER_API sinter_status sinter_group_load(const char* path, const char* devices, const sinter_load_options* load,
                                           const sinter_group_options* options, sinter_group** out);
/* Waits for what was submitted. Batches stay. */
SINTER_API void sinter_group_free(sinter_group* group);
/* Hands a batch over and returns: one tensor an input, in the engine's order, whose memory is the caller's until the
 * batch is over. */
SINTER_API sinter_status sinter_group_submit(sinter_group* group, const sinter_tensor* inputs, size_t count,
                                             sinter_batch** out);
/* {"devices": [{"device", "name", "share", "rows", "parts", "busy_s", "lost"}], "splits", "whole_because", "contexts",
 * "retried"}: what each GPU has done, its share of a divided batch, and why it is lost; why batches are not divided;
 * how many parts were run again. */
SINTER_API sinter_status sinter_group_json(const sinter_group* group, char** out);
/* Returns when the batch is over, with its status. */
SINTER_API sinter_status sinter_batch_wait(sinter_batch* batch);
/* Of a batch that went well (waited for): output `index`, the rows of all parts in the order of the inputs; valid until
 * the batch is freed. */
SINTER_API sinter_status sinter_batch_output(sinter_batch* batch, size_t index, sinter_tensor* out);
/* Waits for the batch. */
SINTER_API void sinter_batch_free(sinter_batch* batch);

/* ---- Part 2: building (libsinter only) ---- */

typedef enum sinter_fallback SINTER_ENUM_TYPE {
  SINTER_FALLBACK_REFERENCE = 0, /* layers that no tactic of the device takes run on the reference kernel */
  SINTER_FALLBACK_ERROR = 1,     /* they are an error */
  SINTER_FALLBACK_CPU = 2,       /* they run on the CPU, with its tactics or the reference kernel */
  SINTER_FALLBACK_DEFAULT = 3    /* builds for the CPU: REFERENCE; for a GPU: ERROR */
} sinter_fallback;

/* Called now and then with what is being done; total 0: unknown. Return 0 to go on, anything else to cancel. */
typedef int (*sinter_progress_fn)(void* user, const char* phase, int64_t done, int64_t total);

/* Samples for calibration: sets one tensor an input of the model (dtype, rank, dims and data; the memory is the caller's until the next call) and
 * returns 1; 0: there are no more; anything else: stop with an error. Several samples may be given at once, along the leading dims. */
typedef int (*sinter_samples_fn)(void* user, sinter_tensor* inputs, size_t count);

/* A range of shapes that an engine is built for and what it is tuned for in it: as shapes, min_shapes and max_shapes of the build options. With `shapes` alone it is
 * these shapes and no others. */
typedef struct sinter_optimization_profile {
  const char* min_shapes;
  const char* shapes;
  const char* max_shapes;
} sinter_optimization_profile;

typedef struct sinter_build_options {
  size_t struct_size;
  int32_t threads;               /* 0: all cores this process may use */
  const char* timing_cache;      /* file that is read and updated; NULL: none */
  const char* shapes;            /* "NAME:1x3x224x224,...": dims of dynamic inputs, and what is tuned for; NULL: the model's */
  const char* min_shapes;        /* lower and upper ends of dynamic inputs, same form; NULL: any size */
  const char* max_shapes;
  int32_t tf32;                  /* 1 (default): dense f32 may be computed with TF32's accuracy or better */
  int32_t fp16, bf16, int8;      /* 1: allowed; default 0 */
  int32_t strict_nans;           /* 1: only kernels that propagate NaN */
  uint64_t workspace_bytes;      /* most scratch memory of a layer; 0: no limit */
  uint64_t max_build_memory_bytes; /* of the builder itself; 0: no limit */
  sinter_fallback fallback;
  int32_t target_only;           /* 1: no portable part: smaller, can't be re-tuned elsewhere */
  int32_t trace_passes;          /* 1: one log line a rewrite */
  int64_t stop_after_patch;      /* -1: apply all rewrites; N: only the first N */
  const char* disabled_passes;   /* comma-separated names; NULL: none */
  const char* tactic_filter;     /* comma-separated prefixes of tactic ids; NULL: all */
  const char* report_path;       /* JSON report is written here; NULL: not */
  int32_t verbose;               /* 1: every offer with its time in the log */
  const char* build_command;     /* recorded in the manifest; NULL: made from the options */
  sinter_progress_fn progress;   /* NULL: none */
  void* progress_user;
  const char* device;            /* "cpu", "cuda" or "cuda:N"; NULL: cpu */
  int32_t dynamic_batch;         /* 1: a fixed leading 1 of the model's inputs becomes dynamic; an error names the node that forbids it */
  const char* trust;             /* sinter_load_or_build: as in sinter_load_options */
  int32_t strict;                /* 1: sinter_load_or_build refuses an engine of another machine instead of re-tuning it */
  const char* tactic_sources;    /* "+CUBLAS_LT,+CUDNN": libraries beside Sinter's own kernels on a GPU; NULL: none */
  /* int8 of a model without Q/DQ needs ranges: a calibration cache (TensorRT's form) that has entries, or samples, whose ranges are then written to
   * the cache when one is named. */
  const char* calib_data;        /* folder of .jpg, .png, .npy, .npz or .bin files, one .npy or .npz, or a .txt that lists files; NULL: none */
  const char* preprocess;        /* JSON file that says how pictures are taken: resize_short, crop, color, mean, std, layout, ...; NULL: none */
  const char* calib_cache;       /* NULL: none */
  const char* calib_algorithm;   /* "entropy", "minmax", "percentile", "mse"; NULL: entropy */
  double calib_percentile;       /* of "percentile"; 0: 99.99 */
  int32_t calib_batch;           /* samples at once where the model's batch is dynamic; 0: 32 */
  int32_t calib_max_samples;     /* 0: all */
  sinter_samples_fn calib_samples; /* instead of calib_data; NULL: none */
  void* calib_samples_user;
  /* Automatic mixed precision: with a target, layers stay in float as far as it takes, and the build fails when no engine meets it. */
  double max_drop;               /* share of calib_data's samples (0.005: half a percent) that may lose their right class, or without labels change
                                    their class; negative (default): no such target */
  double min_cosine;             /* of every output with f32's, mean over the samples; negative (default): no such target */
  const char* calib_labels;      /* CSV of calib_data: file,class_index; NULL: none */
  const char* float_layers;      /* names of nodes that stay in float, comma-separated; NULL: none */
  /* Types of single layers, by names of the model's nodes (or of tensors that they make); '*' stands for any characters, later entries override. Types: fp32, fp16, bf16,
   * fp8, int8, int32. */
  const char* precision_constraints;  /* "none": they have no effect; "prefer": where possible, else a warning; "obey": else an error; NULL: none */
  const char* layer_precisions;  /* "conv1:fp16,*norm*:fp32"; NULL: none */
  const char* layer_output_types; /* the same for results; of several outputs "split:fp16+fp32"; NULL: none */
  int32_t best;                  /* 1: fp16, bf16 and, where the model or calibration says ranges, int8 are permitted; the fastest is taken */
  int32_t strongly_typed;        /* 1: types come from the model alone: precision flags, calibration and constraints have no effect; an error with `best` */
  int32_t fp8;                   /* 1: values with ranges pass through f8e4m3fn, whatever it costs; an error with int8 */
  double latency_ms;             /* the engine must be this fast: fp16 is tried first, then int8 where there are samples, within max_drop or min_cosine; not above 0
                                    (default): no such target */
  int (*accuracy_check)(void* user, const char* engine_path); /* a target like max_drop: 1: the engine is good, 0: it is not, anything else ends the build; NULL: none */
  void* accuracy_check_user;
  int32_t int8_placeholders;     /* 1: int8 without ranges is no error: a calib_cache that is not there is made from random values, without one ranges are
                                    made up; for times alone, results are meaningless */
  /* sinter_load_or_build: a folder of engines. The one for this model (by content), these options and this machine is loaded, or built and put there; of many
   * processes that ask at once one builds. What was not used for longest goes when the folder exceeds cache_bytes. */
  const char* cache_dir;         /* made when it is not there; NULL: none */
  uint64_t cache_bytes;          /* 0: 8 GiB */
  const char* plugins;           /* libraries of operators to load before, comma-separated: see sinter_plugin_load; NULL: none */
  int32_t check_plugins;         /* 1: kernels of plugins are first tried as sinter_check_plugins_json does; what is wrong fails the build */
  /* Several optimization profiles, instead of shapes, min_shapes and max_shapes: the engine has a plan for each, tuned at its own shapes; weights are shared. */
  const sinter_optimization_profile* optimization_profiles; /* NULL: none */
  size_t optimization_profile_count;
  const char* shapes_to_warm;    /* sets of input shapes, separated by ';': "x:1x3x224x224;x:8x3x224x224": contexts make ready for them when they are created, and keep
                                    them ready besides max_shapes others; NULL: none */
  const char* hardware_compatibility; /* "none" (default), or "ampere+": of a build for a GPU, kernels use nothing beyond compute capability 8.0 and 48 KiB of shared
                                    memory, and the engine carries PTX, which the driver of any later GPU compiles once when it is loaded; NULL: none */
  const char* target;            /* a board that is not this machine ("orin-nano"): an engine for it, of code that can be made here; tactics are chosen by the times that a board's
                                    timing_cache has, else by estimates; such an engine says 'not measured on target' and can be tuned there; NULL: this machine */
} sinter_build_options;
SINTER_API void sinter_build_options_init(sinter_build_options* options);

/* Model (.onnx, or an engine with a portable part: re-tunes it) to engine. A failure leaves no file at out_path, or the one that was
 * there. options may be NULL. */
SINTER_API sinter_status sinter_build(const char* model_path, const sinter_build_options* options, const char* out_path);
/* The same into memory, released with sinter_free; aligned to 64. */
SINTER_API sinter_status sinter_build_to_memory(const char* model_path, const sinter_build_options* options, void** out,
                                                size_t* out_bytes);
/* Builds a model and loads it, or loads an engine; re-tunes an engine of another machine in memory. */
SINTER_API sinter_status sinter_load_or_build(const char* path, const sinter_build_options* options, sinter_engine** out);
/* The engines of a cache (cache_dir; NULL: sinter/engines in the user's cache folder) as JSON, least recently used first: key, path, bytes, used (seconds since 1970),
 * model, command, device, problem ("" when it can be read). */
SINTER_API sinter_status sinter_cache_list_json(const char* folder, char** out);
/* Removes the least recently used engines until most_bytes are left, and those not used for oldest_seconds (INT64_MAX: whatever their age). `files` and `bytes`,
 * unless NULL, get what was removed. */
SINTER_API sinter_status sinter_cache_prune(const char* folder, uint64_t most_bytes, int64_t oldest_seconds, uint64_t* files, uint64_t* bytes);
/* Text of the last build's report on this thread: the layer table. */
SINTER_API sinter_status sinter_build_report_text(char** out);

/* Calibrates a model whatever options->calib_cache holds, and writes the cache. An interrupted calibration goes on where it was: its state is kept
 * beside the cache. {"algorithm", "samples", "skipped", "resumed", "seconds", "tensors": {name: range}, "warnings": [...]}. */
SINTER_API sinter_status sinter_calibrate_json(const char* model_path, const sinter_build_options* options, char** out);

typedef struct sinter_eval_options {
  size_t struct_size;
  const char* data;        /* as calib_data; pictures are taken as build_options.preprocess says */
  const char* labels;      /* CSV: file,class_index */
  const char* output;      /* that holds the scores; NULL: the only one */
  int32_t batch;           /* samples at once where the batch is dynamic; 0: 32 */
  int32_t max_samples;     /* 0: all */
  /* sinter_compare_json only. */
  int32_t layers;          /* 1: rank layers by the error that each introduces alone */
} sinter_eval_options;
SINTER_API void sinter_eval_options_init(sinter_eval_options* options);
/* Accuracy of a model or engine on labelled samples, in percent and counts: {"top1", "top5", "top1_count",
 * "top5_count", "samples", ...}. build->device may name several GPUs ("cuda:all", "cuda:0,1"), which share the samples.
 */
SINTER_API sinter_status sinter_eval_json(const char* path, const sinter_build_options* build,
                                          const sinter_eval_options* options, char** out);

/* How far B's outputs are from A's: of each output cosine, relative L2, largest error, agreement of the highest scores,
 * with labels the accuracy of both; a verdict in words, "conversion" or "precision"; with options->layers B's layers by
 * the error that each introduces alone. A path is a model (A is built in f32, B as `build` permits), an engine, or a
 * folder of .npy or .npz files with saved outputs. Without data: eight samples of random values. `text`, which may be
 * NULL, gets the same for people. */
SINTER_API sinter_status sinter_compare_json(const char* a, const char* b, const sinter_build_options* build, const sinter_eval_options* options, char** out,
                                             char** text);

/* Runs an engine once on these inputs (one a tensor, in the engine's order) and writes every tensor of the run into the folder: NAME.npy, 8-bit values as the
 * f32 that they stand for, and index.json, which says file, names, layer and storage of each, and which tensors of the model were fused away (when
 * model_path, which may be NULL, is the .onnx file behind the engine). names: comma-separated, `*` for any text; NULL: all. `out`, which may be NULL, gets
 * the index. */
SINTER_API sinter_status sinter_dump_tensors(const sinter_engine* engine, const sinter_tensor* inputs, size_t count, const char* model_path, const char* names,
                                             const char* folder, int32_t threads, char** out);

typedef struct sinter_debug_options {
  size_t struct_size;
  /* One of the three says whether an engine is good. */
  double min_cosine;       /* of every output with f32's, mean over the samples of build_options.calib_data; negative (default): not asked */
  double max_error;        /* relative L2 of every output from f32's; negative (default): not asked */
  int (*check)(void* user, const char* engine_path); /* 1: good, 0: bad, anything else ends the search; NULL: not asked */
  void* check_user;
  const char* state;       /* file of verdicts, by which an interrupted search goes on; NULL: none */
} sinter_debug_options;
SINTER_API void sinter_debug_options_init(sinter_debug_options* options);
/* The smallest set of layers that must be in float for a check to pass, in a build with the precisions that `build` permits: {"layers": [...], "flag":
 * "--float-layers ...", "candidates", "checks", "remembered", "lines": [...]}. */
SINTER_API sinter_status sinter_debug_precision_json(const char* model_path, const sinter_build_options* build, const sinter_debug_options* options, char** out);

/* Adds a signature of the engine's device code, with the Ed25519 private key of a PEM file, so that users who trust its public key load it as it is.
 * The engine is replaced whole. Needs libcrypto (OpenSSL 1.1 or newer). */
SINTER_API sinter_status sinter_sign(const char* engine_path, const char* private_key_path, const char* out_path);

typedef struct sinter_simplify_options {
  size_t struct_size;
  const char* input_shapes;   /* "NAME:1x3x224x224,...": dims in place of the file's; NULL: none */
  const char* test_shapes;    /* the same for the check alone, where inputs stay dynamic; NULL: small ones */
  const char* skipped;        /* comma-separated passes to leave out, as the report names them; NULL: none */
  int32_t skip_constant_folding, skip_fuse_batch_norm, skip_optimization; /* 1: left out */
  int32_t skip_value_types;   /* 1: types of inner values are not written */
  const char* unused_outputs; /* comma-separated outputs to drop; NULL: none */
  int32_t checks;             /* random inputs on which original and result are compared; default 1; 0: none */
  double relative, absolute;  /* |a - b| <= relative * |b| + absolute * max |b|; defaults 1e-3, 1e-4 */
  uint64_t seed;
  int32_t external_data;      /* 1: weights in a file of their own; 0: past 2 GiB only */
  int64_t opset;              /* of the result; 0: the file's own */
  int32_t threads;            /* of the check; 0: all cores this process may use */
} sinter_simplify_options;
SINTER_API void sinter_simplify_options_init(sinter_simplify_options* options);
/* Writes a model that computes the same with fewer nodes, of ONNX's operators in the file's opset: constants and shapes folded, what changes nothing
 * removed, batch norms and scales taken into weights; functions and contributed operators are written out. Then both are run on random inputs: {"before":
 * {"nodes", "weight_bytes", "file_bytes", "operators"}, "after": {...}, "opset", "passes", "check": {"runs", "agrees", "not_checked", "outputs"}}. A difference is
 * no failure of the call: "agrees" is false. out_path may be model_path. */
SINTER_API sinter_status sinter_simplify_json(const char* model_path, const sinter_simplify_options* options, const char* out_path, char** out);

typedef struct sinter_edit_options {
  size_t struct_size;
  const char* const* edits; /* one edit each, in order: "replace-op OLD NEW", "rename OLD NEW", "extract inputs=A outputs=B", "fold", "cleanup", ... (docs/surgeon.md) */
  size_t edit_count;
  int32_t force;            /* 1: the file is written even where it is no valid one any more */
} sinter_edit_options;
SINTER_API void sinter_edit_options_init(sinter_edit_options* options);
/* Edits an ONNX file as it is written, operators that Sinter has not included, and writes the result, whole or not at all: {"edits": [{"edit", "done"}], "warnings",
 * "nodes"}. A result that is no valid model is an error that says why. out_path may be model_path. */
SINTER_API sinter_status sinter_edit_json(const char* model_path, const sinter_edit_options* options, const char* out_path, char** out);

typedef struct sinter_memory_options {
  size_t struct_size;
  const char* device;     /* "orin-nano-8gb", "orin-nano-4gb", or a size such as "6GiB", all of which is the budget; NULL: orin-nano-8gb */
  int32_t desktop;        /* 1: a desktop runs on the board; default 0 */
  const int64_t* batches; /* to be estimated; NULL: that of the shapes, else 1, 4 and 16 */
  size_t batch_count;
} sinter_memory_options;
SINTER_API void sinter_memory_options_init(sinter_memory_options* options);
/* What a model will take of a device's memory, estimated before anything is built, in bytes: {"device", "budget", "rows": [{"precision", "batch", "weights",
 * "activations", "workspace", "io", "total", "fits"}], "largest_batch": [{"precision", "batch"}], ...}. `build` gives the shapes (max_shapes, else shapes). */
SINTER_API sinter_status sinter_memory_json(const char* model_path, const sinter_build_options* build, const sinter_memory_options* options, char** out);

/* All problems of a model: {"file": ..., "problems": [{"node", "operator", "message"}]}. Ok also when there are some. Of a model that loads, also what its operators
 * run on here on the CPU, after optimization: "coverage": {"fast": {"Conv": 53, ...}, "reference", "views", "control", "reasons"}. */
SINTER_API sinter_status sinter_check_json(const char* model_path, char** out);
/* Runs the kernel of every node whose operator is a plugin's in a child process, its tensors between pages that can't be touched: reads and writes outside of them, writes to
 * inputs, elements of outputs that are not written, crashes, and results that differ from run to run. {"nodes": N, "problems": [{"warning", "node",
 * "operator", "message"}]}. Ok also when there are some. `options` may be NULL; shapes and plugins of it are used. Kernels for a GPU are not tried. */
SINTER_API sinter_status sinter_check_plugins_json(const char* model_path, const sinter_build_options* options, char** out);
/* What is in a model or an engine. */
SINTER_API sinter_status sinter_inspect_json(const char* path, char** out);
/* Every operator that models may hold: {"operators": [{"domain", "name", "since", "adapted", "expanded", "pointwise", "inputs", "outputs",
 * "types", "attributes"}]}. */
SINTER_API sinter_status sinter_operators_json(char** out);
/* What the tuner decided, re-measured. assert_share: 0.05 demands that each pick is within 5 % of the best, < 0 no check. */
SINTER_API sinter_status sinter_tactics_json(const char* model_path, const sinter_build_options* options, double assert_share,
                                             const char* only_layer, char** out);
/* Runs ONNX backend test folders through the whole pipeline. `line` gets each failure with its reason; may be NULL. */
typedef void (*sinter_line_fn)(void* user, const char* line);
SINTER_API sinter_status sinter_conformance(const char* const* folders, size_t count, const sinter_build_options* options,
                                            sinter_line_fn line, void* user, int64_t* passed, int64_t* failed, int64_t* skipped);
/* What the machine can do at most: {"device", "bandwidth_bytes_s", "flops": {"f32", "tf32", ...}, "cached"}, by a probe of a few seconds that is kept
 * in the user's cache. device as in the build options; threads: of the CPU, 0: all usable cores; refresh 1: measured again. */
SINTER_API sinter_status sinter_peaks_json(const char* device, int32_t threads, int32_t refresh, char** out);
/* CPU features, cores and quota, memory, libraries found, what is missing and how to get it. */
SINTER_API sinter_status sinter_doctor_json(char** out);
/* What a board (a Jetson) says of itself: {"jetson", "model", "part", "module", "l4t", "jetpack", "cuda", "cudnn",
 * "power_mode": {"id", "name"}, "highest_power_mode", "gpu_clock": {"min_hz", "max_hz"}, "desktop_runs",
 * "boots_to_desktop", "memory": {"total", "available", "swap_total", "swap_free"} in bytes}; what is not known is
 * empty, 0 or null. root stands before every path of /proc, /sys and so on; NULL: what the environment's
 * SINTER_SYSTEM_ROOT says, which all of Sinter's probes follow, or nothing. */
SINTER_API sinter_status sinter_board_json(const char* root, char** out);

/* Arrays: tensors in files. */
typedef struct sinter_array sinter_array;
/* .npy and .pb (TensorProto) say their own type and shape; raw .bin takes the expected ones (dtype SINTER_UNDEFINED: refused). */
SINTER_API sinter_status sinter_array_read(const char* path, sinter_dtype dtype, const int64_t* dims, int32_t rank,
                                           sinter_array** out);
/* Seeded random values fit for benchmarks: floats in [0,1), integers 0 and 1. */
SINTER_API sinter_status sinter_array_random(uint64_t seed, sinter_dtype dtype, const int64_t* dims, int32_t rank,
                                             sinter_array** out);
/* A picture (.jpg, .png, .bmp, ...) as a network takes it: f32[1,C,H,W], or f32[1,H,W,C] for the layout NHWC. `preprocess` is the JSON object that says how
 * ({"resize_short": 256, "crop": [224, 224], "color": "RGB", "scale": 0.00392157, "mean": [..], "std": [..], "layout": "NCHW"}), or the path of a file that holds it;
 * NULL: RGB values 0 to 255 in the picture's own size. */
SINTER_API sinter_status sinter_array_picture(const char* path, const char* preprocess, sinter_array** out);
SINTER_API sinter_status sinter_array_tensor(const sinter_array* array, sinter_tensor* out);
SINTER_API void sinter_array_free(sinter_array* array);
/* Writes .npy, .pb or .bin, by the name's ending; whole or not at all. */
SINTER_API sinter_status sinter_tensor_write(const char* path, const sinter_tensor* tensor);

/* Networks: models made in code, or read back and gone on with. Every node is checked and its results' types and shapes are inferred when it is added,
 * so that the call that is wrong is the one that fails; a failed call changes nothing. Values have numbers, unique in a network and its bodies. A network
 * is used by one thread at a time; its bodies count as it. Names and types that queries return live until the network is next changed or freed. */
typedef struct sinter_network sinter_network;
typedef int64_t sinter_value;
#define SINTER_ABSENT ((sinter_value)-1) /* an optional input that is left out */

SINTER_API sinter_status sinter_network_create(const char* name, sinter_network** out);
/* From an ONNX file. shapes: as in sinter_build_options, dims in place of the file's; NULL: none. */
SINTER_API sinter_status sinter_network_load(const char* model_path, const char* shapes, sinter_network** out);
/* An empty body for an If, Loop, Scan or SequenceMap of this network (or of a body). It may read values of the graphs around it. Given to a node it can
 * be filled no more; the handle is the caller's to free in any case. */
SINTER_API sinter_status sinter_network_create_body(sinter_network* network, sinter_network** out);
SINTER_API void sinter_network_free(sinter_network* network);

/* An input: type and shape; -1 is a dynamic dim, whose name dim_names may give: equal names are equal sizes. dim_names may be NULL, and so may each. In
 * bodies dtype may be SINTER_UNDEFINED and rank -1: they follow from what the node passes. */
SINTER_API sinter_status sinter_network_add_input(sinter_network* network, const char* name, sinter_dtype dtype, const int64_t* dims, int32_t rank,
                                                  const char* const* dim_names, sinter_value* out);
/* A constant; the bytes are copied. name may be NULL. */
SINTER_API sinter_status sinter_network_add_constant(sinter_network* network, const char* name, const sinter_tensor* tensor, sinter_value* out);

typedef enum sinter_attribute_kind SINTER_ENUM_TYPE {
  SINTER_ATTRIBUTE_INT = 0, SINTER_ATTRIBUTE_FLOAT = 1, SINTER_ATTRIBUTE_STRING = 2, SINTER_ATTRIBUTE_INTS = 3, SINTER_ATTRIBUTE_FLOATS = 4,
  SINTER_ATTRIBUTE_STRINGS = 5, SINTER_ATTRIBUTE_TENSOR = 6, SINTER_ATTRIBUTE_TYPE = 7, SINTER_ATTRIBUTE_GRAPH = 8
} sinter_attribute_kind;
/* One attribute; the field that `kind` says is read. */
typedef struct sinter_attribute {
  const char* name;
  sinter_attribute_kind kind;
  int64_t i;
  float f;
  const char* s;              /* STRING; TYPE: "f32[2,n]", "seq(f32[*])" */
  const int64_t* ints;
  const float* floats;
  const char* const* strings;
  size_t count;               /* of ints, floats or strings */
  const sinter_tensor* tensor;
  sinter_network* graph;      /* a body without a node */
} sinter_attribute;

/* Any operator of ONNX, at its latest meaning (`sinter operators` lists them): inputs by number, as many results as output_count, whose numbers are
 * written to `outputs`. domain NULL: ai.onnx. name NULL: made up; results are called NAME_output_0 and so on. Attributes with a default may be left
 * out. */
SINTER_API sinter_status sinter_network_add_node(sinter_network* network, const char* domain, const char* op_type, const char* name, const sinter_value* inputs,
                                                 size_t input_count, const sinter_attribute* attributes, size_t attribute_count, sinter_value* outputs,
                                                 size_t output_count);

/* Makes a value the network's (or body's) next output; name, which may be NULL, is its name from now on. */
SINTER_API sinter_status sinter_network_mark_output(sinter_network* network, sinter_value value, const char* name);
SINTER_API sinter_status sinter_network_unmark_output(sinter_network* network, sinter_value value);
SINTER_API sinter_status sinter_network_set_name(sinter_network* network, sinter_value value, const char* name);
SINTER_API sinter_status sinter_network_set_node_name(sinter_network* network, const char* node, const char* name);
/* Another type and shape for an input; what follows is inferred again. On failure all is as before. */
SINTER_API sinter_status sinter_network_set_input_type(sinter_network* network, sinter_value value, sinter_dtype dtype, const int64_t* dims, int32_t rank,
                                                       const char* const* dim_names);
/* The range of a value's elements: what int8 builds quantize it by, in place of a calibration. */
SINTER_API sinter_status sinter_network_set_range(sinter_network* network, sinter_value value, float min, float max);
/* The type that a layer should be computed in, and that of a result: as layer_precisions and layer_output_types of the build options. */
SINTER_API sinter_status sinter_network_set_precision(sinter_network* network, const char* node, sinter_dtype dtype);
SINTER_API sinter_status sinter_network_set_output_type(sinter_network* network, const char* node, size_t output, sinter_dtype dtype);
/* A text of the model's metadata (the names of classes, for example). */
SINTER_API sinter_status sinter_network_set_metadata(sinter_network* network, const char* key, const char* value);

SINTER_API size_t sinter_network_input_count(const sinter_network* network);
SINTER_API size_t sinter_network_output_count(const sinter_network* network);
SINTER_API size_t sinter_network_node_count(const sinter_network* network);
SINTER_API sinter_status sinter_network_input(sinter_network* network, size_t index, sinter_value* out);
SINTER_API sinter_status sinter_network_output(sinter_network* network, size_t index, sinter_value* out);
SINTER_API sinter_status sinter_network_find_value(sinter_network* network, const char* name, sinter_value* out);
/* Name, type and shape of a value, as far as they are known. */
SINTER_API sinter_status sinter_network_value_info(sinter_network* network, sinter_value value, sinter_io_info* out);
/* The elements of a constant: memory of the network. SINTER_NOT_FOUND: the value is none. */
SINTER_API sinter_status sinter_network_constant(sinter_network* network, sinter_value value, sinter_tensor* out);
typedef struct sinter_node_info {
  const char* name;
  const char* op_type;
  const char* domain;         /* "": ai.onnx */
  size_t input_count, output_count;
  const sinter_value* inputs; /* SINTER_ABSENT: left out */
  const sinter_value* outputs;
} sinter_node_info;
/* Nodes in the order in which they run. */
SINTER_API sinter_status sinter_network_node(sinter_network* network, size_t index, sinter_node_info* out);
/* An attribute of a node, defaults included, as text: "2", "[1,1]", "same_upper", "f32[3]". SINTER_NOT_FOUND: it has none of that name. */
SINTER_API sinter_status sinter_network_attribute_text(sinter_network* network, const char* node, const char* attribute, char** out);

typedef struct sinter_save_options {
  size_t struct_size;
  int64_t opset;             /* of ai.onnx; 0: 17, or that of the model that was loaded; raised where a node needs a newer one */
  int32_t external_data;     /* 1: weights in a file of their own; 0 (default): past 2 GiB only */
  const char* external_name; /* that file, beside the model; NULL: the model's name with .data added */
} sinter_save_options;
SINTER_API void sinter_save_options_init(sinter_save_options* options);
/* As an ONNX file; equal networks give equal bytes. options may be NULL. */
SINTER_API sinter_status sinter_network_save(const sinter_network* network, const char* path, const sinter_save_options* options);
/* The same into memory, released with sinter_free; an error past 2 GiB. */
SINTER_API sinter_status sinter_network_save_to_memory(const sinter_network* network, const sinter_save_options* options, void** out, size_t* out_bytes);
/* To an engine, as sinter_build and the like do of a file. Ranges and types that were set take effect where the options have no calibration and no types
 * of layers of their own. options may be NULL. */
SINTER_API sinter_status sinter_network_build(const sinter_network* network, const sinter_build_options* options, const char* out_path);
SINTER_API sinter_status sinter_network_build_to_memory(const sinter_network* network, const sinter_build_options* options, void** out, size_t* out_bytes);
SINTER_API sinter_status sinter_network_build_engine(const sinter_network* network, const sinter_build_options* options, sinter_engine** out);

#ifdef __cplusplus
}
#endif

#endif /* SINTER_SINTER_H_ */
