#!/usr/bin/env python3
"""Writes ONNX's own node tests, which the onnx package builds in memory, as folders that smelt-conformance reads.

usage: materialise.py OUT_DIR [--list FILE]…

OUT_DIR/<name>/model.onnx, test_data_set_<k>/{input,output}_<i>.pb, and tolerance.json with the "rtol" and "atol" that the test states.
"""
import argparse
import json
import pathlib

import numpy as np
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests


def serialised(value, info):
    """A test value as the protobuf that its declared type asks for."""
    convert = {"map_type": numpy_helper.from_dict, "sequence_type": numpy_helper.from_list, "optional_type": numpy_helper.from_optional}
    kind = info.type.WhichOneof("value")
    if kind in convert:
        proto = convert[kind](value, info.name)
    else:
        proto = value if isinstance(value, TensorProto) else numpy_helper.from_array(np.asarray(value), info.name)
    return proto.SerializeToString(deterministic=True)


def write(case, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString(deterministic=True))
    (folder / "tolerance.json").write_text(json.dumps({"rtol": case.rtol, "atol": case.atol}))
    graph = case.model.graph
    for k, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{k}"
        data.mkdir(exist_ok=True)
        for kind, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            for i, (value, info) in enumerate(zip(values, infos)):
                (data / f"{kind}_{i}.pb").write_bytes(serialised(value, info))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--list", type=pathlib.Path, action="append", help="only the tests named in this file, one a line; may be repeated")
    args = parser.parse_args()
    wanted = {name for path in args.list for name in path.read_text().split()} if args.list else None
    cases = [case for case in load_model_tests(kind="node") if wanted is None or case.name in wanted]
    for case in cases:
        write(case, args.out / case.name)
    missing = (wanted or set()) - {case.name for case in cases}
    if missing:
        raise SystemExit(f"the onnx package has no test {', '.join(sorted(missing)[:5])}")
    print(f"{len(cases)} tests in {args.out}")


if __name__ == "__main__":
    main()
