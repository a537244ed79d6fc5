// A network of two layers that has learned "exclusive or": the graph dialect as text, in place of an .onnx file.
//   hidden = relu(x · [[1, 1], [1, 1]] + [0, -1]);  y = hidden · [[1], [-2]]
module attributes {graph.name = "gate"} {
  func.func @main(%x: tensor<4x2xf32> {graph.name = "x"}) -> (tensor<4x1xf32> {graph.name = "y"}) {
    %w1 = graph.constant dense<1.0> : tensor<2x2xf32>
    %b1 = graph.constant dense<[0.0, -1.0]> : tensor<2xf32>
    %w2 = graph.constant dense<[[1.0], [-2.0]]> : tensor<2x1xf32>
    %product = graph.matmul %x, %w1 : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
    %sum = graph.add %product, %b1 : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
    %hidden = graph.relu %sum : (tensor<4x2xf32>) -> tensor<4x2xf32>
    %y = graph.matmul %hidden, %w2 : (tensor<4x2xf32>, tensor<2x1xf32>) -> tensor<4x1xf32>
    return %y : tensor<4x1xf32>
  }
}
