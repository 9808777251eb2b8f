// EfficientDet-D0: EfficientNet-B0, three bidirectional feature pyramids with weighted sums, shared heads, suppression inside.
// input [batch,3,512,512] → boxes [batch,100,4] (x1, y1, x2, y2 in pixels), scores and classes [batch,100].
#include "zoo/maker.h"

namespace sinter::zoo {
namespace {

constexpr int64_t kWidth = 64, kClasses = 90, kAnchors = 9, kMost = 100;
constexpr int kLevels = 5;  // strides 8 to 128

class EfficientDet {
 public:
  explicit EfficientDet(Maker& maker) : m(maker), net(maker.net) {}

  void make() {
    const int64_t h = m.options.height ? m.options.height : 512, w = m.options.width ? m.options.width : 512;
    if (h <= 0 || w <= 0 || h % 128 != 0 || w % 128 != 0) {
      throw Error(SINTER_INVALID_ARGUMENT, "efficientdet_d0: found dynamic sides or other than multiples of 128, which its anchors are made for; give --hw 512");
    }
    const Act image = m.image("input", 3, 512, 512, "batch");
    Act last;
    std::vector<Act> levels = efficientnet_b0_features(m, "backbone.", image, last);
    const std::string first = "fpn.resample.";
    std::vector<Act> pyramid;
    for (int i = 0; i < 3; ++i) pyramid.push_back(project(first + "p" + std::to_string(i + 3), levels[static_cast<size_t>(i)]));
    pyramid.push_back(m.max_pool(first + "p6", project(first + "p6", last), 3, 2, 1));
    pyramid.push_back(m.max_pool(first + "p7", pyramid.back(), 3, 2, 1));
    for (int i = 0; i < 3; ++i) pyramid = bifpn("fpn.cell." + std::to_string(i), pyramid);
    heads(pyramid, h, w);
  }

 private:
  std::string name(const std::string& path, const std::string& op) const { return Maker::node_name(path, op); }
  Act project(const std::string& path, const Act& x) { return m.batch_norm(path + ".bn", m.conv(path + ".conv", x, kWidth, 1, {.bias = true}), 1, 1e-3f); }

  Act separable(const std::string& path, const Act& x, int64_t outputs, double gain = 1, double bias_centre = 0) {
    const Act y = m.conv(path + ".conv_dw", x, kWidth, 3, {.groups = kWidth});
    return m.conv(path + ".conv_pw", y, outputs, 1, {.bias = true, .gain = gain, .bias_centre = bias_centre});
  }

  // A sum with learned weights of at least 0 that add up to nearly 1, as the graph computes it.
  Act weighted(const std::string& path, const std::vector<Act>& parts) {
    const auto count = static_cast<int64_t>(parts.size());
    NetworkTensor w = net.add_relu(m.values(path + ".edge_weights", {count}, 1, 0.3), name(path, "Relu"));
    NetworkTensor total = net.add_sum(net.add_reduce("ReduceSum", w, {0}, true, name(path, "ReduceSum")), net.add_scalar(1e-4f), name(path, "Add"));
    NetworkTensor shares = net.add_div(w, total, name(path, "Div"));
    NetworkTensor sum;
    double square = 0, mean = 0;
    for (int64_t i = 0; i < count; ++i) {
      const Act& part = parts[static_cast<size_t>(i)];
      const std::string suffix = "_" + std::to_string(i);
      NetworkTensor share = net.add_gather(shares, net.add_scalar(i), 0, name(path, "Gather" + suffix));
      NetworkTensor scaled = net.add_mul(part.value, share, name(path, "Mul" + suffix));
      sum = i == 0 ? scaled : net.add_sum(sum, scaled, name(path, "Add" + suffix));
      square += part.variance() / static_cast<double>(count * count);
      mean += part.mean / static_cast<double>(count);
    }
    const Act mixed{sum, mean, square + mean * mean};
    return m.batch_norm(path + ".bn", separable(path, m.silu(path + ".act", mixed), kWidth), 1, 1e-3f);
  }

  Act up(const std::string& path, const Act& x) {
    return {net.add_resize_by(x.value, {1, 1, 2, 2}, "nearest", ResizeSampling::kAsymmetric, name(path, "Resize")), x.mean, x.square};
  }

  std::vector<Act> bifpn(const std::string& path, const std::vector<Act>& in) {
    std::vector<Act> down = in;
    for (int i = kLevels - 2; i >= 0; --i) {
      const std::string at = path + ".up." + std::to_string(i);
      const auto level = static_cast<size_t>(i);
      down[level] = weighted(at, {in[level], up(at, down[level + 1])});
    }
    std::vector<Act> out = down;
    for (int i = 1; i < kLevels; ++i) {
      const std::string at = path + ".down." + std::to_string(i);
      const auto level = static_cast<size_t>(i);
      const Act below = m.max_pool(at, out[level - 1], 3, 2, 1);
      out[level] = i == kLevels - 1 ? weighted(at, {in[level], below}) : weighted(at, {in[level], down[level], below});
    }
    return out;
  }

