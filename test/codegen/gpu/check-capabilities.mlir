// RUN: smelt-opt %s --split-input-file --verify-diagnostics --check-capabilities-vulkan

// expected-error @below {{needs elements of 'f64', which the profile lacks}}
func.func private @doubles(%x: memref<8xf64>, %id: index) {
  return
}

// -----

// Bytes lie in words, from which they are read; nothing computes with them.
func.func private @bytes(%x: memref<8xi8>, %id: index) {
  %0 = memref.load %x[%id] {gpu.words} : memref<8xi8>
  // expected-error @below {{needs elements of 'i8', which the profile lacks}}
  %1 = arith.addi %0, %0 : i8
  return
}

// -----

// expected-error @below {{needs 20000 bytes of memory that a workgroup shares}}
func.func private @shared(%x: memref<8xf32>, %id: index) {
  return
}
memref.global "private" @group0 : memref<5000xf32, 3>

// -----

// Int64 is a feature: lavapipe's profile has it.
func.func private @wide(%x: memref<8xf32>, %id: index) {
  // expected-error @below {{needs elements of 'i64', which the profile lacks}}
  %0 = arith.index_cast %id : index to i64
  return
}

// -----

func.func private @vectors(%x: memref<8xf32>, %id: index) {
  // expected-error @below {{which devices lack}}
  %0 = vector.load %x[%id] : memref<8xf32>, vector<8xf32>
  return
}

// -----

// expected-error @below {{needs 8192 bytes of local arrays}}
func.func private @stack(%x: memref<8xf32>, %id: index) {
  %0 = memref.alloca() : memref<2048xf32>
  return
}

// -----

// 300 · (300 + 1) steps; Mesa leaves loops after 65535.
// expected-error @below {{takes more steps of loops than devices do}}
func.func private @long(%x: memref<8xf32>, %id: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c300 = arith.constant 300 : index
  scf.for %i = %c0 to %c300 step %c1 {
    scf.for %j = %c0 to %c300 step %c1 {
    }
  }
  return
}

// -----

// Windows at an edge: between max(0, …) and min(3, …) there are three steps at most.
func.func private @window(%x: memref<8xf32>, %id: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %first = arith.maxsi %id, %c0 : index
  %inside = arith.minsi %id, %c3 : index
  %last = arith.maxsi %inside, %c0 : index
  scf.for %i = %first to %last step %c1 {
  }
  return
}

// -----

// expected-error @below {{takes more steps of loops than devices do}}
func.func private @unknown(%x: memref<8xf32>, %id: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %id step %c1 {
  }
  return
}
