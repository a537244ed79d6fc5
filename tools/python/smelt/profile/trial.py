"""One trial: a model in one precision for one target, compiled, and judged on samples. The same here and on any machine of the same processor."""
import dataclasses
import functools
import hashlib
import io
import json
import math
import pathlib
import platform
import subprocess
import tempfile
import zipfile

from .. import _compiler
from ..runtime import SmeltError, load
from . import data, metrics

EXACT = "f32"
CALIBRATED = ("int8", "int4-weights")  # those that take samples
INSIDE = "archive:"  # before a flag that is a path in what `pack` makes


@dataclasses.dataclass(frozen=True)
class Setting:
    """What all trials of a profile share: paths on the machine that runs them."""

    model: str
    calibration: str  # a folder
    evaluation: tuple  # of paths
    metric: metrics.Metric
    flags: tuple = ()  # of smelt compile: shapes, states, custom operators
    cache: str = ""  # a folder for the code of kernels, of which trials share most
    method: str = ""  # --calibration-method, where ranges are found

    def method_flags(self):
        return ["--calibration-method", self.method] if self.method else []

    def compile_flags(self, target):
        return [*self.flags, "--target", target, *(["--cache", self.cache] if self.cache else [])]


@dataclasses.dataclass(frozen=True)
class Job:
    """One point to be: a precision that smelt compile knows, or the text of a file of layers."""

    name: str
    target: str
    precision: str = ""
    configuration: str = ""
    calibrates: bool = False  # finds ranges, of the precision, on the calibration samples

    @property
    def key(self):
        return hashlib.sha256(json.dumps([self.target, self.precision, self.configuration, self.calibrates]).encode()).hexdigest()


