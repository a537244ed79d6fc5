// RUN: smelt-opt %s --split-input-file --verify-diagnostics

func.func @function(%x: tensor<3xf32>) {
  // expected-error @+1 {{names a function that no C program can have}}
  %0 = graph.custom(%x) {function = "f-g", names = [], values = [], absent = array<i64>} : (tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @names(%x: tensor<3xf32>) {
  // expected-error @+1 {{needs one name for each value}}
  %0 = graph.custom(%x) {function = "f", names = ["a"], values = [], absent = array<i64>} : (tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @value(%x: tensor<3xf32>) {
  // expected-error @+1 {{has a value that is no list of i64 or f64, nor a string}}
  %0 = graph.custom(%x) {function = "f", names = ["a"], values = [1 : i64], absent = array<i64>} : (tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @packed(%x: tensor<3xi4>) {
  // expected-error @+1 {{would hand elements to C of which a byte holds several}}
  %0 = graph.custom(%x) {function = "f", names = [], values = [], absent = array<i64>} : (tensor<3xi4>) -> tensor<3xf32>
  return
}

// -----

func.func @absent(%x: tensor<3xf32>) {
  // expected-error @+1 {{lacks inputs at places that are not in rising order, or are none}}
  %0 = graph.custom(%x) {function = "f", names = [], values = [], absent = array<i64: 2>} : (tensor<3xf32>) -> tensor<3xf32>
  return
}
