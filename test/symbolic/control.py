"""If, Loop and Scan: what the run decides, how often it goes round, and states that grow."""
import numpy as np
import onnx.parser

from building import floats, integers


def model(text, opset=21):
    """A model in ONNX's text form: its signature and nodes, with whatever they call."""
    return onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : {opset}]> case {text}')


def yes(value):
    return np.array(bool(value))


def count(value):
    return np.array(value, np.int64)


IF_SHAPES = model("""(bool c, float[n, 4] x, float[m, 4] z) => (float[a, 4] y, float t) {
  y = If (c) <then_branch = g () => (float[n, 4] a) { a = Mul (x, x) }, else_branch = h () => (float[b, 4] b) { b = Concat <axis = 0> (z, x) }>
  t = ReduceSum <keepdims = 0> (y)
}""")
IF_SQUEEZES = model("""(float[n, 3, m] x) => (float[a, 4] y) <int64[1] last = {2}, int64[1] one = {1}> {
  all = Shape (x)
  dim = Gather (all, last)
  is_one = Equal (dim, one)
  rows = If (is_one) <then_branch = g () => (float[i, j] a) { a = Squeeze (x, last) }, else_branch = h () => (float[i, j, k] b) { b = Identity (x) }>
  y = Gemm (rows, w)
}""".replace("one = {1}", "one = {1}, float[3, 4] w"))
IF_SQUEEZES.graph.initializer.append(onnx.numpy_helper.from_array(floats(3, 4), "w"))
IF_NESTED = model("""(float[n] x, float limit) => (float[n] y) {
  s = ReduceSum <keepdims = 0> (x)
  big = Greater (s, limit)
  y = If (big) <
    then_branch = g () => (float[n] a) {
      half = Constant <value = float {0.5}> ()
      smaller = Mul (x, half)
      s2 = ReduceSum <keepdims = 0> (smaller)
      still = Greater (s2, limit)
      a = If (still) <then_branch = g2 () => (float[n] a2) { a2 = Mul (smaller, half) }, else_branch = h2 () => (float[n] b2) { b2 = Identity (smaller) }>
    },
    else_branch = h () => (float[n] b) { b = Identity (x) }
  >
}""")
IF_MANY = model("""(bool c, float[n] x) => (float[n] y, float[n] z, float[k] w) {
  y, z, w = If (c) <
    then_branch = g () => (float[n] a, float[n] a2, float[2] a3) { a = Neg (x) a2 = Identity (x) a3 = Constant <value = float[2] {1, 2}> () },
    else_branch = h () => (float[n] b, float[n] b2, float[3] b3) { b = Exp (x) b2 = Neg (b) b3 = Constant <value = float[3] {4, 5, 6}> () }
  >
}""")
IF_FOUND = model("""(bool c, float[n] x) => (int64[1, k] y) {
  y = If (c) <
    then_branch = g () => (int64[1, i] a) { a = NonZero (x) },
    else_branch = h () => (int64[1, j] b) { r = Relu (x) b = NonZero (r) }
  >
}""")
GROWS = model("""(int64 m, float[1, 3] x) => (float[k, 3] y, float[r, 3] sums) {
  y, sums = Loop (m, , x) <body = g (int64 i, bool c, float[a, 3] s) => (bool c2, float[b, 3] s2, float[3] sum) {
    c2 = Identity (c)
    axis = Constant <value = int64[1] {0}> ()
    f = Cast <to = 1> (i)
    last = ReduceMax <keepdims = 1> (s, axis)
    more = Add (last, f)
    s2 = Concat <axis = 0> (s, more)
    sum = ReduceSum <keepdims = 0> (s2, axis)
  }>
}""")
WHILE = model("""(float x, float limit) => (float y, int64 rounds, float[r] all) {
  three = Constant <value = int64 {3}> ()
  go = Less (x, limit)
  y, rounds, all = Loop (, go, x, three) <body = g (int64 i, bool c, float s, int64 k) => (bool c2, float s2, int64 k2, float s3) {
    one = Constant <value = int64 {1}> ()
    two = Constant <value = float {2}> ()
    k2 = Add (k, one)
    s2 = Mul (s, two)
    s3 = Identity (s)
    c2 = Less (s2, limit)
  }>
}""")
NESTED = model("""(int64 m, int64 k, float[n] x) => (float[n] y, float[r, q, n] all) {
  y, all = Loop (m, , x) <body = g (int64 i, bool c, float[n] s) => (bool c2, float[n] s2, float[q, n] rows) {
    c2 = Identity (c)
    s2, rows = Loop (k, , s) <body = g2 (int64 j, bool d, float[n] t) => (bool d2, float[n] t2, float[n] row) {
      d2 = Identity (d)
      ij = Add (i, j)
      f = Cast <to = 1> (ij)
      u = Add (t, f)
      v = Sub (u, s)
      row = Add (v, x)
      t2 = Sin (u)
    }>
  }>
}""")
SWAPS = model("""(int64 m, float[n] a, float[n] b, bool c) => (float[n] y, float[n] z, float[r, n] all, float[r, n] first, float[r, 2] same) {
  y, z, all, first, same = Loop (m, c, a, b) <body = g (int64 i, bool d, float[n] s, float[n] t) => (bool d, float[n] t, float[n] u, float[n] s, float[n] a2, float[2] w) {
    a2 = Identity (a)
    u = Add (s, t)
    w = Constant <value = float[2] {3, 4}> ()
  }>
}""")
STOPS = model("""(int64 m, float[n] a, bool c) => (float[n] y) {
  y = Loop (m, c, a) <body = g (int64 i, bool d, float[n] s) => (bool d2, float[n] t) {
    d2 = Identity (d)
    t = Add (s, a)
  }>
}""")
BRANCH_IN_LOOP = model("""(int64 m, float[n] x) => (float[n] y) {
  two = Constant <value = int64 {2}> ()
  zero = Constant <value = int64 {0}> ()
  y = Loop (m, , x) <body = g (int64 i, bool c, float[n] s) => (bool c2, float[n] s2) {
    c2 = Identity (c)
    half = Mod (i, two)
    even = Equal (half, zero)
    s2 = If (even) <then_branch = t () => (float[n] a) { a = Add (s, x) }, else_branch = e () => (float[n] b) { b = Mul (s, x) }>
  }>
}""")
DECODES = model("""(int64[1, p] ids, int64 m) => (int64[1, q] out, float[r, 16] all) {
  out, all = Loop (m, , ids) <body = g (int64 i, bool c, int64[1, a] s) => (bool c2, int64[1, b] s2, float[16] row) {
    axis = Constant <value = int64[1] {1}> ()
    stop = Constant <value = int64 {15}> ()
    e = Gather (table, s)
    h = ReduceMean <keepdims = 0> (e, axis)
    h2 = MatMul (h, w)
    h3 = Tanh (h2)
    logits = MatMul (h3, back)
    next = ArgMax <axis = 1, keepdims = 1> (logits)
    s2 = Concat <axis = 1> (s, next)
    flat = Squeeze (next)
    is_end = Equal (flat, stop)
    c2 = Not (is_end)
    row = Squeeze (logits)
  }>
}""".replace("{\n  out", "<float[16, 24] table, float[24, 24] w, float[24, 16] back> {\n  out", 1))
for name, shape in (("table", (16, 24)), ("w", (24, 24)), ("back", (24, 16))):
    DECODES.graph.initializer.append(onnx.numpy_helper.from_array(floats(*shape), name))
