#!/usr/bin/env python3
"""Builds, runs the test suites and closes with "N passed, N failed".

usage: run_tests.py [SUITE…]        all suites of the table SUITES by default

After the build, as many suites run at a time as there are cores, each in a process of its own; what one printed is shown when it has ended.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

from once import alone, made_once

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache"
PYTHON = sys.executable
LIT = pathlib.Path(PYTHON).with_name("lit")
CORES = str(os.cpu_count())
REPORT = "--report-to"  # what this program tells itself: FILE SUITE
# MLIR and LLVM come without instrumentation: memory that their allocators poison in our code, they do not unpoison in theirs.
# LLVM puts a signal stack of its own in the place of AddressSanitizer's, which then cannot free it where a thread ends.
SANITIZER = {"ASAN_OPTIONS": "allow_user_poisoning=0:detect_leaks=0:detect_odr_violation=0:use_sigaltstack=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
# list → which share of it must pass, while the rest may say `unsupported`, and the program's options
CONFORMANCE = {"visible.txt": (0.99, []), "expanded.txt": (0.97, []), "sequence_optional.txt": (0.97, []), "open_dims.txt": (1, ["--open-dims"])}


class Result:
    """Counts of a suite, and the names of what failed."""

    def __init__(self, passed=0, failures=(), note=""):
        self.passed, self.failures, self.note = passed, list(failures), note

    def __add__(self, other):
        notes = ", ".join(note for note in (self.note, other.note) if note)
        return Result(self.passed + other.passed, self.failures + other.failures, notes)


def run(command, seconds, **options):
    """Runs to the end or to the time limit. Returns (exit code, output); its errors stay in the log of `./dev test`."""
    process = subprocess.Popen([str(word) for word in command], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, errors="replace",
                               start_new_session=True, **options)
    try:
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        return 124, process.communicate()[0] + f"\nstopped after {seconds} s\n"


def configure_and_build(preset, folder, *targets):
    with alone(REPOSITORY / folder / "tests"):
        if not (REPOSITORY / folder / "build.ninja").exists():
            subprocess.run(["cmake", "--preset", preset], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
        # Keep going: what does build gets tested.
        built = subprocess.run(["cmake", "--build", folder, *(word for target in targets for word in ("--target", target)), "--", "-k", "0"], cwd=REPOSITORY)
    return Result() if built.returncode == 0 else Result(0, [" ".join(("build of preset", preset, *targets))])


def build():
    return configure_and_build("release", "build")


def lit(folder="build"):
    suite = REPOSITORY / folder / "test"
    if not (suite / "lit.site.cfg.py").exists():
        return Result(0, [f"{folder}/test/lit.site.cfg.py is missing"])
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "lit.json"
        _, output = run([LIT, "-q", "-j", CORES, "--timeout", "300", "--output", report, suite], 900)
        if not report.exists():
            print(output)
            return Result(0, ["lit gave no report"])
        tests = json.loads(report.read_text())["tests"]
    failures = [test["name"] for test in tests if test["code"] in ("FAIL", "XPASS", "UNRESOLVED", "TIMEOUT")]
    if failures:
        print(output)
    return Result(sum(test["code"] in ("PASS", "XFAIL", "FLAKYPASS") for test in tests), failures or ([] if tests else ["lit found no tests"]))


def unit(folder="build"):
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "ctest.xml"
        _, output = run(["ctest", "--test-dir", folder, "-j", CORES, "--timeout", "300", "--output-on-failure", "--output-junit", report], 1800)
        if not report.exists():
            print(output)
            return Result(0, ["ctest gave no report"])
        cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    failures = [case.get("name") for case in cases if case.get("status") != "run" and case.get("status") != "disabled"]
    if failures:
        print(output)
    return Result(len(cases) - len(failures), failures or ([] if cases else ["ctest found no tests"]))


def materialised():
    """The folder of conformance tests, written again when the lists, the script or the onnx package change."""
    here = REPOSITORY / "test" / "conformance"
    lists = [here / name for name in CONFORMANCE]
    key = hashlib.sha256()
    for path in (*lists, here / "materialise.py", REPOSITORY / "tools" / "setup" / "requirements.lock"):
        key.update(path.read_bytes())
    folder = CACHE / "conformance" / key.hexdigest()[:16]

    def write(partial):
        subprocess.run([PYTHON, here / "materialise.py", partial, *(word for path in lists for word in ("--list", path))], check=True, stderr=subprocess.DEVNULL)
        for older in set(folder.parent.iterdir()) - {partial}:
            shutil.rmtree(older, ignore_errors=True)

    return made_once(folder, write)


def conformance():
    """All lists, one after another."""
    return sum((conformance_of(name, *how) for name, how in CONFORMANCE.items()), Result())


def conformance_of(name, share, options, on_device=0.0, every=1):
    """`on_device`: how many of the tests in f32 must run without a kernel of the processor; `every`: only each so many-th test."""
    names = (REPOSITORY / "test" / "conformance" / name).read_text().split()[::every]
    program = REPOSITORY / "build" / "bin" / "smelt-conformance"
    if not program.exists():
        return Result(0, [f"{program.relative_to(REPOSITORY)} is missing"])
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as chosen:
        chosen.write("\n".join(names))
        chosen.flush()
        code, output = run([program, materialised(), "--list", chosen.name, "--json", *options], 1800)
    tests = {}
    for line in output.splitlines():
        if line.startswith("{"):
            test = json.loads(line)
            tests[test.get("name", "")] = test
    passed = sum(tests.get(name, {}).get("status") == "pass" for name in names)
    unsupported = sum(tests.get(name, {}).get("status") == "unsupported" for name in names)
    failures = [f"{name}: {tests.get(name, {}).get('status', 'no answer')} {tests.get(name, {}).get('detail', '')}".rstrip()
                for name in names if tests.get(name, {}).get("status") not in ("pass", "unsupported")]
    if code not in (0, 1):
        failures.append(f"smelt-conformance ended with exit code {code}")
    if passed < share * len(names):
        failures.append(f"{passed} of {len(names)} pass, fewer than {share:.0%}")
    shares = [test["device"] for test in tests.values() if test.get("status") == "pass" and test.get("device", {}).get("f32")]
    whole = sum(device["processor_steps"] == 0 for device in shares)
    if whole < on_device * len(shares):
        failures.append(f"{whole} of {len(shares)} run wholly on the device, fewer than {on_device:.0%}")
    return Result(passed, failures, f"{unsupported} of {name} unsupported")


def script(path, seconds, *arguments, python=PYTHON, environment=None):
    """A test program of ours: a line "PASS name …" or "FAIL name …" per case, at the end "N passed, N failed". `environment`: variables of its own."""

    def suite():
        if not (REPOSITORY / "build" / "bin" / "smelt").exists():
            return Result(0, ["build/bin/smelt is missing"])
        code, output = run([python, path, *arguments], seconds, env={**os.environ, **(environment or {})})
        failures = re.findall(r"^FAIL (.*)$", output, re.MULTILINE)
        closing = re.search(r"^(\d+) passed, (\d+) failed$", output, re.MULTILINE)
        print(output, end="")
        if not closing or (code != 0) != bool(failures):
            failures.append(f"{path} ended early, exit code {code}")
        return Result(len(re.findall(r"^PASS ", output, re.MULTILINE)), failures)

    return suite


def open_on(device):
    """States, models of other formats whose dims are open, and some of the operators with dims that only a run knows."""
    tests = {"test/symbolic/test_states.py": (), "test/pt2/test_pt2.py": ("open dims and branches",), "test/tflite/test_tflite.py": ("open dims",)}
    result = conformance_of("open_dims.txt", 1, ["--open-dims", "--target", device, "--seconds", "300"], every=8)
    for path, names in tests.items():
        result += script(path, 300, *names, environment={"SMELT_TEST_TARGET": device})()
    return result


def vulkan():
    """Where there is no Vulkan driver nothing can run; that is said, and no failure."""
    # vulkan-tools need not be there where a driver is, so the question goes to the loader.
    asked = subprocess.run([PYTHON, REPOSITORY / "test" / "vulkan" / "shaders.py"], stdout=subprocess.PIPE, text=True)
    if asked.returncode:
        return Result(0, [], f"skipped: {asked.stdout.strip()}")
    on_devices = conformance_of("visible.txt", 0.99, ["--target", "vulkan"], on_device=0.92)
    models = script("test/models/test_dynamic.py", 600, "minilm_l6", "gpt2s_decode", "silero_vad", "--target", "vulkan:lavapipe")()
    return models + open_on("vulkan") + script("test/vulkan/test_vulkan.py", 900)() + script("test/vulkan/test_numbers.py", 300)() + script("test/vulkan/test_robust.py", 600)() + on_devices + conformance_of("visible.txt", 0.99, ["--target", "vulkan:lavapipe"])


def cuda():
    """Models and operators on the tests' own device, whose libcuda.so.1 comes before the machine's."""
    result = script("test/cuda/test_cuda.py", 2400)()
    os.environ["LD_LIBRARY_PATH"] = ":".join(filter(None, (str(REPOSITORY / "build" / "test" / "cuda"), os.environ.get("LD_LIBRARY_PATH"))))
    result += script("test/vulkan/test_numbers.py", 300, "--target", "cuda")()
    return result + open_on("cuda") + conformance_of("visible.txt", 0.99, ["--target", "cuda"], on_device=0.97)


def lint():
    """What `./dev lint` checks of every file in seconds; clang-tidy takes many minutes and is for `./dev lint --all`."""
    code, output = run(["./dev", "lint", "--quick"], 300)
    print(output, end="")
    checks = re.findall(r"^(PASS|FAIL) (.*)$", output, re.MULTILINE)
    failures = [name for verdict, name in checks if verdict == "FAIL"]
    return Result(len(checks) - len(failures), failures or ([] if code == 0 and checks else [f"./dev lint ended early, exit code {code}"]))


def sanitized():
    """Unit and lit tests once more, under AddressSanitizer and UndefinedBehaviorSanitizer."""
    os.environ.update(SANITIZER)
    return configure_and_build("asan", "build-asan") + unit("build-asan") + (lit("build-asan") if exists("lit") else Result())


def fuzzed():
    """The fuzz targets, once each on seeds and earlier findings, as the sanitizers' preset builds them."""
    return configure_and_build("asan", "build-asan", "smelt_fuzz") + script("test/fuzz/test_fuzz.py", 1200)()


