#!/usr/bin/env python3
"""Mistakes: each ends with the documented exit code and one line, leaves nothing behind, and stays within its bounds.

usage: test_errors.py [NAME…] [--json FILE]
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from bounded import MOST_WALL_SECONDS, Done, refused

import harness
from harness import expect

TOY = harness.BIN.parent / "lib" / "libsmelt_toy_model.so"  # y = (x + w) * 2 of 4x16, n = 3 i
SPARE_BYTES = 4_000_000  # of a run, beside its model and its data
case = harness.Suite()


# ------------------------------------------------------------------------------------------------------------- models


def value(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def write_model(path, nodes, inputs, outputs, weights=(), opset=17, **options):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 18 else 10), path, **options)
    return path


def good_model(folder, shape=("batch", 8), **options):
    """y = relu(x + w)"""
    weights = numpy_helper.from_array(np.arange(8 * 4096, dtype=np.float32).reshape(4096, 8), "w")
    nodes = [helper.make_node("Add", ["x", "w"], ["z"], name="add"), helper.make_node("Relu", ["z"], ["y"], name="relu")]
    return write_model(folder / "good.onnx", nodes, [value("x", shape)], [value("y", None)], [weights], **options)


def inputs(folder, **arrays):
    np.savez(folder / "in.npz", **arrays)
    return folder / "in.npz"


def toy_inputs(folder, **changes):
    return inputs(folder, **{"x": np.zeros((4, 16), np.float32), "i": np.int64(14), **changes})


# ------------------------------------------------------------------------------------------------------------ compile


@case
def truncated_file(folder):
    model = good_model(folder)
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    refused(folder, [3], ["good.onnx"], "compile", model, "-o", folder / "m.so")


@case
def text_file(folder):
    (folder / "text.onnx").write_text("this is not a model\n" * 50)
    refused(folder, [3], ["text.onnx"], "compile", folder / "text.onnx", "-o", folder / "m.so")
    refused(folder, [3], ["text.onnx", "is text"], "inspect", folder / "text.onnx")
    refused(folder, [3], ["text.onnx"], "compare", folder / "text.onnx")


@case
def three_unknown_operators(folder):
    nodes = [helper.make_node(f"Nope{i}", ["x" if i == 0 else f"t{i - 1}"], [f"t{i}"], name=f"node_{i}") for i in range(3)]
    model = write_model(folder / "unknown.onnx", nodes, [value("x", [4])], [value("t2", None)])
    everything = [word for i in range(3) for word in (f"node_{i}", f"Nope{i}")]
    refused(folder, [4], everything, "compile", model, "-o", folder / "m.so")
    listed = Done("inspect", model)
    expect(listed.code == 0, f"inspect: exit code {listed.code}")
    for word in everything:
        expect(word in listed.output, f"inspect does not name '{word}'")


@case
def everything_unsupported_is_listed(folder):
    """By compile and inspect, whether the import finds it or the code for this processor; not what only follows from it."""
    huge = numpy_helper.from_array(np.array([1 << 40], np.int64), "huge")
    nodes = [helper.make_node("Expand", ["x", "huge"], ["e"], name="first"), helper.make_node("Relu", ["e"], ["r"], name="relu"),
             helper.make_node("Nonsense", ["r"], ["n"], name="text"), helper.make_node("Expand", ["x", "huge"], ["f"], name="other")]
    model = write_model(folder / "import.onnx", nodes, [value("x", None)], [value("n", None), value("f", None)], [huge])
    inspected = Done("inspect", model)
    expect("Nonsense" in inspected.output and "cannot be checked further" in inspected.output and "--shape" in inspected.output, inspected.output)
    rows = json.loads(Done("inspect", model, "--shape", "x=8x1", "--json").output)["unsupported"]
    expect([row["node"] for row in rows] == ["text", "first", "other"], f"{rows}")
    refused(folder, [4], ["'text' (Nonsense", "'first'", "'other'"], "compile", model, "--shape", "x=8x1", "-o", folder / "m.so")
    del nodes[2]
    model = write_model(folder / "import.onnx", nodes, [value("x", ["h", 1])], [value("r", None), value("f", None)], [huge])
    done = refused(folder, [4], ["'first'", "'other'"], "compile", model, "--shape", "x=8x1", "-o", folder / "m.so")
    expect("'relu'" not in done.errors, done.errors)
    for argument, code, words in (("x=8x2", 2, "'x'"), ("y=1", 2, "y")):
        wrong = Done("inspect", model, "--shape", argument)
        expect(wrong.code == code and words in wrong.errors, f"{argument}: exit code {wrong.code}: {wrong.errors}")

    nodes = [helper.make_node("Add", ["x", "x"], ["s"], name="add"), helper.make_node("CumSum", ["s", "axis"], ["y"], name="sum")]
    model = write_model(folder / "code.onnx", nodes, [value("x", [3, 7], TensorProto.DOUBLE)], [value("y", None, TensorProto.DOUBLE)],
                        [numpy_helper.from_array(np.int64(0), "axis")])
    compiled, inspected = Done("compile", model, "-o", folder / "m.so"), Done("inspect", model)
    expect((compiled.code == 0) == ("all of them are supported" in inspected.output), f"{compiled.errors}{inspected.output}")
    expect(("'sum'" in compiled.errors) == ("'sum' (CumSum" in inspected.output), f"{compiled.errors}{inspected.output}")
    good = Done("inspect", good_model(folder, shape=(4096, 8)))
    expect("all of them are supported" in good.output, good.output)


@case
def an_arena_that_no_device_has(folder):
    weights = numpy_helper.from_array(np.ones((4, 1, 4, 2), np.float32), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], name="wide", auto_pad="SAME_UPPER", dilations=[4, 2147483647])]
    model = write_model(folder / "wide.onnx", nodes, [value("x", [2, 1, 4, 10])], [value("y", None)], [weights])
    refused(folder, [4], ["'wide'", "GiB"], "compile", model, "-o", folder / "m.so")
    expect("GiB" in Done("inspect", model).output, "inspect does not say so")


@case
def weights_in_constant_nodes_are_counted(folder):
    constant = helper.make_node("Constant", [], ["w"], name="w", value=numpy_helper.from_array(np.ones((64,), np.float32), "w"))
    nodes = [constant, helper.make_node("Add", ["x", "w"], ["y"], name="add")]
    model = write_model(folder / "m.onnx", nodes, [value("x", [64])], [value("y", None)])
    done = Done("inspect", model)
    expect("64 parameters" in done.output, done.output)
    harness.smelt_ok("compile", model, "-o", folder / "m.so")
    expect("1 step of 1 kernel\n" in Done("inspect", folder / "m.so").output, Done("inspect", folder / "m.so").output)


@case
def missing_external_file(folder):
    model = good_model(folder, save_as_external_data=True, location="weights.bin", size_threshold=0)
    expect((folder / "weights.bin").exists(), "the test wrote no external data")
    (folder / "weights.bin").unlink()
    refused(folder, [3], ["good.onnx", "weights.bin"], "compile", model, "--shape", "x=4096x8", "-o", folder / "m.so")


@case
def missing_model(folder):
    for command in ("compile", "inspect", "compare"):
        refused(folder, [5], ["nowhere.onnx"], command, folder / "nowhere.onnx")
    refused(folder, [5], [folder.name], "compile", folder, "-o", folder / "m.so")


@case
def wrong_shapes(folder):
    model, output = good_model(folder), folder / "m.so"
    for text, word in (("x=3x8x1", "'x'"), ("x=4096x9", "'x'"), ("nothing=3x8", "nothing"), ("x=-3x8", "--shape"), ("x=-1..4x8", "--shape"), ("x=4..1x8", "--shape"),
                       ("x", "--shape"), ("=3", "--shape"), ("x=99999999999999999999x8", "--shape")):
        refused(folder, [2], [word], "compile", model, "--shape", text, "-o", output)
    refused(folder, [2], ["'x'"], "compile", model, "--shape", "x=4096x8", "--shape", "x=1x8", "-o", output)
    for text in ("x=9223372036854775807x8", "x=4000000000x8"):
        refused(folder, [2], ["'x'"], "compile", model, "--shape", text, "-o", output)
    for text in ("x=?x1..9", "x=?xn", "x=1..9x9"):
        refused(folder, [2], ["'x' has the dims [batch, 8]"], "compile", model, "--shape", text, "-o", output)


@case
def inputs_that_cannot_stay_open(folder):
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)]
    for given, words in ((value("x", None), ["'x' of any number", "--shape 'x=<dims>'"]),
                         (value("x", ["n", 4], TensorProto.INT4), ["'x' [n, 4]", "--shape 'x=<n>x4'"])):
        model = write_model(folder / "open.onnx", nodes, [given], [value("y", None)], opset=21)
        refused(folder, [2], words, "compile", model, "-o", folder / "m.so")
        inspected = Done("inspect", model).output
        expect(words[1] in inspected, inspected)
        harness.smelt_ok("compile", model, "--shape", "x=3x4", "-o", folder / "m.so")


@case
def dims_that_are_open_in_their_own_ways(folder):
    """-1, as PaddlePaddle writes it, and names that stand for nothing: such dims need not be equal."""
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    for name in ("?", "unk", "-1", "None", -1, None):
        model = write_model(folder / "open.onnx", nodes, [value("x", [name, 3, name, name])], [value("y", [name, 3, name, name])])
        for flags, dims in ((), "x.dim0x3xx.dim2xx.dim3"), (("--shape", "x=1x3x48x192"), "1x3x48x192"):
            harness.smelt_ok("compile", model, *flags, "-o", folder / "m.so")
            expect(f"f32 {dims}\n" in Done("inspect", folder / "m.so").output, Done("inspect", folder / "m.so").output)
            given = inputs(folder, x=np.zeros((1, 4, 2, 2), np.float32))
            refused(folder, [2], [f"wants f32 {dims}"], "run", folder / "m.so", "--inputs", given, "--outputs", folder / "out.npz")
    model = write_model(folder / "open.onnx", nodes, [value("x", [-2, 3])], [value("y", None)])
    refused(folder, [3], ["-2"], "compile", model, "-o", folder / "m.so")


@case
def a_transposed_convolution_of_nothing(folder):
    """Whatever its result is: nothing, or zeros."""
    for shape, pads in (([1, 2, 7, 0], [1, 1, 0, 1]), ([1, 2, 0, 3], [0, 0, 0, 0]), ([0, 2, 3, 3], [0, 0, 0, 0]), ([1, 2, 7, 0], [0, 0, 0, 0])):
        weights = numpy_helper.from_array(np.ones((2, 4, 2, 3), np.float32), "w")
        nodes = [helper.make_node("ConvTranspose", ["x", "w"], ["y"], name="up", pads=pads)]
        done = Done("compare", write_model(folder / "up.onnx", nodes, [value("x", shape)], [value("y", None)], [weights]))
        expect(done.code == 0, f"{shape}: exit code {done.code}: {done.errors}")
    refused(folder, [3], ["'up'"], "compile", write_model(folder / "up.onnx", [helper.make_node(
        "ConvTranspose", ["x", "w"], ["y"], name="up", pads=[3, 3, 3, 3])], [value("x", [1, 2, 7, 0])], [value("y", None)], [weights]))


@case
def two_outputs_of_one_name(folder):
    model = write_model(folder / "twice.onnx", [helper.make_node("Relu", ["x"], ["y"])], [value("x", [2])], [value("y", [2]), value("y", [2])])
    refused(folder, [3], ["two outputs", "'y'"], "compile", model, "-o", folder / "m.so")


@case
def a_shape_that_does_not_fit_the_graph_names_the_node(folder):
    refused(folder, [2, 3, 4], ["'add'"], "compile", good_model(folder), "--shape", "x=3x8", "-o", folder / "m.so")


@case
def unwritable_outputs(folder):
    model = good_model(folder, shape=(4096, 8))
    (folder / "file").write_text("")
    for output in (folder / "nowhere" / "m.so", folder, folder / "file" / "m.so", pathlib.Path("/dev/null")):
        refused(folder, [5], [str(output)], "compile", model, "-o", output)
    refused(folder, [5], ["nowhere"], "compile", model, "--emit", "static", "-o", folder / "nowhere" / "m")
    expect(not pathlib.Path("/dev/null").is_file(), "/dev/null has become a file")


@case
def a_full_disk_is_said_to_be_full(folder):
    """On a small file system of the test's own, where it may have one."""
    model = write_model(folder / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [2, 256])], [value("y", None)],
                        [numpy_helper.from_array(np.random.default_rng(3).random((256, 256), np.float32), "w")])
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", disk], capture_output=True).returncode:
        return {"skipped": 1}
    for kilobytes in (20, 200, 264):  # while code is written, and while weights are
        script = f'mount -t tmpfs -o size={kilobytes}k none "$1" && cd "$1" && {{ "$2" compile "$3" -o net.so; code=$?; ls -A; exit $code; }}'
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", disk, harness.BIN / "smelt", model], capture_output=True, text=True)
        expect(done.returncode == 5 and "net.so: cannot be written: No space left on device" in done.stderr, f"{kilobytes} KB: {done.stderr}")
        expect(not done.stdout, f"left behind: {done.stdout}")
    return {}


