// RUN: smelt-opt %s --simplify | FileCheck %s

// The slice reads only the second part.
// CHECK-LABEL: func.func @slice_of_concat
// CHECK-NEXT: graph.slice %arg1 {starts = #graph.extents<"1">, steps = #graph.extents<"1">} : (tensor<4xf32>) -> tensor<2xf32>
// CHECK-NEXT: return
func.func @slice_of_concat(%x: tensor<3xf32>, %y: tensor<4xf32>) -> tensor<2xf32> {
  %0 = graph.concat %x, %y {axis = 0 : i64} : (tensor<3xf32>, tensor<4xf32>) -> tensor<7xf32>
  %1 = graph.slice %0 {starts = #graph.extents<"4">, steps = #graph.extents<"1">} : (tensor<7xf32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// Reads both parts.
// CHECK-LABEL: func.func @slice_of_both
// CHECK: graph.concat
// CHECK: graph.slice
func.func @slice_of_both(%x: tensor<3xf32>, %y: tensor<4xf32>) -> tensor<2xf32> {
  %0 = graph.concat %x, %y {axis = 0 : i64} : (tensor<3xf32>, tensor<4xf32>) -> tensor<7xf32>
  %1 = graph.slice %0 {starts = #graph.extents<"2">, steps = #graph.extents<"1">} : (tensor<7xf32>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// x[::-1][1:4] = x[5:2:-1]
// CHECK-LABEL: func.func @slice_of_slice
// CHECK-NEXT: graph.slice %arg0 {starts = #graph.extents<"5">, steps = #graph.extents<"-1">} : (tensor<7xf32>) -> tensor<3xf32>
func.func @slice_of_slice(%x: tensor<7xf32>) -> tensor<3xf32> {
  %0 = graph.slice %x {starts = #graph.extents<"6">, steps = #graph.extents<"-1">} : (tensor<7xf32>) -> tensor<7xf32>
  %1 = graph.slice %0 {starts = #graph.extents<"1">, steps = #graph.extents<"1">} : (tensor<7xf32>) -> tensor<3xf32>
  return %1 : tensor<3xf32>
}

// concat(concat(x[0:2], x[2:5]), x[5:7]) → x
// CHECK-LABEL: func.func @concat_of_slices
// CHECK-NEXT: return %arg0
func.func @concat_of_slices(%x: tensor<7xf32>) -> tensor<7xf32> {
  %a = graph.slice %x {starts = #graph.extents<"0">, steps = #graph.extents<"1">} : (tensor<7xf32>) -> tensor<2xf32>
  %b = graph.slice %x {starts = #graph.extents<"2">, steps = #graph.extents<"1">} : (tensor<7xf32>) -> tensor<3xf32>
  %c = graph.slice %x {starts = #graph.extents<"5">, steps = #graph.extents<"1">} : (tensor<7xf32>) -> tensor<2xf32>
  %0 = graph.concat %a, %b {axis = 0 : i64} : (tensor<2xf32>, tensor<3xf32>) -> tensor<5xf32>
  %1 = graph.concat %0, %c {axis = 0 : i64} : (tensor<5xf32>, tensor<2xf32>) -> tensor<7xf32>
  return %1 : tensor<7xf32>
}

// x[-1] → a slice and a reshape
// CHECK-LABEL: func.func @gather
// CHECK-NEXT: %[[S:.*]] = graph.slice %arg0 {starts = #graph.extents<"0, 7, 0">
// CHECK-NEXT: graph.reshape %[[S]] : (tensor<2x1x4xf32>) -> tensor<2x4xf32>
func.func @gather(%x: tensor<2x8x4xf32>) -> tensor<2x4xf32> {
  %i = graph.constant dense<-1> : tensor<i64>
  %0 = graph.gather %x, %i {axis = 1 : i64} : (tensor<2x8x4xf32>, tensor<i64>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// conv(pad(x, 0)) → conv with pads; another value stays.
// CHECK-LABEL: func.func @padded_conv
// CHECK: graph.conv %arg0, %arg1 {{.*}}high = array<i64: 1, 3>{{.*}}low = array<i64: 1, 2>
// CHECK: %[[P:.*]] = graph.pad
// CHECK-NEXT: %[[S:.*]] = graph.slice %[[P]]
// CHECK-NEXT: graph.conv %[[S]]
func.func @padded_conv(%x: tensor<1x2x8x8xf32>, %w: tensor<4x2x3x3xf32>) -> (tensor<1x4x8x11xf32>, tensor<1x4x6x6xf32>) {
  %z = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.pad %x, %z {low = #graph.extents<"0, 0, 0, 2">, high = #graph.extents<"0, 0, 0, 3">} : (tensor<1x2x8x8xf32>, tensor<f32>) -> tensor<1x2x8x13xf32>
  %1 = graph.conv %0, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 0>, high = array<i64: 1, 0>, groups = 1 : i64} : (tensor<1x2x8x13xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x8x11xf32>
  %n = graph.constant dense<1.0> : tensor<f32>
  %2 = graph.pad %x, %n {low = #graph.extents<"0, 0, 0, 0">, high = #graph.extents<"0, 0, 0, 0">} : (tensor<1x2x8x8xf32>, tensor<f32>) -> tensor<1x2x8x8xf32>
  %3 = graph.pad %2, %n {low = #graph.extents<"0, 0, 1, 0">, high = #graph.extents<"0, 0, 0, 1">} : (tensor<1x2x8x8xf32>, tensor<f32>) -> tensor<1x2x9x9xf32>
  %4 = graph.slice %3 {starts = #graph.extents<"0, 0, 0, 0">, steps = #graph.extents<"1, 1, 1, 1">} : (tensor<1x2x9x9xf32>) -> tensor<1x2x8x8xf32>
  %5 = graph.conv %4, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x2x8x8xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x6x6xf32>
  return %1, %5 : tensor<1x4x8x11xf32>, tensor<1x4x6x6xf32>
}

// pad by less than nothing → slice
// CHECK-LABEL: func.func @crop
// CHECK-NEXT: graph.slice %arg0 {starts = #graph.extents<"1">
func.func @crop(%x: tensor<7xf32>) -> tensor<4xf32> {
  %z = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.pad %x, %z {low = #graph.extents<"-1">, high = #graph.extents<"-2">} : (tensor<7xf32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Over a dim of 1, a sum is its operand; its logarithm is not.
// CHECK-LABEL: func.func @reduce
// CHECK-NEXT: %[[L:.*]] = graph.reduce %arg0
// CHECK-NEXT: return %arg0, %[[L]]
func.func @reduce(%x: tensor<4x1xf32>) -> (tensor<4x1xf32>, tensor<4x1xf32>) {
  %0 = graph.reduce %x {kind = 0 : i32, axes = array<i64: 1>} : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %1 = graph.reduce %x {kind = 8 : i32, axes = array<i64: 1>} : (tensor<4x1xf32>) -> tensor<4x1xf32>
  return %0, %1 : tensor<4x1xf32>, tensor<4x1xf32>
}

// A scalar is a line of one.
// CHECK-LABEL: func.func @reduce_scalar
// CHECK-NEXT: %[[L:.*]] = graph.reshape %arg0 : (tensor<f32>) -> tensor<1xf32>
// CHECK-NEXT: %[[R:.*]] = graph.reduce %[[L]] {{.*}} : (tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: graph.reshape %[[R]] : (tensor<1xf32>) -> tensor<f32>
func.func @reduce_scalar(%x: tensor<f32>) -> tensor<f32> {
  %0 = graph.reduce %x {kind = 8 : i32, axes = array<i64>} : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// What is done to each row of a table is done to the table; not when its numbers differ from place to place.
// CHECK-LABEL: func.func @gather_later
// CHECK: %[[B:.*]] = graph.add {{.*}} -> tensor<2x3xf32>
// CHECK-NEXT: %[[R:.*]] = graph.relu %[[B]] : (tensor<2x3xf32>)
// CHECK-NEXT: %[[G:.*]] = graph.gather %[[R]], %arg0
// CHECK-NEXT: graph.add %[[G]]
func.func @gather_later(%i: tensor<1x4xi64>) -> tensor<1x4x3xf32> {
  %t = graph.constant dense<1.5> : tensor<2x3xf32>
  %b = graph.constant dense<[[[1.0, 2.0, 3.0]]]> : tensor<1x1x3xf32>
  %p = graph.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %0 = graph.gather %t, %i {axis = 0 : i64} : (tensor<2x3xf32>, tensor<1x4xi64>) -> tensor<1x4x3xf32>
  %1 = graph.add %0, %b : (tensor<1x4x3xf32>, tensor<1x1x3xf32>) -> tensor<1x4x3xf32>
  %2 = graph.relu %1 : (tensor<1x4x3xf32>) -> tensor<1x4x3xf32>
  %3 = graph.add %2, %p : (tensor<1x4x3xf32>, tensor<4x1xf32>) -> tensor<1x4x3xf32>
  return %3 : tensor<1x4x3xf32>
}
