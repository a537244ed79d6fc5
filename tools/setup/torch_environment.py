#!/usr/bin/env python3
# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes .cache/torch-venv, where the tests that export models have PyTorch. Smelt itself needs none.

PyPI's torch for x86-64 is built with CUDA, whose libraries take 2.4 GB more; the processor's part works without them where libraries of their names
define the symbols that the linker looks for. 539 MB are fetched.

usage: torch_environment.py [--executorch]        prints the path of its Python; with ExecuTorch beside it, which ./dev bench compares with
"""
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import venv

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / ".cache" / "torch-venv"
PYTHON = FOLDER / "bin" / "python"
PACKAGES = ["torch==2.15.0", "torchvision==0.29.2", "torchao==0.18.0", "typing_extensions", "sympy", "mpmath", "filelock", "jinja2", "markupsafe", "networkx", "fsspec",
            "numpy", "pillow"]
EXECUTORCH = ["executorch==1.5.1", "flatbuffers", "ruamel.yaml", "tabulate", "pyyaml", "packaging"]
CUDA = re.compile(r"(cu|nv|nccl|__cuda)\w*$")
# What says that there is no device; all others are never called.
RESULTS = {"cudaGetDeviceCount": 100, "cuInit": 100, "cudaGetDriverEntryPoint": 100}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


class Needs:
    """What the libraries of a folder need of others, by the name and the version of each symbol."""

    def __init__(self, folder):
        self.libraries = sorted(path for path in folder.glob("*.so*") if path.stat().st_size > 8000 and not path.is_symlink())
        self.names, self.versions, undefined, defined = set(), collections.defaultdict(set), set(), set()
        for library in self.libraries:
            self.names.update(re.findall(r"NEEDED.*\[(.*)\]", output("readelf", "-d", library)))
            self.read_versions(output("readelf", "-V", "-W", library))
            undefined.update(line.split()[-1] for line in output("nm", "-D", "--undefined-only", library).splitlines() if line.split())
            defined.update(line.split()[-1].split("@")[0] for line in output("nm", "-D", "--defined-only", library).splitlines() if line.split())
        present = {library.name for library in self.libraries}
        self.missing = sorted(name for name in self.names - present if re.match(r"lib(cu|nv|nccl)", name))
        self.symbols, self.plain = self.sort(undefined, defined)

    def read_versions(self, text):
        library = None
        for line in text.splitlines():
            if found := re.search(r"File: (\S+)", line):
                library = found[1]
            elif (found := re.search(r"Name: (\S+)\s+Flags", line)) and library:
                self.versions[library].add(found[1])

    def sort(self, undefined, defined):
        """Symbols of each missing library by version, and those that have none."""
        owner = {version: name for name in self.missing for version in self.versions[name]}
        symbols, plain = collections.defaultdict(lambda: collections.defaultdict(set)), set()
        for symbol in undefined:
            name, _, version = symbol.partition("@")
            version = version.lstrip("@")
            if version in owner:
                symbols[owner[version]][version].add(name)
            elif not version and name not in defined and CUDA.match(name):
                plain.add(name)
        return symbols, plain


def write_library(path, groups):
    """A shared library that defines the symbols of each version."""
    names = sorted(name for group in groups.values() for name in group)
    source = "".join(f"long {name}(void) {{ return {RESULTS.get(name, 0)}; }}\n" for name in names) or "int nothing;\n"
    script = "".join(f"{version} {{ global: {' '.join(f'{name};' for name in sorted(group))} }};\n" for version, group in groups.items() if version)
    with tempfile.TemporaryDirectory() as folder:
        code, versions = pathlib.Path(folder) / "stub.c", pathlib.Path(folder) / "stub.map"
        code.write_text(source)
        versions.write_text(script)
        flags = [f"-Wl,--version-script={versions}"] if script else []
        subprocess.run(["gcc", "-w", "-shared", "-fPIC", "-fno-builtin", "-o", path, code, f"-Wl,-soname,{path.name}", *flags], check=True)


def write_stubs(folder):
    needs = Needs(folder)
    for name in needs.missing:
        groups = {version: needs.symbols[name].get(version, set()) for version in needs.versions[name]}
        write_library(folder / name, groups or {"": needs.plain})


def add_executorch():
    """Into the same environment, as it needs the very torch that is there."""
    stamp = FOLDER / "executorch"
    if not stamp.exists() or stamp.read_text() != " ".join(EXECUTORCH):
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", "--no-deps", *EXECUTORCH], check=True, stdout=sys.stderr)
        stamp.write_text(" ".join(EXECUTORCH))


def main():
    if sys.argv[1:] not in ([], ["--executorch"]):
        sys.exit("usage: torch_environment.py [--executorch]")
    if not (FOLDER / "complete").exists():
        venv.create(FOLDER, with_pip=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", "--no-deps", *PACKAGES], check=True, stdout=sys.stderr)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        write_stubs(FOLDER / "lib" / version / "site-packages" / "torch" / "lib")
        subprocess.run([PYTHON, "-c", "import torch, torchvision"], check=True, stdout=sys.stderr, env={**os.environ})
        (FOLDER / "complete").touch()
    if sys.argv[1:]:
        add_executorch()
    print(PYTHON)


main()
