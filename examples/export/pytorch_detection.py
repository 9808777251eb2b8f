#!/usr/bin/env python3
"""Exports a detector of torchvision to ONNX, resizing and non-maximum suppression inside: picture [1,3,H,W] in 0..1 → boxes [n,4] in its pixels, scores [n], labels [n].

usage: pytorch_detection.py [NAME] [-o OUT.onnx] [--hw 320] [--opset 17] [--least-score S] [--no-weights]

The number of boxes depends on the picture: read an output's shape after each run, or give it an output allocator (docs/shapes.md).
"""
import argparse


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="ssdlite320_mobilenet_v3_large", help="a model of torchvision.models.detection (default: ssdlite320_mobilenet_v3_large)")
    parser.add_argument("-o", "--output", help="the file to write (default: NAME.onnx)")
    parser.add_argument("--hw", type=int, default=320, help="height and width of the picture")
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--least-score", type=float, help="boxes of lower scores are dropped (default: the model's own)")
    parser.add_argument("--no-weights", action="store_true", help="random weights: nothing is downloaded")
    return parser.parse_args()


def main():
    args = parse()
    import torch
    import torchvision

    class Boxes(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, pictures):
            found = self.network([pictures[0]])[0]
            return found["boxes"], found["scores"], found["labels"]

    options = {"weights": None, "weights_backbone": None} if args.no_weights else {"weights": "DEFAULT"}
    if args.least_score is not None:
        options["box_score_thresh" if "rcnn" in args.name else "score_thresh"] = args.least_score
    model = Boxes(torchvision.models.get_model(args.name, **options)).eval()
    output = args.output or f"{args.name}.onnx"
    names = ["boxes", "scores", "labels"]
    with torch.no_grad():
        torch.onnx.export(model, torch.rand(1, 3, args.hw, args.hw), output, opset_version=args.opset, input_names=["input"], output_names=names,
                          dynamic_axes={name: {0: "found"} for name in names})
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
