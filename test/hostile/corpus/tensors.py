# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensors whose dims, types and data do not go together, and data that lies in other files."""
import os
import struct

from onnx import SparseTensorProto, TensorProto, helper

from .build import F32, I64, LEAST, MOST, integers, model, node, value


def add_to(corpus):
    inline(corpus)
    sparse(corpus)
    external(corpus)
    declared(corpus)


def proto(dims, raw=None, dtype=F32, **typed):
    made = TensorProto(name="w", data_type=dtype, dims=dims)
    if raw is not None:
        made.raw_data = raw
    for name, numbers in typed.items():
        getattr(made, name).extend(numbers)
    return made


def adding(weight):
    return model(node("Add", "x w", "y", "add"), {"x": [4]}, weights=[weight])


def inline(corpus):
    cases = {
        "raw_too_short": proto([4], bytes(15)), "raw_too_long": proto([4], bytes(17)), "raw_of_a_megabyte_missing": proto([1 << 20], b""),
        "raw_missing": proto([4]), "dim_negative": proto([-4], bytes(16)), "dim_least": proto([LEAST], bytes(16)), "dim_minus_1": proto([-1], bytes(4)),
        "dims_overflow": proto([1 << 32] * 3, bytes(16)), "dims_overflow_to_zero": proto([1 << 62, 4], b""), "dims_overflow_to_four": proto(
            [(1 << 62) + 1, 4], bytes(16)), "dims_overflow_behind_zero": proto([0, MOST, MOST], b""), "bytes_overflow": proto([1 << 61], b""),
        "bytes_overflow_f64": proto([1 << 60], b"", TensorProto.DOUBLE), "huge_without_data": proto([1 << 40]), "rank_65": proto([1] * 65, bytes(4)),
        "rank_100000": proto([1] * 100000, bytes(4)), "float_data_count": proto([4], float_data=[1.0] * 3), "int32_data_for_floats": proto(
            [4], int32_data=[1] * 4), "int64_data_for_floats": proto([4], int64_data=[1] * 4), "int32_data_beyond_i8": proto(
                [4], dtype=TensorProto.INT8, int32_data=[1 << 20] * 4), "int4_odd_raw": proto([3], b"\x11", TensorProto.INT4),
        "int2_raw_too_long": proto([4], b"\x11\x11", TensorProto.INT2), "strings": proto([4], None, TensorProto.STRING, string_data=[b"a"] * 4),
        "strings_in_raw": proto([4], bytes(16), TensorProto.STRING), "complex": proto([4], bytes(32), TensorProto.COMPLEX64),
        "type_0": proto([4], bytes(16), 0), "type_999": proto([4], bytes(16), 999), "type_negative": proto([4], bytes(16), -1),
    }
    for name, weight in cases.items():
        corpus.add(f"tensor_{name}", adding(weight))
    corpus.add("maybe_tensor_holds_data_twice", adding(proto([4], bytes(16), float_data=[1.0] * 4)))
    segment = proto([4], bytes(16))
    segment.segment.begin, segment.segment.end = 0, 4
    corpus.add("tensor_segment", adding(segment))
    flags = proto([8], bytes(range(8)), TensorProto.BOOL)
    corpus.add("ok_tensor_bools_other_than_0_and_1", model(node("Not", "w", "y"), [], weights=[flags]))
    corpus.add("ok_tensor_of_nothing", model(node("Concat", "x w", "y", axis=0), {"x": [4]}, weights=[proto([0], b"")]))
    corpus.add("ok_tensor_unused_is_fine", model(node("Relu", "x", "y"), {"x": [4]}, weights=[proto([4], bytes(16))]))
    corpus.add("tensor_unused_is_bad", model(node("Relu", "x", "y"), {"x": [4]}, weights=[proto([4], bytes(15))]))
    for name, weight in (("negative_dim", proto([-4], bytes(16))), ("short", proto([4], bytes(15))), ("huge", proto([1 << 45]))):
        corpus.add(f"constant_{name}", model([node("Constant", "", "w", "c", value=weight), node("Add", "x w", "y")], {"x": [4]}))
    corpus.add("constant_without_value", model([node("Constant", "", "w", "c"), node("Add", "x w", "y")], {"x": [4]}))
    corpus.add("constant_of_two_values", model([node("Constant", "", "w", "c", value_float=1.0, value_int=1), node("Add", "x w", "y")], {"x": [4]}))


def sparse_weight(dims, values, indices):
    made = SparseTensorProto(dims=dims)
    made.values.CopyFrom(values)
    made.indices.CopyFrom(indices)
    return made


def sparse(corpus):
    values = helper.make_tensor("w", F32, [2], [1.0, 2.0])
    cases = {
        "ok_sparse": ([4], values, integers("", 1, 3)), "sparse_index_past_end": ([4], values, integers("", 1, 4)),
        "sparse_index_negative": ([4], values, integers("", -1, 3)), "maybe_sparse_unsorted": ([4], values, integers("", 3, 1)),
        "maybe_sparse_twice": ([4], values, integers("", 1, 1)), "sparse_too_few_indices": ([4], values, integers("", 1)),
        "sparse_huge": ([1 << 40], values, integers("", 1, 3)), "sparse_overflow": ([1 << 40] * 3, values, integers("", 1, 3)),
        "sparse_large": ([1 << 32], values, integers("", 1, 3)), "sparse_floats_as_indices": ([4], values, helper.make_tensor("", F32, [2], [1.0, 2.0])),
        "sparse_pairs_out_of_range": ([2, 2], values, helper.make_tensor("", I64, [2, 2], [0, 1, MOST, LEAST])),
    }
    for name, parts in cases.items():
        made = model(node("Add", "x w", "y", "add"), {"x": [4]})
        made.graph.sparse_initializer.append(sparse_weight(*parts))
        corpus.add(name, made)


