#!/usr/bin/env python3
"""Precisions of single layers: files that say them, and which layers cost accuracy.

usage: test_layers.py [NAME…] [--json FILE]
"""
import json
import pathlib
import re
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in (".", "hostile")]
from bounded import Done, refused

import harness
from harness import expect, smelt_ok

case = harness.Suite()
WIDTH, LAYERS = 64, 4
HARD = 2  # the layer whose input has one number far from all others


def network(folder, name="net.onnx", names=("/mm_0", "/mm_1", "/mm_2", "/mm_1"), hard=HARD):
    """y = …relu(relu(x · w₀) · w₁)…, two nodes of one name; before `hard`, one channel is large and the weights that read it are small."""
    rng = np.random.default_rng(5)
    weights = [rng.standard_normal((WIDTH, WIDTH)).astype(np.float32) / 8 for _ in names]
    if hard is not None:
        weights[hard - 1][:, 7] *= 3000
        weights[hard][7] /= 3000
    nodes, last = [], "x"
    for i, node in enumerate(names):
        nodes += [helper.make_node("MatMul", [last, f"w{i}"], [f"m{i}"], name=node), helper.make_node("Relu", [f"m{i}"], [f"r{i}"], name=f"/relu_{i}")]
        last = f"r{i}"
    graph = helper.make_graph(nodes[:-1] + [helper.make_node("Relu", [f"m{len(names) - 1}"], ["y"], name="/end")], "g",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, WIDTH])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(array, f"w{i}") for i, array in enumerate(weights)])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / name)
    return folder / name


def calibration(folder):
    rng = np.random.default_rng(6)
    (folder / "samples").mkdir(exist_ok=True)
    for i in range(6):
        np.savez(folder / "samples" / f"{i}.npz", x=rng.standard_normal((1, 16, WIDTH)).astype(np.float32))
    return folder / "samples"


def written(folder, value, name="layers.json"):
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return folder / name


def precisions(path):
    return [layer["precision"] for layer in json.loads(path.read_text())["mixture"]["layers"]]


@case
def a_saved_file_compiles_the_same(folder):
    model, data, saved = network(folder), calibration(folder), folder / "saved.json"
    smelt_ok("compile", model, "--precision", "int8", "--calibration", data, "--save-precisions", saved, "-o", folder / "a.so")
    smelt_ok("compile", model, "--precision", saved, "--save-precisions", folder / "again.json", "-o", folder / "b.so", "--report", folder / "report.json")
    expect((folder / "a.so").read_bytes() == (folder / "b.so").read_bytes(), "other bytes from the file")
    expect(saved.read_bytes() == (folder / "again.json").read_bytes(), "the file saved from the file is another")
    report = json.loads((folder / "report.json").read_text())
    expect(report["precision"] == "mixed" and report["configuration"] == str(saved), f"{report['precision']}")
    for precision in ("f32", "bf16", "f16"):
        smelt_ok("compile", model, "--precision", precision, "--save-precisions", saved, "-o", folder / "a.so")
        smelt_ok("compile", model, "--precision", saved, "-o", folder / "b.so")
        expect((folder / "a.so").read_bytes() == (folder / "b.so").read_bytes(), f"other bytes from the file of {precision}")


