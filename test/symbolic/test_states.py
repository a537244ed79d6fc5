#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Outputs that are fed back to inputs and stay in the instance: --state INPUT=OUTPUT.

usage: test_states.py [NAME…] [--json FILE]

SMELT_TEST_TARGET (test/harness.py) says what to compile for.
"""
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import harness
import smelt
from harness import expect
from building import floats, graph, integers, node

case = harness.Suite()


def near(got, want, what):
    expect(got.shape == want.shape and np.allclose(got, want, atol=1e-5), f"{what}: {got.shape} {want.shape}")


def saved(folder, model):
    onnx.save(model, folder / "m.onnx")
    return folder / "m.onnx"


W = floats(6, 6)


def cell(batch=1):
    """h' = tanh(h · w + x), y = 2 · h'"""
    return graph([node("MatMul", ["h", "w"], "p"), node("Add", ["p", "x"], "s"), node("Tanh", ["s"], "next"), node("Add", ["next", "next"], "y")],
                 {"x": [batch, 6], "h": [batch, 6]}, ["y", "next"], w=W)


def cache(batch=1):
    """past' = concat(past, x) along the third of four dims; y is the sum over it. Rows of two heads."""
    return graph([node("Concat", ["past", "x"], "present", axis=2), node("ReduceSum", ["present", "axis"], "y", keepdims=0)],
                 {"past": [batch, 2, "p", 4], "x": [batch, 2, "s", 4]}, ["y", "present"], axis=integers(2))


def loaded(folder, model, states, **options):
    return smelt.load(smelt.compile(saved(folder, model), folder / "m.so", states=states, target=harness.TARGET, **options))


def steps_of(folder):
    return [step["name"] for step in json.loads(harness.smelt_ok("inspect", folder / "m.so", "--json").stdout)["steps"]]


@case
def a_state_of_one_size_lies_in_the_arena(folder):
    model = loaded(folder, cell(), {"h": "next"})
    expect([tensor.name for tensor in model.inputs + model.outputs] == ["x", "y"] and model.states == {"h": "next"}, f"{model.states}")
    for _ in range(2):
        h = np.zeros((1, 6), np.float32)
        for turn in range(7):
            x = floats(1, 6)
            h = np.tanh(h @ W + x)
            near(model.run({"x": x})["y"], 2 * h, f"turn {turn}")
            near(model.state("h"), h, "the state")
        model.reset()
    other = smelt.load(folder / "m.so")
    near(other.run({"x": x})["y"], 2 * np.tanh(x), "another instance")


@case
def a_window_that_moves(folder):
    """past' = concat(past, x) without its first rows; y is all of it. Nothing is copied but the past, and that once."""
    for rows, shape, axis in ((1, [1, 5, 4], 1), (2, [1, 5, 4], 1), (1, [5], 0), (1, [3, 5], 1)):
        first = integers(rows)
        extent = shape[axis]
        x_shape = shape[:axis] + [rows] + shape[axis + 1 :]
        model = graph([node("Concat", ["past", "x"], "all", axis=axis), node("Slice", ["all", "first", "end", "axis"], "next"), node("Exp", ["all"], "y")],
                      {"past": shape, "x": x_shape}, ["y", "next"], first=first, end=integers(extent + rows), axis=integers(axis))
        ours = loaded(folder, model, {"past": "next"})
        for _ in range(2):
            past = np.zeros(shape, np.float32)
            for turn in range(2 * extent + 1):
                x = floats(*x_shape)
                whole = np.concatenate([past, x], axis)
                past = np.delete(whole, range(rows), axis)
                near(ours.run({"x": x})["y"], np.exp(whole), f"{shape}, turn {turn}")
                near(ours.state("past"), past, "the state")
            ours.reset()
        if shape[:axis] == [1] * axis:
            copies = [step for step in steps_of(folder) if not step]
            expect(not copies, f"the window is copied: {steps_of(folder)}")


