#!/usr/bin/env python3
"""smelt profile: metrics, budgets, data, fronts, reports; a run that goes on where it was stopped; and a cluster that loses a worker.

usage: test_profile.py [NAME…] [--json FILE]
"""
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from unittest import mock

import numpy as np

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in (".", "hostile", "precisions", "../tools/profile", "../tools/python")]
import cluster
import harness
from bounded import Done, one_line
from harness import expect, smelt_ok
from smelt import SmeltError
from smelt.profile import budget, data, front, latency, metrics, points
from test_layers import WIDTH, calibration, network
from test_samples import images, pictures
from test_samples import network as image_network

case = harness.Suite()
NAMES = tuple(f"/mm_{i}" for i in range(8))


def fails(code, word, function, *arguments):
    try:
        function(*arguments)
    except SmeltError as error:
        expect(error.exit_code == code and word in str(error), f"exit code {error.exit_code}: {error}")
    else:
        raise harness.Failure(f"no error for {arguments}")


def refuses(codes, words, *arguments, **options):
    done = Done("profile", *arguments, **options)
    expect(done.code in codes, f"{arguments}: exit code {done.code}: {done.errors[-300:]}")
    one_line(done)
    for word in words:
        expect(word in done.errors, f"no '{word}' in: {done.errors.strip()}")


# ------------------------------------------------------------------------------------------------------------- parts


@case
def built_in_metrics(folder):
    a = {"y": np.array([[1, 2, 3], [3, 1, 2]], np.float32)}
    b = {"y": np.array([[1, 2, 4], [1, 3, 2]], np.float32)}
    cosine, top1, iou, decisions = (metrics.Metric.of(name).function() for name in ("cosine", "top1", "iou:threshold=2.5", "decisions:threshold=2.5"))
    expect(abs(cosine(a, a, {})[0] - 1) < 1e-12 and 0.8 < cosine(a, b, {})[0] < 0.99, f"{cosine(a, b, {})}")
    expect(top1(a, b, {}) == (1, 2) and top1(a, b, {"labels": np.array([2, 1])}) == (2, 2), "top1")
    expect(iou(a, b, {}) == (1, 3) and decisions(a, b, {}) == (4, 6), f"{iou(a, b, {})} {decisions(a, b, {})}")
    bad = {"y": np.full((2, 3), np.nan, np.float32)}
    expect(cosine(a, bad, {})[0] == 0, "NaN is no agreement")
    expect(metrics.edits("kitten", "sitting") == 3 and metrics.edits("", "ab") == 2, "edits")

    def scores(*classes):
        return {"y": np.eye(6, dtype=np.float32)[list(classes)][None]}

    characters, wer = metrics.Metric.of("characters").function(), metrics.Metric.of("wer:space=5").function()
    exact = scores(1, 1, 0, 1, 2, 5, 3)  # "11 2 5 3" without repeats and blanks: 1 1 2 5 3
    expect(characters(exact, scores(1, 0, 1, 2, 2, 5, 3), {}) == (5, 5), "CTC collapses repeats")
    expect(characters(exact, scores(1, 0, 1, 4, 4, 5, 3), {}) == (4, 5), "one character is another")
    expect(wer(exact, scores(1, 0, 1, 4, 4, 5, 3), {}) == (1, 2), f"{wer(exact, scores(1, 0, 1, 4, 4, 5, 3), {})}")
    nothing = {"y": np.full((2, 3), np.nan, np.float32), "z": np.zeros(3, np.float32)}
    for name in ("cosine", "top1", "iou:output=y"):
        fails(2, "output 'y' is NaN throughout", metrics.Metric.of(name).function(), nothing, nothing, {})
    expect(metrics.Metric.of("cosine:output=z").function()(nothing, nothing, {}) == 1, "another output")
    for text, word in (("beauty", "no metric 'beauty'"), ("iou:blank=1", "no option 'blank'"), ("iou:threshold=x", "no float"), ("absent.py:f", "cannot be read"),
                       ("iou:", "threshold, as in"), ("iou:threshold=0.3,", "empty"), ("met.py", "met.py:FUNCTION"), ("met.py:", "met.py:FUNCTION")):
        fails(2, word, metrics.Metric.of, text)


