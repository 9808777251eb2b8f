"""python/compat/onnx_graphsurgeon: import and export, what graphs can be asked and how they are changed. Results are run by Sinter."""
import unittest

import models
import numpy as np
import onnx
import onnx_graphsurgeon as gs
import sinter

F32 = np.float32


def run(graph, inputs=None, **how):
    model = gs.export_onnx(graph, **how)
    onnx.checker.check_model(model)
    return sinter.load_or_build(model.SerializeToString(), tf32=False, threads=1).infer(inputs or {})


def small():
    """y = relu(x w + b) + one * one"""
    x, y = gs.Variable("x", F32, (2, 4)), gs.Variable("y", F32, (2, 3))
    m, a, r, s = (gs.Variable(name) for name in "mars")
    w, b, one = gs.Constant("w", np.arange(12, dtype=F32).reshape(4, 3) - 5), gs.Constant("b", np.ones(3, F32)), gs.Constant("one", np.full(1, 2, F32))
    nodes = [gs.Node("MatMul", "mm", inputs=[x, w], outputs=[m]), gs.Node("Add", "add", inputs=[m, b], outputs=[a]), gs.Node("Relu", "relu", inputs=[a], outputs=[r]),
             gs.Node("Mul", "square", inputs=[one, one], outputs=[s]), gs.Node("Add", "sum", inputs=[r, s], outputs=[y])]
    return gs.Graph(nodes, [x], [y], opset=17)


X = np.linspace(-1, 1, 8, dtype=F32).reshape(2, 4)
EXPECTED = np.maximum(X @ (np.arange(12, dtype=F32).reshape(4, 3) - 5) + 1, 0) + 4


class Links(unittest.TestCase):
    def test_lists_keep_both_sides(self):
        a, b, c = (gs.Variable(name) for name in "abc")
        node = gs.Node("Op", "n", inputs=[a, b], outputs=[c])
        self.assertTrue(a.outputs[0] is node and c.inputs[0] is node)
        node.inputs[0] = c
        self.assertEqual((len(a.outputs), [x.name for x in node.inputs]), (0, ["c", "b"]))
        node.inputs.remove(b)
        self.assertEqual(b.outputs, [])
        c.inputs.clear()
        self.assertEqual(node.outputs, [])
        node.outputs = [a]
        self.assertIs(a.inputs[0], node)
        node.inputs += [b, b]
        self.assertEqual(len(b.outputs), 2)
        node.inputs.pop()
        self.assertEqual(len(b.outputs), 1)
        del node.inputs[:]
        self.assertEqual((b.outputs, node.inputs), ([], []))
        node.inputs.insert(0, b)
        b.outputs.clear()
        self.assertEqual(node.inputs, [])
        a.outputs.append(node)
        self.assertIs(node.inputs[0], a)
        with self.assertRaisesRegex(gs.OnnxGraphSurgeonException, "expected Tensor"):
            node.inputs.append("text")
        with self.assertRaises(ValueError):
            node.inputs.remove(gs.Variable("absent"))

    def test_neighbours(self):
        graph = small()
        relu = graph.nodes[2]
        self.assertEqual((relu.i().name, relu.o().name, relu.i(0).i().name), ("add", "sum", "mm"))
        self.assertEqual((relu.inputs[0].i().name, relu.inputs[0].o().name), ("m", "r"))

    def test_kinds_change_in_place(self):
        graph = small()
        b = graph.tensors()["b"]
        b.to_variable(F32, [3])
        graph.inputs.append(b)
        np.testing.assert_allclose(run(graph, {"x": X, "b": np.ones(3, F32)})["y"], EXPECTED, rtol=1e-5)
        b.to_constant(np.ones(3, F32))
        graph.inputs.pop()
        np.testing.assert_allclose(run(graph, {"x": X})["y"], EXPECTED, rtol=1e-5)
        self.assertTrue(gs.Variable.empty().is_empty())
        with self.assertRaisesRegex(gs.OnnxGraphSurgeonException, "expected a numpy array"):
            gs.Constant("c", [1, 2])

    def test_equality(self):
        self.assertEqual(small(), small())
        other = small()
        other.nodes[2].op = "Tanh"
        self.assertNotEqual(small(), other)
        self.assertEqual(gs.Node("A", attrs={"v": np.ones(2)}), gs.Node("A", attrs={"v": np.ones(2)}))
        self.assertIn("MatMul", str(small()))


