// The same layers in oneDNN, relu fused, layouts and weights prepared as oneDNN asks.
#include <dnnl.hpp>

#include "kernels/layers.h"

namespace sinter::cpu {
namespace {

using dnnl::memory;

memory filled(const memory::desc& desc, const dnnl::engine& engine) {
  memory m(desc, engine);
  float* data = static_cast<float*>(m.get_data_handle());
  for (size_t i = 0; i < desc.get_size() / sizeof(float); ++i) data[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  return m;
}

dnnl::primitive_attr relu() {
  dnnl::post_ops ops;
  ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  dnnl::primitive_attr attr;
  attr.set_post_ops(ops);
  return attr;
}

std::function<void()> conv_layer(const ConvShape& s) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto any = memory::format_tag::any;
  const auto f32 = memory::data_type::f32;
  const bool image = s.channels < 8;
  const memory::desc src({s.batch, s.channels, s.h, s.w}, f32, image ? memory::format_tag::nchw : any);
  const memory::desc dst({s.batch, s.out_channels, s.oh, s.ow}, f32, any), bias({s.out_channels}, f32, any);
  const memory::desc weights =
      s.groups > 1 ? memory::desc({s.groups, s.out_channels / s.groups, s.channels / s.groups, s.kh, s.kw}, f32, any)
                   : memory::desc({s.out_channels, s.channels, s.kh, s.kw}, f32, any);
  const memory::dims end = {(s.oh - 1) * s.stride_h + (s.kh - 1) * s.dilation_h + 1 - s.h - s.pad_top,
                            (s.ow - 1) * s.stride_w + (s.kw - 1) * s.dilation_w + 1 - s.w - s.pad_left};
  const dnnl::convolution_forward::desc desc(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src, weights, bias, dst,
      {s.stride_h, s.stride_w}, {s.dilation_h - 1, s.dilation_w - 1}, {s.pad_top, s.pad_left}, end);
  const dnnl::convolution_forward::primitive_desc pd(desc, relu(), engine);
  const dnnl::convolution_forward primitive(pd);
  const dnnl::stream stream(engine);
  const std::unordered_map<int, memory> args = {{DNNL_ARG_SRC, filled(pd.src_desc(), engine)},
                                                {DNNL_ARG_WEIGHTS, filled(pd.weights_desc(), engine)},
                                                {DNNL_ARG_BIAS, filled(pd.bias_desc(), engine)},
                                                {DNNL_ARG_DST, memory(pd.dst_desc(), engine)}};
  return [=] { primitive.execute(stream, args); };
}

std::function<void()> matmul_layer(const Layer& layer) {
  const MatmulShape& s = layer.matmul;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto f32 = memory::data_type::f32;
  const bool constant = layer.kind == LayerKind::kMatmul;
  const auto tag = constant ? memory::format_tag::ab : memory::format_tag::abc;
  const auto b_tag = constant ? memory::format_tag::any : s.b_transposed ? memory::format_tag::acb : tag;
  const auto dims = [&](int64_t rows, int64_t cols) {
    return constant ? memory::dims{rows, cols} : memory::dims{s.batch, rows, cols};
  };
  const dnnl::matmul::desc desc(memory::desc(dims(s.m, s.k), f32, tag), memory::desc(dims(s.k, s.n), f32, b_tag),
                                memory::desc(dims(s.m, s.n), f32, tag));
  const dnnl::matmul::primitive_desc pd(desc, relu(), engine);
  const dnnl::matmul primitive(pd);
  const dnnl::stream stream(engine);
  const std::unordered_map<int, memory> args = {{DNNL_ARG_SRC, filled(pd.src_desc(), engine)},
                                                {DNNL_ARG_WEIGHTS, filled(pd.weights_desc(), engine)},
                                                {DNNL_ARG_DST, memory(pd.dst_desc(), engine)}};
  return [=] { primitive.execute(stream, args); };
}

}  // namespace

std::function<void()> onednn_layer(const Layer& layer) {
  if (layer.kind == LayerKind::kMatmul || layer.kind == LayerKind::kDynamicMatmul) return matmul_layer(layer);
  return conv_layer(layer.conv);
}

}  // namespace sinter::cpu
