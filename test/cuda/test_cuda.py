#!/usr/bin/env python3
"""Models compiled for CUDA. Every kernel is assembled by ptxas; all of a model runs on a device that executes PTX on the processor (device/), through the
runtime, with outputs near ONNX Runtime's; every call of the driver fails once.

usage: test_cuda.py [NAME…] [--json FILE]
"""
import ctypes
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import device_failures
import device_program
import few_results
import harness
import models
import program

MODELS = ("mobilenetv2", "resnet18", "resnet50", "shufflenet", "ppocr4_det", "ppocr4_rec", "magika", "oww_embed", "basic_pitch", "minilm_l6", "vit_s",
          "yolov8n")
ARCHITECTURES = (80, 90)  # of ptxas
TF32_ERROR = 2e-3  # of the largest value, most: processors have no such numbers to measure it with
PRECISIONS = (*((name, "f16", "cuda") for name in ("resnet18", "mobilenetv2", "ppocr4_rec", "minilm_l6", "yolov8n")), ("minilm_l6", "bf16", "cuda"),
              ("shufflenet", "f16", "cuda:sm_75"), ("minilm_l6", "f16", "cuda:sm_75"), ("minilm_l6", "tf32", "cuda"), ("resnet18", "tf32", "cuda"),
              ("resnet18", "int8", "cuda"), ("mobilenetv2", "int8", "cuda"), ("shufflenet", "int8", "cuda:sm_75"))
RUNTIME_BYTES = 16 << 10
DEVICE = harness.BIN.parent / "test" / "cuda"
# Errors of the driver: out of memory, and a device that is lost.
FAILURES = (2, 719)


def on_device(log=None, **settings):
    """The environment in which libcuda.so.1 is the tests' own."""
    path = ":".join(filter(None, (str(DEVICE), os.environ.get("LD_LIBRARY_PATH", ""))))
    return {**os.environ, "LD_LIBRARY_PATH": path, **({"SMELT_TEST_CUDA_LOG": str(log)} if log else {}),
            **{f"SMELT_TEST_CUDA_{name.upper()}": str(value) for name, value in settings.items()}}


def compile_model(name, artefact, target="cuda", *flags):
    report = artefact.with_suffix(".json")
    harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", target, "-o", artefact, "--report", report, *flags, seconds=600)
    return json.loads(report.read_text())["device"]


def compile_nodes(artefact, nodes, constants=()):
    """y of 64x96 from x of 64x96; the model's path, its inputs, and what the report says of the device."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "mixed", [value("x", TensorProto.FLOAT, [64, 96])], [value("y", TensorProto.FLOAT, [64, 96])], list(constants))
    model, report = artefact.with_suffix(".onnx"), artefact.with_suffix(".json")
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
    harness.smelt_ok("compile", model, "--target", "cuda", "-o", artefact, "--report", report)
    feeds = {"x": np.random.default_rng(0).normal(size=(64, 96)).astype(np.float32)}
    return model, feeds, json.loads(report.read_text())["device"]


def compile_mixed(artefact):
    """A model of which some steps are the processor's, because a row of 6144 to sort takes more memory than a thread has; its path and inputs as well."""
    nodes = [helper.make_node("Softmax", ["x"], ["parts"]), helper.make_node("Reshape", ["parts", "flat"], ["all"]), helper.make_node("TopK", ["all", "most"], ["largest", "places"]),
             helper.make_node("Reshape", ["largest", "rows"], ["sorted"]), helper.make_node("Softmax", ["sorted"], ["y"])]
    constants = [helper.make_tensor(name, TensorProto.INT64, [len(values)], values) for name, values in (("flat", [6144]), ("most", [6144]), ("rows", [64, 96]))]
    model, feeds, device = compile_nodes(artefact, nodes, constants)
    harness.expect(device["processor_steps"] > 0 and device["steps"] > 0, f"{device['processor_steps']} steps of the processor, {device['steps']} of the device")
    return model, feeds


def run_model(artefact, feeds, environment):
    folder = artefact.parent
    np.savez(folder / "in.npz", **feeds)
    harness.smelt_ok("run", artefact, "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", seconds=900, env=environment)
    with np.load(folder / "out.npz") as outputs:
        return dict(outputs)


def nothing_left(log):
    """What the tests' device says of the process that used it last."""
    said = log.read_text().splitlines()[-1]
    harness.expect(" 0 objects left, 0 contexts retained, 0 misuses" in said, said)
    return said


