#!/usr/bin/env python3
"""Smelt as other people's projects meet it: installed into a folder, found by find_package, its models built by smelt_add_model, for this
machine and, with a toolchain file, for 64-bit Arm under qemu; and the example of the runtime, with CMake and without.

usage: test_package.py [NAME…] [--json FILE]
"""
import functools
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness
import models
from harness import expect

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLE = harness.REPOSITORY / "runtime" / "example"
EXAMPLE_LINES = ["0 xor 0 = 0", "0 xor 1 = 1", "1 xor 0 = 1", "1 xor 1 = 0"]
HOST = ("-DCMAKE_C_COMPILER=clang-22", "-DCMAKE_CXX_COMPILER=clang++-22")
ARM = (f"-DCMAKE_TOOLCHAIN_FILE={harness.REPOSITORY}/cmake/toolchains/aarch64-linux-gnu.cmake",)
EMULATOR = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")
case = harness.Suite()


def call(*command, fails=False, **options):
    """The output of a command that must succeed (or must not)."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=300, **options)
    if (done.returncode != 0) != fails:
        raise harness.Failure(f"{pathlib.Path(command[0]).name}: exit code {done.returncode}: {done.stdout.strip()[-600:]}")
    return done.stdout


class Project:
    """A copy of a CMake project, so that tests may change it, and where Smelt is installed."""

    def __init__(self, source, folder, prefix):
        self.source, self.build, self.prefix = folder / "source", folder / "build", prefix
        shutil.copytree(source, self.source)

    def configure(self, *flags, **options):
        return call("cmake", "-G", "Ninja", "-S", self.source, "-B", self.build, f"-DSmelt_DIR={self.prefix}/lib/cmake/Smelt", *flags, **options)

    def make(self, **options):
        return call("cmake", "--build", self.build, **options)


# --------------------------------------------------------------------------------------------------------- the models


def dense(seed):
    """y = relu(x · w + b), its batch left open: (model, w, b)."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    weights = {"w": rng.standard_normal((8, 5), np.float32), "b": rng.standard_normal((5,), np.float32)}
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["z"], name="gemm"), helper.make_node("Relu", ["z"], ["y"], name="relu")]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name, size in (("x", 8), ("y", 5)))
    graph = helper.make_graph(nodes, "dense", [x], [y], [numpy_helper.from_array(value, name) for name, value in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_models(folder, first=1, second=2):
    """Writes both models. Returns {name: what its program has to print}."""
    import onnx

    folder.mkdir(exist_ok=True)
    x = (np.arange(24, dtype=np.float32) / 8).reshape(3, 8)
    want = {}
    for name, seed in (("first", first), ("second", second)):
        onnx.save(dense(seed), folder / f"{name}.onnx")
        want[name] = models.reference(folder / f"{name}.onnx", {"x": x})["y"]
    return want


def check(output, want):
    lines = [line.split() for line in output.splitlines()]
    expect([line[0] for line in lines] == ["first", "first", "second", "second"], f"the program prints {output!r}")
    expect(lines[0] == lines[1] and lines[2] == lines[3], "threads change the result")
    got = {name: np.array(words, np.float32).reshape(want[name].shape) for name, *words in lines}
    return harness.agreement(got, want)


# ---------------------------------------------------------------------------------------------------------- the cases


@case
def the_installed_compiler_runs(prefix, folder):
    call(prefix / "bin" / "smelt", "compile", EXAMPLE / "gate.mlir", "-o", folder / "gate.so", cwd="/", env={})
    expect((folder / "gate.so").exists(), "nothing was written")


@case
def the_installed_python_module(prefix, folder):
    program = f"""
import numpy, smelt
model = smelt.load(smelt.compile({str(EXAMPLE / "gate.mlir")!r}, {str(folder / "gate.so")!r}))
print(model.run({{"x": numpy.array([[0, 0], [0, 1], [1, 0], [1, 1]], "f4")}})["y"].ravel().tolist())
"""
    output = call(sys.executable, "-c", program, cwd=folder, env={"PYTHONPATH": f"{prefix}/share/smelt/python"})
    expect(output == "[0.0, 1.0, 1.0, 0.0]\n", f"it prints {output!r}")


@case
def two_models_in_one_program(prefix, folder):
    project = Project(HERE, folder, prefix)
    want = write_models(project.source / "models")
    project.configure(*HOST)
    project.make()
    expect(list((project.build / "kernels").iterdir()), "CACHE has no effect")
    return check(call(project.build / "program" / "program"), want)


@case
def a_changed_model_is_compiled_again(prefix, folder):
    project = Project(HERE, folder, prefix)
    write_models(project.source / "models")
    project.configure(*HOST)
    project.make()
    expect("no work to do" in project.make(), "a second build does something")
    want = write_models(project.source / "models", first=3, second=4)
    expect(len(re.findall("Compiling the model", project.make())) == 2, "the models are not compiled again")
    return check(call(project.build / "program" / "program"), want)


@case
def two_models_for_aarch64(prefix, folder):
    project = Project(HERE, folder, prefix)
    want = write_models(project.source / "models")
    project.configure(*ARM)
    project.make()
    program = project.build / "program" / "program"
    expect("AArch64" in call("llvm-readelf-22", "-h", program), "not a program for AArch64")
    return check(call(*EMULATOR, program), want)


@case
def nothing_runs_before_main(prefix, folder):
    """No code registers itself, and no link flag is needed to keep it."""
    project = Project(HERE, folder, prefix)
    write_models(project.source / "models")
    project.configure(*HOST)
    project.make()
    expect("whole-archive" not in (project.build / "build.ninja").read_text(), "the link uses --whole-archive")
    for library in (*project.build.rglob("*.a"), *(prefix / "lib").glob("*.a")):
        sections = call("llvm-readelf-22", "-S", library)
        expect(not re.search(r"\.(init_array|ctors|preinit_array)", sections), f"{library.name} has constructors")


@case
def a_broken_model_fails_the_build_with_its_message(prefix, folder):
    project = Project(HERE, folder, prefix)
    write_models(project.source / "models")
    (project.source / "models" / "first.onnx").write_text("not a model\n" * 20)
    project.configure(*HOST)
    output = project.make(fails=True)
    expect(re.search(r"^smelt: error: .*first\.onnx: ", output, re.MULTILINE), f"no message of smelt in {output!r}")
    expect(not list(project.build.rglob("first.a")), "a library was left behind")


@case
def mistakes_in_a_project_are_named(prefix, folder):
    project = Project(EXAMPLE, folder, prefix)
    lists = project.source / "CMakeLists.txt"
    text = lists.read_text()
    lists.write_text(text.replace("gate.mlir)", "gate.mlir SHAPE x=4x2)"))
    expect("'SHAPE;x=4x2'" in " ".join(project.configure(*HOST, fails=True).split()), "an unknown argument is not named")
    lists.write_text(text)
    expect("-DSMELT_COMPILER" in project.configure(*HOST, "-DSMELT_COMPILER=", fails=True), "a missing compiler is not named")


@case
def the_example(prefix, folder):
    project = Project(EXAMPLE, folder, prefix)
    project.configure(*HOST)
    project.make()
    expect(call(project.build / "example").splitlines()[1:] == EXAMPLE_LINES, "wrong results")


@case
def the_example_for_aarch64(prefix, folder):
    project = Project(EXAMPLE, folder, prefix)
    project.configure(*ARM)
    project.make()
    lines = call(*EMULATOR, project.build / "example").splitlines()
    expect(lines[0].startswith("gate for aarch64: ") and lines[1:] == EXAMPLE_LINES, f"prints {lines}")


@case
def the_example_without_cmake(prefix, folder):
    harness.smelt_ok("compile", EXAMPLE / "gate.mlir", "--emit", "static", "-o", folder / "gate")
    runtime = harness.REPOSITORY / "runtime" / "include"
    call("clang-22", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{runtime}", EXAMPLE / "main.c", folder / "gate.a",
         harness.BIN.parent / "lib" / "libsmelt_runtime.a", "-o", folder / "example")
    expect(call(folder / "example").splitlines()[1:] == EXAMPLE_LINES, "wrong results")


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    with tempfile.TemporaryDirectory() as scratch:
        prefix = pathlib.Path(scratch) / "prefix"
        installed = cases.run("install", lambda: call("cmake", "--install", harness.BIN.parent, "--prefix", prefix) and None)
        for number, (name, function) in enumerate(case if installed else ()):
            if not args.names or name in args.names:
                folder = pathlib.Path(scratch) / str(number)
                folder.mkdir()
                cases.run(name, functools.partial(function, prefix, folder))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