@case
def names_with_a_dash(folder):
    good_model(folder, shape=(4096, 8)).rename(folder / "-dash.onnx")
    for arguments, output in ((("--", "-dash.onnx"), "-dash.so"), (("--output=-y.so", "--", "-dash.onnx"), "-y.so"),
                              (("--output=--oformat=binary", "--", "-dash.onnx"), "--oformat=binary"), (("-o", "@x", "--", "-dash.onnx"), "@x"),
                              (("-o", "100%%%.so", "./-dash.onnx"), "100%%%.so"), (("--emit", "static", "--", "-dash.onnx"), "-dash.a")):
        done = Done("compile", *arguments, folder=folder)
        expect(done.code == 0 and (folder / output).exists(), f"{' '.join(arguments)}: exit code {done.code}: {done.errors}")


def while_writing(folder, temporaries, **options):
    """A compilation of a large model that has this many temporary files beside its output: one while it writes, three while it links."""
    weights = numpy_helper.from_array(np.ones((1 << 23,), np.float32), "w")
    model = write_model(folder / "large.onnx", [helper.make_node("Add", ["x", "w"], ["y"])], [value("x", [1])], [value("y", None)], [weights])
    before = set(folder.iterdir())
    started = subprocess.Popen([harness.BIN / "smelt", "compile", model, "-o", folder / "m.so"], stderr=subprocess.PIPE,
                               env={**os.environ, "TMPDIR": str(folder)}, **options)
    while started.poll() is None and len(list(folder.glob("m.so.*"))) < temporaries:
        time.sleep(0.001)
    return started, before


