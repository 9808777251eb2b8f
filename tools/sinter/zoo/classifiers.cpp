// ResNet, DeepLabV3, MobileNet and EfficientNet as torchvision has them.
#include "zoo/maker.h"

namespace sinter::zoo {
namespace {

Act basic_block(Maker& m, const std::string& path, const Act& x, int64_t width, int64_t stride) {
  Act y = m.relu(path + ".relu", m.batch_norm(path + ".bn1", m.conv(path + ".conv1", x, width, 3, {.stride = stride})));
  y = m.batch_norm(path + ".bn2", m.conv(path + ".conv2", y, width, 3), 0.5);
  Act skip = x;
  if (stride != 1 || m.channels(x) != width) {
    skip = m.batch_norm(path + ".downsample.1", m.conv(path + ".downsample.0", x, width, 1, {.stride = stride, .padding = 0}), 0.8);
  }
  return m.relu(path + ".relu_1", m.add(path, y, skip));
}

Act bottleneck(Maker& m, const std::string& path, const Act& x, int64_t width, int64_t stride, int64_t dilation) {
  Act y = m.relu(path + ".relu", m.batch_norm(path + ".bn1", m.conv(path + ".conv1", x, width, 1)));
  y = m.relu(path + ".relu_1", m.batch_norm(path + ".bn2", m.conv(path + ".conv2", y, width, 3, {.stride = stride, .dilation = dilation})));
  y = m.batch_norm(path + ".bn3", m.conv(path + ".conv3", y, 4 * width, 1), 0.5);
  Act skip = x;
  if (stride != 1 || m.channels(x) != 4 * width) {
    skip = m.batch_norm(path + ".downsample.1", m.conv(path + ".downsample.0", x, 4 * width, 1, {.stride = stride, .padding = 0}), 0.8);
  }
  return m.relu(path + ".relu_2", m.add(path, y, skip));
}

// The stages of a ResNet. Dilated: the last two keep their input's size, as segmentation wants it.
Act resnet_features(Maker& m, const std::string& prefix, const Act& image, int depth, bool dilated) {
  Act x = m.relu(prefix + "relu", m.batch_norm(prefix + "bn1", m.conv(prefix + "conv1", image, 64, 7, {.stride = 2, .padding = 3})));
  x = m.max_pool(prefix + "maxpool", x, 3, 2, 1);
  const int blocks[2][4] = {{2, 2, 2, 2}, {3, 4, 6, 3}};
  int64_t dilation = 1;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t width = int64_t{64} << stage;
    for (int block = 0; block < blocks[depth == 50][stage]; ++block) {
      const std::string path = prefix + "layer" + std::to_string(stage + 1) + "." + std::to_string(block);
      const bool wide = dilated && stage >= 2;
      const int64_t stride = block == 0 && stage > 0 && !wide ? 2 : 1;
      x = depth == 50 ? bottleneck(m, path, x, width, stride, dilation) : basic_block(m, path, x, width, stride);
      if (wide && block == 0) dilation *= 2;
    }
  }
  return x;
}

Act squeeze_excite(Maker& m, const std::string& path, const Act& x, int64_t squeezed, bool hard) {
  Act s = m.global_pool(path + ".avgpool", x);
  s = m.conv(path + ".fc1", s, squeezed, 1, {.bias = true});
  s = hard ? m.relu(path + ".activation", s) : m.silu(path + ".activation", s);
  s = m.conv(path + ".fc2", s, m.channels(x), 1, {.bias = true});
  if (hard) {
    NetworkTensor gate = m.net.add_activation("HardSigmoid", s.value, {{"alpha", 1.0f / 6}, {"beta", 0.5f}}, Maker::node_name(path, "HardSigmoid"));
    return m.mul(path, {gate, 0.5, 0.28}, x);
  }
  return m.mul(path, m.sigmoid(path + ".scale_activation", s), x);
}

int64_t divisible(double value) {
  const auto rounded = static_cast<int64_t>(value + 4) / 8 * 8;
  const int64_t made = std::max<int64_t>(8, rounded);
  return static_cast<double>(made) < 0.9 * value ? made + 8 : made;
}

}  // namespace

void make_resnet(Maker& m, int depth) {
  Act x = resnet_features(m, "", m.image("input", 3, 224, 224, "batch_size"), depth, false);
  m.net.mark_output(m.fully_connected("fc", m.global_pool("avgpool", x), 1000, 2).value, "output");
}

