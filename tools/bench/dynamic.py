"""Models whose dims stay symbolic beside the same models compiled for one size: ./dev bench --dynamic."""
import json
import pathlib
import statistics
import tempfile

import numpy as np

import harness
import models

SECONDS_PER_TURN = 0.4  # of one `smelt bench`
ROUNDS = 7


def is_open(name):
    """Whether the model's file leaves a dim of an input open."""
    import onnx

    model = onnx.load(models.fetch(name), load_external_data=False)
    constants = {constant.name for constant in model.graph.initializer}
    dims = [dim for value in model.graph.input if value.name not in constants for dim in value.type.tensor_type.shape.dim]
    return not all(dim.HasField("dim_value") for dim in dims)


def turn(artefact, feeds):
    done = harness.smelt_ok("bench", artefact, "--inputs", feeds, "--seconds", SECONDS_PER_TURN, "--no-peaks", "--json", seconds=120)
    return json.loads(done.stdout)


def compile_both(name, target, folder):
    """The artefacts; the dynamic one fixes no dim that the model's file leaves open."""
    paths = {"static": folder / "static.so", "dynamic": folder / "dynamic.so"}
    flags = {"static": models.shape_flags(name), "dynamic": []}
    for kind, path in paths.items():
        harness.smelt_ok("compile", models.fetch(name), *flags[kind], "--target", target, "-o", path, seconds=600)
    return paths


def bench(name, args):
    """Medians over interleaved rounds, of CPU time and of each layer's time, and the arenas."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        artefacts = compile_both(name, args.target, folder)
        feeds = folder / "in.npz"
        np.savez(feeds, **models.inputs(name))
        turns = {kind: [] for kind in artefacts}
        for _ in range(args.rounds or ROUNDS):
            for kind, artefact in artefacts.items():
                turns[kind].append(turn(artefact, feeds))
    result = {"model": name, "rounds": len(turns["static"])}
    for kind, runs in turns.items():
        layers = [[run["layers"][i] for run in runs] for i in range(len(runs[0]["layers"]))]
        result[kind] = {"cpu_ms": statistics.median(run["cpu_ms_per_run"] for run in runs), "arena_bytes": runs[0]["arena_bytes"],
                        "layers": [{**layer[0], "ms": statistics.median(run["median_ms"] for run in layer)} for layer in layers]}
    result["ratio"] = result["dynamic"]["cpu_ms"] / result["static"]["cpu_ms"]
    result["arena_ratio"] = result["dynamic"]["arena_bytes"] / max(1, result["static"]["arena_bytes"])
    return result


def header(_args):
    return f"ratios: symbolic dims to one size\n{'model':14} {'dynamic':>9} {'static':>9} {'ratio':>6} {'arena MB':>9} {'ratio':>6}"


def row(result, _args):
    return (f"{result['model']:14} {result['dynamic']['cpu_ms']:9.3f} {result['static']['cpu_ms']:9.3f} {result['ratio']:6.2f}"
            f" {result['dynamic']['arena_bytes'] / 1e6:9.2f} {result['arena_ratio']:6.2f}")


def summary(results, _args):
    ratios = [result["ratio"] for result in results]
    return [f"geometric mean {statistics.geometric_mean(ratios):.3f}, largest {max(ratios):.2f}"] if ratios else []
