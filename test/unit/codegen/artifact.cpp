// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A model of one kernel, made by hand:  y = x · w, 4 tiles of 16; the weights w start after a gap.
#include "codegen/artifact/Artifact.h"
#include "smelt/smelt.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "gmock/gmock.h"

#include <array>
#include <dlfcn.h>
#include <fstream>

using namespace llvm;
using namespace smelt::artifact;
using testing::HasSubstr;
using testing::Not;

namespace {

constexpr StringLiteral kX86 = "x86_64-unknown-linux-gnu";
constexpr StringLiteral kArm = "aarch64-unknown-linux-gnu";
constexpr int64_t kLength = 64;
constexpr uint64_t kGap = 128;

constexpr char kKernel[] = R"(
define void @mul_f32(ptr %operands, i64 %first, i64 %last) nounwind {
entry:
  %x = load ptr, ptr %operands
  %w.at = getelementptr ptr, ptr %operands, i64 1
  %w = load ptr, ptr %w.at
  %y.at = getelementptr ptr, ptr %operands, i64 2
  %y = load ptr, ptr %y.at
  %begin = mul i64 %first, 16
  %end = mul i64 %last, 16
  br label %loop
loop:
  %i = phi i64 [%begin, %entry], [%next, %loop]
  %x.i = getelementptr float, ptr %x, i64 %i
  %w.i = getelementptr float, ptr %w, i64 %i
  %y.i = getelementptr float, ptr %y, i64 %i
  %a = load float, ptr %x.i
  %b = load float, ptr %w.i
  %product = fmul float %a, %b
  store float %product, ptr %y.i
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %end
  br i1 %more, label %loop, label %exit
exit:
  ret void
}
)";

constexpr char kNeedy[] = R"(
declare float @expf(float)
define void @mul_f32(ptr %operands, i64 %first, i64 %last) nounwind {
  %x = call float @expf(float 1.0)
  store float %x, ptr %operands
  ret void
}
)";

std::string bytesOf(StringRef path) {
  auto file = MemoryBuffer::getFile(path);
  return file ? (*file)->getBuffer().str() : std::string();
}

/// What went wrong; nothing if nothing did.
std::string failure(Expected<Sizes> result) { return result ? "" : toString(result.takeError()); }

class Artifact : public testing::Test {
protected:
  void SetUp() override {
    InitializeAllTargetInfos();
    InitializeAllTargets();
    InitializeAllTargetMCs();
    InitializeAllAsmPrinters();
    SmallString<64> folder;
    ASSERT_FALSE(sys::fs::createUniqueDirectory("smelt-artifact", folder));
    folder_ = folder.str().str();
    for (int64_t i = 0; i < kLength; ++i)
      weights_[i] = float(i) / 2;
    model_.name = "double"; // a keyword: the symbol must be another
    model_.target = "any";
    model_.arenaBytes = 0;
    model_.weightsBytes = kGap + sizeof weights_ + 64;
    model_.inputs = {{"x:0", {4, 16}, SMELT_F32, sizeof weights_}};
    model_.outputs = {{"y */ #error", {4, 16}, SMELT_F32, sizeof weights_}, {"Y */ #error", {}, SMELT_I64, 8}};
    model_.steps = {
        {"mul_f32", "Mul_0", 4, false, {{Base::Input, 0, 0}, {Base::Weights, 0, kGap}, {Base::Output, 0, 0}}}};
    model_.weights = {{kGap, ArrayRef(reinterpret_cast<const char *>(weights_.data()), sizeof weights_)}};
  }
  void TearDown() override { sys::fs::remove_directories(folder_); }

  std::string at(StringRef name) const { return folder_ + "/" + name.str(); }

  /// The files in the folder.
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    std::error_code code;
    for (sys::fs::directory_iterator entry(folder_, code), end; entry != end && !code; entry.increment(code))
      names.push_back(sys::path::filename(entry->path()).str());
    llvm::sort(names);
    return names;
  }

  /// `write` with a fresh module of the kernels and a machine for the target.
  template <typename Write> auto with(StringRef target, Write write, const char *kernels = kKernel) {
    LLVMContext context;
    SMDiagnostic message;
    std::unique_ptr<Module> module = parseAssemblyString(kernels, message, context);
    std::string error;
    const Triple triple(target);
    const Target *found = TargetRegistry::lookupTarget(triple, error);
    std::unique_ptr<TargetMachine> machine(
        found->createTargetMachine(triple, "", "", TargetOptions(), Reloc::PIC_, std::nullopt));
    return write(model_, *module, *machine, context);
  }
  Expected<Sizes> shared(StringRef name, StringRef target = kX86, const char *kernels = kKernel) {
    return with(
        target,
        [&](const Model &model, Module &module, TargetMachine &machine, LLVMContext &) {
          return writeShared(model, module, machine, at(name));
        },
        kernels);
  }
  Expected<Sizes> archive(StringRef stem, StringRef target = kX86) {
    return with(target, [&](const Model &model, Module &module, TargetMachine &machine, LLVMContext &) {
      return writeStatic(model, module, machine, at(stem));
    });
  }
  /// Runs a program; its exit code and what it wrote to stderr.
  std::pair<int, std::string> execute(ArrayRef<StringRef> command) const {
    const std::string log = at("log");
    const std::optional<StringRef> redirects[] = {StringRef(), StringRef(), StringRef(log)};
    const int code = sys::ExecuteAndWait(command[0], command, std::nullopt, redirects);
    const std::string text = bytesOf(log);
    sys::fs::remove(log);
    return {code, text};
  }
  void expectProduct(const smelt_model &model) const {
    alignas(SMELT_ALIGNMENT) std::array<float, kLength> x, y{};
    x.fill(3);
    smelt_instance instance;
    ASSERT_EQ(smelt_init(&instance, &model, nullptr, 0), SMELT_OK);
    alignas(SMELT_ALIGNMENT) int64_t unused = 0;
    const void *inputs[] = {x.data()};
    void *outputs[] = {y.data(), &unused};
    ASSERT_EQ(smelt_run(&instance, inputs, outputs), SMELT_OK);
    for (int64_t i = 0; i < kLength; ++i)
      EXPECT_EQ(y[i], 3 * weights_[i]);
  }

  std::string folder_;
  std::array<float, kLength> weights_;
  Model model_;
};

