#!/usr/bin/env python3
"""Inner loops of AArch64 kernels of real models come close to what their processor could do, as llvm-mca estimates it.

usage: test_inner_loops.py [NAME…] [--json FILE]
"""
import pathlib
import statistics
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("test", "test/models", "tools/bench")]
import harness
import inner_loops

# Kind → least part of the peak that the median of a model's kernels reaches.
LEAST = {"products and convolutions": 0.9, "Winograd's products": 0.9, "depthwise convolutions": 0.4}
NAMES = ("resnet50", "mobilenetv2", "minilm_l6")


def near_the_peak(name, processor):
    shares = {}
    for kind, kernels in inner_loops.kernels(name, processor).items():
        share = statistics.median(kernels.values()) / inner_loops.peak(processor)
        harness.expect(share >= LEAST[kind], f"{kind}: {share:.0%} of the peak")
        shares[kind.split()[0]] = round(share, 3)
    harness.expect(shares, "no kernel multiplies")
    return shares


def main():
    args = harness.parser(__doc__).parse_args()
    cases = harness.Cases()
    for name in args.names or NAMES:
        for processor in inner_loops.PROCESSORS:
            cases.run(f"{name} {processor}", lambda: near_the_peak(name, processor))
    return cases.close(args.json)


if __name__ == "__main__":
    sys.exit(main())
