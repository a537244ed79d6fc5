"""Tests of passes, dialects and programs that are written as text: lit runs them, FileCheck compares."""
import os
import pathlib

import lit.formats

config.name = "smelt"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["unit", "models", "conformance", "data"]
config.test_source_root = str(pathlib.Path(__file__).parent)
config.test_exec_root = str(pathlib.Path(config.binary_root) / "test")

config.environment["PATH"] = os.pathsep.join(
    [str(pathlib.Path(config.binary_root) / "bin"), config.llvm_tools, str(pathlib.Path(config.python).parent), os.environ["PATH"]])
config.environment["PYTHONPATH"] = os.pathsep.join([config.test_source_root, str(pathlib.Path(config.source_root) / "tools" / "python")])
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
