#!/usr/bin/env python3
"""What measures: smelt bench's JSON and table, the comparison with peers, and ./dev bench --check, which must notice what got slower.

usage: test_bench.py [NAME…] [--json FILE]
"""
import argparse
import inspect
import json
import pathlib
import shutil
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("test", "test/models", "tools/bench")]

import numpy as np  # noqa: E402
import onnx  # noqa: E402

import contestants  # noqa: E402
import figures  # noqa: E402
import formats  # noqa: E402
import gpu  # noqa: E402
import harness  # noqa: E402
import integers  # noqa: E402
import models  # noqa: E402
import page  # noqa: E402
import peers  # noqa: E402
import results  # noqa: E402
import roofline  # noqa: E402
import turns  # noqa: E402
from harness import Failure, Suite, expect  # noqa: E402

case = Suite()
MODEL = "oww_embed"  # small, and its file leaves the batch open


def compiled(folder, *flags):
    artefact = folder / "net.so"
    harness.smelt_ok("compile", models.fetch(MODEL), *flags, "-o", artefact)
    np.savez(folder / "in.npz", **models.inputs(MODEL))
    return artefact


def measured(artefact, *flags):
    done = harness.smelt_ok("bench", artefact, "--inputs", artefact.with_name("in.npz"), "--seconds", 0.05, *flags)
    return json.loads(done.stdout) if "--json" in flags else done.stdout


def flop_of(bench):
    return sum(layer["flop"] for layer in bench["layers"])


@case
def layers_have_work_and_bounds(folder):
    bench = measured(compiled(folder, *models.shape_flags(MODEL)), "--json")
    for key in ("median_ms", "min_ms", "cpu_ms_per_run", "runs", "arena_bytes", "load_ms", "layers", "peaks"):
        expect(key in bench, f"no '{key}'")
    macs = json.loads(harness.smelt_ok("inspect", models.fetch(MODEL), *models.shape_flags(MODEL), "--json").stdout)["macs"]
    expect(2 * macs <= flop_of(bench) <= 2.2 * macs, f"{flop_of(bench)} operations for {macs} multiply-adds")
    weights = sum(layer["weight_bytes"] for layer in bench["layers"])
    expect(0.9 * bench["weights_bytes"] <= weights <= 1.1 * bench["weights_bytes"], f"{weights} bytes of weights, the artefact has {bench['weights_bytes']}")
    for layer in bench["layers"]:
        expect(layer["bound"] in ("compute", "memory") and layer["bound_ms"] >= 0, f"layer {layer['name']}: {layer}")
        expect(layer["bytes"] >= layer["weight_bytes"] >= 0, f"layer {layer['name']}: more weights than bytes")
    return {"gflops": bench["peaks"]["gflops"]}


@case
def open_dims_are_those_of_the_run(folder):
    dynamic = compiled(folder)
    one = measured(dynamic, "--json")
    shapes = dict.fromkeys(models.MODELS[MODEL].shapes, (3, *next(iter(models.MODELS[MODEL].shapes.values()))[1:]))
    np.savez(folder / "in.npz", **models.inputs(MODEL, shapes=shapes))
    three = measured(dynamic, "--json")
    expect(abs(flop_of(three) / flop_of(one) - 3) < 0.01, f"{flop_of(three)} operations for a batch of 3, {flop_of(one)} for one")


@case
def an_artefact_that_does_not_say_its_work_is_measured_without(folder):
    artefact = compiled(folder, *models.shape_flags(MODEL))
    expect("this machine's peak" in measured(artefact), "no peaks in the table")
    subprocess.run(["llvm-objcopy-22", "-R", ".smelt.work", artefact], check=True)
    expect("peaks" not in measured(artefact, "--json"), "peaks of an artefact without the section")
    expect("does not say" in measured(artefact), "the table does not tell that there are no bounds")


