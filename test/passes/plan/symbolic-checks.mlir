// RUN: smelt-opt %s --form-dispatches --place-buffers | FileCheck %s

// What only the run knows is checked when sizes are computed, and no kernel runs where it does not hold: a window fits in
// its input, extents are not negative (e is max(e, 0)), and a reshape keeps the number of elements.

// One stride after another is one quotient.
// CHECK: kernel.check {extents = #graph.extents<"equal(floordiv(t + 1, 2) - 1, max(0, floordiv(t + 1, 2) - 1)),
// CHECK-SAME: equal(floordiv(t + 1, 2) - 2, max(0, floordiv(t + 1, 2) - 2)){{.*}}
// CHECK: kernel.check {extents = #graph.extents<"equal(floordiv(t + 1, 4), s)
func.func @main(%x: tensor<1x4x?xf32, #graph.extents<"1, 4, t">>, %w: tensor<4x4x3xf32>, %y: tensor<?xf32, #graph.extents<"s">>) -> tensor<1x4x?xf32, #graph.extents<"1, 4, s">> {
  %0 = graph.conv %x, %w {strides = array<i64: 2>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, groups = 1 : i64}
      : (tensor<1x4x?xf32, #graph.extents<"1, 4, t">>, tensor<4x4x3xf32>) -> tensor<1x4x?xf32, #graph.extents<"1, 4, floordiv(t + 1, 2) - 1">>
  %1 = graph.pool %0 {kind = 0 : i32, window = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 1>, low = array<i64: 1>, high = array<i64: 0>,
                      declared_high = array<i64: 0>, count_padding = false, p = 1 : i64}
      : (tensor<1x4x?xf32, #graph.extents<"1, 4, floordiv(t + 1, 2) - 1">>) -> tensor<1x4x?xf32, #graph.extents<"1, 4, floordiv(t + 1, 4)">>
  %2 = graph.reshape %1 : (tensor<1x4x?xf32, #graph.extents<"1, 4, floordiv(t + 1, 4)">>) -> tensor<1x4x?xf32, #graph.extents<"1, 4, s">>
  %3 = graph.add %2, %y : (tensor<1x4x?xf32, #graph.extents<"1, 4, s">>, tensor<?xf32, #graph.extents<"s">>) -> tensor<1x4x?xf32, #graph.extents<"1, 4, s">>
  return %3 : tensor<1x4x?xf32, #graph.extents<"1, 4, s">>
}
