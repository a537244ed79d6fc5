#!/usr/bin/env python3
"""Latency of Smelt beside other runtimes, on this machine, one thread, f32; and what else its artefacts cost.

usage: bench.py [MODEL…] [--peers LIST] [--target NAME] [--precision P] [--rounds N] [--json FILE] [--store] [--check] [--trend]
       bench.py [MODEL…] --dynamic | --threads N | --figures | --roofline | --mca | --gpu
       bench.py [MODEL…] --format tflite|pt2 [OPTION…]
       bench.py --page [write]

Contestants are processes of their own that take turns round by round, so that whatever else the machine does meets all of them; each figure is the
median of CPU time per inference. A ratio below 1 means that Smelt is faster; the one that counts is that to the fastest peer of each model. OpenVINO
is held to f32: by default it computes in bf16 where the processor can. Peers whose results are wrong do not count.
"""
import argparse
import json
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("test", "test/models", "tools/python")]

import contestants  # noqa: E402
import dynamic  # noqa: E402
import figures  # noqa: E402
import formats  # noqa: E402
import gpu  # noqa: E402
import harness  # noqa: E402
import inner_loops  # noqa: E402
import models  # noqa: E402
import page  # noqa: E402
import peers  # noqa: E402
import results as kept  # noqa: E402
import roofline  # noqa: E402
import threads  # noqa: E402

# minilm_int8dyn is minilm_l6 with weights of another precision: nothing to compare in f32.
MODELS = tuple(name for name in models.MODELS if name != "minilm_int8dyn")


def measure_all(names, kind, args, out=print):
    """Measures each model by one of the modules above, and prints a table. (results, how many failed)"""
    out(kind.header(args))
    results, failed = [], 0
    for name in names:
        try:
            results.append(kind.bench(name, args))
            out(kind.row(results[-1], args))
        except (harness.Failure, contestants.Failed, subprocess.SubprocessError) as error:
            failed += 1
            out(f"{name:14} {error}")
    for line in kind.summary(results, args):
        out(line)
    return results, failed


def check(results, args):
    """Whether no ratio is worse than when results were last kept. (exit code)"""
    before = kept.last(kept.read(kept.file_of(kept.processor())), args.target, args.precision)
    if not before:
        print(f"check: nothing is kept for this processor and target {args.target}; ./dev bench --store keeps what it measures")
        return 1

    def again(names):
        print(f"check: measuring again: {', '.join(names)}")
        return measure_all(names, peers, args)[0]

    worse = kept.check(before, results, again)
    for name, (old, new) in worse.items():
        print(f"check: {name}: {new:.3f} x the fastest peer, was {old:.3f} on {before['date']} ({before['commit']}): more than {kept.WORSE:.2f} times as much")
    print(f"check: {len(worse)} of {len(results)} models are worse than on {before['date']}" if worse else
          f"check: none of {len(results)} models is worse than on {before['date']} ({before['commit']})")
    return 1 if worse else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"of {', '.join(models.MODELS)}; by default all but minilm_int8dyn")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--dynamic", action="store_true", help="compare models whose dims stay symbolic with those compiled for one size")
    kind.add_argument("--threads", type=int, metavar="N", help="compare Smelt with N threads with itself with one, by the clock")
    kind.add_argument("--figures", action="store_true", help="compile time and memory, code, load time, memory of a run, arena; each with its bar")
    kind.add_argument("--roofline", action="store_true", help="how much of what this machine can do each model reaches, and the layers furthest from it")
    kind.add_argument("--mca", action="store_true", help="inner loops of AArch64 kernels, as llvm-mca estimates them")
    kind.add_argument("--gpu", action="store_true", help=f"compare with ncnn and IREE on the Vulkan device here, compiled for {gpu.TARGET} unless told another --target")
    kind.add_argument("--page", nargs="?", const="measure", choices=("measure", "write"),
                      help=f"measure everything with all peers, {page.HOW_LONG}, and write {page.PAGE.relative_to(REPOSITORY)}; "
                           "'write' takes the last figures of each kind as they are")
    kind.add_argument("--trend", action="store_true", help="print what is kept of this processor, without measuring")
    kind.add_argument("--format", choices=tuple(formats.PROGRAMS), help="models of another format, each beside its own runtime: LiteRT for tflite, ExecuTorch for pt2; "
                                                                        "`--format pt2 --help` has the models and options of each")
    parser.add_argument("--peers", type=contestants.parse_peers, default=contestants.DEFAULT_PEERS, metavar="LIST",
                        help=f"of {', '.join(contestants.PEERS)}; or all, none (default: onnxruntime,openvino; the others are installed when asked for)")
    parser.add_argument("--target", help="what Smelt compiles for (default: native); with x86-64-v3 peers are held to AVX2")
    parser.add_argument("--precision", default="f32", metavar="P", help="as of smelt compile (default: f32); with others OpenVINO computes as it does by default; with int8 all run the model in "
                             "integers, calibrated on the same samples; qdq: all run the file that ONNX Runtime's quantiser makes")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"turns of each contestant (default: about {peers.SECONDS_PER_MODEL:g} s a model)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--store", action="store_true", help="keep the ratios in tools/bench/results/, for --check and --trend")
    parser.add_argument("--check", action="store_true", help=f"exit with 1 where a ratio to the fastest peer is more than {kept.WORSE:.2f} times the last one kept")
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in models.MODELS]:
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(models.MODELS)}")
    if args.threads is not None and args.threads < 2:
        parser.error("--threads: at least 2, which are compared with 1")
    args.target = args.target or (gpu.TARGET if args.gpu else "native")
    compares_peers = not (args.dynamic or args.threads or args.figures or args.roofline or args.mca or args.gpu or args.page or args.trend)
    if (args.store or args.check) and (not compares_peers or not args.peers):
        parser.error("--store and --check go with a comparison with peers")
    return args


def say(text=""):
    print(text, flush=True)


def main():
    if named := formats.named(sys.argv[1:]):
        return formats.bench(*named)
    args = parse()
    if args.trend:
        print("\n".join(kept.trend(kept.read(kept.file_of(kept.processor())))))
        return 0
    contestants.install(contestants.PEERS if args.page else contestants.DEVICE_PEERS if args.gpu else args.peers)
    if args.page:
        return page.write(args.names or MODELS, args, measure_all)
    chosen = [(args.dynamic, dynamic), (args.threads, threads), (args.figures, figures), (args.roofline, roofline), (args.mca, inner_loops), (args.gpu, gpu), (True, peers)]
    kind = next(module for is_asked, module in chosen if is_asked)
    names = args.names or (filter(dynamic.is_open, models.MODELS) if args.dynamic else gpu.MODELS if args.gpu else MODELS)
    say(f"{kept.processor()}, target {args.target}, {args.precision}")
    results, failed = measure_all(names, kind, args, say)
    if not args.rounds:
        kept.remember(kind.__name__, args, results)
    status = 1 if failed else 0
    if args.json:
        args.json.write_text(json.dumps({"processor": kept.processor(), "target": args.target, "results": results}, indent=1) + "\n")
    if args.check:
        status = max(status, check(results, args))
    if args.store:
        print(f"kept in {kept.store(kept.entry(results, args, kept.versions(args.peers)))}")
    return status


if __name__ == "__main__":
    sys.exit(main())
