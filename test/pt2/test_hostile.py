#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Malformed and hostile .pt2 archives: each is refused with exit code 3 or 4 and one line that says why, within bounds of time and memory.

usage: test_hostile.py [NAME…] [--json FILE]
"""
import io
import json
import pathlib
import pickle
import random
import struct
import subprocess
import sys
import zipfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), str(pathlib.Path(__file__).resolve().parents[1] / "hostile")]
from bounded import Done, one_line, refused

import harness
from harness import Suite, expect

FILES = pathlib.Path(__file__).resolve().parent / "files"
case = Suite()


def members(name="tiny_2.15.0"):
    """The members of a file, without the folder that they lie in."""
    with zipfile.ZipFile(FILES / f"{name}.pt2") as archive:
        return {info.filename.split("/", 1)[1] if "/" in info.filename else info.filename: archive.read(info) for info in archive.infolist()}


def written(folder, parts, prefix="m/", compression=zipfile.ZIP_STORED):
    path = folder / "m.pt2"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(prefix + name, data)
    return path


def refuse(folder, path, *words, codes=(3, 4)):
    done = refused(folder, codes, words, "compile", path, "-o", folder / "m.so").within_bounds()
    Done("inspect", path).within_bounds()
    return {"code": done.code}


def changed(folder, change, *words, member="models/model.json", **options):
    """The program after `change(json)`."""
    parts = members()
    program = json.loads(parts[member])
    program = change(program) or program
    parts[member] = json.dumps(program).encode()
    return refuse(folder, written(folder, parts), *words, **options)


def graph(program):
    return program["graph_module"]["graph"]


def node(program, name):
    return next(node for node in graph(program)["nodes"] if node["name"] == name)


def argument(program, name, key):
    return next(given for given in node(program, name)["inputs"] if given["name"] == key)


# The zip archive.

@case
def cut_off(folder):
    data = (FILES / "tiny_2.15.0.pt2").read_bytes()
    for size in (4, 10, 100, len(data) // 2, len(data) - 30, len(data) - 1):
        path = folder / "m.pt2"
        path.write_bytes(data[:size])
        refuse(folder, path, "zip")


@case
def cut_to_nothing(folder):
    """So short that nothing tells the format but the file's name."""
    for name, what in (("m.pt2", "exported program of PyTorch"), ("m.tflite", "TensorFlow Lite model")):
        (folder / name).write_bytes(b"PK\x03")
        refuse(folder, folder / name, f"is no {what}, or is damaged", codes=(3,))


@case
def compressed(folder):
    return refuse(folder, written(folder, members(), compression=zipfile.ZIP_DEFLATED), "is compressed", codes=[4])


@case
def compressed_script(folder):
    """What torch.jit.save writes has compressed members: it is told for what it is."""
    path = folder / "m.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        for name, compression in (("data.pkl", zipfile.ZIP_STORED), ("code/__torch__.py", zipfile.ZIP_DEFLATED), ("constants.pkl", zipfile.ZIP_STORED)):
            archive.writestr("script/" + name, b"class S(Module):\n" * 20, compression)
    return refuse(folder, path, "is a TorchScript archive, as torch.jit.save writes it", "torch.export.save", codes=[4])


@case
def compressed_stowaway(folder):
    """What nobody reads may be compressed."""
    path = written(folder, members())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/extra/notes.txt", b"notes " * 100)
    Done("compile", path, "-o", folder / "m.so").within_bounds()
    expect((folder / "m.so").exists(), "it is not compiled")


@case
def changed_parameters(folder):
    """Of nn.Embedding(max_norm=…), say: what happened, and what to do."""
    def change(program):
        specs = program["graph_module"]["signature"]["output_specs"]
        specs.insert(0, {"parameter_mutation": {"arg": specs[0]["user_output"]["arg"]["as_tensor"], "parameter_name": "table.weight"}})
    return changed(folder, change, "changes its parameter 'table.weight' as it runs", "max_norm", "register_buffer", codes=[4])


