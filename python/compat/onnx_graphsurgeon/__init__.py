"""The package onnx_graphsurgeon over Sinter: ONNX graphs as Python objects to look at and to change. Found here because python/compat is on PYTHONPATH.

    graph = gs.import_onnx(onnx.load("model.onnx"))
    graph.fold_constants().cleanup().toposort()
    onnx.save(gs.export_onnx(graph), "changed.onnx")

Constants are folded by Sinter. What can't be written as a valid file is an OnnxGraphSurgeonException that says why.
"""
from .files import export_onnx, import_onnx
from .graph import Function, Graph
from .nodes import Node
from .pattern import GraphPattern, PatternMapping
from .tensors import Constant, LazyValues, OnnxGraphSurgeonException, SparseValues, Tensor, Variable

__version__ = "0.6.1"
__all__ = ["import_onnx", "export_onnx", "Graph", "Node", "Tensor", "Variable", "Constant", "LazyValues", "SparseValues", "Function", "GraphPattern", "PatternMapping",
           "OnnxGraphSurgeonException", "__version__"]