@case
def an_interrupt_leaves_nothing_behind(folder):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for temporaries in (1, 2, 3):
            started, before = while_writing(folder, temporaries, start_new_session=True)
            os.killpg(started.pid, number)
            _, errors = started.communicate(timeout=MOST_WALL_SECONDS)
            expect(started.returncode in (0, -number), f"exit code {started.returncode}: {errors}")
            (folder / "m.so").unlink(missing_ok=True)
            left = [path.name for path in folder.iterdir() if path not in before]
            expect(not left, f"left behind by {number.name} with {temporaries} files: {', '.join(left)}")


@case
def an_interrupt_that_the_caller_ignores_is_ignored(folder):
    for temporaries in (1, 3):
        started, _ = while_writing(folder, temporaries, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        started.send_signal(signal.SIGINT)
        _, errors = started.communicate(timeout=MOST_WALL_SECONDS)
        expect(started.returncode == 0 and (folder / "m.so").exists(), f"exit code {started.returncode}: {errors}")
        (folder / "m.so").unlink()


@case
def an_output_that_is_there_survives_a_failure(folder):
    (folder / "m.so").write_text("kept")
    (folder / "text.onnx").write_text("no model")
    refused(folder, [3], [], "compile", folder / "text.onnx", "-o", folder / "m.so")
    expect((folder / "m.so").read_text() == "kept", "the old output is gone")


@case
def wrong_options(folder):
    model = good_model(folder, shape=(4096, 8))
    for arguments in (("--target", "abacus"), ("--emit", "smoke"), ("--precision", "f7"), ("--threads", "many"), ("--frobnicate",),
                      ("--calibration", "x.npz"), ("--dump-after", "lunch"), ("second.onnx",)):
        refused(folder, [2], [], "compile", model, "-o", folder / "m.so", *arguments)
    for arguments in ((), ("frobnicate",), ("compile",), ("run",), ("bench",), ("inspect",), ("compare",), ("profile",)):
        refused(folder, [2], [], *arguments)
    for arguments in (("--help",), ("compile", "--help"), ("run", "--help"), ("bench", "--help"), ("inspect", "--help"), ("compare", "--help"), ("profile", "--help")):
        done = Done(*arguments)
        expect(done.code == 0 and done.output and not done.errors, f"{' '.join(arguments)}: exit code {done.code}, {done.errors}")


@case
def numbers_out_of_range_are_told_the_range(folder):
    model = good_model(folder, shape=(4096, 8))
    for threads in ("-1", "65", "100000"):
        refused(folder, [2], ["--threads", threads, "0 to 64"], "compile", model, "-o", folder / "m.so", "--threads", threads)
    refused(folder, [2], ["8 is more than 1"], "compile", model, "-o", folder / "m.so", "--shape", "x=8..1x512")
    refused(folder, [2], ["8 is more than 1"], "compile", model, "-o", folder / "m.so", "--shape", "x=4096,n:8..1")


@case
def seeded_inputs_are_said_to_be(folder):
    model = write_model(folder / "open.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", ("n", 4096))], [value("y", None)],
                        [numpy_helper.from_array(np.ones((4096, 8), np.float32), "w")])
    done = Done("compile", model, "-o", folder / "m.so", "--precision", "bf16", "--report", folder / "report.json")
    expect(done.code == 0 and "on seeded inputs x=1x4096: output 'y' was off by" in done.errors and "at most" in done.errors, done.errors)
    error = json.loads((folder / "report.json").read_text())["error"]
    expect(error["inputs"] == "seeded" and error["shapes"] == {"x": [1, 4096]}, f"{error}")
    given = inputs(folder, x=np.ones((3, 4096), np.float32))
    for flags in ((), ("--calibration", given)):
        done = Done("compile", model, "-o", folder / "m.so", "--precision", "int8", *flags)
        expect(done.code == 0 and ("ranges come from seeded inputs: give --calibration" in done.errors) != bool(flags), done.errors)