@case
def metrics_of_ones_own(folder):
    (folder / "mine.py").write_text("import numpy as np\ndef good(exact, outputs, sample):\n    return 0.5\ndef bad(exact, outputs, sample):\n    return 'x'\n")
    expect(metrics.Metric.of(f"{folder}/mine.py:good").function()(None, None, None) == 0.5, "own function")
    fails(2, "no function 'better'", metrics.Metric.of, f"{folder}/mine.py:better")
    (folder / "broken.py").write_text("def f(:\n")
    fails(2, "SyntaxError", metrics.Metric.of, f"{folder}/broken.py:f")
    for value in ("x", None, (1, 2, 3), float("nan"), (1, -1)):
        fails(2, "returned", metrics.pair, value, "mine")
    expect(metrics.pair(np.float32(0.5), "") == (0.5, 1) and metrics.pair((1, 2), "") == (1, 2), "pair")


@case
def amounts_and_budgets(folder):
    expect(budget.size("", "4MB") == 4e6 and budget.size("", "1.5 KiB") == 1536 and budget.size("", "7") == 7, "sizes")
    expect(budget.part("", "1%") == 0.01 and budget.part("", "0.6") == 0.6 and budget.milliseconds("", "2 ms") == 2 and budget.milliseconds("", "5us") == 0.005, "parts")
    for parse, text in ((budget.size, "4 cats"), (budget.size, "-1"), (budget.part, "nan"), (budget.milliseconds, "")):
        fails(2, "wanted", parse, "--max", text)
    path = folder / "budget.yaml"
    path.write_text("# what may be\n---\nprecision: int8   # whole\nmax_size: '6 MB'\nmax_loss: 1 %\n")
    expect(budget.read(path) == {"precision": "int8", "max_size": 6e6, "max_loss": 0.01}, f"{budget.read(path)}")
    for text, word in (("max_size 4", "key: value"), ("max_weight: 4", "'max_weight'"), ("max_size: 1\nmax_size: 2", "twice"), ("max_size: big", "line 1"),
                       ("precision: int8", "no limit"), ("a:\n  max_size: 1", "key: value"), ("", "no limit")):
        path.write_text(text)
        fails(3, word, budget.read, path)
    fails(5, "cannot be read", budget.read, folder / "absent.yaml")


@case
def which_samples_are_for_what(folder):
    samples = calibration(folder)
    found = data.find(str(samples))
    expect(len(found.calibration) == len(found.evaluation) == 3 and not set(found.calibration) & set(found.evaluation), f"{found}")
    one = data.find(str(samples / "0.npz"))
    expect(one.calibration == one.evaluation, "one file is both")
    for use in (data.CALIBRATION, data.EVALUATION):
        (samples / use).mkdir()
    fails(2, "no .npz or .npy file", data.find, str(samples))
    (samples / data.CALIBRATION / "0.npz").write_text("no arrays")
    fails(2, "no .npz or .npy file", data.find, str(samples))
    fails(3, "not a .npz file", data.read, samples / data.CALIBRATION / "0.npz")
    np.save(folder / "bare.npy", np.zeros(3))
    (folder / "bare.npy").rename(folder / "bare.npz")
    fails(3, "not a .npz file", data.read, folder / "bare.npz")
    np.save(folder / "one.npy", np.ones(3))
    expect(list(data.read(folder / "one.npy", {"x"})) == ["x"], "an array by itself is the only input")
    fails(2, "2 inputs", data.read, folder / "one.npy", {"x", "z"})
    (folder / "images").mkdir()
    (folder / "images" / "a.PNG").write_bytes(b"")
    fails(2, "a.PNG", data.find, str(folder / "images"))


def _point(number, size, loss, target="native"):
    return {"number": number, "name": f"p{number}", "size": size, "loss": loss, "target": target, "latency_ms": None}


