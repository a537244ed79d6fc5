// RUN: smelt-opt %s --split-input-file --emit-device-kernels-lavapipe --canonicalize --cse | FileCheck %s

// One tile of a processor: its two blocks of 32 channels become invocations.
// CHECK-LABEL: func.func private @mean
// CHECK-SAME: %[[ID:[a-z0-9]+]]: index) attributes {gpu.invocations = 2 : i64, graph.rounds_products}
// CHECK: arith.remui %[[ID]], %c2
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.for {{.*}} iter_args
// CHECK-NOT: scf.for %{{[a-z0-9]+}} = %{{[a-z0-9_]+}} to %{{[a-z0-9_]+}} step %{{[a-z0-9_]+}} {
// CHECK: return
kernel.func @mean {
^bb0(%x: memref<1x7x7x64xf32, strided<[3136, 448, 64, 1]>>, %y: memref<1x1x1x64xf32, strided<[64, 64, 64, 1]>>):
  %0 = kernel.load %x : memref<1x7x7x64xf32, strided<[3136, 448, 64, 1]>> -> tensor<1x7x7x64xf32>
  %1 = graph.reduce %0 {axes = array<i64: 1, 2>, kind = 1 : i32} : (tensor<1x7x7x64xf32>) -> tensor<1x1x1x64xf32>
  kernel.store %1, %y : tensor<1x1x1x64xf32>, memref<1x1x1x64xf32, strided<[64, 64, 64, 1]>>
}

// -----

// A row each: parts of it would have to find its largest element and its sum once more. e^x is computed again rather than
// kept in an array of the invocation's.
// CHECK-LABEL: func.func private @softmax
// CHECK-SAME: gpu.invocations = 3 : i64
// CHECK-NOT: memref.alloca
// CHECK-COUNT-3: scf.for
kernel.func @softmax {
^bb0(%x: memref<3x64xf32, strided<[64, 1]>>, %y: memref<3x64xf32, strided<[64, 1]>>):
  %0 = kernel.load %x : memref<3x64xf32, strided<[64, 1]>> -> tensor<3x64xf32>
  %1 = graph.softmax %0 {axis = 1 : i64} : (tensor<3x64xf32>) -> tensor<3x64xf32>
  kernel.store %1, %y : tensor<3x64xf32>, memref<3x64xf32, strided<[64, 1]>>
}

// -----

// Updates go where indices say, to rows that the kernel copies before: each row has one owner, who copies it and walks
// through all updates in their order. Of 9 rows, number r is invocation r's; 16 is a power of two.
// CHECK-LABEL: func.func private @updates
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<36xf32>, %[[I:[a-z0-9]+]]: memref<2xi32>, %[[U:[a-z0-9]+]]: memref<8xf32>, %[[Y:[a-z0-9]+]]: memref<36xf32>, %[[ID:[a-z0-9]+]]: index
// CHECK-SAME: gpu.invocations = 16 : i64
// CHECK: %[[FIRST:.*]] = arith.remui %[[ID]], %c16
// CHECK: scf.for %{{.*}} = %[[FIRST]] to %c9 step %c16
// CHECK:   vector.load %[[X]]
// CHECK:   vector.store %{{.*}}, %[[Y]]
// CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK:   memref.load %[[I]]
// CHECK:   %[[OWNER:.*]] = arith.andi %{{.*}}, %c15
// CHECK:   %[[IS_OWN:.*]] = arith.cmpi eq, %[[OWNER]], %[[FIRST]]
// CHECK:   scf.if %[[IS_OWN]]
// CHECK:     vector.load %[[U]]
// CHECK:     vector.store %{{.*}}, %[[Y]]
kernel.func @updates {
^bb0(%x: memref<9x4xf32, strided<[4, 1]>>, %i: memref<2x1xi32, strided<[1, 1]>>, %u: memref<2x4xf32, strided<[4, 1]>>, %y: memref<9x4xf32, strided<[4, 1]>>):
  %0 = kernel.load %x : memref<9x4xf32, strided<[4, 1]>> -> tensor<9x4xf32>
  %1 = kernel.load %i : memref<2x1xi32, strided<[1, 1]>> -> tensor<2x1xi32>
  %2 = kernel.load %u : memref<2x4xf32, strided<[4, 1]>> -> tensor<2x4xf32>
  %3 = graph.scatter_nd %0, %1, %2 {reduction = 0 : i32} : (tensor<9x4xf32>, tensor<2x1xi32>, tensor<2x4xf32>) -> tensor<9x4xf32>
  kernel.store %3, %y : tensor<9x4xf32>, memref<9x4xf32, strided<[4, 1]>>
}

// -----

// The same of sums, along the first of two dims: each invocation has 256 / 8 places of a column, which updates meet in
// an array of its own.
// CHECK-LABEL: func.func private @sums
// CHECK-SAME: gpu.invocations = 256 : i64
// CHECK: memref.alloca() {{.*}} : memref<8xf32>
// CHECK: %[[COLUMN:.*]] = arith.remui %{{.*}}, %c8
// CHECK: scf.for
// CHECK:   memref.store %{{.*}} : memref<8xf32>
// CHECK: scf.for %{{.*}} = %c0 to %c8 step %c1
// CHECK:   scf.if
// CHECK:     arith.addf
// CHECK:     memref.store %{{.*}} : memref<8xf32>
kernel.func @sums {
^bb0(%x: memref<256x8xf32, strided<[8, 1]>>, %i: memref<8x8xi32, strided<[8, 1]>>, %u: memref<8x8xf32, strided<[8, 1]>>, %y: memref<256x8xf32, strided<[8, 1]>>):
  %0 = kernel.load %x : memref<256x8xf32, strided<[8, 1]>> -> tensor<256x8xf32>
  %1 = kernel.load %i : memref<8x8xi32, strided<[8, 1]>> -> tensor<8x8xi32>
  %2 = kernel.load %u : memref<8x8xf32, strided<[8, 1]>> -> tensor<8x8xf32>
  %3 = graph.scatter_elements %0, %1, %2 {axis = 0 : i64, reduction = 1 : i32} : (tensor<256x8xf32>, tensor<8x8xi32>, tensor<8x8xf32>) -> tensor<256x8xf32>
  kernel.store %3, %y : tensor<256x8xf32>, memref<256x8xf32, strided<[8, 1]>>
}
