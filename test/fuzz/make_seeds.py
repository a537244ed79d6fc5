#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the seeds of the fuzz targets: a small model of each family of operators, expressions, archives, an artefact.

usage: make_seeds.py OUT_DIR      test/fuzz/seeds, for instance; needs a built smelt for the seed of artefacts
"""
import io
import json
import lzma
import pathlib
import struct
import sys
import tempfile
import zipfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "hostile"), str(HERE.parent)]
import harness
from corpus import grid
from corpus.build import BOOL, I64, model, node, opset, small_model, tensor, value
from corpus.structure import calling, calls, function, nested_ifs, subgraph

MOST_BYTES = 1000  # of a seed: larger ones only slow the fuzzer down


def models():
    for operator, (version, shapes, constants, attributes) in grid.OPERATORS.items():
        yield operator.lower(), grid.build(operator, version, shapes, constants, attributes)
    yield "conv_relu", small_model()
    yield "function", calling([function("F0", calls("F1", 2)), function("F1", [node("Relu", "a", "b")])])
    yield "nested_if", nested_ifs(2)
    unary = "Relu Exp Erf Sqrt Neg Tanh Round Sign".split()
    yield "unary", model([node(name, f"t{i}" if i else "x", f"t{i + 1}" if i + 1 < len(unary) else "y") for i, name in enumerate(unary)], {"x": [2, 3]})
    binary = "Add Mul Div Pow Max Sub".split()
    yield "binary", model([node(name, f"t{i} w" if i else "x z", f"t{i + 1}" if i + 1 < len(binary) else "y") for i, name in enumerate(binary)],
                          {"x": [2, 3], "z": [1]}, weights=[tensor("w", [[1.0], [2.0]], "f4")])
    yield "integers", model([node("Div", "x w", "a"), node("Mod", "a w", "b"), node("BitwiseAnd", "b w", "y")], [value("x", [4], I64)],
                            weights=[tensor("w", [3], "i8")], imports=opset(18))
    yield "logic", model([node("Less", "x w", "a"), node("Not", "a", "b"), node("Where", "b x w", "c"), node("Cast", "c", "y", to=I64)], {"x": [4]},
                         weights=[tensor("w", [3.0], "f4")])
    yield "matmul", model([node("MatMul", "x w", "a"), node("Gemm", "a w b", "c", transB=1), node("Einsum", "c x", "y", equation="ab,cb->ac")], {"x": [3, 4]},
                          weights=[tensor("w", np.ones((4, 4)), "f4"), tensor("b", np.ones(4), "f4")])
    yield "symbolic", model([node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Concat", "n minus", "t", axis=0), node("Reshape", "x t", "r"),
                             node("Add", "r z", "y")], {"x": ["n", "m", 4], "z": ["k"]}, weights=[tensor("zero", [0], "i8"), tensor("minus", [-1], "i8")])
    yield "symbolic_slice", model([node("Shape", "x", "s"), node("Slice", "s one two", "e"), node("Slice", "x zero e one", "c"), node(
        "Concat", "c x", "y", axis=0)], {"x": ["n", "past + n"]}, weights=[tensor(name, [number], "i8") for number, name in enumerate(("zero", "one", "two"))])
    yield "quantised", model([node("QuantizeLinear", "x s p", "q"), node("DequantizeLinear", "q s p", "d"), node("DynamicQuantizeLinear", "d", "a b c"),
                              node("DequantizeLinear", "a b c", "y")], {"x": [2, 3]}, weights=[tensor("s", 0.5, "f4"), tensor("p", 3, "u1")])
    body = subgraph([node("Identity", "ci", "co"), node("Add", "v v", "vo")], [value("i", [], I64), value("ci", [], BOOL), value("v", [4])], ("co", "vo"))
    yield "loop", model(node("Loop", "m - x", "y", body=body), {"x": [4]}, weights=[tensor("m", 3, "i8")])
    yield "sequence", model([node("SequenceConstruct", "x x", "s"), node("SequenceInsert", "s x i", "t"), node("SequenceErase", "t p", "u"), node("SequenceAt", "u p", "a"),
                             node("SplitToSequence", "a n", "v"), node("ConcatFromSequence", "v", "y", axis=1)], [value("x", [4, 2]), value("p", [], I64)],
                            weights=[tensor("i", 1, "i8"), tensor("n", 2, "i8")])
    body = subgraph([node("Mul", "a b", "c")], [value("a", None), value("b", None)], ("c",))
    yield "sequence_map", model([node("SplitToSequence", "x", "s", keepdims=0), node("SequenceMap", "s x", "t", body=body), node("Optional", "t", "o"),
                                 node("OptionalHasElement", "o", "h"), node("OptionalGetElement", "o", "y")], {"x": [3, 2]})
    step = subgraph([node("Add", "s e", "so"), node("Identity", "so", "o")], [value("s", [2]), value("e", [2])], ("so", "o"))
    yield "scan", model(node("Scan", "i x", "z y", body=step, num_scan_inputs=1), {"i": [2], "x": [3, 2]})


EXTENTS = {"numbers": "7; 3", "sums": "2*n + m - 4; n + 1", "products": "n*m*m; 3*m", "quotients": "floordiv(n + 7, 8); 8", "bounds": "min(n, 8); max(m, n)",
           "broadcasts": "broadcast(n, m); n", "exact": "6*n*m + 3*n; 3*n", "nested": "floordiv(max(n - 2, 0), floordiv(m + 1, 2)); min(n*m, n + m)"}


def archives():
    for name, arrays, save in (("stored", {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "i": np.int64(3)}, np.savez),
                               ("deflated", {"x": np.zeros((8, 8), np.float16), "b": np.array([True, False])}, np.savez_compressed),
                               ("small_types", {"x": np.arange(5, dtype=np.int8), "v": np.zeros(3, "V1"), "f": np.asfortranarray(np.eye(3))}, np.savez)):
        file = io.BytesIO()
        save(file, **arrays)
        yield name, file.getvalue()


def artifacts():
    for name, dims in (("static", [4]), ("symbolic", ["n", 4])):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "m.onnx").write_bytes(model(node("Relu", "x", "y"), {"x": dims}).SerializeToString())
            harness.smelt_ok("compile", folder / "m.onnx", "--target", "x86-64-v3", "-o", folder / "m.so")
            yield name, (folder / "m.so").read_bytes()


def programs():
    """The JSON of exported programs: of test/pt2/files without source lines, and a layer whose weights the target's archive has; and a whole archive."""
    files = harness.REPOSITORY / "test" / "pt2" / "files"
    for name in ("tiny_2.15.0", "tiny_dyn", "tiny_cache.func", "tiny_cache"):
        with zipfile.ZipFile(files / f"{name}.pt2") as archive:
            program = json.loads(archive.read(f"{name}/models/model.json"))
        for entry in program["graph_module"]["graph"]["nodes"]:
            entry["metadata"] = {}
        program.pop("guards_code", None)
        yield name, json.dumps(program, separators=(",", ":")).encode()
    tensor = {"dtype": 7, "sizes": [{"as_int": 3}, {"as_int": 4}]}
    inputs = [{"name": key, "arg": {"as_tensor": {"name": value}}, "kind": 1} for key, value in (("input", "x"), ("weight", "w"), ("bias", "c"))]
    call = {"target": "torch.ops.aten.linear.default", "inputs": inputs, "outputs": [{"as_tensor": {"name": "y"}}], "name": "y", "metadata": {}}
    signature = {"input_specs": [{"parameter": {"arg": {"name": "w"}, "parameter_name": "w"}}, {"user_input": {"arg": {"as_tensor": {"name": "x"}}}},
                                 {"user_input": {"arg": {"as_tensor": {"name": "c"}}}}],
                 "output_specs": [{"user_output": {"arg": {"as_tensor": {"name": "y"}}}}]}
    graph = {"inputs": [], "outputs": [], "nodes": [call], "tensor_values": {"x": tensor, "c": {"dtype": 7, "sizes": [{"as_int": 2}]}}}
    yield "layer", json.dumps({"schema_version": {"major": 8, "minor": 20}, "graph_module": {"graph": graph, "signature": signature}}).encode()
    yield "archive", (files / "tiny_2.8.0.pt2").read_bytes()
    for name in ("bits", "special", "ranking", "linalg", "scatterings", "losses", "antialias", "bags", "spectra", "complexes", "states", "branches", "item", "asserts"):
        with zipfile.ZipFile(io.BytesIO(lzma.decompress(next(files.glob(f"{name}-*.pt2.xz")).read_bytes()))) as archive:
            yield name, of_inputs_alone(json.loads(archive.read(next(part for part in archive.namelist() if part.endswith("models/model.json")))))