@case
def samples_that_are_made_up(folder):
    """Of the types that `smelt inspect` names."""
    inputs = [{"name": "a", "type": "f32", "shape": [2, 3]}, {"name": "b", "type": "i64", "shape": []}, {"name": "c", "type": "bool", "shape": [4]},
              {"name": "d", "type": "bf16", "shape": [8]}, {"name": "e", "type": "i32", "shape": [99], "range": [5, 8]},
              {"name": "f", "type": "u64", "shape": [99], "range": [7, 2**63 - 1]}]
    made = data.read(data.seeded(inputs, folder).evaluation[0])
    expect({name: str(array.dtype) for name, array in made.items()} == {"a": "float32", "b": "int64", "c": "bool", "d": "uint16", "e": "int32", "f": "uint64"} and made["a"].shape == (2, 3), f"{made}")
    expect(set(made["e"]) == {5, 6, 7, 8} and set(made["f"]) == {7, 8}, f"{made['e']} {made['f']}")
    fails(2, "open dims", data.seeded, [{"name": "a", "type": "f32", "shape": [None, 3]}], folder)
    fails(2, "f8e5m2", data.seeded, [{"name": "a", "type": "f8e5m2", "shape": [3]}], folder)


@case
def what_nobody_expected(folder):
    """An exception in Smelt itself is a defect, and no budget that is exceeded."""
    code = "import sys; from smelt.profile import command; command.run = lambda arguments: {}['dtype']; sys.exit(command.main([]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    expect(done.returncode == 70 and "KeyError: 'dtype'" in done.stderr and done.stderr.count("\n") == 1, f"{done.returncode}: {done.stderr}")


@case
def latencies_end(folder):
    """After the time that is allowed no round begins, the first aside, however long opening or a run takes; where there is time, there are enough of them."""
    def rounds(seconds, opening, run):
        class Runner:
            def __init__(self, path, sample):
                time.sleep(opening)
                self.count = 1

            def turn(self, count):
                time.sleep(run)
                return run

        with mock.patch.multiple(latency, _Runner=Runner, data=mock.Mock()):
            return len(latency.measure([{"number": number, "artefact": ""} for number in range(2)], "", seconds))

    expect(rounds(0.05, 0.05, 0) == 1, "opening took all of the time")
    expect(1 <= rounds(0.5, 0, 0.05) <= 5, "rounds of 0.1 s each in half a second")
    expect(rounds(60, 0, 0) == latency.LEAST_ROUNDS, "there is time")


@case
def what_beats_what(folder):
    """A point that is no better in size and loss stays only where it is clearly faster; noise within the margin changes nothing."""
    rng = np.random.default_rng(1)
    for speed, stays in ((1.0, False), (0.95, False), (0.6, True), (1.5, False)):
        for _ in range(20):
            found = [_point(0, 10, 0.0), _point(1, 12, 0.1), _point(2, 5, 0.2)]
            rounds = [{0: 1 + rng.normal(0, 0.03), 1: speed + rng.normal(0, 0.03), 2: 1.0} for _ in range(32)]
            front.mark(found, {"native": rounds})
            expect([point["on_front"] for point in found] == [True, stays, True], f"{speed}: {found}")
            expect(found[1]["dominated_by"] == (None if stays else "p0"), f"{found}")
    same = [_point(0, 10, 0.1), _point(1, 10, 0.1), _point(2, 10, 0.1, "aarch64")]
    front.mark(same, {})
    expect([point["on_front"] for point in same] == [True, False, True], "of equals the first; other targets are no rivals")


@case
def what_is_chosen(folder):
    found = [dict(_point(0, 40, 0.0), on_front=True, latency_ms=4.0), dict(_point(1, 20, 0.01), on_front=True, latency_ms=2.0),
             dict(_point(2, 10, 0.05), on_front=True, latency_ms=1.0), dict(_point(3, 5, 0.01), on_front=False, latency_ms=1.0)]
    for limits, name in (({"loss": 0.02}, "p1"), ({"size": 25}, "p1"), ({"loss": 0.1}, "p2"), ({"latency_ms": 3.0, "loss": 0.02}, "p1"), ({"loss": 0.02, "size": 15}, None), ({}, None)):
        chosen = front.choose(found, limits)
        expect((chosen and chosen["name"]) == name, f"{limits}: {chosen}")


