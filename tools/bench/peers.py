"""Smelt beside other runtimes, interleaved, one thread: what ./dev bench measures by default."""
import math
import statistics
import tempfile

import contestants
import integers
import models
import turns
from contestant import INTEGERS
from contestants import PEERS

SECONDS_PER_MODEL = 6.0  # of CPU time, all contestants together


def compare_with_f32(entered, model, feeds):
    """Notes of each contestant how near its outputs are to the model's in f32: what integers cost is for who quantises to answer for."""
    exact = models.reference(model, feeds)
    for one in entered:
        one.note = ", ".join(filter(None, (one.note, f"cosine {integers.cosine(one.outputs, exact):.4f} of f32")))


def enter(name, jobs):
    """The contestants that can run the model, Smelt first, and why the others cannot."""
    entered, errors = [], {}
    for job in jobs:
        try:
            entered.append(contestants.Contestant(job))
        except contestants.Failed as error:
            if job["peer"] == "smelt":
                raise
            errors[job["peer"]] = str(error)
    if jobs[0]["precision"] in INTEGERS:
        compare_with_f32(entered, jobs[0]["model"], models.inputs(name))
        return entered, errors
    most = contestants.MOST_ERROR if jobs[0]["precision"] == "f32" else contestants.MOST_ERROR_ROUNDED
    reference = next((one.outputs for one in entered if one.name == "onnxruntime"), entered[0].outputs)
    for one in entered[1:]:
        if one.name != "onnxruntime" and (why := contestants.wrong(one.outputs, reference, most)):
            errors[one.name] = why
    for one in entered:
        if one.name in errors:
            one.close()
    return [one for one in entered if one.name not in errors], errors


def bench(name, args):
    """Medians in milliseconds of CPU time, and Smelt's ratio to each peer; peers that cannot run the model are left out, with the reason."""
    with tempfile.TemporaryDirectory() as folder:
        entered, errors = enter(name, contestants.jobs(name, args.peers, args.target, folder, args.precision))
        try:
            medians, rounds = turns.take_turns(entered, SECONDS_PER_MODEL, args.rounds)
        finally:
            for one in entered:
                one.close()
    ratios = {key: medians["smelt"] / value for key, value in medians.items() if key != "smelt"}
    notes = {one.name: one.note for one in entered if one.note}
    return {"model": name, "peers": args.peers, "rounds": rounds, "median_ms": medians, "ratio": ratios, "errors": errors, "notes": notes, **fastest_of(ratios)}


def fastest_of(ratios):
    """{"fastest": the peer to which Smelt's ratio is the largest, "worst_ratio": that ratio}; nothing without peers."""
    if not ratios:
        return {}
    fastest = max(ratios, key=ratios.get)
    return {"fastest": fastest, "worst_ratio": ratios[fastest]}


def header(args):
    held = args.target == "x86-64-v3"
    titles = [PEERS[peer].title + ("*" if held and not PEERS[peer].is_held() else "") for peer in args.peers]
    return f"{'model':14} {'Smelt ms':>9}" + "".join(f" {title:>9} {'ratio':>5}" for title in titles) + f"   {'fastest':9} {'ratio':>5}"


def row(result, args):
    def cell(peer):
        if peer not in result["ratio"]:
            return f" {'-':>9} {'-':>5}"
        return f" {result['median_ms'][peer]:9.3f} {result['ratio'][peer]:5.2f}"

    last = f"   {PEERS[result['fastest']].title:9} {result['worst_ratio']:5.2f}" if "fastest" in result else ""
    return f"{result['model']:14} {result['median_ms']['smelt']:9.3f}" + "".join(map(cell, args.peers)) + last


def geometric_mean(values):
    return statistics.geometric_mean(values) if values else math.nan


def summary(results, args):
    """What the rows come to, and what they leave out, line by line."""
    lines = []
    for peer in args.peers:
        if ratios := [result["ratio"][peer] for result in results if peer in result["ratio"]]:
            lines.append(f"geometric mean of the ratio to {PEERS[peer].title}: {geometric_mean(ratios):.3f}, largest {max(ratios):.2f}")
    if worst := {result["model"]: result["worst_ratio"] for result in results if "worst_ratio" in result}:
        largest = max(worst, key=worst.get)
        lines.append(f"geometric mean of the ratio to the fastest peer of each model: {geometric_mean(worst.values()):.3f}, "
                     f"largest {worst[largest]:.2f} ({largest})")
    if args.target == "x86-64-v3" and (free := [PEERS[peer].title for peer in args.peers if not PEERS[peer].is_held()]):
        lines.append(f"* {', '.join(free)} cannot be held to AVX2, and used what this processor has")
    titles = {"smelt": "Smelt"} | {name: peer.title for name, peer in PEERS.items()}
    lines += [f"{result['model']}: {titles[name]}: {why}" for result in results for name, why in (result["errors"] | result["notes"]).items()]
    return lines
