#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Custom operators: models that call C functions, against NumPy, and what is said of declarations and libraries that do not fit.

usage: test_custom.py [NAME…] [--json FILE]
"""
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import smelt
from harness import expect

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = harness.REPOSITORY / "runtime" / "include"
OPERATORS = HERE / "acme.ops"
case = harness.Suite()
RANDOM = np.random.default_rng(7)


def draw(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def save(folder, body, functions=""):
    """A model from ONNX's text form: "(inputs) => (outputs) { nodes }"."""
    text = f'<ir_version: 8, opset_import: ["" : 18, "com.acme" : 1, "local" : 1]> main {body}'
    path = folder / "net.onnx"
    onnx.save(onnx.parser.parse_model(text + functions), path)
    return path


def cc(folder, *flags, source=HERE / "acme.c", name="acme.o"):
    subprocess.run(["clang-22", "-O1", "-fPIC", "-Wall", "-Werror", f"-I{INCLUDE}", *flags, source, "-o", folder / name], check=True)
    return folder / name


def load(folder, body, functions="", **options):
    path = save(folder, body, functions)
    return smelt.load(smelt.compile(path, folder / "net.so", custom=[OPERATORS], link=[cc(folder, "-c")], **options))


def check(got, want):
    got, want = np.asarray(got), np.asarray(want)
    expect(got.dtype == want.dtype and got.shape == want.shape, f"{got.dtype} {got.shape}, not {want.dtype} {want.shape}")
    expect(np.allclose(got, want, rtol=1e-5, atol=1e-6), f"{got}, not {want}")


def refused(folder, code, *words, operators=None, model="(float[n, 4] x, float[4] f) => (float[n, 4] y) { y = com.acme.Scale(x, f) }", arguments=()):
    """Compiles, and expects this exit code, a line with these words, and nothing left behind."""
    declarations = folder / "own.ops"
    declarations.write_text(OPERATORS.read_text() if operators is None else operators)
    output = folder / "refused.so"
    done = harness.smelt("compile", save(folder, model), "-o", output, "--custom", declarations, *arguments)
    line = done.stderr.strip()
    expect(done.returncode == code, f"exit code {done.returncode}, not {code}: {line}")
    expect("\n" not in line and all(word in line for word in words), f"{line!r} lacks {words}")
    expect(not output.exists(), "an output was left behind")


@case
def dims_open_and_optional_input(folder):
    model = load(folder, """(float[n, m, 4] x, float[4] f, float[4] b) => (float[n, m, 4] y, float[n, m, 4] z) {
      y = com.acme.Scale <by = 2.0> (x, f)
      z = com.acme.Scale (x, f, b)
    }""")
    for n, m in ((1, 1), (3, 5), (2, 0)):
        x, f, b = draw(n, m, 4), draw(4), draw(4)
        result = model.run({"x": x, "f": f, "b": b})
        check(result["y"], x * f * 2)
        check(result["z"], x * f * np.float32(1.5) + b)


@case
def between_kernels(folder):
    """What comes is a view, or fused; what is made goes on into a concat along an inner dim."""
    model = load(folder, """(float[3, 8] x, float[n, 8] z) => (float[8, 6] y) {
      t = Transpose <perm = [1, 0]> (x)
      f = Constant <value = float[3] {1, 1, 1}> ()
      a = com.acme.Scale (t, f)
      s = Relu (a)
      first = Constant <value_ints = [0]> ()
      half = Constant <value_ints = [3]> ()
      e = Exp (x)
      part = Slice (e, first, half, first)
      u = Transpose <perm = [1, 0]> (part)
      b = com.acme.Scale <by = 0.5> (u, f)
      y = Concat <axis = 1> (s, b)
    }""")
    x = draw(3, 8)
    check(model.run({"x": x, "z": draw(0, 8)})["y"], np.concatenate([np.maximum(x.T * np.float32(1.5), 0), np.exp(x).T / 2], 1))


