"""smelt profile: size × latency × accuracy of a model over precisions and targets.

Python's part of the command `smelt profile` (docs/quantization.md); `python -m smelt.profile` is the same. Numbers of one model in one precision come
from `trial`, which runs here or on a worker of a Dask cluster and gives the same bits; what is tried is `points`' to say, and what is worth having `front`'s.
"""
