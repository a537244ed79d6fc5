"""smelt profile --check: one precision beside f32, against a budget."""
import pathlib

from ..runtime import SmeltError
from . import journal, table, trial
from .search import measure_latencies


def _job(file, path, target):
    precision = file.get("precision", "int8")
    if not precision.endswith(".json"):
        return trial.Job(precision, target, precision, calibrates=precision in trial.CALIBRATED)
    place = pathlib.Path(path).parent / precision
    try:
        return trial.Job(place.stem, target, configuration=place.read_text(), calibrates=True)
    except (OSError, UnicodeDecodeError) as error:
        raise SmeltError(f"{path}: precision: {place} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}", 5) from error


def _rows(file, point, metric):
    """[(what, measured, limit, whether it holds)] in the order of the file."""
    known = {"max_size": ("size", point["size"], table.size), "max_latency": ("latency", point["latency_ms"], table.milliseconds),
             "max_latency_ratio": ("latency of f32's", point["latency_ratio"], lambda value: f"{value:.2f}"),
             "max_loss": (f"loss ({metric})", point["loss"], table.percent), "min_accuracy": (f"accuracy ({metric})", point["score"], table.percent)}
    rows = []
    for key, limit in file.items():
        if key in known:
            what, value, words = known[key]
            holds = value >= limit if key.startswith("min") else value <= limit
            rows.append((what, words(value), f"at {'least' if key.startswith('min') else 'most'} {words(limit)}", holds))
    return rows


def _text(head, rows):
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"  {what:{widths[0]}}  {value:>{widths[1]}}  {limit:{widths[2]}}  {'holds' if holds else 'EXCEEDED'}" for what, value, limit, holds in rows]
    return "\n".join([head, *lines])


def _markdown(head, rows):
    lines = ["| | measured | budget | |", "|---|---:|---:|---|", *(f"| {what} | {value} | {limit} | {'✅ holds' if holds else '❌ exceeded'} |" for what, value, limit, holds in rows)]
    return "\n".join([f"### {head}", "", *lines]) + "\n"


def run(args, file, setting, runner, progress):
    if len(args.target) > 1:
        raise SmeltError("--check is of one --target", 2)
    target = args.target[0]
    if not trial.runs_here(target) and {"max_latency", "max_latency_ratio"} & set(file):
        raise SmeltError(f"--check: latencies of target {target} cannot be measured on this machine; leave max_latency… out", 2)
    jobs = [trial.Job(trial.EXACT, target, trial.EXACT), _job(file, args.check, target)]
    progress.expect(len(jobs))
    results, scratch = {}, pathlib.Path(setting.calibration).parent
    for job, result in runner.run(jobs, progress):
        if isinstance(result, SmeltError):
            raise result
        told, contents = result
        number = jobs.index(job)
        artefact = scratch / f"{number}.so"
        artefact.write_bytes(contents)
        score, base = trial.share(told["score"]), trial.share(told["base"])
        results[number] = {"number": number, "name": trial.EXACT if number == 0 else job.name, "target": target, "size": told["weights"] + told["code"],
                           "score": score, "loss": base - score, "artefact": artefact, "latency_ms": None, "latency_ratio": None}
        progress.end()
    both = [results[number] for number in range(2)]
    measure_latencies(both, setting, args, progress)
    rows = _rows(file, both[1], setting.metric.title)
    head = f"{pathlib.Path(args.model).name} in {jobs[1].name}, target {target}, {len(setting.evaluation)} samples"
    progress.clear()
    print(_text(head, rows))
    if args.summary:
        journal.write(args.summary, _markdown(head, rows))
    return 0 if all(holds for *_, holds in rows) else 1
