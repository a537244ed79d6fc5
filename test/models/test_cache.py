#!/usr/bin/env python3
"""`smelt compile --cache`: the same bytes with a cold, a warm and no cache, whatever is in the folder; and what compiling costs.

usage: test_cache.py [NAME…] [--json FILE]
"""
import hashlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models

suite = harness.Suite()
MEGABYTE = 1 << 20
# Name → most seconds of processor time: compiled for the first time, and from the cache. Others may use this machine: the limits of issue and
# documentation are for the clock, and lower.
COSTS = {"resnet50": (6.0, 1.4), "minilm_l6": (4.0, 1.4)}
MOST_MEMORY = (2, 300 * MEGABYTE)  # times the weights, and besides


def compile(model, output, *options, target="x86-64-v3"):
    """Compiles, and returns the artefact's SHA-256 and its report."""
    report = output.with_suffix(".json")
    done = harness.smelt_ok("compile", model, "-o", output, "--target", target, "--report", report, *options, seconds=300)
    bytes_ = b"".join(path.read_bytes() for path in (output, *output.parent.glob(f"{output.name}.[ah]")) if path.exists())
    return hashlib.sha256(bytes_).hexdigest(), json.loads(report.read_text()), done.stderr


def magika(folder, *options, **how):
    return compile(models.fetch("magika"), folder / "net.so", *models.shape_flags("magika"), *options, **how)


def entries(cache):
    return sorted(path for path in cache.iterdir() if path.name.startswith("llvmcache-"))


def same(one, other):
    harness.expect(one == other, f"other bytes: {one[:16]}, {other[:16]}")


def all_cached(report, expected=True):
    cached, kernels = report["kernels_cached"], report["kernels"]
    harness.expect((cached == kernels) == expected and kernels > 0, f"{cached} of {kernels} kernels come from the cache")


@suite
def the_same_bytes_with_and_without(folder):
    cache = folder / "made" / "by smelt"
    for name in ("magika", "mobilenetv2"):
        for emit in ("shared", "static"):
            out = folder / ("net.so" if emit == "shared" else "net")
            how = [*models.shape_flags(name), "--emit", emit]
            none, report, _ = compile(models.fetch(name), out, *how)
            harness.expect(report["kernels_cached"] == 0, "kernels from no cache")
            cold, _, _ = compile(models.fetch(name), out, *how, "--cache", cache, "--threads", "2")
            same(none, cold)
            for threads in (1, 2):
                warm, report, _ = compile(models.fetch(name), out, *how, "--cache", cache, "--threads", threads)
                same(none, warm)
                all_cached(report)


@suite
def names_and_node_names_do_not_matter(folder):
    cache = folder / "cache"
    magika(folder, "--cache", cache)
    model = onnx.load(models.fetch("magika"))
    for node in model.graph.node:
        node.name = f"other/{node.name}"
    onnx.save(model, folder / "other.onnx")
    _, report, _ = compile(folder / "other.onnx", folder / "other.so", *models.shape_flags("magika"), "--cache", cache)
    all_cached(report)


@suite
def targets_do_not_mix(folder):
    cache = folder / "cache"
    for target in ("x86-64-v3", "x86-64-v4", "aarch64", "cortex-a76"):
        without, _, _ = magika(folder, target=target)
        cold, report, _ = magika(folder, "--cache", cache, target=target)
        harness.expect(report["kernels_cached"] == 0, f"{target} takes code of another processor")
        warm, report, _ = magika(folder, "--cache", cache, target=target)
        all_cached(report)
        same(without, cold)
        same(without, warm)


@suite
def native_shares_with_its_row(folder):
    """--target native stands for a row of the table of processors, and its code is that row's, but for products where it knows more of the processor."""
    cache = folder / "cache"
    row = "x86-64-v4" if "x86-64-v4" in harness.x86_targets() else "x86-64-v3"
    magika(folder, "--cache", cache, target=row)
    _, report, _ = magika(folder, "--cache", cache, target="native")
    cached = report["kernels_cached"]
    harness.expect(0 < cached <= report["kernels"], f"{cached} of {report['kernels']} kernels come from the cache")


