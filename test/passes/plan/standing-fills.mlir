// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(pack-contractions,form-dispatches),split-rows{strips=5},place-buffers)' | FileCheck %s

// Of five strips the window of each lies where that of the strip before did: relu writes its inside, and the last rows
// of the one before are copied to its beginning. What was filled on both sides stands for the next three; the last is
// filled below as well.
// CHECK: kernel.plan
// CHECK-NEXT: kernel.call @kernel_0 {bases = array<i32: 2, 0>
// CHECK-NEXT: kernel.call @kernel_1 {bases = array<i32: 0, 0, 0>{{.*}}<"0, 640, 1216">
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 0, 2, 3>
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 0, 0>{{.*}}<"2624, 64">
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 2, 0>
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 0, 2, 3>
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 0, 0>{{.*}}<"2624, 64">
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 2, 0>
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 0, 2, 3>
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 0, 0>{{.*}}<"2624, 64">
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 2, 0>
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 0, 2, 3>
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 0, 0>{{.*}}<"2624, 64">
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 2, 0>
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 0, 0, 0>{{.*}}<"3200, 0, 576">
// CHECK-NEXT: kernel.call {{.*}} {bases = array<i32: 0, 2, 3>
// CHECK-NOT: kernel.call
func.func @sides(%x: tensor<1x20x8x16xf32>, %w: tensor<3x3x1x16xf32>) -> tensor<1x20x8x16xf32> {
  %0 = graph.relu %x : (tensor<1x20x8x16xf32>) -> tensor<1x20x8x16xf32>
  %1 = graph.conv %0, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 16 : i64, layout = 1 : i32} : (tensor<1x20x8x16xf32>, tensor<3x3x1x16xf32>) -> tensor<1x20x8x16xf32>
  return %1 : tensor<1x20x8x16xf32>
}