@case
def peaks_that_nobody_wants_are_not_measured(folder):
    said = measured(compiled(folder, *models.shape_flags(MODEL)), "--no-peaks")
    expect("peaks not measured (--no-peaks)" in said and "does not say" not in said, said)


@case
def it_is_said_whether_memory_was_measured_well(folder):
    artefact = compiled(folder, *models.shape_flags(MODEL))
    doubtful = measured(artefact, "--json")["memory_is_doubtful"]
    expect(isinstance(doubtful, bool), f"{doubtful!r}")
    expect("memory_is_doubtful" not in measured(artefact, "--json", "--no-peaks"), "without peaks")


@case
def help_needs_no_build(folder):
    """A fresh clone has neither the build nor Python's packages."""
    shutil.copy(REPOSITORY / "dev", folder / "dev")
    for command, program in (("bench", "bench/bench.py"), ("accuracy", "accuracy/accuracy.py"), ("profile", "profile/models_profile.py")):
        path = folder / "tools" / program
        path.parent.mkdir(parents=True)
        shutil.copy(REPOSITORY / "tools" / program, path)
        for flags in (("--help",), (MODEL, "-h")):
            done = subprocess.run([folder / "dev", command, *flags], capture_output=True, text=True, timeout=60)
            expect(done.returncode == 0 and f"usage: {path.name} [MODEL…]" in done.stdout and not done.stderr, f"{command}: {done}")
    expect(sorted(path.name for path in folder.iterdir()) == ["dev", "tools"], "something was made")


@case
def peers_that_there_are_not_are_told_of():
    done = subprocess.run([sys.executable, REPOSITORY / "tools" / "bench" / "bench.py", "--peers", "ort"], capture_output=True, text=True, timeout=100)
    expect(done.returncode == 2 and "no peer 'ort'; there are onnxruntime, openvino" in done.stderr, done.stderr)


@case
def the_table_fits_a_terminal(folder):
    artefact = compiled(folder, *models.shape_flags(MODEL))
    for flags in ((), ("--layers",), ("--no-peaks",)):
        lines = measured(artefact, *flags).splitlines()[1:]  # the first has the artefact's path
        expect(max(map(len, lines)) <= 140, f"a line of {max(map(len, lines))} columns")


@case
def the_work_takes_no_memory_of_the_device(folder):
    headers = subprocess.run(["readelf", "-SW", compiled(folder)], check=True, capture_output=True, text=True).stdout
    row = next(line for line in headers.splitlines() if ".smelt.work" in line).split("]")[1].split()
    expect(row[2] == "0" * 16 and "A" not in row[6:7], f"the section is loaded: {row}")


@case
def a_ratio_that_got_worse_is_found():
    before = {"a": {"onnxruntime": 0.5, "openvino": 0.8}, "b": {"onnxruntime": 0.5}}
    expect(results.regressions(before, {"a": {"onnxruntime": 0.5, "openvino": 0.87}, "b": {"onnxruntime": 0.54}}) == {}, "noise counts as worse")
    worse = results.regressions(before, {"a": {"onnxruntime": 0.5, "openvino": 0.89}, "b": {"onnxruntime": 0.3}})
    expect(worse == {"a": (0.8, 0.89)}, f"found {worse}")


@case
def only_what_was_measured_both_times_is_compared():
    before = {"a": {"onnxruntime": 0.5, "mnn": 0.9}, "gone": {"onnxruntime": 0.1}}
    expect(results.regressions(before, {"a": {"onnxruntime": 0.52}, "new": {"onnxruntime": 2.0}}) == {}, "0.52 is not worse than 0.5")
    expect(list(results.regressions(before, {"a": {"onnxruntime": 0.6}})) == ["a"], "0.6 is worse than 0.5, whatever the ratio to MNN was")
    expect(results.regressions(before, {"a": {"openvino": 0.6}}) == {}, "nothing in common")


