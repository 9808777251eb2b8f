#!/usr/bin/env python3
"""Exports a YOLO detector of the package ultralytics to ONNX.

usage: yolo.py [WEIGHTS.pt] [--hw 640] [--opset 17] [--dynamic] [--nms]

The precision stays fp32: `sinter build --fp16` or `--int8` lowers it where that pays. With --nms the boxes leave the network filtered, else as the head gives them.
"""
import argparse


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="?", default="yolov8n.pt")
    parser.add_argument("--hw", type=int, default=640, help="height and width of the pictures")
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--dynamic", action="store_true", help="batch, height and width are dynamic")
    parser.add_argument("--nms", action="store_true", help="non-maximum suppression inside")
    return parser.parse_args()


def main():
    args = parse()
    from ultralytics import YOLO

    path = YOLO(args.weights).export(format="onnx", imgsz=args.hw, opset=args.opset, simplify=False, dynamic=args.dynamic, half=False, nms=args.nms)
    print(f"wrote {path}; next: sinter simplify {path} -o simple.onnx")


if __name__ == "__main__":
    main()
