"""Models in another opset."""


def convert_version(model, target_version):
    raise NotImplementedError("version_converter: use `sinter simplify MODEL.onnx OUT.onnx --opset N`, or the package onnx")
