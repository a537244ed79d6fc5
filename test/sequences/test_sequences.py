#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sequences and optional values: models against ONNX Runtime, in and out, and what users see of them.

usage: test_sequences.py [NAME…] [--json FILE]
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import smelt
from harness import expect

case = harness.Suite()
RANDOM = np.random.default_rng(7)


def save(folder, body, opset=18):
    """A model from ONNX's text form: "(inputs) => (outputs) { nodes }"."""
    text = f'<ir_version: 8, opset_import: ["" : {opset}]> main {body}'
    path = folder / "net.onnx"
    onnx.save(onnx.parser.parse_model(text), path)
    return path


def extents(value):
    """What smelt.compile takes as the shape of a value."""
    if value is None:
        return None
    return [list(part.shape) for part in value] or "[]" if isinstance(value, list) else tuple(np.shape(value))


def check(got, want, name):
    if isinstance(want, list):
        expect(isinstance(got, list) and len(got) == len(want), f"{name} is {got}, not {want}")
        for number, (a, b) in enumerate(zip(got, want)):
            check(a, b, f"{name}[{number}]")
    elif want is None:
        expect(got is None, f"{name} is {got}, not absent")
    else:
        want = np.asarray(want)
        expect(got is not None and got.dtype == want.dtype and got.shape == want.shape, f"{name} is {got}, not {want}")
        expect(np.allclose(got, want, rtol=1e-5, atol=1e-6), f"{name} is {got}, not {want}")


def reference(path, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, feeds)))


def agrees(folder, body, want=None, opset=18, shapes=None, **feeds):
    """Whether a compiled model gives what ONNX Runtime does, or `want`."""
    path = save(folder, body, opset)
    try:
        want = want or reference(path, feeds)
    except Exception as error:  # its classes have no common base
        raise harness.Failure(f"onnxruntime: {error}") from error
    try:
        artefact = smelt.compile(path, shapes=shapes or {name: extents(value) for name, value in feeds.items()})
        got = smelt.load(artefact).run(feeds)
    except smelt.SmeltError as error:
        raise harness.Failure(f"exit code {error.exit_code}: {error}") from error
    expect(set(got) == set(want), f"the outputs are {set(got)}, not {set(want)}")
    for name, value in want.items():
        check(got[name], value, name)


def normal(*shape):
    return RANDOM.standard_normal(shape, np.float32)


def at(*numbers):
    return np.array(numbers[0] if len(numbers) == 1 else numbers, np.int64)


# ------------------------------------------------------------------------------------------------------------ operators


@case
def sequences_are_built_and_taken_apart(folder):
    agrees(folder, """(float[2,3] x, float[2,3] y) => (seq(float[]) s, int64 n, float[2,3] first, float[2,3] last) {
      s = SequenceConstruct (x, y, x)
      n = SequenceLength (s)
      zero = Constant <value_int = 0> ()
      end = Constant <value_int = -1> ()
      first = SequenceAt (s, zero)
      last = SequenceAt (s, end)
    }""", x=normal(2, 3), y=normal(2, 3))


@case
def tensors_are_inserted_and_erased_at_constant_positions(folder):
    agrees(folder, """(float[2] x, float[3,1] y) => (seq(float[]) a, seq(float[]) b, seq(float[]) c, seq(float[]) d) {
      one = Constant <value_int = 1> ()
      back = Constant <value_int = -2> ()
      empty = SequenceEmpty <dtype = 1> ()
      s = SequenceInsert (empty, x)
      a = SequenceInsert (s, y, one)
      b = SequenceInsert (a, x, back)
      c = SequenceErase (b)
      d = SequenceErase (b, back)
    }""", x=normal(2), y=normal(3, 1))


UNLIKE = [normal(2, 3), normal(1, 5), normal(4, 2)]


@case
def positions_may_be_inputs(folder):
    for position in (0, 2, -1, -3):
        agrees(folder, "(seq(float[a,b]) s, int64 i) => (float[c,d] y) { y = SequenceAt (s, i) }", s=UNLIKE, i=at(position))
        agrees(folder, "(seq(float[]) s, int64 i) => (float[2,4] y) { y = SequenceAt (s, i) }", s=[normal(2, 4) for _ in range(3)], i=at(position))
        agrees(folder, "(seq(float[]) s, float[3,2] x, int64 i) => (seq(float[]) y) { y = SequenceInsert (s, x, i) }", s=UNLIKE, x=normal(3, 2), i=at(position))
        agrees(folder, "(seq(float[]) s, int64 i) => (seq(float[]) y) { y = SequenceErase (s, i) }", s=UNLIKE, i=at(position))