@case
def several_results_of_computed_sizes(folder):
    model = load(folder, """(float[n, h, w] x) => (float[a, b, c] y, int64[a, b, c] places, float[a, b, c] least) {
      y, places = com.acme.Pool <k = 2> (x)
      least = com.acme.Pool <k = 3, kind = "min"> (x)
    }""")
    for shape in ((1, 6, 6), (2, 7, 9)):
        x = draw(*shape)
        result = model.run({"x": x})

        def windows(k):
            n, h, w = shape[0], shape[1] // k, shape[2] // k
            return x[:, :h * k, :w * k].reshape(n, h, k, w, k).transpose(0, 1, 3, 2, 4).reshape(n, h, w, k * k)
        check(result["y"], windows(2).max(-1))
        check(result["places"], windows(2).argmax(-1))
        check(result["least"], windows(3).min(-1))


@case
def any_type(folder):
    model = load(folder, """(double[n] a, uint8[n] b, bool[n] c, float16[n] d) => (double[m] w, uint8[m] x, bool[m] y, float16[m] z) {
      w = com.acme.Extend (a)  x = com.acme.Extend <by = 0> (b)  y = com.acme.Extend (c)  z = com.acme.Extend <by = 1> (d)
    }""")
    values = RANDOM.integers(0, 2, 5)
    kinds = (("a", np.float64, "w", 2), ("b", np.uint8, "x", 0), ("c", np.bool_, "y", 2), ("d", np.float16, "z", 1))
    result = model.run({name: values.astype(kind) for name, kind, _, _ in kinds})
    for _, kind, name, more in kinds:
        check(result[name], np.concatenate([values, np.zeros(more)]).astype(kind))


@case
def attributes(folder):
    model = load(folder, """(int32[2, 3] x, float y) => (int64[10] a, int64[10] b) {
      a = com.acme.Describe (x)
      b = com.acme.Describe <list = [1, 2, 3], numbers = [2.5, 1.0], words = "hello", one = 9> (y)
    }""")
    result = model.run({"x": np.zeros((2, 3), np.int32), "y": np.float32(1)})
    check(result["a"], np.array([2, 7, 6, 2, 1, 0, 1, -7, 1, 1]))
    check(result["b"], np.array([0, 1, 1, 3, 2, 5, 1, 3, 10, 1]))


@case
def negative_attributes(folder):
    """Extents are as arithmetic has them, whatever sign an attribute has."""
    operators = folder / "own.ops"
    operators.write_text("com.acme::Extend(f32[n], by: int = 2) -> f32[min(n, n + by)], f32[max(n - by, n)] = acme_extend\n")
    source = folder / "nothing.c"
    source.write_text("void acme_extend(const void *call) { (void)call; }\n")
    path = save(folder, "(float[n] x) => (float[a] y, float[b] z) { y, z = com.acme.Extend <by = -2> (x) }")
    model = smelt.load(smelt.compile(path, folder / "net.so", custom=str(operators), link=cc(folder, "-c", source=source)))
    result = model.run({"x": draw(5)})
    expect(result["y"].shape == (3,) and result["z"].shape == (7,), f"{result['y'].shape}, {result['z'].shape}")


@case
def in_place_of_others(folder):
    """A declaration comes before a function of the model, and before what Smelt has."""
    operators = folder / "own.ops"
    operators.write_text("Relu(f32[...], f32[1]?) -> f32[...] = acme_twice\nlocal::F(f32[...]) -> f32[...] = acme_twice\n")
    source = folder / "twice.c"
    source.write_text('#include "smelt/smelt.h"\nvoid acme_twice(const smelt_custom_call *call) {'
                      " for (int i = 0; i < 4; ++i) ((float *)call->outputs[0].data)[i] = 2 * ((float *)call->inputs[0].data)[i]; }\n")
    path = save(folder, "(float[4] x) => (float[4] y) { a = Relu(x) y = local.F(a) }",
                '<domain: "local", opset_import: ["" : 18]> F (x) => (y) { y = Neg(x) }')
    library = cc(folder, "-shared", source=source, name="libtwice.so")
    model = smelt.load(smelt.compile(path, folder / "net.so", custom=[operators], link=[library]))
    check(model.run({"x": np.arange(4, dtype=np.float32)})["y"], np.arange(4, dtype=np.float32) * 4)


