#include "kernels/layers.h"

namespace sinter::cpu {
namespace {

Layer conv_layer(const char* network, const char* name, int count, int64_t size, int64_t in, int64_t out, int64_t k,
                 int64_t stride = 1, int64_t dilation = 1, int64_t groups = 1) {
  Layer layer{network, name, count, LayerKind::kConv, {}, {}};
  ConvShape& s = layer.conv;
  s.h = s.w = size;
  s.channels = in, s.out_channels = out;
  s.kh = s.kw = k;
  s.stride_h = s.stride_w = stride;
  s.dilation_h = s.dilation_w = dilation;
  s.pad_top = s.pad_left = (k - 1) * dilation / 2;
  s.oh = s.ow = (size - 1) / stride + 1;
  s.groups = groups;
  s.src_pixel_stride = in, s.dst_pixel_stride = out;
  if (groups == in && groups > 1) layer.kind = LayerKind::kDepthwise;
  if (in < 8) layer.kind = LayerKind::kFewChannels;
  return layer;
}

Layer depthwise_layer(const char* network, const char* name, int count, int64_t size, int64_t channels, int64_t k,
                      int64_t stride) {
  return conv_layer(network, name, count, size, channels, channels, k, stride, 1, channels);
}

Layer matmul_layer(const char* network, const char* name, int count, int64_t m, int64_t n, int64_t k, int64_t batch = 1,
                   bool transposed = false) {
  Layer layer{network, name, count, batch > 1 ? LayerKind::kDynamicMatmul : LayerKind::kMatmul, {}, {}};
  MatmulShape& s = layer.matmul;
  s.batch = batch, s.m = m, s.n = n, s.k = k;
  s.a_stride = k, s.c_stride = n, s.b_stride = transposed ? k : n, s.b_transposed = transposed;
  s.a_batch_stride = m * k, s.c_batch_stride = m * n, s.b_batch_stride = batch > 1 ? n * k : 0;
  return layer;
}

}  // namespace

double Layer::flops() const {
  if (kind == LayerKind::kMatmul || kind == LayerKind::kDynamicMatmul) {
    return 2.0 * matmul.batch * matmul.m * matmul.n * matmul.k;
  }
  return 2.0 * conv.batch * conv.oh * conv.ow * conv.out_channels * conv.kh * conv.kw * (conv.channels / conv.groups);
}

const std::vector<Layer>& all_layers() {
  static const std::vector<Layer> layers = {
      conv_layer("resnet50", "conv1 7x7/2", 1, 224, 3, 64, 7, 2),
      conv_layer("resnet50", "1x1 64-64 @56", 1, 56, 64, 64, 1),
      conv_layer("resnet50", "3x3 64 @56", 3, 56, 64, 64, 3),
      conv_layer("resnet50", "1x1 64-256 @56", 4, 56, 64, 256, 1),
      conv_layer("resnet50", "1x1 256-64 @56", 2, 56, 256, 64, 1),
      conv_layer("resnet50", "1x1 256-128 @56", 1, 56, 256, 128, 1),
      conv_layer("resnet50", "3x3/2 128 @56", 1, 56, 128, 128, 3, 2),
      conv_layer("resnet50", "3x3 128 @28", 3, 28, 128, 128, 3),
      conv_layer("resnet50", "1x1 128-512 @28", 4, 28, 128, 512, 1),
      conv_layer("resnet50", "1x1/2 256-512 @56", 1, 56, 256, 512, 1, 2),
      conv_layer("resnet50", "1x1 512-128 @28", 3, 28, 512, 128, 1),
      conv_layer("resnet50", "1x1 512-256 @28", 1, 28, 512, 256, 1),
      conv_layer("resnet50", "3x3/2 256 @28", 1, 28, 256, 256, 3, 2),
      conv_layer("resnet50", "3x3 256 @14", 5, 14, 256, 256, 3),
      conv_layer("resnet50", "1x1 256-1024 @14", 6, 14, 256, 1024, 1),
      conv_layer("resnet50", "1x1/2 512-1024 @28", 1, 28, 512, 1024, 1, 2),
      conv_layer("resnet50", "1x1 1024-256 @14", 5, 14, 1024, 256, 1),
      conv_layer("resnet50", "1x1 1024-512 @14", 1, 14, 1024, 512, 1),
      conv_layer("resnet50", "3x3/2 512 @14", 1, 14, 512, 512, 3, 2),
      conv_layer("resnet50", "3x3 512 @7", 2, 7, 512, 512, 3),
      conv_layer("resnet50", "1x1 512-2048 @7", 3, 7, 512, 2048, 1),
      conv_layer("resnet50", "1x1/2 1024-2048 @14", 1, 14, 1024, 2048, 1, 2),
      conv_layer("resnet50", "1x1 2048-512 @7", 2, 7, 2048, 512, 1),
      matmul_layer("resnet50", "fc 2048-1000", 1, 1, 1000, 2048),
      conv_layer("mobilenet_v2", "conv1 3x3/2", 1, 224, 3, 32, 3, 2),
      depthwise_layer("mobilenet_v2", "dw 32 @112", 1, 112, 32, 3, 1),
      conv_layer("mobilenet_v2", "1x1 32-16 @112", 1, 112, 32, 16, 1),
      conv_layer("mobilenet_v2", "1x1 16-96 @112", 1, 112, 16, 96, 1),
      depthwise_layer("mobilenet_v2", "dw/2 96 @112", 1, 112, 96, 3, 2),
      conv_layer("mobilenet_v2", "1x1 96-24 @56", 1, 56, 96, 24, 1),
      conv_layer("mobilenet_v2", "1x1 24-144 @56", 2, 56, 24, 144, 1),
      depthwise_layer("mobilenet_v2", "dw 144 @56", 1, 56, 144, 3, 1),
      conv_layer("mobilenet_v2", "1x1 144-24 @56", 1, 56, 144, 24, 1),
      depthwise_layer("mobilenet_v2", "dw/2 144 @56", 1, 56, 144, 3, 2),
      conv_layer("mobilenet_v2", "1x1 32-192 @28", 3, 28, 32, 192, 1),
      depthwise_layer("mobilenet_v2", "dw 192 @28", 2, 28, 192, 3, 1),
      conv_layer("mobilenet_v2", "1x1 192-32 @28", 2, 28, 192, 32, 1),
      conv_layer("mobilenet_v2", "1x1 64-384 @14", 4, 14, 64, 384, 1),
      depthwise_layer("mobilenet_v2", "dw 384 @14", 4, 14, 384, 3, 1),
      conv_layer("mobilenet_v2", "1x1 384-64 @14", 3, 14, 384, 64, 1),
      depthwise_layer("mobilenet_v2", "dw 576 @14", 2, 14, 576, 3, 1),
      conv_layer("mobilenet_v2", "1x1 160-960 @7", 3, 7, 160, 960, 1),
      depthwise_layer("mobilenet_v2", "dw 960 @7", 3, 7, 960, 3, 1),
      conv_layer("mobilenet_v2", "1x1 320-1280 @7", 1, 7, 320, 1280, 1),
      depthwise_layer("efficientnet_b0", "dw5 240 @28", 1, 28, 240, 5, 1),
      depthwise_layer("efficientnet_b0", "dw5 672 @14", 2, 14, 672, 5, 1),
      depthwise_layer("efficientnet_b0", "dw5 1152 @7", 3, 7, 1152, 5, 1),
      conv_layer("efficientnet_b0", "1x1 112-672 @14", 3, 14, 112, 672, 1),
      conv_layer("efficientnet_b0", "1x1 1152-192 @7", 3, 7, 1152, 192, 1),
      conv_layer("yolov8n", "conv1 3x3/2", 1, 640, 3, 16, 3, 2),
      conv_layer("yolov8n", "3x3/2 16-32 @320", 1, 320, 16, 32, 3, 2),
      conv_layer("yolov8n", "3x3 16 @160", 2, 160, 16, 16, 3),
      conv_layer("yolov8n", "3x3 32 @80", 6, 80, 32, 32, 3),
      conv_layer("yolov8n", "3x3 64 @40", 6, 40, 64, 64, 3),
      conv_layer("yolov8n", "3x3 128 @20", 2, 20, 128, 128, 3),
      conv_layer("yolov8n", "3x3 64-80 @80", 1, 80, 64, 80, 3),
      conv_layer("deeplabv3", "3x3 d2 256 @64", 5, 64, 256, 256, 3, 1, 2),
      conv_layer("deeplabv3", "3x3 d4 512 @64", 2, 64, 512, 512, 3, 1, 4),
      conv_layer("deeplabv3", "aspp d12 2048-256", 1, 64, 2048, 256, 3, 1, 12),
      conv_layer("deeplabv3", "aspp d36 2048-256", 1, 64, 2048, 256, 3, 1, 36),
      matmul_layer("vit_b_16", "qkv 197x2304x768", 12, 197, 2304, 768),
      matmul_layer("vit_b_16", "out 197x768x768", 12, 197, 768, 768),
      matmul_layer("vit_b_16", "fc1 197x3072x768", 12, 197, 3072, 768),
      matmul_layer("vit_b_16", "fc2 197x768x3072", 12, 197, 768, 3072),
      matmul_layer("vit_b_16", "qk 12x197x197x64", 12, 197, 197, 64, 12, true),
      matmul_layer("vit_b_16", "av 12x197x64x197", 12, 197, 64, 197, 12),
      matmul_layer("bert_base", "128x768x768", 48, 128, 768, 768),
      matmul_layer("bert_base", "128x3072x768", 12, 128, 3072, 768),
      matmul_layer("bert_base", "128x768x3072", 12, 128, 768, 3072),
      matmul_layer("gemv", "1x4096x4096", 1, 1, 4096, 4096),
      matmul_layer("gemv", "4x4096x4096", 1, 4, 4096, 4096),
      matmul_layer("gemv", "8x4096x4096", 1, 8, 4096, 4096),
  };
  return layers;
}

}  // namespace sinter::cpu
