"""Models on devices whose drivers fail, for tests of either kind of device: a model that makes memory grow, and runtime/failures.c, which lets each call fail in turn."""
import functools
import subprocess

import numpy as np
import onnx
from onnx import helper, numpy_helper

import harness


def open_model(path, keeps=True):
    """Rows of which the run knows how many, a state that has all so far where it keeps them, and a vector whose length the run finds: y = 2 x + Σ past + Σ range(Σ |x|)."""
    node, ints = helper.make_node, lambda name, value: numpy_helper.from_array(np.array(value, np.int64), name)
    nodes = [node("Concat", ["past", "x"], ["present"], axis=0), node("ReduceSum", ["present"], ["sum"], keepdims=0),
             node("Abs", ["x"], ["size"]), node("ReduceSum", ["size"], ["limit"], keepdims=0), node("Cast", ["limit"], ["end"], to=onnx.TensorProto.INT64),
             node("Range", ["zero", "end", "one"], ["numbers"]), node("Cast", ["numbers"], ["floats"], to=onnx.TensorProto.FLOAT),
             node("ReduceSum", ["floats"], ["found"], keepdims=0), node("Add", ["x", "x"], ["twice"]), node("Add", ["twice", "sum"], ["more"]), node("Add", ["more", "found"], ["y"])]
    value = lambda name, shape: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
    states = [value("past", ["p", 4])], [value("present", ["q", 4])]
    if not keeps:
        nodes[0], states = node("Identity", ["x"], ["present"]), ([], [])
    graph = helper.make_graph(nodes, "open", [value("x", ["n", 4]), *states[0]], [value("y", ["n", 4]), *states[1]], [ints("zero", 0), ints("one", 1)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)


def open_rows(x, past):
    """What open_model computes."""
    present = np.concatenate([past, x])
    return 2 * x + present.sum() + np.arange(int(np.abs(x).sum())).sum(), present


def build(folder, library, *options, source="failures"):
    """runtime/failures.c, or another, with the runtime of a device, "cuda" or "vulkan"."""
    made, runtime, libraries = folder / source, harness.REPOSITORY / "runtime", harness.BIN.parent / "lib"
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address", "-I", runtime / "include", harness.REPOSITORY / "test" / "runtime" / f"{source}.c",
                    *options, "-o", made, libraries / f"libsmelt_{library}.a", libraries / "libsmelt_runtime.a", "-ldl"], check=True)
    return made


def every_call_fails(cases, program, artefact, what, results, environments):
    """One after another, with each result, in each environment, and each time all is given back; AddressSanitizer looks at what is used and left."""
    def one(result, environment):
        done = subprocess.run([program, artefact, str(result)], env=environment, capture_output=True, text=True, timeout=300)
        harness.expect(done.returncode == 0, f"exit code {done.returncode}: {(done.stderr.strip() or done.stdout)[:2000]}")
        calls = int(done.stdout.split()[0])
        harness.expect(calls > 30, f"only {calls} calls")
        return {"calls": calls}

    for name, result in results.items():
        for kind, environment in environments.items():
            cases.run(f"faults {what}{name}{kind}", functools.partial(one, result, environment))


def finds_nothing(source, folder, artefact, library, environment, *options):
    """runtime/refused_shapes.c or little_memory.c finds what it expects, with an artefact of open_model."""
    program = build(folder, library, *options, source=source)
    done = subprocess.run([program, artefact], env={**environment, "ASAN_OPTIONS": "detect_leaks=0"}, capture_output=True, text=True, timeout=300)
    harness.expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr.strip()[:2000]}")
