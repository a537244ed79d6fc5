"""A Dask cluster on this machine: a scheduler and workers, as processes of their own that may be killed."""
import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "tools" / "setup"))

from once import made_once  # noqa: E402

LOCK = REPOSITORY / "tools" / "python" / "cluster.lock"
START_SECONDS = 60


def packages():
    """The folder of what cluster.lock pins, installed once into .cache/cluster and nowhere else."""
    folder = REPOSITORY / ".cache" / "cluster" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    return made_once(folder, lambda partial: subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--target", partial, "-r", LOCK],
        check=True))


def environment():
    """For processes that use the cluster, or are part of it."""
    path = [str(packages()), str(REPOSITORY / "tools" / "python"), *filter(None, [os.environ.get("PYTHONPATH")])]
    compiler = REPOSITORY / os.environ.get("SMELT_BUILD", "build") / "bin" / "smelt"
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "SMELT_COMPILER": str(compiler)}


class Cluster:
    """`with Cluster(2) as cluster:` has cluster.address; cluster.kill(0) ends the first worker at once, as a lost machine does."""

    def __init__(self, workers):
        self._count, self._processes = workers, []

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="smelt-cluster-")
        self._environment, self._log = environment(), open(pathlib.Path(self._folder.name) / "log", "w")
        described = pathlib.Path(self._folder.name) / "scheduler.json"
        self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", described)
        end = time.monotonic() + START_SECONDS
        while not described.exists():
            if time.monotonic() > end or self._processes[0].poll() is not None:
                raise OSError(f"the scheduler did not start: {pathlib.Path(self._log.name).read_text()[-500:]}")
            time.sleep(0.1)
        self.address = described.read_text().split('"address": "')[1].split('"')[0]
        for _ in range(self._count):
            self.add()
        return self

    def add(self):
        """One more worker."""
        self._start("dask_worker", self.address, "--no-nanny", "--no-dashboard", "--nthreads", "1", "--memory-limit", "0", "--local-directory",
                    self._folder.name)

    def _start(self, program, *arguments):
        self._processes.append(subprocess.Popen([sys.executable, "-m", f"distributed.cli.{program}", *map(str, arguments)], stdout=self._log,
                                                stderr=self._log, env=self._environment, start_new_session=True))

    def kill(self, worker):
        """The worker and what it started."""
        os.killpg(self._processes[1 + worker].pid, signal.SIGKILL)
        self._processes[1 + worker].wait()

    def __exit__(self, *_):
        for process in reversed(self._processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._folder.cleanup()


def profile(arguments, report, environment, kill=None, after=0):
    """Runs `smelt profile` to its end: (exit code, what it said on stderr). `kill()` is called once, when `after` trials are in its journal."""
    trials = pathlib.Path(report).with_suffix(".points") / "trials"
    command = [environment["SMELT_COMPILER"], "profile", *map(str, arguments), "-o", str(report)]
    process = subprocess.Popen(command, env={**environment, "SMELT_PYTHON": sys.executable}, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        time.sleep(0.1)
        if kill and len(list(trials.glob("*/*.json"))) >= after:
            kill()
            kill = None
    return process.returncode, process.stderr.read()


EXACT = ("id", "target", "kept", "size", "weights", "code", "arena", "score", "loss", "sha256", "on_front", "mixture", "layers")


def differences(one, other):
    """What differs between two reports that should be of the same front: everything but latencies, and what is said of them."""
    def of(report):
        return {(point["configuration"].rpartition("/")[2], key): point.get(key) for point in report["points"] for key in EXACT}

    a, b = of(one), of(other)
    found = [f"{name} {key}: {a.get((name, key))} and {b.get((name, key))}" for name, key in sorted(a.keys() | b.keys()) if a.get((name, key)) != b.get((name, key))]
    return found + ([f"front: {one['front']} and {other['front']}"] if one["front"] != other["front"] else []) + \
        ([f"layers: {one['layers']} and {other['layers']}"] if one["layers"] != other["layers"] else [])
