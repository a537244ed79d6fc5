#!/usr/bin/env python3
"""What the runtime does on Vulkan devices that fail, run out of memory, or have memory that the processor does not see: faults.c stands in the loader's
place. And that the validation layer has nothing to say.

usage: test_robust.py [NAME…] [--json FILE]
"""
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

import numpy as np
import onnx
from onnx import helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import device_failures
import harness
import models
from smelt import load

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = {"device lost": -4, "host memory exhausted": -1, "device memory exhausted": -2}  # VkResult
LAYER = "VK_LAYER_KHRONOS_validation"
FEEDS = {"x": np.random.default_rng(0).random((1, 3, 16, 16), np.float32)}


def small_model(path):
    """Convolutions on the device, and numbers of 64 bits, which it lacks, between them and a softmax."""
    rng = np.random.default_rng(0)
    filters = [numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name) for name, shape in (("w", (8, 3, 3, 3)), ("v", (4, 8, 1, 1)))]
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
             helper.make_node("Conv", ["a", "v"], ["b"]),
             helper.make_node("Cast", ["b"], ["c"], to=onnx.TensorProto.DOUBLE),
             helper.make_node("MaxPool", ["c"], ["d"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
             helper.make_node("Cast", ["d"], ["e"], to=onnx.TensorProto.FLOAT),
             helper.make_node("Softmax", ["e"], ["y"])]
    tensors = [[helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)] for name, shape in (("x", (1, 3, 16, 16)), ("y", (1, 4, 16, 16)))]
    model = helper.make_model(helper.make_graph(nodes, "small", *tensors, filters), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)


def build_loader(folder):
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I", harness.REPOSITORY / "runtime" / "include", HERE / "faults.c",
                    "-o", folder / "libvulkan.so.1", "-ldl"], check=True)


def real_loader():
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    return re.search(r"libvulkan\.so\.1 .*=> (\S+)", listed).group(1)


def faulty(folder, **more):
    return {**os.environ, "LD_LIBRARY_PATH": str(folder), "SMELT_TEST_LOADER": real_loader(), **more}


def every_call_fails(cases, folder, artefact, what=""):
    environments = {"": faulty(folder), " hidden memory": faulty(folder, SMELT_TEST_HIDE="1")}
    device_failures.every_call_fails(cases, device_failures.build(folder, "vulkan"), artefact, what, RESULTS, environments)


def calls_of(folder, artefact, feeds):
    """How many calls a `smelt run` makes: with a number beyond them it succeeds."""
    least, most = 0, 1 << 14
    while least < most:
        middle = (least + most) // 2
        if failed_run(folder, artefact, feeds, middle, -4).returncode == 0:
            most = middle
        else:
            least = middle + 1
    return least


def failed_run(folder, artefact, feeds, call, result):
    return harness.smelt("run", artefact, "--inputs", feeds, "--outputs", folder / "out.npz", env=faulty(folder, SMELT_TEST_FAIL=f"{call}:{result}"))


