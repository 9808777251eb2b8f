// TfIdfVectorizer: counts the pool's n-grams in each row, with 0 to max_skip_count elements skipped between neighbours,
// at the columns of ngram_indexes. TF: the count; IDF: the weight where the count is not 0; TFIDF: count · weight.
#include <algorithm>
#include <map>

#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace tf_idf_vectorizer_impl {

template <typename T>
using Pool = std::map<std::vector<T>, size_t>;  // n-gram → its number

Status columns(const Attributes& attributes, int64_t& count) {
  count = 0;
  for (const int64_t index : attributes.ints("ngram_indexes")) {
    if (index < 0 || index > (int64_t{1} << 40))
      return make_error(Code::kInvalidModel,
                        "attribute 'ngram_indexes' holds {}: expected columns of at least 0; correct the model", index);
    count = std::max(count, index + 1);
  }
  return ok_status();
}

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  int64_t count = 0;
  SINTER_TRY(at_node(context, columns(context.attributes(), count)));
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    shape = *x;
    shape->back() = count;
  }
  context.set_output(0, ValueType::tensor(DType::kF32, std::move(shape)));
  return ok_status();
}

// The n-grams of the wanted lengths, numbered through all lengths.
template <typename T>
Status make_pool(const EvalContext& context, const std::vector<T>& items, Pool<T>& pool) {
  const std::vector<int64_t>& starts = context.attributes().ints("ngram_counts");
  const int64_t least = context.attributes().i("min_gram_length"), most = context.attributes().i("max_gram_length");
  const auto size = static_cast<int64_t>(items.size());
  size_t number = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t n = static_cast<int64_t>(i) + 1, begin = starts[i],
                  end = i + 1 < starts.size() ? starts[i + 1] : size;
    if (begin < 0 || begin > end || end > size || (end - begin) % n != 0)
      return context.error(fmt::format(
          "'ngram_counts' gives items {} to {} of a pool of {} to the {}-grams: expected whole n-grams in order; "
          "correct the model",
          begin, end, size, n));
    for (int64_t at = begin; at < end; at += n, ++number)
      if (n >= least && n <= most) pool.emplace(std::vector<T>(items.begin() + at, items.begin() + at + n), number);
  }
  if (number > context.attributes().ints("ngram_indexes").size())
    return context.error(fmt::format("the pool has {} n-grams but 'ngram_indexes' {} columns; correct the model",
                                     number, context.attributes().ints("ngram_indexes").size()));
  return ok_status();
}

template <typename T>
void count_row(const EvalContext& context, const Pool<T>& pool, const T* row, int64_t length,
               std::vector<int64_t>& counts) {
  const int64_t least = std::max<int64_t>(1, context.attributes().i("min_gram_length"));
  const int64_t most = std::min(length, context.attributes().i("max_gram_length"));
  const int64_t skips = std::min(length, context.attributes().i("max_skip_count"));
  for (int64_t step = 1; step <= skips + 1; ++step)
    for (int64_t n = least; n <= most; ++n) {
      if (n == 1 && step > 1) continue;  // nothing lies between the elements of one
      for (int64_t at = 0; at + (n - 1) * step < length; ++at) {
        std::vector<T> gram;
        for (int64_t i = 0; i < n; ++i) gram.push_back(row[at + i * step]);
        const auto found = pool.find(gram);
        if (found != pool.end()) ++counts[found->second];
      }
    }
}

template <typename T>
Status run(EvalContext& context, const std::vector<T>& items, const std::vector<T>& values) {
  Pool<T> pool;
  SINTER_TRY(make_pool(context, items, pool));
  const Attributes& attributes = context.attributes();
  const std::string& mode = attributes.s("mode");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    return context.error(fmt::format("attribute 'mode' is '{}': expected TF, IDF or TFIDF; correct the model", mode));
  const std::vector<int64_t>& indexes = attributes.ints("ngram_indexes");
  const auto* weights = attributes.find_as<std::vector<float>>("weights");
  if (weights && !weights->empty() && weights->size() != indexes.size())
    return context.error(fmt::format("there are {} weights for {} n-grams: expected one each; correct the model",
                                     weights->size(), indexes.size()));
  Dims dims = context.tensor(0).dims();
  const int64_t length = dims.back(), rows = dims.size() == 2 ? dims[0] : 1;
  SINTER_TRY(at_node(context, columns(attributes, dims.back())));
  SINTER_TRY(check_output_dims(context, dims));
  Tensor& y = context.allocate(0, DType::kF32, dims);
  std::fill_n(y.data<float>(), y.count(), 0.0f);
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<int64_t> counts(indexes.size(), 0);
    count_row(context, pool, values.data() + r * length, length, counts);
    for (size_t i = 0; i < counts.size(); ++i) {
      const float weight = weights && !weights->empty() ? (*weights)[i] : 1.0f, count = static_cast<float>(counts[i]);
      if (counts[i] > 0)
        y.data<float>()[r * dims.back() + indexes[i]] = mode == "TF" ? count : mode == "IDF" ? weight : count * weight;
    }
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  const Tensor& x = context.tensor(0);
  if (x.dtype() != DType::kString) {
    const auto* items = context.attributes().find_as<std::vector<int64_t>>("pool_int64s");
    if (!items) return context.error("attribute 'pool_int64s' is missing for an input of integers; correct the model");
    return run(context, *items, x.to_i64());
  }
  const auto* items = context.attributes().find_as<std::vector<std::string>>("pool_strings");
  if (!items) return context.error("attribute 'pool_strings' is missing for an input of strings; correct the model");
  return run(context, *items, std::vector<std::string>(x.data<std::string>(), x.data<std::string>() + x.count()));
}

}  // namespace tf_idf_vectorizer_impl

OpDef define_tf_idf_vectorizer() {
  OpDef op("TfIdfVectorizer", 9);
  op.input("X", "T")
      .output("Y", "T1")
      .type("T", dtype_set(DType::kI32, DType::kI64, DType::kString))
      .type("T1", dtype_set(DType::kF32))
      .attr("max_gram_length", AttrKind::kInt, true)
      .attr("max_skip_count", AttrKind::kInt, true)
      .attr("min_gram_length", AttrKind::kInt, true)
      .attr("mode", AttrKind::kString, true)
      .attr("ngram_counts", AttrKind::kInts, true)
      .attr("ngram_indexes", AttrKind::kInts, true)
      .attr("pool_int64s", AttrKind::kInts, false)
      .attr("pool_strings", AttrKind::kStrings, false)
      .attr("weights", AttrKind::kFloats, false);
  op.infer = tf_idf_vectorizer_impl::infer;
  op.evaluate = tf_idf_vectorizer_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
