// RUN: smelt-opt %s --place-buffers | FileCheck %s

// A file without an op of the graph dialect: the copy of the input to the output needs that dialect all the same.
// CHECK: kernel.plan
// CHECK: kernel.call @kernel_0 {bases = array<i32: 2, 3>
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
