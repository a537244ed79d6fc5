"""Smelt's shaders beside ncnn's and IREE's on the same Vulkan device, interleaved: ./dev bench --gpu.

On a device that is the processor (Mesa's lavapipe, one thread of it) a figure is CPU time of all threads of the process, on others the time by the clock;
--json has both. A peer that cannot run a model, or computes something else, is said with the reason.
"""
import statistics
import tempfile

import contestants
import models
import turns
from contestants import DEVICE_PEERS

TARGET = "vulkan:lavapipe"
MODELS = ("mobilenetv2", "resnet18", "resnet50", "shufflenet", "ppocr4_det", "ppocr4_rec", "magika", "oww_embed", "basic_pitch", "minilm_l6", "vit_s",
          "yolov8n")
BAR = 0.8  # of the faster peer's time
SECONDS_PER_MODEL = 12.0  # of CPU time, all contestants together


def clock_of(args):
    return "cpu" if args.target.endswith(":lavapipe") else "wall"


def peers_of(args):
    """Those of --peers that have a device, else both."""
    return tuple(f"{name}_vulkan" for name in args.peers if f"{name}_vulkan" in DEVICE_PEERS) or tuple(DEVICE_PEERS)


def enter(name, args, folder):
    """The contestants that can run the model, Smelt first, and why the others cannot."""
    reference = models.reference(models.fetch(name), models.inputs(name))
    entered, errors = [], {}
    for job in contestants.jobs(name, peers_of(args), args.target, folder):
        one = None
        try:
            one = contestants.Contestant(job)
            if why := contestants.wrong(one.outputs, reference):
                raise contestants.Failed(why)
            entered.append(one)
        except contestants.Failed as error:
            if one:
                one.close()
            if job["peer"] == "smelt":
                raise
            errors[job["peer"]] = str(error)
    return entered, errors


def bench(name, args):
    with tempfile.TemporaryDirectory() as folder:
        entered, errors = enter(name, args, folder)
        try:
            medians, rounds = turns.race(entered, SECONDS_PER_MODEL, args.rounds, clock_of(args))
        finally:
            for one in entered:
                one.close()
    clock = clock_of(args)
    ratios = {peer: medians["smelt"][clock] / both[clock] for peer, both in medians.items() if peer != "smelt"}
    worst = max(ratios, key=ratios.get, default=None)
    return {"model": name, "rounds": rounds, "clock": clock, "median_ms": medians, "ratio": ratios, "errors": errors,
            "notes": {one.name: one.note for one in entered if one.note}, **({"fastest": worst, "worst_ratio": ratios[worst]} if worst else {})}


def header(args):
    titles = "".join(f" {peer.title:>10} {'ratio':>5}" for peer in DEVICE_PEERS.values())
    return f"ms, {'CPU time of all threads' if clock_of(args) == 'cpu' else 'by the clock'}\n{'model':14} {'Smelt':>9}{titles}"


def row(result, _args):
    def cell(peer):
        if peer not in result["ratio"]:
            return f" {'-':>10} {'-':>5}"
        return f" {result['median_ms'][peer][result['clock']]:10.2f} {result['ratio'][peer]:5.2f}"

    return f"{result['model']:14} {result['median_ms']['smelt'][result['clock']]:9.2f}" + "".join(map(cell, DEVICE_PEERS))


def summary(results, _args):
    lines = []
    if worst := {result["model"]: result["worst_ratio"] for result in results if "worst_ratio" in result}:
        mean = statistics.geometric_mean(worst.values())
        above = ", ".join(f"{name} {ratio:.2f}" for name, ratio in worst.items() if ratio > BAR) or "none"
        lines.append(f"geometric mean of the ratio to the faster peer of each of {len(worst)} models: {mean:.3f}, bar {BAR}; above it: {above}")
    alone = [result["model"] for result in results if "worst_ratio" not in result]
    if alone:
        lines.append(f"no peer runs {', '.join(alone)}")
    lines += [f"{result['model']}: {DEVICE_PEERS[name].title}: {why}" for result in results for name, why in (result["errors"] | result["notes"]).items()]
    return lines