def external(corpus):
    folder = corpus.folder
    (folder / "side.bin").write_bytes(struct.pack("<4f", 1, 2, 3, 4))
    (folder / "none.bin").write_bytes(b"")
    (folder / "below").mkdir(exist_ok=True)
    (folder / "below" / "side.bin").write_bytes(bytes(16))
    for link, target in (("link.bin", "side.bin"), ("linkdir", "below"), ("outside.bin", "/etc/hostname"), ("loop.bin", "loop.bin"), ("dangling.bin", "gone")):
        os.symlink(target, folder / link)
    (folder / "other.bin").write_bytes(bytes(16))
    os.link(folder / "other.bin", folder / "hard.bin")
    os.mkfifo(folder / "pipe.bin")
    with open(folder / "holes.bin", "wb") as holes:
        holes.truncate(1 << 33)

    def add(name, location, offset=None, length=None, dims=(4,), extra=()):
        weight = TensorProto(name="w", data_type=F32, dims=dims, data_location=TensorProto.EXTERNAL)
        for key, text in (("location", location), ("offset", offset), ("length", length), *extra):
            if text is not None:
                weight.external_data.add(key=key, value=str(text))
        corpus.add(name if name.startswith(("ok_", "maybe_")) else f"external_{name}", adding(weight))

    add("ok_external", "side.bin", 0, 16)
    add("ok_external_below", "below/side.bin", extra=[("checksum", "0")])
    for name, location in (("missing", "not_there.bin"), ("parent", "../side.bin"), ("parent_far", "../" * 40 + "etc/passwd"), ("absolute", "/etc/passwd"),
                           ("through_parent", "below/../side.bin"), ("only_parent", ".."), ("symlink", "link.bin"), ("symlink_out", "outside.bin"),
                           ("symlink_folder", "linkdir/side.bin"), ("symlink_loop", "loop.bin"), ("symlink_dangling", "dangling.bin"), ("hard_link", "hard.bin"),
                           ("pipe", "pipe.bin"), ("folder", "below"), ("this_folder", "."), ("file_as_folder", "side.bin/x"), ("no_location", None),
                           ("empty_location", ""), ("slashes", "///"), ("long", "a/" * 5000), ("long_name", "n" * 5000), ("controls", "\x1b[31m\n.bin"),
                           ("model_itself", "external_model_itself.onnx\0"), ("url", "file:///etc/passwd"), ("backslash", "..\\side.bin"), ("empty_file", "none.bin")):
        add(name, location)
    add("device", "/dev/zero", dims=(1 << 20,))
    add("proc", "/proc/self/mem")
    for offset in (1 << 40, (1 << 64) - 8, 1 << 63, -8, "12abc", "0x10", "", " 4", 4, 1e3, "9" * 400):
        add(f"offset_{str(offset)[:24]}", "side.bin", offset)
    for length in (8, 17, -1, "16 ", (1 << 64) - 1, "9" * 400):
        add(f"length_{str(length)[:24].strip()}", "side.bin", 0, length)
    add("offset_and_length", "side.bin", 8, 16)
    add("huge", "side.bin", 0, dims=(1 << 45,))
    add("ok_external_hole", "holes.bin", 1 << 32, 16)
    both = adding(proto([4], bytes(16)))
    both.graph.initializer[0].data_location = TensorProto.EXTERNAL
    corpus.add("external_without_entries", both)


def declared(corpus):
    relu = node("Relu", "x", "y")
    corpus.add("output_dims_lie", model(relu, outputs=[value("y", [7, 7])]))
    corpus.add("output_rank_lies", model(relu, outputs=[value("y", [256])]))
    corpus.add("output_type_lies", model(relu, outputs=[value("y", None, I64)]))
    corpus.add("output_of_unknown_type", model(relu, outputs=[value("y", None, 77)]))
    corpus.add("output_dim_least", model(relu, outputs=[value("y", [LEAST, 4, 8, 8])]))
    corpus.add("input_without_type", model(relu, [helper.make_empty_tensor_value_info("x")]))
    corpus.add("input_of_unknown_type", model(relu, [value("x", [4], 77)]))
    corpus.add("input_of_type_0", model(relu, [value("x", [4], 0)]))
    corpus.add("input_of_strings", model(relu, [value("x", [4], TensorProto.STRING)]))
    corpus.add("input_sequence", model(relu, [helper.make_tensor_sequence_value_info("x", F32, [4])]))
    corpus.add("input_map", model(relu, [helper.make_value_info("x", helper.make_map_type_proto(I64, helper.make_tensor_type_proto(F32, [4])))]))
    for dims in ([-3, 4], [LEAST], [1 << 40, 1 << 40], [MOST], [1 << 33, 4], [0, MOST, MOST], [1] * 65):
        corpus.add(f"input_dims_{'x'.join(map(str, dims[:3]))}", model(relu, {"x": dims}))
    corpus.add("ok_input_empty", model(relu, {"x": [0, 4]}))
    corpus.add("ok_input_rank_64", model(relu, {"x": [1] * 64}))
    lies = model([node("Relu", "x", "t", "a"), node("Abs", "t", "y", "b")], {"x": [4]})
    lies.graph.value_info.append(value("t", [1 << 62, 1 << 62]))
    corpus.add("maybe_inner_shape_lies", lies)
