// RUN: smelt-opt %s --split-input-file --verify-diagnostics

func.func @rank(%x: tensor<3xf32>, %y: tensor<3x4xf32>) {
  // expected-error @+2 {{operands [3] and [3, 4] are not both matrices}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.matmul %x, %y : (tensor<3xf32>, tensor<3x4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @depth(%x: tensor<2x3xf32>, %y: tensor<4x5xf32>) {
  // expected-error @+2 {{the left side [2, 3] has 3 columns and the right side [4, 5] 4 rows}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.matmul %x, %y : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @batches(%x: tensor<2x3x4xf32>, %y: tensor<3x4x5xf32>) {
  // expected-error @+2 {{the batches of [2, 3, 4] and [3, 4, 5] don't broadcast to each other}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.matmul %x, %y : (tensor<2x3x4xf32>, tensor<3x4x5xf32>) -> tensor<2x3x5xf32>
  return
}

// -----

func.func @bool_product(%x: tensor<2x2xi1>) {
  // expected-error @+1 {{is not defined on elements of type 'i1'}}
  %0 = graph.matmul %x, %x : (tensor<2x2xi1>, tensor<2x2xi1>) -> tensor<2x2xi1>
  return
}

// -----

func.func @too_large(%x: tensor<4294967296x1xf32>, %y: tensor<1x4294967296xf32>) {
  // expected-error @+2 {{the result [4294967296, 4294967296] has too many elements}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.matmul %x, %y : (tensor<4294967296x1xf32>, tensor<1x4294967296xf32>) -> tensor<4294967296x4294967296xf32>
  return
}

// -----

func.func @groups(%x: tensor<1x4x8x8xf32>, %w: tensor<6x2x3x3xf32>) {
  // expected-error @+2 {{6 output channels are not divided by 4 groups}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 4} : (tensor<1x4x8x8xf32>, tensor<6x2x3x3xf32>) -> tensor<1x6x6x6xf32>
  return
}

// -----

func.func @channels(%x: tensor<1x5x8x8xf32>, %w: tensor<6x2x3x3xf32>) {
  // expected-error @+2 {{the filter reads 2 channels in each of 2 groups, but the input has 5}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 2} : (tensor<1x5x8x8xf32>, tensor<6x2x3x3xf32>) -> tensor<1x6x6x6xf32>
  return
}

// -----

func.func @window(%x: tensor<1x2x8x8xf32>, %w: tensor<6x2x3x3xf32>) {
  // expected-error @+2 {{a window that reaches over 11 elements does not fit in 8 with padding of 1 and 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 5>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1} : (tensor<1x2x8x8xf32>, tensor<6x2x3x3xf32>) -> tensor<1x6x8x1xf32>
  return
}

// -----

func.func @stride(%x: tensor<1x2x8x8xf32>, %w: tensor<6x2x3x3xf32>) {
  // expected-error @+2 {{a value of strides is 0, not one from 1 to 2147483647}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.conv %x, %w {strides = array<i64: 0, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1} : (tensor<1x2x8x8xf32>, tensor<6x2x3x3xf32>) -> tensor<1x6x6x6xf32>
  return
}

// -----

func.func @spatial(%x: tensor<1x2x8x8xf32>, %w: tensor<6x2x3x3xf32>) {
  // expected-error @+2 {{low has 1 values for 2 spatial dims}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0>, high = array<i64: 0, 0>, groups = 1} : (tensor<1x2x8x8xf32>, tensor<6x2x3x3xf32>) -> tensor<1x6x6x6xf32>
  return
}

// -----

func.func @filter_type(%x: tensor<1x2x8x8xf32>, %w: tensor<6x2x3x3xf16>) {
  // expected-error @+1 {{the input has elements of type 'f32' and the filter of another}}
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1} : (tensor<1x2x8x8xf32>, tensor<6x2x3x3xf16>) -> tensor<1x6x6x6xf32>
  return
}

// -----

