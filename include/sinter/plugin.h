/* Operators of your own for Sinter, in plain C. A plugin is a shared library that exports sinter_plugin_entry:
 *
 *   SINTER_PLUGIN_EXPORT const sinter_plugin* sinter_plugin_entry(uint32_t sinter_abi);
 *
 * which returns a description of the plugin: its name, its version and its operators. All of it is data of the plugin that stays as it is. Nothing of Sinter
 * is linked: what a plugin asks of Sinter goes through the function table that comes with every call. plugin.hpp is a C++ layer over this.
 *
 *   g++ -std=c++17 -O2 -shared -fPIC -I<sinter>/include my_plugin.cpp -o my_plugin.so
 *   sinter build model.onnx --plugins=my_plugin.so -o model.engine
 *   sinter run model.engine --plugins=my_plugin.so --random-inputs 1
 *
 * Tensors are dense and row-major. Elements of less than a byte are packed, the first in the low bits; bool is a byte of 0 or 1. At run time data is aligned to
 * at least 16 bytes; of a tensor without elements the pointer may be anything.
 * Calls that can fail return 0 on success; anything else fails the build or run, with the message that fail() was given (Sinter adds
 * which node it is). A C++ exception that leaves a call is
 * an error of the same kind. Calls of one operator may come from several threads at once, except that a state (see create) is used by one at a time. */
#ifndef SINTER_PLUGIN_H_
#define SINTER_PLUGIN_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SINTER_PLUGIN_EXPORT __attribute__((visibility("default")))

/* A library is loaded when its number is Sinter's. It changes when a field or a rule does; fields that are appended to structs with a struct_size do not
 * change it. */
#define SINTER_PLUGIN_ABI 1u

/* Element types: ONNX's numbers. Strings can't go through a plugin. */
enum {
  SINTER_PLUGIN_F32 = 1, SINTER_PLUGIN_U8 = 2, SINTER_PLUGIN_I8 = 3, SINTER_PLUGIN_U16 = 4, SINTER_PLUGIN_I16 = 5, SINTER_PLUGIN_I32 = 6,
  SINTER_PLUGIN_I64 = 7, SINTER_PLUGIN_BOOL = 9, SINTER_PLUGIN_F16 = 10, SINTER_PLUGIN_F64 = 11, SINTER_PLUGIN_U32 = 12, SINTER_PLUGIN_U64 = 13,
  SINTER_PLUGIN_C64 = 14, SINTER_PLUGIN_C128 = 15, SINTER_PLUGIN_BF16 = 16, SINTER_PLUGIN_F8E4M3FN = 17, SINTER_PLUGIN_F8E4M3FNUZ = 18,
  SINTER_PLUGIN_F8E5M2 = 19, SINTER_PLUGIN_F8E5M2FNUZ = 20, SINTER_PLUGIN_U4 = 21, SINTER_PLUGIN_I4 = 22, SINTER_PLUGIN_F4E2M1 = 23
};
/* A set of element types: SINTER_PLUGIN_SET(SINTER_PLUGIN_F32) | SINTER_PLUGIN_SET(SINTER_PLUGIN_F16). */
#define SINTER_PLUGIN_SET(dtype) (UINT64_C(1) << (dtype))

/* ---- What Sinter offers to a call ---- */

typedef struct sinter_plugin_context sinter_plugin_context; /* one call; its functions are called during it only */

/* A size in a shape rule: a number, or an expression over sizes that are known only when the model runs. Belongs to its call. */
typedef struct sinter_plugin_dim {
  int64_t id;
} sinter_plugin_dim;

enum {
  SINTER_PLUGIN_ADD = 0, SINTER_PLUGIN_SUB = 1, SINTER_PLUGIN_MUL = 2,
  SINTER_PLUGIN_FLOOR_DIV = 3, SINTER_PLUGIN_CEIL_DIV = 4, SINTER_PLUGIN_MOD = 5, /* towards minus infinity; the divisor must not be 0 */
  SINTER_PLUGIN_MIN = 6, SINTER_PLUGIN_MAX = 7
};

