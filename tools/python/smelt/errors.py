"""What goes wrong, and NumPy where there is none: then it is missed when it is used, in words."""
import sys


class SmeltError(Exception):
    """What smelt said, with its exit code: 2 usage, 3 malformed model, 4 unsupported, 5 environment, 70 a defect of Smelt."""

    def __init__(self, message, exit_code, advice=""):
        """`advice` is what the caller may do, behind what is wrong; who calls for somebody else gives another one."""
        super().__init__(f"{message}; {advice}" if advice else message)
        self.message, self.exit_code, self.advice = message, exit_code, advice

    def __reduce__(self):  # by default a copy would be made of the message alone
        return type(self), (self.message, self.exit_code, self.advice)


class _Lacking:
    def __getattr__(self, name):
        raise SmeltError(f"NumPy is not installed for {sys.executable}; install numpy there", 5)


try:
    import numpy as np
except ImportError:
    np = _Lacking()
