#!/usr/bin/env python3
"""The Python package: models loaded and run through it, with the toy model of toy_model.c, and compiled through it.

usage: test_python.py [NAME…] [--json FILE]
"""
import functools
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import smelt
from harness import expect
from smelt import runtime

TOY = harness.BIN.parent / "lib" / "libsmelt_toy_model.so"
CASES = []


def case(function):
    @functools.wraps(function)
    def without_errors():
        try:
            return function()
        except smelt.SmeltError as error:
            raise harness.Failure(f"exit code {error.exit_code}: {error}") from error

    CASES.append((function.__name__.replace("_", " "), without_errors))
    return function


def refused(exit_code, word, function, *arguments, **options):
    """`function` must raise a SmeltError with this exit code and this word in its message."""
    try:
        function(*arguments, **options)
    except smelt.SmeltError as error:
        expect(error.exit_code == exit_code, f"exit code {error.exit_code}, not {exit_code}: {error}")
        expect(word in str(error), f"no '{word}' in: {error}")
        expect("\n" not in str(error), f"more than one line: {error}")
        return
    raise harness.Failure("no error")


def feeds(seed=0):
    return {"x": np.random.default_rng(seed).standard_normal((4, 16), np.float32), "i": np.int64(14 + seed)}


def check(outputs, given):
    weights = np.zeros(64, np.float32)
    weights[:4] = (1, 2, 3, 4)
    want = 2 * (given["x"] + weights.reshape(4, 16))
    expect(outputs["y"].shape == (4, 16) and np.array_equal(outputs["y"], want), f"y is {outputs['y']}, not {want}")
    expect(outputs["n"].shape == () and outputs["n"] == 3 * given["i"], f"n is {outputs['n']}")


@case
def the_structures_are_those_of_the_header():
    model = smelt.load(TOY)
    expect(model.name == "toy" and model.target == "native", f"{model.name} for {model.target}")
    expect(model.inputs == [runtime.Tensor("x", (4, 16), np.dtype("f4"), 256), runtime.Tensor("i", (), np.dtype("i8"), 8)], f"{model.inputs}")
    expect([tensor.name for tensor in model.outputs] == ["y", "n"], f"{model.outputs}")
    expect(model.arena_bytes == 320 and model.weights_bytes == 256, f"{model.arena_bytes}, {model.weights_bytes}")


@case
def runs_on_any_number_of_threads():
    model = smelt.load(TOY)
    for threads in (1, 2, 3, 1):
        model.set_threads(threads)
        check(model.run(feeds()), feeds())
    check(smelt.load(TOY, threads=2).run(feeds(1)), feeds(1))


@case
def takes_arrays_however_they_lie():
    model, given = smelt.load(TOY), feeds()
    check(model.run({**given, "x": np.asfortranarray(given["x"])}), given)
    shifted = np.empty(65, np.float32)[1:].reshape(4, 16)  # not aligned to 64 bytes
    shifted[...] = given["x"]
    check(model.run({**given, "x": shifted}), given)
    check(model.run({"x": given["x"], "i": np.array(14)}), given)


@case
def empty_arrays_are_aligned_too():
    for shape in ((0,), (3, 0), (), (1,)):
        array = runtime.aligned_empty(shape, np.float32)
        address = array.__array_interface__["data"][0]
        expect(array.shape == shape and address and address % runtime.ALIGNMENT == 0, f"{shape} lies at {address}")


@case
def inputs_are_not_written():
    model, given = smelt.load(TOY), feeds()
    x = runtime.aligned_empty((4, 16), np.float32)  # taken as it is, without a copy
    x[...] = given["x"]
    model.run({**given, "x": x})
    expect(np.array_equal(x, given["x"]), "x has changed")


@case
def outputs_of_one_run_survive_the_next():
    model = smelt.load(TOY)
    first = model.run(feeds(0))
    model.run(feeds(1))
    check(first, feeds(0))


@case
def wrong_inputs_are_named():
    model, given = smelt.load(TOY), feeds()
    refused(2, "'i'", model.run, {"x": given["x"]})
    refused(2, "'z'", model.run, {**given, "z": given["x"]})
    refused(2, "'x'", model.run, {**given, "x": given["x"].T})
    refused(2, "'x'", model.run, {**given, "x": given["x"].astype(np.float64)})


@case
def what_is_no_artefact_is_refused():
    refused(3, "not a shared artefact", smelt.load, __file__)
    refused(3, "not a shared artefact", smelt.load, harness.BIN.parent / "lib" / "libsmelt_host.so")
    refused(5, "nowhere.so", smelt.load, "nowhere.so")
    with tempfile.TemporaryDirectory() as folder:
        other = pathlib.Path(folder) / "other.so"
        machine = {"x86_64": 183}.get(platform.machine(), 62)
        other.write_bytes(TOY.read_bytes()[:18] + machine.to_bytes(2, "little") + TOY.read_bytes()[20:])
        refused(5, "this machine is " + platform.machine(), smelt.load, other)


@case
def impossible_threads_are_refused():
    refused(5, "0 threads", smelt.load, TOY, threads=0)
    refused(5, "1000 threads", smelt.load, TOY, threads=1000)


@case
def instances_run_side_by_side():
    models, wrong = [smelt.load(TOY) for _ in range(4)], []

    def work(seed):
        for _ in range(200):
            try:
                check(models[seed].run(feeds(seed)), feeds(seed))
            except harness.Failure as failure:
                wrong.append(str(failure))

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(len(models))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expect(not wrong, "; ".join(wrong[:1]))