@case
def a_state_of_any_batch(folder):
    model = loaded(folder, cell("n"), {"h": "next"})
    for batch in (3, 1, 5):
        h = np.zeros((batch, 6), np.float32)
        for turn in range(4):
            x = floats(batch, 6)
            h = np.tanh(h @ W + x)
            near(model.run({"x": x})["y"], 2 * h, f"batch {batch}, turn {turn}")
        try:
            model.run({"x": floats(batch + 1, 6)})
            raise harness.Failure("no error where the batch is another one than the state's")
        except smelt.SmeltError as error:
            expect(error.exit_code == 2, f"{error}")
        model.reset()


def grows(model, lengths):
    past = np.zeros((1, 2, 0, 4), np.float32)
    for turn, length in enumerate(lengths):
        x = floats(1, 2, length, 4)
        past = np.concatenate([past, x], 2)
        near(model.run({"x": x})["y"], past.sum(2), f"turn {turn}")
    near(model.state("present"), past, "the state")


@case
def a_state_that_grows(folder):
    model = loaded(folder, cache(), {"past": "present"})
    grows(model, [3, 1, 1, 0, 7] + 60 * [1])
    model.reset()
    grows(model, [2, 2])


@case
def what_has_a_bound_grows_in_place(folder):
    model = loaded(folder, cache(), {"past": "present"}, shapes={"past": (1, 2, "p:0..16", 4), "x": (1, 2, "s:0..4", 4)})
    grows(model, [3, 1, 1, 0, 4, 4])
    expect(steps_of(folder) == ["Concat_present", "ReduceSum_y"], f"{steps_of(folder)}")  # x behind the past, which stays
    grows_too_far = [4, 4]
    try:
        for length in grows_too_far:
            model.run({"x": floats(1, 2, length, 4)})
        raise harness.Failure("no error beyond the bound")
    except smelt.SmeltError as error:
        expect(error.exit_code == 2, f"{error}")
    model.reset()
    grows(model, [1, 1])


@case
def one_row_grows_in_place(folder):
    model = graph([node("Concat", ["past", "x"], "present", axis=1), node("ReduceMax", ["present"], "y", axes=[1], keepdims=0)],
                  {"past": [1, "p", 4], "x": [1, 1, 4]}, ["y", "present"], opset=17)
    model = loaded(folder, model, {"past": "present"})
    past = np.zeros((1, 0, 4), np.float32)
    for turn in range(100):
        x = floats(1, 1, 4)
        past = np.concatenate([past, x], 1)
        near(model.run({"x": x})["y"], past.max(1), f"turn {turn}")
    near(model.state("past"), past, "the state")
    expect(steps_of(folder) == ["Concat_present", "ReduceMax_y"], f"{steps_of(folder)}")


@case
def a_state_may_be_passed_on_or_exchanged(folder):
    """a' = b, b' = a + x"""
    model = graph([node("Identity", ["b"], "a2"), node("Add", ["a", "x"], "b2"), node("Add", ["a", "b"], "y")], {"x": [3], "a": [3], "b": [3]},
                  ["y", "a2", "b2"])
    model = loaded(folder, model, {"a": "a2", "b": "b2"})
    a = b = np.zeros(3, np.float32)
    for turn in range(6):
        x = floats(3)
        near(model.run({"x": x})["y"], a + b, f"turn {turn}")
        a, b = b, a + x