@case
def precisions(folder):
    model = good_model(folder, shape=(4096, 8))
    (folder / "none").mkdir()
    (folder / "text.npz").write_text("no arrays")
    for code, arguments in ((2, ("int3-weights",)), (2, ("int4-weights", "--calibration", folder / "none")), (3, ("int4-weights", "--calibration", folder / "text.npz")),
                            (2, ("int8", "--calibration-method", "guess")), (2, ("int8", "--calibration", folder / "none")),
                            (3, ("int8", "--calibration", folder / "text.npz")), (2, ("bf16", "--calibration", folder / "none")), (3, ("bf16", "--calibration", folder / "text.npz")),
                            (5, ("f16", "--calibration", folder / "absent.npz"))):
        refused(folder, [code], [], "compile", model, "-o", folder / "m.so", "--precision", *arguments)
        expect(not (folder / "m.so").exists(), f"{arguments}: an output is left")
    for precision in ("bf16", "int8-dynamic", "int8-weights", "int4-weights"):
        done = Done("compile", model, "-o", folder / "m.so", "--precision", precision)
        expect(done.code == 0 and f"{precision} against f32" in done.errors, f"exit code {done.code}, {done.errors}")


@case
def calibration_data(folder):
    weights = numpy_helper.from_array(np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32), "w")
    model = write_model(folder / "product.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")], [value("x", [4, 8])], [value("y", None)], [weights])
    good = np.random.default_rng(1).normal(size=(4, 8)).astype(np.float32)
    holed = good.copy()
    holed[1, 3] = np.nan
    hostile = {"shape": ({"x": good[:3]}, ["'x'"]), "dtype": ({"x": good.astype(np.float64)}, ["'x'"]), "nan": ({"x": holed}, ["'x'", "NaN", "element 11"]),
               "missing": ({}, ["'x'"]), "extra": ({"x": good, "other": np.ones(3)}, ["'other'"])}
    compile_int8 = ("compile", model, "-o", folder / "m.so", "--precision", "int8", "--calibration")
    for what, (arrays, words) in hostile.items():
        place = folder / what
        place.mkdir()
        np.savez(place / "0.npz", x=good)
        np.savez(place / "1.npz", **arrays)
        refused(folder, [2], ["1.npz", *words], *compile_int8, place)
        expect(not (folder / "m.so").exists(), f"{what}: an output is left")
    whole = (folder / "nan" / "0.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    refused(folder, [3], ["cut.npz"], *compile_int8, folder / "cut.npz")
    done = Done(*compile_int8, folder / "nan" / "0.npz")
    expect(done.code == 0 and "warning" in done.errors and "one sample" in done.errors, f"one sample: exit code {done.code}, {done.errors}")
    refused(folder, [2], ["'other'", "leave this array out", "'labels'"], *compile_int8, folder / "extra")
    np.savez(folder / "infinite.npz", x=np.full((4, 8), np.inf, np.float32))
    done = Done(*compile_int8, folder / "infinite.npz")
    expect(done.code == 0 and "100.0 % of multiply-adds in f32" in done.errors, f"infinity: exit code {done.code}, {done.errors}")


@case
def samples_that_never_vary(folder):
    """A warning names the input; where samples vary there is none."""
    weights = numpy_helper.from_array(np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], name="product"), helper.make_node("Add", ["h", "bias"], ["z"]), helper.make_node("Mul", ["z", "scale"], ["y"])]
    model = write_model(folder / "product.onnx", nodes, [value("x", [4, 64]), value("bias", [4, 64]), value("scale", [1])], [value("y", None)], [weights])
    rng = np.random.default_rng(1)

    def some():
        return rng.normal(size=(4, 64)).astype(np.float32)

    same, zeros, one = some(), np.zeros((4, 64), np.float32), np.ones(1, np.float32)
    for name, made, words in (("varied", lambda: {"x": some(), "bias": some()}, []), ("equal", lambda: {"x": same, "bias": same}, ["all 8 samples are equal", "'x'"]),
                              ("zeros", lambda: {"x": zeros, "bias": some()}, ["input 'x': one number throughout", "all 8 samples"]),
                              ("one", lambda: {"x": same, "bias": some()}, ["input 'x': the same in all 8 samples"])):
        (folder / name).mkdir()
        for number in range(8):
            np.savez(folder / name / f"{number}.npz", scale=one, **made())
        for precision in ("int8", "int8-dynamic", "int4-weights"):
            done = Done("compile", model, "--precision", precision, "--calibration", folder / name, "--skip-error", "-o", folder / "m.so")
            expect(done.code == 0 and done.errors.count("warning: --calibration") == bool(words), f"{name}: {done.code}, {done.errors}")
            expect(all(word in done.errors for word in words) and "'scale'" not in done.errors, f"{name}: {done.errors}")


