// SVMClassifier: with support vectors, one decision for each pair of classes; the label is that of the class with most votes (the first of equal ones). Without,
// the coefficients are one vector a class, and the label is that of the highest score.
//
// Scores: probabilities, coupled from the pairs' by prob_a and prob_b; else the pairs' decisions (two labels: the decision's negative, and it); else the
// classes' scores; then post_transform.
#include <algorithm>
#include <cmath>

#include "ops/svm.h"

namespace sinter::ops {
namespace svm_classifier_impl {

constexpr double kLeastProbability = 1e-7;
constexpr int kMaxRounds = 100;  // of coupling

struct Machine {
  SvmFunction function;
  PostTransform after = PostTransform::kNone;
  std::vector<double> coefficients, vectors, rho, prob_a, prob_b;
  std::vector<int64_t> per_class, first;  // support vectors of each class
  int64_t classes = 0, supports = 0, features = 0;
  bool pairs() const { return supports > 0; }
  bool probabilities() const { return pairs() && !prob_a.empty(); }
  int64_t pair_count() const { return classes * (classes - 1) / 2; }
  // Columns of scores.
  int64_t columns() const { return pairs() && !probabilities() && classes > 2 ? pair_count() : classes; }
};

int64_t column_count(const Attributes& attributes, int64_t labels) {
  const std::vector<int64_t> per_class = attributes.ints_or("vectors_per_class", {});
  const bool pairs = std::any_of(per_class.begin(), per_class.end(), [](int64_t count) { return count > 0; });
  const auto* a = attributes.find_as<std::vector<float>>("prob_a");
  return pairs && !(a && !a->empty()) && labels > 2 ? labels * (labels - 1) / 2 : std::max<int64_t>(labels, 1);
}

Status infer(InferContext& context) {
  return infer_classifier(context, column_count(context.attributes(), ClassLabels(context.attributes()).size()));
}

Status read(const EvalContext& context, int64_t labels, int64_t features, Machine& m) {
  const Attributes& a = context.attributes();
  SINTER_ASSIGN(m.function, at_node(context, read_svm_function(a)));
  SINTER_ASSIGN(m.after, at_node(context, parse_post_transform(a.s("post_transform"))));
  m.coefficients = numbers_of(a, "coefficients");
  m.vectors = numbers_of(a, "support_vectors");
  m.rho = numbers_of(a, "rho");
  m.prob_a = numbers_of(a, "prob_a");
  m.prob_b = numbers_of(a, "prob_b");
  m.per_class = a.ints_or("vectors_per_class", {});
  m.classes = labels;
  m.features = features;
  bool sound = labels > 0 && labels < 65536;
  for (const int64_t count : m.per_class) {
    sound = sound && count >= 0 && count <= INT32_MAX;
    m.first.push_back(m.supports);
    m.supports += count;
  }
  const auto size = [](const auto& list) { return static_cast<int64_t>(list.size()); };
  if (m.pairs())
    sound = sound && size(m.per_class) == labels && size(m.vectors) == m.supports * features && size(m.coefficients) == (labels - 1) * m.supports &&
            size(m.rho) == m.pair_count() && (m.prob_a.empty() || size(m.prob_a) == m.pair_count()) && size(m.prob_b) == size(m.prob_a);
  else
    sound = sound && size(m.coefficients) == labels * features && (size(m.rho) == 1 || size(m.rho) == labels);
  if (!sound)
    return context.error(fmt::format("{} labels, {} features, {} support vectors, {} coefficients and {} rho do not fit together; correct the model", labels, features,
                                     m.supports, m.coefficients.size(), m.rho.size()));
  return ok_status();
}

// The decision of every pair (i, j), i < j, and its vote.
void decide_pairs(const Machine& m, const double* row, std::vector<double>& decisions, std::vector<int64_t>& votes) {
  std::vector<double> kernels(static_cast<size_t>(m.supports));
  for (int64_t s = 0; s < m.supports; ++s) kernels[static_cast<size_t>(s)] = m.function(row, m.vectors.data() + s * m.features, m.features);
  votes.assign(static_cast<size_t>(m.classes), 0);
  decisions.clear();
  const auto sum = [&](int64_t of, int64_t line) {
    double total = 0;
    const int64_t begin = m.first[static_cast<size_t>(of)];
    for (int64_t s = begin; s < begin + m.per_class[static_cast<size_t>(of)]; ++s)
      total += m.coefficients[static_cast<size_t>(line * m.supports + s)] * kernels[static_cast<size_t>(s)];
    return total;
  };
  for (int64_t i = 0; i < m.classes; ++i) {
    for (int64_t j = i + 1; j < m.classes; ++j) {
      const double decision = sum(i, j - 1) + sum(j, i) + m.rho[decisions.size()];
      ++votes[static_cast<size_t>(decision > 0 ? i : j)];
      decisions.push_back(decision);
    }
  }
}

// Probabilities of the classes from those of the pairs: minimises Σ (p(j,i) p(i) - p(i,j) p(j))² over p that sum up to 1 (Wu, Lin and Weng's second method).
std::vector<double> couple(const std::vector<std::vector<double>>& pair, size_t classes) {
  std::vector<std::vector<double>> q(classes, std::vector<double>(classes, 0));
  for (size_t i = 0; i < classes; ++i) {
    for (size_t j = 0; j < classes; ++j) {
      if (i == j) continue;
      q[i][i] += pair[j][i] * pair[j][i];
      q[i][j] = -pair[j][i] * pair[i][j];
    }
  }
  std::vector<double> p(classes, 1.0 / static_cast<double>(classes)), qp(classes);
  for (int round = 0; round < kMaxRounds; ++round) {
    double whole = 0, worst = 0;
    for (size_t i = 0; i < classes; ++i) {
      qp[i] = 0;
      for (size_t j = 0; j < classes; ++j) qp[i] += q[i][j] * p[j];
      whole += p[i] * qp[i];
    }
    for (size_t i = 0; i < classes; ++i) worst = std::max(worst, std::fabs(qp[i] - whole));
    if (worst < 0.005 / static_cast<double>(classes)) break;
    for (size_t i = 0; i < classes; ++i) {
      const double step = (whole - qp[i]) / q[i][i], scale = 1 + step;
      p[i] += step;
      whole = (whole + step * (step * q[i][i] + 2 * qp[i])) / scale / scale;
      for (size_t j = 0; j < classes; ++j) {
        qp[j] = (qp[j] + step * q[i][j]) / scale;
        p[j] /= scale;
      }
    }
  }
  return p;
}

std::vector<double> probabilities(const Machine& m, const std::vector<double>& decisions) {
  const auto classes = static_cast<size_t>(m.classes);
  std::vector<std::vector<double>> pair(classes, std::vector<double>(classes, 0));
  size_t at = 0;
  for (size_t i = 0; i < classes; ++i) {
    for (size_t j = i + 1; j < classes; ++j, ++at) {
      const double p = logistic(-(decisions[at] * m.prob_a[at] + m.prob_b[at]));
      pair[i][j] = std::clamp(p, kLeastProbability, 1 - kLeastProbability);
      pair[j][i] = 1 - pair[i][j];
    }
  }
  return couple(pair, classes);
}

// The label of a row; `scores` gets its columns, without post_transform.
int64_t classify(const Machine& m, const double* row, std::vector<double>& scores) {
  std::vector<int64_t> votes;
  if (!m.pairs()) {
    scores.resize(static_cast<size_t>(m.classes));
    for (int64_t c = 0; c < m.classes; ++c)
      scores[static_cast<size_t>(c)] = SvmFunction()(row, m.coefficients.data() + c * m.features, m.features) + m.rho[m.rho.size() == 1 ? 0 : static_cast<size_t>(c)];
    return std::max_element(scores.begin(), scores.end()) - scores.begin();
  }
  decide_pairs(m, row, scores, votes);
  if (m.probabilities()) scores = probabilities(m, scores);
  return std::max_element(votes.begin(), votes.end()) - votes.begin();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  const ClassLabels labels(context.attributes());
  const Tensor x = widened(context.tensor(0));
  const Rows rows = rows_of(x);
  Machine machine;
  SINTER_TRY(read(context, labels.size(), rows.features, machine));
  const int64_t columns = machine.columns();
  SINTER_TRY(check_output_dims(context, {rows.count, columns}));
  Tensor& y = context.allocate(0, labels.dtype(), {rows.count});
  Tensor z = zeros_f64({rows.count, columns});
  std::vector<double> scores;
  for (int64_t r = 0; r < rows.count; ++r) {
    labels.write(y, r, classify(machine, x.data<double>() + r * rows.features, scores));
    if (machine.pairs() && !machine.probabilities() && machine.classes == 2) scores = {-scores[0], scores[0]};
    scores.resize(static_cast<size_t>(columns));
    transform_scores(machine.after, scores.data(), columns);
    std::copy(scores.begin(), scores.end(), z.data<double>() + r * columns);
  }
  store(context, 1, DType::kF32, z);
  return ok_status();
}

}  // namespace svm_classifier_impl

OpDef define_svm_classifier() {
  OpDef op("SVMClassifier", 1, "ai.onnx.ml");
  op.input("X", "T1").output("Y", "T2").output("Z", "Z").type("T1", kFeatureTypes).type("Z", dtype_bit(DType::kF32));
  op.type("T2", dtype_set(DType::kString, DType::kI64));
  op.attr("classlabels_ints", AttrKind::kInts, false).attr("classlabels_strings", AttrKind::kStrings, false);
  add_svm_attributes(op);
  op.attr("prob_a", AttrKind::kFloats, false).attr("prob_b", AttrKind::kFloats, false).attr("vectors_per_class", AttrKind::kInts, false);
  op.infer = svm_classifier_impl::infer;
  op.evaluate = svm_classifier_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
