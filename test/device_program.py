"""The C program of docs/gpu.md, "From C", taken from there with the commands that build it, for tests of either kind of device."""
import os
import re
import subprocess

import onnx
from onnx import helper

import harness

TEXT = (harness.REPOSITORY / "docs" / "gpu.md").read_text()


def build(folder):
    """Folder with the programs `device`, for Vulkan, and `cuda`, by the commands of the documentation."""
    part = TEXT[TEXT.index("\n## From C\n"):]
    program, commands = (re.search(rf"^```{language}\n(.*?)^```$", part, re.MULTILINE | re.DOTALL).group(1) for language in ("c", "sh"))
    (folder / "device.c").write_text(program)
    installed = folder / "smelt"
    installed.mkdir()
    (installed / "include").symlink_to(harness.REPOSITORY / "runtime" / "include")
    (installed / "lib").symlink_to(harness.BIN.parent / "lib")
    done = subprocess.run(["sh", "-e", "-c", commands.replace("-std=c11", "-std=c11 -Wall -Wextra -Werror")], cwd=folder, env={**os.environ, "SMELT": str(installed)},
                          capture_output=True, text=True, timeout=300)
    harness.expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr.strip()[:2000]}")


def runs(folder, program, target, environment):
    """It prints what models of fixed and open dims compute of ones: y = 2 x + x."""
    build(folder)
    for name, rows in (("fixed", 3), ("open", "rows")):
        value = lambda tensor: helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, [rows, 4])
        nodes = [helper.make_node("Add", ["x", "x"], ["twice"]), helper.make_node("Add", ["twice", "x"], ["y"])]
        model = helper.make_model(helper.make_graph(nodes, name, [value("x")], [value("y")]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, folder / f"{name}.onnx")
        harness.smelt_ok("compile", folder / f"{name}.onnx", "--target", target, "-o", folder / f"{name}.so")
        done = subprocess.run([folder / program, f"./{name}.so"], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
        harness.expect(done.returncode == 0 and re.fullmatch(rf"{name} on .+: y\[0\] = 3\n", done.stdout), f"exit code {done.returncode}: {done.stdout}{done.stderr.strip()[:2000]}")
    done = subprocess.run([folder / program, "./missing.so"], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    harness.expect(done.returncode == 1 and "missing.so" in done.stderr, f"exit code {done.returncode}: {done.stderr.strip()}")