@case
def samples_that_profile_takes(folder):
    """Labels are passed over, and of calibration/ and evaluation/ the first is taken."""
    weights = numpy_helper.from_array(np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32), "w")
    model = write_model(folder / "product.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")], [value("x", [4, 64])], [value("y", None)], [weights])
    rng, files = np.random.default_rng(1), []
    for use in ("calibration", "evaluation"):
        (folder / "split" / use).mkdir(parents=True)
        for number in range(8):
            np.savez(folder / "split" / use / f"{number}.npz", x=rng.normal(size=(4, 64)).astype(np.float32), labels=np.arange(4))
    for samples in (folder / "split", folder / "split" / "calibration"):
        files.append(folder / f"{samples.name}.json")
        done = Done("compile", model, "--precision", "int8", "--calibration", samples, "-o", folder / "m.so", "--save-precisions", files[-1])
        expect(done.code == 0, f"{samples}: {done.errors}")
    expect(files[0].read_text() == files[1].read_text(), "not the samples for calibration")


@case
def what_is_found_before_the_work(folder):
    """An output that cannot be written, and a method of ranges where there are none."""
    model = good_model(folder, shape=(4096, 8))
    given = inputs(folder, x=np.full((4096, 8), np.nan, np.float32))  # found later
    for flags, name in (((), "m.so"), (("--emit", "static"), "m")):
        refused(folder, [5], ["absent/m", "cannot be written"], "compile", model, "--precision", "int8", "--calibration", given, "-o", folder / "absent" / name, *flags)
    for precision in ("f32", "bf16", "int4-weights"):
        refused(folder, [2], ["--calibration-method", "int8"], "compile", model, "-o", folder / "m.so", "--precision", precision, "--calibration-method", "mse")


@case
def an_interrupt_leaves_no_folder(folder):
    """While layers are tried, in folders of their own."""
    weights = [numpy_helper.from_array(np.random.default_rng(i).normal(size=(768, 768)).astype(np.float32), f"w{i}") for i in range(12)]
    nodes = [helper.make_node("MatMul", [f"h{i}" if i else "x", f"w{i}"], [f"h{i + 1}" if i < 11 else "y"], name=f"m{i}") for i in range(12)]
    model = write_model(folder / "net.onnx", nodes, [value("x", [64, 768])], [value("y", None)], weights)
    place = folder / "temporary"
    place.mkdir()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for files in (1, 2, 4):
            started = subprocess.Popen([harness.BIN / "smelt", "compile", model, "--precision", "int8", "-o", folder / "m.so"], stderr=subprocess.PIPE,
                                       env={**os.environ, "TMPDIR": str(place)}, start_new_session=True,
                                       preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))  # jobs in the background, and of nohup, ignore some
            while started.poll() is None and len(list(place.rglob("*"))) < files:
                time.sleep(0.001)
            os.killpg(started.pid, number)
            _, errors = started.communicate(timeout=MOST_WALL_SECONDS)
            expect(started.returncode == -number, f"exit code {started.returncode}: {errors}")
            left = [str(path.relative_to(place)) for path in place.rglob("*")]
            expect(not left, f"left behind by {number.name} with {files} files: {', '.join(left)}")


@case
def mistakes_are_named(folder):
    model = good_model(folder, shape=(4096, 8))
    refused(folder, [2], ["'frobnicate'", "compile, run, bench, inspect, compare, profile", "see smelt --help"], "frobnicate")
    refused(folder, [2], ["see smelt compile --help"], "compile", model, "--frobnicate")
    for form in ("smoke", "0"):
        refused(folder, [2], [f"'{form}'", "shared, static, object, mlir, llvm, asm"], "compile", model, "--emit", form)
    for option in ("-o", "--report"):
        refused(folder, [2], [option, "empty"], "compile", model, option, "")
    expect(Done("--version").output.startswith("smelt "), "no --version")
    words = Done("compile", "--help").output
    expect("->" not in words and "int4-weights" in words, f"help: {words}")


@case
def messages_that_nobody_reads(folder):
    """Standard error on a full disk: the exit code says so, and what was compiled is there."""
    model = good_model(folder)
    with open("/dev/full", "w") as full:
        for arguments, code in ((("--timing",), 5), (("--dump-after", "import"), 5), (("--emit", "smoke"), 2)):
            done = subprocess.run([harness.BIN / "smelt", "compile", model, "-o", folder / "m.so", *arguments], stderr=full, stdout=subprocess.DEVNULL)
            expect(done.returncode == code, f"{arguments}: exit code {done.returncode}, not {code}")