def assembled(assembler, artefact, architecture):
    code, count = program.ptx(artefact)
    path = artefact.with_suffix(".ptx")
    path.write_text(code)
    kernels = program.assemble(assembler, path, architecture)
    spilled = {name: spills for name, (_, spills) in kernels.items() if spills}
    harness.expect(len(kernels) == count, f"{len(kernels)} of {count} kernels")
    harness.expect(not spilled, f"spills: {spilled}")
    return {"kernels": count, "most_registers": max(registers for registers, _ in kernels.values())}


def test(cases, name, assembler, environment):
    reference = models.reference(models.fetch(name), models.inputs(name))
    with tempfile.TemporaryDirectory() as folder:
        artefact = pathlib.Path(folder) / f"{name}.so"

        def agrees():
            device = compile_model(name, artefact)
            figures = harness.agreement(run_model(artefact, models.inputs(name), environment), reference)
            return {**figures, **{key: device[key] for key in ("steps", "processor_steps", "copies") if key in device}}

        cases.run(f"{name} agrees", agrees)
        for architecture in ARCHITECTURES:
            cases.run(f"{name} sm_{architecture}", lambda: assembled(assembler, artefact, architecture))


def precisions(cases, assembler):
    """Products in 16 and 8 bits, by tensor cores: outputs are as far off as the compiler says, which measures the same roundings on a processor. And in tf32."""
    with tempfile.TemporaryDirectory() as folder:
        def agrees(name, precision, target, artefact):
            feeds = pathlib.Path(folder) / "calibration.npz"
            np.savez(feeds, **models.inputs(name))
            measured = precision != "tf32"
            device = compile_model(name, artefact, target, "--precision", precision, *(("--calibration", feeds) if measured else ()))
            outputs = run_model(artefact, models.inputs(name), on_device(**({"sm": 75} if "75" in target else {})))
            reference = models.reference(models.fetch(name), models.inputs(name))
            if measured:
                figures = harness.error_as_said(artefact.with_suffix(".json"), [(outputs, reference)])
            else:
                figures = {"error": harness.apart(outputs, reference)[0]}
                harness.expect(figures["error"] <= TF32_ERROR, f"error {figures['error']:.3g} of the largest value")
            harness.expect(device["processor_steps"] == 0, f"{device['processor_steps']} steps of the processor")
            products = program.ptx(artefact)[0].count("mma.sync.aligned")
            harness.expect(products > 0, "no products by tensor cores")
            return {**figures, "products": products}

        for name, precision, target in PRECISIONS:
            artefact = pathlib.Path(folder) / f"{name}-{precision}-{target.replace(':', '-')}.so"
            cases.run(f"{name} {precision} {target}", lambda: agrees(name, precision, target, artefact))
            for architecture in (75,) if "75" in target else ARCHITECTURES:
                cases.run(f"{name} {precision} sm_{architecture}", lambda: assembled(assembler, artefact, architecture))


def open_convolution(cases, assembler):
    """Of three channels, as images have: a window's rows are a loop, where code without one would begin with more loads than there are registers."""
    with tempfile.TemporaryDirectory() as folder:
        net = pathlib.Path(folder) / "net.so"
        value, rng, model = helper.make_tensor_value_info, np.random.default_rng(0), net.with_suffix(".onnx")
        filters = numpy_helper.from_array(rng.normal(size=(16, 3, 3, 3)).astype(np.float32), "w")
        graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]), helper.make_node("HardSwish", ["c"], ["y"])], "open",
                                  [value("x", TensorProto.FLOAT, ["n", 3, "h", "w_"])], [value("y", TensorProto.FLOAT, ["n", 16, None, None])], [filters])
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)

        def agrees():
            harness.smelt_ok("compile", model, "--target", "cuda", "-o", net)
            worst = 0.0
            for shape in ((1, 3, 16, 20), (2, 3, 9, 13)):
                feeds = {"x": rng.normal(size=shape).astype(np.float32)}
                worst = max(worst, harness.agreement(run_model(net, feeds, on_device()), models.reference(model, feeds))["error"])
            return {"error": worst}

        cases.run("open convolution agrees", agrees)
        for architecture in ARCHITECTURES:
            cases.run(f"open convolution sm_{architecture}", lambda: assembled(assembler, net, architecture))