def with_torch():
    """Modules exported here and now, in all dialects and quantised, beside eager PyTorch; and smelt.export_torch."""
    python = subprocess.run([PYTHON, "tools/setup/torch_environment.py"], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    total = Result()
    for name in ("operators", "models", "strangers", "modules", "dims"):
        code, output = run([python, f"test/pt2/check_{name}.py", "--quiet"], 7200)
        *differing, summary = output.strip().splitlines() or [""]
        agree = int(summary.split()[0]) if re.match(r"\d+ agree, ", summary) else 0
        total += Result(agree, [] if code == 0 else [line[:200] for line in differing] or [summary[:200] or f"check_{name}.py: exit code {code}"])
    for program in ("test/pt2/check_quantised.py", "test/pt2/test_export.py"):
        total += script(program, 3600, python=python)()
    return total


# The longest first: the end of a run is when one core has nothing left to do.
SUITES = {
    "lint": lint,
    "build": build,
    "asan": sanitized,
    "fuzz": fuzzed,
    "cuda": cuda,
    "unit": unit,
    "lit": lit,
    "conformance": conformance,
    "errors": script("test/hostile/test_errors.py", 900),
    "hostile": script("test/hostile/test_corpus.py", 1200),
    "values": script("test/hostile/test_values.py", 600),
    "models": script("test/models/test_models.py", 1800),
    "tflite": lambda: script("test/tflite/test_tflite.py", 1200)() + script("test/tflite/test_structures.py", 900)() + script("test/tflite/test_hostile.py", 900)() +
                      script("test/tflite/test_tools.py", 900)(),
    "precision": script("test/models/test_precision.py", 1800),
    "quantised": script("test/quantised/test_quantised.py", 1800),
    "layers": script("test/precisions/test_layers.py", 600),
    "samples": script("test/precisions/test_samples.py", 300),
    "ranges": script("test/precisions/test_ranges.py", 300),
    "accuracy": script("test/tools/test_accuracy.py", 600),
    "profile": script("test/profile/test_profile.py", 900),
    "aarch64": script("test/models/test_aarch64.py", 900),
    "reproducible": script("test/models/test_reproducible.py", 600),
    "strips": script("test/models/test_strips.py", 900),
    "graphs": script("test/models/test_graphs.py", 900),
    "inner_loops": script("test/codegen/test_inner_loops.py", 600),
    "cache": script("test/models/test_cache.py", 900),
    "operators": script("test/operators/test_operators.py", 900),
    "symbolic": script("test/symbolic/test_symbolic.py", 600),
    "sequences": script("test/sequences/test_sequences.py", 300),
    "custom": script("test/custom/test_custom.py", 300),
    "dynamic": script("test/models/test_dynamic.py", 1200),
    "states": script("test/symbolic/test_states.py", 300),
    "faces": script("test/symbolic/test_faces.py", 300),
    "python": script("test/python/test_python.py", 300),
    "types": script("test/frontends/onnx/test_types.py", 600),
    "runtime": script("test/runtime/test_runtime.py", 600),
    "package": script("test/package/test_package.py", 600),
    "bench": script("test/bench/test_bench.py", 600),
    "vulkan": vulkan,
    "pt2": lambda: script("test/pt2/test_pt2.py", 900)() + script("test/pt2/test_hostile.py", 900)(),
    "pt2_torch": with_torch,
}
# Fetches half a gigabyte: only where it is named.
ON_DEMAND = {"pt2_torch"}


# Suites of programs, and the folder each program is built from. As long as the folder has no build file there is nothing to test.
NEEDS = {"lit": "tools/smelt-opt", "conformance": "tools/smelt-conformance", "errors": "tools/smelt", "hostile": "tools/smelt", "values": "tools/smelt", "faces": "tools/smelt", "dynamic": "tools/smelt", "states": "tools/smelt", "custom": "tools/smelt", "sequences": "tools/smelt", "fuzz": "tools/smelt", "models": "tools/smelt",
         "precision": "tools/smelt", "quantised": "tools/smelt", "layers": "tools/smelt", "samples": "tools/smelt", "ranges": "tools/smelt", "accuracy": "tools/smelt", "profile": "tools/smelt", "aarch64": "tools/smelt", "reproducible": "tools/smelt", "strips": "tools/smelt", "graphs": "tools/smelt", "cache": "tools/smelt", "inner_loops": "tools/smelt", "python": "tools/smelt", "types": "tools/smelt", "runtime": "tools/smelt", "package": "tools/smelt", "bench": "tools/smelt", "vulkan": "tools/smelt", "cuda": "tools/smelt", "pt2": "tools/smelt"}


def exists(suite):
    return suite not in NEEDS or (REPOSITORY / NEEDS[suite] / "CMakeLists.txt").exists()


def run_here(name, report):
    """Runs a suite in this process and writes its Result to `report`."""
    try:
        result = SUITES[name]()
    except Exception as error:  # a suite that cannot run is one failure, and the others still run
        result = Result(0, [f"{type(error).__name__}: {error}"])
    report.write_text(json.dumps(vars(result)))


def run_apart(name, output=subprocess.PIPE):
    """Runs a suite in a process of its own, whose environment it may change. Returns its Result, a row of the closing table, and what was printed."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "result.json"
        ended = subprocess.run([PYTHON, __file__, REPORT, report, name], stdout=output, stderr=output and subprocess.STDOUT, text=True, errors="replace")
        result = Result(**json.loads(report.read_text())) if report.exists() else Result(0, [f"exit code {ended.returncode}"])
    row = f"{name:14}{result.passed:6} passed {len(result.failures):4} failed {time.monotonic() - start:7.0f} s  {result.note}".rstrip()
    return Result(result.passed, [f"{name}: {failure}" for failure in result.failures]), row, ended.stdout


def main():
    if sys.argv[1:2] == [REPORT]:
        return run_here(sys.argv[3], pathlib.Path(sys.argv[2]))
    names = sys.argv[1:] or [name for name in SUITES if exists(name) and name not in ON_DEMAND]
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        print(f"no suite {', '.join(unknown)}; there are {', '.join(SUITES)}", file=sys.stderr)
        return 2
    print("== build", flush=True)
    total, row, _ = run_apart("build", None)
    rows = {"build": row}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = {pool.submit(run_apart, name): name for name in names if name != "build"}
        for done in concurrent.futures.as_completed(waiting):
            result, row, output = done.result()
            print(f"== {waiting[done]}\n{output}{row}", flush=True)
            total, rows[waiting[done]] = total + result, row
    print("\n" + "\n".join(rows[name] for name in SUITES if name in rows))
    for failure in total.failures[:200]:
        print(f"FAILED {failure}")
    print(f"{total.passed} passed, {len(total.failures)} failed")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