@case
def bomb(folder):
    parts = members()
    parts["models/model.json"] = b" " * (64 << 20)
    return refuse(folder, written(folder, parts, compression=zipfile.ZIP_DEFLATED), "is compressed", codes=[4])


def patched(folder, patch):
    """The bytes of a file and the place of its first entry in the directory, changed."""
    data = bytearray((FILES / "tiny_2.15.0.pt2").read_bytes())
    entry = struct.unpack_from("<I", data, data.rindex(b"PK\5\6") + 16)[0]
    patch(data, entry)
    path = folder / "m.pt2"
    path.write_bytes(data)
    return path


@case
def wrong_place_in_directory(folder):
    return refuse(folder, patched(folder, lambda data, entry: struct.pack_into("<I", data, entry + 42, 7)), "does not lie where")


@case
def larger_than_the_file(folder):
    def patch(data, entry):
        struct.pack_into("<II", data, entry + 20, 1 << 30, 1 << 30)
    return refuse(folder, patched(folder, patch), "ends behind")


@case
def overlapping_members(folder):
    def patch(data, entry):
        size = struct.unpack_from("<I", data, entry + 24)[0]
        struct.pack_into("<II", data, entry + 20, size + 300, size + 300)
    return refuse(folder, patched(folder, patch), "overlap")


@case
def encrypted(folder):
    return refuse(folder, patched(folder, lambda data, entry: struct.pack_into("<H", data, entry + 8, 1)), "is encrypted", codes=[4])


@case
def directory_elsewhere(folder):
    def patch(data, entry):
        end = data.rindex(b"PK\5\6")
        struct.pack_into("<I", data, end + 16, len(data))
        if b"PK\6\6" in data:
            struct.pack_into("<Q", data, data.rindex(b"PK\6\6") + 48, len(data))
    return refuse(folder, patched(folder, patch), "zip directory")


@case
def two_of_one_name(folder):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for _ in range(2):
            archive.writestr("m/archive_format", "pt2")
    path = folder / "m.pt2"
    path.write_bytes(data.getvalue())
    return refuse(folder, path, "two members")


@case
def checksum(folder):
    data = (FILES / "tiny_2.15.0.pt2").read_bytes()
    path = folder / "m.pt2"
    path.write_bytes(data.replace(b'"conv2d"', b'"conv3d"', 1))
    return refuse(folder, path, "is damaged")


@case
def other_archives(folder):
    refuse(folder, written(folder, {"data.pkl": b"."}), "torch.save", codes=[4])
    refuse(folder, written(folder, {"constants.pkl": b"."}), "TorchScript", codes=[4])
    refuse(folder, written(folder, {"readme": b"."}), "no exported program", codes=[4])


# JSON.

@case
def deep_json(folder):
    parts = members()
    parts["models/model.json"] = b"[" * 100000
    return refuse(folder, written(folder, parts), "nests more than")


@case
def many_parts(folder):
    parts = members()
    parts["models/model.json"] = b"[" + b"0," * 5_000_000 + b"0]"
    return refuse(folder, written(folder, parts), "parts", codes=[4])


@case
def no_json(folder):
    parts = members()
    for text in (b"", b"{", b"nonsense", b"{}", b"[]", b'{"graph_module": 3}', b'{"a": "\xff"}'):
        parts["models/model.json"] = text
        refuse(folder, written(folder, parts))


@case
def parts_that_are_missing(folder):
    """What else the object has tells which one it is."""
    words = ("lacks an object 'graph' in an object that has", "'module_call_graph'", "'signature'")
    changed(folder, lambda program: program["graph_module"].__delitem__("graph"), *words)
    return changed(folder, lambda program: program["graph_module"].update(graph=3), *words, "of another kind")


@case
def newer_schema(folder):
    return changed(folder, lambda program: program["schema_version"].update(major=9), "schema version 9", codes=[4])


@case
def no_such_value(folder):
    def change(program):
        argument(program, "relu", "self")["arg"]["as_tensor"]["name"] = "nobody"
    return changed(folder, change, "'nobody'", "node 'relu'", "aten.relu.default at oldexp.py:7", codes=[3])


