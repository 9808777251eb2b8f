// Gathers of elements of BYTES bytes by indices of INDEX, a thread an output element: Gather (along one axis), GatherElements and GatherND.
// Where an index is out of range the result is zero.
#include "broadcast.h"
#include "index.h"

typedef Unit<BYTES>::type Element;

SINTER_KERNEL(gather, 256, (const void* from, const INDEX* indices, void* to, i64 count, i64 inner, i64 index_count, i64 axis, Fault* fault)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= count) return;
  const i64 line = i / inner, outer = line / index_count;
  const i64 at = checked_index(indices, line - outer * index_count, axis, fault);
  ((Element*)to)[i] = at < 0 ? Element(0) : ((const Element*)from)[(outer * axis + at) * inner + (i - line * inner)];
}

// `base`: where the data's line of index i begins; `stride`: of the axis.
SINTER_KERNEL(gather_elements, 256, (const void* from, const INDEX* indices, void* to, i64 count, const Map base, i64 stride, i64 axis, Fault* fault)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= count) return;
  const i64 at = checked_index(indices, i, axis, fault);
  ((Element*)to)[i] = at < 0 ? Element(0) : ((const Element*)from)[map_offset(base, i) + at * stride];
}

// Tuples of `width` indices into axes of these sizes and strides; `per_batch` tuples share a batch of `batch` elements.
struct Tuples {
  i64 width, run, per_batch, batch;
  i64 size[kMapRank], stride[kMapRank];
};

SINTER_KERNEL(gather_nd, 256, (const void* from, const INDEX* indices, void* to, i64 count, const Tuples tuples, Fault* fault)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= count) return;
  const i64 tuple = i / tuples.run;
  i64 at = tuple / tuples.per_batch * tuples.batch + (i - tuple * tuples.run);
  for (i64 k = 0; k < tuples.width; ++k) {
    const i64 index = checked_index(indices, tuple * tuples.width + k, tuples.size[k], fault);
    if (index < 0) {
      ((Element*)to)[i] = Element(0);
      return;
    }
    at += index * tuples.stride[k];
  }
  ((Element*)to)[i] = ((const Element*)from)[at];
}
