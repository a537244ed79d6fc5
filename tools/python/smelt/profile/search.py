"""smelt profile: from trials to a front."""
import json
import pathlib
import platform
import shlex

from ..runtime import SmeltError
from . import front, journal, latency, page, points, table, trial

NEAR_BUDGET = 6  # more mixtures at most, to find where a budget ends
LEFT_OUT = (4, 70)  # exit codes that are of one precision: not supported here, a defect; others would end all trials


class Search:
    """All trials of one profile."""

    def __init__(self, args, limits, setting, runner, book, progress):
        self._args, self._limits, self._setting, self._runner, self._book, self._progress = args, limits, setting, runner, book, progress
        self.points, self.failed, self.layers = [], [], {}

    def run(self):
        targets, mixtures = self._args.target, {}
        jobs = [job for target in targets for job in ([target] if "int8" in points.known_precisions() else []) + points.whole(target)]
        for job, (told, other) in self._results(jobs):
            if isinstance(job, str):
                self.layers[job], mixtures[job] = told, points.Mixtures(job, told, other)
            else:
                self._add(told, other, None)
        kept_in = {target: self._args.keep_in or self.layers[target]["keep_in"] for target in mixtures}
        count = {target: self._args.points - sum(point["target"] == target for point in self.points) for target in mixtures}
        self._mix({target: mixtures[target].spread(max(count[target], 2)) for target in mixtures if mixtures[target].order}, mixtures, kept_in)
        for _ in range(NEAR_BUDGET if self._limits else 0):
            self._mix({target: self._between(target, mixtures[target]) for target in mixtures}, mixtures, kept_in)
        order = {name: number for number, name in enumerate(points.WHOLE)}
        self.points.sort(key=lambda point: (targets.index(point["target"]), order.get(point["name"], len(order)), point["kept"] or 0))
        for number, point in enumerate(self.points):
            point["number"] = number

    def _mix(self, wanted, mixtures, kept_in):
        have = {(point["target"], point["kept"]) for point in self.points}
        jobs = {mixtures[target].job(kept, kept_in[target]): kept for target, all_ in wanted.items() for kept in all_ if (target, kept) not in have}
        for job, (told, artefact) in self._results(list(jobs)):
            self._add(told, artefact, jobs[job])

    def _between(self, target, mixture):
        """One more number of kept layers, where the mixtures that keep to the budgets of loss and size begin or end."""
        limits = {key: most for key, most in self._limits.items() if key in ("loss", "size")}
        mine = sorted((point["kept"], front.within(point, limits)) for point in self.points if point["target"] == target and point["kept"] is not None)
        gaps = [(a, b) for (a, holds), (b, held) in zip(mine, mine[1:]) if holds != held and b - a > 1]
        return [(a + b) // 2 for a, b in gaps]

    def _results(self, jobs):
        """(job, its result) of all that did not fail, in the order of the jobs; those of earlier runs are not run again."""
        found = {job: self._book.find(job) for job in jobs}
        self._progress.expect(len(jobs))
        for job in jobs:
            if found[job]:
                self._progress.end(resumed=True)
        if resumed := sum(result is not None for result in found.values()):
            self._progress.say(f"{resumed} of {len(jobs)} trials are there from an earlier run")
        for job, result in self._runner.run([job for job in jobs if not found[job]], self._progress):
            if isinstance(result, SmeltError):
                self._fail(job, result)
            else:
                found[job] = self._book.keep(job, *result)
            self._progress.end()
        return [(job, found[job]) for job in jobs if found[job]]

    def _fail(self, job, error):
        name = "the layers of int8" if isinstance(job, str) else job.name
        if error.exit_code not in LEFT_OUT or name == trial.EXACT:
            raise error
        self._progress.say(f"{name} is left out: {error}")
        self.failed.append({"name": name, "target": job if isinstance(job, str) else job.target, "why": str(error)})

    def _add(self, told, artefact, kept):
        same = next((point for point in self.points if (point["target"], point["sha256"]) == (told["target"], told["sha256"])), None)
        if same:  # as where int8 keeps no layer in more digits
            same["kept"] = same["kept"] if kept is None else kept
            return
        score, base = trial.share(told["score"]), trial.share(told["base"])
        self.points.append({"name": told["name"], "target": told["target"], "kept": kept, "size": told["weights"] + told["code"], "weights": told["weights"],
                            "code": told["code"], "arena": told["arena"], "score": score, "loss": base - score, "mixture": told["mixture"],
                            "sha256": told["sha256"], "needs_data": told["needs_data"], "layers": told["layers"], "artefact": artefact, "latency_ms": None, "latency_ratio": None})


def measure_latencies(found, setting, args, progress):
    """{target: rounds}, and the points' own figures, of targets that this machine runs."""
    rounds = {}
    for target in args.target:
        mine = [point for point in found if point["target"] == target]
        if not trial.runs_here(target) or not mine:
            continue
        progress.begin(f"latencies, target {target}")
        with latency.alone(args.lock):
            rounds[target] = latency.measure(mine, setting.evaluation[0], args.seconds)
        exact = next(point["number"] for point in mine if point["name"] == trial.EXACT)
        for point in mine:
            point["latency_ms"] = latency.median(rounds[target], point["number"])
            point["latency_ratio"] = latency.ratio(rounds[target], point["number"], exact)
    return rounds


def machine():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def _command(args, setting, folder, point):
    """What makes a point's artefact again, as typed where this command was."""
    words = ["smelt", "compile", args.model, *setting.flags, "--precision", folder / f"{point['id']}.json"]
    words += [] if point["target"] == "native" else ["--target", point["target"]]
    return shlex.join(map(str, words))


def _result(args, limits, setting, found, folder, search, chosen):
    """What REPORT.json holds."""
    hidden = ("artefact", "layers", "number")
    rows = [{**{key: value for key, value in point.items() if key not in hidden}, "layers": _precisions(point["layers"]), "configuration": point["file"],
             "command": _command(args, setting, folder, point), "within_budget": front.within(point, limits)} for point in search.points]
    return {"version": 1, "model": pathlib.Path(args.model).name, "machine": machine(), "targets": args.target, "metric": setting.metric.title,
            "flags": list(setting.flags),
            "data": {"name": pathlib.Path(found.where).name, "calibration": len(found.calibration), "evaluation": len(found.evaluation)}, "budget": limits,
            "latency_margin": front.MARGIN, "front": [point["id"] for point in search.points if point["on_front"]], "chosen": chosen["id"] if chosen else None,
            "points": rows, "layers": search.layers, "failed": search.failed}


def _precisions(text):
    """[[name, precision]…] of a file of layers, in its order: short enough for each point of a page."""
    rows = []
    file = json.loads(text)
    for name, entries in file["layers"].items():
        for entry in entries if isinstance(entries, list) else [entries]:
            rows.append([name, entry if isinstance(entry, str) else entry.get("precision", file.get("default", "f32"))])
    return rows


def run(args, limits, setting, found, runner, progress):
    report = pathlib.Path(args.output or f"{pathlib.Path(args.model).stem}.profile.html")
    folder = report.with_suffix(".points")
    folder.mkdir(exist_ok=True)
    book = journal.Journal(folder / "trials", setting, found)
    search = Search(args, limits, setting, runner, book, progress)
    search.run()
    several = len(args.target) > 1
    for point in search.points:
        point["id"] = f"{point['name']}@{point['target']}" if several else point["name"]
        point["file"] = f"{folder.name}/{point['id']}.json"
    rounds = measure_latencies(search.points, setting, args, progress)
    front.mark(search.points, rounds)
    chosen = front.choose(search.points, limits)
    result = _result(args, limits, setting, found, folder, search, chosen)
    for old in folder.glob("*.json"):
        old.unlink()
    for point in search.points:
        journal.write(folder / f"{point['id']}.json", point["layers"])
    journal.write(report.with_suffix(".json"), json.dumps(result, indent=1) + "\n")
    journal.write(report, page.render(result))
    if args.summary:
        journal.write(args.summary, table.markdown(result))
    progress.clear()
    print(table.text(result, report))
    book.drop()
    return 1 if limits and not chosen else 0
