// RUN: smelt-opt %s --split-input-file --verify-diagnostics --use-words-vulkan

// Quotients of 64 bits have no expansion.
// expected-error @below {{computes with integers in a way that has no expansion in words of 32 bits}}
module {
  func.func private @quotient(%x: memref<8xi64>, %y: memref<8xi64>, %id: index) {
    %c3 = arith.constant 3 : i64
    %0 = memref.load %x[%id] : memref<8xi64>
    %1 = arith.divsi %0, %c3 : i64
    memref.store %1, %y[%id] : memref<8xi64>
    return
  }
}

// -----

// Nor have floats of 64, beside integers that have.
module {
  func.func private @double(%x: memref<8xf64>, %y: memref<8xi64>, %id: index) {
    // expected-error @below {{needs elements of 'f64', which the profile lacks}}
    %0 = memref.load %x[%id] : memref<8xf64>
    %1 = arith.bitcast %0 : f64 to i64
    memref.store %1, %y[%id] : memref<8xi64>
    return
  }
}