@case
def rounding_by_data_is_in_the_file(folder):
    """What data makes of weights needs no data later, of either kind of ranges; and it does make something of them."""
    model, data, saved = network(folder), calibration(folder), folder / "saved.json"
    for precision in ("int8", "int8-dynamic"):
        smelt_ok("compile", model, "--precision", precision, "--calibration", data, "--save-precisions", saved, "-o", folder / "a.so")
        layers = [layer for value in json.loads(saved.read_text())["layers"].values() for layer in (value if isinstance(value, list) else [value])]
        expect(any("rounding" in layer for layer in layers), f"{precision}: no rounding in the file")
        smelt_ok("compile", model, "--precision", saved, "-o", folder / "b.so")
        expect((folder / "a.so").read_bytes() == (folder / "b.so").read_bytes(), f"{precision}: other bytes from the file")
        for layer in layers:
            layer.pop("rounding", None)
        nearest = written(folder, {"default": precision, "layers": {"/mm_0": layers[0], "/mm_1": layers[1:3], "/mm_2": layers[3]}}, "nearest.json")
        smelt_ok("compile", model, "--precision", nearest, "-o", folder / "c.so")
        expect((folder / "a.so").read_bytes() != (folder / "c.so").read_bytes(), f"{precision}: without the rounding the bytes are the same")
    smelt_ok("compile", model, "--precision", written(folder, {"default": "int8-dynamic", "layers": {}}), "-o", folder / "d.so")
    smelt_ok("compile", model, "--precision", "int8-dynamic", "-o", folder / "e.so")
    smelt_ok("compile", model, "-o", folder / "f.so")
    sizes = [(folder / f"{name}.so").stat().st_size for name in "def"]
    expect(sizes[0] == sizes[1] < 0.5 * sizes[2], f"layers that a file has in int8-dynamic are not: {sizes}")


@case
def written_by_hand(folder):
    model, data = network(folder), calibration(folder)
    file = written(folder, {"default": "int8", "layers": {"/mm_0": "f32", "/mm_1": ["bf16", "f16"]}})
    refused(folder, [2], ["layers.json", "no range for '/mm_2'", "--calibration"], "compile", model, "--precision", file, "-o", folder / "m.so")
    smelt_ok("compile", model, "--precision", file, "--calibration", data, "-o", folder / "m.so", "--report", folder / "r.json")
    expect(precisions(folder / "r.json") == ["f32", "bf16", "int8", "f16"], f"{precisions(folder / 'r.json')}")
    # One precision for both nodes of a name; a range of one's own needs no data; layers that are not named are as the default says.
    file = written(folder, {"default": "bf16", "layers": {"/mm_1": "f32", "/mm_2": {"precision": "int8", "range": [0, 6.5]}}})
    smelt_ok("compile", model, "--precision", file, "-o", folder / "m.so", "--report", folder / "r.json")
    expect(precisions(folder / "r.json") == ["bf16", "f32", "int8", "f32"], f"{precisions(folder / 'r.json')}")


@case
def where_nothing_is_lowered(folder):
    """Models without layers say so, and why; others say nothing of the kind."""
    kinds = {np.float64: TensorProto.DOUBLE, np.float16: TensorProto.FLOAT16, np.float32: TensorProto.FLOAT}
    for kind, code in kinds.items():
        graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], name="/mm")], "g",
                                  [helper.make_tensor_value_info("x", code, [4, 32])], [helper.make_tensor_value_info("y", code, None)],
                                  [numpy_helper.from_array(np.ones((32, 32), kind), "w")])
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "k.onnx")
        for precision in ("int8", "int8-dynamic"):
            done = Done("compile", folder / "k.onnx", "--precision", precision, "-o", folder / "k.so")
            says = "nothing was lowered: the model has no product by constant weights of f32" in done.errors
            expect(done.code == 0 and says == (kind is not np.float32), f"{kind.__name__}, {precision}: {done.errors}")