@case
def in_branches_and_loops(folder):
    model = load(folder, """(int64 m, bool c, float[n, 2] x, float[2] f) => (float[n, 2] y) {
      s = Loop (m, , x) <body = g (int64 i, bool k, float[n, 2] a) => (bool k2, float[n, 2] b) {
        k2 = Identity (k)
        b = com.acme.Scale <by = 1.0> (a, f)
      }>
      y = If (c) <then_branch = g1 () => (float[n, 2] t) { t = com.acme.Scale <by = 3.0> (s, f) }, else_branch = g2 () => (float[n, 2] e) { e = Neg (s) }>
    }""")
    x, f = draw(3, 2), draw(2)
    feeds = {"m": np.array(3), "x": x, "f": f}
    check(model.run({**feeds, "c": np.array(True)})["y"], x * f ** 4 * 3)
    check(model.run({**feeds, "c": np.array(False)})["y"], -(x * f ** 3))


@case
def between_convolutions(folder):
    """Which lie channels last, where the function sees the order of the model."""
    weights = draw(4, 4, 3, 3)
    text = ", ".join(str(float(value)) for value in weights.flat)
    model = load(folder, f"""(float[1, 4, h, 6] x, float[6] f) => (float[1, 4, h, 6] y) {{
      w = Constant <value = float[4, 4, 3, 3] {{{text}}}> ()
      a = Conv <pads = [1, 1, 1, 1]> (x, w)
      b = com.acme.Scale <by = 1.0> (a, f)
      y = Conv <pads = [1, 1, 1, 1]> (b, w)
    }}""")

    def conv(x):
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
        return np.einsum("nchwij,ocij->nohw", windows, weights).astype(np.float32)
    x, f = draw(1, 4, 5, 6), draw(6)
    got, want = model.run({"x": x, "f": f})["y"], conv(conv(x) * f)
    expect(got.shape == want.shape and np.abs(got - want).max() < 1e-5 * np.abs(want).max(), "the results differ")


@case
def of_sizes_that_the_run_finds(folder):
    """Its input's, and those that its result says."""
    model = load(folder, """(float[n] x, int64[2] more) => (float[a] y, float[b, c] z) {
      zero = Constant <value = float {0}> ()
      positive = Greater (x, zero)
      some = Compress (x, positive)
      y = com.acme.Extend (some)
      shape = com.acme.Extend <by = 0> (more)
      z = Reshape (x, shape)
    }""")
    for x, shape in ((draw(6), (3, 2)), (draw(8), (2, 4)), (-np.ones(3, np.float32), (1, 3))):
        result = model.run({"x": x, "more": np.array(shape)})
        check(result["y"], np.concatenate([x[x > 0], np.zeros(2, np.float32)]))
        check(result["z"], x.reshape(shape))


@case
def in_a_program(folder):
    """The header declares the functions, the program has them."""
    path = save(folder, "(float[2, 3] x, float[3] f) => (float[2, 3] y) { y = com.acme.Scale(x, f) }")
    smelt.compile(path, folder / "net", emit="static", custom=[OPERATORS])
    expect("void acme_scale(const smelt_custom_call *call);" in (folder / "net.h").read_text(), "the header does not declare the function")
    main = folder / "main.c"
    main.write_text("""#include "net.h"
#include <stdio.h>
static _Alignas(64) unsigned char arena[NET_ARENA_BYTES];
static _Alignas(64) float x[16] = {1, 2, 3, 4, 5, 6}, f[16] = {1, 10, 100}, y[16];
int main(void) {
  smelt_instance instance;
  const void *inputs[] = {x, f};
  void *outputs[] = {y};
  smelt_status status = smelt_init(&instance, &net, arena, sizeof arena);
  if (status == SMELT_OK)
    status = smelt_run(&instance, inputs, outputs);
  for (int i = 0; i < 6; ++i)
    printf("%g ", (double)y[i]);
  return status;
}
""")
    program = folder / "program"
    runtime = harness.BIN.parent / "lib" / "libsmelt_runtime.a"
    subprocess.run(["clang-22", "-Wall", "-Werror", f"-I{INCLUDE}", f"-I{folder}", main, HERE / "acme.c", folder / "net.a", runtime, "-lm", "-o", program],
                   check=True)
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True)
    check([float(word) for word in done.stdout.split()], [1.5, 30, 450, 6, 75, 900])


