// RUN: smelt-opt %s --emit-kernels-x86-64-v3 | FileCheck %s
// RUN: sed 's/299520/299584/' %s | not smelt-opt --emit-kernels-x86-64-v3 2>&1 | FileCheck %s --check-prefix=UNLIKE
// RUN: sed 's/attributes {scratch = 299520 : i64}//' %s | smelt-opt --emit-kernels-x86-64-v3 | FileCheck %s --check-prefix=STACK

// The blocks that the plan has reserved memory for are parts of the last buffer; one without, or a thread that gets none, has them on the stack.
// CHECK: func.func private @k({{.*}}, %[[SCRATCH:.*]]: memref<299520xi8> {llvm.noalias}, %{{.*}}: index, %{{.*}}: index)
// CHECK-SAME: passthrough = {{\[\[}}"smelt-scratch", "299520"]]
// CHECK-DAG: %[[TRANSFORMED:.*]] = memref.view %[[SCRATCH]][%c0{{.*}}][] : memref<299520xi8> to memref<37440xf32>
// CHECK-DAG: %[[MULTIPLIED:.*]] = memref.view %[[SCRATCH]][%c149760{{.*}}][] : memref<299520xi8> to memref<37440xf32>
// UNLIKE: error: {{.*}}needs 299520 bytes of scratch memory on this target
// STACK: func.func private @k(
// STACK-NOT: passthrough
// STACK-COUNT-2: memref.alloca() {alignment = 64 : i64} : memref<37440xf32>
// STACK-NOT: memref.view
kernel.func @k attributes {scratch = 299520 : i64} {
^bb0(%x: memref<1x18x18x64xf32, strided<[20736, 1152, 64, 1]>>, %w: memref<1x36x64x64xf32, strided<[147456, 4096, 64, 1]>>, %y: memref<1x16x16x64xf32, strided<[16384, 1024, 64, 1]>>):
  %0 = kernel.load %x : memref<1x18x18x64xf32, strided<[20736, 1152, 64, 1]>> -> tensor<1x18x18x64xf32>
  %1 = kernel.load %w : memref<1x36x64x64xf32, strided<[147456, 4096, 64, 1]>> -> tensor<1x36x64x64xf32>
  %2 = kernel.winograd %0, %1 {dilations = array<i64: 1, 1>, tile = array<i64: 4, 4>, window = array<i64: 3, 3>} : (tensor<1x18x18x64xf32>, tensor<1x36x64x64xf32>) -> tensor<1x16x16x64xf32>
  kernel.store %2, %y : tensor<1x16x16x64xf32>, memref<1x16x16x64xf32, strided<[16384, 1024, 64, 1]>>
}