def in_parts(folder):
    """A product, a loop of five rounds of one, a condition with one in either branch; all of one size."""
    rng, infos = np.random.default_rng(9), {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, WIDTH]) for name in ("x", "s", "so", "t", "e", "y")}

    def weights(name):
        return numpy_helper.from_array((rng.standard_normal((WIDTH, WIDTH)) / 8).astype(np.float32), name)

    def branch(name):
        return helper.make_graph([helper.make_node("MatMul", ["l", f"{name}w"], [name], name=f"/{name}")], name, [], [infos[name]], [weights(f"{name}w")])

    state = [helper.make_tensor_value_info(name, kind, []) for name, kind in (("i", TensorProto.INT64), ("ci", TensorProto.BOOL))]
    body = helper.make_graph([helper.make_node("MatMul", ["s", "lw"], ["m"], name="/round"), helper.make_node("Tanh", ["m"], ["so"]), helper.make_node("Identity", ["ci"], ["co"])],
                             "body", [*state, infos["s"]], [helper.make_tensor_value_info("co", TensorProto.BOOL, []), infos["so"]], [weights("lw")])
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"], name="/plain"), helper.make_node("Loop", ["five", "", "a"], ["l"], body=body, name="/loop"),
             helper.make_node("If", ["c"], ["y"], then_branch=branch("t"), else_branch=branch("e"), name="/if")]
    graph = helper.make_graph(nodes, "g", [infos["x"], helper.make_tensor_value_info("c", TensorProto.BOOL, [])], [infos["y"]],
                              [weights("w"), numpy_helper.from_array(np.int64(5), "five")])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "parts.onnx")
    (folder / "samples").mkdir()
    for i in range(8):
        np.savez(folder / "samples" / f"{i}.npz", x=rng.standard_normal((4, WIDTH)).astype(np.float32), c=np.array(i % 2 == 0))
    return folder / "parts.onnx", folder / "samples"


@case
def products_in_loops_and_under_conditions_count(folder):
    """Of eight products of one size, a loop has five and a condition two."""
    model, data = in_parts(folder)
    for name, *flags in (("samples", "--precision", "int8", "--calibration", data), ("file", "--precision", folder / "saved.json")):
        done = smelt_ok("compile", model, *flags, "--skip-error", "--save-precisions", folder / f"{name}.json", "-o", folder / "a.so", "--report", folder / "report.json")
        (folder / "saved.json").write_bytes((folder / f"{name}.json").read_bytes())
        told = json.loads((folder / "report.json").read_text())["mixture"]
        expect(abs(told["multiply_adds_share"]["f32"] - 7 / 8) < 1e-6, f"{name}: {told}")
        expect([layer["node"] for layer in told["layers"]] == ["/plain", "/round", "/t", "/e"], f"{name}: {told}")
        expect("1 of 1 layers; 87.5 % of multiply-adds in f32: 3 products that run in loops" in done.stderr, f"{name}: {done.stderr}")


@case
def how_many_matrices_are_in_few_bits(folder):
    """A table, and a matrix, that are large enough, and one that is not."""
    rng, path = np.random.default_rng(10), folder / "few.onnx"
    sizes = {"table": (100, WIDTH), "large": (WIDTH, WIDTH), "small": (WIDTH, 2)}
    nodes = [helper.make_node("Gather", ["table", "ids"], ["a"]), helper.make_node("MatMul", ["a", "large"], ["b"]), helper.make_node("MatMul", ["b", "small"], ["y"])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("ids", TensorProto.INT64, [5])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(rng.standard_normal(size).astype(np.float32), name) for name, size in sizes.items()])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    (folder / "ids").mkdir()
    for i in range(8):
        np.savez(folder / "ids" / f"{i}.npz", ids=rng.integers(0, 100, 5))
    for flags in (["int8-weights"], ["int4-weights"], ["int4-weights", "--calibration", folder / "ids"]):
        done = smelt_ok("compile", path, "--precision", *flags, "--skip-error", "-o", folder / "a.so", "--report", folder / "report.json")
        expect(f"{flags[0]}: 2 of 3 matrices and tables are in few bits; what stays is small" in done.stderr, done.stderr)
        expect(json.loads((folder / "report.json").read_text())["few_bits"] == {"matrices": 3, "taken": 2}, "the report has other numbers")