@case
def inspected(folder):
    path = save(folder, "(float[n, 4] x, float[4] f) => (float[n, 4] y) { a = com.acme.Scale(x, f) b = com.acme.Other(a) y = com.acme.Extend(b) }")
    named = {node["operator"] for node in smelt.inspect(path, custom=[OPERATORS])["unsupported"]}
    expect(named == {"com.acme.Other"}, f"unsupported: {named}")
    unknown = {node["operator"] for node in smelt.inspect(path)["unsupported"]}
    expect(unknown == {"com.acme.Scale", "com.acme.Other", "com.acme.Extend"}, f"unsupported: {unknown}")


@case
def same_bytes(folder):
    path = save(folder, "(float[n, 4] x, float[4] f) => (float[n, 4] y) { y = com.acme.Scale(x, f) }")
    library = cc(folder, "-c")
    outputs = [smelt.compile(path, folder / f"{threads}.so", custom=[OPERATORS], link=[library], threads=threads).read_bytes() for threads in (1, 2)]
    expect(outputs[0] == outputs[1], "the bytes differ")


@case
def what_does_not_fit(folder):
    library = ("--link", cc(folder, "-c"))
    scale = lambda inputs, call: f"({inputs}) => (float[n, 4] y) {{ y = com.acme.Scale {call} }}"
    refused(folder, 4, "node 'y' (com.acme.Scale", "input 0 has elements of type f64, where the declaration has f32", arguments=library,
            model="(double[n, 4] x, float[4] f) => (double[n, 4] y) { y = com.acme.Scale (x, f) }")
    refused(folder, 4, "not as many dims", model=scale("float[n, 4] x, float[1, 4] f", "(x, f)"), arguments=library)
    refused(folder, 3, "node 'y'", "input 1 of dims [4], not [5]", model=scale("float[n, 4] x, float[5] f", "(x, f)"), arguments=library)
    refused(folder, 3, "lacks its input 1", model=scale("float[n, 4] x", "(x)"), arguments=library)
    refused(folder, 3, "has an attribute 'to', which is none", model=scale("float[n, 4] x, float[4] f", "<to = 1> (x, f)"), arguments=library)
    refused(folder, 3, "attribute 'by' is of type INT, not FLOAT", model=scale("float[n, 4] x, float[4] f", "<by = 1> (x, f)"), arguments=library)
    refused(folder, 3, "lacks its attribute 'k'", model="(float[1, 4, 4] x) => (float[a, b, c] y) { y = com.acme.Pool (x) }", arguments=library)
    refused(folder, 3, "node 'y'", "has 2 outputs", model="(float[4, 4] x, float[4] f) => (float[4, 4] y) { y, z = com.acme.Scale (x, f) }", arguments=library)
    refused(folder, 4, "node 'y'", "floordiv(h, k) that has no value", model="(float[1, 4, 4] x) => (float[a, b, c] y) { y = com.acme.Pool <k = 0> (x) }", arguments=library)
    refused(folder, 4, "node 'y'", "com.acme.Nothing", model="(float[4] x) => (float[4] y) { y = com.acme.Nothing (x) }", arguments=library)