@case
def suspicious_models_are_measured_again():
    before = {"ratios": {"a": {"onnxruntime": 0.5}, "b": {"onnxruntime": 0.5}}}
    asked = []

    def again(ratio):
        def measure(names):
            asked.append(names)
            return [{"model": name, "ratio": {"onnxruntime": ratio}} for name in names]
        return measure

    now = [{"model": "a", "ratio": {"onnxruntime": 0.6}}, {"model": "b", "ratio": {"onnxruntime": 0.5}}]
    expect(results.check(before, now, again(0.5)) == {}, "noise fails")
    expect(results.check(before, now, again(0.6)) == {"a": (0.5, 0.6)}, "a regression does not fail")
    expect(asked == [["a"], ["a"]], f"measured again: {asked}")


def entry(target, ratio):
    args = argparse.Namespace(target=target, precision="f32")
    return results.entry([{"model": "a", "ratio": {"onnxruntime": ratio}, "median_ms": {"smelt": 1.0}}], args, {"onnxruntime": "1"})


@case
def results_are_kept_by_processor_and_target(folder):
    for target, ratio in (("native", 0.5), ("x86-64-v3", 0.7), ("native", 0.6)):
        path = results.store(entry(target, ratio), folder)
    entries = results.read(path)
    expect(len(entries) == 3 and len(path.read_text().splitlines()) == 3, "not a line a run")
    expect(results.last(entries, "native", "f32")["ratios"] == {"a": {"onnxruntime": 0.6}}, "not the last of the target")
    expect(results.last(entries, "native", "bf16") is None, "another precision")
    expect(results.file_of("Some CPU (R) 2.0", folder).name == "some-cpu-r-2-0.jsonl", "name of the file")
    expect(len(results.trend(entries)) == 4 and "0.600" in results.trend(entries)[-1], f"{results.trend(entries)}")


@case
def outputs_of_peers_are_looked_at():
    want = {"x": np.ones((2, 3), np.float32), "y": np.arange(3)}
    expect(contestants.wrong({"x": want["x"], "y": want["y"]}, want) is None, "the same outputs")
    expect(contestants.wrong({"#0": want["x"][0:], "#1": want["y"]}, want) is None, "without names, in order")
    expect("wrong numbers" in contestants.wrong({"x": want["x"] * 1.02, "y": want["y"]}, want), "2 % off")
    expect(contestants.wrong({"x": want["x"] * 1.02, "y": want["y"]}, want, contestants.MOST_ERROR_ROUNDED) is None, "2 % off where it rounds")
    expect("wrong numbers" in contestants.wrong({"x": want["x"] * np.nan, "y": want["y"]}, want), "NaN")
    expect("wrong shape" in contestants.wrong({"x": want["x"][0], "y": want["y"]}, want), "half of an output")
    expect("wrong shape" in contestants.wrong({"x": want["x"]}, want), "an output is missing")


class Fake:
    def __init__(self, name, milliseconds):
        self.name, self.milliseconds, self.turns = name, milliseconds, 0

    def turn(self, count):
        self.turns += 1
        return {"cpu": count * self.milliseconds / 1e3, "wall": 2 * count * self.milliseconds / 1e3}


@case
def turns_are_taken_until_the_time_is_up():
    fakes = [Fake("smelt", 10), Fake("near", 12), Fake("far", 50)]
    medians, rounds = turns.take_turns(fakes, 3.0)
    expect(all(abs(medians[fake.name] / fake.milliseconds - 1) < 1e-9 for fake in fakes), f"{medians}")
    expect(rounds > 20 and fakes[1].turns == rounds + 2, f"{rounds} rounds, {fakes[1].turns} turns")
    expect(fakes[2].turns == turns.FEWEST_ROUNDS + 2, "who is far behind goes on")
    expect(abs(turns.take_turns([Fake("smelt", 10)], 0, 7, "wall")[0]["smelt"] / 20 - 1) < 1e-9, "by the clock")
    expect(peers.fastest_of({"a": 0.5, "b": 0.9}) == {"fastest": "b", "worst_ratio": 0.9} and peers.fastest_of({}) == {}, "the fastest peer")


