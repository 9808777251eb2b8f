// The five likeliest classes of a picture: classify MODEL.onnx PICTURE PREPROCESS.json (how the network takes pictures; see sinter_array_picture).
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <sinter/sinter.hpp>

int main(int argc, char** argv) try {
  if (argc != 4) return std::fprintf(stderr, "usage: classify MODEL.onnx PICTURE PREPROCESS.json\n"), 2;
  sinter::ExecutionContext context(sinter::load_or_build(argv[1]));
  const sinter::Array picture = sinter::Array::picture(argv[2], argv[3]);
  context.set_input(context.engine().input(0).name, picture.view());
  context.execute();
  const std::vector<float> scores = context.output(0).to_vector<float>();
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t shown = std::min<size_t>(5, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(), [&](int a, int b) { return scores[a] > scores[b]; });
  for (size_t i = 0; i < shown; ++i) std::printf("%5d  %g\n", order[i], scores[order[i]]);
} catch (const std::exception& error) {
  return std::fprintf(stderr, "classify: %s\n", error.what()), 1;
}