@case
def mixtures_along_the_order(folder):
    told = {"all_lowered": 1, "layers": [{"index": i, "name": "a" if i < 2 else f"n{i}", "precision": "int8" if i != 5 else "f32", "multiply_adds": 10,
                                          "alone": 2.0 ** -((i * 3) % 7)} for i in range(7)]}
    file = {"default": "int8", "layers": {"a": [{"precision": "int8", "range": [0, 1]}, {"precision": "int8", "range": [0, 2]}],
                                          **{f"n{i}": {"precision": "int8" if i != 5 else "f32", "range": [0, i]} for i in range(2, 7)}}}
    mixtures = points.Mixtures("native", told, json.dumps(file))
    expect([layer["index"] for layer in mixtures.order] == [0, 3, 1, 6, 4, 2], f"{mixtures.order}")
    kept = mixtures.spread(4)
    expect(kept[0] == 0 and len(kept) == 4 and mixtures.error(kept[-1]) <= 0.05 * mixtures.error(0), f"{kept}")
    job = mixtures.job(3, "bf16")
    layers = json.loads(job.configuration)["layers"]
    expect([entry["precision"] for entry in layers["a"]] == ["bf16", "bf16"] and layers["n3"]["precision"] == "bf16" and layers["n4"]["precision"] == "int8", f"{layers}")
    expect(mixtures.job(0, "bf16").name == "int8-all" and job.name == "int8-keep-3", job.name)


# ------------------------------------------------------------------------------------------------------------- whole


def profile(folder, *arguments, code=0, report="report.html", **options):
    done = harness.smelt("profile", *arguments, "-o", folder / report, seconds=300, env={**os.environ, "SMELT_PYTHON": sys.executable}, **options)
    expect(done.returncode == code, f"exit code {done.returncode}, not {code}: {done.stderr.strip()[-400:]}")
    return json.loads((folder / report).with_suffix(".json").read_text()), done


@case
def a_report(folder):
    """Every point is made again, byte by byte, by the file beside the report; nothing else is left; the page needs nothing from elsewhere."""
    model, samples = network(folder, names=NAMES, hard=3), calibration(folder)
    result, done = profile(folder, model, "--data", samples)
    found = {point["id"]: point for point in result["points"]}
    expect(len(found) >= 8 and {"f32", "bf16", "f16", "int8"} <= set(found), f"{list(found)}")
    expect(found["f32"]["loss"] == 0 and found["f32"]["latency_ratio"] == 1 and found["f32"]["on_front"], f"{found['f32']}")
    expect(set(result["front"]) == {name for name, point in found.items() if point["on_front"]} and len(result["front"]) >= 3, f"{result['front']}")
    ranges = folder / "ranges"
    ranges.mkdir()
    for path in sorted(samples.iterdir())[::2]:
        (ranges / path.name).write_bytes(path.read_bytes())
    for name, point in found.items():
        more = ["--calibration", ranges] if point["needs_data"] else []
        smelt_ok("compile", model, "--precision", folder / point["configuration"], "--skip-error", *more, "-o", folder / "again.so")
        again = subprocess.run(["sha256sum", folder / "again.so"], capture_output=True, text=True).stdout.split()[0]
        expect(again == point["sha256"], f"{name}: other bytes from {point['configuration']}")
    expect(sorted(path.name for path in (folder / "report.points").iterdir()) == sorted(f"{name}.json" for name in found), "files beside the report")
    page = (folder / "report.html").read_text()
    expect("int8-keep-" in page and not re.search(r"(?:src|href)=|https?://(?!www\.w3\.org/2000/svg)|@import|url\(", page), "the page asks for something from elsewhere")
    expect(all(name in done.stdout for name in found), done.stdout)
    return {"points": len(found), "front": len(result["front"])}


