// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(form-dispatches{device=true vector-bytes=16 attention-channels=64}))' | FileCheck %s

// softmax(f(q · keys)) · values → one dispatch, as for processors, of what a group of a device's threads can share
// CHECK-LABEL: func.func @attention
// CHECK: kernel.dispatch
// CHECK: kernel.contract
// CHECK-NEXT: graph.softmax
// CHECK-NEXT: kernel.contract
// CHECK-NOT: kernel.dispatch
// CHECK: return
func.func @attention(%q: tensor<2x6x8xf32>, %k: tensor<2x2x8x8xf32>, %v: tensor<2x2x10x8xf32>) -> tensor<2x6x16xf32> {
  %0 = kernel.contract %q, %k {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x8xf32>, tensor<2x2x8x8xf32>) -> tensor<2x6x10xf32>
  %1 = graph.softmax %0 {axis = 2 : i64} : (tensor<2x6x10xf32>) -> tensor<2x6x10xf32>
  %2 = kernel.contract %1, %v {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x10xf32>, tensor<2x2x10x8xf32>) -> tensor<2x6x16xf32>
  return %2 : tensor<2x6x16xf32>
}

// Keys of no whole vectors: three kernels, each of which the device computes.
// CHECK-LABEL: func.func @odd_keys
// CHECK-COUNT-3: kernel.dispatch
// CHECK: return
func.func @odd_keys(%q: tensor<2x6x7xf32>, %k: tensor<2x2x7x8xf32>, %v: tensor<2x2x10x8xf32>) -> tensor<2x6x16xf32> {
  %0 = kernel.contract %q, %k {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x7xf32>, tensor<2x2x7x8xf32>) -> tensor<2x6x10xf32>
  %1 = graph.softmax %0 {axis = 2 : i64} : (tensor<2x6x10xf32>) -> tensor<2x6x10xf32>
  %2 = kernel.contract %1, %v {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x10xf32>, tensor<2x2x10x8xf32>) -> tensor<2x6x16xf32>
  return %2 : tensor<2x6x16xf32>
}

// More channels than rows of sums have room.
// CHECK-LABEL: func.func @many_channels
// CHECK-COUNT-3: kernel.dispatch
// CHECK: return
func.func @many_channels(%q: tensor<2x6x8xf32>, %k: tensor<2x2x8x8xf32>, %v: tensor<2x9x10x8xf32>) -> tensor<2x6x72xf32> {
  %0 = kernel.contract %q, %k {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x8xf32>, tensor<2x2x8x8xf32>) -> tensor<2x6x10xf32>
  %1 = graph.softmax %0 {axis = 2 : i64} : (tensor<2x6x10xf32>) -> tensor<2x6x10xf32>
  %2 = kernel.contract %1, %v {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x10xf32>, tensor<2x9x10x8xf32>) -> tensor<2x6x72xf32>
  return %2 : tensor<2x6x72xf32>
}