DRAINS = model("""(float[n] x) => (float[k] y, int64[r] sizes) {
  big = Constant <value = int64 {100}> ()
  y, sizes = Loop (big, , x) <body = g (int64 i, bool c, float[a] s) => (bool c2, float[b] s2, int64[1] size) {
    one = Constant <value = int64[1] {1}> ()
    ends = Constant <value = int64[1] {9223372036854775807}> ()
    limit = Constant <value = int64[1] {2}> ()
    s2 = Slice (s, one, ends)
    size = Shape (s2)
    go = Greater (size, limit)
    c2 = Squeeze (go)
  }>
}""")
FILTERS = model("""(float[n] x, int64 m) => (float[k] y) {
  y = Loop (m, , x) <body = g (int64 i, bool c, float[a] s) => (bool c2, float[b] s2) {
    c2 = Identity (c)
    mean = ReduceMean <keepdims = 0> (s)
    keep = GreaterOrEqual (s, mean)
    s2 = Compress <axis = 0> (s, keep)
  }>
}""")
SCANS = model("""(float[2, 3] h, float[t, 2, 3] x, float[2, t] z) => (float[2, 3] last, float[t, 2, 3] all, float[2, t, 3] side) {
  last, all, side = Scan <num_scan_inputs = 2, scan_input_axes = [0, 1], scan_input_directions = [0, 1], scan_output_axes = [0, 1], scan_output_directions = [1, 0],
    body = g (float[2, 3] s, float[2, 3] u, float[2] v) => (float[2, 3] s2, float[2, 3] o, float[2, 3] q) {
      axis = Constant <value = int64[1] {1}> ()
      column = Unsqueeze (v, axis)
      o = Mul (u, column)
      s2 = Add (s, o)
      q = Tanh (s2)
    }> (h, x, z)
}""")
SCAN_BATCHES = model("""(float[n, 3] h, float[n, t, 3] x) => (float[n, 3] s, float[n, t, 3] o) {
  s, o = Scan <num_scan_inputs = 1, directions = [1], body = b (float[3] v, float[3] w) => (float[3] u, float[3] p) {
    u = Add (v, w)
    p = Mul (u, w)
  }> (, h, x)
}""", opset=8)