@case
def within_a_budget(folder):
    model, samples = network(folder, names=NAMES, hard=3), calibration(folder)
    result, done = profile(folder, model, "--data", samples, "--max-loss", "0.015%", "--summary", folder / "summary.md")
    chosen = next(point for point in result["points"] if point["id"] == result["chosen"])
    expect(chosen["loss"] <= 0.00015 and chosen["within_budget"] and chosen["id"] in done.stdout, f"{chosen['id']}: {chosen['loss']}")
    expect(all(point["size"] >= chosen["size"] for point in result["points"] if point["on_front"] and point["within_budget"]), "a smaller one is within")
    kept = sorted(point["kept"] for point in result["points"] if point["kept"] is not None)
    holds = {point["kept"]: point["loss"] <= 0.00015 for point in result["points"] if point["kept"] is not None}
    expect(any(not holds[a] and holds[b] and b - a == 1 for a, b in zip(kept, kept[1:])), f"where the budget ends was not looked for: {holds}")
    summary = (folder / "summary.md").read_text()
    expect(summary.count("|\n") == len(result["points"]) + 2 and "int8-all" in summary + " int8-all", summary)
    # As typed where the profile was, whatever the report's folder is called.
    (folder / "a report").mkdir()
    done = harness.smelt("profile", "net.onnx", "--data", "samples", "--max-loss", "0.1%", "--points", "4", "-o", "a report/r.html", seconds=300, cwd=folder,
                         env={**os.environ, "SMELT_PYTHON": sys.executable})
    command, told = done.stdout.split("within the budget")[1].splitlines()[1].strip(), json.loads((folder / "a report" / "r.json").read_text())
    again = subprocess.run(f"{command} -o again.so --skip-error", shell=True, cwd=folder, capture_output=True, text=True, env={**os.environ, "PATH": f"{harness.BIN}:{os.environ['PATH']}"})
    point = next(point for point in told["points"] if point["id"] == told["chosen"])
    expect(again.returncode == 0 and hashlib.sha256((folder / "again.so").read_bytes()).hexdigest() == point["sha256"], f"{command}: {again.stderr}")
    expect(point["command"] == command, point["command"])
    result, done = profile(folder, model, "--data", samples, "--max-loss", "0.0001%", "--max-size", "1KB", "--points", "6", code=1)
    expect(result["chosen"] is None and "no point is within the budget" in done.stdout, done.stdout)
    return {"chosen": chosen["id"]}


@case
def labels_and_a_metric_of_ones_own(folder):
    model, samples = network(folder, names=NAMES[:3], hard=None), folder / "labelled"
    rng = np.random.default_rng(2)
    samples.mkdir()
    for i in range(4):
        np.savez(samples / f"{i}.npz", x=rng.standard_normal((1, 16, WIDTH)).astype(np.float32), labels=rng.integers(0, WIDTH, (1, 16)))
    result, _ = profile(folder, model, "--data", samples, "--metric", "top1", "--points", "5")
    expect(0 <= result["points"][0]["score"] < 0.5 and result["points"][0]["loss"] == 0, "f32 is judged by labels as well")
    (folder / "mine.py").write_text("def share(exact, outputs, sample):\n    assert sample['labels'].shape == (1, 16)\n    return (outputs['y'] > 0).sum(), outputs['y'].size\n")
    result, _ = profile(folder, model, "--data", samples, "--metric", f"{folder}/mine.py:share", "--points", "5")
    expect(result["metric"] == "share" and 0 < result["points"][0]["score"] < 1, f"{result['metric']}")
    (folder / "mine.py").write_text("def share(exact, outputs, sample):\n    return sample['absent']\n")
    refuses([2], ["KeyError", "share"], model, "--data", samples, "--metric", f"{folder}/mine.py:share", "-o", folder / "r.html")
    (folder / "budget.yaml").write_text("max_size: 1 KB\n")
    for text in ("def share(exact, outputs, sample):\n    raise SystemExit(0)\n", "raise SystemExit(0)\n"):
        (folder / "mine.py").write_text(text)
        refuses([2], ["SystemExit", "share"], model, "--data", samples, "--metric", f"{folder}/mine.py:share", "--check", folder / "budget.yaml")


@case
def samples_that_tell_nothing(folder):
    """NaN is the sample's fault, or the output's, and no metric's."""
    model, samples, x = network(folder, names=NAMES[:2], hard=None), folder / "bad", np.ones((1, 16, WIDTH), np.float32)
    samples.mkdir()
    for number in range(4):
        np.save(samples / f"{number}.npy", x)
    output = ("-o", folder / "r.html")
    x[0, 2, 5] = np.nan
    for number in (2, 3):
        np.save(samples / f"{number}.npy", x)
        refuses([2], [f"bad/{number}.npy", "input 'x'", f"element {2 * WIDTH + 5}"], model, "--data", samples, *output, environment={"SMELT_PYTHON": sys.executable})
        np.save(samples / f"{number}.npy", np.ones_like(x))
    np.save(samples / "2.npy", np.ones((1, 16, 3), np.float32))  # what smelt compile says of a file is said of the user's
    refuses([2], ["bad/2.npy", "1x16x3"], model, "--data", samples, *output, environment={"SMELT_PYTHON": sys.executable})
    for number in range(4):
        np.save(samples / f"{number}.npy", np.full_like(x, np.inf))  # less infinity is NaN
    (folder / "mine.py").write_text("def mean(exact, outputs, sample):\n    return outputs['y'].mean()\n")
    for metric in ("cosine", f"{folder}/mine.py:mean"):
        refuses([2], ["bad/1.npy", "output 'y' is NaN throughout"], model, "--data", samples, "--metric", metric, *output, environment={"SMELT_PYTHON": sys.executable})