void make_deeplabv3(Maker& m) {
  const Act image = m.image("input", 3, 520, 520, "batch_size");
  const Act x = resnet_features(m, "backbone.", image, 50, true);
  const std::string aspp = "classifier.0.";
  std::vector<Act> branches;
  const int64_t rates[] = {0, 12, 24, 36};
  for (int i = 0; i < 4; ++i) {
    const std::string path = aspp + "convs." + std::to_string(i);
    Act y = i == 0 ? m.conv(path + ".0", x, 256, 1) : m.conv(path + ".0", x, 256, 3, {.dilation = rates[i]});
    branches.push_back(m.relu(path + ".2", m.batch_norm(path + ".1", y)));
  }
  // Sizes are taken from the graph: they may be dynamic.
  const auto resize = [&](const std::string& path, const Act& from, NetworkTensor like) {
    const auto name = [&](const char* op) { return Maker::node_name(path, op); };
    NetworkTensor first = m.net.add_slice(m.net.add_shape(from.value, name("Shape")), {0}, {2}, {0}, {}, name("Slice"));
    NetworkTensor last = m.net.add_slice(m.net.add_shape(like, name("Shape_1")), {2}, {4}, {0}, {}, name("Slice_1"));
    NetworkTensor sizes = m.net.add_concat({first, last}, 0, name("Concat"));
    return Act{m.net.add_node("Resize", {from.value, {}, {}, sizes}, {{"mode", "linear"}, {"coordinate_transformation_mode", "half_pixel"}}, name("Resize")), from.mean,
               from.square};
  };
  Act pooled = m.conv(aspp + "convs.4.1", m.global_pool(aspp + "convs.4.0", x), 256, 1);
  pooled = m.relu(aspp + "convs.4.3", m.batch_norm(aspp + "convs.4.2", pooled));
  branches.push_back(resize(aspp + "convs.4", pooled, x.value));
  Act y = m.conv(aspp + "project.0", m.concat(aspp, branches, 1), 256, 1);
  y = m.relu(aspp + "project.2", m.batch_norm(aspp + "project.1", y));
  y = m.relu("classifier.3", m.batch_norm("classifier.2", m.conv("classifier.1", y, 256, 3)));
  y = m.conv("classifier.4", y, 21, 1, {.bias = true, .gain = 2});
  m.net.mark_output(resize("", y, image.value).value, "output");
}

void make_mobilenet_v2(Maker& m) {
  Act x = m.image("input", 3, 224, 224, "batch_size");
  int index = 0;
  const auto block = [&](const std::string& path, Act in, int64_t outputs, int64_t kernel, int64_t stride, int64_t groups) {
    return m.clip6(path + ".2", m.batch_norm(path + ".1", m.conv(path + ".0", in, outputs, kernel, {.stride = stride, .groups = groups})));
  };
  x = block("features." + std::to_string(index++), x, 32, 3, 2, 1);
  const int64_t settings[][4] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  for (const auto& [expand, outputs, count, first_stride] : settings) {
    for (int64_t i = 0; i < count; ++i) {
      const std::string path = "features." + std::to_string(index++) + ".conv.";
      const int64_t stride = i == 0 ? first_stride : 1, hidden = m.channels(x) * expand;
      Act y = x;
      int at = 0;
      if (expand != 1) y = block(path + std::to_string(at++), y, hidden, 1, 1, 1);
      y = block(path + std::to_string(at++), y, hidden, 3, stride, hidden);
      const bool residual = stride == 1 && m.channels(x) == outputs;
      y = m.batch_norm(path + std::to_string(at + 1), m.conv(path + std::to_string(at), y, outputs, 1), residual ? 0.5 : 1);
      x = residual ? m.add("features." + std::to_string(index - 1), x, y) : y;
    }
  }
  x = block("features." + std::to_string(index), x, 1280, 1, 1, 1);
  m.net.mark_output(m.fully_connected("classifier.1", m.global_pool("", x), 1000, 2).value, "output");
}

namespace {

struct InvertedResidual {
  int64_t kernel, expanded, outputs;
  bool excite, hard_swish;
  int64_t stride;
};

Act mobilenet_v3_block(Maker& m, const std::string& path, const Act& x, const InvertedResidual& how) {
  const auto activate = [&](const std::string& at, const Act& y) { return how.hard_swish ? m.hard_swish(at, y) : m.relu(at, y); };
  Act y = x;
  int at = 0;
  const auto next = [&] { return path + ".block." + std::to_string(at++); };
  if (how.expanded != m.channels(x)) {
    const std::string expand = next();
    y = activate(expand + ".2", m.batch_norm(expand + ".1", m.conv(expand + ".0", y, how.expanded, 1), 1, 1e-3f));
  }
  const std::string depthwise = next();
  y = m.conv(depthwise + ".0", y, how.expanded, how.kernel, {.stride = how.stride, .groups = how.expanded});
  y = activate(depthwise + ".2", m.batch_norm(depthwise + ".1", y, 1, 1e-3f));
  if (how.excite) y = squeeze_excite(m, next(), y, divisible(static_cast<double>(how.expanded) / 4), true);
  const bool residual = how.stride == 1 && m.channels(x) == how.outputs;
  const std::string project = next();
  y = m.batch_norm(project + ".1", m.conv(project + ".0", y, how.outputs, 1), residual ? 0.5 : 1, 1e-3f);
  return residual ? m.add(path, y, x) : y;
}

}  // namespace

