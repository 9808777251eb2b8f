// SSD MobileNetV2 as tf2onnx writes a frozen graph: channels last, a Transpose around every convolution, bytes in, suppression inside.
// input_tensor u8 [batch,300,300,3] → detection_boxes [batch,100,4] (ymin, xmin, ymax, xmax of 0..1), detection_classes, detection_scores, num_detections.
#include "zoo/maker.h"

namespace sinter::zoo {
namespace {

constexpr int64_t kClasses = 91, kMost = 100;  // with the background, class 0

class Ssd {
 public:
  explicit Ssd(Maker& maker) : m(maker), net(maker.net) {}

  void make() {
    const int64_t side = m.options.height ? m.options.height : 300;
    if (side == kDynamic || m.options.width != m.options.height || side < 160) {
      throw Error(SINTER_INVALID_ARGUMENT, "ssd_mobilenet: found dynamic, unequal or small sides, expected one number of at least 160, which its anchors are made for; give --hw 300");
    }
    NetworkTensor input = net.add_input("input_tensor", SINTER_U8, {m.options.batch, side, side, 3}, {"batch"});
    NetworkTensor scaled = net.add_mul(net.add_cast(input, SINTER_F32, "Preprocessor/Cast"), net.add_scalar(2.0f / 255), "Preprocessor/mul");
    const Act image{net.add_sub(scaled, net.add_scalar(1.0f), "Preprocessor/sub"), 0, 0.333};
    std::vector<Act> maps;
    Act x = backbone(image, maps);
    maps.push_back(x);
    const int64_t extras[][2] = {{256, 512}, {128, 256}, {128, 256}, {64, 128}};
    int index = 2;
    for (const auto& [squeezed, outputs] : extras) {
      const std::string path = "FeatureExtractor/MobilenetV2/layer_19_" + std::to_string(index++);
      maps.push_back(x = unit(path + "_3x3_s2", unit(path + "_1x1", x, squeezed, 1, 1, 1, true), outputs, 3, 2, 1, true));
    }
    predict(maps);
  }

 private:
  static int64_t channels(const Act& x) { return x.value.shape()[3]; }

  // TensorFlow's SAME: what is missing is added behind first.
  static Shape same_padding(const Shape& shape, int64_t kernel, int64_t stride) {
    Shape begins, ends;
    for (size_t axis = 1; axis <= 2; ++axis) {
      const int64_t outputs = (shape[axis] + stride - 1) / stride, total = std::max<int64_t>(0, (outputs - 1) * stride + kernel - shape[axis]);
      begins.push_back(total / 2);
      ends.push_back(total - total / 2);
    }
    begins.insert(begins.end(), ends.begin(), ends.end());
    return begins;
  }

  // Conv2D of a channels-last value: transposed before and after.
  Act conv(const std::string& path, const Act& x, int64_t outputs, int64_t kernel, int64_t stride, int64_t groups, bool bias, double gain = 1, double bias_centre = 0) {
    const int64_t inputs = channels(x) / groups, fan_in = inputs * kernel * kernel;
    NetworkTensor w = m.weights(path + "/weights", {outputs, inputs, kernel, kernel}, gain / std::sqrt(static_cast<double>(fan_in) * x.seen()));
    NetworkTensor b = bias ? m.values(path + "/biases", {outputs}, bias_centre, 0.1) : NetworkTensor();
    const WindowOptions window{{stride, stride}, same_padding(x.value.shape(), kernel, stride), {}, groups, false, false, {}};
    NetworkTensor y = net.add_convolution(net.add_transpose(x.value, {0, 3, 1, 2}, path + "__to_nchw"), w, b, window, path + "/Conv2D");
    return {net.add_transpose(y, {0, 2, 3, 1}, path + "__to_nhwc"), bias_centre, gain * gain + bias_centre * bias_centre};
  }

  Act unit(const std::string& path, const Act& x, int64_t outputs, int64_t kernel, int64_t stride, int64_t groups, bool activate, double gain = 1) {
    const Act y = conv(path, x, outputs, kernel, stride, groups, false);
    NetworkTensor channels_first = net.add_transpose(y.value, {0, 3, 1, 2}, path + "/FusedBatchNormV3__to_nchw");
    const Act normed = m.batch_norm(path + "/BatchNorm", {channels_first, y.mean, y.square}, gain, 1e-3f);
    const Act back{net.add_transpose(normed.value, {0, 2, 3, 1}, path + "/FusedBatchNormV3__to_nhwc"), normed.mean, normed.square};
    return activate ? m.clip6(path + "/Relu6", back) : back;
  }

  // `maps` gets the expansion of the block at stride 16.
  Act backbone(const Act& image, std::vector<Act>& maps) {
    const std::string root = "FeatureExtractor/MobilenetV2/";
    Act x = unit(root + "Conv", image, 32, 3, 2, 1, true);
    const int64_t settings[][4] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    int index = 0;
    for (const auto& [expand, outputs, count, first_stride] : settings) {
      for (int64_t i = 0; i < count; ++i) {
        const std::string path = root + "expanded_conv" + (index ? "_" + std::to_string(index) : "");
        const int64_t stride = i == 0 ? first_stride : 1, hidden = channels(x) * expand;
        Act y = expand == 1 ? x : unit(path + "/expand", x, hidden, 1, 1, 1, true);
        if (index++ == 13) maps.push_back(y);
        y = unit(path + "/depthwise", y, hidden, 3, stride, hidden, true);
        const bool residual = stride == 1 && channels(x) == outputs;
        y = unit(path + "/project", y, outputs, 1, 1, 1, false, residual ? 0.5 : 1);
        x = residual ? m.add(path + "/add", y, x) : y;
      }
    }
    return unit(root + "Conv_1", x, 1280, 1, 1, 1, true);
  }

