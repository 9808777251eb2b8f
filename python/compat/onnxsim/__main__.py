"""python3 -m onnxsim IN OUT: simplifies a model, checks that it computes the same, and says what became of its operators."""
import argparse
import sys

import sinter


def _shape_options(items):
    shapes = {}
    for item in items or []:
        name, _, dims = item.rpartition(":")
        try:
            shapes[name] = [int(size) for size in dims.split(",")]
        except ValueError:
            raise SystemExit(f"onnxsim: found '{item}', expected NAME:1,3,224,224")
    return shapes or None


def main(arguments=None):
    parser = argparse.ArgumentParser("onnxsim", description="Simplifies an ONNX model.")
    parser.add_argument("input_model")
    parser.add_argument("output_model")
    parser.add_argument("check_n", nargs="?", type=int, default=0, help="random inputs that the two are compared on (at least one)")
    parser.add_argument("--skip-fuse-bn", action="store_true")
    parser.add_argument("--skip-optimization", nargs="*", default=None, help="all of them, or those that are named")
    parser.add_argument("--skip-constant-folding", action="store_true")
    parser.add_argument("--skip-shape-inference", action="store_true", help="taken, without effect")
    parser.add_argument("--overwrite-input-shape", "--input-shape", nargs="+", help="NAME:1,3,224,224")
    parser.add_argument("--test-input-shape", nargs="+", help="NAME:1,3,224,224")
    parser.add_argument("--unused-output", nargs="+", default=None)
    parser.add_argument("--no-large-tensor", nargs="?", const="1KB", default=None, help="taken, without effect")
    options = parser.parse_args(arguments)
    try:
        report = sinter.simplify(options.input_model, options.output_model, checks=max(1, options.check_n), skip_fuse_batch_norm=options.skip_fuse_bn,
                                 skip_optimization=options.skip_optimization == [], skipped=options.skip_optimization or None,
                                 skip_constant_folding=options.skip_constant_folding, unused_outputs=options.unused_output,
                                 input_shapes=_shape_options(options.overwrite_input_shape), test_shapes=_shape_options(options.test_input_shape))
    except sinter.Error as error:
        print(f"onnxsim: {error}", file=sys.stderr)
        return 1
    before, after = report["before"], report["after"]
    for name in sorted({*before["operators"], *after["operators"]}):
        print(f"{name:24} {before['operators'].get(name, 0):6} -> {after['operators'].get(name, 0)}")
    print(f"{'nodes':24} {before['nodes']:6} -> {after['nodes']}")
    print(f"{'file bytes':24} {before['file_bytes']} -> {after['file_bytes']}")
    if not report["check"]["agrees"]:
        print("onnxsim: the simplified model computes something else; it was written all the same", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