def damage(path, number):
    whole = path.read_bytes()
    forms = [whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1]), b"", whole[:16] + os.urandom(32) + whole[48:]]
    path.write_bytes(forms[number % len(forms)])


@suite
def damaged_entries_are_compiled_again(folder):
    cache = folder / "cache"
    good, _, _ = magika(folder, "--cache", cache)
    for number, path in enumerate(entries(cache)):
        damage(path, number)
    again, report, _ = magika(folder, "--cache", cache)
    same(good, again)
    harness.expect(report["kernels_cached"] == 0, "a damaged entry was taken")
    warm, report, _ = magika(folder, "--cache", cache)
    same(good, warm)
    all_cached(report)


@suite
def an_entry_that_is_no_file_is_left_alone(folder):
    cache = folder / "cache"
    good, _, _ = magika(folder, "--cache", cache)
    pipe, directory = entries(cache)[:2]
    pipe.unlink()
    os.mkfifo(pipe)
    directory.unlink()
    directory.mkdir()
    again, report, errors = magika(folder, "--cache", cache)
    same(good, again)
    harness.expect(report["kernels"] - report["kernels_cached"] == 2 and errors.count("\n") == 1, errors)


def forge(path, payload):
    head = path.read_bytes()[:48]
    path.write_bytes(head + hashlib.sha256(payload).digest() + payload)


@suite
def entries_that_are_no_kernel_are_compiled_again(folder):
    """Sums that are right, and other things than the code of a kernel."""
    cache = folder / "cache"
    good, _, _ = magika(folder, "--cache", cache)
    whole = entries(cache)[0].read_bytes()[80:]
    payloads = [b"", b"1", b"1\0", b"no number\0" + whole.split(b"\0", 1)[1], b"1\0\x7fELF" + bytes(60), whole[:200], b"1\0" + os.urandom(4000)]
    for number, path in enumerate(entries(cache)):
        forge(path, payloads[number % len(payloads)])
    again, _, _ = magika(folder, "--cache", cache)
    same(good, again)


@suite
def compiles_at_once_share_a_folder(folder):
    cache = folder / "cache"
    good, _, _ = magika(folder)
    running = []
    for number in range(6):
        command = [harness.BIN / "smelt", "compile", models.fetch("magika"), "-o", folder / f"net{number}.so", *models.shape_flags("magika"),
                   "--target", "x86-64-v3", "--cache", cache]
        running.append(subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True))
    for number, process in enumerate(running):
        _, errors = process.communicate(timeout=300)
        harness.expect(process.returncode == 0 and not errors, f"exit code {process.returncode}: {errors}")
        same(good, hashlib.sha256((folder / f"net{number}.so").read_bytes()).hexdigest())
    harness.expect(not list(cache.glob("*.tmp")), "temporary files are left")


@suite
def a_folder_that_cannot_be_is_an_error(folder):
    (folder / "file").write_text("")
    for path, why in ((folder / "file", "is no folder"), (folder / "file" / "below", "cannot be created")):
        done = harness.smelt("compile", models.fetch("magika"), "-o", folder / "net.so", *models.shape_flags("magika"), "--cache", path)
        harness.expect(done.returncode == 5, f"{path.name}: exit code {done.returncode}")
        harness.expect(done.stderr.count("\n") == 1 and f"--cache {path}" in done.stderr, done.stderr)
    harness.expect(not (folder / "net.so").exists(), "an artefact is left")


@suite
def a_folder_that_is_read_only_is_a_warning(folder):
    good, _, _ = magika(folder)
    got, _, errors = magika(folder, "--cache", "/sys/kernel")  # not even root may write there
    same(good, got)
    harness.expect(errors.count("\n") == 1 and errors.startswith("smelt: warning: --cache: "), errors)