@case
def weights_beside_integers(folder):
    """Weights of few bits mix with all else; what finds ranges as the model runs does not with what has them."""
    model, data = network(folder), calibration(folder)
    file = written(folder, {"default": "int8", "layers": {"/mm_0": "int4-weights", "/mm_1": ["int8-weights", "f32"]}})
    smelt_ok("compile", model, "--precision", file, "--calibration", data, "-o", folder / "a.so", "--report", folder / "r.json", "--save-precisions", folder / "s.json")
    expect(precisions(folder / "r.json") == ["int4-weights", "int8-weights", "int8", "f32"], f"{precisions(folder / 'r.json')}")
    smelt_ok("compile", model, "--precision", folder / "s.json", "-o", folder / "b.so")
    expect((folder / "a.so").read_bytes() == (folder / "b.so").read_bytes(), "other bytes from the file")
    sizes = {}
    for name, layers in (("f32", {}), ("one", {"/mm_0": "int4-weights"}), ("two", {"/mm_0": "int4-weights", "/mm_2": "int4-weights"})):
        smelt_ok("compile", model, "--precision", written(folder, {"default": "f32", "layers": layers}), "-o", folder / "c.so", "--report", folder / "r.json")
        sizes[name] = json.loads((folder / "r.json").read_text())["sizes"]["weights"]
    expect(sizes["f32"] - sizes["one"] > 0.8 * WIDTH * WIDTH * 4 and sizes["one"] - sizes["two"] > 0.8 * WIDTH * WIDTH * 4, f"{sizes}")
    smelt_ok("compile", model, "--precision", written(folder, {"default": "int8-dynamic", "layers": {"/mm_0": "f32"}}), "-o", folder / "d.so", "--report", folder / "r.json")
    expect(precisions(folder / "r.json") == ["f32"] + ["int8-dynamic"] * 3, "int8-dynamic")
    refused(folder, [3], ["do not mix"], "compile", model, "--precision", written(folder, {"default": "int8-dynamic", "layers": {"/mm_0": "int8"}}), "-o", folder / "e.so")


@case
def four_bits_rounded_by_data_are_in_the_file(folder):
    """Codes, scales and zero points: without data the same bytes, also where a layer of the file is changed to something else."""
    model, data, saved = network(folder), calibration(folder), folder / "saved.json"
    smelt_ok("compile", model, "--precision", "int4-weights", "--calibration", data, "--save-precisions", saved, "-o", folder / "a.so")
    smelt_ok("compile", model, "--precision", saved, "-o", folder / "b.so")
    smelt_ok("compile", model, "--precision", "int4-weights", "-o", folder / "nearest.so")
    same = (folder / "a.so").read_bytes()
    expect(same == (folder / "b.so").read_bytes(), "other bytes from the file")
    expect(same != (folder / "nearest.so").read_bytes(), "data changes nothing")
    file = json.loads(saved.read_text())
    rounding = file["layers"]["/mm_0"]["rounding"]
    file["layers"]["/mm_2"] = "f32"
    smelt_ok("compile", model, "--precision", written(folder, file, "mixed.json"), "-o", folder / "mixed.so", "--report", folder / "r.json")
    file["layers"]["/mm_0"].pop("rounding")
    smelt_ok("compile", model, "--precision", written(folder, file, "plain.json"), "-o", folder / "plain.so", "--report", folder / "p.json")
    expect((folder / "mixed.so").read_bytes() != (folder / "plain.so").read_bytes(), "the rounding in a mixture counts for nothing")
    sizes = [json.loads((folder / f"{name}.json").read_text())["sizes"]["weights"] for name in "rp"]
    expect(sizes[0] == sizes[1], f"the rounding takes room: {sizes}")
    for text in (rounding[:-4], rounding + "AAAA", "#" + rounding[1:], "A" * (len(rounding) - 4), "/" * len(rounding)):
        file["layers"]["/mm_0"] = {"precision": "int4-weights", "rounding": text}
        refused(folder, [2], ["bad.json", "'/mm_0'", "'rounding'"], "compile", model, "--precision", written(folder, file, "bad.json"), "-o", folder / "m.so")
    file["layers"]["/mm_0"] = {"precision": "int8-weights", "rounding": rounding}
    refused(folder, [3], ["'rounding'"], "compile", model, "--precision", written(folder, file, "bad.json"), "-o", folder / "m.so")


