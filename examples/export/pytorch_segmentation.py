#!/usr/bin/env python3
"""Exports a segmentation network of torchvision to ONNX: the tensor "out" alone, of the dict that these models return.

usage: pytorch_segmentation.py [NAME] [-o OUT.onnx] [--hw 512] [--opset 17] [--no-weights] [--classes]
"""
import argparse


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="deeplabv3_resnet50", help="a model of torchvision.models.segmentation (default: deeplabv3_resnet50)")
    parser.add_argument("-o", "--output", help="the file to write (default: NAME.onnx)")
    parser.add_argument("--hw", type=int, default=512, help="height and width of the pictures")
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--no-weights", action="store_true", help="random weights: nothing is downloaded")
    parser.add_argument("--classes", action="store_true", help="the output is each pixel's class instead of all scores: less to copy back")
    return parser.parse_args()


def main():
    args = parse()
    import torch
    import torchvision

    class Output(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, pictures):
            scores = self.network(pictures)["out"]
            return scores.argmax(1).to(torch.int32) if args.classes else scores

    weights = {"weights": None, "weights_backbone": None} if args.no_weights else {"weights": "DEFAULT"}
    model = Output(torchvision.models.get_model(args.name, **weights)).eval()
    output = args.output or f"{args.name}.onnx"
    with torch.no_grad():
        torch.onnx.export(model, torch.randn(1, 3, args.hw, args.hw), output, opset_version=args.opset, input_names=["input"], output_names=["output"])
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