void make_mobilenet_v3(Maker& m, bool large) {
  const std::vector<InvertedResidual> rows_large = {
      {3, 16, 16, false, false, 1},  {3, 64, 24, false, false, 2},  {3, 72, 24, false, false, 1},  {5, 72, 40, true, false, 2},   {5, 120, 40, true, false, 1},
      {5, 120, 40, true, false, 1},  {3, 240, 80, false, true, 2},  {3, 200, 80, false, true, 1},  {3, 184, 80, false, true, 1},  {3, 184, 80, false, true, 1},
      {3, 480, 112, true, true, 1},  {3, 672, 112, true, true, 1},  {5, 672, 160, true, true, 2},  {5, 960, 160, true, true, 1},  {5, 960, 160, true, true, 1}};
  const std::vector<InvertedResidual> rows_small = {
      {3, 16, 16, true, false, 2},  {3, 72, 24, false, false, 2}, {3, 88, 24, false, false, 1}, {5, 96, 40, true, true, 2},   {5, 240, 40, true, true, 1}, {5, 240, 40, true, true, 1},
      {5, 120, 48, true, true, 1},  {5, 144, 48, true, true, 1},  {5, 288, 96, true, true, 2},  {5, 576, 96, true, true, 1},  {5, 576, 96, true, true, 1}};
  Act x = m.image("input", 3, 224, 224, "batch_size");
  x = m.hard_swish("features.0.2", m.batch_norm("features.0.1", m.conv("features.0.0", x, 16, 3, {.stride = 2}), 1, 1e-3f));
  int index = 1;
  for (const InvertedResidual& row : large ? rows_large : rows_small) x = mobilenet_v3_block(m, "features." + std::to_string(index++), x, row);
  const std::string last = "features." + std::to_string(index);
  x = m.hard_swish(last + ".2", m.batch_norm(last + ".1", m.conv(last + ".0", x, 6 * m.channels(x), 1), 1, 1e-3f));
  x = m.fully_connected("classifier.0", m.global_pool("avgpool", x), large ? 1280 : 1024);
  x = m.hard_swish("classifier.1", x);
  m.net.mark_output(m.fully_connected("classifier.3", x, 1000, 2).value, "output");
}

std::vector<Act> efficientnet_b0_features(Maker& m, const std::string& prefix, const Act& image, Act& last) {
  struct Stage {
    int64_t expand, kernel, stride, outputs, count;
  };
  constexpr Stage kStages[] = {{1, 3, 1, 16, 1}, {6, 3, 2, 24, 2}, {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3}, {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
  Act x = m.silu(prefix + "0.2", m.batch_norm(prefix + "0.1", m.conv(prefix + "0.0", image, 32, 3, {.stride = 2})));
  std::vector<Act> features;
  int stage_index = 1;
  for (const Stage& stage : kStages) {
    for (int64_t i = 0; i < stage.count; ++i) {
      const std::string path = prefix + std::to_string(stage_index) + "." + std::to_string(i);
      const int64_t inputs = m.channels(x), hidden = inputs * stage.expand, stride = i == 0 ? stage.stride : 1;
      int at = 0;
      const auto next = [&] { return path + ".block." + std::to_string(at++); };
      Act y = x;
      if (stage.expand != 1) {
        const std::string expand = next();
        y = m.silu(expand + ".2", m.batch_norm(expand + ".1", m.conv(expand + ".0", y, hidden, 1)));
      }
      const std::string depthwise = next();
      y = m.silu(depthwise + ".2", m.batch_norm(depthwise + ".1", m.conv(depthwise + ".0", y, hidden, stage.kernel, {.stride = stride, .groups = hidden})));
      y = squeeze_excite(m, next(), y, std::max<int64_t>(1, inputs / 4), false);
      const bool residual = stride == 1 && inputs == stage.outputs;
      const std::string project = next();
      y = m.batch_norm(project + ".1", m.conv(project + ".0", y, stage.outputs, 1), residual ? 0.5 : 1);
      x = residual ? m.add(path, y, x) : y;
    }
    if (stage_index == 3 || stage_index == 5 || stage_index == 7) features.push_back(x);
    ++stage_index;
  }
  last = x;
  return features;
}

void make_efficientnet_b0(Maker& m) {
  Act x;
  efficientnet_b0_features(m, "features.", m.image("input", 3, 224, 224, "batch_size"), x);
  x = m.silu("features.8.2", m.batch_norm("features.8.1", m.conv("features.8.0", x, 1280, 1)));
  m.net.mark_output(m.fully_connected("classifier.1", m.global_pool("avgpool", x), 1000, 2).value, "output");
}

}  // namespace sinter::zoo