@case
def run_and_compare_begin_with_nothing(folder):
    path = saved(folder, cache())
    x = floats(1, 2, 3, 4)
    np.savez(folder / "in.npz", x=x)
    harness.smelt_ok("compile", path, "--state", "past=present", "--target", harness.TARGET, "-o", folder / "m.so")
    harness.smelt_ok("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
    with np.load(folder / "out.npz") as outputs:
        near(outputs["present"], x, "the state")
        near(outputs["y"], x.sum(2), "y")
    for against in ((), ("--against", "onnxruntime")):
        done = harness.smelt_ok("compare", path, "--state", "past=present", "--target", harness.TARGET, "--inputs", folder / "in.npz", "--json", *against)
        rows = json.loads(done.stdout)["outputs"]
        expect({row["name"] for row in rows} == {"y", "present"} and all(row["holds"] for row in rows), f"{rows}")
    harness.smelt_ok("bench", folder / "m.so", "--inputs", folder / "in.npz", "--seconds", "0.01")
    text = harness.smelt_ok("inspect", folder / "m.so").stdout
    expect("state  'past'  f32 1x2xpx4\n" in text, text)


@case
def what_cannot_be_fed_back_is_refused(folder):
    path = saved(folder, cell())
    for flags, words in ((["h"], "INPUT=OUTPUT"), (["g=next"], "'g'; there are x, h"), (["h=z"], "'z'; there are y, next"),
                         (["h=next", "x=next"], "fed back already"), (["h=next", "h=y"], "fed back already")):
        done = harness.smelt("compile", path, *[word for flag in flags for word in ("--state", flag)], "-o", folder / "m.so")
        expect(done.returncode == 2 and words in done.stderr, f"{flags}: {done.returncode}: {done.stderr}")
    path = saved(folder, cache())
    done = harness.smelt("compile", path, "--state", "past=present", "--shape", "past=1x2xp:1..16x4", "-o", folder / "m.so")
    expect(done.returncode == 2 and "'past' begins without elements, but its dim 'p' is 1 or more" in done.stderr, f"{done.returncode}: {done.stderr}")
    model = graph([node("Concat", ["a", "a"], "b", axis=0), node("Cast", ["a"], "c", to=onnx.TensorProto.DOUBLE)], {"a": [3]}, ["b", "c"])
    path = saved(folder, model)
    for output, words in (("b", "f32 [6]"), ("c", "f64 [3]")):
        done = harness.smelt("compile", path, "--state", f"a={output}", "-o", folder / "m.so")
        expect(done.returncode == 2 and words in done.stderr, f"{output}: {done.returncode}: {done.stderr}")


PROGRAM = r"""
#include "net.h"
#include <stdio.h>
static _Alignas(SMELT_ALIGNMENT) unsigned char arena[NET_ARENA_BYTES];
static _Alignas(SMELT_ALIGNMENT) float x[8], y[8];
int main(void) {
  smelt_instance instance;
  const void *inputs[] = {x};
  void *outputs[] = {y};
  const int64_t dims[] = {1, 2, 1, 4}, *shapes[] = {dims};
  if (smelt_init(&instance, &net, arena, sizeof arena) != SMELT_OK) return 1;
  if (smelt_set_shapes(&instance, shapes) != SMELT_OK) return 2;
  for (int again = 0; again < 2; ++again) {
    for (int turn = 1; turn <= 17; ++turn) {
      for (int i = 0; i < 8; ++i) x[i] = (float)i;
      if (smelt_run(&instance, inputs, outputs) != (turn <= 17 ? SMELT_OK : SMELT_ERROR_SHAPE)) return 3;
      for (int i = 0; i < 8; ++i)
        if (y[i] != (float)(i * turn)) return 4;
    }
    if (smelt_state_extent(&instance, 0, 2) != 17) return 5;
    if (smelt_run(&instance, inputs, outputs) != SMELT_ERROR_SHAPE) return 6;
    smelt_reset(&instance);
  }
  return 0;
}
"""


@case
def a_bound_makes_one_arena_enough(folder):
    shapes = ("--shape", "past=1,2,p:0..16,4", "--shape", "x=1,2,1,4")
    harness.smelt_ok("compile", saved(folder, cache()), *shapes, "--state", "past=present", "--emit", "static", "-o", folder / "net")
    expect("present becomes past: [1, 2, p, 4], float" in (folder / "net.h").read_text(), (folder / "net.h").read_text())
    (folder / "main.c").write_text(PROGRAM)
    runtime = harness.BIN.parent / "lib" / "libsmelt_runtime.a"
    subprocess.run([shutil.which("clang-22") or "cc", "-std=c11", f"-I{harness.REPOSITORY}/runtime/include", f"-I{folder}", folder / "main.c",
                    folder / "net.a", runtime, "-o", folder / "main"], check=True)
    done = subprocess.run([folder / "main"])
    expect(done.returncode == 0, f"exit code {done.returncode}")


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
