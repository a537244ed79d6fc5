#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""smelt.export_torch: live modules exported, saved and compiled in one call. Runs in the environment that has torch.

usage: test_export.py [NAME…] [--json FILE]
"""
import json
import pathlib
import subprocess
import sys

import numpy as np
import torch

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1])]
import harness
from harness import Suite, expect

sys.path.insert(0, str(harness.REPOSITORY / "tools" / "python"))
import smelt
from smelt import export_torch

case = Suite()
SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv, self.drop = nn.Conv2d(3, width, 3, padding=1), nn.Dropout(0.5)

    def forward(self, image, scale=None):
        y = self.drop(torch.relu(self.conv(image))).mean((2, 3))
        return y if scale is None else y * scale, {"soft": y.softmax(1)}

class Cut(nn.Module):
    def __init__(self):
        super().__init__()
        self.only = nn.Embedding(1, 4)

    def forward(self, x, count, places):
        return x[:count] * 2, torch.arange(count), self.only(places * 0) + self.only(places.clamp(max=0))

class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(2))

    def forward(self, x):
        self.count += x
        return self.count * 2

class Started(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.ones(2))

    def forward(self, x):
        self.count += x
        return torch.where(torch.isnan(nn.functional.threshold(torch.log(self.count - 9), 0.2, 5.0)), self.count, 7.0)  # NaN stays

class Changing(nn.Module):
    def forward(self, x, y):
        x[:, 0].mul_(2)  # the caller's
        return x.add_(y) * 3

class Numbers(nn.Module):
    def forward(self, x):
        return x * 2, x.shape[0], None, 2.5, True, x.sum().item(), x.to(torch.float8_e5m2), x.to(torch.float8_e4m3fn)

class Paired(nn.Module):
    def forward(self, x, y):
        return x + y

class Halved(nn.Module):
    def forward(self, x):
        return x if x.shape[0] > 3 else x * 2

class Branching(nn.Module):
    def forward(self, x):
        return x + 1 if x.sum().item() > 0 else x

ready = Net()
number = 3
"""


def module(folder, name="Net"):
    path = folder / "net.py"
    path.write_text(SOURCE)
    space = {}
    exec(compile(SOURCE, str(path), "exec"), space)  # pylint: disable=exec-used
    return space[name]()


