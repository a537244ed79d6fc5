// RUN: smelt-opt %s --split-input-file --form-dispatches --place-buffers | FileCheck %s

// What is there and what comes behind it are one block, in the arena: rows lie as far apart as the longest ones, and
// the input is all that is copied.
// CHECK: kernel.plan
// CHECK-SAME: arena_bytes = 0
// CHECK-SAME: blocks = 1
// CHECK-SAME: state_bytes = 192
// CHECK-SAME: states = [{blocks = array<i64: 0, 0>, bytes = 144 : i64, input = 0 : i64, output = 0 : i64, places = array<i64: 0, 0>, strides = array<i64: 9, 1>}]
// CHECK-NOT: kernel.grow
// CHECK: kernel.call {{.*}} {bases = array<i32: 2, 5>, indices = array<i32: 0, 0>, offsets = #graph.extents<"0, 8*p">}
// CHECK-NOT: kernel.call
// CHECK: }
module attributes {graph.states = array<i64: 0, 0>, graph.bounds = {p = array<i64: 0, 8>}} {
  func.func @main(%past: tensor<2x?xi64, #graph.extents<"2, p">>, %x: tensor<2x1xi64>) -> tensor<2x?xi64, #graph.extents<"2, p + 1">> {
    %0 = graph.concat %past, %x {axis = 1 : i64} : (tensor<2x?xi64, #graph.extents<"2, p">>, tensor<2x1xi64>) -> tensor<2x?xi64, #graph.extents<"2, p + 1">>
    return %0 : tensor<2x?xi64, #graph.extents<"2, p + 1">>
  }
}

// -----

// Without a bound there are two blocks, of which the second grows.
// CHECK: kernel.plan
// CHECK-SAME: blocks = 2
// CHECK-SAME: states = [{blocks = array<i64: 0, 1>, bytes = 0 : i64, input = 0 : i64, output = 0 : i64, places = array<i64: -1, -1>}]
// CHECK: kernel.grow {block = 1 : i64, bytes = #graph.extents<"16*p + 16">}
// CHECK: kernel.call {{.*}} {bases = array<i32: 5, 5>, indices = array<i32: 0, 1>
// CHECK: kernel.call {{.*}} {bases = array<i32: 2, 5>, indices = array<i32: 0, 1>
module attributes {graph.states = array<i64: 0, 0>} {
  func.func @main(%past: tensor<2x?xi64, #graph.extents<"2, p">>, %x: tensor<2x1xi64>) -> tensor<2x?xi64, #graph.extents<"2, p + 1">> {
    %0 = graph.concat %past, %x {axis = 1 : i64} : (tensor<2x?xi64, #graph.extents<"2, p">>, tensor<2x1xi64>) -> tensor<2x?xi64, #graph.extents<"2, p + 1">>
    return %0 : tensor<2x?xi64, #graph.extents<"2, p + 1">>
  }
}

// -----

// One row grows where it lies.
// CHECK: kernel.plan
// CHECK-SAME: blocks = 1
// CHECK: kernel.grow {block = 0 : i64, bytes = #graph.extents<"8*p + 8">}
// CHECK: kernel.call {{.*}} {bases = array<i32: 2, 5>, indices = array<i32: 0, 0>, offsets = #graph.extents<"0, 8*p">}
// CHECK-NOT: kernel.call
// CHECK: }
module attributes {graph.states = array<i64: 1, 0>} {
  func.func @main(%x: tensor<1xi64>, %past: tensor<?xi64, #graph.extents<"p">>) -> tensor<?xi64, #graph.extents<"p + 1">> {
    %0 = graph.concat %past, %x {axis = 0 : i64} : (tensor<?xi64, #graph.extents<"p">>, tensor<1xi64>) -> tensor<?xi64, #graph.extents<"p + 1">>
    return %0 : tensor<?xi64, #graph.extents<"p + 1">>
  }
}

// -----

// Others of one size change places in the arena; inputs and outputs that are none are counted alone.
// CHECK: kernel.plan
// CHECK-SAME: blocks = 2
// CHECK-SAME: state_bytes = 128
// CHECK-SAME: places = array<i64: 0, 64>
// CHECK: kernel.call {{.*}} {bases = array<i32: 5, 2, 5, 3>, indices = array<i32: 0, 0, 1, 0>
module attributes {graph.states = array<i64: 0, 0>} {
  func.func @main(%h: tensor<4xf32>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    %0 = graph.add %h, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %1 = graph.exp %0 : (tensor<4xf32>) -> tensor<4xf32>
    return %0, %1 : tensor<4xf32>, tensor<4xf32>
  }
}

// -----

// A window that moves by a row: the whole lies where it is made, two elements of it before the state, so that the input
// is all that is copied. The next run finds it there.
// CHECK: kernel.plan
// CHECK-SAME: blocks = 2
// CHECK-SAME: state_bytes = 128
// CHECK-SAME: states = [{blocks = array<i64: 0, 1>, bytes = 24 : i64, input = 0 : i64, output = 0 : i64, places = array<i64: 8, 72>}]
// CHECK: kernel.call {{.*}} {bases = array<i32: 5, 5>, indices = array<i32: 0, 1>, offsets = #graph.extents<"0, -8">}
// CHECK: kernel.call {{.*}} {bases = array<i32: 2, 5>, indices = array<i32: 0, 1>, offsets = #graph.extents<"0, 16">}
// CHECK: kernel.call {{.*}} {bases = array<i32: 5, 3>, indices = array<i32: 1, 0>, offsets = #graph.extents<"-8, 0">}
// CHECK-NOT: kernel.call
// CHECK: }
module attributes {graph.states = array<i64: 0, 0>} {
  func.func @main(%past: tensor<1x3x2xf32>, %x: tensor<1x1x2xf32>) -> (tensor<1x3x2xf32>, tensor<1x4x2xf32>) {
    %0 = graph.concat %past, %x {axis = 1 : i64} : (tensor<1x3x2xf32>, tensor<1x1x2xf32>) -> tensor<1x4x2xf32>
    %1 = graph.slice %0 {starts = #graph.extents<"0, 1, 0">, steps = #graph.extents<"1, 1, 1">} : (tensor<1x4x2xf32>) -> tensor<1x3x2xf32>
    %2 = graph.exp %0 : (tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
    return %1, %2 : tensor<1x3x2xf32>, tensor<1x4x2xf32>
  }
}

// -----

// Where the whole is wanted elsewhere, the window is copied to just the same place; and rows of several are.
// CHECK: kernel.plan
// CHECK-SAME: states = [{blocks = array<i64: 0, 1>, bytes = 24 : i64, input = 0 : i64, output = 1 : i64, places = array<i64: 8, 72>}]
// CHECK: kernel.call {{.*}} {bases = array<i32: 3, 5>, indices = array<i32: 0, 1>, offsets = #graph.extents<"8, 0">}
// CHECK: kernel.plan
// CHECK-SAME: places = array<i64: 0, 64>
module attributes {graph.states = array<i64: 0, 1>} {
  func.func @main(%past: tensor<1x3x2xf32>, %x: tensor<1x1x2xf32>) -> (tensor<1x4x2xf32>, tensor<1x3x2xf32>) {
    %0 = graph.concat %past, %x {axis = 1 : i64} : (tensor<1x3x2xf32>, tensor<1x1x2xf32>) -> tensor<1x4x2xf32>
    %1 = graph.slice %0 {starts = #graph.extents<"0, 1, 0">, steps = #graph.extents<"1, 1, 1">} : (tensor<1x4x2xf32>) -> tensor<1x3x2xf32>
    return %0, %1 : tensor<1x4x2xf32>, tensor<1x3x2xf32>
  }
}

// -----

module attributes {graph.states = array<i64: 0, 0>} {
  func.func @main(%past: tensor<2x3xf32>, %x: tensor<2x1xf32>) -> tensor<2x3xf32> {
    %0 = graph.concat %past, %x {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
    %1 = graph.slice %0 {starts = #graph.extents<"0, 1">, steps = #graph.extents<"1, 1">} : (tensor<2x4xf32>) -> tensor<2x3xf32>
    return %1 : tensor<2x3xf32>
  }
}