def elementwise_chain(count):
    kinds = ("Relu", "Sigmoid", "Tanh", "Neg", "Abs")
    nodes = [helper.make_node(kinds[i % len(kinds)], [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(count)]
    return nodes, [], [1, 64], f"v{count}"


def wide_concat(count):
    kinds = ("Relu", "Sigmoid", "Tanh")
    nodes = [helper.make_node(kinds[i % len(kinds)], ["x"], [f"v{i}"]) for i in range(count - 1)]
    nodes.append(helper.make_node("Concat", [f"v{i}" for i in range(count - 1)], ["y"], axis=1))
    return nodes, [], [1, 8], "y"


def many_convolutions(count):
    rng, nodes, weights, value = np.random.default_rng(0), [], [], "x"
    for i in range(count // 2):
        weights.append(numpy_helper.from_array(rng.standard_normal((8, 8, 3, 3), np.float32), f"w{i}"))
        nodes.append(helper.make_node("Conv", [value, f"w{i}"], [f"c{i}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        value = f"r{i}"
    return nodes, weights, [1, 8, 8, 8], value


def residual_ladder(count):
    """Many values that live long."""
    half = count // 2
    nodes = [helper.make_node("Softmax", [f"s{i}" if i else "x"], [f"s{i + 1}"]) for i in range(half)]
    nodes += [helper.make_node("Add", [f"t{i}" if i else f"s{half}", f"s{half - i - 1}" if i < half - 1 else "x"], [f"t{i + 1}"]) for i in range(half)]
    return nodes, [], [1, 64], f"t{half}"


def processor_seconds(*arguments):
    """What compiling takes of the processor, its linker included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    harness.smelt_ok("compile", *arguments, seconds=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def time_grows_with_the_ops(folder, make):
    most_growth = 6.0  # for four times the ops; what is quadratic grows by 16
    seconds = {}
    for count in (2000, 8000):
        nodes, weights, shape, output = make(count)
        graph = helper.make_graph(nodes, "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                                  [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / f"{count}.onnx")
        seconds[count] = processor_seconds(folder / f"{count}.onnx", "-o", folder / "net.so")
    growth = seconds[8000] / seconds[2000]
    harness.expect(growth <= most_growth, f"{seconds[2000]:.2f} s for 2000 ops, {seconds[8000]:.2f} s for 8000")
    return {"seconds_2000": round(seconds[2000], 2), "seconds_8000": round(seconds[8000], 2), "growth": round(growth, 1)}


for shape in (elementwise_chain, wide_concat, many_convolutions, residual_ladder):
    suite.append((f"time grows with the ops, {shape.__name__.replace('_', ' ')}", lambda folder, make=shape: time_grows_with_the_ops(folder, make)))


def costs(folder, name):
    first, second = COSTS[name]
    how = [models.fetch(name), "-o", folder / "net.so", *models.shape_flags(name), "--cache", folder / "cache"]
    cold = processor_seconds(*how)
    start = time.monotonic()
    warm = processor_seconds(*how)
    clock = time.monotonic() - start
    peak = harness.peak_bytes("compile", *how[:3], *models.shape_flags(name), "--report", folder / "report.json")
    weights = json.loads((folder / "report.json").read_text())["sizes"]["weights"]
    harness.expect(cold <= first, f"{cold:.2f} s for the first time")
    harness.expect(warm <= second, f"{warm:.2f} s from the cache")
    harness.expect(peak <= MOST_MEMORY[0] * weights + MOST_MEMORY[1], f"{peak >> 20} MB of memory for {weights >> 20} MB of weights")
    return {"first": round(cold, 2), "again": round(warm, 2), "again_clock": round(clock, 2), "peak_mb": peak >> 20, "weights_mb": weights >> 20}


for name in COSTS:
    suite.append((f"what compiling costs, {name}", lambda folder, name=name: costs(folder, name)))


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, suite, in_folder=True))
