// YOLOv8 as ultralytics exports it: images → output0 [batch,84,anchors], boxes as centre and size in pixels, then 80 scores; with suppression inside
// output0 is [batch,300,6]: corners, score, class.
#include "zoo/maker.h"

namespace sinter::zoo {
namespace {

constexpr int64_t kBins = 16, kClasses = 80, kMost = 300;
constexpr int64_t kStrides[] = {8, 16, 32};

class Yolo {
 public:
  Yolo(Maker& maker, char size) : m(maker), width_(size == 's' ? 0.5 : 0.25) {}

  void make() {
    const Act image = m.image("images", 3, 640, 640, "batch");
    const Act p1 = block("model.0", image, wide(64), 3, 2), p2 = block("model.1", p1, wide(128), 3, 2);
    const Act p3 = c2f("model.4", block("model.3", c2f("model.2", p2, wide(128), 1, true), wide(256), 3, 2), wide(256), 2, true);
    const Act p4 = c2f("model.6", block("model.5", p3, wide(512), 3, 2), wide(512), 2, true);
    const Act p5 = pyramid("model.9", c2f("model.8", block("model.7", p4, wide(1024), 3, 2), wide(1024), 1, true));
    const Act n4 = c2f("model.12", m.concat("model.11", {upsample("model.10", p5), p4}, 1), wide(512), 1, false);
    const Act n3 = c2f("model.15", m.concat("model.14", {upsample("model.13", n4), p3}, 1), wide(256), 1, false);
    const Act o4 = c2f("model.18", m.concat("model.17", {block("model.16", n3, wide(256), 3, 2), n4}, 1), wide(512), 1, false);
    const Act o5 = c2f("model.21", m.concat("model.20", {block("model.19", o4, wide(512), 3, 2), p5}, 1), wide(1024), 1, false);
    detect("model.22", {n3, o4, o5});
  }

 private:
  int64_t wide(int64_t channels) const { return static_cast<int64_t>(static_cast<double>(channels) * width_); }
  std::string name(const std::string& path, const std::string& op) const { return Maker::node_name(path, op); }

  Act block(const std::string& path, const Act& x, int64_t outputs, int64_t kernel, int64_t stride, double gain = 1) {
    return m.silu(path + ".act", m.batch_norm(path + ".bn", m.conv(path + ".conv", x, outputs, kernel, {.stride = stride}), gain, 1e-3f));
  }

  Act c2f(const std::string& path, const Act& x, int64_t outputs, int count, bool shortcut) {
    const int64_t half = outputs / 2;
    const Act both = block(path + ".cv1", x, outputs, 1, 1);
    const auto split = m.net.add_split(both.value, {half, half}, 1, name(path, "Split"));
    std::vector<Act> parts{{split[0], both.mean, both.square}, {split[1], both.mean, both.square}};
    for (int i = 0; i < count; ++i) {
      const std::string at = path + ".m." + std::to_string(i);
      Act y = block(at + ".cv2", block(at + ".cv1", parts.back(), half, 3, 1), half, 3, 1);
      parts.push_back(shortcut ? m.add(at, parts.back(), y) : y);
    }
    return block(path + ".cv2", m.concat(path, parts, 1), outputs, 1, 1);
  }

  // SPPF
  Act pyramid(const std::string& path, const Act& x) {
    std::vector<Act> parts{block(path + ".cv1", x, m.channels(x) / 2, 1, 1)};
    for (int i = 0; i < 3; ++i) parts.push_back(m.max_pool(path + ".m" + std::to_string(i), parts.back(), 5, 1, 2));
    return block(path + ".cv2", m.concat(path, parts, 1), m.channels(x), 1, 1);
  }

  Act upsample(const std::string& path, const Act& x) {
    return {m.net.add_resize_by(x.value, {1, 1, 2, 2}, "nearest", ResizeSampling::kAsymmetric, name(path, "Resize")), x.mean, x.square};
  }