def of_inputs_alone(program, most_nodes=60):
    """A program whose weights are inputs, as small as it gets, of its first nodes."""
    module = program["graph_module"]
    graph = module["graph"]
    nodes = [{key: entry[key] for key in ("target", "inputs", "outputs", "name")} | {"metadata": {}} for entry in graph["nodes"][:most_nodes]]
    made = [{"as_tensor": output["as_tensor"]} for entry in nodes for output in entry["outputs"][: 1 if "bag" in entry["target"] else None] if "as_tensor" in output]
    specs = [next(iter(spec.values()))["arg"] for spec in module["signature"]["input_specs"]]
    names = [(spec.get("as_tensor") or spec)["name"] for spec in specs]
    keys = ("dtype", "sizes", "strides", "storage_offset") if any("storage_offset" in entry["target"] for entry in nodes) else ("dtype", "sizes")
    values = {name: {key: graph["tensor_values"][name][key] for key in keys} for name in names}
    complex_ = [name for name in (output["as_tensor"]["name"] for output in made) if graph["tensor_values"][name]["dtype"] in (9, 10, 11)]
    values |= {name: {key: graph["tensor_values"][name][key] for key in ("dtype", "sizes")} for name in complex_}
    signature = {"input_specs": [{"user_input": {"arg": {"as_tensor": {"name": name}}}} for name in names],
                 "output_specs": [{"user_output": {"arg": output}} for output in made]}
    small = {"schema_version": program["schema_version"], "range_constraints": {},
             "graph_module": {"signature": signature, "graph": {"inputs": [], "outputs": made, "nodes": nodes, "tensor_values": values}}}
    return json.dumps(small, separators=(",", ":")).encode()


def sizes():
    """Dims, then rows of kind, a, b and, for numbers, 8 bytes."""
    dims = struct.pack("<BBBBBBBB", 1, 3, 1, 5, 1, 7, 1, 1)
    yield "arithmetic", dims + bytes([2, 0, 1, 3, 2, 0, 4, 3, 1, 5, 2, 0, 6, 3, 0, 7, 0, 0, 8, 0, 0])
    yield "numbers", dims + bytes([0, 0, 0]) + struct.pack("<q", 2**62) + bytes([3, 2, 0, 1, 0, 1, 2, 3, 4])


def main():
    folder = pathlib.Path(sys.argv[1])
    seeds = {"model": ((name, made if isinstance(made, bytes) else made.SerializeToString()) for name, made in models()),
             "extents": ((name, text.encode()) for name, text in EXTENTS.items()), "npz": archives(), "artifact": artifacts(), "sizes": sizes(),
             "pt2": programs()}
    for target, files in seeds.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, content in files:
            if target == "model" and len(content) > MOST_BYTES:
                print(f"{name}: {len(content)} bytes")
            (folder / target / name).write_bytes(content)


if __name__ == "__main__":
    main()
