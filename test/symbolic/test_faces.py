#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What users see of symbolic shapes: the forms of --shape, bounds, the C header, inspect, bench, Python.

usage: test_faces.py [NAME…] [--json FILE]
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, save

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import smelt
from harness import expect

case = harness.Suite()
WEIGHTS = np.arange(32, dtype=np.float32).reshape(8, 4) / 32


def model(folder):
    """y = relu(x) · w + z, of [n, s, 4]"""
    nodes = [helper.make_node("Relu", ["x"], ["a"], name="relu"), helper.make_node("MatMul", ["a", "w"], ["b"], name="product"),
             helper.make_node("Add", ["b", "z"], ["y"], name="add")]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("x", ["n", "s", 8]), ("z", ["s", 1]))]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_empty_tensor_value_info("y")], [numpy_helper.from_array(WEIGHTS, "w")])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "net.onnx")
    return folder / "net.onnx"


def compiled(folder, *arguments):
    harness.smelt_ok("compile", model(folder), *arguments, "-o", folder / "net.so")
    return folder / "net.so"


def feeds(n, s, seed=0):
    random = np.random.default_rng(seed)
    return {"x": random.standard_normal((n, s, 8), np.float32), "z": random.standard_normal((s, 1), np.float32)}


def want(given):
    return np.maximum(given["x"], 0) @ WEIGHTS + given["z"]