func.func @transposed_groups(%x: tensor<1x4x8xf32>, %w: tensor<6x2x3xf32>) {
  // expected-error @+2 {{the input has 4 channels, the filter reads 6, in 1 groups}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.conv_transpose %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, output_padding = array<i64: 0>, groups = 1} : (tensor<1x4x8xf32>, tensor<6x2x3xf32>) -> tensor<1x2x10xf32>
  return
}

// -----

func.func @transposed_extent(%x: tensor<1x4x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @+2 {{spatial dim 0 of the result would have -10 elements}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.conv_transpose %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 10>, high = array<i64: 10>, output_padding = array<i64: 0>, groups = 1} : (tensor<1x4x8xf32>, tensor<4x2x3xf32>) -> tensor<1x2x1xf32>
  return
}

// -----

func.func @average_of_integers(%x: tensor<1x4x8xi8>) {
  // expected-error @+1 {{average is not defined on elements of type 'i8'}}
  %0 = graph.pool %x {kind = 1 : i32, window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, declared_high = array<i64: 0>, count_padding = false, p = 1} : (tensor<1x4x8xi8>) -> tensor<1x4x7xi8>
  return
}

// -----

func.func @p(%x: tensor<1x4x8xf32>) {
  // expected-error @+1 {{needs a p of 1 or more, not 0}}
  %0 = graph.pool %x {kind = 2 : i32, window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, declared_high = array<i64: 0>, count_padding = false, p = 0} : (tensor<1x4x8xf32>) -> tensor<1x4x7xf32>
  return
}

// -----

func.func @axis(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{axis 2 is none of the dims of [2, 3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.reduce %x {kind = 0 : i32, axes = array<i64: 0, 2>} : (tensor<2x3xf32>) -> tensor<1x3xf32>
  return
}

// -----

func.func @axes(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{axes are not sorted, or name 1 twice}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.reduce %x {kind = 0 : i32, axes = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return
}

// -----

func.func @narrow_sum(%x: tensor<2x3xi8>) {
  // expected-error @+1 {{sum is not defined on elements of type 'i8'}}
  %0 = graph.reduce %x {kind = 0 : i32, axes = array<i64: 1>} : (tensor<2x3xi8>) -> tensor<2x1xi8>
  return
}

// -----

func.func @softmax_axis(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{axis -1 is none of the dims of [2, 3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.softmax %x {axis = -1} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @integer_softmax(%x: tensor<2x3xi32>) {
  // expected-error @+1 {{is not defined on elements of type 'i32'}}
  %0 = graph.softmax %x {axis = 1} : (tensor<2x3xi32>) -> tensor<2x3xi32>
  return
}

// -----

func.func @nothing_to_choose(%x: tensor<2x0xf32>) {
  // expected-error @+2 {{axis 1 of [2, 0] has no elements to choose from}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.arg_reduce %x {axis = 1, minimum = false, last = false} : (tensor<2x0xf32>) -> tensor<2x1xi64>
  return
}

// -----

func.func @lrn_size(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{needs a size of 1 or more, not 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.lrn %x {size = 0, alpha = 1.0, beta = 1.0, bias = 1.0} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @more_than_there_are(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{has results of shape [2, 4], which is no part of [2, 3] along its axis}}
  %0:2 = graph.top_k %x {axis = 1, smallest = false} : (tensor<2x3xf32>) -> (tensor<2x4xf32>, tensor<2x4xi64>)
  return
}

// -----

func.func @top_k_types(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{has results of types}}
  %0:2 = graph.top_k %x {axis = 1, smallest = false} : (tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x2xi32>)
  return
}

// -----

func.func @unsigned_right(%x: tensor<2x2xui8>, %y: tensor<2x2xui8>) {
  // expected-error @+2 {{operands have different element types, 'ui8' and 'ui8'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = graph.matmul %x, %y {wide = true} : (tensor<2x2xui8>, tensor<2x2xui8>) -> tensor<2x2xi32>
  return
}