def command(folder, *arguments, code=0):
    (folder / "net.py").write_text(SOURCE)
    done = subprocess.run([sys.executable, "-m", "smelt.export_torch", *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=300, check=False,
                          env={"PYTHONPATH": str(harness.REPOSITORY / "tools" / "python"), "PATH": "/usr/bin:/bin", "HOME": str(folder)})
    expect(done.returncode == code, f"exit code {done.returncode}, not {code}: {done.stderr[-500:]}{done.stdout[-200:]}")
    if code:
        expect(done.stderr.count("\n") == 1 and done.stderr.startswith("smelt: error: "), f"not one line: {done.stderr[-500:]}")
    return done


def refused(code, word, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except smelt.SmeltError as error:
        expect(error.exit_code == code and word in str(error), f"exit code {error.exit_code}: {error}")
        return
    raise harness.Failure("no error")


@case
def one_call(folder):
    """In training mode, and left so; what is saved is in evaluation mode."""
    net, image = module(folder).train(), torch.rand(2, 3, 8, 8)
    artefact = export_torch.compile(net, (image,), folder / "net.so")
    expect(net.training, "the module is in evaluation mode now")
    expect((folder / "net.pt2").exists() and artefact == folder / "net.so", f"{artefact}")
    expect(export_torch.check(artefact, net, (image,)) < 1e-5, "it differs")
    expect(not list(folder.glob(".smelt-*")), "a temporary folder stayed")


@case
def by_name_and_open(folder):
    net, given = module(folder), {"image": torch.rand(2, 3, 8, 8), "scale": torch.tensor(3.0)}
    dims = {"image": {0: torch.export.Dim("batch", min=1, max=8)}, "scale": None}
    artefact = export_torch.compile(net, (), folder / "net.so", kwargs=given, dynamic_shapes=dims)
    for count in (1, 5):
        other = {"image": torch.rand(count, 3, 8, 8), "scale": torch.tensor(0.5)}
        expect(export_torch.check(artefact, net, (), kwargs=other) < 1e-5, "it differs")


@case
def buffers_stay(folder):
    model = smelt.load(export_torch.compile(module(folder, "Counter"), (torch.ones(2),), folder / "net.so"))
    for run in (1, 2, 3):
        expect(np.array_equal(next(iter(model.run({"x": np.ones(2, np.float32)}).values())), [2 * run] * 2), f"run {run}")


@case
def same_file_again(folder):
    for name in ("a", "b"):
        (folder / name).mkdir()
        torch.manual_seed(0)
        export_torch.compile(module(folder), (torch.rand(2, 3, 8, 8),), folder / name / "net.so")
    expect((folder / "a/net.so").read_bytes() == (folder / "b/net.so").read_bytes(), "two exports differ")


@case
def compared_with_torch(folder):
    """smelt compare --against torch: outputs, layers, and buffers and inputs that change."""
    for name, inputs in (("Net", (torch.rand(2, 3, 8, 8),)), ("Counter", (torch.ones(2),)), ("Started", (torch.tensor([3.0, 0.5]),)),
                         ("Changing", (torch.rand(2, 4), torch.rand(4))), ("Numbers", (torch.rand(4, 3) * 1e5,))):
        export_torch.export(module(folder, name), inputs, folder / "net.pt2")
        for layers in ((), ("--layers",)):
            done = subprocess.run([harness.BIN / "smelt", "compare", folder / "net.pt2", "--against", "torch", *layers], capture_output=True, text=True, timeout=300,
                                  check=False, env={"SMELT_PYTHON": sys.executable})
            expect(done.returncode == 0, f"{name}: exit code {done.returncode}: {done.stderr[-300:]}{done.stdout[-300:]}")
            changed = {"Net": "", "Changing": "x.next", "Numbers": "'output.2'"}.get(name, "count.next")
            expect(changed in done.stdout, done.stdout)
            expect(name != "Net" or not layers or "'conv2d'" in done.stdout, done.stdout)


@case
def sizes_that_are_inputs_have_their_range(folder):
    """Seeded inputs are what the program takes: PyTorch refuses others."""
    export_torch.export(module(folder, "Cut"), (torch.rand(9, 3), 5, torch.tensor([3])), folder / "net.pt2", dynamic_shapes=(None, torch.export.Dim.DYNAMIC, None))
    done = subprocess.run([harness.BIN / "smelt", "compare", folder / "net.pt2", "--against", "torch"], capture_output=True, text=True, timeout=300, check=False,
                          env={"SMELT_PYTHON": sys.executable})
    expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-300:]}{done.stdout[-300:]}")


@case
def recorded_generations(_folder):
    """Files of torch 2.6 on, which this torch reads as well."""
    for version in ("2.6.0", "2.7.1", "2.8.0", "2.9.1", "2.12.1", "2.15.0"):
        path = pathlib.Path(__file__).resolve().parent / "files" / f"tiny_{version}.pt2"
        done = subprocess.run([harness.BIN / "smelt", "compare", path, "--shape", "x=3x3x8x8", "--against", "torch"], capture_output=True, text=True, timeout=300,
                              check=False, env={"SMELT_PYTHON": sys.executable})
        expect(done.returncode == 0, f"{version}: {done.stderr[-300:]}{done.stdout[-300:]}")


@case
def refusals(folder):
    refused(4, "Branching", export_torch.compile, module(folder, "Branching"), (torch.rand(2),), folder / "net.so")
    refused(2, "is no torch.nn.Module", export_torch.compile, len, (torch.rand(2),), folder / "net.so")
    refused(2, "should be a tuple", export_torch.compile, module(folder), torch.rand(2), folder / "net.so")
    refused(5, "nowhere", export_torch.compile, module(folder), (torch.rand(2, 3, 8, 8),), folder / "nowhere" / "net.so")
    refused(2, "--target", export_torch.compile, module(folder), (torch.rand(2, 3, 8, 8),), folder / "net.so", target="none")
    expect(not (folder / "net.so").exists(), "something was written")