@case
def one_model_shared_by_threads_takes_turns():
    model, wrong = smelt.load(TOY, threads=2), []

    def work(seed):
        for _ in range(100):
            try:
                check(model.run(feeds(seed)), feeds(seed))
            except harness.Failure as failure:
                wrong.append(str(failure))

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expect(not wrong, "; ".join(wrong[:1]))


@case
def a_bound_call_runs_again_on_the_same_buffers():
    call, outputs = smelt.load(TOY).bind(feeds())
    call()
    check(outputs, feeds())
    address = outputs["y"].ctypes.data
    call()
    expect(outputs["y"].ctypes.data == address and address % runtime.ALIGNMENT == 0, "the output has moved")


@case
def inputs_that_are_no_dict_are_refused():
    model = smelt.load(TOY)
    for feeds_ in ([np.zeros((4, 16), np.float32)], None, np.zeros(3)):
        refused(2, "'x'", model.run, feeds_)


def mapped(path):
    return str(path) in pathlib.Path("/proc/self/maps").read_text()


@case
def what_is_loaded_again_after_a_change_is_the_new_model():
    source = (harness.REPOSITORY / "test" / "python" / "toy_model.c").read_text()
    with tempfile.TemporaryDirectory() as folder:
        artefact, models = pathlib.Path(folder) / "net.so", []
        for arena in (640, 704, 768):
            program = pathlib.Path(folder) / "toy.c"
            program.write_text(re.sub(r"\.arena_bytes = [^,]*", f".arena_bytes = {arena}", source))
            made = artefact.with_suffix(".new")
            subprocess.run([shutil.which("clang-22") or "cc", "-shared", "-fPIC", "-O1", f"-I{harness.REPOSITORY}/runtime/include", "-o", made, program],
                           check=True)
            made.replace(artefact)
            models.append(smelt.load(artefact))
            expect([model.arena_bytes for model in models] == [640, 704, 768][: len(models)], f"{[model.arena_bytes for model in models]}")
            check(models[-1].run(feeds()), feeds())
        expect(mapped(artefact), "the artefact is not mapped from its file")
        models.clear()
        expect(not mapped(artefact), "the artefact stays mapped after its models are gone")



# ------------------------------------------------------------------------------------------------- with the compiler


def small_model(path):
    """y = relu(x · w + b), its batch left open."""
    from onnx import TensorProto, helper, numpy_helper, save

    rng = np.random.default_rng(0)
    weights = [numpy_helper.from_array(rng.standard_normal(shape, np.float32), name) for name, shape in (("w", (8, 5)), ("b", (5,)))]
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["z"], name="gemm"), helper.make_node("Relu", ["z"], ["y"], name="relu")]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name, size in (("x", 8), ("y", 5))]
    graph = helper.make_graph(nodes, "small", values[:1], values[1:], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@case
def compiles_and_agrees_with_onnx_runtime():
    import models

    with tempfile.TemporaryDirectory() as folder:
        model = small_model(pathlib.Path(folder) / "small.onnx")
        report = {}
        artefact = smelt.compile(model, shapes={"x": (3, 8)}, report=report)
        expect(artefact == model.with_suffix(".so") and artefact.exists(), f"{artefact}")
        expect(report, "the report is empty")
        again = [{}, {}]
        for each in again:
            smelt.compile(model, shapes={"x": (3, 8)}, report=each, cache=pathlib.Path(folder) / "kernels")
        expect([each["kernels_cached"] for each in again] == [0, report["kernels"]], "the second compile does not come from the cache")
        given = {"x": np.random.default_rng(1).standard_normal((3, 8), np.float32)}
        expect(smelt.load(smelt.compile(model, shapes={"x": np.array([3, 8])})).inputs[0].shape == (3, 8), "an array is no shape")
        lowered = {}
        smelt.compile(model, pathlib.Path(folder) / "bf16.so", shapes={"x": (3, 8)}, precision="bf16", report=lowered)
        expect(lowered["precision"] == "bf16" and 0 < lowered["error"]["outputs"][0]["max_relative"] < 0.02, f"{lowered.get('error')}")
        return harness.agreement(smelt.load(artefact).run(given), models.reference(model, given))


@case
def the_compilers_errors_keep_their_exit_codes():
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "text.onnx"
        text.write_text("not a model\n" * 20)
        refused(3, "text.onnx", smelt.compile, text)
        model = small_model(pathlib.Path(folder) / "small.onnx")
        refused(2, "--target", smelt.compile, model, target="abacus", shapes={"x": (3, 8)})
        refused(2, "x", smelt.compile, model, shapes={"x": (3, 9)})
        refused(2, "'x'", smelt.compile, model, shapes={"x": 5})
        refused(2, "--shape", smelt.compile, model, shapes={"x": ((1, 2, 3), 8)})
        refused(2, "zzz", smelt.compile, model, emit="zzz")
        expect(sorted(path.name for path in pathlib.Path(folder).iterdir()) == ["small.onnx", "text.onnx"], "something was left behind")


@case
def inspects_models_and_artefacts():
    with tempfile.TemporaryDirectory() as folder:
        model = small_model(pathlib.Path(folder) / "small.onnx")
        summary = smelt.inspect(model)
        expect(summary["parameters"] == 45 and summary["inputs"][0]["shape"] == ["batch", 8], f"{summary}")
    toy = smelt.inspect(TOY)
    expect([tensor["name"] for tensor in toy["outputs"]] == ["y", "n"] and toy["arena_bytes"] == 320, f"{toy}")


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, CASES))