@case
def a_name_that_is_a_file(folder):
    model = network(folder)
    written(folder, {"default": "bf16"}, "plain")
    smelt_ok("compile", model, "--precision", folder / "plain", "-o", folder / "m.so")
    refused(folder, [5], ["absent.json", "cannot be read"], "compile", model, "--precision", folder / "absent.json", "-o", folder / "m2.so")
    refused(folder, [5], ["a folder"], "compile", model, "--precision", folder, "-o", folder / "m2.so")


@case
def malformed_files(folder):
    model = network(folder)
    layer = {"precision": "int8", "range": [-1, 1]}
    for text, word in (("", "line 1, column 1"), ("{", "no JSON"), ('{"default": "int8",\n "layers": nan}', "line 2"), ("[1]", "is of type array"), ("3", "is of type number"),
                       ('{"default": "f32", "default": "int8"}', "'default' twice"), ('{"layers": {"/mm_0": "f32", "/mm_0": "int8"}}', "'/mm_0' twice"),
                       ({"defaults": "int8"}, "no key"), ({"default": "int9"}, "no precision 'int9'"), ({"default": 8}, "should be a string"),
                       ({"layers": ["/mm_0"]}, "'layers' is of type array"), ({"layers": {"/mm_0": 1}}, "'/mm_0' is of type number"), ({"layers": {"/mm_0": {"bits": 8}}}, "'bits'"),
                       ({"layers": {"/mm_0": "int3"}}, "'int3'"), ({"version": 2}, "version"), ({"model": 1}, "'model'"), ({"rest": "int8"}, "'rest'"), ({"rest": "int8-dynamic"}, "'rest'"),
                       ('{"layers": {"/mm_0": {"range": [-1e999, 1]}}}', "too large: that of 'range'"), ({"layers": {"/mm_0": {"range": [-1e300, 1]}}}, "f32 cannot hold"),
                       ('{"layers": {"/mm_0": {"range": [NaN, 1]}}}', "no JSON"), ({"layers": {"/mm_0": {"range": [1, -1]}}}, "the least, the largest"),
                       ({"layers": {"/mm_0": {"range": [1]}}}, "the least, the largest"), ({"layers": {"/mm_0": {"range": "wide"}}}, "list of numbers"),
                       ({"layers": {"/mm_0": {"range": [0, "x"]}}}, "should be a number"), ({"layers": {"/mm_0": {**layer, "smoothing": [0] * WIDTH}}}, "above 0"),
                       ({"layers": {"/mm_0": {**layer, "smoothing": [-1] * WIDTH}}}, "above 0"), ({"layers": {"/mm_0": {"precision": "int8", "means": [1]}}}, "'range'"),
                       ({"layers": {"/mm_0": {"precision": "int8", "rounding": "#"}}}, "'range'"), ({"layers": {"/mm_0": {**layer, "rounding": 3}}}, "should be a string"),
                       ("[" * 100000, "deep"), ('{"\xff": 1}', ""), ('{"layers": {"\\u001b[31m": "f33"}}', "f33")):
        if isinstance(text, str):
            (folder / "layers.json").write_bytes(text.encode("latin-1"))
        else:
            written(folder, text)
        refused(folder, [3], ["layers.json", word], "compile", model, "--precision", folder / "layers.json", "-o", folder / "m.so")