@case
def without_data(folder):
    model = network(folder, names=NAMES[:2], hard=None)
    result, done = profile(folder, model, "--points", "3")
    expect(result["data"]["name"] == "seeded inputs" and len(result["points"]) >= 3, f"{result['data']}")
    (folder / "budget.yaml").write_text("max_size: 1 KB\n")
    done = harness.smelt("profile", model, "--check", folder / "budget.yaml", env={**os.environ, "SMELT_PYTHON": sys.executable})
    expect(done.returncode == 1 and "EXCEEDED" in done.stdout, f"{done.returncode}: {done.stderr}")


@case
def several_targets(folder):
    model, samples = network(folder, names=NAMES[:3], hard=None), calibration(folder)
    result, _ = profile(folder, model, "--data", samples, "--points", "6", "--target", "native", "--target", "aarch64")
    found = {point["id"]: point for point in result["points"]}
    expect("int8@aarch64" in found and found["int8@aarch64"]["latency_ms"] is None and found["int8@native"]["latency_ms"] > 0, f"{list(found)}")
    expect({name.rpartition("@")[2] for name in result["front"]} == {"native", "aarch64"}, f"{result['front']}")


@case
def goes_on_where_it_was(folder):
    """Killed after three trials, the second run does the others only, and the report is that of a run in one piece."""
    model, samples = network(folder, names=NAMES, hard=3), calibration(folder)
    whole, _ = profile(folder, model, "--data", samples, report="whole.html")
    trials = folder / "report.points" / "trials"
    process = subprocess.Popen([harness.BIN / "smelt", "profile", model, "--data", samples, "-o", folder / "report.html"], start_new_session=True,
                               env={**os.environ, "SMELT_PYTHON": sys.executable}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(trials.glob("*/*.json"))) < 3 and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    expect(not (folder / "report.html").exists() and not (folder / "report.json").exists(), "a report is there before its time")
    again, done = profile(folder, model, "--data", samples)
    expect("from an earlier run" in done.stderr, done.stderr)
    expect(not cluster.differences(whole, again), "; ".join(cluster.differences(whole, again))[:400])
    expect(not trials.exists(), "trials are left")


def profiled_by_workers(folder, count, lose):
    """A profile here, and one by so many workers, during which `lose(cluster)` is called; they may differ in latencies only."""
    model, samples = network(folder, names=NAMES, hard=3), calibration(folder)
    environment, arguments, lost = cluster.environment(), [model, "--data", samples, "--metric", "decisions:threshold=0.1"], []
    code, said = cluster.profile(arguments, folder / "here.html", environment)
    expect(code == 0, said[-300:])
    with cluster.Cluster(count) as workers:
        code, said = cluster.profile([*arguments, "--workers", workers.address], folder / "there.html", environment, kill=lambda: lost.append(lose(workers)),
                                     after=4)
    expect(code == 0 and lost, f"exit code {code}, {len(lost)} workers lost: {said[-300:]}")
    here, there = (json.loads((folder / f"{name}.json").read_text()) for name in ("here", "there"))
    expect(not cluster.differences(here, there), "; ".join(cluster.differences(here, there))[:400])
    return {"points": len(there["points"]), "front": len(there["front"])}