def split_sums(cases, assembler):
    """Few tiles of long sums, in parts of K that groups of their own sum up: of a convolution and of a product, in each precision, with what follows done by
    the kernel that adds up the parts. The same numbers each time."""
    value, node, rng = helper.make_tensor_value_info, helper.make_node, np.random.default_rng(0)
    weights = {"w": rng.normal(size=(64, 128, 3, 3)) / 34, "b": rng.normal(size=64), "c": rng.normal(size=(3136, 48)) / 56}
    nodes = [node("Conv", ["x", "w", "b"], ["a"], pads=[1, 1, 1, 1]), node("Relu", ["a"], ["y"]),
             node("Reshape", ["y", "rows"], ["flat"]), node("MatMul", ["flat", "c"], ["m"]), node("Sigmoid", ["m"], ["z"])]
    constants = [helper.make_tensor(name, TensorProto.FLOAT, array.shape, array.astype(np.float32).tobytes(), raw=True) for name, array in weights.items()]
    constants.append(helper.make_tensor("rows", TensorProto.INT64, [2], [16, 3136]))
    graph = helper.make_graph(nodes, "split", [value("x", TensorProto.FLOAT, [16, 128, 7, 7])], [value("y", TensorProto.FLOAT, [16, 64, 7, 7]), value("z", TensorProto.FLOAT, [16, 48])], constants)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, feeds = folder / "split.onnx", {"x": rng.normal(size=(16, 128, 7, 7)).astype(np.float32)}
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
        np.savez(folder / "calibration.npz", **feeds)
        reference = models.reference(model, feeds)

        def agrees(precision):
            artefact, report = folder / f"{precision}.so", folder / f"{precision}.json"
            flags = ("--calibration", folder / "calibration.npz") if precision == "int8" else ()
            harness.smelt_ok("compile", model, "--target", "cuda", "--precision", precision, *flags, "-o", artefact, "--report", report)
            outputs = run_model(artefact, feeds, on_device())
            most, error = {"f32": 1e-5, "tf32": TF32_ERROR}.get(precision), harness.apart(outputs, reference)[0]
            figures = {"error": error} if most else harness.error_as_said(report, [(outputs, reference)])
            harness.expect(not most or error <= most, f"error {error:.3g} of the largest value")
            again = run_model(artefact, feeds, on_device())
            harness.expect(all(np.array_equal(outputs[key], again[key]) for key in outputs), "other numbers the second time")
            code = program.ptx(artefact)[0]
            harness.expect(code.count(".entry") >= 4 and "add_add_add" in code, f"K is not split: {re.findall('entry ([a-z0-9_]+)', code)}")
            harness.expect(("mma.sync" in code) == (precision != "f32"), "not by the cores that multiply such")
            return figures | assembled(assembler, artefact, 80)

        for precision in ("f32", "tf32", "f16", "bf16", "int8"):
            cases.run(f"split K {precision}", lambda: agrees(precision))