  // Centres of the cells [1,2,A] and strides [1,A], in cells and pixels.
  std::pair<NetworkTensor, NetworkTensor> anchors(const std::string& path, const std::vector<Act>& levels) {
    return m.options.height == kDynamic || m.options.width == kDynamic ? computed_anchors(path, levels) : constant_anchors(path, levels);
  }

  std::pair<NetworkTensor, NetworkTensor> constant_anchors(const std::string& path, const std::vector<Act>& levels) {
    std::vector<float> x, y, strides;
    for (size_t level = 0; level < levels.size(); ++level) {
      const Shape shape = levels[level].value.shape();
      for (int64_t cell = 0; cell < shape[2] * shape[3]; ++cell) {
        x.push_back(static_cast<float>(cell % shape[3]) + 0.5f);
        y.push_back(static_cast<float>(cell / shape[3]) + 0.5f);
        strides.push_back(static_cast<float>(kStrides[level]));
      }
    }
    const auto count = static_cast<int64_t>(x.size());
    x.insert(x.end(), y.begin(), y.end());
    return {m.net.add_constant<float>(path + ".anchors", x, {1, 2, count}), m.net.add_constant<float>(path + ".strides", strides, {1, count})};
  }

  // Where sizes are dynamic the graph counts the cells.
  std::pair<NetworkTensor, NetworkTensor> computed_anchors(const std::string& path, const std::vector<Act>& levels) {
    Network& net = m.net;
    std::vector<NetworkTensor> centres, strides;
    for (size_t level = 0; level < levels.size(); ++level) {
      const std::string at = path + ".level" + std::to_string(level);
      NetworkTensor shape = net.add_shape(levels[level].value, name(at, "Shape"));
      NetworkTensor sizes = net.add_slice(shape, {2}, {4}, {0}, {}, name(at, "Slice"));
      const auto axis = [&](int64_t index, const Shape& dims, const std::string& suffix) {
        NetworkTensor count = net.add_gather(shape, net.add_scalar<int64_t>(index), 0, name(at, "Gather" + suffix));
        NetworkTensor cells = net.add_node("Range", {net.add_scalar<int64_t>(0), count, net.add_scalar<int64_t>(1)}, {}, name(at, "Range" + suffix));
        NetworkTensor centre = net.add_sum(net.add_cast(cells, SINTER_F32, name(at, "Cast" + suffix)), net.add_scalar(0.5f), name(at, "Add" + suffix));
        NetworkTensor grid = net.add_node("Expand", {net.add_reshape(centre, dims, name(at, "Reshape" + suffix)), sizes}, {}, name(at, "Expand" + suffix));
        return net.add_reshape(grid, Shape{1, 1, -1}, name(at, "Flat" + suffix));
      };
      NetworkTensor both = net.add_concat({axis(3, {1, -1}, "_x"), axis(2, {-1, 1}, "_y")}, 1, name(at, "Concat"));
      centres.push_back(both);
      NetworkTensor cells = net.add_slice(net.add_shape(both, name(at, "Shape_1")), {2}, {3}, {0}, {}, name(at, "Slice_1"));
      strides.push_back(net.add_node("Expand", {net.add_scalar(static_cast<float>(kStrides[level])), cells}, {}, name(at, "Expand_s")));
    }
    NetworkTensor all = net.add_concat(strides, 0, name(path, "Concat_strides"));
    return {net.add_concat(centres, 2, name(path, "Concat_anchors")), net.add_unsqueeze(all, {0}, name(path, "Unsqueeze_strides"))};
  }