@case
def plans_and_open_constants_are_no_models(folder):
    model = good_model(folder, shape=(4096, 8))
    plan = folder / "plan.mlir"
    harness.smelt_ok("compile", model, "--emit", "mlir", "-o", plan)
    refused(folder, [3], ["plan.mlir", "no model in the graph dialect"], "compile", plan)
    text = 'func.func @main() -> tensor<?xf32, #graph.extents<"n">> { %0 = graph.constant dense_resource<w> : tensor<?xf32, #graph.extents<"n">> return %0 : tensor<?xf32, #graph.extents<"n">> }'
    (folder / "open.mlir").write_text(text.replace("{ %", "{\n%").replace(" return", "\nreturn").replace(" }", "\n}") + '\n{-# dialect_resources: { builtin: { w: "0x0400000000000000" } } #-}\n')
    refused(folder, [3], ["open.mlir"], "compile", folder / "open.mlir")


@case
def an_output_that_would_replace_what_is_read(folder):
    model = good_model(folder, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (folder / "link.onnx").symlink_to(model)
    kept = {path: path.read_bytes() for path in (model, folder / "weights.bin")}
    good = ("compile", model, "--shape", "x=4096x8")
    os.link(model, folder / "other.onnx")
    for output in ("good.onnx", "weights.bin", "link.onnx", "other.onnx"):
        refused(folder, [2], [output, "model"], *good, "-o", folder / output)
    refused(folder, [2], ["good.onnx"], *good, "-o", folder / "m.so", "--report", model)
    refused(folder, [2], ["m.so", "twice"], *good, "-o", folder / "m.so", "--report", folder / "." / "m.so")
    refused(folder, [2], ["m.h", "twice"], *good, "--emit", "static", "-o", folder / "m", "--report", folder / "m.h")
    given = toy_inputs(folder)
    shutil.copy(TOY, folder / "toy.so")
    for output in ("in.npz", "toy.so"):
        refused(folder, [2], [output], "run", folder / "toy.so", "--inputs", given, "--outputs", folder / output)
    expect(all(path.read_bytes() == content for path, content in kept.items()), "the model has changed")
    expect(Done(*good, "-o", folder / "m.so", "--report", folder / "m.json").code == 0, "no compilation with a report")


@case
def a_report_that_cannot_be_written(folder):
    model = good_model(folder, shape=(4096, 8))
    refused(folder, [5], ["nowhere"], "compile", model, "-o", folder / "m.so", "--report", folder / "nowhere" / "r.json")


@case
def a_full_standard_output(folder):
    model = good_model(folder, shape=(4096, 8))
    with open("/dev/full", "wb") as full:
        for arguments in (("--help",), ("compile", "--help"), ("run", "--help"), ("inspect", model), ("inspect", model, "--json"), ("inspect", TOY),
                          ("compare", model), ("bench", TOY, "--seconds", "0.01"), ("compile", model, "--emit", "asm", "-o", "-")):
            refused(folder, [5], ["standard output"], *arguments, output=full)


@case
def a_pipe_that_nobody_reads(folder):
    model = good_model(folder, shape=(4096, 8))
    for arguments in (("inspect", model), ("bench", TOY, "--seconds", "0.01"), ("--help",)):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "wb") as pipe:
            done = Done(*arguments, output=pipe)
            expect(done.code == 5 and not done.errors, f"{arguments[0]}: exit code {done.code}: {done.errors}")


# ---------------------------------------------------------------------------------------------------------- artefacts


@case
def wrong_inputs(folder):
    x, output = np.zeros((4, 16), np.float32), folder / "out.npz"
    for arrays, words in (({"x": x}, ["'i'", "i64 scalar"]), ({"x": x, "i": np.int64(1), "more": x}, ["'more'", "'x'", "'i'"]),
                          ({"x": x.T, "i": np.int64(1)}, ["'x'", "f32 16x4", "f32 4x16"]),
                          ({"x": x.astype(np.float64), "i": np.int64(1)}, ["'x'", "f64", "f32"]), ({}, ["'x'", "'i'"]),
                          ({"x": x.T, "more": x}, ["'more'", "f32 16x4", "'i' is missing"])):
        given = inputs(folder, **arrays)
        refused(folder, [2], words, "run", TOY, "--inputs", given, "--outputs", output)
        refused(folder, [2], words, "bench", TOY, "--inputs", given)


@case
def dims_that_contradict_one_another(folder):
    nodes = [helper.make_node("Mul", ["ids", "mask"], ["y"])]
    model = write_model(folder / "two.onnx", nodes, [value("ids", ("b", "s")), value("mask", ("b", "s"))], [value("y", None)])
    artefact = folder / "two.so"
    harness.smelt_ok("compile", model, "--shape", "ids=b:1..4xs", "--shape", "mask=b:1..4xs", "-o", artefact)
    for ids, mask, words in (((2, 19), (2, 5), ["dim 1 ('s') is 19 in 'ids' but 5 in 'mask'"]),
                             ((2, 5), (3, 5), ["dim 0 ('b') is 2 in 'ids' but 3 in 'mask'"]),
                             ((5, 5), (5, 5), ["dim 0 ('b') is 5 in 'ids'", "1..4"])):
        given = inputs(folder, ids=np.zeros(ids, np.float32), mask=np.zeros(mask, np.float32))
        refused(folder, [2], ["two.so", *words], "run", artefact, "--inputs", given, "--outputs", folder / "out.npz")
        refused(folder, [2], ["two.so", *words], "bench", artefact, "--inputs", given)
    refused(folder, [2], ["two.so", "'ids' (f32 bxs)", "'mask' (f32 bxs)", "--inputs"], "bench", artefact)


