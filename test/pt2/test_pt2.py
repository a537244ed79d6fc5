#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exported programs beside what eager PyTorch made of them when they were recorded: no PyTorch is needed. record.py writes files/.

usage: test_pt2.py [NAME…] [--json FILE]
"""
import json
import lzma
import pathlib
import subprocess
import sys
import zipfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
from harness import Suite, expect

FILES = pathlib.Path(__file__).resolve().parent / "files"
GENERATIONS = ("2.5.1", "2.6.0", "2.7.1", "2.8.0", "2.9.1", "2.12.1", "2.15.0")
case = Suite()


def smelt(*arguments, code=0):
    done = subprocess.run([harness.BIN / "smelt", *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)
    expect(done.returncode == code, f"exit code {done.returncode}: {done.stderr.strip()[-400:]}{done.stdout.strip()[-400:]}")
    return done


def unpacked(name, folder):
    """A recorded file, whose archive is not compressed, as Smelt and PyTorch want it."""
    path = folder / f"{name}.pt2"
    path.write_bytes(lzma.decompress((FILES / f"{name}.pt2.xz").read_bytes()))
    return path


def agrees(name):
    def check(folder):
        smelt("compare", unpacked(name, folder), "--inputs", FILES / f"{name}.in.npz", "--against", FILES / f"{name}.out.npz")
    return f"recorded {name}", check


def tensors(path):
    """The weights of a file of generation C, by their names."""
    with zipfile.ZipFile(path) as archive:
        names = {name.split("/", 1)[1]: name for name in archive.namelist()}
        found = {}
        for kind in ("weights", "constants"):
            config = json.loads(archive.read(names[f"data/{kind}/model_{kind}_config.json"]))["config"]
            for key, entry in config.items():
                meta = entry["tensor_meta"]
                flat = np.frombuffer(archive.read(names[f"data/{kind}/{entry['path_name']}"]), {7: "<f4", 5: "<i8"}[meta["dtype"]])
                strides = [stride["as_int"] * flat.itemsize for stride in meta["strides"]]
                found[key] = np.lib.stride_tricks.as_strided(flat[meta["storage_offset"]["as_int"]:], [size["as_int"] for size in meta["sizes"]], strides)
        return found


def tiny(x, w):
    """linear(mean(relu(batch_norm(conv(x))))) + k + [1, 2, 3, 4], with a kernel tied to another and a buffer of other strides."""
    padded = np.pad(x.astype(float), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    y = np.einsum("nchwij,ocij->nohw", windows, w["c.weight"]) + w["c.bias"][:, None, None]
    scale = w["b.weight"] / np.sqrt(w["b.running_var"] + 1e-5)
    y = y * scale[:, None, None] + (w["b.bias"] - w["b.running_mean"] * scale)[:, None, None]
    return np.maximum(y, 0).mean((2, 3)) @ w["l.weight"].T + w["l.bias"] + w["k"].reshape(-1) + np.array([1, 2, 3, 4])


@case
def every_generation(folder):
    """The weights of each file are random: those of the newest are read here as well, and of the others the ones that they hold."""
    x = np.random.default_rng(1).standard_normal((3, 3, 8, 8)).astype(np.float32)
    np.savez(folder / "in.npz", x=x)
    for version in GENERATIONS:
        path = FILES / f"tiny_{version}.pt2"
        smelt("compile", path, "-o", folder / "m.so")
        expect("from 1 to 8" in smelt("inspect", path).stdout, f"{version}: inspect does not show the range")
        smelt("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
        made = list(np.load(folder / "out.npz").values())
        expect(len(made) == 1 and made[0].shape == (3, 4), f"{version}: {[value.shape for value in made]}")
        if version in ("2.9.1", "2.12.1", "2.15.0"):
            wanted = tiny(x, tensors(path))
            expect(np.abs(made[0] - wanted).max() < 1e-4 * np.abs(wanted).max(), f"{version} differs")


@case
def bounds_of_dims(folder):
    path = FILES / "tiny_2.15.0.pt2"
    said = smelt("compile", path, "--shape", "x=9x3x8x8", "-o", folder / "m.so", code=2).stderr
    expect("input 'x' takes 1 to 8 for its dim 0 ('s77'), not 9" in said, said)
    smelt("compile", path, "--shape", "x=8x3x8x8", "-o", folder / "m.so")
    for given in ("1..9", "4..20"):
        said = smelt("compile", path, "--shape", f"x={given},3,8,8", "-o", folder / "m.so", code=2).stderr
        expect("takes 1 to 8 for its dim 0 ('s77'), not" in said, said)
    smelt("compile", path, "--shape", "x=2..5,3,8,8", "-o", folder / "m.so")
    expect("symbols s77 from 1 to 8" in smelt("inspect", path).stdout, "inspect does not show the range")
    found = json.loads(smelt("inspect", path, "--json").stdout)
    expect(found["symbols"] == [{"name": "s77", "least": 1, "most": 8}], f"{found['symbols']}")


@case
def samples_out_of_bounds(folder):
    """Messages name the sample and the model, and no file that nobody knows of."""
    path = FILES / "tiny_2.15.0.pt2"
    np.savez(folder / "large.npz", x=np.ones((9, 3, 8, 8), np.float32))
    for words in (("compile", path, "--precision", "int8", "--calibration", folder / "large.npz", "-o", folder / "m.so"),
                  ("compare", path, "--inputs", folder / "large.npz"), ("profile", path, "--data", folder / "large.npz", "-o", folder / "report.html")):
        said = smelt(*words, code=2).stderr
        expect("large.npz: does not fit " in said and "tiny_2.15.0.pt2: dim 0 ('s77') is 9 in 'x', which is not within 1..8" in said, said)
        expect(".so" not in said, said)


@case
def open_dims_and_branches(folder):
    """What lies in the file: cond, nonzero, a view of half of a dim, an item."""
    smelt("compile", FILES / "tiny_dyn.pt2", "--target", harness.TARGET, "-o", folder / "m.so")
    for rows, others, columns in ((3, 4, 6), (2, 5, 4), (7, 2, 10)):
        random = np.random.default_rng(rows)
        x, y = (random.standard_normal((count, columns)).astype(np.float32).round(1) for count in (rows, others))
        np.savez(folder / "in.npz", x=x, y=y)
        smelt("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
        made, z = np.load(folder / "out.npz"), np.concatenate([x, y])
        wanted = z.reshape(-1, 2) + (1 if x.sum() > 0 else -1)
        expect(np.allclose(made["getitem"], wanted, atol=1e-5), "the branch differs")
        expect(np.array_equal(made["nonzero"], np.argwhere(z)), "nonzero differs")
        expect(np.array_equal(made["view"], z.reshape(-1, columns // 2)), "the view differs")
        expect(abs(float(made["item"]) - z.sum()) < 1e-4, "the sum differs")
    # What the program's guards leave out, as PyTorch refuses it: x.view(-1, columns // 2) of another shape than x.
    np.savez(folder / "in.npz", x=np.ones((2, 2), np.float32), y=np.ones((5, 2), np.float32))
    said = smelt("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", code=2).stderr
    expect("takes only inputs of which" in said and "L['x'].size()[1]" in said and "!=" in said, said)


@case
def ends_of_open_dims(folder):
    """Places below 0 that are made of open dims count from the end, and paddings below 0 crop."""
    smelt("compile", FILES / "ends.pt2", "-o", folder / "m.so")
    for length, other in ((8, 3), (4, 2), (5, 7), (6, 2), (9, 4)):
        random = np.random.default_rng(length)
        x, y = (random.standard_normal((2, count, 3)).astype(np.float32) for count in (length, other))
        np.savez(folder / "in.npz", x=x, y=y)
        smelt("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
        both, half = np.concatenate([x, y], 1), length // 2
        zeros = np.zeros((2, 9, 3), np.float32)
        wanted = [both[:, -length:], both[:, :-other], x[:, -half:], x[:, half - length:], np.concatenate([zeros[:, :1], x[:, :-1]], 1),
                  np.concatenate([zeros, x], 1)[:, -5:], x[:, half:]]
        made = list(dict(np.load(folder / "out.npz")).values())
        expect(len(made) == len(wanted), f"{len(made)} outputs")
        for number, (one, reference) in enumerate(zip(made, wanted)):
            expect(np.array_equal(one, reference), f"output {number} differs at {length} and {other}: {one.shape} {reference.shape}")


@case
def buffers_are_states(folder):
    """The signature names the change of a buffer in a functional graph; in one of TRAINING the node does, and both stay from run to run."""
    sys.path.insert(0, str(harness.REPOSITORY / "tools" / "python"))
    import smelt as package
    results = []
    for name in ("tiny_cache.func", "tiny_cache"):
        smelt("compile", FILES / f"{name}.pt2", "-o", folder / f"{name}.so")
        model, own = package.load(folder / f"{name}.so"), []
        for run in range(3):
            x = np.full((2, 4), run + 1, np.float32).reshape(1, 2, 1, 4)
            own.append({key: value.copy() for key, value in model.run({"x": x, "pos": np.array([run])}).items()})
        results.append(own)
    for one, other in zip(*results):
        expect(one.keys() == other.keys(), f"{one.keys()} and {other.keys()}")
        for key, value in one.items():
            expect(np.array_equal(value, other[key], equal_nan=True), f"{key} differs")


@case
def bare_infinity(folder):
    """torch 2.6 writes -Infinity as a number, which JSON has not; the same words in a text stay."""
    with zipfile.ZipFile(unpacked("binary-core", folder)) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    program = next(name for name in parts if name.endswith("model.json"))
    expect(b'"-Infinity"' in parts[program], "there is none")
    parts[program] = parts[program].replace(b'"-Infinity"', b"-Infinity").replace(b'"torch_version": "', b'"torch_version": "NaN \\"Infinity\\" ')
    with zipfile.ZipFile(folder / "bare.pt2", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    smelt("compare", folder / "bare.pt2", "--inputs", FILES / "binary-core.in.npz", "--against", FILES / "binary-core.out.npz")
    expect('NaN "Infinity"' in smelt("inspect", folder / "bare.pt2").stdout, "the version is another")
    parts[program] = parts[program].replace(b"-Infinity", b"-Infinit")
    with zipfile.ZipFile(folder / "bare.pt2", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    smelt("compile", folder / "bare.pt2", "-o", folder / "m.so", code=3)


@case
def models_of_one_archive(folder):
    """Two programs under names of their own, as package_pt2 writes them; their weights lie side by side."""
    parts = {"archive_format": b"pt2", "archive_version": b"0", "byteorder": b"little"}
    names = {"encoder": "products-core", "decoder": "binary-core"}
    for model, recorded in names.items():
        with zipfile.ZipFile(unpacked(recorded, folder)) as archive:
            members = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
        parts[f"models/{model}.json"] = members.pop("models/model.json")
        for kind in ("weights", "constants"):
            config = json.loads(members.pop(f"data/{kind}/model_{kind}_config.json"))
            for entry in config["config"].values():
                path = f"data/{kind}/{entry['path_name']}"
                entry["path_name"] = f"{model}_{entry['path_name']}"
                parts[f"data/{kind}/{entry['path_name']}"] = members[path]
            parts[f"data/{kind}/{model}_{kind}_config.json"] = json.dumps(config).encode()
    path = folder / "both.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr("both/" + name, data)
    for model, recorded in names.items():
        smelt("compare", path, "--signature", model, "--inputs", FILES / f"{recorded}.in.npz", "--against", FILES / f"{recorded}.out.npz")
        told = json.loads(smelt("inspect", path, "--signature", model, "--json").stdout)
        expect({each["name"]: each["inputs"] for each in told["signatures"]}[model] == told["inputs"], f"{told}")
    for arguments, words in (((), "holds 2 models; say which with --signature: 'encoder', 'decoder'"), (("--signature", "model"), "there is no model 'model'; the archive has 'encoder'")):
        done = smelt("compile", path, "-o", folder / "m.so", *arguments, code=2)
        expect(words in done.stderr, done.stderr)
    done = smelt("compile", FILES / "tiny_2.5.1.pt2", "-o", folder / "m.so", "--signature", "model", code=2)
    expect("the archive has one, without a name" in done.stderr, done.stderr)


@case
def places_that_are_none(folder):
    """Places beyond a tensor count as the nearest in it, as ONNX's do: nothing else is read, and nothing else is written to."""
    smelt("compile", unpacked("places-core", folder), "-o", folder / "m.so")
    random = np.random.default_rng(0)
    x = random.uniform(1, 2, (6, 8)).astype(np.float32)
    wild = np.array([-2**63, 2**63 - 1, 2**40, -2**40, 2**32 + 1, 2**31, -7, 6, 100])
    for _ in range(4):
        np.savez(folder / "in.npz", inputs_0=x, inputs_1=random.choice(wild, 4), inputs_2=random.choice(wild, (4, 8)))
        smelt("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
        for name, value in np.load(folder / "out.npz").items():
            expect(np.isfinite(value).all() and np.abs(value.astype(float)).max() <= 2 * 4 + 9, f"{name} holds what is neither in the inputs nor made of them")


@case
def places_that_the_run_finds(folder):
    """Of one element or a piece, whose place is a number in the data: the run fails where there is none such, and says which node."""
    smelt("compile", unpacked("item-training", folder), "-o", folder / "m.so")
    x = np.arange(48, dtype=np.float32).reshape(6, 8)
    for first, second, node in ((0, -6, ""), (5, 5, ""), (3, 6, "node 'select_3' (aten.select.int at operators.py:"), (3, -7, "takes element -7 of a dim of 6"),
                                (0, 2**40, "takes element 1099511627776 of a dim of 6"), (0, -2**62, "select_3"), (6, 0, "'"), (-1, 0, "'"), (2**50, 0, "'")):
        np.savez(folder / "in.npz", inputs_0=x, inputs_1=np.array([first, second]))
        said = smelt("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", code=2 if node else 0).stderr
        expect(node in said, said)
        if not node:
            made = [value for value in np.load(folder / "out.npz").values() if value.shape == (8,)]
            expect(any(np.array_equal(value, x[first]) for value in made) and any(np.array_equal(value, x[second]) for value in made), f"{made}")


@case
def assertions(folder):
    """Those that the run decides end it with the program's words; where pieces reach is checked by them alone in a decomposed program."""
    smelt("compile", unpacked("asserts-core", folder), "-o", folder / "m.so")
    x = np.ones((6, 8), np.float32)
    for first, second, values, words in ((3, 2, x, ""), (-6, -6, x, ""), (0, 11, x, ""), (4, 2, x, "(aten._assert_scalar.default at operators.py:"), (-7, 2, x, "expression u0 >= -6 on node 'ge_12' (u0 = -7)"),
                                         (2**62, 2, x, "_assert_scalar"), (0, 7, x, "(u1 = 7)"), (0, 2, -x, "asserts what does not hold: the sum {is} positive"), (0, 2, x * 60, "< 50"),
                                         (0, 2, x * np.nan, "< 50"), (0, 12, x, "one_hot")):
        np.savez(folder / "in.npz", inputs_0=values, inputs_1=np.array([first, second]))
        said = smelt("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", code=2 if words else 0).stderr
        expect(words in said and said.count("\n") == (1 if words else 0), said)
        if not words:
            made = list(np.load(folder / "out.npz").values())
            wanted = [x[first:][:3] * 2, x[:second].sum(0), x[second:].sum(0) + 1]
            expect(all(np.array_equal(one, other) for one, other in zip(made, wanted)), f"{made}")


def with_false_assertion(folder, path, branch):
    """The program with an assertion that never holds in this branch of its first cond."""
    with zipfile.ZipFile(path) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    member = next(name for name in parts if name.endswith("models/model.json"))
    program = json.loads(parts[member])
    cond = next(node for node in program["graph_module"]["graph"]["nodes"] if node["target"].endswith("cond"))
    inputs = [{"name": "self", "arg": {"as_bool": False}, "kind": 1}, {"name": "assert_msg", "arg": {"as_string": "never {here}"}, "kind": 1}]
    for name in ("second", "first"):  # of one sentence, each is one of its own
        cond["inputs"][branch]["arg"]["as_graph"]["graph"]["nodes"].insert(
            0, {"name": name, "target": "torch.ops.aten._assert_scalar.default", "inputs": inputs, "outputs": [], "metadata": {}})
    parts[member] = json.dumps(program).encode()
    with zipfile.ZipFile(folder / "asserting.pt2", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return folder / "asserting.pt2"


@case
def assertions_of_branches_that_do_not_run(folder):
    """What is known not to hold fails a run that gets there, and no other."""
    for branch, failing in ((1, 1), (2, -1)):
        smelt("compile", with_false_assertion(folder, FILES / "tiny_dyn.pt2", branch), "-o", folder / "m.so")
        for sign in (1, -1, 1):
            np.savez(folder / "in.npz", x=np.full((3, 6), sign, np.float32), y=np.ones((4, 6), np.float32))
            said = smelt("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz", code=2 if sign == failing else 0).stderr
            expect((sign == failing) == ("node 'first' (aten._assert_scalar.default): asserts what does not hold: never {here}" in said), said)


@case
def assertions_in_python(folder):
    sys.path.insert(0, str(harness.REPOSITORY / "tools" / "python"))
    import smelt as package
    smelt("compile", unpacked("asserts-core", folder), "-o", folder / "m.so")
    model = package.load(folder / "m.so")
    for first, words in ((1, ""), (4, "(u0 <= 3) | (u0 < 0)"), (1, "")):
        try:
            model.run({"inputs_0": np.ones((6, 8), np.float32), "inputs_1": np.array([first, 2])})
            said = ""
        except package.SmeltError as error:
            said = str(error)
        expect(bool(said) == bool(words) and words in said, said)


@case
def complex_states(folder):
    """A buffer of complex numbers is a state whose last dim holds their parts, and stays from run to run."""
    sys.path.insert(0, str(harness.REPOSITORY / "tools" / "python"))
    import smelt as package
    smelt("compile", unpacked("states-training", folder), "-o", folder / "m.so")
    model, total, product = package.load(folder / "m.so"), np.zeros(3, complex), np.array([1 + 2j, 2 - 1j, 0.5j])
    for run in range(4):
        x = np.array([0.5, -0.25, 1.0], np.float32) * (1 if run % 2 else -1)
        c = x + 1j * x[::-1]
        y = c * (1 + 2j) if x.sum() > 0 else c.conj() - 1
        total, product = total * 0.5 + y, product * y
        made = list(model.run({"x": x}).values())
        for value, wanted in zip(made, (y, total, None, y * (0.5 + 0.5j) ** 3)):
            expect(wanted is None or np.allclose(value[..., 0] + 1j * value[..., 1], wanted, rtol=1e-5), f"run {run}: {value} instead of {wanted}")
        expect(np.allclose(made[2], np.abs(product), rtol=1e-5), f"run {run}: {made[2]} instead of {np.abs(product)}")


@case
def custom_operators(folder):
    """Refused by name where nobody declares them; else a call of a C function."""
    model, library, declared = FILES / "custom.pt2", folder / "acme.o", folder / "acme.ops"
    said = smelt("compile", model, "-o", folder / "m.so", code=4).stderr
    expect("node 'scale' (acme.scale.default at record.py:" in said and "node 'scale_1'" in said and said.count("\n") == 1, said)
    expect("acme.scale.default" in smelt("inspect", model).stdout, "inspect does not name it")
    source = harness.REPOSITORY / "test" / "custom" / "acme.c"
    subprocess.run(["clang-22", "-O1", "-fPIC", f"-I{harness.REPOSITORY / 'runtime' / 'include'}", "-c", source, "-o", library], check=True)
    declared.write_text("acme::scale(f32[..., n], f32[n], f32[n]?, by: float = 1.5) -> f32[..., n] = acme_scale\n")
    expect("all of them are supported" in smelt("inspect", model, "--custom", declared).stdout, "inspect does not know it")
    smelt("compile", model, "--custom", declared, "--link", library, "-o", folder / "m.so")
    random = np.random.default_rng(3)
    x, factors = random.random((5, 4)).astype(np.float32), random.random(4).astype(np.float32)
    np.savez(folder / "in.npz", x=x, factors=factors)
    smelt("run", folder / "m.so", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz")
    made = next(iter(np.load(folder / "out.npz").values()))
    expect(np.allclose(made, x * factors * 1.5 * factors * 2 + factors + 1, rtol=1e-5), f"{made}")
    for text, words in (("acme::scale(f32[..., n], f32[n], f32[n]?) -> f32[..., n] = f", "'by'"), ("acme::scale(f32[..., n]) -> f32[..., n] = f", "more than its declaration"),
                        ("acme::scale(f32[..., n], f32[n], f32[n], by: float = 1) -> f32[..., n] = f", "input 2"),
                        ("acme::scale(f32[..., n], f32[n], f32[n]?, by: int = 1) -> f32[..., n] = f", "no integer"),
                        ("acme::scale(f32[..., n], f32[n], f32[n]?, by: float) -> f32[..., n] = f", "'by'")):
        declared.write_text(text + "\n")
        done = subprocess.run([harness.BIN / "smelt", "compile", model, "--custom", declared, "-o", folder / "n.so"], capture_output=True, text=True, timeout=60, check=False)
        expect(done.returncode in (3, 4) and words in done.stderr and done.stderr.count("\n") == 1, f"{text}: exit code {done.returncode}: {done.stderr}")


@case
def inspection(_folder):
    found = json.loads(smelt("inspect", FILES / "tiny_2.15.0.pt2", "--json").stdout)
    expect(found["format"] == "pt2" and found["inputs"][0]["name"] == "x", f"{found}")
    expect(not found["unsupported"] and not found["states"], f"{found}")


@case
def inspection_of_states(folder):
    """Buffers that change are what the artefact says that they are."""
    for name in ("tiny_cache", "tiny_cache.func"):
        path, artefact = FILES / f"{name}.pt2", folder / "m.so"
        smelt("compile", path, "-o", artefact)
        told, made = (json.loads(smelt("inspect", file, "--json").stdout)["states"] for file in (path, artefact))
        expect(told and told == [{key: state[key] for key in ("name", "type", "shape", "output")} for state in made], f"{told} and {made}")
        expect(f"state  '{told[0]['name']}'  f32 " in smelt("inspect", path).stdout, smelt("inspect", path).stdout)


@case
def inspection_of_complex_numbers(folder):
    """Inputs and outputs of complex numbers are floats, side by side."""
    found = json.loads(smelt("inspect", unpacked("complexes-training", folder), "--json").stdout)
    outputs = {tensor["name"]: tensor for tensor in found["outputs"]}
    expect(outputs["complex_1"] == {"name": "complex_1", "type": "f32", "shape": [2, 3, 8, 2]}, f"{outputs['complex_1']}")
    expect(not found["unsupported"], f"{found['unsupported']}")


for recorded in sorted(FILES.glob("*.pt2.xz")):
    case.append(agrees(recorded.name[: -len(".pt2.xz")]))

if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