@case
def positions_outside_end_the_run(folder):
    path = save(folder, "(seq(float[]) s, int64 i) => (float[c,d] y) { y = SequenceAt (s, i) }")
    model = smelt.load(smelt.compile(path, shapes={"s": extents(UNLIKE)}))
    for position in (3, -4, 2**62, -(2**63)):
        try:
            model.run({"s": UNLIKE, "i": at(position)})
        except smelt.SmeltError:
            continue
        raise harness.Failure(f"position {position} of 3 is taken")
    check(model.run({"s": UNLIKE, "i": at(1)})["y"], UNLIKE[1], "y")


@case
def hostile_numbers_end_the_run_at_most(folder):
    bodies = {"at": "(seq(float[]) s, int64 i) => (float[c,d] y) { y = SequenceAt (s, i) }", "erase": "(seq(float[]) s, int64 i) => (seq(float[]) y) { y = SequenceErase (s, i) }",
              "insert": "(seq(float[]) s, int64 i) => (seq(float[]) y) { a = Constant <value_float = 1.0> () y = SequenceInsert (s, a, i) }",
              "split": "(seq(float[]) s, int64 i) => (seq(float[]) y) { a = ConcatFromSequence <axis = 0, new_axis = 1> (s) y = SplitToSequence <axis = 1> (a, i) }",
              "tables": "(seq(float[]) s, int64 i) => (float[a,b] y) { z = Constant <value_int = 0> () a = SequenceAt (s, z) t = SplitToSequence <axis = 0> (a, i) "
                        "u = SequenceErase (t, i) y = ConcatFromSequence <axis = 1> (u) }"}
    for name, body in bodies.items():
        path = save(folder, body)
        for s in ([normal(2, 3)] * 3, UNLIKE):
            if name == "split" and s is UNLIKE:
                continue
            harness.smelt_ok("compile", path, "--shape", f"s=[{', '.join('x'.join(map(str, part.shape)) for part in s)}]", "-o", folder / "net.so")
            for number in (-(2**63), 1 - 2**63, -(2**33), -5, -1, 0, 1, 2, 3, 4, 2**31, 2**33, 2**62, 2**63 - 2, 2**63 - 1):
                np.savez(folder / "in.npz", i=at(number), **{f"s[{i}]": part for i, part in enumerate(s)})
                done = harness.smelt("run", folder / "net.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
                expect(done.returncode in (0, 2, 5) and done.stderr.count("\n") == (done.returncode > 0), f"{name} {number}: {done.returncode} {done.stderr}")


@case
def tensors_are_joined(folder):
    for axis in (0, 1, -1):
        agrees(folder, f"(seq(float[]) s) => (float[a,b] y) {{ y = ConcatFromSequence <axis = {axis}> (s) }}", s=[normal(3, 3) for _ in range(3)])
    for axis in (0, 1, 2, -1):
        agrees(folder, f"(seq(float[]) s) => (float[a,b,c] y) {{ y = ConcatFromSequence <axis = {axis}, new_axis = 1> (s) }}", s=[normal(2, 4) for _ in range(3)])


@case
def tensors_are_split(folder):
    for axis in (0, 1, -1):
        for keep in (0, 1):
            agrees(folder, f"(float[3,4] x) => (seq(float[]) s) {{ s = SplitToSequence <axis = {axis}, keepdims = {keep}> (x) }}", x=normal(3, 4))
        for split in (1, 2, 3, 9):
            constant = f"(float[3,4] x) => (seq(float[]) s) {{ n = Constant <value_int = {split}> () s = SplitToSequence <axis = {axis}> (x, n) }}"
            agrees(folder, constant, x=normal(3, 4))
            agrees(folder, f"(float[3,4] x, int64 n) => (seq(float[]) s) {{ s = SplitToSequence <axis = {axis}> (x, n) }}", x=normal(3, 4), n=at(split))
    for parts in ((1, 4), (5, 0), (2, 3)):
        agrees(folder, "(float[2,5] x, int64[2] n) => (seq(float[]) s) { s = SplitToSequence <axis = 1> (x, n) }", x=normal(2, 5), n=at(*parts))


@case
def tensors_are_split_by_lists_of_any_length(folder):
    for axis in (0, 1, 2):
        body = f"""(float[3,6,4] x, int64[k] n) => (seq(float[]) s, float[a,b,c] y, int64 length) {{
          s = SplitToSequence <axis = {axis}> (x, n)
          y = ConcatFromSequence <axis = {axis}> (s)
          length = SequenceLength (s)
        }}"""
        model = smelt.load(smelt.compile(save(folder, body)))
        x, dim = normal(3, 6, 4), (3, 6, 4)[axis]
        for parts in ((dim,), (1, dim - 1), (0, 1, 1, dim - 2, 0), (1,) * dim):
            got = model.run({"x": x, "n": at(parts)})
            check(got["s"], np.split(x, np.cumsum(parts)[:-1], axis), "s")
            check(got["y"], x, "y")
            check(got["length"], at(len(parts)), "length")
        for parts in ((dim, 1), (dim - 1,), (-1, dim + 1), ()):
            try:
                model.run({"x": x, "n": np.array(parts, np.int64)})
            except smelt.SmeltError as error:
                expect(error.exit_code == 2, f"{parts}: exit code {error.exit_code}")
                continue
            raise harness.Failure(f"{dim} elements are split into {parts}")


@case
def tables_of_unlike_tensors_are_joined(folder):
    model = smelt.load(smelt.compile(save(folder, """(float[b,n,c] x, int64 k) => (float[p,q,r] y, float[s,t,u] z) {
      s = SplitToSequence <axis = 1> (x, k)
      y = ConcatFromSequence <axis = 1> (s)
      end = Constant <value_int = -1> ()
      front = Constant <value_int = 0> ()
      last = SequenceAt (s, end)
      t = SequenceInsert (s, last, front)
      z = ConcatFromSequence <axis = -2> (t)
    }""")))
    for shape, part in (((3, 7, 2), 3), ((3, 6, 1), 3), ((2, 5, 3), 4), ((1, 4, 4), 9), ((0, 5, 2), 2), ((2, 5, 0), 2)):
        x = normal(*shape)
        got = model.run({"x": x, "k": at(part)})
        check(got["y"], x, "y")
        check(got["z"], np.concatenate([x[:, (shape[1] - 1) // part * part :], x], 1), "z")


@case
def tables_go_through_all_operators(folder):
    for split in (1, 2, 3):
        agrees(folder, """(float[6,4] x, int64 n, int64 i) => (int64 length, float[a,b] one, float[c,d] joined, seq(float[]) more, seq(float[]) less) {
          s = SplitToSequence <axis = 0> (x, n)
          length = SequenceLength (s)
          one = SequenceAt (s, i)
          joined = ConcatFromSequence <axis = 0> (s)
          more = SequenceInsert (s, one, i)
          less = SequenceErase (more)
        }""", x=normal(6, 4), n=at(split), i=at(1))
        agrees(folder, """(float[6,4] x, int64 n) => (float[a,b] side, float[a,b,c] stacked) {
          s = SplitToSequence <axis = 0> (x, n)
          side = ConcatFromSequence <axis = 1> (s)
          stacked = ConcatFromSequence <axis = 1, new_axis = 1> (s)
        }""", x=normal(6, 4), n=at(split))


@case
def all_types_go_through_tables(folder):
    for name, dtype in (("double", "f8"), ("float16", "f2"), ("int8", "i1"), ("uint16", "u2"), ("int64", "i8"), ("uint64", "u8"), ("bool", "?")):
        x = (RANDOM.random((5, 3)) * 9).astype(dtype)
        body = f"""({name}[5,3] x, int64 n) => (seq({name}[]) s, {name}[a,b] y, {name}[c,d] z) {{
          s = SplitToSequence <axis = 0> (x, n)
          i = Constant <value_int = -1> ()
          y = SequenceAt (s, i)
          z = ConcatFromSequence <axis = 0> (s)
        }}"""
        agrees(folder, body, x=x, n=at(2), want={"s": [x[:2], x[2:4], x[4:]], "y": x[4:], "z": x})


@case
def onnx_has_models_of_sequences(folder):
    models = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data" / "simple"
    (folder / "list").write_text("".join(f"test_sequence_model{i}\n" for i in range(1, 9)))
    done = subprocess.run([harness.BIN / "smelt-conformance", models, "--list", folder / "list"], capture_output=True, text=True)
    expect("8 pass" in done.stderr, done.stdout)


@case
def bodies_run_for_each_tensor(folder):
    agrees(folder, """(seq(float[]) s, seq(float[]) t, float[1] z) => (seq(float[]) y, seq(float[]) w, seq(int64[]) h) {
      y, w, h = SequenceMap (s, t, z) <body = body (float[n] a, float[n] b, float[1] c) => (float[n] sum, float[n] product, int64[m] dims) {
        sum = Add (a, b)
        product = Mul (sum, c)
        dims = Shape (product)
      }>
    }""", s=[normal(2), normal(5)], t=[normal(2), normal(5)], z=normal(1))


@case
def bodies_run_for_each_tensor_of_a_table(folder):
    for split in (1, 2, 5):
        agrees(folder, """(float[5,3] x, int64 n, float[3] z) => (seq(float[]) y, seq(int64[]) h) {
          s = SplitToSequence <axis = 0> (x, n)
          y, h = SequenceMap (s, z) <body = body (float[n,3] a, float[3] c) => (float[n,3] sum, int64[m] dims) {
            sum = Add (a, c)
            dims = Shape (sum)
          }>
        }""", x=normal(5, 3), n=at(split), z=normal(3))


@case
def branches_make_sequences(folder):
    for cond in (False, True):
        for then, other in (("SequenceConstruct (x, z)", "SequenceConstruct (z, x)"), ("SequenceConstruct (x)", "SequenceConstruct (z, x)"),
                            ("SequenceEmpty ()", "SequenceConstruct (z, x)"), ("SplitToSequence (x)", "SplitToSequence (z)")):
            agrees(folder, f"""(bool c, float[2,3] x, float[1,3] z) => (seq(float[]) y, int64 n) {{
              y = If (c) <then_branch = a () => (seq(float[]) p) {{ p = {then} }}, else_branch = b () => (seq(float[]) q) {{ q = {other} }}>
              n = SequenceLength (y)
            }}""", c=np.array(cond), x=normal(2, 3), z=normal(1, 3))


@case
def branches_may_make_nothing(folder):
    body = """(bool c, float[2,3] x) => (optional(FORM) y, bool has) {
      y = If (c) <then_branch = a () => (optional(FORM) p) { p = Optional <type = FORM> () }, else_branch = b () => (optional(FORM) q) { MAKE q = Optional (r) }>
      has = OptionalHasElement (y)
    }"""
    x = normal(2, 3)
    for form, make, want in (("float[2,3]", "r = Neg (x)", -x), ("seq(float[2,3])", "s = Neg (x) r = SequenceConstruct (s, x)", [-x, x]), ("seq(float[1,3])", "r = SplitToSequence (x)", [x[:1], x[1:]])):
        text = body.replace("FORM", form).replace("MAKE", make)
        agrees(folder, text, c=np.array(False), x=x, want={"y": want, "has": np.array(True)})
        agrees(folder, text, c=np.array(True), x=x, want={"y": None, "has": np.array(False)})


LOOP = """(int64 m, float[2,3] x) => (OUTPUTS) {
  empty = SequenceEmpty ()
  t = Constant <value = bool {1}> ()
  s, last = Loop (m, t, empty, x) <body = b (int64 i, bool c, seq(float[]) v, float[a,b] w) => (bool d, seq(float[]) u, float[e,f] z) {
    d = Identity (c)
    z = Add (w, w)
    one = Constant <value_ints = [1]> ()
    zero = Constant <value_ints = [0]> ()
    axis = Constant <value_ints = [1]> ()
    end = Add (i, one)
    cut = Slice (z, zero, end, axis)
    u = SequenceInsert (v, cut)
  }>
  REST
}"""


@case
def loops_make_sequences(folder):
    for rounds in (1, 3, 0):
        text = LOOP.replace("OUTPUTS", "seq(float[]) s, float[2,3] last").replace("REST", "")
        x = normal(2, 3)
        want = {"s": [(x * 2 ** (i + 1))[:, : i + 1] for i in range(rounds)], "last": x * 2**rounds}
        agrees(folder, text, m=at(rounds), x=x, want=want)
        constant = text.replace("(int64 m, float[2,3] x)", "(float[2,3] x)").replace("empty = ", f"m = Constant <value_int = {rounds}> () empty = ")
        agrees(folder, constant, x=x, want=want)
    joined = LOOP.replace("OUTPUTS", "float[a,b] y, float[c,d] first, int64 k").replace("REST", """
      z = Constant <value_int = 0> ()
      k = SequenceLength (s)
      first = SequenceAt (s, z)
      y = ConcatFromSequence <axis = 0> (s)""")
    x = normal(2, 3)
    agrees(folder, joined, m=at(1), x=x, want={"y": 2 * x[:, :1], "first": 2 * x[:, :1], "k": at(1)})


@case
def compare_knows_what_is_not_there(folder):
    path = save(folder, """(bool c, float[2] x) => (optional(seq(float[2])) y, seq(float[]) z) {
      y = If (c) <then_branch = a () => (optional(seq(float[2])) p) { p = Optional <type = seq(float[2])> () }, else_branch = b () => (optional(seq(float[2])) q) {
        r = SequenceConstruct (x) q = Optional (r) }>
      z = If (c) <then_branch = a () => (seq(float[]) p) { p = SequenceEmpty () }, else_branch = b () => (seq(float[]) q) { q = SplitToSequence (x) }>
    }""")
    for cond in (False, True):
        np.savez(folder / "in.npz", c=np.array(cond), x=normal(2))
        text = harness.smelt_ok("compare", path, "--inputs", folder / "in.npz", "--against", "onnxruntime").stdout
        expect("'y.present'" in text and ("'y[0]'" in text) != cond and ("'z.data'" in text) != cond, text)


@case
def loops_go_through_sequences(folder):
    agrees(folder, """(seq(float[]) s, int64 m) => (float[2] y, seq(float[]) t) {
      c = Constant <value = bool {1}> ()
      zero = Constant <value = float[2] {0, 0}> ()
      empty = SequenceEmpty ()
      y, t = Loop (m, c, zero, empty) <body = b (int64 i, bool c, float[2] v, seq(float[]) w) => (bool d, float[2] z, seq(float[]) u) {
        d = Identity (c)
        e = SequenceAt (s, i)
        z = Add (v, e)
        front = Constant <value_int = 0> ()
        u = SequenceInsert (w, z, front)
      }>
    }""", s=[normal(2) for _ in range(4)], m=at(3))


@case
def functions_take_sequences(folder):
    text = """<ir_version: 8, opset_import: ["" : 18, "local" : 1]> main (seq(float[]) s) => (seq(float[]) t, float[2] y) { t, y = local.pick (s) }
    <domain: "local", opset_import: ["" : 18]> pick (a) => (b, c) {
      i = Constant <value_int = 1> ()
      c = SequenceAt (a, i)
      b = SequenceErase (a, i)
    }"""
    path = folder / "net.onnx"
    onnx.save(onnx.parser.parse_model(text), path)
    s = [normal(3), normal(2), normal(1)]
    got = smelt.load(smelt.compile(path, shapes={"s": extents(s)})).run({"s": s})
    check(got["t"], [s[0], s[2]], "t")
    check(got["y"], s[1], "y")


@case
def functions_may_be_called_without_their_last_inputs(folder):
    text = """<ir_version: 8, opset_import: ["" : 18, "local" : 1]> main (float[n,4] x, float[4,3] w, float[3] b) => (float[n,3] y, float[n,3] z, bool h) {
      y, h = local.linear (x, w)
      z, g = local.linear (x, w, b)
    }
    <domain: "local", opset_import: ["" : 18, "local" : 1]> linear (x, w, b) => (y, has) {
      y = local.inner (x, w, b)
      has = OptionalHasElement (b)
    }
    <domain: "local", opset_import: ["" : 18]> inner (x, w, b) => (y) { y = Gemm (x, w, b) }"""
    path = folder / "net.onnx"
    onnx.save(onnx.parser.parse_model(text), path)
    feeds = {"x": normal(5, 4), "w": normal(4, 3), "b": normal(3)}
    got = smelt.load(smelt.compile(path)).run(feeds)
    check(got["y"], feeds["x"] @ feeds["w"], "y")
    check(got["z"], feeds["x"] @ feeds["w"] + feeds["b"], "z")
    expect(not got["h"], "b is there")
    onnx.save(onnx.parser.parse_model(text.replace("local.linear (x, w)", "local.linear (x)")), path)
    done = harness.smelt("compile", path, "-o", folder / "no.so")
    expect(done.returncode == 3 and "lacks its input 1" in done.stderr, done.stderr)


@case
def optional_values_may_be_absent(folder):
    body = """(optional(float[2,3]) x) => (bool has) { has = OptionalHasElement (x) }"""
    x = normal(2, 3)
    agrees(folder, body, x=x)
    agrees(folder, body, x=None, want={"has": np.array(False)})
    agrees(folder, "(optional(seq(float[2])) x) => (seq(float[]) y) { y = OptionalGetElement (x) }", x=[normal(2), normal(2)])
    agrees(folder, "(optional(float[2,3]) x) => (optional(float[2,3]) y) { y = Identity (x) }", x=None, want={"y": None})
    agrees(folder, "(float[2,3] x) => (optional(float[2,3]) y) { y = Optional (x) }", x=x, want={"y": x})


# ------------------------------------------------------------------------------------------------------ what users see


@case
def lists_of_any_length_go_in_and_out(folder):
    for s in ([], [normal(2)], [np.float32(3), np.float32(4)], [normal(1, 2, 1), normal(0, 7)]):
        s = [np.asarray(part) for part in s]
        agrees(folder, "(seq(float[]) s) => (seq(float[]) t) { t = Identity (s) }", want={"t": s}, s=s)


@case
def dims_of_tensors_may_stay_symbolic(folder):
    path = save(folder, "(seq(float[]) s) => (float[n,m] y) { y = ConcatFromSequence <axis = 0> (s) }")
    model = smelt.load(smelt.compile(path, shapes={"s": "[ax?, (1..9,3)]"}))
    for rows in ((1, 2), (4, 9)):
        s = [normal(row, 3) for row in rows]
        check(model.run({"s": s})["y"], np.concatenate(s), "y")


@case
def shape_says_what_inputs_are(folder):
    path = save(folder, "(seq(float[n]) s, optional(float[2]) o, float[3] x) => (seq(float[]) t, bool b) { t = Identity (s) b = OptionalHasElement (o) }")
    arguments = ("--shape", "s=[2,3]", "--shape", "o=none")
    harness.smelt_ok("compile", path, *arguments, "-o", folder / "net.so")
    for wrong, code, word in (((), 4, "--shape 's=[2x3, 4x3]'"), (("s=[2]",), 4, "--shape 'o=none'"), (("s=2", "o=none"), 2, "brackets"),
                              (("s=[2]", "o=[2]"), 2, "no sequence"), (("s=none", "o=2"), 2, "not optional"), (("s=[2,", "o=2"), 2, "wanted"),
                              (("s=[2,]", "o=2"), 2, "wanted"), (("s=[2", "o=2"), 2, "wanted"), (("s=[(2]", "o=2"), 2, "wanted"),
                              (("s=[2]", "o=2", "o=none"), 2, "twice"), (("s=[2]", "o=2", "s[0]=2"), 2, "no input 's[0]'"),
                              (("s=[" + ",".join(["2"] * 5000) + "]", "o=2"), 4, "5000 tensors")):
        words = [word for shape in wrong for word in ("--shape", shape)]
        done = harness.smelt("compile", path, *words, "-o", folder / "no.so")
        expect(done.returncode == code and word in done.stderr and done.stderr.count("\n") == 1, f"{wrong}: {done.returncode} {done.stderr}")
    text = harness.smelt_ok("inspect", folder / "net.so").stdout
    expect("input s: sequence of 2" in text and "'s[1]'" in text and "input o: absent" in text, text)
    stated = json.loads(harness.smelt_ok("inspect", folder / "net.so", "--json").stdout)
    expect(stated["forms"] == ["input s: sequence of 2", "input o: absent", "output t: sequence of 2"], stated["forms"])
    stated = json.loads(harness.smelt_ok("inspect", path, "--json").stdout)
    expect([row["type"] for row in stated["inputs"]] == ["sequence(f32)", "optional(f32)", "f32"] and "--shape" in stated["not_checked"], stated)
    expect("all of them are supported" in harness.smelt_ok("inspect", path, *arguments).stdout, "inspect with shapes")


@case
def files_and_compare_know_sequences(folder):
    path = save(folder, "(seq(float[]) s, int64 i) => (seq(float[]) t, float[n] y, seq(float[]) z) { t = SequenceErase (s) y = SequenceAt (s, i) z = SplitToSequence (y, i) }")
    s = [normal(2), normal(4), normal(3)]
    np.savez(folder / "in.npz", i=at(1), **{f"s[{i}]": part for i, part in enumerate(s)})
    shape = ("--shape", "s=[2,4,3]")
    harness.smelt_ok("compile", path, *shape, "-o", folder / "net.so")
    harness.smelt_ok("run", folder / "net.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
    got = dict(np.load(folder / "out.npz"))
    expect(set(got) == {"t[0]", "t[1]", "y", "z.data", "z.shapes"}, set(got))
    check(got["t[1]"], s[1], "t[1]")
    check(got["z.shapes"], np.ones((4, 1), np.int64), "z.shapes")
    text = harness.smelt_ok("compare", path, *shape, "--inputs", folder / "in.npz", "--against", "onnxruntime").stdout
    expect("'t[1]'" in text and "'z.data'" in text, text)


PROGRAM = r"""
#include "net.h"
#include <stdio.h>
static _Alignas(SMELT_ALIGNMENT) unsigned char arena[NET_ARENA_BYTES];
static _Alignas(SMELT_ALIGNMENT) float first[2] = {1, 2}, second[3] = {3, 4, 5}, out[3];
int main(void) {
  smelt_instance instance;
  const void *inputs[NET_INPUT_COUNT];
  void *outputs[NET_OUTPUT_COUNT];
  inputs[NET_INPUT_S_0__INDEX] = first;
  inputs[NET_INPUT_S_1__INDEX] = second;
  outputs[NET_OUTPUT_T_0__INDEX] = out;
  if (smelt_init(&instance, &net, arena, sizeof arena) || smelt_run(&instance, inputs, outputs)) return 1;
  printf("%g %g %g\n", out[0], out[1], out[2]);
  return 0;
}
"""


@case
def the_header_has_a_name_for_each_tensor(folder):
    compiler = shutil.which("cc") or shutil.which("clang-22")
    path = save(folder, "(seq(float[]) s, optional(float[2]) o) => (seq(float[]) t, optional(float[2]) p) { i = Constant <value_int = 0> () t = SequenceErase (s, i) p = Identity (o) }")
    harness.smelt_ok("compile", path, "--shape", "s=[2,3]", "--shape", "o=none", "--emit", "static", "-o", folder / "net")
    text = (folder / "net.h").read_text()
    expect(all(line in text for line in (" *   input s: sequence of 2\n", " *   output p: absent\n", "/* s[1]: [3], float */")), text)
    (folder / "program.c").write_text(PROGRAM)
    include, library = harness.REPOSITORY / "runtime" / "include", harness.BIN.parent / "lib" / "libsmelt_runtime.a"
    done = subprocess.run([compiler, "-std=c11", "-Wall", "-Werror", f"-I{include}", f"-I{folder}", folder / "program.c", folder / "net.a", library, "-lm",
                           "-o", folder / "program"], capture_output=True, text=True)
    expect(done.returncode == 0, done.stderr)
    expect(subprocess.run([folder / "program"], capture_output=True, text=True).stdout == "3 4 5\n", "the program")


@case
def python_says_what_it_wants(folder):
    path = save(folder, "(seq(float[]) s, optional(float[2]) o) => (seq(float[]) t, bool b) { t = Identity (s) b = OptionalHasElement (o) }")
    model = smelt.load(smelt.compile(path, shapes={"s": [[2], [3]], "o": None}))
    s = [normal(2), normal(3)]
    for feeds in ({"s": s}, {"s": tuple(s), "o": None}, {"s[0]": s[0], "s[1]": s[1]}):
        got = model.run(feeds)
        check(got["t"], s, "t")
        expect(set(got) == {"t", "b"} and not got["b"], got)
    for feeds, word in (({"s": s[:1]}, "list of 1"), ({"s": s[0]}, "ndarray"), ({"s": s, "o": s[0]}, "absent"), ({}, "s[0]"), ({"s": [s[1], s[0]]}, "s[0]")):
        try:
            model.run(feeds)
        except smelt.SmeltError as error:
            expect(error.exit_code == 2 and re.search(re.escape(word), str(error)), f"{feeds}: {error}")
            continue
        raise harness.Failure(f"{feeds} is taken")


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