def open_products(cases, assembler):
    """Products and convolutions whose rows, columns and batches the run counts: one artefact in each precision, at sizes that fill tiles and that do not."""
    value, node, rng = helper.make_tensor_value_info, helper.make_node, np.random.default_rng(0)
    weights = {"w": rng.normal(size=(72, 40)) / 8, "b": rng.normal(size=40), "f": rng.normal(size=(40, 16, 3, 3)) / 12}
    nodes = [node("MatMul", ["x", "w"], ["m"]), node("Add", ["m", "b"], ["n"]), node("Relu", ["n"], ["y"]),
             node("Transpose", ["y"], ["t"], perm=[0, 2, 1]), node("MatMul", ["y", "t"], ["s"]), node("Sigmoid", ["s"], ["z"]),
             node("Conv", ["i", "f", "b"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]), node("Relu", ["c"], ["o"])]
    shapes = {"x": ["batch", "rows", 72], "i": ["batch", 16, "height", "width"]}, {"y": ["batch", "rows", 40], "z": ["batch", "rows", "rows"], "o": ["batch", 40, None, None]}
    tensors = [[value(name, TensorProto.FLOAT, shape) for name, shape in side.items()] for side in shapes]
    constants = [helper.make_tensor(name, TensorProto.FLOAT, array.shape, array.astype(np.float32).tobytes(), raw=True) for name, array in weights.items()]
    sizes = ((1, 1, 1, 1), (1, 17, 9, 30), (3, 130, 40, 21), (2, 64, 32, 64))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = folder / "open.onnx"
        save(helper.make_model(helper.make_graph(nodes, "open", *tensors, constants), opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)

        def agrees(precision, most):
            artefact = folder / f"{precision}.so"
            harness.smelt_ok("compile", model, "--target", "cuda", "--precision", precision, "--skip-error", "-o", artefact, "--report", artefact.with_suffix(".json"))
            device = json.loads(artefact.with_suffix(".json").read_text())["device"]
            harness.expect(device["processor_steps"] == 0, f"{device['processor_steps']} steps of the processor")
            errors = []
            for batch, rows, height, width in sizes:
                feeds = {"x": rng.normal(size=(batch, rows, 72)).astype(np.float32), "i": rng.normal(size=(batch, 16, height, width)).astype(np.float32)}
                errors.append(harness.apart(run_model(artefact, feeds, on_device()), models.reference(model, feeds))[0])
            harness.expect(max(errors) <= most, f"errors {errors} of the largest value")
            kernels = program.ptx(artefact)[0].split(".entry ")[1:]
            products, by_cores = ([kernel.split("(")[0] for kernel in kernels if word in kernel] for word in ("cp.async", "mma.sync"))
            harness.expect(len(products) == 3 and len(by_cores) == {"f32": 0, "int8-dynamic": 2}.get(precision, 3), f"by groups {products}, by tensor cores {by_cores}")
            return {"error": max(errors)} | {f"sm_{architecture}": assembled(assembler, artefact, architecture)["most_registers"] for architecture in ARCHITECTURES}

        for precision, most in (("f32", 1e-5), ("tf32", TF32_ERROR), ("f16", TF32_ERROR), ("bf16", 2e-2), ("int8-dynamic", 3e-2)):
            cases.run(f"open products {precision}", lambda: agrees(precision, most))


def rows_of_warps(cases, assembler):
    """Rows that a warp goes through, of numbers of all sizes: the last group has warps without a row, or none."""
    value, node, rng = helper.make_tensor_value_info, helper.make_node, np.random.default_rng(0)
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    with tempfile.TemporaryDirectory() as name:
        net = pathlib.Path(name) / "rows.so"
        model = net.with_suffix(".onnx")

        def agrees(kind, rows, columns):
            dtype = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
            nodes = [node(op, ["x", "axes"], [op]) for op in ("ReduceMax", "ReduceMin")]
            outputs = [value(made.output[0], dtype, None) for made in nodes]
            if kind != "uint64":  # ONNX Runtime lacks it
                nodes.append(node("ArgMin", ["x"], ["ArgMin"], axis=1))
                outputs.append(value("ArgMin", TensorProto.INT64, None))
            graph = helper.make_graph(nodes, "rows", [value("x", dtype, [rows, columns])], outputs, [axes])
            save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), model)
            harness.smelt_ok("compile", model, "--target", "cuda", "-o", net)
            feeds = {"x": rng.permutation(rows * columns).reshape(rows, columns).astype(kind)}
            made = run_model(net, feeds, on_device())
            x = feeds["x"]
            for op, right in {"ReduceMax": x.max(1), "ReduceMin": x.min(1), "ArgMin": x.argmin(1)}.items():
                harness.expect(op not in made or np.array_equal(made[op].ravel(), right), f"{op}: {made.get(op)}, not {right}")
            return assembled(assembler, net, 80)

        for kind in ("int64", "uint64", "float64", "int8", "float16"):
            for rows, columns in ((5, 100), (8, 64)):
                cases.run(f"rows {kind} {rows}x{columns}", lambda: agrees(kind, rows, columns))


def shared_results(cases, assembler):
    """Few results of much each, which groups have parts of."""

    def alike(case):
        with tempfile.TemporaryDirectory() as folder:
            artefact = few_results.agrees(case, "cuda", pathlib.Path(folder), on_device())
            return {f"sm_{architecture}": assembled(assembler, artefact, architecture)["most_registers"] for architecture in ARCHITECTURES}

    for case in few_results.REDUCTIONS:
        cases.run(f"shared {few_results.label(case)}", lambda: alike(case))


def targets(cases, assembler):
    """Each --target is PTX for its own architecture."""
    with tempfile.TemporaryDirectory() as folder:
        artefact = pathlib.Path(folder) / "net.so"

        def assembles(architecture):
            compile_model("shufflenet", artefact, f"cuda:sm_{architecture}")
            return assembled(assembler, artefact, architecture)

        for architecture in (75, 80, 86, 89, 90):
            cases.run(f"target sm_{architecture}", lambda: assembles(architecture))