@case
def unreadable_inputs(folder):
    given, output = toy_inputs(folder), folder / "out.npz"
    whole = given.read_bytes()
    refused(folder, [5], ["nowhere.npz"], "run", TOY, "--inputs", folder / "nowhere.npz", "--outputs", output)
    for content in (b"", b"text", whole[:-1], whole[: len(whole) // 2], whole.replace(b"NUMPY", b"LUMPY"), whole.replace(b"<f4", b">f4"),
                    whole.replace(b"<f4", b"|O8"), whole.replace(b"(4, 16)", b"(4, 99)")):
        given.write_bytes(content)
        refused(folder, [3], ["in.npz"], "run", TOY, "--inputs", given, "--outputs", output)


@case
def what_is_no_artefact(folder):
    given, whole = toy_inputs(folder), TOY.read_bytes()
    arguments = ("--inputs", given, "--outputs", folder / "out.npz")
    refused(folder, [5], ["nowhere.so"], "run", folder / "nowhere.so", *arguments)
    bad = folder / "bad.so"
    for content in (b"", b"text" * 100, whole[:64], whole[: len(whole) // 2], whole[:-1], b"\x7fELF" + bytes(200),
                    (harness.BIN.parent / "lib" / "libsmelt_host.so").read_bytes()):
        bad.write_bytes(content)
        refused(folder, [3], ["bad.so"], "run", bad, *arguments)
        refused(folder, [3], ["bad.so"], "bench", bad)
    bad.write_bytes(whole[:18] + b"\xf3\x00" + whole[20:])  # e_machine: RISC-V
    refused(folder, [5], ["bad.so", "machine 243"], "run", bad, *arguments)


@case
def artefacts_are_inspected_without_being_loaded(folder):
    """Those of any processor, and damaged ones as well."""
    model, artefact = good_model(folder, shape=(4096, 8)), folder / "m.so"
    rows = []
    for target in ("aarch64", "x86-64-v3"):
        harness.smelt_ok("compile", model, "--target", target, "-o", artefact)
        row = json.loads(Done("inspect", artefact, "--json").output)
        expect(row["target"] == target and row["name"] == "good" and row["inputs"][0]["shape"] == [4096, 8], f"{row}")
        rows.append(row)
    expect(rows[0]["arena_bytes"] == rows[1]["arena_bytes"] and rows[0]["steps"][0]["kernel"], f"{rows}")
    whole, random = artefact.read_bytes(), np.random.default_rng(0)
    data = whole.find(b"good\0") & ~0xfff  # about where the descriptor lies
    for _ in range(60):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole) - data, 40):
            damaged[data + place] = random.integers(0, 256)
        artefact.write_bytes(damaged)
        done = Done("inspect", artefact)
        expect(done.code in (0, 3, 5), f"exit code {done.code}: {done.errors}")
    harness.smelt_ok("compile", model, "--emit", "static", "-o", folder / "m")
    refused(folder, [3], ["static library"], "inspect", folder / "m.a")


@case
def unwritable_results(folder):
    given = toy_inputs(folder)
    for output in (folder / "nowhere" / "out.npz", folder, pathlib.Path("/dev/null")):
        refused(folder, [5], [str(output)], "run", TOY, "--inputs", given, "--outputs", output)


@case
def wrong_options_of_run_and_bench(folder):
    arguments = ("--inputs", toy_inputs(folder), "--outputs", folder / "out.npz")
    for threads in ("0", "65", "-1", "two", "1.5", ""):
        refused(folder, [2], ["--threads"], "run", TOY, *arguments, "--threads", threads)
    for seconds in ("0", "-1", "nan", "inf", "soon", "1e9"):
        refused(folder, [2], ["--seconds"], "bench", TOY, "--seconds", seconds)
    refused(folder, [2], ["--inputs"], "run", TOY, "--outputs", folder / "out.npz")
    refused(folder, [2], ["--outputs"], "run", TOY, "--inputs", folder / "in.npz")
    refused(folder, [2], ["--inputs and --outputs are missing"], "run", TOY)


@case
def a_crash_in_the_model_is_a_defect(folder):
    source = (harness.REPOSITORY / "test" / "python" / "toy_model.c").read_text()
    (folder / "crash.c").write_text(source.replace("sum[i] = x[i] + w[i];", "*(volatile int *)i = 1;"))
    compiler = shutil.which("clang-22") or "cc"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", f"-I{harness.REPOSITORY}/runtime/include", "-o", folder / "crash.so", folder / "crash.c"], check=True)
    refused(folder, [70], ["crashed"], "run", folder / "crash.so", "--inputs", toy_inputs(folder), "--outputs", folder / "out.npz")


@case
def an_arena_that_no_machine_has(folder):
    source = (harness.REPOSITORY / "test" / "python" / "toy_model.c").read_text()
    (folder / "huge.c").write_text(re.sub(r"\.arena_bytes = [^,]*", ".arena_bytes = 1ull << 60", source))
    compiler = shutil.which("clang-22") or "cc"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", f"-I{harness.REPOSITORY}/runtime/include", "-o", folder / "huge.so", folder / "huge.c"], check=True)
    refused(folder, [5], ["arena", str(1 << 60)], "run", folder / "huge.so", "--inputs", toy_inputs(folder), "--outputs", folder / "out.npz")


