"""Multiply-adds a cycle in the inner loops of AArch64 kernels, as llvm-mca estimates them, of processors that are not at hand: ./dev bench --mca.

Each model is compiled for each processor with --emit asm. Of each kernel that multiplies, the loop is taken of whose instructions multiply-adds are the
largest part, and llvm-mca says how many cycles a round takes when all loads hit the first cache. The peak is what it says of multiply-adds alone.
"""
import functools
import pathlib
import re
import statistics
import subprocess
import tempfile

import harness
import models

PROCESSORS = ("neoverse-n1", "cortex-a76", "neoverse-v1", "neoverse-v2")
# Kind → how its kernels are named after the operators in them.
KINDS = {"products and convolutions": ("contract",), "Winograd's products": ("winograd",), "depthwise convolutions": ("conv",)}
LEAST_USEFUL = 4  # multiply-adds in a loop that is worth looking at
ROUNDS = 100

USEFUL = re.compile(r"^\s+(?:fmla|fmul)\s+v\d+\.4s")
LABEL = re.compile(r"^(\.LBB\w+):")
FUNCTION = re.compile(r"^([A-Za-z_][\w.]*):")
BRANCH = re.compile(r"^\s+(?:b(?:\.\w+)?|cbn?z\s+\w+,|tbn?z\s+\w+,\s*#\d+,)\s+(\.LBB\w+)")


def functions(assembly):
    """Yields (name, lines)."""
    name, lines = None, []
    for line in assembly.splitlines():
        if found := FUNCTION.match(line):
            if name:
                yield name, lines
            name, lines = found[1], []
        else:
            lines.append(line)
    if name:
        yield name, lines


def inner_loops(lines):
    """Yields the lines of each loop that has none inside."""
    labels, loops = {}, []
    for number, line in enumerate(lines):
        if found := LABEL.match(line):
            labels[found[1]] = number
        found = BRANCH.match(line)
        if found and found[1] in labels:
            loops.append((labels[found[1]], number))
    for first, last in loops:
        if not any(first <= a and b <= last and (a, b) != (first, last) for a, b in loops):
            yield [line for line in lines[first : last + 1] if re.match(r"^\s+[a-z]", line)]


def hottest_loop(lines):
    """The one of which multiply-adds are the largest part, and how many there are."""
    best, share = (None, 0), 0.0
    for loop in inner_loops(lines):
        useful = sum(bool(USEFUL.match(line)) for line in loop)
        if useful >= LEAST_USEFUL and useful / len(loop) > share:
            best, share = (loop, useful), useful / len(loop)
    return best


def cycles(lines, processor):
    """What llvm-mca takes a round of the loop to last."""
    code = "\n".join(line for line in lines if not BRANCH.match(line))
    command = ["llvm-mca-22", "-mtriple=aarch64", f"-mcpu={processor}", f"-iterations={ROUNDS}"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, timeout=120)
    found = re.search(r"Total Cycles:\s+(\d+)", done.stdout)
    if not found:
        raise harness.Failure(f"llvm-mca: {done.stderr.strip()[-200:]}")
    return int(found[1]) / ROUNDS


@functools.cache
def peak(processor):
    """Multiply-adds a cycle where there is nothing else: as many chains as hide any latency."""
    chains = 24
    return chains / cycles([f"\tfmla v{number}.4s, v30.4s, v31.s[0]" for number in range(chains)], processor)


def kind_of(name):
    return next((kind for kind, prefixes in KINDS.items() if name.startswith(prefixes)), None)


def kernels(name, processor):
    """{kind: {kernel: multiply-adds a cycle}} of a model."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "net.s"
        harness.smelt_ok("compile", models.fetch(name), *models.shape_flags(name), "--target", processor, "--emit", "asm", "-o", path, seconds=600)
        for function, lines in functions(path.read_text()):
            kind = kind_of(function)
            loop, useful = hottest_loop(lines) if kind else (None, 0)
            if loop:
                found.setdefault(kind, {})[function] = useful / cycles(loop, processor)
    return found


def bench(name, _args):
    return {"model": name, "processors": {processor: {"peak": peak(processor), "kernels": kernels(name, processor)} for processor in PROCESSORS}}


def header(_args):
    return f"{'model':14} " + " ".join(f"{name:>13}" for name in PROCESSORS) + "   part of the peak, median over the kernels"


def row(result, _args):
    shares = []
    for of_processor in result["processors"].values():
        all_kernels = [figure for kinds in of_processor["kernels"].values() for figure in kinds.values()]
        shares.append(f"{statistics.median(all_kernels) / of_processor['peak']:13.2f}" if all_kernels else f"{'-':>13}")
    return f"{result['model']:14} " + " ".join(shares)


def table(results):
    """Of all models: (headings, rows), a row for each kind of kernel."""
    headings = ["kernels", "how many"] + [f"{name}, of {peak(name):.0f}" for name in PROCESSORS]
    rows = []
    for kind in KINDS:
        found = [[figure for result in results for figure in result["processors"][name]["kernels"].get(kind, {}).values()] for name in PROCESSORS]
        if all(found):
            rows.append([kind, str(len(found[0])), *(f"{statistics.median(each):.2f} ({min(each):.2f})" for each in found)])
    return headings, rows


def summary(results, _args):
    headings, rows = table(results)
    return [" | ".join(words) for words in (["multiply-adds a cycle, median (least): " + headings[0], *headings[1:]], *rows)]