def programs_say_so(cases, folder, artefact):
    """`smelt run` ends with 5 and a sentence, and writes nothing; Python raises it."""
    feeds = folder / "in.npz"
    np.savez(feeds, **FEEDS)

    def run():
        last = calls_of(folder, artefact, feeds) - 1  # a fence of the last stretch
        (folder / "out.npz").unlink()
        for result, words in ((-4, "the device was lost"), (-2, "the device's memory is exhausted")):
            for call in (0, last // 2, last):
                done = failed_run(folder, artefact, feeds, call, result)
                harness.expect(done.returncode == 5 and words in done.stderr, f"call {call}: exit code {done.returncode}: {done.stderr}")
                harness.expect(not (folder / "out.npz").exists(), "outputs of a run that failed")

    def python():
        script = "import sys, numpy, smelt\ntry:\n smelt.load(sys.argv[1]).run(dict(numpy.load(sys.argv[2])))\nexcept smelt.SmeltError as error: sys.exit(f'{error.exit_code} {error}')"
        last = calls_of(folder, artefact, feeds) - 1
        done = harness.python(script, artefact, feeds, env=faulty(folder, SMELT_TEST_FAIL=f"{last}:-4"))
        harness.expect(done.returncode == 1 and done.stderr.startswith("5 ") and "the device was lost" in done.stderr, f"{done.returncode}: {done.stderr}")

    cases.run("messages smelt run", run)
    cases.run("messages python", python)


def hidden_memory(cases, folder):
    """Models whose steps are all the device's, and some of them the processor's, with copies between two memories."""
    def agrees(name):
        artefact, feeds, reference = folder / f"{name}.so", models.inputs(name), models.reference(models.fetch(name), models.inputs(name))
        harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", "vulkan:lavapipe", "-o", artefact, seconds=600)
        np.savez(folder / "hidden.npz", **feeds)
        harness.smelt_ok("run", artefact, "--inputs", folder / "hidden.npz", "--outputs", folder / "hidden_out.npz", env=faulty(folder, SMELT_TEST_HIDE="1"))
        with np.load(folder / "hidden_out.npz") as outputs:
            return harness.agreement(dict(outputs), reference)

    for name in ("mobilenetv2", "ppocr4_rec"):
        cases.run(f"hidden memory {name}", functools.partial(agrees, name))


def poor_device(cases, folder):
    """A device that has no more than all have says what it lacks of what a model was compiled for, and runs models that ask for nothing."""
    def run(name, target, *flags):
        artefact, feeds = folder / "poor.so", folder / "poor.npz"
        harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", target, *flags, "--skip-error", "-o", artefact, seconds=600)
        np.savez(feeds, **models.inputs(name))
        return harness.smelt("run", artefact, "--inputs", feeds, "--outputs", folder / "poor_out.npz", env=faulty(folder, SMELT_TEST_POOR="1"))

    def refuses(words, *what):
        done = run(*what)
        harness.expect(done.returncode == 5 and words in done.stderr and len(done.stderr.splitlines()) == 1, f"{done.returncode}: {done.stderr}")

    def takes(*what):
        done = run(*what)
        harness.expect(done.returncode == 0, f"{done.returncode}: {done.stderr}")

    cases.run("poor device f16", lambda: refuses("lacks f16 (storageBuffer16BitAccess), which the model was compiled for", "mobilenetv2", "vulkan:f16", "--precision", "f16"))
    cases.run("poor device int8", lambda: refuses("lacks int8 (storageBuffer8BitAccess), dot (shaderIntegerDotProduct), which", "shufflenet", "vulkan:int8,dot", "--precision", "int8-dynamic"))
    cases.run("poor device subgroup", lambda: refuses("lacks shuffles in subgroups of 32, which", "mobilenetv2", "vulkan:subgroup=32"))
    cases.run("poor device words", lambda: takes("mobilenetv2", "vulkan", "--precision", "f16"))
    cases.run("poor device unused", lambda: takes("mobilenetv2", "vulkan:f16,int8,dot,int64"))


def open_dims(cases, folder):
    """Models whose sizes the run knows, or finds: commands recorded again, memory that grows, and states."""
    model, artefact = folder / "open.onnx", folder / "open.so"
    device_failures.open_model(model)

    def compiles():
        harness.smelt_ok("compile", model, "--state", "past=present", "--target", "vulkan", "-o", artefact, "--report", folder / "open.json")
        device = json.loads((folder / "open.json").read_text())["device"]
        harness.expect(device["processor_steps"] == 0, f"{device['processor_kernels']}")

    def turns(model, seed, results):
        rng, past = np.random.default_rng(seed), np.zeros((0, 4), np.float32)
        for turn in range(12):
            x = rng.normal(size=(rng.integers(1, 40), 4)).astype(np.float32)
            wanted, past = device_failures.open_rows(x, past)
            results.append(np.allclose(model.run({"x": x})["y"], wanted, rtol=1e-4, atol=1e-3))
        results.append(np.array_equal(model.state("past"), past))

    def two_threads():
        results, models_here = [], [load(artefact) for _ in range(2)]
        threads = [threading.Thread(target=turns, args=(model, seed, results)) for seed, model in enumerate(models_here)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        harness.expect(len(results) == 26 and all(results), f"{results}")

    def hidden_open():
        artefact, feeds = folder / "open_minilm.so", models.inputs("minilm_l6")
        harness.smelt_ok("compile", models.fetch("minilm_l6"), "--target", "vulkan", "-o", artefact)
        np.savez(folder / "open.npz", **feeds)
        harness.smelt_ok("run", artefact, "--inputs", folder / "open.npz", "--outputs", folder / "open_out.npz", env=faulty(folder, SMELT_TEST_HIDE="1"))
        with np.load(folder / "open_out.npz") as outputs:
            return harness.agreement(dict(outputs), models.reference(models.fetch("minilm_l6"), feeds))

    if cases.run("open compiles", compiles):
        cases.run("open two threads", two_threads)
        every_call_fails(cases, folder, artefact, "open ")
    cases.run("open hidden memory minilm_l6", hidden_open)

    def refused_shapes():
        grows = folder / "grows.so"
        device_failures.open_model(grows.with_suffix(".onnx"), keeps=False)
        harness.smelt_ok("compile", grows.with_suffix(".onnx"), "--target", "vulkan", "-o", grows)
        device_failures.finds_nothing("refused_shapes", folder, grows, "vulkan", os.environ)

    cases.run("open shapes that do not fit", refused_shapes)
    cases.run("open little memory", lambda: device_failures.finds_nothing("little_memory", folder, artefact, "vulkan", faulty(folder)))


def validation(cases, folder, artefact):
    """Also of how steps are synchronised, and of the order in which things are given back."""
    feeds = folder / "in.npz"
    np.savez(feeds, **FEEDS)

    def clean(more):
        layer = {"VK_INSTANCE_LAYERS": LAYER, "VK_LOADER_DEBUG": "layer", "VK_LAYER_ENABLES": "VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT"}
        done = harness.smelt("bench", artefact, "--inputs", feeds, "--seconds", "0.2", "--no-peaks", env=faulty(folder, **layer, **more))
        said = done.stdout + done.stderr
        harness.expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-500:]}")
        harness.expect(LAYER in done.stderr, "the layer was not loaded")
        complaints = [line for line in said.splitlines() if re.search(r"VUID|UNASSIGNED|SYNC-HAZARD|Validation Error", line)]
        harness.expect(not complaints, f"{len(complaints)} complaints: {complaints[0][:500] if complaints else ''}")

    if not list(pathlib.Path("/usr/share/vulkan/explicit_layer.d").glob("VkLayer_khronos_validation*.json")):
        print("note: no validation layer here (vulkan-validationlayers)")
        return
    for kind, more in (("", {}), (" hidden memory", {"SMELT_TEST_HIDE": "1"})):
        cases.run(f"validation{kind}", functools.partial(clean, more))