@case
def files_of_another_model(folder):
    model = network(folder)
    layer = {"precision": "int8", "range": [-1, 1]}
    for layers, words in (({"/conv_9": "f32", "/conv_8": "f32"}, ["'/conv_8', '/conv_9'", "'/mm_0', '/mm_1'"]), ({"/mm_1": [layer]}, ["'/mm_1' is 2 layers"]),
                          ({"/mm_1": layer}, ["'/mm_1' is 2 layers"]), ({"/mm_0": [layer, layer]}, ["'/mm_0' is one layer", "list of 2"]),
                          ({"/mm_0": {**layer, "smoothing": [1, 2]}}, ["'/mm_0'", "2 numbers of 'smoothing'", f"{WIDTH} channels", "another model"]),
                          ({"/mm_0": {**layer, "rounding": "#" * (WIDTH * WIDTH // 4 - 1)}}, ["'/mm_0'", "'rounding'", f"{WIDTH * WIDTH} weights"]),
                          ({"/mm_0": {**layer, "rounding": "~" * (WIDTH * WIDTH // 4)}}, ["'rounding'", "damaged"]),
                          ({"/mm_0": {**layer, "means": [1, 2, 3]}}, ["3 numbers of 'means'"])):
        file = written(folder, {"layers": layers})
        for command in (("compile", "-o", folder / "m.so"), ("compare", "--layers")):
            refused(folder, [2], ["layers.json", *words], command[0], model, "--precision", file, *command[1:])
    file = written(folder, {"default": "bf16", "layers": {"/typo": "bf16"}})  # one precision, and still a mistake
    refused(folder, [2], ["no layer '/typo'"], "compile", model, "--precision", file, "-o", folder / "m.so")


@case
def what_is_written_takes_no_other_place(folder):
    model, data = network(folder), calibration(folder)
    flags = ("compile", model, "--precision", "int8", "--calibration", data, "-o", folder / "m.so", "--report", folder / "r.json", "--save-precisions")
    for path in (model, folder / "m.so", folder / "r.json"):
        refused(folder, [2], ["--save-precisions", "another name"], *flags, path)
    refused(folder, [5], [], *flags, folder / "absent" / "layers.json")


@case
def layers_that_cost_accuracy(folder):
    """The hard layer is found, alone and in what it passes on; keeping it mends the outputs."""
    model, data = network(folder), calibration(folder)
    flags = ("compare", model, "--precision", "int8", "--calibration", data, "--calibration-method", "min-max", "--layers")
    told = json.loads(smelt_ok(*flags, "--json", "--keep", "1", "-o", folder / "kept.json").stdout)
    layers = told["layers"]
    errors = [layer["alone"] for layer in layers]
    expect(sorted(errors, reverse=True) == errors and len(errors) == LAYERS and errors[-1] > 0, f"{errors}")
    expect([layer["kept"] for layer in layers] == [True, False, False, False], f"{layers}")
    first = next(layer for layer in layers if layer["index"] == 0)
    expect(first["received"] == 0 and first["passed_on"] > 0, f"{first}")
    chain = sorted(layers, key=lambda layer: layer["index"])
    expect(all(after["received"] > 0 for after in chain[1:]), f"{chain}")
    expect(abs(chain[-1]["passed_on"] / told["all_lowered"] - 1) < 0.5, f"{chain[-1]['passed_on']} and {told['all_lowered']}")
    smelt_ok("compile", model, "--precision", folder / "kept.json", "-o", folder / "m.so", "--report", folder / "r.json")
    kept = precisions(folder / "r.json")
    expect(kept[layers[0]["index"]] != "int8" and kept.count("int8") == LAYERS - 1, f"{kept}")
    after = json.loads(smelt_ok("compare", model, "--precision", folder / "kept.json", "--calibration", data, "--layers", "--json").stdout)
    expect(after["all_lowered"] < told["all_lowered"], f"{after['all_lowered']} after {told['all_lowered']}")
    table = smelt_ok(*flags, "--keep", "1").stdout
    expect(re.search(r"'/mm_\d'  kept\n", table) and table.count("int8") == LAYERS, table)
    return {"worst": layers[0]["name"], "alone": layers[0]["alone"], "all": told["all_lowered"]}


@case
def as_few_as_a_budget_takes(folder):
    model, data = network(folder), calibration(folder)
    flags = ("compare", model, "--precision", "int8", "--calibration", data, "--layers", "--json", "--keep-in", "f32")
    counts = []
    for share in (0, 0.4, 0.8, 1.2):
        whole = json.loads(smelt_ok(*flags).stdout)["all_lowered"]
        done = smelt_ok(*flags, "--keep", f"{100 * share * whole:.6f}%")
        counts.append(sum(layer["kept"] for layer in json.loads(done.stdout)["layers"]))
    expect(counts[0] == LAYERS and counts[-1] == 0 and counts == sorted(counts, reverse=True), f"{counts}")
    return {"kept": str(counts)}


@case
def layers_of_floats(folder):
    model = network(folder, hard=None)
    for precision, most in (("bf16", 0.02), ("f16", 0.02), ("int8-weights", 0.1), ("int4-weights", 0.5)):
        told = json.loads(smelt_ok("compare", model, "--precision", precision, "--calibration", calibration(folder), "--layers", "--json").stdout)
        expect(0 < told["all_lowered"] < most and told["keep_in"] == "f32", f"{precision}: {told['all_lowered']}")


@case
def wrong_ways_to_compare(folder):
    model, data = network(folder), calibration(folder)
    for words, flags in ((["--keep", "1%"], ("--precision", "int8", "--layers", "--keep", "few")), (["--keep"], ("--precision", "int8", "--layers", "--keep", "-1")),
                         (["--keep"], ("--precision", "int8", "--layers", "--keep", "nan%")), (["--keep-in int8"], ("--precision", "int8", "--layers", "--keep-in", "int8")),
                         (["--layers"], ("--precision", "int8", "--keep", "1")), (["--layers"], ("--layers", "-o", folder / "x.json")),
                         (["--calibration"], ("--precision", "int8", "--layers", "--inputs", data / "0.npz"))):
        refused(folder, [2], words, "compare", model, *flags)


@case
def compare_is_in_the_precision_it_names(folder):
    """Not in another one: outputs of int8 are those of the artefact that compile makes."""
    model, data = network(folder, hard=None), calibration(folder)
    smelt_ok("compile", model, "--precision", "int8", "--calibration", data, "-o", folder / "m.so")
    smelt_ok("run", folder / "m.so", "--inputs", data / "0.npz", "--outputs", folder / "out.npz")
    done = Done("compare", model, "--precision", "int8", "--calibration", data, "--inputs", data / "0.npz", "--against", folder / "out.npz", "--json")
    expect(done.code == 0 and json.loads(done.output)["outputs"][0]["max_abs"] == 0, f"{done.output} {done.errors}")


@case
def gelu_of_8_bits(folder):
    """A GELU whose result is quantised at once has fewer digits, and results hardly know."""
    rng = np.random.default_rng(8)
    weights = [numpy_helper.from_array(rng.standard_normal((WIDTH, WIDTH)).astype(np.float32) / 4, f"w{i}") for i in range(2)]
    nodes = [helper.make_node("MatMul", ["x", "w0"], ["a"], name="/mm_0"), helper.make_node("Gelu", ["a"], ["b"], name="/gelu"),
             helper.make_node("MatMul", ["b", "w1"], ["y"], name="/mm_1")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, WIDTH])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], weights)
    model, data = folder / "gelu.onnx", calibration(folder)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), model)
    file = written(folder, {"default": "int8"})
    done = Done("compile", model, "--precision", file, "--calibration", data, "-o", folder / "g.so", "--dump-after", "coarsen-functions")
    expect(done.code == 0 and "graph.coarse" in done.errors, done.errors[:2000])
    smelt_ok("compile", model, "-o", folder / "f.so")
    for name in ("f", "g"):
        smelt_ok("run", folder / f"{name}.so", "--inputs", data / "0.npz", "--outputs", folder / f"{name}.npz")
    exact, rounded = (np.load(folder / f"{name}.npz")["y"] for name in ("f", "g"))
    apart = np.linalg.norm(rounded - exact) / np.linalg.norm(exact)
    expect(apart < 0.02, f"off by {apart:.2%}")


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
