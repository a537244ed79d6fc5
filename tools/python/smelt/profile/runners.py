"""Where trials run: in this process, one after another, or on the workers of a Dask cluster. Both give the same results in the same order."""
import hashlib
import pathlib
import sys
import threading
import warnings

from ..runtime import SmeltError
from . import data, trial


class Local:
    def __init__(self, setting):
        self._setting = setting

    def run(self, jobs, progress):
        """Yields (job, (what is known of the point, artefact) or the SmeltError that ended it), in any order. A job that is a target's name is the
        sensitivity of its layers."""
        for job in jobs:
            progress.begin(_title(job))
            try:
                yield job, trial.sensitivity(self._setting, job) if isinstance(job, str) else trial.run(self._setting, job)
            except SmeltError as error:
                yield job, error

    def close(self):
        pass


def _title(job):
    return f"layers of {job}" if isinstance(job, str) else job.name


def _files_of(setting):
    """{name in an archive: path} of all that a setting names, and its flags with these names."""
    model = pathlib.Path(setting.model)
    files = {f"model/{model.name}": model, **{f"model/{name}": model.parent / name for name in _external(model)}}
    for path in pathlib.Path(setting.calibration).iterdir():
        files[f"{data.CALIBRATION}/{path.name}"] = path
    for number, path in enumerate(setting.evaluation):  # the same name may be in several folders
        files[f"{data.EVALUATION}/{number:06}.npz"] = path
    flags = list(setting.flags)
    for at in range(len(flags) - 1):
        if flags[at] in ("--custom", "--link"):
            name = f"flag/{at}/{pathlib.Path(flags[at + 1]).name}"
            files[name], flags[at + 1] = flags[at + 1], trial.INSIDE + name
    return files, tuple(flags)


def _external(model):
    """Files of weights beside a model, as far as the package onnx is there to tell."""
    try:
        import onnx

        graph = onnx.load(str(model), load_external_data=False).graph
    except Exception:  # no such package, or no ONNX: a worker says what is missing
        return set()
    return {entry.value for tensor in graph.initializer for entry in tensor.external_data if entry.key == "location"}


class Cluster:
    """Workers need this package and a `smelt` of the same build (SMELT_COMPILER names it), on machines with the same processor for target native.

    The model and its data are the result of a task of their own, which the scheduler can run again: a worker that is lost takes nothing with it but the
    trials that it was at, and those are run again elsewhere.
    """

    RETRIES = 5  # of a trial whose worker is lost
    WATCH_SECONDS = 5

    def __init__(self, setting, address, seconds=30):
        try:
            import distributed
        except ImportError as error:
            raise SmeltError(f"--workers: {error}; {sys.executable} needs the package distributed: pip install 'smelt[cluster]'", 5) from error
        self._distributed = distributed
        warnings.filterwarnings("ignore", message="Sending large graph")
        try:
            self._client = distributed.Client(address, timeout=seconds, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise SmeltError(f"--workers {address}: there is no scheduler: {error}", 5) from error
        files, flags = _files_of(setting)
        contents = trial.pack(trial.dataclasses.replace(setting, flags=flags), files)
        self._digest = hashlib.sha256(contents).hexdigest()
        self._bundle = self._client.submit(_itself, contents, key=f"smelt-data-{self._digest}")

    def run(self, jobs, progress):
        jobs, over = list(jobs), threading.Event()
        if not jobs:
            return
        watch = threading.Thread(target=self._watch, args=(progress, over), daemon=True)
        watch.start()
        try:
            yield from self._results(jobs, progress)
        finally:
            over.set()
            watch.join()

    def _results(self, jobs, progress):
        tries, left = dict.fromkeys(range(len(jobs)), 0), {}

        def submit(number):
            future = self._client.submit(trial.run_elsewhere, self._bundle, self._digest, jobs[number], trial.compiler_key(), trial.processor(),
                                         pure=False, retries=0)
            left[future.key] = number
            return future

        done = self._distributed.as_completed([submit(number) for number in range(len(jobs))], loop=self._client.loop)
        progress.begin(_title(jobs[0]))
        for future in done:
            number = left.pop(future.key)
            try:
                result = future.result()
            except SmeltError as error:
                result = error
            except (self._distributed.KilledWorker, self._distributed.client.FutureCancelledError, OSError) as error:
                tries[number] += 1
                if tries[number] <= self.RETRIES:
                    progress.say(f"a worker was lost; {_title(jobs[number])} starts again")
                    done.add(submit(number))
                    continue
                result = SmeltError(f"{_title(jobs[number])}: was lost with its worker {tries[number]} times: {error}", 5)
            future.release()
            yield jobs[number], result
            if left:
                progress.begin(_title(jobs[min(left.values())]))

    def _watch(self, progress, over):
        """Says so while there is nobody to work."""
        told = False
        while not over.is_set():
            missing = not self._client.scheduler_info(n_workers=-1)["workers"]
            if missing and not told:
                progress.say("the cluster has no workers; waiting for one")
            told = missing
            over.wait(self.WATCH_SECONDS)

    def close(self):
        self._client.close()


def _itself(contents):
    return contents
