// RUN: smelt-opt %s --split-input-file --form-dispatches --place-buffers | FileCheck %s

// Both branches write where the result lies, and have one memory for what lies between.
// CHECK: kernel.plan attributes {arena_bytes = 64
// CHECK: kernel.bind_sizes
// CHECK-NEXT: kernel.if attributes {condition = #graph.extents<"%s0">} {
// CHECK-NEXT:   kernel.call @kernel_[[A:[0-9]+]] {bases = array<i32: 2, 0>, indices = array<i32: 1, 0>
// CHECK-NEXT: } else {
// CHECK-NEXT:   kernel.call @kernel_{{[0-9]+}} {bases = array<i32: 2, 0>, indices = array<i32: 1, 0>, offsets = #graph.extents<"0, 0">}
// CHECK-NEXT: }
func.func private @first(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.abs %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func private @second(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @main(%c: tensor<1xi64>, %x: tensor<4xf32>) -> tensor<4xf32> {
  graph.bind_sizes %c {symbols = ["%s0"], most = #graph.extents<"1">} : (tensor<1xi64>) -> ()
  %0 = graph.if(%x) {condition = #graph.extents<"%s0">, first = @first, second = @second, symbols = [], first_sizes = #graph.extents<"">, second_sizes = #graph.extents<"">, uses = #graph.extents<"">} : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.exp %0 : (tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// A loop: the state to its place, the body from there to another, and back; variables get their values at the end.
// CHECK: kernel.plan
// CHECK: kernel.call @{{.*}} {bases = array<i32: 2, [[BASE:[0-9]]]>
// CHECK-NEXT: kernel.variables {symbols = ["%s1"]}
// CHECK-NEXT: kernel.define_sizes {extents = #graph.extents<"0">, symbols = ["%s1"]}
// CHECK-NEXT: kernel.loop attributes {condition = #graph.extents<"min(1, max(0, %s0 - %s1))">} {
// CHECK-NEXT:   kernel.call @[[BODY:.*]] {bases = array<i32: 0, 2, 0>, indices = array<i32: 0, 2, 0>, offsets = #graph.extents<"[[STATE:.*]], 0, [[NEXT:.*]]">}
// CHECK-NEXT:   kernel.call @{{.*}} {bases = array<i32: 0, 0>, indices = array<i32: 0, 0>, offsets = #graph.extents<"[[NEXT]], [[STATE]]">}
// CHECK-NEXT:   kernel.define_sizes {extents = #graph.extents<"%s1 + 1">, symbols = ["%s1"]}
// CHECK-NEXT: }
func.func private @body(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.add %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @main(%m: tensor<1xi64>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  graph.bind_sizes %m {symbols = ["%s0"], most = #graph.extents<"100">} : (tensor<1xi64>) -> ()
  %0 = graph.while(%x, %y) {body = @body, carried = 1, condition = #graph.extents<"min(1, max(0, %s0 - %s1))">, symbols = ["%s1"], initial = #graph.extents<"0">, next = #graph.extents<"%s1 + 1">, most = #graph.extents<"%s0">, uses = #graph.extents<"">} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
