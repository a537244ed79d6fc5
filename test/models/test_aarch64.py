#!/usr/bin/env python3
"""Models as static libraries for AArch64, linked with the runtime's sources into a C program and run under qemu: agree with ONNX Runtime. So do
products and convolutions of sizes that fit no register, in one model, and products by weights of few bits.

usage: test_aarch64.py [NAME…] [--json FILE]
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models
import test_precision

NAMES = ("mobilenetv2", "magika", "minilm_l6")
COMPILER = "aarch64-linux-gnu-gcc"
EMULATOR = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")
FORBIDDEN = ("malloc", "calloc", "realloc", "free", "_Zn", "__cxa")  # nothing may allocate or need a C++ library


def call(command, seconds=600):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds)
    if done.returncode != 0:
        raise harness.Failure(f"{pathlib.Path(command[0]).name}: exit code {done.returncode}: {done.stdout.strip()[-300:]}")
    return done.stdout


def build(name, model, shapes, folder, target="aarch64", precision="f32"):
    """Compiles the model and links the driver. Returns the program's path."""
    library = folder / name
    harness.smelt_ok("compile", model, *shapes, "--target", target, "--precision", precision, "--emit", "static", "-o", library, seconds=300)
    undefined = call([f"{COMPILER.removesuffix('-gcc')}-nm", "--undefined-only", "--format=just-symbols", f"{library}.a"]).split()
    bad = [symbol for symbol in undefined if symbol in FORBIDDEN or symbol.startswith(FORBIDDEN[-2:])]
    if bad:
        raise harness.Failure(f"the library needs {', '.join(bad)}")
    core = sorted((harness.REPOSITORY / "runtime" / "core").glob("*.c"))
    driver = harness.REPOSITORY / "test" / "models" / "driver.c"
    call([COMPILER, "-std=c11", "-O2", "-Wall", "-Werror", f"-DMODEL={name}", f"-I{harness.REPOSITORY}/runtime/include", driver, *core,
          f"{library}.a", "-o", folder / "driver"])
    return folder / "driver"


def agrees(program, model, feeds, folder, precision="f32"):
    reference = models.reference(model, feeds)
    for position, value in enumerate(feeds.values()):
        value.tofile(folder / f"in{position}")
    inputs = [folder / f"in{position}" for position in range(len(feeds))]
    outputs = [folder / f"out{position}" for position in range(len(reference))]
    runs = []
    for fill in (0, 255):  # what the arena held before must not matter
        call([*EMULATOR, program, fill, *inputs, *outputs])
        runs.append({key: np.fromfile(path, value.dtype).reshape(value.shape) for path, (key, value) in zip(outputs, reference.items())})
    if any(runs[0][key].tobytes() != runs[1][key].tobytes() for key in reference):
        raise harness.Failure("the result depends on what the arena held before")
    if precision == "f32":
        return harness.agreement(runs[0], reference)
    error, cosine = harness.apart(runs[0], reference)
    most, least = test_precision.BOUNDS[precision]
    harness.expect(error <= most and cosine >= least, f"{error:.3g} of the largest value, cosine {cosine:.6f}")
    return {"error": error, "cosine": cosine}


def real_model(name, folder, target, precision):
    program = build(name, models.fetch(name), models.shape_flags(name), folder, target, precision)
    return agrees(program, models.fetch(name), models.inputs(name), folder, precision)


