// RUN: smelt-opt %s --split-input-file --use-words-vulkan --canonicalize --cse | FileCheck %s
// RUN: smelt-opt %s --split-input-file --use-words-lavapipe --canonicalize --cse | FileCheck %s --check-prefix=WIDE

// A buffer of numbers of 64 bits is one of twice as many words, the low one first; a sum carries.
// CHECK-LABEL: func.func private @sum(
// CHECK-SAME: %[[X:.*]]: memref<16xi32>, %[[Y:.*]]: memref<16xi32>
// CHECK: %[[FIRST:.*]] = arith.muli %{{.*}}, %c2
// CHECK: memref.load %[[X]][%[[FIRST]]]
// CHECK: memref.load %[[X]]
// CHECK: %[[LOW:.*]] = arith.addi
// CHECK: arith.cmpi ult, %[[LOW]]
// CHECK-NOT: i64
// CHECK-COUNT-2: memref.store {{.*}} memref<16xi32>
// WIDE-LABEL: func.func private @sum(
// WIDE-SAME: memref<8xi64>
func.func private @sum(%x: memref<8xi64>, %y: memref<8xi64>, %id: index) {
  %0 = memref.load %x[%id] : memref<8xi64>
  %1 = arith.addi %0, %0 : i64
  memref.store %1, %y[%id] : memref<8xi64>
  return
}

// -----

// So is memory that a group shares.
// CHECK: memref.global "private" @group0 : memref<128xi32, 3> = uninitialized
// CHECK-LABEL: func.func private @shared(
// CHECK: %[[SHARED:.*]] = memref.get_global @group0 : memref<128xi32, 3>
// CHECK-COUNT-2: memref.store {{.*}}, %[[SHARED]]
memref.global "private" @group0 : memref<64xi64, 3> = uninitialized
func.func private @shared(%x: memref<8xi64>, %id: index) {
  %shared = memref.get_global @group0 : memref<64xi64, 3>
  %0 = memref.load %x[%id] : memref<8xi64>
  memref.store %0, %shared[%id] : memref<64xi64, 3>
  return
}

// -----

// Four of them are two vectors of words.
// CHECK-LABEL: func.func private @compare
// CHECK-COUNT-2: vector.load {{.*}} memref<64xi32>, vector<4xi32>
// CHECK: vector.from_elements {{.*}} vector<4xi32>
// CHECK-DAG: arith.cmpi slt, {{.*}} vector<4xi32>
// CHECK-DAG: arith.cmpi eq, {{.*}} vector<4xi32>
// CHECK-DAG: arith.cmpi ult, {{.*}} vector<4xi32>
// A bool is a byte, which stays where it is: whoever stores it writes a part of a word.
// CHECK: %[[WORDS:.*]] = arith.extui {{.*}} : vector<4xi1> to vector<4xi32>
// CHECK: %[[BYTES:.*]] = builtin.unrealized_conversion_cast %[[WORDS]] : vector<4xi32> to vector<4xi8> {gpu.words}
// CHECK: vector.store %[[BYTES]], {{.*}} {gpu.words} : memref<32xi8>, vector<4xi8>
func.func private @compare(%x: memref<32xi64>, %y: memref<32xi8>, %id: index) {
  %zero = arith.constant dense<5> : vector<4xi64>
  %0 = vector.load %x[%id] : memref<32xi64>, vector<4xi64>
  %1 = arith.cmpi slt, %0, %zero : vector<4xi64>
  %2 = arith.extui %1 : vector<4xi1> to vector<4xi8>
  vector.store %2, %y[%id] : memref<32xi8>, vector<4xi8>
  return
}

// -----

// Numbers of 8 bits wrap at 8 bits, and have a sign there.
// CHECK-LABEL: func.func private @bytes
// CHECK-DAG: %[[MASK:.*]] = arith.constant 255 : i32
// CHECK-DAG: %[[SHIFT:.*]] = arith.constant 24 : i32
// CHECK: %[[SUM:.*]] = arith.addi
// CHECK: %[[WRAPPED:.*]] = arith.andi %[[SUM]], %[[MASK]]
// CHECK: %[[UP:.*]] = arith.shli %[[WRAPPED]], %[[SHIFT]]
// CHECK: %[[SIGNED:.*]] = arith.shrsi %[[UP]], %[[SHIFT]]
// CHECK: arith.sitofp %[[SIGNED]] : i32 to f32
func.func private @bytes(%x: memref<8xi8>, %y: memref<8xf32>, %id: index) {
  %0 = memref.load %x[%id] : memref<8xi8>
  %1 = arith.addi %0, %0 : i8
  %2 = arith.sitofp %1 : i8 to f32
  memref.store %2, %y[%id] : memref<8xf32>
  return
}

// -----

// f16 and bf16 are f32 in registers. What is rounded to them has that many digits: to nearest, ties to even.
// CHECK-LABEL: func.func private @halves
// CHECK: %[[X:.*]] = memref.load {{.*}} {gpu.words} : memref<8xf16>
// CHECK: %[[REAL:.*]] = builtin.unrealized_conversion_cast %[[X]] : f16 to f32 {gpu.words}
// CHECK: %[[SUM:.*]] = arith.addf %[[REAL]], %[[REAL]] : f32
// CHECK: %[[BITS:.*]] = arith.bitcast %[[SUM]] : f32 to i32
// CHECK: arith.shrui {{.*}}, %c16_i32
// CHECK: arith.andi {{.*}}, %c-65536_i32
// CHECK: %[[ROUNDED:.*]] = arith.bitcast {{.*}} : i32 to f32
// CHECK: builtin.unrealized_conversion_cast %[[ROUNDED]] : f32 to bf16 {gpu.words}
// CHECK-NOT: arith.truncf
func.func private @halves(%x: memref<8xf16>, %y: memref<8xbf16>, %id: index) {
  %0 = memref.load %x[%id] : memref<8xf16>
  %1 = arith.extf %0 : f16 to f32
  %2 = arith.addf %1, %1 : f32
  %3 = arith.truncf %2 : f32 to bf16
  memref.store %3, %y[%id] : memref<8xbf16>
  return
}

// -----

// Four bytes are a word: where they begin one in memory it is read as such, else it is put together.
// CHECK-LABEL: func.func private @packed
// CHECK: vector.load {{.*}} {gpu.words} : memref<32xi8>, vector<4xi8>
// CHECK: memref.load {{.*}} {gpu.packed, gpu.words} : memref<32xi8>
// CHECK-COUNT-3: arith.ori
func.func private @packed(%x: memref<32xi8>, %y: memref<8xi32>, %id: index) {
  %0 = vector.load %x[%id] : memref<32xi8>, vector<4xi8>
  %1 = vector.bitcast %0 {gpu.packed} : vector<4xi8> to vector<1xi32>
  %2 = vector.bitcast %0 : vector<4xi8> to vector<1xi32>
  %3 = vector.extract %1[0] : i32 from vector<1xi32>
  %4 = vector.extract %2[0] : i32 from vector<1xi32>
  memref.store %3, %y[%id] : memref<8xi32>
  memref.store %4, %y[%id] : memref<8xi32>
  return
}