@case
def fewer_results_than_outputs(folder):
    def change(program):
        node(program, "relu")["outputs"].append({"as_tensor": {"name": "second"}})
        graph(program)["outputs"] = [{"as_tensor": {"name": "second"}}]
        program["graph_module"]["signature"]["output_specs"] = [{"user_output": {"arg": {"as_tensor": {"name": "second"}}}}]
    return changed(folder, change, "needs 'second', which node 'relu' (aten.relu.default at oldexp.py:7) makes", codes=[4])


@case
def unknown_operators_all_at_once(folder):
    def change(program):
        node(program, "relu")["target"] = "torch.ops.aten.fancy.default"
        node(program, "add")["target"] = "torch.ops.mine.own.default"
    return changed(folder, change, "aten.fancy.default at oldexp.py:7", "mine.own.default", "unsupported operators", codes=[4])


@case
def tensors_of_a_class(folder):
    """What torchao's quantize_ leaves in TRAINING programs."""
    def change(program):
        node(program, "conv2d")["target"] = "torch.ops.export.access_subclass_inner_tensor.default"
    return changed(folder, change, "node 'conv2d'", "a tensor of a class of its own", "run_decompositions({})", codes=[4])


@case
def all_that_is_refused_at_once(folder):
    """Operators that nobody knows, arguments of others, and those of what reads their results."""
    def change(program):
        node(program, "conv2d")["target"] = "torch.ops.aten.fancy.default"
        for name in ("relu", "linear"):
            node(program, name)["inputs"].append({"name": "slope", "arg": {"as_float": 1.0}, "kind": 1})
    changed(folder, change, "node 'conv2d' (aten.fancy.default at oldexp.py:7): unsupported operator", "node 'relu'", "node 'linear'", "'slope'", codes=[4])


@case
def unknown_argument(folder):
    def change(program):
        node(program, "relu")["inputs"].append({"name": "slope", "arg": {"as_float": 1.0}, "kind": 1})
    return changed(folder, change, "slope", codes=[4])


@case
def arguments_of_other_kinds(folder):
    kinds = ({"as_int": 1}, {"as_none": True}, {"as_string": "x"}, {"as_ints": [1, 2]}, {"as_graph": {}}, {}, {"a": 1, "b": 2}, [], 3, None,
             {"as_tensor": 3}, {"as_tensor": {"name": 3}}, {"as_tensors": [3]})
    for kind in kinds:
        def change(program, kind=kind):
            argument(program, "conv2d", "input")["arg"] = kind
        changed(folder, change)
    for kind in ({"as_ints": [1]*5}, {"as_ints": ["x"]}, {"as_ints": [-1, -1]}, {"as_ints": [0, 0]}, {"as_tensor": {"name": "x"}}, {"as_ints": [2**62, 2**62]}):
        def change(program, kind=kind):
            argument(program, "conv2d", "stride")["arg"] = kind
        changed(folder, change)


@case
def ranges_that_leave_nothing(folder):
    def change(program):
        program["range_constraints"] = {"s77": {"min_val": 9, "max_val": 2}}
    changed(folder, change, "'s77' is 9 or more and 2 or less", codes=[3])
    for bound in ("2", [2], {}):
        def spoil(program, bound=bound):
            program["range_constraints"] = {"s77": {"min_val": bound, "max_val": 9}}
        changed(folder, spoil, "min_val", codes=[3])


@case
def dims_that_are_no_expressions(folder):
    for text in ("banana", "", "Symbol('s77'", "Symbol('')", "Symbol('a b')", "Add()", "Add(Symbol('s77'), )", "Integer(3) Integer(4)", "(" * 5000, "Add(" * 5000):
        def change(program, text=text):
            size = next(size for size in graph(program)["tensor_values"]["x"]["sizes"] if "as_expr" in size)
            size["as_expr"]["expr_str"] = text
        changed(folder, change, "input 'x'", "neither a number nor an expression", codes=[3])
    for size in ({"as_int": "3"}, {"as_int": 2.5}, {"as_float": 3.0}, {"as_expr": 3}, {"as_int": -4}):
        def spoil(program, size=size):
            graph(program)["tensor_values"]["x"]["sizes"][0] = size
        changed(folder, spoil, codes=[3])


