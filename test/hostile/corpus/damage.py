# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files that are no model, or damaged ones: bytes, lengths, wire types."""
import random

from .build import field, small_model, varint, with_graph

SIGNATURES = {"zip": b"PK\x03\x04", "elf": b"\x7fELF", "tflite": b"\x1c\0\0\0TFL3", "gzip": b"\x1f\x8b\x08\0", "hdf5": b"\x89HDF\r\n\x1a\n",
              "npy": b"\x93NUMPY\x01\0", "pickle": b"\x80\x02}q\0", "utf16": b"\xff\xfem\0o\0d\0"}


def fields_of(data):
    """Where each of a message's fields ends."""
    at, ends = 0, []
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == 2:
            size, at = read_varint(data, at)
            at += size
        elif tag & 7 == 0:
            _, at = read_varint(data, at)
        else:
            at += 8 if tag & 7 == 1 else 4
        ends.append(at)
    return ends


def read_varint(data, at):
    number, shift = 0, 0
    while True:
        number |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return number, at


def add_to(corpus):
    model = small_model()
    whole, graph = model.SerializeToString(), model.graph.SerializeToString()
    corpus.add("ok_baseline", whole)
    corpus.add("empty", b"")
    corpus.add("one_zero", b"\0")
    corpus.add("zeros", bytes(4096))
    corpus.add("ones", b"\xff" * 4096)
    corpus.add("text", b"this is not a model\n" * 50)
    corpus.add("json", b'{"graph": {"node": []}}' * 20)
    corpus.add("noise", random.Random(7).randbytes(4096))
    for name, bytes_ in SIGNATURES.items():
        corpus.add(f"signature_{name}", bytes_ + bytes(200))
    # The end of a model may be cut between two fields without a trace, but for what is then missing.
    for end in [0, *fields_of(whole)[:-1]]:
        corpus.add(f"{'maybe_' if end else ''}cut_after_{end}", whole[:end])
    for cut in sorted({1, 2, 7, 31, 100, 150, len(whole) // 2, len(whole) - 1}):
        corpus.add(f"cut_within_{cut}", whole[:cut])
    for end in fields_of(graph)[:-1]:  # a whole model of a graph that ends early
        corpus.add(f"maybe_graph_cut_after_{end}", with_graph(model, graph[:end]))
    for cut in (1, 3, 20, len(graph) - 2):
        corpus.add(f"graph_cut_within_{cut}", with_graph(model, graph[:cut]))
    for seed in range(24):
        random_ = random.Random(seed)
        data = bytearray(whole)
        for _ in range(1 + seed % 12):
            data[random_.randrange(len(data) if seed % 2 else 200)] ^= 1 << random_.randrange(8)
        corpus.add(f"maybe_flip_{seed}", bytes(data))
    corpus.add("length_of_2_63", whole[:2] + b"\x3a" + b"\xff" * 8 + b"\x7f" + whole[2:])
    corpus.add("length_of_2_gb", whole[:2] + b"\x3a" + varint((1 << 31) - 1) + whole[2:])
    corpus.add("length_of_4_gb", whole[:2] + b"\x3a" + varint(1 << 32) + whole[2:])
    corpus.add("number_without_end", b"\x08" + b"\x80" * 4000)
    corpus.add("number_of_eleven_bytes", b"\x08" + b"\xff" * 10 + b"\x01" + whole[2:])
    corpus.add("field_zero", whole + b"\x02\0")
    corpus.add("wire_type_7", whole + b"\x0f\0")
    corpus.add("groups", b"\x7b" * 100000)
    corpus.add("groups_behind_a_model", whole + b"\xa3\x06" * 100000)
    corpus.add("graph_is_a_number", whole[:2] + b"\x38\x05")
    corpus.add("graph_is_empty", with_graph(model, b""))
    corpus.add("two_graphs", whole + field(7, graph))  # protobuf joins them
    corpus.add("graph_missing", whole[: fields_of(whole)[0]])
    corpus.add("ok_unknown_fields", whole + field(3000, b"more") + b"\xa0\xbb\x01\x05")
    corpus.add("ok_padded_lengths", whole[:2] + b"\x3a\x80\x80\x80\x80\0" + whole[2:])
    corpus.add("node_in_node", with_graph(model, field(1, field(1, b"\xff\xfe") * 1000)))
    corpus.add("nested_1000_attributes", with_graph(model, nested_attributes(1000)))
    corpus.add("types_nest", with_graph(model, graph + field(11, field(1, b"z") + field(2, nested_types(2000)))))


def nested_attributes(depth):
    """A graph in an attribute of a node in a graph …"""
    graph = b""
    for _ in range(depth):
        graph = field(1, field(4, b"If") + field(5, field(1, b"g") + field(6, graph) + b"\xa0\x01\x05"))
    return graph


def nested_types(depth):
    """A sequence of sequences of …"""
    type_ = b""
    for _ in range(depth):
        type_ = field(4, field(1, type_))
    return type_
