// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loaded before a program (LD_PRELOAD), tells it that the processor has AVX2 and FMA and nothing beyond: what runtimes
// choose that cannot be told so. CPUID faults then (arch_prctl(2), ARCH_SET_CPUID), and the handler answers without
// AVX-512, AVX-VNNI and AMX. Bits are those of Intel's Software Developer's Manual, volume 2A, CPUID. Where the
// processor or the kernel does not let it fault, nothing happens, and SMELT_AVX2_ONLY stays unset.

#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { SET_CPUID = 0x1012, MAY_FAULT = 0, MAY_RUN = 1 };

#define BIT(n) (1u << (n))

typedef struct registers {
  uint32_t eax, ebx, ecx, edx;
} registers;

static void hide(uint32_t leaf, uint32_t subleaf, registers *it) {
  if (leaf == 7 && subleaf == 0) {
    it->ebx &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) |
                 BIT(31));                                       // AVX512 F DQ IFMA PF ER CD BW VL
    it->ecx &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14)); // VBMI VBMI2 VNNI BITALG VPOPCNTDQ
    it->edx &=
        ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25)); // 4VNNIW 4FMAPS VP2INTERSECT AMX FP16
  } else if (leaf == 7 && subleaf == 1) {
    it->eax &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23)); // AVX-VNNI, AVX512 BF16, AMX FP16, AVX-IFMA
    it->edx &= ~(BIT(4) | BIT(5) | BIT(10) | BIT(19)); // AVX-VNNI INT8, AVX-NE-CONVERT, AVX-VNNI INT16, AVX10
  } else if (leaf == 0xd && subleaf == 0) {
    it->eax &= ~(BIT(5) | BIT(6) | BIT(7) | BIT(17) | BIT(18)); // states of AVX-512 and of AMX
  }
}

static void onFault(int number, siginfo_t *info, void *context) {
  (void)info;
  greg_t *saved = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *instruction = (const uint8_t *)saved[REG_RIP];
  if (instruction[0] != 0x0f || instruction[1] != 0xa2) { // no CPUID: a fault like any other
    signal(number, SIG_DFL);
    return;
  }
  const uint32_t leaf = (uint32_t)saved[REG_RAX], subleaf = (uint32_t)saved[REG_RCX];
  registers it;
  syscall(SYS_arch_prctl, SET_CPUID, MAY_RUN);
  __cpuid_count(leaf, subleaf, it.eax, it.ebx, it.ecx, it.edx);
  syscall(SYS_arch_prctl, SET_CPUID, MAY_FAULT);
  hide(leaf, subleaf, &it);
  saved[REG_RAX] = it.eax;
  saved[REG_RBX] = it.ebx;
  saved[REG_RCX] = it.ecx;
  saved[REG_RDX] = it.edx;
  saved[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void) {
  struct sigaction action = {.sa_sigaction = onFault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  if (sigaction(SIGSEGV, &action, NULL) == 0 && syscall(SYS_arch_prctl, SET_CPUID, MAY_FAULT) == 0)
    setenv("SMELT_AVX2_ONLY", "1", 1);
}