@case
def declarations_that_are_none(folder):
    for text, word in (("F(f32[n]) -> f32[n]", "wanted '='"), ("F(f32[n) -> f32[n] = f", "no extent"), ("F(f32[n]) -> f32[m] = f", "what m is"),
                       ("F(f99[n]) -> f32[n] = f", "'f99' is no element type"), ("F(f32[n]) -> T[n] = f", "'T' is no element type"),
                       ("F(f32[n], k: real) -> f32[n] = f", "kind 'real'"), ("F(f32[n], k: int = x) -> f32[n] = f", "'x' is no number"),
                       ("F(f32[n]) -> f32[..., n] = f", "any dims"), ("F(f32[n]) -> f32[n] = f g", "'g' does"), ("1F() -> f32[1] = f", "name of an operator"),
                       ("F(f32[n], k: string = \"x) -> f32[n] = f", "does not end"), ("F(f32[n]) -> f32[n] = 2f", "name of a C function"),
                       ("F(i4[n]) -> f32[n] = f", "no element type"), ("F(f32[" + "(" * 100 + "]) -> f32[1] = f", "no extent"),
                       ("F() -> f32[99999999999999999999] = f", "no extent"), ("F(f32[n]) -> f32[n] = f\nF(f32[n]) -> f32[n] = g", "declared twice"),
                       ("F(f32[n]) -> f32[n] = while", "reserved"), ("F(f32[n]) -> f32[n] = smelt_run", "reserved"),
                       ("F(" + "f32[1], " * 40 + "f32[1]) -> f32[1] = f", "32 inputs")):
        refused(folder, 2, "own.ops:", word, operators=text)
    refused(folder, 5, "No such file", arguments=("--custom", folder / "missing.ops"))
    refused(folder, 5, "not a regular file", arguments=("--custom", "/dev/zero"))


@case
def libraries_that_do_not_fit(folder):
    refused(folder, 2, "acme_scale", "--link")
    refused(folder, 2, "acme_scale", "--link", arguments=("--link", cc(folder, "-c", "-Dacme_scale=acme_other", name="other.o")))
    refused(folder, 5, "No such file", arguments=("--link", folder / "missing.o"))
    refused(folder, 5, "not a regular file", arguments=("--link", "/dev/zero"))
    refused(folder, 2, "own.ops", "wanted an object file", arguments=("--link", folder / "own.ops"))
    refused(folder, 2, "code for aarch64, not for x86_64", arguments=("--target", "x86-64-v3", "--link", cc(folder, "-c", "--target=aarch64-linux-gnu",
                                                                                                           "-ffreestanding", name="arm.o", source=bare(folder))))
    refused(folder, 2, "--emit shared", arguments=("--emit", "static", "--link", cc(folder, "-c")))
    refused(folder, 2, "rename it", operators="com.acme::Scale(f32[..., n], f32[n]) -> f32[..., n] = custom_nx4_f32", arguments=("--link", cc(folder, "-c")))
    broken = folder / "broken.o"
    broken.write_bytes(cc(folder, "-c").read_bytes()[:700])
    refused(folder, 2, "broken.o", arguments=("--link", broken))


@case
def what_only_the_run_tells(folder):
    """A size that has no value, and a library that lacks something, are named."""
    operators = folder / "own.ops"
    operators.write_text("com.acme::Extend(f32[n], f32[m], by: int = 2) -> f32[floordiv(n, m)] = acme_extend\n")
    path = save(folder, "(float[n] x, float[m] z) => (float[a] y) { y = com.acme.Extend (x, z) }")
    model = onnx.load(path)
    model.graph.node[0].name = "mine"
    onnx.save(model, path)
    model = smelt.load(smelt.compile(path, folder / "net.so", custom=[operators], link=[cc(folder, "-c")]))
    needy = folder / "needy.c"
    needy.write_text("void nowhere(void);\nvoid acme_extend(const void *call) { (void)call; nowhere(); }\n")
    needs = smelt.compile(path, folder / "needs.so", custom=[operators], link=[cc(folder, "-c", source=needy, name="needy.o")])
    for action, words, code in ((lambda: model.run({"x": draw(4), "z": draw(0)}), "node 'mine'", 2), (lambda: smelt.load(needs), "undefined symbol: nowhere", 5)):
        try:
            action()
            raise harness.Failure(f"no error with {words}")
        except smelt.SmeltError as error:
            expect(words in str(error) and error.exit_code == code, f"{error} ({error.exit_code})")
    done = harness.smelt("run", needs, "--outputs", folder / "out.npz")
    expect(done.returncode == 5 and "undefined symbol: nowhere" in done.stderr, done.stderr)


def bare(folder):
    """A function that needs no header of a C library."""
    source = folder / "bare.c"
    source.write_text("void acme_scale(const void *call) { (void)call; }\n")
    return source


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