def call(*arguments):
    """Runs smelt, and returns what it printed. Raises SmeltError with its message and exit code."""
    seconds = 10  # in which it removes what it has in temporary folders, where this process is told to end
    with subprocess.Popen([_compiler(), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        try:
            output, errors = process.communicate()
        except BaseException:
            process.terminate()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    if process.returncode:
        lines = [line for line in errors.strip().splitlines() if line.startswith("smelt: error: ")]
        message = lines[-1].removeprefix("smelt: error: ") if lines else errors.strip()
        raise SmeltError(message or f"smelt ended with exit code {process.returncode}", process.returncode if process.returncode > 0 else 70)
    return output


@functools.cache
def compiler_key():
    """Of the very program that compiles: what another one makes may differ."""
    digest = hashlib.sha256()
    program = pathlib.Path(_compiler()).resolve()
    for path in (program, program.with_name("smelt-compiler")):
        if path.exists():
            with open(path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@functools.cache
def processor():
    """What decides the code of `--target native`."""
    flags = ""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        flags = next((line.split(":", 1)[1] for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        pass
    return f"{platform.machine()} {hashlib.sha256(' '.join(sorted(flags.split())).encode()).hexdigest()[:16]}"


def is_device(target):
    return target.split(":")[0] in ("vulkan", "cuda")


def _machine_of(target):
    """Which machines run a target's code; "native" runs here, and so do devices, which whoever opens them misses where they are not."""
    if target == "native" or is_device(target):
        return platform.machine()
    return "x86_64" if target.startswith("x86") else "aarch64"


def runs_here(target):
    return _machine_of(target) == platform.machine()


def compile_job(setting, job, folder):
    """(artefact, report, text of its file of layers)"""
    artefact, report, layers = (folder / f"{name}" for name in ("model.so", "report.json", "layers.json"))
    precision = job.precision
    if job.configuration:
        precision = folder / "given.json"
        precision.write_text(job.configuration)
    flags = ["--calibration", setting.calibration] if job.calibrates else []
    flags += setting.method_flags() if job.calibrates and (job.configuration or job.precision == "int8") else []
    call("compile", setting.model, *setting.compile_flags(job.target), "--precision", precision, "--skip-error", *flags, "-o", artefact, "--report", report,
         *([] if job.configuration else ["--save-precisions", layers]))
    return artefact, json.loads(report.read_text()), job.configuration or layers.read_text()


def _load(path, target):
    try:
        return load(path)
    except SmeltError as error:
        why = error.message.removeprefix(f"{path}: ")  # which is a temporary one
        raise SmeltError(f"target {target}: {why}", error.exit_code, "or name another with --target" if error.advice else "") from error


def _nan_in(outputs):
    """What may be the reason for what a metric could not do."""
    names = metrics.without_numbers(outputs)
    return f"; output '{names[0]}' is NaN throughout" if names else ""


def judge(setting, exact, artefact, target):
    """[Σ amount, Σ of how much] of the metric over the evaluation samples, of the artefact and of f32 itself."""
    metric, title = setting.metric.function(), setting.metric.title
    models = _load(exact, target), _load(artefact, target)
    inputs = {tensor.name for tensor in models[0].inputs}
    sums = [], []
    for path in setting.evaluation:
        sample = data.read(path)
        feeds = {name: array for name, array in sample.items() if name in inputs}
        outputs = [model.run(feeds) for model in models]
        for model in models:
            if model.states:
                model.reset()
        for rows, got in zip(sums, outputs):
            try:
                rows.append(metrics.pair(metric(outputs[0], got, sample), title))
            except KeyboardInterrupt:
                raise
            except SmeltError as error:
                raise SmeltError(f"{error}{_nan_in(got)} (sample {path})", error.exit_code) from error
            except BaseException as error:  # whatever the user's function does; SystemExit(0) is no success
                raise SmeltError(f"--metric {title}: {type(error).__name__}: {error}{_nan_in(got)} (sample {path})", 2) from error
    return [[math.fsum(amount for amount, _ in rows), math.fsum(of for _, of in rows)] for rows in reversed(sums)]


def share(pair):
    """Of nothing at all, all is right."""
    amount, of = pair
    return amount / of if of else 1.0


_exact = {}  # (setting's model, target) → folder of the model in f32, for all trials of this process


def exact_artefact(setting, target):
    key = setting.model, target, setting.flags
    if key not in _exact:
        folder = tempfile.TemporaryDirectory(prefix="smelt-profile-")
        compile_job(setting, Job(EXACT, target, EXACT), pathlib.Path(folder.name))
        _exact[key] = folder
    return pathlib.Path(_exact[key].name) / "model.so"


def run(setting, job):
    """(what there is to know of the point, its artefact's bytes). For a target of other machines it is judged as compiled for this one."""
    with tempfile.TemporaryDirectory(prefix="smelt-profile-") as scratch:
        folder = pathlib.Path(scratch)
        artefact, report, layers = compile_job(setting, job, folder)
        contents = artefact.read_bytes()
        judged, target = artefact, job.target
        if not runs_here(job.target):
            (folder / "here").mkdir()
            target = "native"
            judged, _, _ = compile_job(setting, dataclasses.replace(job, target=target), folder / "here")
        score, base = judge(setting, exact_artefact(setting, target), judged, target)
    sizes = report["sizes"]
    return {"name": job.name, "target": job.target, "score": score, "base": base, "weights": sizes["weights"], "code": sizes["code"], "arena": sizes["arena"],
            "sha256": hashlib.sha256(contents).hexdigest(), "mixture": report.get("mixture", {}).get("multiply_adds_share", {}),
            "needs_data": False,  # files of layers hold all that was found
            "layers": layers}, contents


def sensitivity(setting, target):
    """What each layer of int8 costs: (what smelt compare tells, text of a file of all layers in integers). Measured on this machine."""
    with tempfile.TemporaryDirectory(prefix="smelt-profile-") as scratch:
        path = pathlib.Path(scratch) / "layers.json"
        told = call("compare", setting.model, *setting.compile_flags(target if runs_here(target) else "native"), "--precision", "int8",
                    *setting.method_flags(), "--calibration", setting.calibration, "--layers", "--json", "-o", path)
        return json.loads(told), path.read_text()


# ------------------------------------------------------------------------------------------------- on other machines


def pack(setting, files):
    """A setting as bytes, with all files that it needs: {name in the archive: path}. Its flags name files as INSIDE + name in the archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, path in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), pathlib.Path(path).read_bytes())
        archive.writestr(zipfile.ZipInfo("metric.json"), json.dumps([setting.metric.name, setting.metric.source]))
        archive.writestr(zipfile.ZipInfo("setting.json"), json.dumps([pathlib.Path(setting.model).name, setting.flags, setting.method]))
    return buffer.getvalue()


@functools.lru_cache(maxsize=4)
def unpack(digest, contents):
    """The setting that `contents` are, in a folder of this process."""
    folder = tempfile.TemporaryDirectory(prefix="smelt-profile-")
    place = pathlib.Path(folder.name)
    with zipfile.ZipFile(io.BytesIO(contents)) as archive:
        archive.extractall(place)
    name, flags, method = json.loads((place / "setting.json").read_text())
    flags = tuple(str(place / flag.removeprefix(INSIDE)) if flag.startswith(INSIDE) else flag for flag in flags)
    evaluation = tuple(map(str, sorted((place / data.EVALUATION).iterdir())))
    metric = metrics.Metric(*json.loads((place / "metric.json").read_text()))
    return Setting(str(place / "model" / name), str(place / data.CALIBRATION), evaluation, metric, flags, str(place / "kernels"), method), folder


def run_elsewhere(contents, digest, job, compiler, machine):
    """`run`, or `sensitivity` for a target's name, on a worker. Refuses where it would not give what the client's own machine does."""
    if compiler_key() != compiler:
        raise SmeltError(f"worker on {platform.node()}: has another smelt than this machine; give all workers the same build", 5)
    target = job if isinstance(job, str) else job.target
    if processor() != machine and (target == "native" or not runs_here(target)):
        raise SmeltError(f"worker on {platform.node()}: has another processor than this machine, so that 'native' means another target; name one with "
                         "--target that both run", 5)
    setting, _ = unpack(digest, contents)
    return sensitivity(setting, job) if isinstance(job, str) else run(setting, job)