def driver_calls():
    """Functions of the driver that the runtime calls, as its header lists them, less those that free, or whose errors matter to nobody."""
    header = (harness.REPOSITORY / "runtime" / "cuda" / "driver.h").read_text()
    never = re.compile("Free|Destroy|Release|PopCurrent|Unload|GetErrorString|GetName")
    return [name for name in re.findall(r"F\(\w+, (cu\w+),", header) if not never.search(name)]


def failures(cases):
    """Whatever the driver refuses: exit code 5, a sentence, no outputs, and nothing left on the device."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        alone, mixed = folder / "alone.so", folder / "mixed.so"  # all steps the device's, or not
        log, outputs = folder / "log", folder / "out.npz"
        compile_model("oww_embed", alone)
        feeds = {artefact: folder / f"{artefact.stem}.npz" for artefact in (alone, mixed)}
        np.savez(feeds[alone], **models.inputs("oww_embed"))
        np.savez(feeds[mixed], **compile_mixed(mixed)[1])
        with_hook = {"cuEventRecord", "cuEventElapsedTime"}  # called by bench alone
        elsewhere = {"cuMemAllocManaged": (mixed, {}), "cuMemHostGetDevicePointer_v2": (mixed, {"integrated": 1})}

        def fails(call, error, number):
            artefact, settings = elsewhere.get(call, (alone, {}))
            environment = on_device(log, fail=f"{call}:{error}:{number}", **settings)
            words = ("bench", artefact, "--seconds", "0.01", "--layers") if call in with_hook else ("run", artefact, "--inputs", feeds[artefact], "--outputs", outputs)
            for left in (log, outputs):
                left.unlink(missing_ok=True)
            done = harness.smelt(*words, env=environment, seconds=60)
            said = done.stderr.strip()
            harness.expect(done.returncode == 5 and "CUDA" in said, f"exit code {done.returncode}: {said}")
            harness.expect(len(said.splitlines()) == 1 and not outputs.exists(), f"outputs, or more than a sentence: {said}")
            nothing_left(log)

        for call in driver_calls():
            for error in FAILURES:
                cases.run(f"failure {call} {error}", lambda: fails(call, error, 0))
        for call, number in (("cuMemAlloc_v2", 1), ("cuLaunchKernel", 5), ("cuModuleGetFunction", 3), ("cuStreamSynchronize", 1), ("cuMemcpyHtoDAsync_v2", 1)):
            cases.run(f"failure {call} 719 later", lambda: fails(call, 719, number))


def growth(cases):
    """Each call fails in turn, by its number: of models whose steps are all the device's or not, and of one whose memory grows from run to run, by shapes, by what a
    run finds and by a state. What failed runs again, unless the device is lost, and computes the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        alone, mixed = folder / "alone.so", folder / "mixed.so"
        compile_nodes(alone, [helper.make_node("Softmax", ["x"], ["s"]), helper.make_node("MatMul", ["s", "w"], ["y"])], [helper.make_tensor("w", TensorProto.FLOAT, [96, 96], np.ones(9216))])
        compile_mixed(mixed)
        growing = [folder / "grows.so", folder / "keeps.so"]
        for artefact, state in zip(growing, ((), ("--state", "past=present"))):
            device_failures.open_model(artefact.with_suffix(".onnx"), keeps=bool(state))
            harness.smelt_ok("compile", artefact.with_suffix(".onnx"), *state, "--target", "cuda", "-o", artefact, "--report", artefact.with_suffix(".json"))
            device = json.loads(artefact.with_suffix(".json").read_text())["device"]
            harness.expect(device["processor_steps"] == 0, f"{device['processor_kernels']}")
        failing = device_failures.build(folder, "cuda", "-DWITH_CUDA")
        environments = {"": on_device(), " integrated": on_device(integrated=1)}
        for artefact in (alone, mixed, *growing):
            device_failures.every_call_fails(cases, failing, artefact, f"{artefact.stem} ", {"out of memory": 2, "device lost": 719}, environments)
        for what, source, artefact in (("shapes that do not fit", "refused_shapes", growing[0]), ("little memory", "little_memory", growing[1])):
            cases.run(what, functools.partial(device_failures.finds_nothing, source, folder, artefact, "cuda", on_device(), "-DWITH_CUDA"))