@case
def the_command(folder):
    said = command(folder, "net.py:Net", "--arguments", '{"width": 6}', "--input", "1..8x3x?16x16", "-o", "open.so").stdout
    expect("largest difference from PyTorch" in said and (folder / "open.so").exists(), said)
    shapes = [tensor.shape for tensor in smelt.load(folder / "open.so").inputs]
    expect(shapes[0][0] is None and shapes[0][1] == 3 and shapes[0][2] is None, f"{shapes}")
    np.savez(folder / "in.npz", image=np.ones((2, 3, 8, 8), np.float32), scale=np.float32(2))
    command(folder, "net.py:ready", "--inputs", "in.npz", "-o", "ready.so")
    torch.save(module(folder).state_dict(), folder / "net.pth")
    command(folder, "net:Net", "--weights", "net.pth", "--input", "2x3x8x8", "-o", "bf16.so", "--precision", "bf16")
    said = command(folder, "net.py:ready", "--inputs", "in.npz", "-o", "net.so").stderr
    expect("import net fails in that folder" in said, said)
    (folder / "net.so").unlink()


@case
def ranges_of_dims(folder):
    """What was asked for is kept, or it is said what came of it."""
    def range_of(name):
        return json.loads(subprocess.run([harness.BIN / "smelt", "inspect", folder / name, "--json"], capture_output=True, text=True, check=True).stdout)["symbols"]
    done = command(folder, "net.py:Net", "--input", "1..8x3x8x8", "-o", "a.so")
    expect(not done.stderr and [(row["least"], row["most"]) for row in range_of("a.pt2")] == [(1, 8)], f"{range_of('a.pt2')}: {done.stderr}")
    done = command(folder, "net.py:Paired", "--input", "1..8x3", "--input", "1..8x3", "-o", "b.so")  # two dims that must be equal
    expect("note: torch.export finds the ranges of dims itself" in done.stderr, done.stderr)
    found = [(row["least"], row["most"]) for row in range_of("b.pt2")]
    expect(found == [(1, 8)] or f"is {found[0][0]} to {found[0][1]}, not 1 to 8 as asked" in done.stderr, f"{found}: {done.stderr}")
    done = command(folder, "net.py:Halved", "--input", "1..8x3", "-o", "c.so")
    found = [(row["least"], row["most"]) for row in range_of("c.pt2")]
    expect(f"dim 0 of input 0 is {found[0][0]} to {found[0][1]}, not 1 to 8 as asked" in done.stderr, f"{found}: {done.stderr}")
    command(folder, "net.py:Net", "--input", "3..3x3x8x8", "-o", "d.so")
    command(folder, "net.py:Net", "--input", "8..1x3x8x8", "-o", "e.so", code=2)


@case
def what_is_not_there(folder):
    for words, said in ((("none.py:Net", "--input", "2"), "there is no file none.py"), (("none.of:Net", "--input", "2"), "there is no module none.of"),
                        (("net.py:Nett", "--input", "2"), "net.py has no Nett; its modules are Net, Cut, Counter")):
        expect(said in command(folder, *words, code=2).stderr, said)
    # No NumPy, no PyTorch: -S leaves out all that is installed.
    done = subprocess.run([sys.executable, "-S", "-m", "smelt.export_torch", "net.py:Net", "--input", "2"], cwd=folder, capture_output=True, text=True, timeout=300, check=False,
                          env={"PYTHONPATH": str(harness.REPOSITORY / "tools" / "python")})
    expect(done.returncode == 5 and done.stderr.count("\n") == 1 and "PyTorch is not installed" in done.stderr, done.stderr)
    done = subprocess.run([sys.executable, "-S", "-c", "import smelt; smelt.load('net.so').run({})"], cwd=folder, capture_output=True, text=True, timeout=300, check=False,
                          env={"PYTHONPATH": str(harness.REPOSITORY / "tools" / "python")})
    expect("SmeltError" in done.stderr, done.stderr)


@case
def the_command_refuses(folder):
    for words, code in ((("net.py", "--input", "2"), 2), (("net.py:None_", "--input", "2"), 2), (("net.py:number", "--input", "2"), 2),
                        (("net.py:Net", "--input", "2y"), 2), (("net.py:Net", "--input", "2:f31"), 2), (("net.py:Net",), 2), (("none.py:Net", "--input", "2"), 2),
                        (("net.py:Net", "--input", "2", "--arguments", "["), 2), (("net.py:Net", "--inputs", "none.npz"), 2),
                        (("net.py:Net", "--input", "2", "--weights", "none.pth"), 2), (("net.py:Branching", "--input", "2"), 4),
                        (("net.py:Net", "--input", "1x3x8x8", "--target", "none"), 2)):
        command(folder, *words, code=code)


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