@case
def a_run_takes_little_more_than_its_model(folder):
    elements = 1 << 20
    weights = numpy_helper.from_array(np.ones((elements,), np.float32), "w")
    nodes = [helper.make_node("Add", ["x", "w"], ["z"], name="add"), helper.make_node("Relu", ["z"], ["y"], name="relu")]
    model = write_model(folder / "m.onnx", nodes, [value("x", [elements])], [value("y", None)], [weights])
    harness.smelt_ok("compile", model, "-o", folder / "m.so")
    given = inputs(folder, x=np.ones(elements, np.float32))
    peak = harness.peak_bytes("run", folder / "m.so", "--inputs", given, "--outputs", folder / "out.npz")
    from smelt import runtime

    loaded = runtime.load(folder / "m.so")
    own = peak - loaded.weights_bytes - loaded.arena_bytes - 2 * 4 * elements  # and the input and the output
    expect(own <= SPARE_BYTES, f"{own} bytes beside weights, arena, input and output")
    return {"bytes": own}


# ------------------------------------------------------------------------------------------------ compare, conformance


@case
def compare_says_whether_it_holds(folder):
    model = good_model(folder, shape=(4096, 8))
    x = np.random.default_rng(0).standard_normal((4096, 8), np.float32)
    given = inputs(folder, x=x)
    y = np.maximum(x + np.arange(8 * 4096, dtype=np.float32).reshape(4096, 8), 0)
    reference = folder / "reference.npz"
    for scale, code in ((1, 0), (1.002, 1)):
        np.savez(reference, y=(y * scale).astype(np.float32))
        done = Done("compare", model, "--inputs", given, "--against", reference)
        expect(done.code == code and "'y'" in done.output, f"exit code {done.code}, not {code}: {done.errors}{done.output}")
        expect(("TOO FAR: by more than 0.001 of the largest value" in done.output) == bool(code), done.output)
    expect(json.loads(Done("compare", model, "--inputs", given, "--against", reference, "--json").output)["limit"] == 0.001, "no limit in JSON")
    expect("more than 0.001 of the largest value" in " ".join(Done("compare", "--help").output.split()), "no limit in the help")
    for against in ((), ("--against", "onnxruntime"), ("--layers",), ("--layers", "--against", "onnxruntime")):
        done = Done("compare", model, "--inputs", given, *against)
        expect(done.code == 0, f"{' '.join(against)}: exit code {done.code}: {done.errors}")
        expect("--layers" not in against or "'add'" in done.output, f"{' '.join(against)}: no layer 'add' in {done.output}")


@case
def compare_needs_a_reference(folder):
    model = good_model(folder, shape=(4096, 8))
    refused(folder, [5], ["nowhere.npz"], "compare", model, "--against", folder / "nowhere.npz")
    other = inputs(folder, other=np.zeros(3))
    refused(folder, [2], ["'y'"], "compare", model, "--against", other)
    np.savez(folder / "short.npz", y=np.zeros(3, np.float32))
    refused(folder, [1], ["'y'", "f32 3"], "compare", model, "--against", folder / "short.npz")
    refused(folder, [5], ["onnxruntime", "/nowhere/python", "SMELT_PYTHON"], "compare", model, "--against", "onnxruntime", environment={"SMELT_PYTHON": "/nowhere/python"})
    refused(folder, [2], ["torch", ".pt2"], "compare", model, "--against", "torch", environment={"SMELT_PYTHON": sys.executable})
    program = pathlib.Path(__file__).resolve().parents[1] / "pt2/files/tiny_2.15.0.pt2"
    refused(folder, [2], ["onnxruntime", ".onnx"], "compare", program, "--shape", "x=2x3x8x8", "--against", "onnxruntime", environment={"SMELT_PYTHON": sys.executable})
    refused(folder, [5], ["torch"], "compare", program, "--shape", "x=2x3x8x8", "--against", "torch", environment={"SMELT_PYTHON": "/nowhere/python"})


@case
def compare_says_what_it_needs(folder):
    nodes = [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(3, np.float32), "c")), helper.make_node("Neg", ["c"], ["y"])]
    done = Done("compare", write_model(folder / "none.onnx", nodes, [], [value("y", [3])]), "--against", "onnxruntime")
    expect(done.code == 0, f"no inputs: exit code {done.code}: {done.errors}")
    model = good_model(folder, shape=(4096, 8))
    other = "x86-64-v3" if os.uname().machine == "aarch64" else "aarch64"
    refused(folder, [2], ["--target " + other], "compare", model, "--target", other)
    refused(folder, [5], ["TMPDIR", "/nowhere"], "compare", model, environment={"TMPDIR": "/nowhere"})
    bare = {"SMELT_PYTHON": shutil.which("python3", path="/usr/bin:/bin") or "python3", "PYTHONNOUSERSITE": "1"}
    refused(folder, [5], ["onnxruntime", "SMELT_PYTHON"], "compare", model, "--against", "onnxruntime", environment=bare)


@case
def conformance_without_tests(folder):
    refused(folder, [2], [], folder, program="smelt-conformance")
    refused(folder, [5], ["nowhere"], folder / "nowhere", program="smelt-conformance")
    test = folder / "test_broken"
    (test / "test_data_set_0").mkdir(parents=True)
    good_model(test, shape=(4096, 8)).rename(test / "model.onnx")
    (test / "test_data_set_0" / "input_0.pb").write_bytes(b"\xff" * 30)
    done = Done(folder, "--json", program="smelt-conformance")
    expect(done.code == 1 and '"status":"error"' in done.output, f"exit code {done.code}: {done.output}{done.errors}")


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