def errors(cases):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        artefact, inputs = folder / "net.so", folder / "in.npz"
        here = models.fetch("magika")
        compile_model("magika", artefact)
        np.savez(inputs, **models.inputs("magika"))

        def run(environment):
            done = harness.smelt("run", artefact, "--inputs", inputs, "--outputs", folder / "out.npz", env=environment)
            harness.expect(done.returncode == 5 and not (folder / "out.npz").exists(), f"exit code {done.returncode}: {done.stderr}")
            return done.stderr

        def tf32():
            for target in ("native", "vulkan", "cuda:sm_75"):
                done = harness.smelt("compile", here, "--target", target, "--precision", "tf32", "-o", folder / "none.so")
                harness.expect(done.returncode == 4 and "tensor cores" in done.stderr and not (folder / "none.so").exists(), f"{target}: exit code {done.returncode}: {done.stderr}")

        def no_driver():
            (folder / "libcuda.so.1").write_text("no library\n")
            said = run({**os.environ, "LD_LIBRARY_PATH": str(folder)})
            harness.expect("there is no NVIDIA driver, libcuda.so.1" in said, said)

        def old_driver():
            subprocess.run(["gcc", "-shared", "-o", folder / "libcuda.so.1", "-x", "c", "/dev/null"], check=True)
            said = run({**os.environ, "LD_LIBRARY_PATH": str(folder)})
            harness.expect("older than CUDA 11.4: it lacks cuInit" in said, said)

        def old_device():
            said = run(on_device(sm=75))
            harness.expect("sm_75" in said and "--target cuda:sm_75" in said, said)

        def refused(code, *flags, words=""):
            done = harness.smelt("compile", here, *models.shape_flags("magika"), "-o", folder / "other.so", *flags)
            harness.expect(done.returncode == code and words in done.stderr and not (folder / "other.so").exists(), f"exit code {done.returncode}: {done.stderr}")

        def tf32_calibration():
            done = harness.smelt("compile", here, "--target", "cuda", "--precision", "tf32", "--calibration", inputs, "-o", folder / "none.so")
            harness.expect(done.returncode == 2 and "is not looked at with --precision tf32" in done.stderr, f"exit code {done.returncode}: {done.stderr}")

        cases.run("errors tf32", tf32)
        cases.run("errors tf32 calibration", tf32_calibration)
        cases.run("errors no driver", no_driver)
        cases.run("errors old driver", old_driver)
        cases.run("errors old device", old_device)
        cases.run("errors static", lambda: refused(2, "--target", "cuda", "--emit", "static"))
        cases.run("errors precision", lambda: refused(4, "--target", "cuda", "--precision", "int4-weights"))
        cases.run("errors architecture", lambda: refused(2, "--target", "cuda:sm_42", words="no architecture 'sm_42'; there are cuda, cuda:sm_75, cuda:sm_80"))
        cases.run("errors options", lambda: refused(2, "--target", "cuda:f16", words="no architecture 'f16'; there are cuda, cuda:sm_75, cuda:sm_80, cuda:sm_86, cuda:sm_89, cuda:sm_90, and CUDA takes no options"))


