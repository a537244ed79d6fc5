"""What is made once into .cache, however many processes want it at the same time."""
import contextlib
import fcntl
import pathlib
import shutil


@contextlib.contextmanager
def alone(path):
    """No other process is inside for the same path. The lock lies beside it."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(path.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made_once(folder, make):
    """`folder` as make(partial folder) fills it: it is there whole or not at all. Who comes while another makes it waits."""
    folder = pathlib.Path(folder)
    if not folder.exists():
        with alone(folder):
            if not folder.exists():
                partial = folder.with_name(folder.name + ".partial")
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                make(partial)
                partial.rename(folder)
    return folder