class Graph:
    """Collects nodes whose results are all outputs."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.nodes, self.weights, self.feeds, self.outputs = [], [], {}, []

    def values(self, shape, kind):
        values = self.rng.standard_normal(shape) if np.dtype(kind).kind == "f" else self.rng.integers(-9, 9, shape)
        return np.asarray(values, kind)

    def input(self, shape, kind="f4"):
        name = f"in{len(self.feeds)}"
        self.feeds[name] = self.values(shape, kind)
        return name

    def weight(self, values):
        self.weights.append(numpy_helper.from_array(np.asarray(values), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def node(self, kind, *operands, output=True, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, operands, [name], **attributes))
        if output:
            self.outputs.append(name)
        return name

    def model(self):
        inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in self.feeds.items()]
        outputs = [helper.make_empty_tensor_value_info(name) for name in self.outputs]
        graph = helper.make_graph(self.nodes, "graph", inputs, outputs, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def products_and_convolutions():
    graph = Graph()
    for depth in (1, 2, 3, 4, 5, 8, 31, 64):  # along K, of which a register has four
        for rows, columns in ((1, 7), (5, 16), (11, 40), (23, 9)):
            graph.node("MatMul", graph.input((rows, depth)), graph.weight(graph.values((depth, columns), "f4")))
    for kind in ("f8", "i4"):
        graph.node("MatMul", graph.input((13, 27), kind), graph.weight(graph.values((27, 19), kind)))
    graph.node("MatMul", graph.input((3, 9, 14)), graph.input((3, 14, 11)))  # panels of each batch
    turned = graph.node("Transpose", graph.input((21, 10)), output=False)  # not side by side along K
    graph.node("MatMul", turned, graph.weight(graph.values((21, 12), "f4")))
    for channels, groups, window, stride in ((3, 1, 7, 2), (6, 2, 3, 1), (16, 1, 1, 2), (20, 4, 3, 1), (24, 1, 5, 1), (24, 24, 3, 1), (32, 32, 5, 2)):
        weights = graph.weight(graph.values((groups * 9 if groups < channels else channels, channels // groups, window, window), "f4"))
        convolved = graph.node("Conv", graph.input((1, channels, 15, 13)), weights, strides=[stride, stride], group=groups, pads=[1] * 4, output=False)
        graph.node("Relu", convolved)
    graph.node("Conv", graph.input((1, 32, 23, 22)), graph.weight(graph.values((36, 32, 3, 3), "f4")), pads=[1] * 4)  # Winograd's
    # K that only the run finds.
    wide, count = graph.input((6, 40)), graph.input((1,), "i8")
    graph.feeds[count][:] = 27
    start, axis = graph.weight(np.zeros(1, "i8")), graph.weight(np.ones(1, "i8"))
    left = graph.node("Slice", wide, start, count, axis, output=False)
    right = graph.node("Slice", graph.weight(graph.values((40, 10), "f4")), start, count, start, output=False)
    graph.node("MatMul", left, right)
    return graph


def integer_products():
    """Of 8 bits, with and without zero points, whose sums are exact."""
    graph = Graph()

    def bytes_of(kind, *shape):
        limits = np.iinfo(kind)
        return graph.rng.integers(limits.min, limits.max + 1, shape).astype(kind)

    def given(kind, *shape):
        name = graph.input(shape, kind)
        graph.feeds[name] = bytes_of(kind, *shape)
        return name

    zero, zero_weight = graph.weight(np.uint8(77)), graph.weight(np.int8(0))
    signed_zero = graph.weight(np.int8(-5))
    for depth in (1, 2, 3, 4, 5, 8, 16, 31, 70):  # along K, of which a register has sixteen
        for rows, columns in ((1, 7), (11, 40), (23, 9)):
            weights = graph.weight(bytes_of(np.int8, depth, columns))
            graph.node("MatMulInteger", given(np.uint8, rows, depth), weights, zero, zero_weight)
            graph.node("MatMulInteger", given(np.int8, rows, depth), weights, signed_zero, zero_weight)
    for channels, groups, window, stride in ((3, 1, 7, 2), (6, 2, 3, 1), (16, 1, 1, 2), (20, 4, 3, 1), (24, 1, 5, 1), (24, 24, 3, 1), (32, 32, 5, 2)):
        weights = graph.weight(bytes_of(np.int8, groups * 9 if groups < channels else channels, channels // groups, window, window))
        graph.node("ConvInteger", given(np.uint8, 1, channels, 15, 13), weights, zero, zero_weight, strides=[stride, stride], group=groups, pads=[1] * 4)
    return graph


def sizes_of_all_kinds(folder, name, target):
    graph = products_and_convolutions() if name == "sizes" else integer_products()
    path = folder / f"{name}.onnx"
    onnx.save(graph.model(), path)
    return agrees(build(name, path, (), folder, target), path, graph.feeds, folder)


def weights_of_few_bits(folder, target):
    """The operators of test/operators/codes.py."""
    sys.path.insert(0, str(harness.REPOSITORY / "test" / "operators"))
    import codes
    from test_operators import Case

    worst = 0.0
    for case in codes.cases(Case):
        onnx.save(case.model(), folder / "codes.onnx")
        program = build("codes", folder / "codes.onnx", (), folder, target)
        case.operands["a"].tofile(folder / "in0")
        call([*EMULATOR, program, 0, folder / "in0", folder / "out0"])
        want = case.reference(*case.operands.values())[0]
        worst = max(worst, float(np.abs(np.fromfile(folder / "out0", want.dtype).reshape(want.shape) - want).max() / np.abs(want).max()))
    harness.expect(worst <= 1e-5, f"error {worst:.3g}")
    return {"error": worst}


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    # bfdot, and f16 as storage
    forms = [("aarch64", "f32"), ("neoverse-v1", "bf16"), ("aarch64", "f16")]
    generated = {"sizes": forms[:1], "integers": [(target, "f32") for target in ("aarch64", "neoverse-n1", "neoverse-v1")], # sdot, usdot
                 "codes": forms[:1]}
    for name in args.names or (*NAMES, *generated):
        for target, precision in generated.get(name, forms):
            with tempfile.TemporaryDirectory() as scratch:
                folder = pathlib.Path(scratch)
                cases.run(f"{name} {target} {precision} agrees",
                          lambda: weights_of_few_bits(folder, target) if name == "codes" else sizes_of_all_kinds(folder, name, target) if name in generated
                          else real_model(name, folder, target, precision))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