TEST_F(Artifact, SharedObjectRuns) {
  Expected<Sizes> sizes = shared("net.so");
  ASSERT_TRUE(bool(sizes)) << toString(sizes.takeError());
  EXPECT_GT(sizes->code, 0u);
  EXPECT_GT(sizes->constants, 0u);
  EXPECT_EQ(sizes->weights, model_.weightsBytes);
  EXPECT_EQ(files(), std::vector<std::string>{"net.so"});

  void *library = dlopen(at("net.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_TRUE(library) << dlerror();
  const auto *model = static_cast<const smelt_model *>(dlsym(library, "smelt_model"));
  ASSERT_TRUE(model);
  EXPECT_FALSE(dlsym(library, "mul_f32"));
  EXPECT_STREQ(model->name, "double");
  EXPECT_STREQ(model->target, "any");
  EXPECT_STREQ(model->inputs[0].name, "x:0");
  EXPECT_EQ(model->inputs[0].shape[1], 16);
  EXPECT_EQ(model->outputs[1].shape, nullptr);
  EXPECT_EQ(model->outputs[1].dtype, SMELT_I64);
  EXPECT_STREQ(model->steps[0].name, "Mul_0");
  EXPECT_EQ(uintptr_t(model->weights) % SMELT_ALIGNMENT, 0u);
  EXPECT_EQ(model->weights[0], 0);
  expectProduct(*model);
  dlclose(library);
}

// A program as a user writes it: the header's macros, the archive, the runtime.
TEST_F(Artifact, StaticLibraryRuns) {
  ASSERT_EQ(failure(archive("net")), "");
  EXPECT_EQ(files(), (std::vector<std::string>{"net.a", "net.h"}));
  std::ofstream(at("main.c")) << R"(
#include "net.h"
static _Alignas(SMELT_ALIGNMENT) unsigned char arena[DOUBLE_MODEL_ARENA_BYTES];
static _Alignas(SMELT_ALIGNMENT) float x[DOUBLE_MODEL_INPUT_X_0_BYTES / sizeof(float)], y[DOUBLE_MODEL_OUTPUT_Y_____ERROR_BYTES / sizeof(float)];
static _Alignas(SMELT_ALIGNMENT) int64_t second[DOUBLE_MODEL_OUTPUT_Y_____ERROR_2_BYTES / sizeof(int64_t)];
int main(void) {
  smelt_instance instance;
  const void *inputs[DOUBLE_MODEL_INPUT_COUNT] = {x};
  void *outputs[DOUBLE_MODEL_OUTPUT_COUNT] = {y, second};
  x[3] = 4;
  if (smelt_init(&instance, &double_model, arena, sizeof arena) != SMELT_OK) return 1;
  if (smelt_run(&instance, inputs, outputs) != SMELT_OK) return 2;
  return y[3] == 6 && y[4] == 0 ? 0 : 3;
}
)";
  SmallVector<StringRef> command = {C_COMPILER};
  StringRef(C_FLAGS).split(command, ' ', -1, /*KeepEmpty=*/false); // a sanitizer's runtime library needs its program's
  std::string header = "-I" + folder_, source = at("main.c"), library = at("net.a"), program = at("main");
  command.append({"-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", header, "-I", RUNTIME_INCLUDE, source,
                  library, RUNTIME_LIBRARY, "-o", program});
  auto [built, message] = execute(command);
  ASSERT_EQ(built, 0) << message;
  EXPECT_EQ(execute({at("main")}).first, 0);
}

TEST_F(Artifact, ObjectForArmIsReadable) {
  ASSERT_EQ(failure(with(kArm, [&](const Model &model, Module &module, TargetMachine &machine,
                                   LLVMContext &) { return writeObject(model, module, machine, at("net.o")); })),
            "");
  Expected<object::OwningBinary<object::ObjectFile>> file = object::ObjectFile::createObjectFile(at("net.o"));
  ASSERT_TRUE(bool(file)) << toString(file.takeError());
  EXPECT_EQ(file->getBinary()->getArch(), Triple::aarch64);
  bool weights = false;
  for (const object::SectionRef &section : file->getBinary()->sections())
    if (cantFail(section.getName()).starts_with(".rodata.smelt_weights")) {
      weights = true;
      EXPECT_EQ(section.getSize(), model_.weightsBytes);
      EXPECT_EQ(section.getAlignment().value(), uint64_t(SMELT_ALIGNMENT));
      EXPECT_EQ(std::string(cantFail(section.getContents()).substr(kGap, sizeof weights_)),
                std::string(reinterpret_cast<const char *>(weights_.data()), sizeof weights_));
    }
  EXPECT_TRUE(weights);
}

TEST_F(Artifact, ArchivesOfAllTargetsNeedNothing) {
  for (StringRef target : {kX86, kArm}) {
    ASSERT_EQ(failure(archive("net", target)), "");
    const std::string bytes = bytesOf(at("net.a"));
    Expected<std::unique_ptr<object::Archive>> file = object::Archive::create(MemoryBufferRef(bytes, "net.a"));
    ASSERT_TRUE(bool(file)) << toString(file.takeError());
    EXPECT_EQ((*file)->getNumberOfSymbols(), 2u); // the model and its weights
  }
}

TEST_F(Artifact, SameModelGivesSameBytes) {
  ASSERT_EQ(failure(shared("a.so")), "");
  ASSERT_EQ(failure(shared("b.so")), "");
  ASSERT_EQ(failure(archive("a")), "");
  ASSERT_EQ(failure(archive("b")), "");
  EXPECT_TRUE(bytesOf(at("a.so")) == bytesOf(at("b.so")));
  EXPECT_TRUE(bytesOf(at("a.a")) == bytesOf(at("b.a")));
  EXPECT_TRUE(bytesOf(at("a.h")) == bytesOf(at("b.h")));
  EXPECT_THAT(bytesOf(at("a.so")), Not(HasSubstr(folder_)));
}

TEST_F(Artifact, ModelWithoutWeights) {
  model_.weights.clear();
  model_.weightsBytes = 0;
  model_.steps.clear();
  ASSERT_EQ(failure(shared("net.so")), "");
  ASSERT_EQ(failure(archive("net")), "");
}

void expectFailure(Expected<Sizes> result, int exitCode, StringRef words) {
  ASSERT_FALSE(bool(result));
  handleAllErrors(result.takeError(), [&](const WriteError &error) {
    EXPECT_EQ(error.exitCode(), exitCode);
    EXPECT_THAT(error.message(), HasSubstr(words.str()));
  });
}

TEST_F(Artifact, CallOfALibraryIsADefect) {
  expectFailure(shared("net.so", kX86, kNeedy), 70, "'expf'");
  EXPECT_TRUE(files().empty());
}

TEST_F(Artifact, UnknownKernelIsADefect) {
  model_.steps[0].kernel = "other";
  expectFailure(shared("net.so"), 70, "'other'");
  EXPECT_TRUE(files().empty());
}

TEST_F(Artifact, OverlappingWeightsAreADefect) {
  model_.weights.push_back({kGap + 4, model_.weights[0].bytes});
  expectFailure(shared("net.so"), 70, "overlap");
  model_.weights = {{model_.weightsBytes - 4, model_.weights[0].bytes}};
  expectFailure(shared("net.so"), 70, "outside");
  EXPECT_TRUE(files().empty());
}

TEST_F(Artifact, OutputThatCannotBeWritten) {
  expectFailure(shared("missing/net.so"), 5, "missing/net.so: cannot be written: No such file or directory");
  expectFailure(archive("missing/net"), 5, "missing/net.a");
  ASSERT_FALSE(sys::fs::create_directory(at("folder")));
  expectFailure(shared("folder"), 5, "it is a folder");
  EXPECT_EQ(files(), std::vector<std::string>{"folder"});
}

TEST_F(Artifact, SymbolsAreValidAndFree) {
  EXPECT_EQ(modelSymbol("net"), "net");
  EXPECT_EQ(modelSymbol("mobilenet-v2.onnx"), "mobilenet_v2_onnx");
  EXPECT_EQ(modelSymbol("3d"), "model_3d");
  EXPECT_EQ(modelSymbol(""), "model_");
  EXPECT_EQ(modelSymbol("_x"), "model_x");
  EXPECT_EQ(modelSymbol("nähe"), "nc3a4he");
  EXPECT_NE(modelSymbol("模型"), modelSymbol("网络"));
  for (StringRef taken : {"int", "main", "malloc", "expf", "smelt_run", "size_t", "SMELT_OK"})
    EXPECT_EQ(modelSymbol(taken), (taken + "_model").str());
}

} // namespace