  void detect(const std::string& path, const std::vector<Act>& levels) {
    Network& net = m.net;
    const int64_t box_width = std::max<int64_t>({16, m.channels(levels[0]) / 4, 4 * kBins}), class_width = std::max<int64_t>(m.channels(levels[0]), kClasses);
    std::vector<NetworkTensor> flat;
    for (size_t i = 0; i < levels.size(); ++i) {
      const std::string box = path + ".cv2." + std::to_string(i), cls = path + ".cv3." + std::to_string(i);
      Act b = block(box + ".1", block(box + ".0", levels[i], box_width, 3, 1), box_width, 3, 1);
      b = m.conv(box + ".2", b, 4 * kBins, 1, {.bias = true, .bias_centre = 1});
      Act c = block(cls + ".1", block(cls + ".0", levels[i], class_width, 3, 1), class_width, 3, 1);
      c = m.conv(cls + ".2", c, kClasses, 1, {.bias = true, .gain = 1.5, .bias_centre = -4});
      NetworkTensor both = net.add_concat({b.value, c.value}, 1, name(path, "Concat_" + std::to_string(i)));
      flat.push_back(net.add_reshape(both, Shape{0, 4 * kBins + kClasses, -1}, name(path, "Reshape_" + std::to_string(i))));
    }
    const auto parts = net.add_split(net.add_concat(flat, 2, name(path, "Concat_3")), {4 * kBins, kClasses}, 1, name(path, "Split"));
    const auto [centres, strides] = anchors(path, levels);
    // The distances to the sides are means over bins.
    NetworkTensor bins = net.add_transpose(net.add_reshape(parts[0], Shape{0, 4, kBins, -1}, name(path + ".dfl", "Reshape")), {0, 2, 1, 3}, name(path + ".dfl", "Transpose"));
    std::vector<float> numbers;
    for (int64_t i = 0; i < kBins; ++i) numbers.push_back(static_cast<float>(i));
    NetworkTensor w = net.add_constant<float>(path + ".dfl.conv.weight", numbers, {1, kBins, 1, 1});
    NetworkTensor sides = net.add_convolution(net.add_softmax(bins, 1, name(path + ".dfl", "Softmax")), w, {}, {}, name(path + ".dfl.conv", "Conv"));
    sides = net.add_reshape(sides, Shape{0, 4, -1}, name(path + ".dfl", "Reshape_1"));
    NetworkTensor low = net.add_sub(centres, net.add_slice(sides, {0}, {2}, {1}, {}, name(path, "Slice")), name(path, "Sub"));
    NetworkTensor high = net.add_sum(centres, net.add_slice(sides, {2}, {4}, {1}, {}, name(path, "Slice_1")), name(path, "Add"));
    NetworkTensor scores = net.add_sigmoid(parts[1], name(path, "Sigmoid"));
    if (m.options.nms) return suppressed(path, net.add_concat({low, high}, 1, name(path, "Concat_4")), strides, scores);
    NetworkTensor middle = net.add_div(net.add_sum(low, high, name(path, "Add_1")), net.add_scalar(2.0f), name(path, "Div"));
    NetworkTensor size = net.add_sub(high, low, name(path, "Sub_1"));
    NetworkTensor boxes = net.add_mul(net.add_concat({middle, size}, 1, name(path, "Concat_4")), strides, name(path, "Mul"));
    net.mark_output(net.add_concat({boxes, scores}, 1, name(path, "Concat_5")), "output0");
  }

  void suppressed(const std::string& path, NetworkTensor corners, NetworkTensor strides, NetworkTensor scores) {
    Network& net = m.net;
    NetworkTensor boxes = net.add_transpose(net.add_mul(corners, strides, name(path, "Mul")), {0, 2, 1}, name(path, "Transpose"));
    const Detections found = suppress(net, path + ".nms", boxes, scores, kMost, 0.7f, 0.25f);
    NetworkTensor classes = net.add_cast(found.classes, SINTER_F32, name(path, "Cast"));
    net.mark_output(net.add_concat({found.boxes, net.add_unsqueeze(found.scores, {2}, name(path, "Unsqueeze")), net.add_unsqueeze(classes, {2}, name(path, "Unsqueeze_1"))}, 2,
                                   name(path, "Concat_5")),
                    "output0");
  }

  Maker& m;
  double width_;
};

}  // namespace

void make_yolov8(Maker& maker, char size) { Yolo(maker, size).make(); }

}  // namespace sinter::zoo