typedef struct sinter_plugin_host {
  size_t struct_size;
  /* Says why the call is going to fail. The text is copied. */
  void (*fail)(sinter_plugin_context* context, const char* message);

  /* In shape rules. */
  sinter_plugin_dim (*constant)(sinter_plugin_context* context, int64_t value);
  sinter_plugin_dim (*combine)(sinter_plugin_context* context, int operation, sinter_plugin_dim a, sinter_plugin_dim b);
  /* 1 and the number when it is known already, else 0. */
  int (*known)(sinter_plugin_context* context, sinter_plugin_dim dim, int64_t* value);
  /* Element `index` of an input of integers of rank 0 or 1 that holds sizes (what Reshape takes), as far as it can be followed: 1 and the size, else 0. When the
   * model runs, and the rule is asked again since something depends on data, it is always there. */
  int (*element)(sinter_plugin_context* context, int32_t input, int64_t index, sinter_plugin_dim* out);
  /* A size that only the kernel finds out, at most `bound`: memory for that is given to the kernel, which then says the size with set_size. Nodes with such an
   * output run on the host, shapes behind it are found while the model runs. `name` is for messages. */
  sinter_plugin_dim (*data_dependent)(sinter_plugin_context* context, const char* name, sinter_plugin_dim bound);
  /* The type and shape of an output; to be called for every one. Returns 0, or another number when something of it is wrong: then the rule should return that. */
  int (*set_output)(sinter_plugin_context* context, int32_t output, int32_t dtype, int32_t rank, const sinter_plugin_dim* dims);

  /* In kernels on the CPU. */
  /* Splits [0, count) into ranges of multiples of `grain` and calls body(user, begin, end) for each, on Sinter's threads and this one; returns when all are done. */
  int (*parallel)(sinter_plugin_context* context, int64_t count, int64_t grain, void (*body)(void* user, int64_t begin, int64_t end), void* user);
  /* The size of a data_dependent dim. The tensor then has the dims as they are, with its elements dense at the beginning of the memory. */
  int (*set_size)(sinter_plugin_context* context, int32_t output, int32_t axis, int64_t size);
} sinter_plugin_host;

/* ---- What a call is told ---- */

/* A value of an attribute, or a default. */
typedef enum sinter_plugin_kind {
  SINTER_PLUGIN_INT = 0, SINTER_PLUGIN_FLOAT = 1, SINTER_PLUGIN_STRING = 2, SINTER_PLUGIN_INTS = 3, SINTER_PLUGIN_FLOATS = 4, SINTER_PLUGIN_STRINGS = 5,
  SINTER_PLUGIN_TENSOR = 6 /* no default */
} sinter_plugin_kind;

typedef struct sinter_plugin_tensor {
  int32_t present; /* 0: an optional input that was left out, or an optional output that nobody wants; the rest is 0 */
  int32_t dtype;
  int32_t rank;
  const int64_t* dims;
  void* data; /* inputs must not be written to */
  size_t bytes;
} sinter_plugin_tensor;

typedef struct sinter_plugin_value {
  int32_t present; /* 0: the node has no such attribute, and there is no default */
  int64_t i;
  float f;
  const char* s; /* ends with a 0 beyond its `count` bytes */
  const int64_t* ints;
  const float* floats;
  const char* const* strings;
  sinter_plugin_tensor tensor;
  size_t count; /* of ints, floats, strings; bytes of s */
} sinter_plugin_value;

/* An input in a shape rule. */
typedef struct sinter_plugin_shape {
  int32_t present;
  int32_t dtype;
  int32_t rank;
  const sinter_plugin_dim* dims;
  const void* data; /* of a constant; NULL: not known yet */
} sinter_plugin_shape;

/* A shape rule is asked while building, when sizes may be expressions, and again for numbers before a run; both must agree. It is not asked while the rank of an
 * input is unknown. */
typedef struct sinter_plugin_shapes {
  size_t struct_size;
  const sinter_plugin_host* host;
  sinter_plugin_context* context;
  const sinter_plugin_value* attributes; /* in the order in which the operator declares them */
  size_t attribute_count;
  const sinter_plugin_shape* inputs; /* as many as the node has; optional ones at the end may be left out */
  size_t input_count;
  size_t output_count;
} sinter_plugin_shapes;

