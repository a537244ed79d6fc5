// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_PLAN_MACHINEPASS_H
#define SMELT_PASSES_PLAN_MACHINEPASS_H

#include "dialects/Kernel/Kernel.h"
#include "dialects/Kernel/Machine.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace smelt::plan {

/// A pass, on functions unless something else is said, whose choices depend on the processor, which a textual pipeline
/// describes by options: choose-winograd{vector-bytes=64 vector-registers=32}.
template <typename Derived, typename Op = mlir::func::FuncOp>
class MachinePass : public mlir::PassWrapper<Derived, mlir::OperationPass<Op>> {
public:
  explicit MachinePass(const kernel::Machine &machine) {
    vectorBytes_ = machine.vectorBytes;
    vectorRegisters_ = machine.vectorRegisters;
    dots_ = machine.dots;
    multiplyAdds_ = machine.multiplyAdds;
    secondCacheBytes_ = machine.secondCacheBytes;
    isDevice_ = machine.isDevice;
    attentionChannels_ = machine.attentionChannels;
    multiprocessors_ = machine.multiprocessors;
  }
  // Options know their pass: a copy has options of its own, which MLIR then sets.
  MachinePass(const MachinePass &other) : mlir::PassWrapper<Derived, mlir::OperationPass<Op>>(other) {}

  void getDependentDialects(mlir::DialectRegistry &registry) const override {
    registry.insert<kernel::KernelDialect>();
  }

protected:
  kernel::Machine machine() const {
    return {vectorBytes_,      vectorRegisters_, dots_,        /*byLane=*/false,   multiplyAdds_,
            secondCacheBytes_, isDevice_,        /*narrow=*/0, attentionChannels_, multiprocessors_};
  }

private:
  mlir::Pass::Option<unsigned> vectorBytes_{*this, "vector-bytes", llvm::cl::desc("bytes of a vector register"),
                                            llvm::cl::init(kernel::Machine().vectorBytes)};
  mlir::Pass::Option<unsigned> vectorRegisters_{*this, "vector-registers", llvm::cl::desc("how many there are"),
                                                llvm::cl::init(kernel::Machine().vectorRegisters)};
  mlir::Pass::Option<unsigned> dots_{*this, "dots", llvm::cl::desc("dot instructions, a mask of kernel::Dot"),
                                     llvm::cl::init(0)};
  mlir::Pass::Option<unsigned> multiplyAdds_{*this, "multiply-adds", llvm::cl::desc("of vectors of f32, a cycle"),
                                             llvm::cl::init(kernel::Machine().multiplyAdds)};
  mlir::Pass::Option<unsigned> secondCacheBytes_{*this, "second-cache-bytes", llvm::cl::desc("of one core"),
                                                 llvm::cl::init(kernel::Machine().secondCacheBytes)};
  mlir::Pass::Option<bool> isDevice_{*this, "device", llvm::cl::desc("a GPU"), llvm::cl::init(false)};
  mlir::Pass::Option<int64_t> attentionChannels_{*this, "attention-channels",
                                                 llvm::cl::desc("of a key or a value in one kernel of attention"),
                                                 llvm::cl::init(kernel::Machine().attentionChannels)};
  mlir::Pass::Option<int64_t> multiprocessors_{
      *this, "multiprocessors", llvm::cl::desc("of a device whose groups share tiles of products"), llvm::cl::init(0)};
};

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_MACHINEPASS_H
