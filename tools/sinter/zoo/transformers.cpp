// ViT-B/16 as torchvision has it, BERT base as transformers exports it, and a two-layer bidirectional LSTM.
#include "zoo/maker.h"

namespace sinter::zoo {
namespace {

constexpr int64_t kWidth = 768, kHeads = 12, kHeadWidth = 64, kInner = 3072;
constexpr int kLayers = 12;

// [B,T,768] → [B,heads,T,64]
NetworkTensor heads_of(Maker& m, const std::string& path, NetworkTensor x, const std::string& suffix, const Shape& order = {0, 2, 1, 3}) {
  NetworkTensor split = m.net.add_reshape(x, Shape{0, -1, kHeads, kHeadWidth}, Maker::node_name(path, "Reshape" + suffix));
  return m.net.add_transpose(split, order, Maker::node_name(path, "Transpose" + suffix));
}

// Attention of heads; mask (added to the scores) may be absent.
Act attend(Maker& m, const std::string& path, NetworkTensor q, NetworkTensor k_transposed, NetworkTensor v, NetworkTensor mask) {
  Network& net = m.net;
  const auto name = [&](const char* op) { return Maker::node_name(path, op); };
  NetworkTensor scores = net.add_div(net.add_matmul(q, k_transposed, name("MatMul")), net.add_scalar(8.0f), name("Div"));
  if (mask) scores = net.add_sum(scores, mask, name("Add"));
  NetworkTensor mixed = net.add_matmul(net.add_softmax(scores, -1, name("Softmax")), v, name("MatMul_1"));
  NetworkTensor joined = net.add_transpose(mixed, {0, 2, 1, 3}, name("Transpose_3"));
  // Means over many tokens are small.
  return {net.add_reshape(joined, Shape{0, -1, kWidth}, name("Reshape_3")), 0, 0.1};
}

Act vit_layer(Maker& m, const std::string& path, const Act& x) {
  const std::string attention = path + ".self_attention";
  const Act normed = m.layer_norm(path + ".ln_1", x, 1e-6f);
  const Act qkv = m.dense(attention + ".in_proj", normed, kWidth, 3 * kWidth);
  const auto parts = m.net.add_split(qkv.value, {kWidth, kWidth, kWidth}, 2, Maker::node_name(attention, "Split"));
  NetworkTensor q = heads_of(m, attention, parts[0], ""), k = heads_of(m, attention, parts[1], "_1", {0, 2, 3, 1}), v = heads_of(m, attention, parts[2], "_2");
  Act y = m.dense(attention + ".out_proj", attend(m, attention, q, k, v, {}), kWidth, kWidth, 0.5);
  y = m.add(path, y, x);
  Act z = m.dense(path + ".mlp.0", m.layer_norm(path + ".ln_2", y, 1e-6f), kWidth, kInner);
  z = m.dense(path + ".mlp.3", m.gelu(path + ".mlp.1", z), kInner, kWidth, 0.5);
  return m.add(path + ".mlp", y, z);
}

Act bert_layer(Maker& m, const std::string& path, const Act& x, NetworkTensor mask) {
  const std::string self = path + ".attention.self";
  NetworkTensor q = heads_of(m, self, m.dense(self + ".query", x, kWidth, kWidth).value, "");
  NetworkTensor k = heads_of(m, self, m.dense(self + ".key", x, kWidth, kWidth).value, "_1", {0, 2, 3, 1});
  NetworkTensor v = heads_of(m, self, m.dense(self + ".value", x, kWidth, kWidth).value, "_2");
  Act y = m.dense(path + ".attention.output.dense", attend(m, self, q, k, v, mask), kWidth, kWidth, 0.7);
  y = m.layer_norm(path + ".attention.output.LayerNorm", m.add(path + ".attention.output", y, x), 1e-12f);
  Act z = m.gelu(path + ".intermediate.intermediate_act_fn", m.dense(path + ".intermediate.dense", y, kWidth, kInner));
  z = m.dense(path + ".output.dense", z, kInner, kWidth, 0.7);
  return m.layer_norm(path + ".output.LayerNorm", m.add(path + ".output", z, y), 1e-12f);
}

}  // namespace

void make_vit_b_16(Maker& m) {
  Network& net = m.net;
  const Act image = m.image("input", 3, 224, 224, "batch_size");
  const Shape dims = image.value.shape();
  if (dims[2] < 16 || dims[3] < 16 || dims[2] % 16 != 0 || dims[3] % 16 != 0) {
    throw Error(SINTER_INVALID_ARGUMENT, "vit_b_16: found a picture of other sides than fixed multiples of 16, which its table of positions needs; give --hw 224");
  }
  const int64_t tokens = dims[2] / 16 * (dims[3] / 16) + 1;
  const Act patches = m.conv("conv_proj", image, kWidth, 16, {.stride = 16, .padding = 0, .bias = true});
  NetworkTensor x = net.add_transpose(net.add_reshape(patches.value, Shape{0, kWidth, -1}, "/Reshape"), {0, 2, 1}, "/Transpose");
  NetworkTensor batch = net.add_slice(net.add_shape(image.value, "/Shape"), {0}, {1}, {0}, {}, "/Slice");
  NetworkTensor target = net.add_concat({batch, net.add_ints({1, kWidth})}, 0, "/Concat");
  NetworkTensor token = net.add_node("Expand", {m.values("class_token", {1, 1, kWidth}, 0, 1), target}, {}, "/Expand");
  x = net.add_concat({token, x}, 1, "/Concat_1");
  x = net.add_sum(x, m.values("encoder.pos_embedding", {1, tokens, kWidth}, 0, 0.5), "/encoder/Add");
  Act y{x, 0, 1.1};
  for (int i = 0; i < kLayers; ++i) y = vit_layer(m, "encoder.layers.encoder_layer_" + std::to_string(i), y);
  y = m.layer_norm("encoder.ln", y, 1e-6f);
  const Act first{net.add_gather(y.value, net.add_scalar<int64_t>(0), 1, "/Gather"), 0, 1};
  net.mark_output(m.fully_connected("heads.head", first, 1000, 2).value, "output");
}

void make_bert_base(Maker& m) {
  Network& net = m.net;
  const int64_t length = m.options.width ? m.options.width : 128;
  if (length > 512) throw Error(SINTER_INVALID_ARGUMENT, "bert_base: found a sequence of " + std::to_string(length) + " tokens, expected at most 512; give a shorter one");
  const auto input = [&](const char* name) { return net.add_input(name, SINTER_I64, {m.options.batch, length}, {"batch", "sequence"}); };
  NetworkTensor ids = input("input_ids"), mask = input("attention_mask"), types = input("token_type_ids");
  const std::string at = "embeddings.";
  std::vector<int64_t> positions(512);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<int64_t>(i);
  NetworkTensor position_ids = net.add_constant<int64_t>("embeddings.position_ids", positions, {1, 512});
  NetworkTensor count = net.add_slice(net.add_shape(ids, "/embeddings/Shape"), {1}, {2}, {0}, {}, "/embeddings/Slice");
  position_ids = net.add_node("Slice", {position_ids, net.add_ints({0}), count, net.add_ints({1})}, {}, "/embeddings/Slice_1");
  const auto look_up = [&](const std::string& table, int64_t rows, NetworkTensor indices) {
    return net.add_gather(m.values(at + table + ".weight", {rows, kWidth}, 0, 1), indices, 0, Maker::node_name(at + table, "Gather"));
  };
  NetworkTensor x = net.add_sum(look_up("word_embeddings", 30522, ids), look_up("token_type_embeddings", 2, types), "/embeddings/Add");
  x = net.add_sum(x, look_up("position_embeddings", 512, position_ids), "/embeddings/Add_1");
  Act y = m.layer_norm(at + "LayerNorm", {x, 0, 1}, 1e-12f);
  NetworkTensor wide = net.add_cast(net.add_unsqueeze(mask, {1, 2}, "/Unsqueeze"), SINTER_F32, "/Cast");
  NetworkTensor closed = net.add_mul(net.add_sub(net.add_scalar(1.0f), wide, "/Sub"), net.add_scalar(-3.4028235e38f), "/Mul");
  for (int i = 0; i < kLayers; ++i) y = bert_layer(m, "encoder.layer." + std::to_string(i), y, closed);
  net.mark_output(y.value, "last_hidden_state");
  const Act first{net.add_gather(y.value, net.add_scalar<int64_t>(0), 1, "/pooler/Gather"), 0, 1};
  net.mark_output(net.add_unary("Tanh", m.fully_connected("pooler.dense", first, kWidth).value, "/pooler/activation/Tanh"), "pooler_output");
}

void make_lstm(Maker& m) {
  Network& net = m.net;
  constexpr int64_t kInputs = 128, kHidden = 256, kOutputs = 64;
  const int64_t steps = m.options.width ? m.options.width : 50;
  NetworkTensor given = net.add_input("input", SINTER_F32, {m.options.batch, steps, kInputs}, {"batch", "sequence"});
  NetworkTensor x = net.add_transpose(given, {1, 0, 2}, "/lstm/Transpose");
  NetworkTensor batch = net.add_slice(net.add_shape(given, "/lstm/Shape"), {0}, {1}, {0}, {}, "/lstm/Slice");
  NetworkTensor state_shape = net.add_concat({net.add_ints({2}), batch, net.add_ints({kHidden})}, 0, "/lstm/Concat");
  NetworkTensor state = net.add_node("ConstantOfShape", {state_shape}, {}, "/lstm/ConstantOfShape");
  for (int layer = 0; layer < 2; ++layer) {
    const std::string suffix = "_l" + std::to_string(layer), node = layer ? "/lstm/LSTM_1" : "/lstm/LSTM";
    const int64_t inputs = layer ? 2 * kHidden : kInputs;
    const double deviation = 1 / std::sqrt(static_cast<double>(kHidden));
    NetworkTensor w = m.weights("lstm.weight_ih" + suffix, {2, 4 * kHidden, inputs}, deviation, false);
    NetworkTensor r = m.weights("lstm.weight_hh" + suffix, {2, 4 * kHidden, kHidden}, deviation, false);
    NetworkTensor b = m.weights("lstm.bias" + suffix, {2, 8 * kHidden}, 0.1, false);
    const auto made = net.add_node("LSTM", {x, w, r, b, {}, state, state}, {{"direction", "bidirectional"}, {"hidden_size", kHidden}}, 1, node);
    // [steps,2,batch,hidden] → [steps,batch,2*hidden]
    NetworkTensor both = net.add_transpose(made[0], {0, 2, 1, 3}, node + "_Transpose");
    x = net.add_reshape(both, Shape{0, 0, -1}, node + "_Reshape");
  }
  const Act out{net.add_transpose(x, {1, 0, 2}, "/lstm/Transpose_3"), 0, 0.1};
  net.mark_output(m.dense("fc", out, 2 * kHidden, kOutputs).value, "output");
}

}  // namespace sinter::zoo
