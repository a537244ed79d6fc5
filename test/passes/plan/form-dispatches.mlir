// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(form-dispatches))' | FileCheck %s

// relu(add(x, y)) → one dispatch
// CHECK-LABEL: func.func @chain
// CHECK: kernel.dispatch
// CHECK: graph.add
// CHECK: graph.relu
// CHECK: kernel.yield
// CHECK-NOT: kernel.dispatch
func.func @chain(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = graph.add %x, %y : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = graph.relu %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// A broadcast of a group's result would compute the group again at every element: a dispatch of its own.
// CHECK-LABEL: func.func @broadcast_result
// CHECK-COUNT-2: kernel.dispatch
func.func @broadcast_result(%x: tensor<1x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = graph.exp %x : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %1 = graph.add %y, %0 : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}
