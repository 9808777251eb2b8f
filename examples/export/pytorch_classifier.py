#!/usr/bin/env python3
"""Exports a classifier of torchvision to ONNX.

usage: pytorch_classifier.py [NAME] [-o OUT.onnx] [--hw 224] [--dynamic] [--opset 17] [--no-weights]

Then: sinter check OUT.onnx && sinter simplify OUT.onnx -o simple.onnx && sinter bench simple.onnx
"""
import argparse


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="resnet50", help="a model of torchvision.models (default: resnet50)")
    parser.add_argument("-o", "--output", help="the file to write (default: NAME.onnx)")
    parser.add_argument("--hw", type=int, default=224, help="height and width of the pictures")
    parser.add_argument("--dynamic", action="store_true", help="the batch is dynamic")
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--no-weights", action="store_true", help="random weights: nothing is downloaded")
    return parser.parse_args()


def main():
    args = parse()
    import torch
    import torchvision

    model = torchvision.models.get_model(args.name, weights=None if args.no_weights else "DEFAULT").eval()
    output = args.output or f"{args.name}.onnx"
    axes = {"input": {0: "batch_size"}, "output": {0: "batch_size"}} if args.dynamic else None
    with torch.no_grad():
        torch.onnx.export(model, torch.randn(1, 3, args.hw, args.hw), output, opset_version=args.opset, input_names=["input"], output_names=["output"], dynamic_axes=axes)
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