@case
def who_is_hopeless_has_one_turn():
    fakes = [Fake("smelt", 10), Fake("hopeless", 2000)]
    medians = turns.race(fakes, 3.0)[0]
    expect(fakes[1].turns == 2 and abs(medians["hopeless"]["wall"] / 4000 - 1) < 1e-9, f"{fakes[1].turns} turns, {medians}")


@case
def devices_are_compared_by_their_own_clock():
    args = argparse.Namespace(target="vulkan:lavapipe", peers=("ncnn",))
    both = {"cpu": 3.0, "wall": 4.0}
    result = {"model": "net", "clock": gpu.clock_of(args), "median_ms": {"smelt": both, "ncnn_vulkan": {"cpu": 4.0, "wall": 1.0}}, "ratio": {"ncnn_vulkan": 0.75},
              "errors": {"iree_vulkan": "wrong numbers"}, "notes": {}, "fastest": "ncnn_vulkan", "worst_ratio": 0.75}
    expect(gpu.clock_of(args) == "cpu" and gpu.clock_of(argparse.Namespace(target="vulkan")) == "wall", "whose clock")
    expect(gpu.peers_of(args) == ("ncnn_vulkan",) and len(gpu.peers_of(argparse.Namespace(peers=()))) == 2, "which peers")
    expect(gpu.row(result, args).split() == ["net", "3.00", "4.00", "0.75", "-", "-"], gpu.row(result, args))
    said = gpu.summary([result, {"model": "alone", "errors": {}, "notes": {}}], args)
    expect("0.750" in said[0] and "above it: none" in said[0] and "no peer runs alone" in said[1] and "net: IREE: wrong numbers" in said[2], f"{said}")


@case
def equal_kernels_are_one_row():
    layer = {"name": "l", "kernel": "k", "min_ms": 2.0, "flop": 100, "bytes": 10, "weight_bytes": 5, "bound": "compute", "bound_ms": 1.0}
    layers = [layer, layer, layer | {"flop": 50, "min_ms": 0.5, "bound_ms": 0.5}, {"name": "no work", "kernel": "", "min_ms": 1.0}]
    summary = roofline.summarise({"layers": layers, "min_ms": 5.0})
    expect([(row["times"], row["ms"]) for row in summary["furthest"]] == [(2, 4.0), (1, 0.5)], f"{summary['furthest']}")
    expect(abs(summary["of_bound"] - 2.5 / 4.5) < 1e-9, f"{summary['of_bound']}")


@case
def figures_beyond_their_bars_are_named():
    good = {"model": "resnet50", "compile_s": 2.9, "compile_mb": 400, "weights_mb": 102, "load_ms": 0.3, "run_over_mb": 1.5}
    expect(figures.misses(good) == {}, f"{figures.misses(good)}")
    expect(figures.misses(good | {"compile_s": 3.1}) == {"compile_s": (3.1, 3.0)}, "resnet50 may take 3 s")
    expect(figures.misses(good | {"model": "vit_s", "compile_s": 9}) == {}, "vit_s has no bar")
    expect(figures.misses(good | {"compile_mb": 505}) == {"compile_mb": (505, 504)}, "2 x weights + 300")
    said = figures.summary([good | {"code_kb": 301, "arena_ratio": 1.0}], None)
    expect("does not hold" in said[0] and "holds" in said[1] and "not" not in said[1], f"{said[:2]}")