typedef struct sinter_plugin_run {
  size_t struct_size;
  const sinter_plugin_host* host;
  sinter_plugin_context* context;
  const sinter_plugin_value* attributes;
  size_t attribute_count;
  const sinter_plugin_tensor* inputs;
  size_t input_count;
  const sinter_plugin_tensor* outputs; /* sizes that depend on data are at their bound */
  size_t output_count;
  void* workspace; /* aligned to 64 (on a GPU 256); its contents are anything */
  size_t workspace_bytes;
  void* state;       /* of create; NULL without */
  int32_t threads;   /* that parallel() uses */
  void* cuda_stream; /* run_cuda: the CUstream or cudaStream_t; else NULL */
} sinter_plugin_run;

/* ---- What a plugin describes ---- */

enum {
  SINTER_PLUGIN_SINGLE = 0,
  SINTER_PLUGIN_OPTIONAL = 1,
  SINTER_PLUGIN_VARIADIC = 2,      /* the last one: one or more, all of one type */
  SINTER_PLUGIN_VARIADIC_MIXED = 3 /* the last one: any number, each of any of the types */
};

typedef struct sinter_plugin_param {
  const char* name;
  uint64_t dtypes;  /* SINTER_PLUGIN_SET(...) | ... */
  const char* type; /* "T": inputs of the same letter have the same element type (and name the same dtypes); NULL: its own */
  int32_t kind;     /* SINTER_PLUGIN_SINGLE, ... */
} sinter_plugin_param;

enum { SINTER_PLUGIN_REQUIRED = 0, SINTER_PLUGIN_DEFAULT = 1, SINTER_PLUGIN_ABSENT = 2 /* may be left out, without a default */ };

typedef struct sinter_plugin_attribute {
  const char* name;
  sinter_plugin_kind kind;
  int32_t presence;                 /* SINTER_PLUGIN_REQUIRED, ... */
  sinter_plugin_value default_value; /* of SINTER_PLUGIN_DEFAULT; `present` is not read, nor is `count` of a string */
} sinter_plugin_attribute;

enum {
  SINTER_PLUGIN_RANDOM = 1 /* equal inputs may give other outputs: never computed while building, equal nodes stay apart */
};

typedef struct sinter_plugin_operator {
  size_t struct_size;
  const char* domain; /* of the node, "" is ONNX's own; letters, digits and . _ - */
  const char* name;   /* letters, digits and _ */
  int32_t since, until; /* opset versions of the domain that it reads; until 0: no end */
  const sinter_plugin_param* inputs;
  size_t input_count;
  const sinter_plugin_param* outputs;
  size_t output_count;
  const sinter_plugin_attribute* attributes;
  size_t attribute_count;
  uint32_t flags; /* SINTER_PLUGIN_RANDOM */

  int (*infer)(const sinter_plugin_shapes* call);
  /* The kernel on the CPU. Needed also where there is one for a GPU: constants are computed with it while building. */
  int (*run)(const sinter_plugin_run* call);
  /* The rest may be NULL. Scratch memory in bytes that run (or run_cuda) wants for these shapes; tensors have no
   * data, and there is no state. */
  int (*workspace)(const sinter_plugin_run* call, int64_t* bytes);
  /* What a kernel keeps between runs of one shape: tables, handles. Tensors have no data. */
  int (*create)(const sinter_plugin_run* call, void** state);
  void (*destroy)(void* state);
  /* The kernel on a GPU: all data are device addresses of the current CUDA context. It puts its work on cuda_stream and returns, without waiting for it or
   * allocating; the work is captured into a CUDA graph and may depend on nothing but shapes and pointers. State and workspace are as above. */
  int (*run_cuda)(const sinter_plugin_run* call);
} sinter_plugin_operator;

typedef struct sinter_plugin {
  uint32_t abi; /* SINTER_PLUGIN_ABI */
  uint32_t reserved; /* 0 */
  size_t struct_size;
  const char* name;    /* letters, digits and . _ -; an engine asks for it by this name */
  const char* version; /* engines want the one that they were built with */
  const sinter_plugin_operator* const* operators;
  size_t operator_count;
} sinter_plugin;

/* What a plugin exports. `sinter_abi` is SINTER_PLUGIN_ABI of the Sinter that loads it; a plugin may give what fits, or NULL. */
SINTER_PLUGIN_EXPORT const sinter_plugin* sinter_plugin_entry(uint32_t sinter_abi);
typedef const sinter_plugin* (*sinter_plugin_entry_fn)(uint32_t sinter_abi);

#ifdef __cplusplus
}
#endif

#endif /* SINTER_PLUGIN_H_ */