class Editing(unittest.TestCase):
    def test_model_from_nothing(self):
        np.testing.assert_allclose(run(small(), {"x": X})["y"], EXPECTED, rtol=1e-5)

    def test_round_trip_of_files(self):
        data, _ = models.conv_net(size=32, classes=10)
        before = onnx.load_model_from_string(data)
        graph = gs.import_onnx(before)
        after = gs.export_onnx(graph)
        onnx.checker.check_model(after)
        self.assertEqual([node.op_type for node in before.graph.node], [node.op_type for node in after.graph.node])
        self.assertEqual([(i.name, i.type.SerializeToString()) for i in before.graph.input], [(i.name, i.type.SerializeToString()) for i in after.graph.input])
        self.assertEqual(before.opset_import[0].version, after.opset_import[0].version)
        x = np.random.default_rng(1).normal(size=(1, 3, 32, 32)).astype(F32)
        one, two = (sinter.load_or_build(model.SerializeToString(), tf32=False).infer(x)["output"] for model in (before, after))
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)  # each build takes what is fastest at the moment

    def test_fold(self):
        graph = small()
        self.assertIs(graph.fold_constants(), graph)
        graph.cleanup().toposort()
        self.assertEqual([node.op for node in graph.nodes], ["MatMul", "Add", "Relu", "Add"])
        self.assertEqual(graph.tensors()["s"].values.tolist(), [4])
        np.testing.assert_allclose(run(graph, {"x": X})["y"], EXPECTED, rtol=1e-5)

    def test_fold_threshold_exclusion_and_random(self):
        graph = small()
        graph.fold_constants(size_threshold=1).cleanup()
        self.assertIn("Mul", [node.op for node in graph.nodes])
        graph = small()
        graph.fold_constants(should_exclude_node=lambda node: node.op == "Mul").cleanup()
        self.assertIn("Mul", [node.op for node in graph.nodes])
        graph = small()
        graph.nodes[3].op, graph.nodes[3].inputs, graph.nodes[3].attrs = "RandomNormalLike", [graph.tensors()["one"]], {"seed": 1.0}
        graph.fold_constants().cleanup()
        self.assertIn("RandomNormalLike", [node.op for node in graph.nodes])

    def test_fold_keeps_what_cannot_be_computed(self):
        graph = small()
        graph.nodes[3].op = "NobodyHasThis"
        graph.fold_constants()
        self.assertEqual(graph.nodes[3].op, "NobodyHasThis")
        graph = small()
        graph.nodes[3].op = "NobodyHasThis"
        with self.assertRaisesRegex(gs.OnnxGraphSurgeonException, "square.*could not be computed"):
            graph.fold_constants(error_ok=False)
        with self.assertRaisesRegex(gs.OnnxGraphSurgeonException, "expected None, basic or recursive"):
            graph.fold_constants(partitioning="some")

    def test_fold_shapes(self):
        x, y = gs.Variable("x", F32, ("n", 3, 8)), gs.Variable("y", np.int64, (1,))
        graph = gs.Graph([], [x], [y], opset=17)
        shape = graph.layer(op="Shape", inputs=[x], outputs=["shape"])[0]
        two = graph.layer(op="Slice", inputs=[shape, np.array([1]), np.array([3])], outputs=["two"])[0]
        last = graph.layer(op="Gather", inputs=[shape, np.array([2])], outputs=["last"], attrs={"axis": 0})[0]
        product = graph.layer(op="ReduceProd", inputs=[two], outputs=["product"], attrs={"keepdims": 1})[0]
        graph.nodes.append(gs.Node("Add", "sum", inputs=[product, last], outputs=[y]))
        graph.fold_constants().cleanup()
        self.assertEqual([node.op for node in graph.nodes], [])
        self.assertEqual(y.values.tolist(), [32])
        first = gs.Graph([], [x], [gs.Variable("n", np.int64, ())], opset=17)
        shape = first.layer(op="Shape", inputs=[x], outputs=["s"])[0]
        first.nodes.append(gs.Node("Gather", inputs=[shape, gs.Constant("i", np.array(0))], outputs=[first.outputs[0]]))
        first.fold_constants().cleanup()
        self.assertEqual(len(first.nodes), 2)  # the batch is not known

    def test_if_with_a_known_condition(self):
        def branch(name, op):
            out = gs.Variable(name + "_out", F32, (2, 4))
            return gs.Graph([gs.Node(op, name + "_node", inputs=[x], outputs=[out])], [], [out], opset=17)

        x, y = gs.Variable("x", F32, (2, 4)), gs.Variable("y", F32, (2, 4))
        node = gs.Node("If", "if", {"then_branch": branch("a", "Relu"), "else_branch": branch("b", "Neg")}, [gs.Constant("c", np.array(False))], [y])
        graph = gs.Graph([node], [x], [y], opset=17)
        np.testing.assert_array_equal(run(graph, {"x": X})["y"], -X)
        again = gs.import_onnx(gs.export_onnx(graph))
        np.testing.assert_array_equal(run(again, {"x": X})["y"], -X)
        again.fold_constants().cleanup()
        self.assertEqual([node.op for node in again.nodes], ["Neg"])
        np.testing.assert_array_equal(run(again, {"x": X})["y"], -X)

    def test_extract(self):
        graph = gs.import_onnx(gs.export_onnx(small()))
        tensors = graph.tensors()
        graph.inputs, graph.outputs = [tensors["m"].to_variable(F32, (2, 3))], [tensors["r"].to_variable(F32, (2, 3))]
        graph.cleanup()
        self.assertEqual([node.op for node in graph.nodes], ["Add", "Relu"])
        m = np.linspace(-3, 3, 6, dtype=F32).reshape(2, 3)
        np.testing.assert_allclose(run(graph, {"m": m})["r"], np.maximum(m + 1, 0))

    def test_remove_and_replace(self):
        graph = small()
        relu = next(node for node in graph.nodes if node.op == "Relu")
        relu.o().inputs[0] = relu.inputs[0]
        graph.cleanup()
        self.assertNotIn("Relu", [node.op for node in graph.nodes])
        for node in graph.nodes:
            if node.op == "Add" and node.name == "sum":
                node.op = "Sub"
        np.testing.assert_allclose(run(graph, {"x": X})["y"], X @ (np.arange(12, dtype=F32).reshape(4, 3) - 5) + 1 - 4, rtol=1e-5)

    def test_layer_and_register(self):
        @gs.Graph.register()
        def doubled(self, tensor):
            return self.layer(op="Mul", inputs=[tensor, np.array(2, F32)], outputs=["doubled"])[0]

        @gs.Graph.register(opsets=[9])
        def old_only(self):
            return None

        graph = small()
        graph.outputs = [graph.doubled(graph.doubled(graph.outputs[0]))]
        graph.outputs[0].dtype = F32
        np.testing.assert_allclose(run(graph, {"x": X})[graph.outputs[0].name], 4 * EXPECTED, rtol=1e-5)
        with self.assertRaisesRegex(AttributeError, "opsets \\[9\\]"):
            graph.old_only()
        with self.assertRaisesRegex(AttributeError, "no function of that name"):
            graph.nobody()
        self.assertEqual(len(set(graph.tensors(check_duplicates=True))), len(graph.tensors()))
        with self.assertRaisesRegex(gs.OnnxGraphSurgeonException, "expected a Tensor"):
            graph.layer(op="Mul", inputs=[object()], outputs=["z"])

    def test_plugin_in_place_of_a_subgraph(self):
        graph = small()
        tensors = graph.tensors()
        tensors["m"].outputs.clear()
        tensors["y"].inputs.clear()
        graph.layer(op="MyPlugin", name="plugin", domain="my", attrs={"scale": 2.5, "axes": [0, 1], "mode": "fast"}, inputs=[tensors["m"]], outputs=[tensors["y"]])
        graph.cleanup()
        model = gs.export_onnx(graph)
        self.assertEqual([node.op_type for node in model.graph.node], ["MatMul", "MyPlugin"])
        self.assertEqual({entry.domain: entry.version for entry in model.opset_import}, {"": 17, "my": 1})
        node = gs.import_onnx(model).nodes[1]
        self.assertEqual((dict(node.attrs), node.domain), ({"scale": 2.5, "axes": [0, 1], "mode": "fast"}, "my"))

    def test_toposort(self):
        graph = small()
        graph.nodes.reverse()
        graph.toposort()
        np.testing.assert_allclose(run(graph, {"x": X})["y"], EXPECTED, rtol=1e-5)
        next(node for node in graph.nodes if node.op == "MatMul").inputs[0] = graph.tensors()["r"]
        with self.assertRaisesRegex(gs.OnnxGraphSurgeonException, "cycle through"):
            graph.toposort()

    def test_dynamic_batch_and_names(self):
        graph = small()
        graph.inputs[0].shape[0] = graph.outputs[0].shape[0] = "N"
        graph.inputs[0].name = "renamed"
        model = gs.export_onnx(graph)
        self.assertEqual(model.graph.input[0].type.tensor_type.shape.dim[0].dim_param, "N")
        x = np.concatenate([X, X, X])
        np.testing.assert_allclose(sinter.load_or_build(model.SerializeToString(), tf32=False).infer({"renamed": x})["y"], np.concatenate([EXPECTED] * 3), rtol=1e-5)

    def test_copies_are_apart(self):
        graph = small()
        other = graph.copy()
        other.nodes[2].op = "Neg"
        other.tensors()["m"].name = "other"
        self.assertEqual((graph, graph.nodes[2].op, "m" in graph.tensors()), (small(), "Relu", True))
        self.assertIs(other.tensors()["w"].values, graph.tensors()["w"].values)

    def test_cleanup_of_inputs_and_outputs(self):
        graph = small()
        graph.inputs.append(gs.Variable("unused", F32, (1,)))
        graph.nodes.append(gs.Node("Neg", inputs=[graph.inputs[0]], outputs=[gs.Variable("nowhere")]))
        graph.cleanup()
        self.assertEqual((len(graph.nodes), len(graph.inputs)), (5, 2))
        graph.cleanup(remove_unused_graph_inputs=True)
        self.assertEqual(len(graph.inputs), 1)
        split = gs.Node("Split", inputs=[graph.inputs[0]], outputs=[gs.Variable("s0"), gs.Variable("s1")], attrs={"axis": 1})
        graph.nodes.append(split)
        graph.outputs.append(split.outputs[0])
        graph.cleanup(remove_unused_node_outputs=True)
        self.assertEqual([tensor.name for tensor in split.outputs], ["s0"])

    def test_patterns(self):
        pattern = gs.GraphPattern()
        x, w, b = pattern.variable(), pattern.constant(), pattern.constant()
        product = pattern.add("mm", "MatMul", inputs=[x, w])
        added = pattern.add("bias", "Add", inputs=[product, b], check_func=lambda node: node.name != "sum")
        pattern.set_output_tensors([added])
        found = pattern.match_all(small())
        self.assertEqual(len(found), 1)
        self.assertEqual((found[0]["mm"].name, found[0].get("bias").name, found[0].inputs[0].name, [c.name for c in found[0].constants], found[0].outputs[0].name),
                         ("mm", "add", "x", ["w", "b"], "a"))
        outer = gs.GraphPattern()
        y = outer.variable()
        c, d = outer.constant(), outer.constant()
        linear = outer.add("linear", pattern, inputs=[y])
        outer.set_output_tensors([outer.add("act", "Relu", inputs=[linear])])
        del c, d
        self.assertEqual(outer.match_all(small())[0]["linear"]["mm"].name, "mm")
        pattern.nodes[0].op = "Gemm"
        self.assertEqual(pattern.match_all(small()), [])

    def test_functions(self):
        a, b = gs.Variable("a"), gs.Variable("b")
        body = gs.Node("LeakyRelu", inputs=[a], outputs=[b], attrs={"alpha": gs.Node.AttributeRef("slope", float)})
        function = gs.Function("MyLeaky", domain="mine", nodes=[body], inputs=[a], outputs=[b], opset=17, attrs={"slope": None})
        x, y = gs.Variable("x", F32, (2, 4)), gs.Variable("y", F32, (2, 4))
        graph = gs.Graph([gs.Node("MyLeaky", "n", {"slope": 0.5}, [x], [y], "mine")], [x], [y], opset=17, functions=[function])
        np.testing.assert_allclose(run(graph, {"x": X})["y"], np.where(X < 0, X / 2, X), rtol=1e-6)
        again = gs.import_onnx(gs.export_onnx(graph))
        self.assertEqual((again.functions[0].unique_id, again.functions[0].nodes[0].attrs["alpha"].name), (("mine", "MyLeaky"), "slope"))
        np.testing.assert_allclose(run(again, {"x": X})["y"], np.where(X < 0, X / 2, X), rtol=1e-6)
        out = again.MyLeaky(again.outputs[0], slope=0.25)[0]
        out.dtype, again.outputs = F32, [out]
        np.testing.assert_allclose(list(run(again, {"x": X}).values())[0], np.where(X < 0, X / 8, X), rtol=1e-6)

    def test_types_that_numpy_has_not(self):
        graph = small()
        b = graph.tensors()["b"]
        b.export_dtype = onnx.TensorProto.BFLOAT16
        b.values = np.array([1.0, 1.00390625 + 0.00390625, -2.5], F32)
        tensor = next(tensor for tensor in gs.export_onnx(graph).graph.initializer if tensor.name == "b")
        self.assertEqual((tensor.data_type, list(np.frombuffer(tensor.raw_data, "<u2"))), (onnx.TensorProto.BFLOAT16, [0x3F80, 0x3F81, 0xC020]))