def interface(cases):
    """Bench, compare and inspect take such artefacts like any other."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        artefact, log = folder / "net.so", folder / "log"

        def bench():
            compile_model("shufflenet", artefact)
            figures = json.loads(harness.smelt_ok("bench", artefact, "--seconds", "0.1", "--json", env=on_device(log)).stdout)
            harness.expect(len(figures["layers"]) == 93 and figures["median_ms"] > 0, f"{len(figures['layers'])} layers")
            harness.expect(all(layer["kernel"] for layer in figures["layers"]), "layers without the names of their kernels")
            said = nothing_left(log)
            harness.expect(" 0 graphs" not in said, said)

        def compare():
            harness.smelt_ok("compare", models.fetch("shufflenet"), "--target", "cuda", "--against", "onnxruntime", env=on_device())

        def inspect():
            said = harness.smelt_ok("inspect", artefact).stdout
            harness.expect("for cuda" in said and "93 steps" in said and "needs" not in said, said)

        def same_bytes():
            other = folder / "other.so"
            compile_model("shufflenet", other, "cuda", "--threads", "1")
            harness.expect(artefact.read_bytes() == other.read_bytes(), "compiled twice, two artefacts")

        def two_threads():
            runs, runtime, libraries = folder / "two_devices", harness.REPOSITORY / "runtime", harness.BIN.parent / "lib"
            subprocess.run(["gcc", "-std=gnu11", "-O1", "-DWITH_CUDA", "-I", runtime / "include", harness.REPOSITORY / "test" / "runtime" / "two_devices.c",
                            "-o", runs, libraries / "libsmelt_cuda.a", libraries / "libsmelt_runtime.a", "-pthread", "-ldl"], check=True)
            done = subprocess.run([runs, artefact], capture_output=True, text=True, timeout=300, env=on_device(log))
            harness.expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr.strip()}")
            nothing_left(log)

        def mixed(**settings):
            net = folder / "mixed.so"
            model, feeds = compile_mixed(net)
            figures = harness.agreement(run_model(net, feeds, on_device(log, **settings)), models.reference(model, feeds))
            nothing_left(log)
            return figures

        def sizes_that_a_run_finds():
            """On the device alone, and behind a sort of the processor's."""
            found = [helper.make_node("Round", ["numbers_of_x"], ["whole"]), helper.make_node("NonZero", ["whole"], ["places"]),
                     helper.make_node("Cast", ["places"], ["numbers"], to=TensorProto.FLOAT), helper.make_node("ReduceMean", ["numbers"], ["mean"]),
                     helper.make_node("Mul", ["parts", "mean"], ["y"])]
            parts, row = helper.make_node("Softmax", ["x"], ["parts"]), helper.make_tensor("row", TensorProto.INT64, [1], [6144])
            ways = {"device": [parts, helper.make_node("Identity", ["x"], ["numbers_of_x"])],
                    "both": [parts, helper.make_node("Reshape", ["x", "row"], ["all"]), helper.make_node("TopK", ["all", "row"], ["numbers_of_x", "order"])]}
            figures = {}
            for way, nodes in ways.items():
                net = folder / f"found_{way}.so"
                model, feeds, device = compile_nodes(net, nodes + found, [row])
                harness.expect((device["processor_steps"] > 0) == (way == "both") and device["steps"] > 0, f"{way}: {device['processor_steps']} steps of the processor, {device['steps']} of the device")
                figures |= {f"{way}_{key}": number for key, number in harness.agreement(run_model(net, feeds, on_device(log)), models.reference(model, feeds)).items()}
            return figures

        def runtime_size():
            listed = subprocess.run(["size", harness.BIN.parent / "lib" / "libsmelt_cuda.a"], check=True, capture_output=True, text=True).stdout
            text = sum(int(line.split()[0]) for line in listed.splitlines()[1:])
            harness.expect(text <= RUNTIME_BYTES, f"{text} bytes")
            return {"bytes": text}

        def python():
            script = ("import sys, numpy, smelt; net = smelt.load(sys.argv[1]); print(net.device_name); "
                      "print(numpy.isfinite(next(iter(net.run({i.name: numpy.ones(i.shape, 'f4') for i in net.inputs}).values()))).all())")
            done = harness.python(script, artefact, env=on_device(log))
            harness.expect(done.returncode == 0 and done.stdout.split("\n")[:2] == ["the tests' device", "True"], done.stdout + done.stderr)

        def c_program():
            device_program.runs(folder, "cuda", "cuda", on_device(log))
            nothing_left(log)

        for case in (bench, two_threads, compare, python, inspect, same_bytes, mixed, sizes_that_a_run_finds, runtime_size, c_program):
            cases.run(f"interface {case.__name__.replace('_', ' ')}", case)
        cases.run("interface mixed integrated", lambda: mixed(integrated=1))


def synchronisation(cases):
    """The tests' device notices threads that do not wait for what others write: whatever is taken out of the code, outputs become wrong."""
    for precision in ("f32", "f16"):
        waits(cases, precision)
    cases.run("device each barrier", each_barrier)
    cases.run("device out of memory", out_of_memory)


def out_of_memory():
    """The tests' device has no more than the machine."""
    driver, context, address = ctypes.CDLL(str(DEVICE / "libcuda.so.1")), ctypes.c_void_p(), ctypes.c_uint64()
    ready = driver.cuInit(0), driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0), driver.cuCtxPushCurrent_v2(context)
    harness.expect(not any(ready), f"{ready}")
    result = driver.cuMemAllocManaged(ctypes.byref(address), ctypes.c_size_t(1 << 46), 1)
    harness.expect(result == FAILURES[0], f"{result}")