@case
def no_model_in_it(folder):
    parts = members()
    del parts["models/model.json"]
    refuse(folder, written(folder, parts), "models/NAME.json", codes=[3])


@case
def shapes_that_contradict(folder):
    """What the file states of values in between is what its operators make, or the file is refused: both shapes are told."""
    for name, sizes, words in (("relu", [{"as_int": 3}, {"as_int": 4}], "'relu', which the file states to be [3, 4]"),
                               ("linear", None, "'linear', which the file states to be [s77, 5]"), ("conv2d", 1, "'conv2d', which the file states to be [s77, 1, 8, 8]")):
        def change(program, name=name, sizes=sizes):
            meta = graph(program)["tensor_values"][name]
            if sizes is None:
                meta["sizes"][-1] = {"as_int": 5}
            elif sizes == 1:
                meta["sizes"][1] = {"as_int": 1}
            else:
                meta["sizes"] = sizes
        changed(folder, change, f"node '{name}'", words, codes=(3,))


@case
def shapes_of_symbols_that_contradict(folder):
    def change(program):
        sizes = graph(program)["tensor_values"]["relu"]["sizes"]
        sizes[0] = {"as_expr": {"expr_str": "Add(Symbol('s77', positive=True, integer=True), Integer(1))", "hint": {"as_int": 3}}}
    changed(folder, change, "node 'relu'", "'relu', which the file states to be [s77 + 1,", codes=(4,))


@case
def ranges_that_no_dim_has(folder):
    for least, most in ((-5, 4), (-1, None), (0, 0), (-3, -2), (None, 0), (2**62, 2**63 - 1), (10**9 + 1, None)):
        def change(program, least=least, most=most):
            program["range_constraints"]["s77"] = {"min_val": least, "max_val": most}
        changed(folder, change, "'s77'", codes=(3,))


@case
def assertions_that_do_not_hold(folder):
    """Known while compiling: a false one is refused in its words, a true one leaves nothing."""
    def asserting(target, codes, *words, **arguments):
        def change(program):
            inputs = [{"name": name, "arg": value, "kind": 1 if name in ("self", "assert_msg", "a", "size") else 2} for name, value in arguments.items()]
            graph(program)["nodes"].insert(0, {"name": "asserted", "target": f"torch.ops.aten.{target}", "inputs": inputs, "outputs": [], "metadata": {}})
        changed(folder, change, "asserted", *words, codes=codes)

    message, x, size = {"as_string": "there is a {{way}} {}"}, {"as_tensor": {"name": "x"}}, {"as_ints": [1, 3, 8, 9]}
    asserting("_assert_scalar.default", (3,), "asserts what does not hold: there is a {{way}} {}", self={"as_bool": False}, assert_msg=message)
    asserting("_assert_scalar.default", (3,), self={"as_int": 0}, assert_msg=message)
    asserting("_assert_scalar.default", (3,), self={"as_bool": True}, assert_msg={"as_int": 3})
    asserting("_assert_async.msg", (3,), "is not one element", self=x, assert_msg=message)
    asserting("_assert_tensor_metadata.default", (3,), "a tensor of f32 is one of f64", a=x, dtype={"as_scalar_type": 8})
    asserting("_assert_tensor_metadata.default", (3,), "asserts that dim 3, 8, is 9", a=x, size=size)
    asserting("_assert_tensor_metadata.default", (3,), "is one of [3]", a=x, size={"as_ints": [3]})
    asserting("sym_constrain_range.default", (3,), "limits a number to at least 4 and at most 5, which is 3", size={"as_int": 3}, min={"as_int": 4}, max={"as_int": 5})
    asserting("sym_constrain_range.default", (3,), "limits a number to 6 to 5", size={"as_int": 3}, min={"as_int": 6}, max={"as_int": 5})
    asserting("sym_constrain_range_for_size.default", (3,), "limits a number to at least 0", size={"as_int": -3})
    asserting("sym_constrain_range.default", (3,), size={"as_float": 3.0})

    def holding(program):
        for target, arguments in (("_assert_scalar.default", {"self": {"as_bool": True}, "assert_msg": message}),
                                  ("_assert_tensor_metadata.default", {"a": x, "size": {"as_ints": [1, 3, 8, 8]}, "dtype": {"as_scalar_type": 7}}),
                                  ("sym_constrain_range.default", {"size": {"as_int": 3}, "min": {"as_int": -2**63}, "max": {"as_int": 2**63 - 1}})):
            inputs = [{"name": name, "arg": value, "kind": 2} for name, value in arguments.items()]
            graph(program)["nodes"].insert(0, {"name": "held", "target": f"torch.ops.aten.{target}", "inputs": inputs, "outputs": [], "metadata": {}})

    parts = members()
    program = json.loads(parts["models/model.json"])
    holding(program)
    path = written(folder, parts | {"models/model.json": json.dumps(program).encode()})
    made = [subprocess.run([harness.BIN / "smelt", "compile", file, "--shape", "x=1x3x8x8", "--emit", "mlir", "-o", folder / "m.mlir"], check=True, capture_output=True) and
            (folder / "m.mlir").read_text() for file in (path, FILES / "tiny_2.15.0.pt2")]
    expect(made[0] == made[1] and "check_sizes" not in made[0], "true assertions leave something")


