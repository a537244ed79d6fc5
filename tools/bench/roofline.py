"""How much of what this machine can do each model reaches, as `smelt bench` tells: ./dev bench --roofline."""
import json
import pathlib
import tempfile

import numpy as np

import contestants
import harness
import models

SECONDS = 2.0
LAYERS_SHOWN = 3
DECODE_BAR = 0.9  # of the memory's bandwidth, of models that read all their weights for each element


def bench(name, args):
    with tempfile.TemporaryDirectory() as folder:
        artefact = contestants.compile_for(name, args.target, folder, args.precision)
        inputs = models.inputs(name)
        np.savez(pathlib.Path(folder) / "in.npz", **inputs)
        done = harness.smelt_ok("bench", artefact, "--inputs", pathlib.Path(folder) / "in.npz", "--seconds", SECONDS, "--json", seconds=120)
    return {"model": name, "input_bytes": sum(array.nbytes for array in inputs.values()), **summarise(json.loads(done.stdout))}


def rows(layers):
    """Equal kernels that do the same work are one row: {"kernel", "name", "times", "ms", "bound_ms", "bound", "gflops", "gb_per_s"}."""
    found = {}
    for layer in layers:
        if "flop" not in layer:
            continue
        row = found.setdefault((layer["kernel"], layer["flop"], layer["bytes"]),
                               {"kernel": layer["kernel"], "name": layer["name"], "bound": layer["bound"], "times": 0, "ms": 0.0, "bound_ms": 0.0,
                                "flop": 0, "bytes": 0})
        row["times"] += 1
        for key, value in (("ms", layer["min_ms"]), ("bound_ms", layer["bound_ms"]), ("flop", layer["flop"]), ("bytes", layer["bytes"])):
            row[key] += value
    return list(found.values())


def summarise(bench):
    """Of what `smelt bench --json` says: the sums of the layers, and those that lose most time against their bounds."""
    layers = [layer for layer in bench["layers"] if "flop" in layer]
    ms, bound = sum(layer["min_ms"] for layer in layers), sum(layer["bound_ms"] for layer in layers)
    weights = sum(layer["weight_bytes"] for layer in layers)
    grouped = rows(bench["layers"])
    return {"peaks": bench.get("peaks"), "min_ms": bench["min_ms"], "layers_ms": ms, "bound_ms": bound, "of_bound": bound / ms if ms else 0.0,
            "gflops": sum(layer["flop"] for layer in layers) / max(ms, 1e-9) * 1e-6, "weights_gb_per_s": weights / max(bench["min_ms"], 1e-9) * 1e-6,
            "slowest": sorted(grouped, key=lambda row: -row["ms"])[:LAYERS_SHOWN],
            "furthest": sorted(grouped, key=lambda row: row["bound_ms"] - row["ms"])[:LAYERS_SHOWN]}


def header(_args):
    return f"{'model':14} {'layers ms':>9} {'bound ms':>9} {'reached':>8} {'GFLOP/s':>8} {'weights GB/s':>12}   layer furthest from its bound"


def row(result, _args):
    worst = result["furthest"][0] if result["furthest"] else None
    text = f"{worst['ms'] - worst['bound_ms']:.3f} ms lost: {worst['times']} x {worst['kernel']}" if worst else ""
    return (f"{result['model']:14} {result['layers_ms']:9.3f} {result['bound_ms']:9.3f} {100 * result['of_bound']:7.1f}% {result['gflops']:8.1f}"
            f" {result['weights_gb_per_s']:12.2f}   {text}")


def memory_of(results):
    """The best that the memory gave in any of these runs, in GB/s: whatever else runs on the machine only takes some of it."""
    return max((result["peaks"]["read_gb_per_s"]["memory"] for result in results if result["peaks"]), default=0.0)


def summary(results, _args):
    lines, memory = [], memory_of(results)
    for result in results:
        if result["model"] == "gpt2s_decode" and memory:
            # The caches of keys and values, which are inputs here, come from memory as weights do: no cache holds both.
            speed = result["weights_gb_per_s"] + result["input_bytes"] / result["min_ms"] * 1e-6
            share = speed / memory
            lines.append(f"gpt2s_decode reads weights and past keys and values at {speed:.1f} GB/s, {100 * share:.1f} % of the {memory:.1f} GB/s that the "
                         f"memory gives one thread, bar {100 * DECODE_BAR:.0f} %: {'holds' if share >= DECODE_BAR else 'does not hold'}")
    return lines
