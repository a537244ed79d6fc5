// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A contestant of ./dev bench --format pt2 that runs an ExecuTorch program on one thread, as often as it is told:
//   executorch_peer PROGRAM.pte INPUT OUTPUT EXTENT…
// INPUT holds the f32 of the only input, of these extents; OUTPUT gets those of the first output. After one run it
// prints a line of JSON: milliseconds until the program was ready and of the first run, bytes resident before it knew
// of the program and at most since, and bytes that no file backs. Each line N of its input is answered with the seconds
// that N runs took, {"cpu", "wall"}. Linux only.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor_ptr.h>
#include <executorch/extension/threadpool/threadpool_guard.h>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

using executorch::extension::Module;

/// A line of /proc/self/status, in bytes.
static unsigned long long statusOf(const char *name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(name, 0) == 0)
      return std::strtoull(line.c_str() + std::string(name).size(), nullptr, 10) * 1024;
  return 0;
}

static double wall() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static double cpu() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

static bool store(const executorch::aten::Tensor &tensor, const char *path) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char *>(tensor.const_data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
  return file.good();
}

int main(int count, char **arguments) {
  if (count < 5)
    return 2;
  executorch::extension::threadpool::NoThreadPoolGuard oneThread;
  std::vector<executorch::aten::SizesType> extents;
  size_t elements = 1;
  for (int i = 4; i < count; ++i) {
    extents.push_back(std::atoi(arguments[i]));
    elements *= static_cast<size_t>(extents.back());
  }
  const unsigned long long before = statusOf("VmHWM:");
  std::vector<float> values(elements);
  std::ifstream(arguments[2], std::ios::binary)
      .read(reinterpret_cast<char *>(values.data()), static_cast<std::streamsize>(elements * sizeof(float)));

  const double begun = wall();
  Module module(arguments[1], Module::LoadMode::Mmap);
  if (module.load_forward() != executorch::runtime::Error::Ok) {
    std::cout << "{\"error\": \"ExecuTorch does not load the program\"}" << std::endl;
    return 1;
  }
  const double ready = wall();
  auto input = executorch::extension::make_tensor_ptr(extents, values.data());
  auto made = module.forward(input);
  const double ran = wall();
  if (!made.ok() || !store(made->at(0).toTensor(), arguments[3])) {
    std::cout << "{\"error\": \"ExecuTorch does not run the program\"}" << std::endl;
    return 1;
  }
  std::printf("{\"load_ms\": %.4f, \"first_ms\": %.4f, \"before\": %llu, \"peak\": %llu, \"anonymous\": %llu}\n",
              1e3 * (ready - begun), 1e3 * (ran - ready), before, statusOf("VmHWM:"), statusOf("RssAnon:"));
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    const double cpuBefore = cpu(), wallBefore = wall();
    for (long i = std::atol(line.c_str()); i > 0; --i)
      if (!module.forward(input).ok())
        return 1;
    std::printf("{\"cpu\": %.9f, \"wall\": %.9f}\n", cpu() - cpuBefore, wall() - wallBefore);
    std::fflush(stdout);
  }
  return 0;
}
