// Between the sums of dense.cu, depthwise.cu and first_conv.cu and their stored results; comes after "generated.h", which may define
//   SINTER_EPILOGUE and the function void epilogue(const DenseParams& p, const Place& place, const Columns& columns, f32 (&v)[8]): eight columns of
//     a row, in place; `columns` is what load_columns(p, place, columns) has read for any row of these columns;
//   SINTER_STEPS besides, where the result of whole numbers is a sum of scaled terms that is quantized: then results are made in steps of the
//     quantization, by one multiplication and addition a term, epilogue has `const f32 (&scale)[8]` before v, which holds sums that are not yet
//     scaled, and it is what the scales are multiplied by;
//   SINTER_AHEAD and void ahead(const DenseParams& p, const Place& place): asks for the lines of operands of the result's shape, whose largest element has
//     so many bytes;
//   SINTER_ROUND and RoundResult, which stores results of 8 bits (bytes.h).
#pragma once

#ifndef SINTER_ROUND
typedef WholeBytes<OUT> RoundResult;
#endif
#ifndef SINTER_EPILOGUE
struct Columns {};
SINTER_DEVICE void load_columns(const DenseParams&, const Place&, Columns&) {}
#endif

// What the results of eight columns are made with.
struct Finish {
  Scales scales;
  Columns columns;
};
SINTER_DEVICE void load_finish(const DenseParams& p, const Place& place, Finish& finish) {
  load_scales(p, place, finish.scales);
  load_columns(p, place, finish.columns);
#ifdef SINTER_STEPS
#pragma unroll
  for (int i = 0; i < 8; ++i) finish.scales.scale[i] *= SINTER_STEPS;
#endif
}
// Eight columns each of a few places. All operands of the epilogue are asked for at once: no branch stands between their loads, and the first result
// is stored by the caller afterwards, as a store holds back the loads that follow it.
template <int kCount>
SINTER_DEVICE void to_results(const DenseParams& p, const Place (&places)[kCount], const Finish& finish, f32 (&v)[kCount][8]) {
#if INTEGERS
  if (p.bias_high) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) to_floats_wide(p, places[i], finish.scales, v[i]);
  } else {
#pragma unroll
    for (int i = 0; i < kCount; ++i) to_floats(finish.scales, v[i]);
  }
#endif
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
#ifdef SINTER_STEPS
    epilogue(p, places[i], finish.columns, finish.scales.scale, v[i]);
#else
#if INTEGERS
#pragma unroll
    for (int e = 0; e < 8; ++e) v[i][e] *= finish.scales.scale[e];
#endif
#ifdef SINTER_EPILOGUE
    epilogue(p, places[i], finish.columns, v[i]);
#endif
#endif
  }
}
