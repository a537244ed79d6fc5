"""What a model costs besides its latency, each figure with its bar: ./dev bench --figures."""
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np

import harness
import models

HERE = pathlib.Path(__file__).resolve().parent
RUNTIME = HERE.parents[1] / "runtime" / "include"
MEGABYTE = 1e6
LOADS = 7


def memory_bar(figures):
    return 2 * figures["weights_mb"] + 300


# Name, heading, what each model must keep to ("" for none): a limit, or a function of the model's figures.
COLUMNS = (
    ("compile_s", "compile s", {"resnet50": 3.0, "minilm_l6": 2.0}),
    ("recompile_s", "cached s", {"resnet50": 0.7, "minilm_l6": 0.7}),
    ("compile_mb", "peak MB", memory_bar),
    ("weights_mb", "weights MB", None),
    ("code_kb", "code KB", None),
    ("load_ms", "load ms", 1.0),
    ("arena_mb", "arena MB", None),
    ("arena_ratio", "to bound", None),
    ("run_over_mb", "run + MB", 2.0),
    ("static_over_mb", "static + MB", 2.0),
)
# Over all models: name, what it is of them, limit, what it is called.
MEDIANS = (("code_kb", 300.0, "code of an artefact, KB"), ("arena_ratio", 1.05, "arena to its lower bound"))
NOTES = """compile s: wall clock, all cores; cached s: the same again with --cache; peak MB: most memory of the compiler (bar: 2 x weights + 300 MB); code KB:
machine code, without the plan; to bound: arena to the largest sum of tensors alive at once; run + MB, static + MB: what a process that runs the model
once has resident beside weights, arena (with blocks that grow), inputs and outputs, from a shared artefact and linked with a static one (tools/bench/peak.c)"""


def compiled(name, output, *flags):
    """Compiles a model. (seconds by the clock, most bytes resident)"""
    command = ["/usr/bin/time", "-f", "%M", harness.BIN / "smelt", "compile", models.fetch(name), *models.shape_flags(name), "-o", output, *flags]
    start = time.monotonic()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)
    seconds = time.monotonic() - start
    if done.returncode:
        raise harness.Failure(done.stderr.strip().splitlines()[0])
    return seconds, int(done.stderr.split()[-1]) * 1024


def code_bytes(path):
    """Of an ELF file's sections that hold machine code."""
    done = subprocess.run(["llvm-size-22", "-A", path], capture_output=True, text=True)
    return sum(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith(".text"))


def build(folder, *flags):
    """tools/bench/peak.c as a program."""
    library = harness.BIN.parent / "lib" / "libsmelt_runtime.a"
    program = folder / "peak"
    subprocess.run(["cc", "-O2", f"-I{RUNTIME}", HERE / "peak.c", *flags, library, "-ldl", "-o", program], check=True, capture_output=True)
    return program


def over(program, *arguments):
    """Megabytes that a run takes beside what the model states."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise harness.Failure(f"peak: {done.stderr.strip() or done.returncode}")
    figures = json.loads(done.stdout)
    return (figures["peak"] - sum(figures[part] for part in ("weights", "arena", "inputs", "outputs"))) / MEGABYTE


def has_cache():
    return "--cache" in harness.smelt("compile", "--help").stdout


def bench(name, _args):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        artefact, report, cache = folder / "net.so", folder / "report.json", folder / "cache"
        seconds, peak = compiled(name, artefact, "--report", report)
        sizes = json.loads(report.read_text())["sizes"]
        figures = {"compile_s": seconds, "compile_mb": peak / MEGABYTE, "weights_mb": sizes["weights"] / MEGABYTE,
                   "code_kb": code_bytes(artefact) / 1e3, "arena_mb": sizes["arena"] / MEGABYTE,
                   "arena_ratio": sizes["arena"] / max(1, sizes["arena_lower_bound"])}
        if has_cache():
            compiled(name, artefact, "--cache", cache)
            figures["recompile_s"] = compiled(name, artefact, "--cache", cache)[0]
        np.savez(folder / "in.npz", **models.inputs(name))
        loads = [harness.smelt_ok("bench", artefact, "--inputs", folder / "in.npz", "--seconds", 0.01, "--no-peaks", "--json") for _ in range(LOADS)]
        figures["load_ms"] = statistics.median(json.loads(done.stdout)["load_ms"] for done in loads)
        figures["run_over_mb"] = over(build(folder), artefact)
        compiled(name, folder / "net", "--emit", "static")
        figures["static_over_mb"] = over(build(folder, "-DMODEL=net", "-static", folder / "net.a"))
    return {"model": name, **figures}


def limit_of(bar, result):
    """What a figure of this model may be; None where there is no bar."""
    if callable(bar):
        return bar(result)
    return bar.get(result["model"]) if isinstance(bar, dict) else bar


def misses(result):
    """{figure: (value, limit)} of those beyond their bar."""
    limits = {name: limit_of(bar, result) for name, _, bar in COLUMNS if name in result}
    return {name: (result[name], limit) for name, limit in limits.items() if limit is not None and result[name] > limit}


def header(_args):
    return f"{'model':14}" + "".join(f" {heading:>11}" for _, heading, _ in COLUMNS)


def row(result, _args):
    beyond = misses(result)

    def cell(name):
        return f"{'-':>11}" if name not in result else f"{result[name]:10.3f}{'!' if name in beyond else ' '}"

    return f"{result['model']:14}" + "".join(f" {cell(name)}" for name, _, _ in COLUMNS)


def summary(results, _args):
    lines = []
    for name, limit, title in MEDIANS:
        if values := [result[name] for result in results if name in result]:
            median = statistics.median(values)
            lines.append(f"{title}: median {median:.3f}, bar {limit:g}: {'holds' if median <= limit else 'does not hold'}")
    for result in results:
        lines += [f"{result['model']}: {name} is {value:.3f}, bar {limit:g}: does not hold" for name, (value, limit) in misses(result).items()]
    return lines + NOTES.splitlines()