@case
def shapes_that_overflow(folder):
    for shape in ([2**62, 4], [-5], [0, -1], [-1, -1], [2**31, 2**31, 2**31]):
        def change(program, shape=shape):
            argument(program, "reshape", "shape")["arg"] = {"as_ints": shape}
        changed(folder, change, "reshape")


@case
def work_is_counted_before_it_is_done(folder):
    """Transforms of a length without factors need numbers that are computed while the model is imported: what is over the limit is not computed at all."""
    def change(program):
        values, last, nodes = graph(program)["tensor_values"], {"as_tensor": {"name": "linear"}}, graph(program)["nodes"]
        at = next(number for number, each in enumerate(nodes) if each["name"] == "linear") + 1
        for number in range(300):  # each of 2^20 - 3 numbers, which is a prime
            name = f"f{number}"
            values[name] = values["linear"] | {"dtype": 9, "sizes": [{"as_int": 1048573}]}
            inputs = [{"name": "self", "arg": {"as_tensor": {"name": "lifted_tensor_0"}}, "kind": 1}, {"name": "n", "arg": {"as_int": 1048573}, "kind": 1}]
            inputs[0]["arg"]["as_tensor"]["name"] = next(spec["tensor_constant"]["arg"]["name"] for spec in program["graph_module"]["signature"]["input_specs"]
                                                         if "tensor_constant" in spec)
            nodes.insert(at, {"name": name, "target": "torch.ops.aten.fft_fft.default", "inputs": inputs, "outputs": [{"as_tensor": {"name": name}}], "metadata": {}})
    return changed(folder, change, "aten.fft_fft.default", "MiB", codes=(4,))


@case
def axes_outside(folder):
    for axes in ([2, 9], [2, 2], [-9]):
        def change(program, axes=axes):
            argument(program, "mean", "dim")["arg"] = {"as_ints": axes}
        changed(folder, change, codes=[3])


# Weights.

def weight(folder, change, *words, **options):
    def whole(config):
        change(config["config"]["c.weight"])
    return changed(folder, whole, *words, member="data/weights/model_weights_config.json", **options)


@case
def negative_sizes(folder):
    return weight(folder, lambda entry: entry["tensor_meta"]["sizes"].__setitem__(0, {"as_int": -8}), "'c.weight'")


@case
def huge_sizes(folder):
    for size in (2**62, 2**31, 1000):
        weight(folder, lambda entry, size=size: entry["tensor_meta"]["sizes"].__setitem__(0, {"as_int": size}), "'c.weight'")


