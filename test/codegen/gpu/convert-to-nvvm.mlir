// RUN: smelt-opt %s --split-input-file --convert-to-nvvm-cuda --canonicalize --cse | FileCheck %s

// The thread's number in a grid of one dim, in 32 bits; buffers are addresses alone; an access that mark-aligned found is one.
// CHECK-LABEL: llvm.func @copy(
// CHECK-SAME: %[[X:.*]]: !llvm.ptr, %[[Y:.*]]: !llvm.ptr)
// CHECK-SAME: nvvm.kernel, nvvm.minctasm = 2 : i32, nvvm.reqntid = array<i32: 128>
// CHECK-DAG: nvvm.read.ptx.sreg.ctaid.x : i32
// CHECK-DAG: nvvm.read.ptx.sreg.tid.x : i32
// CHECK: %[[PLACE:.*]] = llvm.getelementptr %{{.*}}[%{{.*}}] : (!llvm.ptr, i32) -> !llvm.ptr, f32
// CHECK: llvm.load %[[PLACE]] {alignment = 16 : i64} : !llvm.ptr -> vector<4xf32>
// CHECK: llvm.store {{.*}} {alignment = 4 : i64} : vector<4xf32>
func.func private @copy(%x: memref<512xf32>, %y: memref<512xf32>, %id: index) attributes {gpu.invocations = 128 : i64} {
  %c4 = arith.constant 4 : index
  %0 = arith.muli %id, %c4 : index
  %1 = vector.load %x[%0] {gpu.aligned} : memref<512xf32>, vector<4xf32>
  vector.store %1, %y[%0] : memref<512xf32>, vector<4xf32>
  return
}

// -----

// Slices have no instruction: they are extracts and inserts. No call remains.
// CHECK-LABEL: llvm.func @slice
// CHECK-NOT: vector.extract_strided_slice
// CHECK-NOT: llvm.call
// CHECK: llvm.store {{.*}} : vector<2xf32>
func.func private @slice(%x: memref<512xf32>, %y: memref<256xf32>, %id: index) attributes {gpu.invocations = 1 : i64} {
  %0 = vector.load %x[%id] : memref<512xf32>, vector<4xf32>
  %1 = vector.extract_strided_slice %0 {offsets = [1], sizes = [2], strides = [1]} : vector<4xf32> to vector<2xf32>
  %2 = math.sqrt %1 : vector<2xf32>
  vector.store %2, %y[%id] : memref<256xf32>, vector<2xf32>
  return
}

// -----

// CHECK-LABEL: llvm.func @loop
// CHECK: llvm.cond_br
func.func private @loop(%x: memref<512xf32>, %id: index) attributes {gpu.invocations = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c8 step %c1 {
    memref.store %zero, %x[%i] : memref<512xf32>
  }
  return
}
