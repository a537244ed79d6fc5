"""LiteRT: installed once, and run on models."""
import hashlib
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
VENV = HERE.parents[1] / ".cache" / "litert"
sys.path.append(str(HERE.parents[1] / "tools" / "setup"))

from once import alone  # noqa: E402


def enter():
    """Goes on in the virtual environment that litert.lock describes, which is made where it is not there."""
    lock, stamp = HERE / "litert.lock", VENV / "lock.sha256"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    with alone(VENV):
        if not stamp.exists() or stamp.read_text() != wanted:
            subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
            subprocess.run([VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
                            "--only-binary", ":all:", "-r", lock], check=True)
            stamp.write_text(wanted)
    if pathlib.Path(sys.prefix).resolve() != VENV.resolve():
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
        os.execv(VENV / "bin" / "python", [str(VENV / "bin" / "python"), *sys.argv])


class Interpreter:
    """A model in LiteRT, on one thread. `delegates`: with XNNPACK, as it runs by default; else by its own kernels."""

    def __init__(self, path, delegates=True):
        from ai_edge_litert import interpreter
        kind = interpreter.OpResolverType
        self._it = interpreter.Interpreter(model_path=str(path), num_threads=1,
                                           experimental_op_resolver_type=kind.AUTO if delegates else kind.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
        self._it.allocate_tensors()
        self.inputs, self.outputs = self._it.get_input_details(), self._it.get_output_details()

    def run(self, feeds):
        """The outputs by position: their names need not be unique."""
        for detail in self.inputs:
            self._it.set_tensor(detail["index"], feeds[detail["name"]])
        self._it.invoke()
        return [self._it.get_tensor(detail["index"]) for detail in self.outputs]

    def invoke(self):
        self._it.invoke()
