// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(pack-contractions,form-dispatches),split-rows,place-buffers)' | FileCheck %s
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(pack-contractions,form-dispatches),split-rows{strips=1},place-buffers)' | FileCheck %s --check-prefix=WHOLE

// What is expanded to many channels, is 3.2 MB as a whole, more than a second cache holds. In strips, of which one lies
// where the one before did, the arena needs a fraction of that.
// CHECK: kernel.plan attributes {arena_bytes = {{[0-9][0-9][0-9][0-9][0-9][0-9]}} :
// WHOLE: kernel.plan attributes {arena_bytes = {{[0-9][0-9][0-9][0-9][0-9][0-9][0-9]}} :
func.func @expanded(%x: tensor<1x112x112x64xf32>, %d: tensor<3x3x1x64xf32>) -> tensor<1x56x56x64xf32> {
  %0 = graph.relu %x : (tensor<1x112x112x64xf32>) -> tensor<1x112x112x64xf32>
  %1 = graph.conv %0, %d {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 64 : i64, layout = 1 : i32} : (tensor<1x112x112x64xf32>, tensor<3x3x1x64xf32>) -> tensor<1x56x56x64xf32>
  return %1 : tensor<1x56x56x64xf32>
}