  // Anchors [A,4] of all maps as centre and size (y, x, h, w) of 0..1: two scales and three to five shapes a cell.
  std::vector<float> anchors(const std::vector<Act>& maps) const {
    std::vector<float> rows;
    for (size_t level = 0; level < maps.size(); ++level) {
      const Shape shape = maps[level].value.shape();
      const auto scale_at = [](size_t i) { return i < 6 ? 0.2 + 0.15 * static_cast<double>(i) : 1.0; };
      std::vector<std::pair<double, double>> shapes;  // scale, ratio
      if (level == 0) shapes = {{0.1, 1}, {0.2, 2}, {0.2, 0.5}};
      else {
        for (const double ratio : {1.0, 2.0, 0.5, 3.0, 1.0 / 3}) shapes.emplace_back(scale_at(level), ratio);
        shapes.emplace_back(std::sqrt(scale_at(level) * scale_at(level + 1)), 1);
      }
      for (int64_t cell = 0; cell < shape[1] * shape[2]; ++cell) {
        for (const auto& [scale, ratio] : shapes) {
          const double root = std::sqrt(ratio);
          for (const double number : {(static_cast<double>(cell / shape[2]) + 0.5) / static_cast<double>(shape[1]),
                                      (static_cast<double>(cell % shape[2]) + 0.5) / static_cast<double>(shape[2]), scale / root, scale * root}) {
            rows.push_back(static_cast<float>(number));
          }
        }
      }
    }
    return rows;
  }

  void predict(const std::vector<Act>& maps) {
    std::vector<NetworkTensor> boxes, classes;
    for (size_t i = 0; i < maps.size(); ++i) {
      const std::string path = "BoxPredictor_" + std::to_string(i);
      const int64_t count = i == 0 ? 3 : 6;
      const Act b = conv(path + "/BoxEncodingPredictor", maps[i], 4 * count, 1, 1, 1, true);
      const Act c = conv(path + "/ClassPredictor", maps[i], kClasses * count, 1, 1, 1, true, 1.5, -3);
      boxes.push_back(net.add_reshape(b.value, Shape{0, -1, 4}, path + "/Reshape"));
      classes.push_back(net.add_reshape(c.value, Shape{0, -1, kClasses}, path + "/Reshape_1"));
    }
    const std::vector<float> rows = anchors(maps);
    const auto count = static_cast<int64_t>(rows.size() / 4);
    NetworkTensor table = net.add_constant<float>("MultipleGridAnchorGenerator/anchors", rows, {count, 4});
    NetworkTensor codes = net.add_concat(boxes, 1, "concat"), logits = net.add_concat(classes, 1, "concat_1");
    const std::string at = "Postprocessor/Decode/";
    const auto part = [&](NetworkTensor x, int64_t from, int64_t axis, const std::string& name) { return net.add_slice(x, {from}, {from + 2}, {axis}, {}, at + name); };
    NetworkTensor anchor_sizes = part(table, 2, 1, "anchor_sizes");
    NetworkTensor moved = net.add_mul(net.add_div(part(codes, 0, 2, "centers"), net.add_scalar(10.0f), at + "truediv"), anchor_sizes, at + "mul");
    NetworkTensor centres = net.add_sum(moved, part(table, 0, 1, "anchor_centers"), at + "add");
    NetworkTensor sizes = net.add_unary("Exp", net.add_div(part(codes, 2, 2, "sizes"), net.add_scalar(5.0f), at + "truediv_1"), at + "Exp");
    NetworkTensor halves = net.add_div(net.add_mul(sizes, anchor_sizes, at + "mul_1"), net.add_scalar(2.0f), at + "truediv_2");
    NetworkTensor corners = net.add_concat({net.add_sub(centres, halves, at + "sub"), net.add_sum(centres, halves, at + "add_1")}, 2, at + "stack");
    corners = net.add_clip(corners, 0, 1, "Postprocessor/ClipToWindow");
    NetworkTensor scores = net.add_slice(net.add_sigmoid(logits, "Postprocessor/Sigmoid"), {1}, {kClasses}, {2}, {}, "Postprocessor/Slice");
    const Detections found = suppress(net, "Postprocessor/BatchMultiClassNonMaxSuppression", corners, net.add_transpose(scores, {0, 2, 1}, "Postprocessor/transpose"), kMost, 0.6f,
                                      0.3f);
    NetworkTensor zero = net.add_scalar(0.0f);
    NetworkTensor filled = net.add_cast(net.add_elementwise("Greater", found.scores, zero, "Postprocessor/Greater"), SINTER_F32, "Postprocessor/Cast_2");
    net.mark_output(found.boxes, "detection_boxes");
    NetworkTensor labels = net.add_sum(net.add_cast(found.classes, SINTER_F32, "Postprocessor/Cast"), net.add_scalar(1.0f), "Postprocessor/add");
    net.mark_output(net.add_mul(labels, filled, "Postprocessor/mul"), "detection_classes");
    net.mark_output(found.scores, "detection_scores");
    net.mark_output(net.add_reduce("ReduceSum", filled, {1}, false, "Postprocessor/Sum"), "num_detections");
  }

  Maker& m;
  Network& net;
};

}  // namespace

void make_ssd_mobilenet(Maker& maker) { Ssd(maker).make(); }

}  // namespace sinter::zoo
