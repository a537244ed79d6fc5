"""What holds a runtime to AVX2 on a processor that has more: avx2_only.c, loaded before it."""
import functools
import hashlib
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "bench"


@functools.cache
def variables():
    """Of the environment of a process that is to be held: none where CPUID cannot be made to fault (AMD's processors before Zen 5, some virtual machines)."""
    source = HERE / "avx2_only.c"
    library = CACHE / f"avx2_only-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}.so"
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["clang-22", "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
    loaded = {"LD_PRELOAD": str(library)}
    done = subprocess.run([sys.executable, "-c", "import os; print('SMELT_AVX2_ONLY' in os.environ)"], env=os.environ | loaded, capture_output=True, text=True)
    return loaded if done.stdout.strip() == "True" else {}