@case
def smelt_and_a_peer_take_turns(folder):
    done = subprocess.run([sys.executable, REPOSITORY / "tools" / "bench" / "bench.py", MODEL, "--rounds", "5", "--peers", "onnxruntime", "--json",
                           folder / "figures.json"], capture_output=True, text=True, timeout=200)
    expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr or done.stdout}")
    result = json.loads((folder / "figures.json").read_text())["results"][0]
    expect(result["errors"] == {} and result["fastest"] == "onnxruntime", f"{result}")
    expect(abs(result["median_ms"]["smelt"] / result["median_ms"]["onnxruntime"] - result["worst_ratio"]) < 1e-6, f"{result}")
    expect("geometric mean of the ratio to the fastest peer" in done.stdout, done.stdout)


@case
def integers_are_measured_beside_integers(folder):
    done = subprocess.run([sys.executable, REPOSITORY / "tools" / "bench" / "bench.py", MODEL, "--precision", "int8", "--rounds", "5", "--peers", "onnxruntime",
                           "--json", folder / "figures.json"], capture_output=True, text=True, timeout=500)
    expect(done.returncode == 0, f"exit code {done.returncode}: {done.stderr or done.stdout}")
    result = json.loads((folder / "figures.json").read_text())["results"][0]
    expect(result["errors"] == {} and set(result["median_ms"]) == {"smelt", "onnxruntime"}, f"{result}")
    for name, note in result["notes"].items():
        expect(float(note.split("cosine ")[1].split()[0]) > 0.9, f"{name}: {note}")
    proto = onnx.load(integers.quantised(MODEL, "onnxruntime"))
    expect(any(node.op_type == "DequantizeLinear" for node in proto.graph.node), "ONNX Runtime ran the model in f32")
    one, other = integers.calibration(MODEL)[0], integers.calibration("mobilenetv2")[0]
    expect(one != other and len(list(one.glob("*.npz"))) > 1, f"samples in {one} and {other}")


@case
def cosines_are_of_the_worst_output():
    x = {"a": np.float32([1, 0]), "b": np.float32([3, 4]), "n": np.int64([7])}
    expect(abs(integers.cosine(x, x) - 1) < 1e-6, "of the same")
    expect(abs(integers.cosine({"#0": x["a"], "#1": np.float32([4, 3]), "#2": x["n"]}, x) - 0.96) < 1e-6, "by order")
    expect(np.isnan(integers.cosine({"a": x["a"]}, x)), "an output is missing")


@case
def a_contestant_that_cannot_run_says_why(folder):
    jobs = contestants.jobs(MODEL, ("onnxruntime",), "native", folder)
    (folder / "no.onnx").write_bytes(b"no model")
    for bad in (jobs[1] | {"model": str(folder / "no.onnx")}, jobs[0] | {"artefact": str(folder / "no.onnx")}):
        try:
            contestants.Contestant(bad).close()
        except contestants.Failed as error:
            expect(str(error), "no reason")
            continue
        raise Failure(f"{bad['peer']} runs what is no model")


@case
def other_formats_have_options_of_their_own():
    expect(formats.named(["resnet18", "--format", "pt2", "--rounds", "3"]) == ("pt2", ["resnet18", "--rounds", "3"]), "not told apart")
    expect(formats.named(["resnet18", "--rounds", "3"]) is None, "a format that nobody asked for")


@case
def the_page_shows_what_was_measured():
    expect(page.table(["a", "b"], [["x", "1"]]) == "| a | b |\n|---|---:|\n| x | 1 |", "a table")
    expect(page.PAGE.exists(), f"no {page.PAGE}")
    text = page.PAGE.read_text()
    for command in ("./dev bench --page", "./dev bench --format tflite", "./dev bench --format pt2", "./dev bench --gpu", "./dev bench --peers", "--target x86-64-v3", "./dev bench --figures", "./dev bench --roofline"):
        expect(command in text, f"the page does not tell of {command}")


def in_folder(function):
    """A case that takes a folder, whether or not it has a use for it."""
    return function if inspect.signature(function).parameters else lambda _folder: function()


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, [(name, in_folder(function)) for name, function in case], in_folder=True))
