// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names, versions, shapes and functions of a model; operators have tests in test/frontends/onnx.

#include "OnnxFile.h"
#include "gmock/gmock.h"

using namespace smelt;
using namespace smelt::test;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace {

/// x → op → y
OnnxModel single(const std::string &op, int64_t opset = 17) {
  OnnxModel model(opset);
  model.input("x", {"2", "3"}).output("y").node(op, {"x"}, {"y"}).set_name("n");
  return model;
}

// Formats.

TEST(formats, whatIsNoModelIsNamed) {
  EXPECT_EQ(importBytes("").error, "m.onnx: is empty");
  EXPECT_THAT(importBytes("PK\3\4....").error, HasSubstr("zip archive"));
  EXPECT_EQ(importBytes("this is text").error,
            "m.onnx: is text; Smelt reads ONNX and TensorFlow Lite models and PyTorch's exported programs");
  EXPECT_EQ(importFile("/nonexistent/m.onnx").exitCode, 5);
  EXPECT_EQ(importFile("/").exitCode, 5);
}

TEST(formats, opsets) {
  EXPECT_EQ(importProto(single("Relu", 7)).exitCode, 0);
  EXPECT_EQ(importProto(single("Relu", 28)).exitCode, 0);
  EXPECT_THAT(importProto(single("Relu", 29)).error, HasSubstr("uses opset 29; Smelt knows opsets 1 to 28"));
  EXPECT_EQ(importProto(single("Relu", 29)).exitCode, 4);
  EXPECT_EQ(importProto(single("Relu", -1)).exitCode, 3);
  OnnxModel model = single("Relu");
  model.proto.clear_opset_import();
  EXPECT_EQ(importProto(model).exitCode, 3);
}

// Names.

TEST(names, ofArgumentsResultsAndNodes) {
  Imported imported = importProto(single("Relu"));
  EXPECT_THAT(imported.ir, AllOf(HasSubstr("%arg0: tensor<2x3xf32> {graph.name = \"x\"}"),
                                 HasSubstr("-> (tensor<2x3xf32> {graph.name = \"y\"})"), HasSubstr("graph.relu %arg0"),
                                 HasSubstr("graph.name = \"g\"")));
}

TEST(names, madeTwiceLateOrNever) {
  OnnxModel twice = single("Relu");
  twice.node("Abs", {"x"}, {"y"}).set_name("b");
  EXPECT_EQ(importProto(twice).error,
            "m.onnx: node 'b' (Abs, opset 17): output 'y' is made before, by another node or as an input");

  OnnxModel late = single("Relu");
  late.graph().mutable_node(0)->set_input(0, "t");
  late.node("Abs", {"x"}, {"t"});
  EXPECT_THAT(importProto(late).error, HasSubstr("node 'n' (Relu, opset 17): input 't' is used before it is made"));

  OnnxModel never = single("Relu");
  never.graph().mutable_node(0)->set_input(0, "nowhere");
  EXPECT_THAT(importProto(never).error, HasSubstr("'nowhere' is made by nothing"));

  OnnxModel noOutput = single("Relu");
  noOutput.output("z");
  EXPECT_THAT(importProto(noOutput).error, HasSubstr("nothing makes the output 'z'"));
}

TEST(names, areMadeFitForTerminals) {
  OnnxModel model = single("Re\x1b[31mlu");
  EXPECT_EQ(importProto(model).error, "m.onnx: node 'n' (Re\\x1b[31mlu, opset 17): unsupported operator");
}

// What is not asked for is refused.

TEST(nodes, unknownAttributesAndInputs) {
  OnnxModel model = single("Relu");
  setInteger(*model.graph().mutable_node(0), "speed", 3);
  EXPECT_THAT(importProto(model).error, HasSubstr("has an attribute 'speed'"));

  OnnxModel crowded = single("Relu");
  crowded.graph().mutable_node(0)->add_input("x");
  EXPECT_THAT(importProto(crowded).error, HasSubstr("has 2 inputs"));

  OnnxModel wrong = single("Softmax");
  setInteger(*wrong.graph().mutable_node(0), "axis", 3);
  EXPECT_THAT(importProto(wrong).error, HasSubstr("axis 3 is none of a tensor of 2 dims"));
  wrong.graph().mutable_node(0)->mutable_attribute(0)->set_type(::onnx::AttributeProto::FLOAT);
  EXPECT_EQ(importProto(wrong).exitCode, 3);
}

TEST(nodes, allUnsupportedOnesInOneLine) {
  OnnxModel model = single("Nope0");
  model.node("Nope1", {"y"}, {"z"});
  Imported imported = importProto(model);
  EXPECT_EQ(imported.error, "m.onnx: node 'n' (Nope0, opset 17), node 'z' (Nope1, opset 17): unsupported operators");
  EXPECT_EQ(imported.exitCode, 4);
  for (int i = 0; i < 30; ++i)
    model.node("More", {"x"}, {"m" + std::to_string(i)});
  EXPECT_THAT(importProto(model).error, HasSubstr(": unsupported operators; and 12 more"));
}

TEST(nodes, eachReasonStandsBehindItsNodes) {
  OnnxModel model = single("Nope0");
  model.node("StringConcat", {"y", "y"}, {"z"});
  model.node("Nope1", {"y"}, {"u"});
  EXPECT_THAT(importProto(model).error,
              testing::MatchesRegex("m.onnx: node 'n' \\(Nope0, opset 17\\), node 'u' \\(Nope1, opset 17\\): "
                                    "unsupported operators; node 'z' \\(StringConcat, opset 17\\): tensors hold no "
                                    "text; [^;]*"));
}

TEST(nodes, ofOneReasonAFewAreNamed) {
  OnnxModel model = single("Nope0");
  for (int i = 0; i < 30; ++i)
    model.node("StringConcat", {"y", "y"}, {"z" + std::to_string(i)});
  model.node("Nope1", {"y"}, {"u"});
  EXPECT_THAT(
      importProto(model).error,
      testing::MatchesRegex("m.onnx: node 'n' [^;]*unsupported operators; node 'z0' \\(StringConcat, opset 17\\), "
                            "node 'z1' [^;]*, node 'z2' \\(StringConcat, opset 17\\) and 27 more: tensors hold no "
                            "text; [^;]*"));
}

TEST(nodes, whatNothingUsesStaysOut) {
  OnnxModel model = single("Relu");
  model.node("Abs", {"x"}, {"unused"});
  model.floats("w", {1}, {1});
  EXPECT_THAT(importProto(model).ir, Not(testing::AnyOf(HasSubstr("graph.abs"), HasSubstr("graph.constant"))));
}

// Shapes.

OnnxModel symbolic() {
  OnnxModel model;
  model.input("a", {"batch", "3"}).input("b", {"batch", "width"}).output("y");
  model.node("Add", {"a", "b"}, {"y"});
  return model;
}

TEST(shapes, openOnesStaySymbolic) {
  Imported imported = importProto(symbolic());
  EXPECT_THAT(imported.ir, HasSubstr("%arg0: tensor<?x3xf32, #graph.extents<\"batch, 3\">>"));
  EXPECT_THAT(imported.ir, HasSubstr("%arg1: tensor<?x?xf32, #graph.extents<\"batch, width\">>"));
}

TEST(shapes, thoseThatCannotStayOpenAreNamedWithTheFlag) {
  OnnxModel model = symbolic();
  model.proto.mutable_graph()->mutable_input(1)->mutable_type()->mutable_tensor_type()->clear_shape();
  Imported imported = importProto(model);
  EXPECT_EQ(imported.exitCode, 2);
  EXPECT_EQ(imported.error, "m.onnx: the dims of these inputs cannot stay open: 'b' of any number; "
                            "give them with --shape 'b=<dims>'");
}

TEST(shapes, symbolsHoldForAllInputs) {
  frontend::ImportOptions options;
  options.shapes["b"] = {5, 3};
  EXPECT_THAT(importProto(symbolic(), options).ir, HasSubstr("%arg0: tensor<5x3xf32>"));
  options.shapes["a"] = {6, 3};
  EXPECT_THAT(importProto(symbolic(), options).error,
              HasSubstr("'batch' is 6 (dim 0 of 'a') as well as 5 (dim 0 of 'b')"));
}

TEST(shapes, optionsThatDoNotFit) {
  frontend::ImportOptions options;
  options.shapes["nope"] = {1};
  EXPECT_EQ(importProto(single("Relu"), options).error,
            "m.onnx: has no input 'nope' to give a shape; its inputs are 'x'");
  options.shapes = {{"x", {2, 4}}};
  EXPECT_THAT(importProto(single("Relu"), options).error, HasSubstr("[2, 3], which the shape [2, 4] does not fit"));
  options.shapes = {{"x", {2}}};
  EXPECT_EQ(importProto(single("Relu"), options).exitCode, 2);
  options.shapes = {{"x", {2, 3}}};
  EXPECT_EQ(importProto(single("Relu"), options).exitCode, 0);
}

TEST(shapes, declaredOutputsMustAgree) {
  OnnxModel model;
  model.input("x", {"2", "3"}).output("y", {"2", "7"}).node("Relu", {"x"}, {"y"});
  EXPECT_THAT(importProto(model).error, HasSubstr("declared with the dims [2, 7], but the model computes [2, 3]"));
  // Where some dims have only names, the others, and even their number, may be guesses.
  ::onnx::TensorShapeProto &shape =
      *model.graph().mutable_output(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape.mutable_dim(0)->set_dim_param("n");
  EXPECT_EQ(importProto(model).exitCode, 0);
  shape.add_dim()->set_dim_value(1);
  EXPECT_EQ(importProto(model).exitCode, 0);
}

TEST(shapes, areConstantsWhenTheyAreAskedFor) {
  // y = reshape(x, concat(shape(x)[1:], [-1]))
  OnnxModel model;
  model.input("x", {"2", "3"}).output("y");
  model.integers("one", {1});
  model.integers("two", {2});
  model.integers("rest", {-1});
  model.node("Shape", {"x"}, {"s"});
  model.node("Slice", {"s", "one", "two"}, {"w"});
  setInteger(model.node("Concat", {"w", "rest"}, {"t"}), "axis", 0);
  model.node("Reshape", {"x", "t"}, {"y"});
  EXPECT_THAT(importProto(model).ir, HasSubstr("tensor<2x3xf32>) -> tensor<3x2xf32>"));
}

TEST(shapes, areFoundAtRunTime) {
  OnnxModel model;
  model.input("x", {"1", "3"}).input("s", {"2"}, ::onnx::TensorProto::INT64).output("y");
  model.node("Expand", {"x", "s"}, {"y"});
  EXPECT_THAT(importProto(model).ir, AllOf(HasSubstr("graph.bind_sizes %arg1"), HasSubstr("symbols = [\"%s0\"")));
}

// Subgraphs and functions.

TEST(control, ifWithAKnownConditionIsItsBranch) {
  OnnxModel model;
  model.input("x", {"2"}).output("y");
  auto &condition = *model.graph().add_initializer();
  condition.set_name("c");
  condition.set_data_type(::onnx::TensorProto::BOOL);
  condition.add_int32_data(1);
  auto &node = model.node("If", {"c"}, {"y"});
  for (auto [name, op] : {std::pair("then_branch", "Abs"), {"else_branch", "Neg"}}) {
    auto *attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(::onnx::AttributeProto::GRAPH);
    OnnxModel::fill(*attribute->mutable_g()->add_node(), op, {"x"}, {"r"});
    attribute->mutable_g()->add_output()->set_name("r");
  }
  EXPECT_THAT(importProto(model).ir, AllOf(HasSubstr("graph.abs %arg0"), Not(HasSubstr("graph.neg"))));
}

::onnx::FunctionProto &addFunction(OnnxModel &model, const std::string &name) {
  auto &function = *model.proto.add_functions();
  function.set_domain("local");
  function.set_name(name);
  function.add_input("a");
  function.add_output("b");
  *function.mutable_opset_import() = model.proto.opset_import();
  return function;
}

TEST(functions, areInlinedWithTheirAttributes) {
  OnnxModel model;
  model.importDomain("local", 1);
  model.input("x", {"2"}).output("y");
  auto &call = model.node("Leaky", {"x"}, {"y"});
  call.set_domain("local");
  call.set_name("layer");
  auto *slope = call.add_attribute();
  slope->set_name("slope");
  slope->set_type(::onnx::AttributeProto::FLOAT);
  slope->set_f(0.25);
  auto &function = addFunction(model, "Leaky");
  function.add_attribute("slope");
  auto &body = OnnxModel::fill(*function.add_node(), "LeakyRelu", {"a"}, {"b"});
  auto *reference = body.add_attribute();
  reference->set_name("alpha");
  reference->set_type(::onnx::AttributeProto::FLOAT);
  reference->set_ref_attr_name("slope");
  EXPECT_THAT(importProto(model).ir, HasSubstr("graph.leaky_relu %arg0 {alpha = 2.500000e-01 : f64}"));
}

TEST(functions, mayNotBeRecursiveNorGrowWithoutEnd) {
  OnnxModel recursive;
  recursive.importDomain("local", 1);
  recursive.input("x", {"2"}).output("y").node("F", {"x"}, {"y"}).set_domain("local");
  OnnxModel::fill(*addFunction(recursive, "F").add_node(), "F", {"a"}, {"b"}).set_domain("local");
  EXPECT_THAT(importProto(recursive).error, HasSubstr("may not be recursive"));

  // 2^30 nodes
  OnnxModel bomb;
  bomb.importDomain("local", 1);
  bomb.input("x", {"2"}).output("y").node("F0", {"x"}, {"y"}).set_domain("local");
  for (int level = 0; level < 30; ++level) {
    auto &function = addFunction(bomb, "F" + std::to_string(level));
    std::string callee = level < 29 ? "F" + std::to_string(level + 1) : "Relu", domain = level < 29 ? "local" : "";
    OnnxModel::fill(*function.add_node(), callee, {"a"}, {"t"}).set_domain(domain);
    OnnxModel::fill(*function.add_node(), callee, {"t"}, {"b"}).set_domain(domain);
  }
  EXPECT_THAT(importProto(bomb).error, HasSubstr("stand for more than"));
}

// Summaries.

TEST(summary, tellsWhatTheFileStates) {
  OnnxModel model = symbolic();
  model.proto.set_producer_name("maker");
  model.floats("w", {2, 3}, {0, 0, 0, 0, 0, 0});
  auto &nibbles = *model.graph().add_initializer();
  nibbles.set_name("n");
  nibbles.set_data_type(::onnx::TensorProto::INT4);
  nibbles.add_dims(3);
  auto &complex = *model.graph().add_initializer();
  complex.set_name("c");
  complex.set_data_type(::onnx::TensorProto::COMPLEX64);
  complex.add_dims(1);
  model.node("Nope", {"a"}, {"n1"});
  model.node("Add", {"a", "w"}, {"n2"});
  Folder folder;
  auto summary = frontend::summariseModel(folder.write("m.onnx", model.proto.SerializeAsString()));
  ASSERT_TRUE(bool(summary));
  EXPECT_EQ(summary->version, "opset 17");
  EXPECT_EQ(summary->producer, "maker");
  ASSERT_EQ(summary->inputs.size(), 2U);
  EXPECT_EQ(summary->inputs[0].extents, (std::vector<std::string>{"batch", "3"}));
  EXPECT_EQ(summary->parameters, 10);
  EXPECT_EQ(summary->weightBytes, 34);
  ASSERT_EQ(summary->operators.size(), 2U);
  EXPECT_EQ(summary->operators[0].name, "Add");
  EXPECT_EQ(summary->operators[0].count, 2);
  ASSERT_EQ(summary->unsupported.size(), 2U);
  EXPECT_EQ(summary->unsupported[0].elementType, "complex64");
  EXPECT_EQ(summary->unsupported[1].operatorName, "Nope");
}

} // namespace