def run(folder, n, s):
    given = feeds(n, s)
    np.savez(folder / "in.npz", **given)
    done = harness.smelt("run", folder / "net.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
    if done.returncode == 0:
        with np.load(folder / "out.npz") as outputs:
            expect(np.allclose(outputs["y"], want(given), atol=1e-5), f"wrong at {n}, {s}")
    return done


@case
def what_shape_leaves_open_stays_symbolic(folder):
    for shape in ("x=?x?x8", "x=n,s,8", "x=?xlenx?", "x=batch:0..x?x8"):
        compiled(folder, "--shape", shape)
        for n, s in ((1, 1), (3, 7), (0, 2)):
            expect(run(folder, n, s).returncode == 0, f"{shape} {n} {s}")


@case
def numbers_and_symbols_mix(folder):
    compiled(folder, "--shape", "x=2x?x8")
    expect(run(folder, 2, 9).returncode == 0, "2, 9")
    expect(run(folder, 3, 9).returncode == 2, "3 in place of 2")


@case
def dims_of_one_name_are_one(folder):
    compiled(folder, "--shape", "x=both,both,8")
    expect(run(folder, 5, 5).returncode == 0, "5, 5")
    expect(run(folder, 5, 6).returncode == 2, "5, 6")


@case
def bounds_are_kept(folder):
    compiled(folder, "--shape", "x=1..4xlen:2..16x8")
    for n, s in ((1, 2), (4, 16), (2, 7)):
        expect(run(folder, n, s).returncode == 0, f"within: {n}, {s}")
    for n, s in ((0, 2), (5, 2), (1, 1), (1, 17)):
        done = run(folder, n, s)
        expect(done.returncode == 2 and "in 'x', which is not within" in done.stderr, f"beyond: {n}, {s}: {done.returncode} {done.stderr}")


@case
def bounds_that_contradict_one_another_are_refused(folder):
    path = model(folder)
    for shapes, word in ((("x=?x1..4x8", "z=5..9x1"), "leave no number"), (("x=?xax8", "z=bx1"), "call"), (("x=?x3x8", "z=4x1"), "as well as")):
        done = harness.smelt("compile", path, "--shape", shapes[0], "--shape", shapes[1], "-o", folder / "net.so")
        expect(done.returncode == 2 and word in done.stderr, f"{shapes}: {done.returncode} {done.stderr}")


def header(folder, *arguments):
    harness.smelt_ok("compile", model(folder), *arguments, "--emit", "static", "-o", folder / "net")
    return (folder / "net.h").read_text()


@case
def the_header_states_symbols_and_bounds(folder):
    text = header(folder, "--shape", "x=1..4xlen:2..16x8")
    expect("n from 1 to 4, len from 2 to 16." in text and "[n, len, 8]" in text, text)
    expect(re.search(r"#define NET_ARENA_BYTES \d+\n", text), text)
    text = header(folder)
    expect("Dims are symbolic: n, s." in text and "NET_ARENA_BYTES" not in text, text)


PROGRAM = r"""
#include "net.h"
#include <stdio.h>
static _Alignas(SMELT_ALIGNMENT) unsigned char arena[NET_ARENA_BYTES];
static _Alignas(SMELT_ALIGNMENT) float x[4 * 16 * 8], z[16], y[4 * 16 * 4];
int main(void) {
  smelt_instance instance;
  const void *inputs[] = {x, z};
  void *outputs[] = {y};
  if (smelt_init(&instance, &net, arena, sizeof arena) != SMELT_OK) return 1;
  for (int64_t n = 0; n <= 5; ++n)
    for (int64_t s = 0; s <= 17; ++s) {
      const int64_t dims_x[] = {n, s, 8}, dims_z[] = {s, 1};
      const int64_t *shapes[] = {dims_x, dims_z};
      const int valid = n >= 1 && n <= 4 && s >= 2 && s <= 16;
      uint64_t bytes = 0;
      if (smelt_arena_bytes(&net, shapes, &bytes) != (valid ? SMELT_OK : SMELT_ERROR_SHAPE)) return 2;
      if (smelt_set_shapes(&instance, shapes) != (valid ? SMELT_OK : SMELT_ERROR_SHAPE)) return 3;
      if (valid && (bytes > sizeof arena || smelt_run(&instance, inputs, outputs) != SMELT_OK)) return 4;
    }
  return 0;
}
"""


@case
def one_arena_is_enough_for_all_sizes_within_the_bounds(folder):
    header(folder, "--shape", "x=1..4xlen:2..16x8")
    (folder / "main.c").write_text(PROGRAM)
    compiler = shutil.which("clang-22") or "cc"
    runtime = harness.BIN.parent / "lib" / "libsmelt_runtime.a"
    subprocess.run([compiler, "-std=c11", f"-I{harness.REPOSITORY}/runtime/include", f"-I{folder}", folder / "main.c", folder / "net.a", runtime, "-o",
                    folder / "main"], check=True)
    done = subprocess.run([folder / "main"])
    expect(done.returncode == 0, f"exit code {done.returncode}")


@case
def inspect_names_what_is_symbolic(folder):
    compiled(folder, "--shape", "x=1..4xlen:2..x8")
    row = json.loads(harness.smelt_ok("inspect", folder / "net.so", "--json").stdout)
    expect([tensor["shape"] for tensor in row["inputs"] + row["outputs"]] == [["n", "len", 8], ["len", 1], ["n", "len", 4]], f"{row}")
    expect(row["symbols"] == [{"name": "n", "least": 1, "most": 4}, {"name": "len", "least": 2, "most": None}] and row["arena_bytes"] is None, f"{row}")
    text = harness.smelt_ok("inspect", folder / "net.so").stdout
    expect("f32 nxlenx8" in text and "symbols n from 1 to 4, len from 2\n" in text and "-1" not in text, text)
    row = json.loads(harness.smelt_ok("inspect", folder / "net.onnx", "--json").stdout)
    expect(row["inputs"][0]["shape"] == ["n", "s", 8], f"{row}")
    expect(smelt.load(folder / "net.so").symbols == "n:1..4, len:2..", smelt.load(folder / "net.so").symbols)


@case
def what_does_not_fit_is_named(folder):
    """Before a run, and on its way."""
    text = ('<ir_version: 8, opset_import: ["" : 18]> main (float[n, m] x, int64[2] s) => (float[a, 6] y, float[b, c] z) '
            "{ six = Constant <value_ints = [-1, 6]> () y = Reshape (x, six) z = Reshape (x, s) }")
    graph = onnx.parser.parse_model(text)
    for number, node in enumerate(graph.graph.node):
        node.name = f"node{number}"
    onnx.save(graph, folder / "named.onnx")
    model_ = smelt.load(smelt.compile(folder / "named.onnx", folder / "named.so"))
    for shape, sizes, name in (((2, 4), (2, 4), "node1"), ((2, 3), (4, 2), "node2"), ((2, 3), (-5, 2), "node2")):
        given = {"x": np.zeros(shape, np.float32), "s": np.array(sizes)}
        try:
            model_.run(given)
            raise harness.Failure(f"{shape} was taken")
        except smelt.SmeltError as error:
            expect(f"node '{name}'" in str(error) and error.exit_code == 2, str(error))
        np.savez(folder / "named.npz", **given)
        done = harness.smelt("run", folder / "named.so", "--inputs", folder / "named.npz", "--outputs", folder / "out.npz")
        expect(done.returncode == 2 and f"node '{name}'" in done.stderr, done.stderr)
    expect(model_.run({"x": np.zeros((2, 3), np.float32), "s": np.array((3, 2))})["z"].shape == (3, 2), "it does not run any more")


@case
def bench_tells_the_arena_of_its_shapes(folder):
    compiled(folder)
    arenas = []
    for n in (1, 50):
        np.savez(folder / "in.npz", **feeds(n, 9))
        arenas.append(json.loads(harness.smelt_ok("bench", folder / "net.so", "--inputs", folder / "in.npz", "--seconds", "0.01", "--json").stdout)["arena_bytes"])
    expect(0 < arenas[0] < arenas[1], f"{arenas}")


@case
def python_runs_other_shapes_each_time(folder):
    model_ = smelt.load(smelt.compile(model(folder), folder / "net.so"))
    expect(model_.is_symbolic and model_.inputs[0].shape == (None, None, 8), f"{model_.inputs}")
    arenas = []
    for n, s in ((2, 3), (5, 40), (1, 1), (0, 4), (5, 40), (64, 64)):
        given = feeds(n, s, seed=n)
        expect(np.allclose(model_.run(given)["y"], want(given), atol=1e-5), f"{n}, {s}")
        arenas.append(model_.arena_bytes)
    expect(arenas == sorted(arenas) and arenas[0] < arenas[-1], f"{arenas}")
    bound = [(feeds(n, 3), model_.bind(feeds(n, 3))) for n in (2, 70, 1)]
    for _ in range(2):  # each call finds its own shapes again, in an arena that has moved
        for given, (call, outputs) in bound:
            outputs["y"][...] = 0
            call()
            expect(np.allclose(outputs["y"], want(given), atol=1e-5), f"bound {given['x'].shape}")


@case
def python_runs_symbolic_artefacts_on_threads(folder):
    model_ = smelt.load(smelt.compile(model(folder), folder / "net.so"), threads=2)
    for n in (3, 300, 30):
        given = feeds(n, 16)
        expect(np.allclose(model_.run(given)["y"], want(given), atol=1e-5), f"{n}")
    model_.set_threads(1)
    expect(np.allclose(model_.run(feeds(2, 2))["y"], want(feeds(2, 2)), atol=1e-5), "one thread")


@case
def python_says_which_shapes_are_wrong(folder):
    model_ = smelt.load(smelt.compile(model(folder), folder / "net.so", shapes={"x": ((1, 4), "len:2..16", None)}))
    good = feeds(2, 5)
    for given, word in (({"x": good["x"], "z": feeds(2, 6)["z"]}, "'z' (6, 1)"), (feeds(5, 5), "(5, 5, 8)"), (feeds(1, 1), "(1, 1, 8)"),
                        ({"x": good["x"][..., :4], "z": good["z"]}, "(n, len, 8)"), ({"x": good["x"][0], "z": good["z"]}, "(n, len, 8)")):
        try:
            model_.run(given)
        except smelt.SmeltError as error:
            expect(error.exit_code == 2 and word in str(error), f"{error.exit_code}: {error}")
        else:
            raise harness.Failure(f"no error that says {word}")
        expect(np.allclose(model_.run(good)["y"], want(good), atol=1e-5), "after an error")


@case
def files_of_bf16(folder):
    """As the README says: in as ml_dtypes has them or as their bits, out as two bytes each, which can be taken in again."""
    tensors = [helper.make_tensor_value_info(name, TensorProto.BFLOAT16, [5]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", tensors[:1], tensors[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "net.onnx")
    harness.smelt_ok("compile", folder / "net.onnx", "-o", folder / "net.so")
    values = np.array([1.5, -2, 0.1, 3e38, np.inf], np.float32).astype(ml_dtypes.bfloat16)
    for given in (values, values.view(np.uint16)):
        np.savez(folder / "in.npz", x=given)
        harness.smelt_ok("run", folder / "net.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
        made = np.load(folder / "out.npz")["y"]
        expect(made.dtype == "V2" and np.array_equal(made.view(ml_dtypes.bfloat16), -values), f"{made}")
        np.savez(folder / "again.npz", x=made)
        harness.smelt_ok("run", folder / "net.so", "--inputs", folder / "again.npz", "--outputs", folder / "twice.npz")
        expect(np.array_equal(np.load(folder / "twice.npz")["y"].view(np.uint16), values.view(np.uint16)), "not what it was")
        harness.smelt_ok("compare", folder / "net.onnx", "--inputs", folder / "in.npz", "--against", folder / "out.npz")


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