def python(cases, folder, artefact):
    """smelt.load runs such artefacts, several of them at once, and again after one is gone."""
    def agrees():
        models_here = [load(artefact) for _ in range(2)]
        results = [model.run(FEEDS)["y"] for model in models_here for _ in range(2)]
        harness.expect(all(np.array_equal(result, results[0]) for result in results), "not the same each time")
        harness.expect(models_here[0].device_name != "", "no device")
        del models_here
        native = folder / "native.so"
        harness.smelt_ok("compile", folder / "small.onnx", "-o", native)
        return harness.agreement({"y": load(artefact).run(FEEDS)["y"]}, load(native).run(FEEDS))

    def no_driver():
        none = str(folder / "none.json")
        script = "import sys, smelt\ntry:\n smelt.load(sys.argv[1])\nexcept smelt.SmeltError as error: sys.exit(f'{error.exit_code} {error}')"
        done = harness.python(script, artefact, env={"VK_ICD_FILENAMES": none, "VK_DRIVER_FILES": none})
        harness.expect(done.stderr.startswith("5 ") and "there is no driver" in done.stderr, done.stderr)

    def garbage():
        """In a cycle, finalisers come in any order."""
        script = "import gc, sys, smelt\nfor _ in range(3):\n model = smelt.load(sys.argv[1]); cycle = [model]; cycle.append(cycle); del cycle, model; gc.collect()"
        done = harness.python(script, artefact)
        harness.expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")

    def grown():
        """A loop doubles a tensor, each time in a new block: what a later run reads is not where a freed one was."""
        value, number = helper.make_tensor_value_info, onnx.TensorProto
        body = helper.make_graph([helper.make_node("Concat", ["rows", "rows"], ["twice"], axis=0), helper.make_node("Identity", ["go"], ["goes"])], "body",
                                 [value("i", number.INT64, []), value("go", number.BOOL, []), value("rows", number.FLOAT, None)], [value("goes", number.BOOL, []), value("twice", number.FLOAT, None)])
        graph = helper.make_graph([helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)], "grown", [value("n", number.INT64, []), value("x", number.FLOAT, [2, 6])], [value("y", number.FLOAT, None)])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "grown.onnx")
        harness.smelt_ok("compile", folder / "grown.onnx", "--target", "vulkan", "-o", folder / "grown.so")
        script = ("import sys, numpy, smelt\nmodel, x = smelt.load(sys.argv[1]), numpy.arange(12, dtype='f4').reshape(2, 6)\n"
                  "for n in (3, 0, 3, 2, 1, 6, 0): assert numpy.array_equal(model.run({'n': numpy.array(n), 'x': x + n})['y'], numpy.tile(x + n, (2 ** n, 1))), n")
        done = harness.python(script, folder / "grown.so")
        harness.expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")

    cases.run("python agrees", agrees)
    cases.run("python garbage", garbage)
    cases.run("python grown", grown)
    cases.run("python no driver", no_driver)


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        artefact, report = folder / "small.so", folder / "small.json"
        small_model(folder / "small.onnx")
        harness.smelt_ok("compile", folder / "small.onnx", "--target", "vulkan:lavapipe", "-o", artefact, "--report", report)
        device = json.loads(report.read_text())["device"]
        cases.run("both sides take part", lambda: harness.expect(device["steps"] > 1 and device["processor_steps"] > 0, str(device)))
        build_loader(folder)
        parts = {"faults": every_call_fails, "messages": programs_say_so, "validation": validation, "python": python}
        for part, test in parts.items():
            if not args.names or part in args.names:
                test(cases, folder, artefact)
        if not args.names or "open" in args.names:
            open_dims(cases, folder)
        if not args.names or "hidden" in args.names:
            hidden_memory(cases, folder)
        if not args.names or "poor" in args.names:
            poor_device(cases, folder)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
