"""Networks that are made in code through python/compat/tensorrt."""
import unittest

import models
import numpy as np
import sinter
import tensorrt as trt

RNG = np.random.default_rng(9)


class Layers(unittest.TestCase):
    def run_network(self, make, *inputs, generation=None):
        """make(network, tensors) → tensors; their values for the inputs."""
        builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
        network = builder.create_network(1)
        tensors = [network.add_input(f"x{i}", {"float32": trt.float32, "int32": trt.int32, "bool": trt.bool}[x.dtype.name], x.shape) for i, x in enumerate(inputs)]
        outputs = make(network, *tensors)
        for i, tensor in enumerate(outputs):
            tensor.name = f"y{i}"
            network.mark_output(tensor)
        shapes = [tuple(tensor.shape) for tensor in outputs]
        config = builder.create_builder_config()
        config.clear_flag(trt.BuilderFlag.TF32)
        plan = builder.build_serialized_network(network, config)
        self.assertIsNotNone(plan)
        found = sinter.load(plan).infer({f"x{i}": x for i, x in enumerate(inputs)})
        for i, shape in enumerate(shapes):
            self.assertEqual(found[f"y{i}"].shape, shape)
        return [found[f"y{i}"] for i in range(len(outputs))]

    def test_a_whole_network(self):
        _, weights = models.conv_net()
        x = RNG.normal(size=(1, 3, 16, 16)).astype(np.float32)

        def make(network, tensor):
            first = network.add_convolution_nd(tensor, 8, (3, 3), trt.Weights(weights["w1"]), trt.Weights(weights["b1"]))
            first.stride_nd, first.padding_nd = (2, 2), (1, 1)
            relu = network.add_activation(first.get_output(0), trt.ActivationType.RELU)
            second = network.add_convolution_nd(input=relu.get_output(0), num_output_maps=16, kernel_shape=(3, 3), kernel=weights["w2"], bias=weights["b2"])
            second.padding_nd = trt.Dims2(1, 1)
            second.name = "second"
            relu = network.add_activation(second.get_output(0), type=trt.ActivationType.RELU)
            self.assertEqual(tuple(relu.get_output(0).shape), (1, 16, 8, 8))
            pool = network.add_pooling_nd(relu.get_output(0), trt.PoolingType.AVERAGE, (8, 8))
            flat = network.add_shuffle(pool.get_output(0))
            flat.reshape_dims = (0, -1)
            matrix = network.add_constant((16, 10), weights["w3"])
            product = network.add_matrix_multiply(flat.get_output(0), trt.MatrixOperation.NONE, matrix.get_output(0), trt.MatrixOperation.NONE)
            bias = network.add_constant((1, 10), weights["b3"])
            self.assertEqual(network.num_layers, 9)
            return [network.add_elementwise(product.get_output(0), bias.get_output(0), trt.ElementWiseOperation.SUM).get_output(0)]

        wanted = models.conv_net_values(weights, x)
        self.assertLess(np.abs(self.run_network(make, x)[0] - wanted).max() / np.abs(wanted).max(), 1e-5)

    def test_single_layers(self):
        x, y = RNG.normal(size=(2, 3, 4, 5)).astype(np.float32), RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)
        e, a, u, r = trt.ElementWiseOperation, trt.ActivationType, trt.UnaryOperation, trt.ReduceOperation

        def clip(n, t):
            layer = n.add_activation(t, a.CLIP)
            layer.alpha, layer.beta = -0.5, 0.25
            return [layer.get_output(0)]

        def leaky(n, t):
            layer = n.add_activation(t, a.LEAKY_RELU)
            layer.alpha = 0.1
            return [layer.get_output(0)]

        def transposed(n, t):
            layer = n.add_shuffle(t)
            layer.first_transpose, layer.reshape_dims, layer.second_transpose = (0, 2, 3, 1), (2, 20, 3), (1, 0, 2)
            return [layer.get_output(0)]

        def concatenated(n, s, t):
            layer = n.add_concatenation([s, t])
            layer.axis = 2
            return [layer.get_output(0), n.add_concatenation([s, t]).get_output(0)]

        def soft(n, t):
            layer = n.add_softmax(t)
            layer.axes = 1 << 3
            return [layer.get_output(0)]

        def resized(n, t):
            layer = n.add_resize(t)
            layer.shape = (2, 3, 8, 10)
            return [layer.get_output(0)]

        def vectors(n, s, t):
            return [n.add_matrix_multiply(s, trt.MatrixOperation.NONE, t, trt.MatrixOperation.TRANSPOSE).get_output(0)]

        shift, scale = np.array([1, 2, 3], np.float32), np.array([2, 0.5, -1], np.float32)
        soft_x = np.exp(x - x.max(3, keepdims=True))
        cases = [
            (lambda n, s, t: [n.add_elementwise(s, t, op).get_output(0) for op in (e.SUM, e.PROD, e.MAX, e.MIN, e.SUB, e.DIV)], [x + y, x * y, np.maximum(x, y), np.minimum(x, y), x - y, x / y], x, y),
            (lambda n, s, t: [n.add_elementwise(s, t, e.FLOOR_DIV).get_output(0)], [np.floor(x / y)], x, y),
            (clip, [x.clip(-0.5, 0.25)], x), (leaky, [np.where(x > 0, x, np.float32(0.1) * x)], x), (transposed, [x.transpose(0, 2, 3, 1).reshape(2, 20, 3).transpose(1, 0, 2)], x),
            (concatenated, [np.concatenate([x, y], 2), np.concatenate([x, y], 1)], x, y), (soft, [soft_x / soft_x.sum(3, keepdims=True)], x),
            (resized, [x.repeat(2, 2).repeat(2, 3)], x), (vectors, [x @ y.transpose(0, 1, 3, 2)], x, y),
            (lambda n, t: [n.add_scale(t, trt.ScaleMode.CHANNEL, shift, scale).get_output(0)], [x * scale.reshape(3, 1, 1) + shift.reshape(3, 1, 1)], x),
            (lambda n, t: [n.add_unary(t, op).get_output(0) for op in (u.EXP, u.NEG, u.ABS, u.FLOOR, u.TANH if hasattr(u, "TANH") else u.SIN)], [np.exp(x), -x, abs(x), np.floor(x), np.sin(x)], x),
            (lambda n, t: [n.add_reduce(t, r.AVG, 0b1100, keep).get_output(0) for keep in (True, False)], [x.mean((2, 3), keepdims=True), x.mean((2, 3))], x),
            (lambda n, t: [n.add_slice(t, (0, 1, 0, 4), (2, 2, 2, 3), (1, 1, 2, -1)).get_output(0)], [x[:, 1:3, 0:4:2, 4:1:-1]], x),
            (lambda n, t: [n.add_padding_nd(t, (1, 2), (0, 3)).get_output(0)], [np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 3)))], x),
            (lambda n, t: [n.add_gather(t, n.add_constant((2,), np.array([2, 0], np.int32)).get_output(0), 1).get_output(0)], [x[:, [2, 0]]], x),
            (lambda n, t: [layer.get_output(i) for layer in [n.add_topk(t, trt.TopKOperation.MAX, 2, 1 << 3)] for i in (0, 1)], [-np.sort(-x, 3)[..., :2], np.argsort(-x, 3)[..., :2]], x),
            (lambda n, s, t: [n.add_einsum([s, t], "bchw,bchw->bc").get_output(0)], [np.einsum("bchw,bchw->bc", x, y)], x, y),
            (lambda n, t: [n.add_cast(t, trt.int32).get_output(0), n.add_identity(t).get_output(0), n.add_shape(t).get_output(0)], [x.astype(np.int32), x, np.array(x.shape)], x),
            (lambda n, s, t: [n.add_select(n.add_elementwise(s, t, e.GREATER).get_output(0), s, t).get_output(0)], [np.maximum(x, y)], x, y),
        ]
        for number, (make, wanted, *inputs) in enumerate(cases):
            with self.subTest(case=number):
                found = self.run_network(make, *inputs)
                for got, want in zip(found, wanted):
                    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)

    def test_layers_after_a_parsed_model(self):
        model, weights = models.conv_net()
        builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
        network = builder.create_network(1)
        self.assertTrue(trt.OnnxParser(network, builder.logger).parse(model))
        scores = network.get_output(0)
        network.unmark_output(scores)
        best = network.add_topk(scores, trt.TopKOperation.MAX, 3, 1 << 1)
        best.get_output(1).name = "classes"
        network.mark_output(best.get_output(1))
        x = RNG.normal(size=(1, 3, 16, 16)).astype(np.float32)
        found = sinter.load(builder.build_serialized_network(network, builder.create_builder_config())).infer(x)
        np.testing.assert_array_equal(found["classes"], np.argsort(-models.conv_net_values(weights, x))[:, :3])

    def test_what_is_refused(self):
        builder = trt.Builder(trt.Logger(trt.Logger.INTERNAL_ERROR))
        network = builder.create_network(1)
        tensor = network.add_input("x", trt.float32, (1, 3, 4, 4))
        for wrong in (lambda: network.add_input("x", trt.float32, (1,)), lambda: network.add_input("", trt.float32, (1,)), lambda: network.add_input("z", 99, (1,)),
                      lambda: network.add_activation(None, trt.ActivationType.RELU), lambda: network.add_concatenation([tensor, 3]), lambda: network.mark_output("x"),
                      lambda: network.add_input("z", trt.float32, "shape")):
            with self.assertRaises((TypeError, ValueError)):
                wrong()
        with self.assertRaises(NotImplementedError):
            network.add_loop()
        layer = network.add_convolution_nd(tensor, 4, (3, 3), np.zeros(5, np.float32))
        network.mark_output(layer.get_output(0))
        self.assertIsNone(builder.build_serialized_network(network, builder.create_builder_config()))


if __name__ == "__main__":
    unittest.main()
