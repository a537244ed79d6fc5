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

// Updates go where indices say, to rows that another loop of the same kernel copies: one invocation does both, in order.
// CHECK-LABEL: func.func private @updates
// CHECK-SAME: gpu.invocations = 1 : i64
kernel.func @updates {
^bb0(%x: memref<9x4xf32, strided<[4, 1]>>, %i: memref<2x1xi32, strided<[1, 1]>>, %u: memref<2x4xf32, strided<[4, 1]>>, %y: memref<9x4xf32, strided<[4, 1]>>):
  %0 = kernel.load %x : memref<9x4xf32, strided<[4, 1]>> -> tensor<9x4xf32>
  %1 = kernel.load %i : memref<2x1xi32, strided<[1, 1]>> -> tensor<2x1xi32>
  %2 = kernel.load %u : memref<2x4xf32, strided<[4, 1]>> -> tensor<2x4xf32>
  %3 = graph.scatter_nd %0, %1, %2 {reduction = 0 : i32} : (tensor<9x4xf32>, tensor<2x1xi32>, tensor<2x4xf32>) -> tensor<9x4xf32>
  kernel.store %3, %y : tensor<9x4xf32>, memref<9x4xf32, strided<[4, 1]>>
}
