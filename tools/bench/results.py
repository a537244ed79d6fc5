"""What was measured before: one line of JSON a run in results/PROCESSOR.jsonl, of which ./dev bench --check compares with the last."""
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess

import contestants

FOLDER = pathlib.Path(__file__).resolve().parent / "results"
WORSE = 1.10  # a ratio that grew by more than noise


def processor():
    """Its name, and its family and model where the name alone stands for several: "AMD EPYC (25/17)"."""
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = (line.partition(":") for line in cpuinfo.read_text().split("\n\n")[0].splitlines()) if cpuinfo.exists() else ()
    facts = {key.strip(): value.strip() for key, _, value in lines}
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    return f"{facts['model name']} ({facts['cpu family']}/{facts['model']})" if "cpu family" in facts else facts["model name"]


def file_of(processor_name, folder=FOLDER):
    return folder / (re.sub(r"[^a-z0-9]+", "-", processor_name.lower()).strip("-") + ".jsonl")


def commit():
    done = subprocess.run(["git", "-C", FOLDER.parent, "describe", "--always", "--dirty", "--exclude", "*"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def entry(results, args, versions):
    """A run as it is kept: no more than what later ones are compared with."""
    ratios = {result["model"]: {peer: round(ratio, 4) for peer, ratio in result["ratio"].items()} for result in results}
    worst = [max(of_model.values()) for of_model in ratios.values() if of_model]
    return {"date": datetime.date.today().isoformat(), "commit": commit(), "processor": processor(), "target": args.target, "precision": args.precision,
            "peers": versions, "geomean": round(statistics.geometric_mean(worst), 4) if worst else None, "ratios": ratios,
            "smelt_ms": {result["model"]: round(result["median_ms"]["smelt"], 4) for result in results}}


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def last(entries, target, precision):
    return next((one for one in reversed(entries) if (one["target"], one["precision"]) == (target, precision)), None)


def store(one, folder=FOLDER):
    path = file_of(one["processor"], folder)
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as lines:
        lines.write(json.dumps(one) + "\n")
    return path


def worst_of(ratios, peers):
    """The ratio to the fastest of these peers; None where none ran."""
    return max((ratio for peer, ratio in ratios.items() if peer in peers), default=None)


def regressions(before, now):
    """{model: (ratio before, ratio now)} of those that got worse by more than WORSE. Only models and peers that ran both times
    count."""
    found = {}
    for model, ratios in before.items():
        if model not in now:
            continue
        common = ratios.keys() & now[model].keys()
        old, new = worst_of(ratios, common), worst_of(now[model], common)
        if old is not None and new > old * WORSE:
            found[model] = (old, new)
    return found


def check(before, results, measure_again):
    """Compares results with an entry. Models that seem worse are measured once more: the names of those that are worse again, with both ratios."""
    now = {result["model"]: result["ratio"] for result in results}
    suspicious = regressions(before["ratios"], now)
    if suspicious:
        again = {result["model"]: result["ratio"] for result in measure_again(sorted(suspicious))}
        suspicious = regressions({name: before["ratios"][name] for name in suspicious}, again)
    return suspicious


def trend(entries):
    """A line for each run that is kept, oldest first."""
    lines = [f"{'date':10}  {'commit':14} {'target':10} {'models':>6} {'geomean':>8}  largest ratio to the fastest peer"]
    for one in entries:
        worst = {model: max(ratios.values()) for model, ratios in one["ratios"].items() if ratios}
        largest = max(worst, key=worst.get) if worst else ""
        lines.append(f"{one['date']:10}  {one['commit']:14} {one['target']:10} {len(one['ratios']):6} {one['geomean'] or 0:8.3f}  "
                     + (f"{worst[largest]:.2f} {largest}" if worst else "-"))
    return lines


def versions(peers):
    return {peer: contestants.version(peer) for peer in peers}


# ------------------------------------------------------------------------------------- the last figures of each kind, for the page

LATEST = FOLDER.parents[2] / ".cache" / "bench"


def latest_file(kind, target, precision, folder=LATEST):
    return folder / f"{kind}-{target}-{precision}.json"


def remember(kind, args, results, folder=LATEST):
    """Keeps what was measured of each model last."""
    path = latest_file(kind, args.target, args.precision, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = recall(kind, args.target, args.precision, folder)
    stamp = {"commit": commit(), "date": datetime.date.today().isoformat(), "load": round(os.getloadavg()[0], 1)}
    path.write_text(json.dumps(known | {result["model"]: result | stamp for result in results}, indent=1) + "\n")


def recall(kind, target="native", precision="f32", folder=LATEST):
    """{model: its last result}"""
    path = latest_file(kind, target, precision, folder)
    return json.loads(path.read_text()) if path.exists() else {}