  // A head's convolutions are the same for all levels, its norms are not. [B,A,values]
  NetworkTensor head(const std::string& path, const std::vector<Act>& pyramid, int64_t values, double gain, double bias_centre) {
    std::vector<NetworkTensor> flat;
    for (size_t level = 0; level < pyramid.size(); ++level) {
      Act x = pyramid[level];
      const std::string suffix = "." + std::to_string(level);
      for (int i = 0; i < 3; ++i) {
        const std::string shared = path + ".conv_rep." + std::to_string(i), own = path + ".bn_rep." + std::to_string(i) + suffix;
        x = m.silu(own, m.batch_norm(own + ".bn", shared_separable(shared, own, x, kWidth, 1, 0), 1, 1e-3f));
      }
      x = shared_separable(path + ".predict", path + ".predict" + suffix, x, kAnchors * values, gain, bias_centre);
      NetworkTensor last = net.add_transpose(x.value, {0, 2, 3, 1}, name(path + suffix, "Transpose"));
      flat.push_back(net.add_reshape(last, Shape{0, -1, values}, name(path + suffix, "Reshape")));
    }
    return net.add_concat(flat, 1, name(path, "Concat"));
  }

  // Weights by one name, nodes by another.
  Act shared_separable(const std::string& weights, const std::string& node, const Act& x, int64_t outputs, double gain, double bias_centre) {
    NetworkTensor dw = m.weights(weights + ".conv_dw.weight", {kWidth, 1, 3, 3}, 1 / std::sqrt(9 * 0.356));
    NetworkTensor pw = m.weights(weights + ".conv_pw.weight", {outputs, kWidth, 1, 1}, gain / std::sqrt(static_cast<double>(kWidth)));
    NetworkTensor bias = m.values(weights + ".conv_pw.bias", {outputs}, bias_centre, 0.1);
    const WindowOptions depthwise{{}, {1, 1, 1, 1}, {}, kWidth, false, false, {}};
    NetworkTensor y = net.add_convolution(x.value, dw, {}, depthwise, name(node + ".conv_dw", "Conv"));
    return {net.add_convolution(y, pw, bias, {}, name(node + ".conv_pw", "Conv")), bias_centre, gain * gain + bias_centre * bias_centre};
  }

  // Centre and size in pixels, [A,4].
  static std::vector<float> anchors(const std::vector<Act>& pyramid) {
    std::vector<float> rows;
    for (size_t level = 0; level < pyramid.size(); ++level) {
      const Shape shape = pyramid[level].value.shape();
      const double stride = static_cast<double>(8 << level);
      for (int64_t cell = 0; cell < shape[2] * shape[3]; ++cell) {
        for (int octave = 0; octave < 3; ++octave) {
          for (const auto& [rx, ry] : {std::pair(1.0, 1.0), std::pair(1.4, 0.7), std::pair(0.7, 1.4)}) {
            const double size = 4 * stride * std::pow(2.0, octave / 3.0);
            for (const double number : {(static_cast<double>(cell % shape[3]) + 0.5) * stride, (static_cast<double>(cell / shape[3]) + 0.5) * stride, size * rx, size * ry}) {
              rows.push_back(static_cast<float>(number));
            }
          }
        }
      }
    }
    return rows;
  }

  void heads(const std::vector<Act>& pyramid, int64_t height, int64_t width) {
    NetworkTensor codes = head("box_net", pyramid, 4, 0.5, 0);
    NetworkTensor scores = net.add_sigmoid(head("class_net", pyramid, kClasses, 1.5, -4), "/Sigmoid");
    const std::vector<float> rows = anchors(pyramid);
    NetworkTensor table = net.add_constant<float>("anchors", rows, {static_cast<int64_t>(rows.size() / 4), 4});
    const auto part = [&](NetworkTensor x, int64_t from, int64_t axis, const std::string& node) { return net.add_slice(x, {from}, {from + 2}, {axis}, {}, node); };
    NetworkTensor anchor_sizes = part(table, 2, 1, "/decode/Slice");
    NetworkTensor centres = net.add_sum(net.add_mul(part(codes, 0, 2, "/decode/Slice_1"), anchor_sizes, "/decode/Mul"), part(table, 0, 1, "/decode/Slice_2"), "/decode/Add");
    NetworkTensor sizes = net.add_mul(net.add_unary("Exp", part(codes, 2, 2, "/decode/Slice_3"), "/decode/Exp"), anchor_sizes, "/decode/Mul_1");
    NetworkTensor halves = net.add_mul(sizes, net.add_scalar(0.5f), "/decode/Mul_2");
    NetworkTensor corners = net.add_concat({net.add_sub(centres, halves, "/decode/Sub"), net.add_sum(centres, halves, "/decode/Add_1")}, 2, "/decode/Concat");
    const auto w = static_cast<float>(width), h = static_cast<float>(height);
    NetworkTensor limits = net.add_constant<float>("limits", {w, h, w, h}, {4});
    corners = net.add_elementwise("Min", net.add_relu(corners, "/decode/Relu"), limits, "/decode/Min");
    const Detections found = suppress(net, "nms", corners, net.add_transpose(scores, {0, 2, 1}, "/Transpose"), kMost, 0.5f, 0.05f);
    net.mark_output(found.boxes, "boxes");
    net.mark_output(found.scores, "scores");
    net.mark_output(found.classes, "classes");
  }

  Maker& m;
  Network& net;
};

}  // namespace

void make_efficientdet_d0(Maker& maker) { EfficientDet(maker).make(); }

}  // namespace sinter::zoo