@case
def offset_past_the_end(folder):
    for offset in (1, 10**6, 2**62, -1):
        weight(folder, lambda entry, offset=offset: entry["tensor_meta"]["storage_offset"].update(as_int=offset), "'c.weight'", codes=[3])


@case
def strides_past_the_end(folder):
    for stride in (1000, 2**62, -1):
        weight(folder, lambda entry, stride=stride: entry["tensor_meta"]["strides"].__setitem__(1, {"as_int": stride}), "'c.weight'", codes=[3])


@case
def no_such_member(folder):
    return weight(folder, lambda entry: entry.update(path_name="weight_99"), "weight_99", codes=[3])


@case
def member_outside(folder):
    return weight(folder, lambda entry: entry.update(path_name="../../../etc/passwd"), "etc/passwd", codes=[3])


@case
def pickled_weight(folder):
    return weight(folder, lambda entry: entry.update(use_pickle=True), "lies pickled", codes=[4])


@case
def no_such_dtype(folder):
    weight(folder, lambda entry: entry["tensor_meta"].update(dtype=99), "dtype 99")
    return weight(folder, lambda entry: entry["tensor_meta"].update(dtype=10), "reaches to element 431", codes=[3])  # of eight bytes each


@case
def complex_weights_of_a_convolution(folder):
    def change(entry):
        entry["tensor_meta"].update(dtype=10, sizes=[{"as_int": size} for size in (4, 3, 3, 3)])
    return weight(folder, change, "node 'conv2d'", "takes complex numbers", codes=[4])


# Pickles.

def pickled(folder, payload, *words, codes=(3, 4)):
    """A file of torch 2.8, whose weights are this pickle."""
    parts = members("tiny_2.8.0")
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("archive/data.pkl", payload)
    parts["data/weights/model.pt"] = inner.getvalue()
    marker = folder / "executed"
    result = refuse(folder, written(folder, parts), *words, codes=codes)
    expect(not marker.exists(), "the pickle was executed")
    return result


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os
        return os.system, (f"touch {self.path}",)


@case
def nothing_is_executed(folder):
    for protocol in (0, 2, 4):
        pickled(folder, pickle.dumps({"c.weight": Evil(folder / "executed")}, protocol=protocol))
    return pickled(folder, pickle.dumps({"c.weight": Evil(folder / "executed")}, protocol=2), "system", codes=[4])


@case
def pickles_that_are_none(folder):
    deep = b"\x80\x02" + b"N\x85" * 1 + b"\x85" * 200000 + b"."
    for payload in (b"", b".", b"\x80\x02.", b"t.", b"\x80\x02(((.", b"h\x09.", b"\x80\x02}q\x00h\x00h\x00s.", deep, b"X\xff\xff\xff\xff", b"\x80\x02}(K\x01u.",
                    b"c__builtin__\neval\n.", b"\x80\x02K\x01Q.", b"i"):
        pickled(folder, payload)


# Whatever else.

@case
def bytes_changed_at_random(folder):
    """The checksums are made to hold, so that what is behind them is met."""
    draws = random.Random(1)
    codes = []
    for number in range(40):
        parts = members()
        name = draws.choice(["models/model.json", "data/weights/model_weights_config.json"])
        data = bytearray(parts[name])
        for _ in range(draws.choice([1, 3, 10])):
            at = draws.randrange(len(data))
            data[at] = draws.choice(b'0123456789-"{}[],:antdx ')
        parts[name] = bytes(data)
        done = Done("compile", written(folder, parts), "-o", folder / "m.so", "--emit", "mlir").within_bounds()
        expect(done.code in (0, 3, 4), f"number {number}: exit code {done.code}: {done.errors[-300:]}")
        if done.code:
            one_line(done)
        (folder / "m.so").unlink(missing_ok=True)
        codes.append(done.code)
    return {"accepted": codes.count(0), "refused": len(codes) - codes.count(0)}


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