CASES = {
    "if-shapes": (IF_SHAPES, [{"c": yes(c), "x": floats(n, 4), "z": floats(m, 4)} for c, n, m in ((1, 2, 3), (0, 2, 3), (0, 1, 70), (1, 65, 1))]),
    "if-squeezes": (IF_SQUEEZES, [{"x": floats(n, 3, 1)} for n in (1, 2, 7)]),
    "if-nested": (IF_NESTED, [{"x": np.full(n, 1, np.float32), "limit": np.array(limit, np.float32)} for n, limit in ((4, 9), (10, 7), (40, 3))]),
    "if-many": (IF_MANY, [{"c": yes(c), "x": floats(n)} for c, n in ((1, 3), (0, 40))]),
    "if-found": (IF_FOUND, [{"c": yes(c), "x": np.array(x, np.float32)} for c in (0, 1) for x in ([1, 0, -3, 4], [0], [-1, -1, 5, 0, 0, 8, 9])]),
    "loop-grows": (GROWS, [{"m": count(m), "x": floats(1, 3)} for m in (1, 2, 7, 100)]),
    "loop-while": (WHILE, [{"x": np.array(x, np.float32), "limit": np.array(limit, np.float32)} for x, limit in ((1, 100), (5, 6), (0.001, 1e6))]),
    "loop-never": (WHILE, [{"x": np.array(3, np.float32), "limit": np.array(1, np.float32)}]),
    "loop-nested": (NESTED, [{"m": count(m), "k": count(k), "x": floats(n)} for m, k, n in ((1, 1, 1), (3, 2, 5), (4, 6, 33))]),
    "loop-swaps": (SWAPS, [{"m": count(m), "a": floats(n), "b": floats(n), "c": yes(1)} for m, n in ((1, 1), (2, 3), (5, 20))]),
    "loop-stops": (STOPS, [{"m": count(m), "a": floats(3), "c": yes(c)} for m, c in ((0, 1), (3, 0), (-2, 1), (2, 1))]),
    "loop-branch": (BRANCH_IN_LOOP, [{"m": count(m), "x": floats(n)} for m, n in ((0, 2), (1, 3), (6, 17))]),
    "loop-decodes": (DECODES, [{"ids": integers(*ids)[None], "m": count(m)} for ids, m in (([1, 2, 3], 5), ([4], 1), ([0, 9, 14, 2, 2, 2, 8], 40))]),
    "loop-drains": (DRAINS, [{"x": floats(n)} for n in (3, 4, 20)]),
    "loop-filters": (FILTERS, [{"x": floats(n), "m": count(m)} for n, m in ((50, 3), (1, 2), (1000, 1))]),
    "scan-batches": (SCAN_BATCHES, [{"h": floats(n, 3), "x": floats(n, t, 3)} for n, t in ((1, 4), (3, 1), (70, 5))]),
    "scan": (SCANS, [{"h": floats(2, 3), "x": floats(t, 2, 3), "z": floats(2, t)} for t in (1, 4, 37)]),
}
REFUSED = {"scan-batches": {"h": floats(2, 3), "x": floats(3, 4, 3)}, "if-squeezes": {"x": floats(2, 3, 2)}, "scan": {"h": floats(2, 3), "x": floats(3, 2, 3), "z": floats(2, 4)}}
