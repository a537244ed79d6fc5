// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX as the device of the tests runs it: what LLVM emits for Smelt's kernels, and no more. Anything else is refused by
// name. Registers of a warp lie one after another, each 32 lanes of up to 8 bytes; constants are registers too.

#ifndef SMELT_TEST_CUDA_DEVICE_PTX_H
#define SMELT_TEST_CUDA_DEVICE_PTX_H

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ptx {

constexpr unsigned kWarp = 32;
constexpr unsigned kRegisterBytes = kWarp * 8;

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Type : uint8_t {
  None,
  Pred,
  B8,
  B16,
  B32,
  B64,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  F32,
  F64,
  F16x2,
  BF16,
  TF32
};

unsigned bytesOf(Type type);

enum class Op : uint8_t {
  Mov,
  Pack,
  Unpack,
  Add,
  Sub,
  Mul,
  MulWide,
  MulHi,
  Mad,
  MadWide,
  Div,
  Rem,
  Min,
  Max,
  MinNan,
  MaxNan,
  Neg,
  Abs,
  Fma,
  Sqrt,
  Rcp,
  And,
  Or,
  Xor,
  Not,
  Shl,
  Shr,
  Setp,
  Selp,
  Cvt,
  CopySign,
  Popc,
  Clz,
  Brev,
  Prmt,
  Bfe,
  ShfLeft,
  ShfRight,
  Ld,
  St,
  LdParam,
  Branch,
  Return,
  Barrier,
  AsyncCopy,
  AsyncCommit,
  AsyncWait,
  Shuffle,
  LdMatrix,
  Mma
};

enum class Compare : uint8_t { Eq, Ne, Lt, Le, Gt, Ge, Equ, Neu, Ltu, Leu, Gtu, Geu, Num, Nan };
enum class Round : uint8_t { Nearest, Zero, Down, Up };
enum class Shuffle : uint8_t { Index, Up, Down, Butterfly };

constexpr uint32_t kNone = UINT32_MAX;

struct Instruction {
  Op op;
  Type type = Type::None, from = Type::None; // from: of Cvt, and of the left side of Mma
  Type right = Type::None;                   // of Mma
  Compare compare = Compare::Eq;
  Round round = Round::Nearest;
  Shuffle shuffle = Shuffle::Index;
  bool isInteger = false; // of Cvt to a float: rounds to an integer
  bool saturates = false;
  bool isNegated = false; // the guard
  bool isTransposed = false;
  uint32_t guard = kNone;
  uint32_t target = 0;               // of Branch: an instruction
  int64_t offset = 0;                // of addresses; of LdParam and AsyncWait, the number; of Mma, the extent of k
  std::vector<uint32_t> to, sources; // registers, as byte offsets
};

struct Kernel {
  std::string name;
  unsigned parameters = 0;
  unsigned threads = 0; // of a block, as .reqntid says
  uint32_t localBytes = 0, sharedBytes = 0;
  uint32_t registerBytes = 0;
  std::vector<Instruction> code;
  std::vector<uint8_t> widths; // of registers, in bytes
  struct Constant {
    uint32_t at;
    uint64_t value;
  };
  std::vector<Constant> constants;
  /// Registers that the launch fills in.
  enum class Special { ThreadX, BlockX, Lane, Local, Shared };
  struct Given {
    uint32_t at;
    Special what;
    uint64_t offset; // into shared memory
  };
  std::vector<Given> given;
};

/// Reads an assembly; throws Error for what it does not know.
std::map<std::string, Kernel> parse(std::string_view text);

/// Throws Error unless [address, address + bytes) is the device's.
using CheckAddress = std::function<void(uint64_t address, uint64_t bytes)>;

/// Runs all blocks of a grid. Threads of a block run warp by warp from barrier to barrier, and lanes that diverge one
/// after another: orders that a device may take, and unlikely ones, so that a barrier that lacks is seen.
void run(const Kernel &kernel, unsigned blocks, const std::vector<uint64_t> &parameters, const CheckAddress &check);

} // namespace ptx

#endif // SMELT_TEST_CUDA_DEVICE_PTX_H