def each_barrier():
    """Of attention in one kernel, and of a row that a group shares: without any one of them outputs are others. Behind the last nothing is shared any more."""
    value, node, heads = helper.make_tensor_value_info, helper.make_node, [1, 2, 48, 32]
    nodes = [node("Transpose", ["k"], ["t"], perm=[0, 1, 3, 2]), node("MatMul", ["q", "t"], ["s"]), node("Softmax", ["s"], ["p"], axis=-1),
             node("MatMul", ["p", "v"], ["y"]), node("Softmax", ["r"], ["z"], axis=-1)]
    tensors = {**{name: heads for name in "qkv"}, "r": [3, 1000]}
    graph = helper.make_graph(nodes, "attention", [value(name, TensorProto.FLOAT, shape) for name, shape in tensors.items()],
                              [value("y", TensorProto.FLOAT, heads), value("z", TensorProto.FLOAT, tensors["r"])])
    with tempfile.TemporaryDirectory() as folder:
        model, net = pathlib.Path(folder) / "net.onnx", pathlib.Path(folder) / "net.so"
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
        harness.smelt_ok("compile", model, "--target", "cuda", "-o", net)
        random = np.random.default_rng(0)
        feeds = {name: random.normal(size=shape).astype(np.float32) for name, shape in tensors.items()}
        reference, code = models.reference(model, feeds), net.read_bytes()
        whole = run_model(net, feeds, on_device())
        harness.agreement(whole, reference)
        harness.expect(b"contract_softmax_contract" in code, "attention is not one kernel")
        places = [found.span() for found in re.finditer(rb"\tbar\.sync \t0;", code)]
        for first, last in places[:-1]:
            net.write_bytes(code[:first] + b" " * (last - first) + code[last:])
            outputs = run_model(net, feeds, on_device())
            harness.expect(any(not np.array_equal(outputs[name], whole[name]) for name in whole), f"nothing changes without the barrier at byte {first}")
    return {"barriers": len(places)}


def waits(cases, precision):
    with tempfile.TemporaryDirectory() as name:
        artefact = pathlib.Path(name) / "net.so"
        compile_model("shufflenet", artefact, "cuda", "--precision", precision, "--skip-error")
        whole, feeds = artefact.read_bytes(), models.inputs("shufflenet")
        reference = models.reference(models.fetch("shufflenet"), feeds)

        def without(pattern):
            code, count = re.subn(pattern, lambda found: b" " * len(found[0]), whole)
            harness.expect(count > 0, "there is none")
            artefact.write_bytes(code)
            outputs = run_model(artefact, feeds, on_device())
            try:
                harness.agreement(outputs, reference)
            except harness.Failure:
                return {"taken_out": count}
            raise harness.Failure("outputs agree all the same")

        cases.run(f"device barriers {precision}", lambda: without(rb"\tbar\.sync \t0;"))
        cases.run(f"device waits {precision}", lambda: without(rb"\tcp\.async\.wait_group \t?\d;"))


def on_gpu(cases):
    """What is prepared for machines with a device runs on the tests' own, and notices wrong outputs."""
    script = pathlib.Path(__file__).with_name("on_gpu.py")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "gpu"

        def command(*words, code=0, **options):
            done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300, **options)
            harness.expect(done.returncode == code, f"exit code {done.returncode}: {done.stdout}{done.stderr}")
            return done.stdout

        def prepared():
            command(script, "prepare", folder, "magika", "shufflenet", "--most-bytes", str(5 << 20))
            harness.expect(not (folder / "shufflenet.so").exists(), "more bytes than were asked for")
            said = command(folder / "on_gpu.py", "run", folder, env=on_device())
            harness.expect("1 passed, 0 failed" in said and "median_ms=" in said, said)

        def wrong():
            path = folder / "magika.reference.npz"
            with np.load(path) as outputs:
                other = {name: value + 0.01 * np.abs(value).max() for name, value in outputs.items()}
            np.savez(path, **other)
            command(folder / "on_gpu.py", "run", folder, code=1, env=on_device())

        cases.run("on gpu prepared", prepared)
        cases.run("on gpu wrong outputs", wrong)


def main():
    options = harness.parser(__doc__)
    args = options.parse_args()
    cases = harness.Cases()
    assembler = program.ptxas()
    for name in args.names or MODELS:
        test(cases, name, assembler, on_device())
    if not args.names:
        precisions(cases, assembler)
        synchronisation(cases)
        on_gpu(cases)
        open_convolution(cases, assembler)
        split_sums(cases, assembler)
        open_products(cases, assembler)
        rows_of_warps(cases, assembler)
        shared_results(cases, assembler)
        targets(cases, assembler)
        failures(cases)
        growth(cases)
        errors(cases)
        interface(cases)
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
