"""Trials that are done, in a folder: whoever starts the same profile again goes on where it ended."""
import hashlib
import json
import os
import pathlib
import shutil

from ..runtime import SmeltError
from . import trial


def write(path, contents):
    """The file is there whole, or as it was."""
    path = pathlib.Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        partial.replace(path)
    except OSError as error:  # which names the other file
        raise SmeltError(f"{path}: cannot be written: {error.strerror}", 5) from error
    finally:
        partial.unlink(missing_ok=True)


class Journal:
    def __init__(self, folder, setting, data):
        """`folder` is this profile's own; results of another model, other data, another metric, compiler or processor are not taken for its."""
        key = hashlib.sha256()
        for part in (pathlib.Path(setting.model).read_bytes(), json.dumps([setting.flags, setting.method]).encode(), data.key.encode(), setting.metric.key.encode(),
                     trial.compiler_key().encode(), trial.processor().encode()):
            key.update(hashlib.sha256(part).digest())
        self._root = pathlib.Path(folder)
        self._folder = self._root / key.hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)

    def _path(self, job, suffix):
        return self._folder / ((f"layers-{job}" if isinstance(job, str) else job.key[:32]) + suffix)

    def find(self, job):
        """(what is known, path of the artefact or text of layers) of a job that is done; else None."""
        told, other = self._path(job, ".json"), self._path(job, ".layers" if isinstance(job, str) else ".so")
        try:
            known = json.loads(told.read_text())
            return (known, other.read_text()) if isinstance(job, str) else ({**known, "name": job.name}, other) if other.exists() else None
        except (OSError, ValueError):
            return None

    def keep(self, job, known, contents):
        """Keeps a job's result, and returns it as `find` would."""
        write(self._path(job, ".layers" if isinstance(job, str) else ".so"), contents)
        write(self._path(job, ".json"), json.dumps(known))
        return self.find(job)

    def drop(self):
        """All is in the report now."""
        shutil.rmtree(self._root, ignore_errors=True)
