// RUN: smelt-opt %s -split-input-file -verify-diagnostics

func.func @type(%x: tensor<4xf32>) -> tensor<4xi32> {
  // expected-error @+1 {{takes integers of 8 or 16 bits, not 'i32'}}
  %0 = graph.quantize %x {factor = 2.0 : f64, to = i32, zero_point = 0 : i64} : (tensor<4xf32>) -> tensor<4xi32>
  return %0 : tensor<4xi32>
}

// -----

func.func @factor(%x: tensor<4xf32>) -> tensor<4xi8> {
  // expected-error @+1 {{takes a factor that is an f32 between 2^-100 and 2^100, not 0.000000e+00}}
  %0 = graph.quantize %x {factor = 0.0 : f64, to = i8, zero_point = 0 : i64} : (tensor<4xf32>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}

// -----

func.func @zeroPoint(%x: tensor<4xi8>) -> tensor<4xf32> {
  // expected-error @+1 {{takes a zero point of its integers, not 128}}
  %0 = graph.dequantize %x {scale = 1.0 : f64, zero_point = 128 : i64} : (tensor<4xi8>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @input(%x: tensor<4xf64>) -> tensor<4xi8> {
  // expected-error @+1 {{takes f32, not 'f64'}}
  %0 = graph.quantize %x {factor = 1.0 : f64, to = i8, zero_point = 0 : i64} : (tensor<4xf64>) -> tensor<4xi8>
  return %0 : tensor<4xi8>
}
