// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(pack-contractions,form-dispatches),split-rows,place-buffers)' | FileCheck %s

// Channels are shuffled on their way into the padded rows, which no strides express: they are copied, and both places
// count for how many strips there are.
// CHECK: kernel.plan attributes {arena_bytes = {{1[0-9][0-9][0-9][0-9][0-9][0-9]}} :
func.func @shuffled(%x: tensor<1x112x112x64xf32>, %d: tensor<3x3x1x64xf32>) -> tensor<1x56x56x64xf32> {
  %0 = graph.relu %x : (tensor<1x112x112x64xf32>) -> tensor<1x112x112x64xf32>
  %1 = graph.reshape %0 : (tensor<1x112x112x64xf32>) -> tensor<1x112x112x4x16xf32>
  %2 = graph.transpose %1 {permutation = array<i64: 0, 1, 2, 4, 3>} : (tensor<1x112x112x4x16xf32>) -> tensor<1x112x112x16x4xf32>
  %3 = graph.reshape %2 : (tensor<1x112x112x16x4xf32>) -> tensor<1x112x112x64xf32>
  %4 = graph.conv %3, %d {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 64 : i64, layout = 1 : i32} : (tensor<1x112x112x64xf32>, tensor<3x3x1x64xf32>) -> tensor<1x56x56x64xf32>
  return %4 : tensor<1x56x56x64xf32>
}