class Refusals(unittest.TestCase):
    def refused(self, graph, pattern, **how):
        with self.assertRaisesRegex(gs.OnnxGraphSurgeonException, pattern):
            gs.export_onnx(graph, **how)

    def test_what_is_no_valid_file(self):
        graph = small()
        graph.outputs[0].dtype = None
        self.refused(graph, "output 'y': found no dtype")
        gs.export_onnx(graph, do_type_check=False)
        graph = small()
        graph.nodes[0].outputs.clear()
        self.refused(graph, "input 'm', which no node makes")
        graph = small()
        graph.nodes[-1].outputs.clear()
        self.refused(graph, "output 'y': found no node that makes it")
        graph = small()
        graph.tensors()["m"].name = "a"
        self.refused(graph, "two tensors named 'a'")
        graph = small()
        graph.nodes[1].outputs[0] = graph.nodes[0].outputs[0]
        self.refused(graph, "two nodes that make it")
        graph = small()
        graph.nodes[0].attrs["what"] = object()
        self.refused(graph, "attribute 'what'")
        graph = small()
        graph.nodes[0].outputs.append(gs.Constant("c", np.ones(1)))
        self.refused(graph, "the constant 'c' among its outputs")
        with self.assertRaisesRegex(gs.OnnxGraphSurgeonException, "expected a ModelProto"):
            gs.import_onnx("model.onnx")
        with self.assertRaisesRegex(gs.OnnxGraphSurgeonException, "is a Variable or a Constant"):
            gs.Tensor()


if __name__ == "__main__":
    unittest.main()
