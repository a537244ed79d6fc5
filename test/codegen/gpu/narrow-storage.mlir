// RUN: smelt-opt %s --split-input-file --device-pipeline-vulkan | FileCheck %s --check-prefixes=WORDS,CHECK
// RUN: smelt-opt %s --split-input-file --device-pipeline-vulkan-all | FileCheck %s --check-prefixes=STORED,CHECK

// Operands of f16 are multiplied in f32. Any device has them as halves of words; one with 16-bit storage as they are, and needs no arithmetic of so few bits.
// CHECK: spirv.module
// WORDS-NOT: StorageBuffer16BitAccess
// STORED-SAME: requires #spirv.vce<v1.3, [StorageBuffer16BitAccess, Shader, Matrix], [SPV_KHR_16bit_storage, SPV_KHR_storage_buffer_storage_class]>
// WORDS-COUNT-2: rtarray<i32, stride=4>
// STORED-COUNT-2: rtarray<vector<4xf16>, stride=8>
// WORDS: spirv.GL.UnpackHalf2x16
// STORED: spirv.FConvert {{.*}} : vector<4xf16> to vector<4xf32>
// CHECK: spirv.GL.Fma
kernel.func @halves attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<4x24xf16, strided<[24, 1]>>, %w: memref<1x24x8xf16, strided<[192, 8, 1]>>, %y: memref<4x8xf32, strided<[8, 1]>>):
  %0 = kernel.load %x : memref<4x24xf16, strided<[24, 1]>> -> tensor<4x24xf16>
  %1 = kernel.load %w : memref<1x24x8xf16, strided<[192, 8, 1]>> -> tensor<1x24x8xf16>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<4x24xf16>, tensor<1x24x8xf16>) -> tensor<4x8xf32>
  kernel.store %2, %y : tensor<4x8xf32>, memref<4x8xf32, strided<[8, 1]>>
}

// -----

// Products of bytes in words of 32 bits; where the device multiplies four at once, words are read as they lie in memory, and those of the panel get rows for columns.
// CHECK: spirv.module
// WORDS-NOT: DotProduct
// STORED-SAME: DotProductInput4x8BitPacked
// WORDS-COUNT-8: spirv.IMul {{.*}} : vector<4xi32>
// WORDS-NOT: spirv.SUDot
// STORED-NOT: spirv.IMul {{.*}} : vector<4xi32>
// STORED: spirv.SUDot %{{.*}}, %{{.*}}, <PackedVectorFormat4x8Bit> : i32 -> i32
kernel.func @bytes attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<4x24xui8, strided<[24, 1]>>, %w: memref<1x24x8xi8, strided<[192, 8, 1]>>, %y: memref<4x8xi32, strided<[8, 1]>>):
  %0 = kernel.load %x : memref<4x24xui8, strided<[24, 1]>> -> tensor<4x24xui8>
  %1 = kernel.load %w : memref<1x24x8xi8, strided<[192, 8, 1]>> -> tensor<1x24x8xi8>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<4x24xui8>, tensor<1x24x8xi8>) -> tensor<4x8xi32>
  kernel.store %2, %y : tensor<4x8xi32>, memref<4x8xi32, strided<[8, 1]>>
}

// -----

// A byte that is stored by itself: two atomic operations on its word, or a store where there is 8-bit storage.
// CHECK: spirv.module
// STORED-SAME: requires #spirv.vce<v1.3, [StorageBuffer8BitAccess, Shader, Matrix]
// WORDS: spirv.AtomicAnd
// WORDS: spirv.AtomicOr
// STORED: spirv.UConvert {{.*}} : i32 to i8
// STORED: spirv.Store "StorageBuffer" {{.*}} : i8
kernel.func @one_byte attributes {gpu.aligned_operands = array<i1: true, true>} {
^bb0(%x: memref<3xi8, strided<[1]>>, %y: memref<3xi8, strided<[1]>>):
  %0 = kernel.load %x : memref<3xi8, strided<[1]>> -> tensor<3xi8>
  %1 = graph.neg %0 : (tensor<3xi8>) -> tensor<3xi8>
  kernel.store %1, %y : tensor<3xi8>, memref<3xi8, strided<[1]>>
}