@case
def leaves_nothing_when_it_is_told_to_end(folder):
    """Before a trial, and in the middle of one: neither a temporary folder nor a process stays; what is done is kept."""
    model, samples = network(folder, names=NAMES, hard=3), calibration(folder)
    trials, place = folder / "report.points" / "trials", folder / "temporary"
    place.mkdir()
    for done in (0, 2):
        process = subprocess.Popen([harness.BIN / "smelt", "profile", model, "--data", samples, "-o", folder / "report.html"], start_new_session=True, text=True,
                                   env={**os.environ, "SMELT_PYTHON": sys.executable, "TMPDIR": str(place)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while (len(list(trials.glob("*/*.json"))) < done or not list(place.glob("smelt-profile-*/*"))) and process.poll() is None:
            time.sleep(0.02)
        process.terminate()
        _, told = process.communicate(timeout=60)
        expect(process.returncode == 5 and "the same command goes on" in told, f"exit code {process.returncode}: {told[-300:]}")
        expect(not list(place.iterdir()), f"{[path.name for path in place.iterdir()]} stay")
        expect(not (folder / "report.html").exists() and len(list(trials.glob("*/*.json"))) >= done, "a report is there, or what was done is not")


@case
def images_with_a_preprocessing(folder):
    """They give what the arrays that they become give; messages name the images."""
    model = image_network(folder)
    pixels, how = pictures(height=12), "resize=8x8,scale=1/255"
    photographs = images(folder, pixels)
    (folder / "arrays").mkdir()
    environment = {"SMELT_PYTHON": sys.executable}
    refuses([2], ["0.png", "--calibration-preprocess"], model, "--data", photographs, "-o", folder / "r.html", environment=environment)
    smelt_ok("prepare-images", photographs, "--calibration-preprocess", how, "-o", folder / "arrays")
    of_images, _ = profile(folder, model, "--data", photographs, "--calibration-preprocess", how, "--points", 4, report="images.html")
    of_arrays, _ = profile(folder, model, "--data", folder / "arrays", "--points", 4, report="arrays.html")
    expect(not cluster.differences(of_images, of_arrays), "; ".join(cluster.differences(of_images, of_arrays))[:400])
    split = folder / "split"
    for use, chosen in ((data.CALIBRATION, pixels[::2]), (data.EVALUATION, pixels[1::2])):
        (split / use).mkdir(parents=True)
        images(split, chosen, use)
    (folder / "budget.yaml").write_text("precision: int8\nmax_loss: 5%\n")
    harness.smelt("profile", model, "--data", split, "--calibration-preprocess", how, "--check", folder / "budget.yaml", seconds=300, env={**os.environ, **environment})
    output = ("-o", folder / "r.html")
    refuses([2], ["calibration/", ".png", "1x3x12x8"], model, "--data", split, "--calibration-preprocess", "scale=1", *output, environment=environment)
    refuses([2], ["--data", "no PNG or JPEG"], model, "--data", folder / "arrays", "--calibration-preprocess", how, *output, environment=environment)
    refuses([2], ["no word 'unknown'"], model, "--data", photographs, "--calibration-preprocess", "unknown=1", *output, environment=environment)
    refuses([2], ["goes with images of --data"], model, "--calibration-preprocess", how, *output, environment=environment)


@case
def a_cluster_that_loses_a_worker(folder):
    return profiled_by_workers(folder, 2, lambda workers: workers.kill(0))


@case
def a_cluster_that_loses_all_workers(folder):
    """With the only worker go the data; a new one gets all that it needs from the scheduler."""

    def lose(workers):
        workers.kill(0)
        workers.add()

    return profiled_by_workers(folder, 1, lose)


@case
def a_cluster_that_is_not_there(folder):
    model, samples = network(folder), calibration(folder)
    environment = {**cluster.environment(), "SMELT_PYTHON": sys.executable}
    done = harness.smelt("profile", model, "--data", samples, "--workers", "tcp://127.0.0.1:1", "-o", folder / "r.html", env=environment)
    expect(done.returncode == 5 and "there is no scheduler" in done.stderr, f"{done.returncode}: {done.stderr[-300:]}")
    refuses([5], ["smelt[cluster]"], model, "--data", samples, "--workers", "tcp://127.0.0.1:1", "-o", folder / "r.html", environment={"SMELT_PYTHON": sys.executable})


@case
def a_check(folder):
    model, samples, file, summary = network(folder, names=NAMES[:4]), calibration(folder), folder / "budget.yaml", folder / "summary.md"
    (folder / "layers.json").write_text(json.dumps({"default": "int8", "layers": {"/mm_0": "f32"}}))
    for text, code, words in (("precision: int8\nmax_size: 1 MB\nmax_latency_ratio: 9\nmax_loss: 10 %\n", 0, ("size", "holds", "at most 1 MB", "f32's")),
                              ("max_size: 1 KB\n", 1, ("EXCEEDED", "at most 1 KB")), ("precision: bf16\nmin_accuracy: 99%\nmax_loss: 0%\n", 1, ("holds", "EXCEEDED")),
                              ("precision: layers.json\nmax_loss: 10%\nmax_latency: 1 s\n", 0, ("in layers", "holds"))):
        file.write_text(text)
        done = harness.smelt("profile", model, "--data", samples, "--check", file, "--summary", summary, seconds=200, env={**os.environ, "SMELT_PYTHON": sys.executable})
        expect(done.returncode == code, f"{text!r}: exit code {done.returncode}: {done.stdout} {done.stderr[-300:]}")
        expect(all(word in done.stdout for word in words), done.stdout)
        limits = sum(line.startswith(("max_", "min_")) for line in text.splitlines())
        expect(summary.read_text().startswith("### net.onnx in") and summary.read_text().count("|\n") == limits + 2, summary.read_text())
        expect(("exceeded" in summary.read_text()) == (code == 1), summary.read_text())


@case
def mistakes(folder):
    model, samples = network(folder), calibration(folder)
    (folder / "empty").mkdir()
    np.savez(folder / "wrong.npz", z=np.zeros(3))
    np.savez(folder / "shape.npz", x=np.zeros((2, 2), np.float32))
    output = ("-o", folder / "r.html")
    smelt_ok("compile", model, "-o", folder / "net.so")
    for codes, words, arguments in (([3], ["net.so", "is compiled already"], (folder / "net.so", *output)), ([2], ["--frobnicate"], (model, "--frobnicate")), ([2], ["MODEL"], ()), ([5], ["absent.onnx"], (folder / "absent.onnx", *output)),
                                    ([2], ["no .npz"], (model, "--data", folder / "empty", *output)), ([5, 3], ["absent"], (model, "--data", folder / "absent", *output)),
                                    ([2], ["wrong.npz", "'x'"], (model, "--data", folder / "wrong.npz", *output)), ([2, 3], ["x"], (model, "--data", folder / "shape.npz", *output)),
                                    ([2], ["--metric", "no metric"], (model, "--metric", "taste", *output)), ([2], ["--max-loss"], (model, "--max-loss", "few", *output)),
                                    ([2], ["abacus"], (model, "--data", samples, "--target", "abacus", *output)), ([2], ["--points"], (model, "--points", "1", *output)),
                                    ([5], ["no such folder"], (model, "--data", samples, "-o", folder / "absent" / "r.html")),
                                    ([2], ["--check"], (model, "--check", folder / "b.yaml", "--max-loss", "1%"))):
        refuses(codes, words, *arguments, environment={"SMELT_PYTHON": sys.executable})
    none = {"SMELT_PYTHON": sys.executable, "VK_ICD_FILENAMES": str(folder / "none.json"), "VK_DRIVER_FILES": str(folder / "none.json")}
    done = Done("profile", model, "--data", samples, "--target", "vulkan", *output, environment=none)
    expect(done.code == 5 and "target vulkan: " in done.errors and "or name another with --target" in done.errors and "native" not in done.errors, f"{done.code}: {done.errors}")
    done = Done("profile", model, environment={"SMELT_PYTHON": "/absent/python"})
    expect(done.code == 5 and "SMELT_PYTHON" in done.errors, f"{done.code}: {done.errors}")
    bare = folder / "bare"
    bare.write_text(f"#!/bin/sh\nexec {sys.executable} -S \"$@\"\n")  # without site packages: no numpy
    bare.chmod(0o755)
    refuses([5], ["numpy", "SMELT_PYTHON"], model, environment={"SMELT_PYTHON": str(bare)})
    expect(not list(folder.glob("r.*")) or all(path.is_dir() for path in folder.glob("r.*")), f"left behind: {list(folder.glob('r.*'))}")


if __name__ == "__main__":
    sys.exit(harness.run_cases(__doc__, case, in_folder=True))
