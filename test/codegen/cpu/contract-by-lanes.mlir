// RUN: smelt-opt %s --form-dispatches --place-buffers --emit-kernels-aarch64 --canonicalize --cse | FileCheck %s
// RUN: smelt-opt %s --form-dispatches --place-buffers --emit-kernels-x86-64-v3 --canonicalize --cse | FileCheck %s --check-prefix=SCALAR

// Four steps along K at a time, each multiplied by one lane of what each point has loaded; then the two that are left.
// CHECK-LABEL: func.func private @kernel_0
// CHECK:      scf.for %[[K:.*]] = %c0 to %c8 step %c4 iter_args
// CHECK:        %[[ROW0:.*]] = vector.load %arg0[%[[K]]] : memref<20xf32>, vector<4xf32>
// CHECK-NEXT:   %[[ROW1:.*]] = vector.load %arg0
// CHECK-NEXT:   %[[PANEL:.*]] = vector.load %arg1
// CHECK:        %[[LANE:.*]] = vector.extract %[[ROW0]][0]
// CHECK-NEXT:   %[[ALL:.*]] = vector.broadcast %[[LANE]] : f32 to vector<4xf32>
// CHECK-NEXT:   vector.fma %[[ALL]], %[[PANEL]]
// CHECK:        vector.extract %[[ROW1]][3]
// CHECK:        scf.yield
// CHECK:      scf.for %{{.*}} = %c8 to %c10 step %c1 iter_args
// CHECK:        memref.load %arg0

// SCALAR-LABEL: func.func private @kernel_0
// SCALAR:      scf.for %{{.*}} = %c0 to %c10 step %c1 iter_args
// SCALAR-NOT:  vector.extract
func.func @main(%x: tensor<2x10xf32>, %w: tensor<1x10x8xf32>) -> tensor<2x8xf32> {
  %0 = kernel.contract %x, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x10xf32>, tensor<1x10x8xf32>) -> tensor<2x8xf32>
  %1 = graph.relu %0 : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return %1 : tensor<2x8xf32>
}
