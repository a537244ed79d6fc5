"""The command line of `smelt profile`."""
import argparse
import contextlib
import errno
import json
import os
import pathlib
import re
import signal
import sys
import tempfile
import threading
import traceback

from .. import inspect
from ..runtime import SmeltError
from . import budget, check, data, metrics, runners, search, trial
from .progress import Progress

DESCRIPTION = """Measures how large, how fast and how accurate a model is in many precisions and mixtures of them, and tells which are worth having.

Layers are tried one by one first; then each precision, and mixtures of integers with more digits along the order of layers that cost most. Points that no
other beats are the front: REPORT.html shows it, REPORT.json has all figures, and REPORT.points/NAME.json are the files for
`smelt compile --precision`. Accuracy is the metric's on the evaluation samples; a loss is what f32 has more."""
EXAMPLES = """examples:
  smelt profile net.onnx --data samples/ -o report.html
  smelt profile net.onnx --data samples/ --metric top1 --max-loss 1%
  smelt profile net.onnx --data samples/ --workers tcp://127.0.0.1:8786
  smelt profile net.onnx --data samples/ --check budget.yaml --summary summary.md

docs/quantization.md is the guide."""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise SmeltError(f"{message}; see smelt profile --help", 2)


def parser():
    options = _Parser(prog="smelt profile", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    options.add_argument("model", metavar="MODEL", help="an .onnx, .tflite or .pt2 file, or .mlir of the graph dialect")
    options.add_argument("--data", metavar="DIR|FILE.npz", help="samples: a folder with .npz or .npy files in calibration/ and in evaluation/; or one of such "
                         "files, of which every second is for evaluation; arrays that are no inputs are for the metric: labels. By default seeded inputs")
    options.add_argument("-o", "--output", metavar="REPORT.html", help="the page; beside it are REPORT.json and REPORT.points/ (default: MODEL.profile.html here)")
    options.add_argument("--metric", default="cosine", metavar="M", help="of " + ", ".join(metrics.BUILT_IN) + " (options after a colon, iou:threshold=0.3), or "
                         "file.py:function, which is given the outputs in f32, the outputs, and the sample, and returns a number, 1 at best, or (amount, of "
                         "how much) (default: cosine)")
    options.add_argument("--max-loss", metavar="1%", help="the most of the metric that may be lost; mixtures near it are tried")
    options.add_argument("--max-size", metavar="4MB", help="the most bytes of weights and code")
    options.add_argument("--max-latency", metavar="2ms", help="the most CPU time of one inference on one thread, here")
    options.add_argument("--target", action="append", metavar="T", help="as of smelt compile; may be repeated (default: native)")
    options.add_argument("--keep-in", choices=("f32", "bf16", "f16"), metavar="P", help="what mixtures keep layers in: f32, bf16 or f16 (default: bf16 where the "
                         "target multiplies it, else f32)")
    options.add_argument("--points", type=int, default=12, metavar="N", help="about how many points to measure for each target (default: 12)")
    options.add_argument("--seconds", type=float, default=60, metavar="S", help="the most time that latencies of a target take, but for opening artefacts and a first round, which each takes part in (default: 60)")
    options.add_argument("--lock", metavar="FILE", help="measure latencies only while this process holds the lock (flock) of FILE")
    options.add_argument("--workers", metavar="tcp://HOST:PORT", help="run trials on the workers of a Dask scheduler; latencies are measured here all the same")
    options.add_argument("--check", metavar="budget.yaml", help="measure one precision only, and end with exit code 1 where it leaves its budget")
    options.add_argument("--summary", metavar="FILE.md", help="write the table as Markdown")
    for flag, name in (("--shape", "INPUT=…"), ("--state", "INPUT=OUTPUT"), ("--custom", "FILE"), ("--link", "FILE")):
        options.add_argument(flag, action="append", default=[], metavar=name, help="as of smelt compile; may be repeated")
    options.add_argument("--signature", metavar="NAME", help="as of smelt compile")
    options.add_argument("--calibration-preprocess", metavar="HOW", help="as of smelt compile: how images (PNG, JPEG) of --data become the model's input")
    options.add_argument("--calibration-method", metavar="M", help="as of smelt compile")
    return options


def _limits(args):
    """{"loss": …, "size": …, "latency_ms": …} of the flags that are given."""
    given = (("loss", args.max_loss, budget.part, "--max-loss"), ("size", args.max_size, budget.size, "--max-size"),
             ("latency_ms", args.max_latency, budget.milliseconds, "--max-latency"))
    return {key: parse(flag, text) for key, text, parse, flag in given if text is not None}


def _flags(args):
    words = []
    for flag, values in (("--shape", args.shape), ("--state", args.state), ("--custom", args.custom), ("--link", args.link)):
        for value in values:
            words += [flag, value]
    return (*words, *(("--signature", args.signature) if args.signature else ()))


def _inputs(args):
    """The model's inputs as `smelt inspect` tells, in the shapes of --shape where these are numbers."""
    described = inspect(args.model, custom=args.custom, signature=args.signature)
    if described["kind"] == "artifact":
        raise SmeltError(f"{args.model}: is compiled already; profile takes a model, in an .onnx, .tflite or .pt2 file", 3)
    inputs = described["inputs"]
    for text in args.shape:
        name, _, extents = text.rpartition("=")
        for value in inputs:
            if value["name"] == name and re.fullmatch(r"\d+([x,]\d+)*", extents):
                value["shape"] = [int(extent) for extent in re.split("[x,]", extents)]
    other = {text.partition("=")[0] for text in args.state} | {text.rpartition("=")[0] for text in args.shape if text.endswith("=none")}
    return [value for value in inputs if value["name"] not in other]


def setting_of(args, metric, scratch):
    """(the setting of all trials, the data, {path of a file made of it: the user's file})"""
    inputs = _inputs(args)
    names = {value["name"] for value in inputs}
    images = data.Images(args.calibration_preprocess, trial.call, _made(scratch / "images")) if args.calibration_preprocess else None
    found = data.find(args.data, images) if args.data else data.seeded(inputs, _made(scratch / "seeded"))
    calibration, evaluation = (_made(scratch / use) for use in (data.CALIBRATION, data.EVALUATION))
    try:
        made = data.for_calibration(found, names, calibration)
        paths, more = data.for_evaluation(found, names, evaluation)
    except SmeltError as error:
        raise SmeltError(_of_the_user(str(error), found.images), error.exit_code) from error
    return trial.Setting(args.model, str(calibration), paths, metric, _flags(args), str(scratch / "kernels"), args.calibration_method or ""), found, {**made, **more, **found.images}


def _made(folder):
    folder.mkdir()
    return folder


def _checked(args):
    if args.points < 2:
        raise SmeltError(f"--points {args.points}: wanted 2 or more", 2)
    if not args.seconds > 0:
        raise SmeltError(f"--seconds {args.seconds}: wanted more than 0", 2)
    if args.check and (args.max_loss or args.max_size or args.max_latency or args.output):
        raise SmeltError("--check measures one precision, and its budget is in the file; --max-…, and -o, go without it", 2)
    if args.calibration_preprocess and not args.data:
        raise SmeltError("--calibration-preprocess goes with images of --data", 2)
    for path in (args.output, args.summary):
        if path and not pathlib.Path(path).absolute().parent.is_dir():
            raise SmeltError(f"{path}: there is no such folder", 5)
        if path and not os.access(pathlib.Path(path).absolute().parent, os.W_OK):
            raise SmeltError(f"{path}: cannot be written: {os.strerror(errno.EACCES)}", 5)
    args.target = list(dict.fromkeys(args.target or ["native"]))
    return args


def _of_the_user(message, names):
    """A message that names the user's files instead of what was made of them."""
    for made, path in names.items():
        message = message.replace(made, path)
    return message


def run(arguments):
    args = _checked(parser().parse_args(arguments))
    limits = _limits(args)
    file = budget.read(args.check) if args.check else {}
    metric = metrics.Metric.of(file.get("metric", args.metric))
    progress = Progress()
    with tempfile.TemporaryDirectory(prefix="smelt-profile-") as folder:
        try:
            setting, found, names = setting_of(args, metric, pathlib.Path(folder))
            runner = runners.Cluster(setting, args.workers) if args.workers else runners.Local(setting)
            try:
                if args.check:
                    return check.run(args, file, setting, runner, progress)
                return search.run(args, limits, setting, found, runner, progress)
            except SmeltError as error:
                raise SmeltError(_of_the_user(str(error), names), error.exit_code) from error
            finally:
                runner.close()
        finally:
            progress.clear()


@contextlib.contextmanager
def _ended_in_order():
    """Signals that ask this process to end do as Ctrl-C does, so that nothing stays behind; once they came, no others hurry it."""
    ends = [signal.SIGTERM, signal.SIGHUP]

    def interrupt(number, frame):
        for each in ends:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in ends if signal.getsignal(number) == signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments=None):
    try:
        with _ended_in_order():
            return run(sys.argv[1:] if arguments is None else arguments)
    except SmeltError as error:
        print(f"smelt: error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return 5
    except OSError as error:
        print(f"smelt: error: {error.filename or 'profile'}: {error.strerror}", file=sys.stderr)
        return 5
    except MemoryError:
        print("smelt: error: out of memory", file=sys.stderr)
        return 5
    except KeyboardInterrupt:
        print("smelt: interrupted; the same command goes on with what is done", file=sys.stderr)
        return 5
    except json.JSONDecodeError as error:
        print(f"smelt: error: profile: smelt printed what is no JSON ({error}); this is a defect of Smelt", file=sys.stderr)
        return 70
    except Exception as error:  # 1, as Python ends by itself, would say that a budget is exceeded
        frame = traceback.extract_tb(error.__traceback__)[-1]
        what = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"smelt: error: profile: {what} ({pathlib.Path(frame.filename).name}, line {frame.lineno}); this is a defect of Smelt: please report it",
              file=sys.stderr)
        return 70
