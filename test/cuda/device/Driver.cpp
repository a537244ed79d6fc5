// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A libcuda.so.1 for tests: the functions that runtime/cuda calls, on a device that runs PTX on the processor. It
// takes nothing on trust: contexts must be current, what is freed must be there, accesses must lie in what was
// allocated. Environment variables:
//   SMELT_TEST_CUDA_FAIL=cuMemAlloc_v2:2:1   the call of that number, from 0, ends with this error; errors from 700 on
//                                            are those of a device that is lost, and all later calls end so too
//   SMELT_TEST_CUDA_SM=90                    its compute capability, 8.0 otherwise
//   SMELT_TEST_CUDA_INTEGRATED=1             processor and device may not touch managed memory at one time
//   SMELT_TEST_CUDA_LOG=FILE                 gets a line when the library is unloaded: calls, and what was left behind;
//                                            and one for each kernel that does what it must not
// A program that knows of it has calls fail by their number, and sees what is left, through faults.h.

#include "../../runtime/faults.h"
#include "Ptx.h"
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <unistd.h>

extern "C" smelt_faults smelt_faults_state;
smelt_faults smelt_faults_state = {/*fail_at=*/-1, 0, 0, 0, 0, 0, {}};

namespace {

smelt_faults &faults = smelt_faults_state;

enum Result {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kInvalidContext = 201,
  kInvalidPtx = 218,
  kNotFound = 500,
  kLaunchFailed = 719,
  kFirstLost = 700,
  kCaptureUnsupported = 900
};

struct Module {
  std::map<std::string, ptx::Kernel> kernels;
};

using Work = std::function<Result()>;

struct Graph {
  std::vector<Work> work;
};

struct Stream {
  bool isCapturing = false;
  Graph *captured = nullptr;
};

/// What the process has of the driver.
struct Driver {
  Driver() {
    if (const char *text = std::getenv("SMELT_TEST_CUDA_FAIL")) {
      const std::string all(text);
      const size_t first = all.find(':'), second = all.find(':', first + 1);
      failing = all.substr(0, first);
      failure = std::atoi(all.c_str() + first + 1);
      failingCall = std::atoi(all.c_str() + second + 1);
    }
  }
  ~Driver() {
    const char *path = std::getenv("SMELT_TEST_CUDA_LOG");
    FILE *file = path ? std::fopen(path, "a") : nullptr;
    if (!file)
      return;
    std::fprintf(file, "%d calls, %zu objects left, %d contexts retained, %d misuses, %d kernels, %d graphs\n",
                 calls.load(), live.size(), retained, misuses, launches.load(), graphLaunches.load());
    std::fclose(file);
  }

  /// Every call begins here.
  Result enter(const char *name, bool needsContext) {
    std::lock_guard<std::mutex> lock(mutex);
    ++calls;
    if (needsContext && current.empty()) {
      misuse();
      return kInvalidContext;
    }
    if (const int number = faults.calls++; fails(number)) {
      if (number == faults.fail_at)
        std::snprintf(faults.failed, sizeof faults.failed, "%s", name);
      return static_cast<Result>(faults.result);
    }
    if (lost)
      return static_cast<Result>(lost);
    if (name != failing || failingCall-- != 0)
      return kSuccess;
    if (isOfLostDevice(failure))
      lost = failure;
    return static_cast<Result>(failure);
  }
  static bool isOfLostDevice(int result) { return result >= kFirstLost && result < kCaptureUnsupported; }
  static bool fails(int number) {
    return faults.fail_at >= 0 && (isOfLostDevice(faults.result) ? number >= faults.fail_at : number == faults.fail_at);
  }
  void misuse() {
    ++misuses;
    ++faults.wrong;
  }
  void retain(int change) {
    std::lock_guard<std::mutex> lock(mutex);
    if (change < 0 && retained <= 0)
      misuse();
    retained += change;
    faults.live += change;
  }
  void add(const void *object) {
    std::lock_guard<std::mutex> lock(mutex);
    live.insert(object);
    ++faults.live;
  }
  /// Whether there was such an object.
  bool remove(const void *object) {
    std::lock_guard<std::mutex> lock(mutex);
    const bool wasThere = live.erase(object) == 1;
    if (!wasThere)
      misuse();
    faults.live -= wasThere;
    return wasThere;
  }
  /// The device has as much memory as the machine.
  Result allocate(void **made, size_t bytes, bool isOfDevice) {
    static const size_t all = size_t(sysconf(_SC_PHYS_PAGES)) * size_t(sysconf(_SC_PAGESIZE));
    void *memory = bytes <= all ? std::aligned_alloc(512, (bytes + 511) / 512 * 512) : nullptr;
    if (!memory)
      return kOutOfMemory;
    std::memset(memory, 0xff, bytes); // what nobody wrote is NaN
    add(memory);
    std::lock_guard<std::mutex> lock(mutex);
    if (isOfDevice)
      ranges[reinterpret_cast<uint64_t>(memory)] = bytes;
    *made = memory;
    return kSuccess;
  }
  Result allocateForDevice(uint64_t *address, size_t bytes) {
    void *memory = nullptr;
    const Result result = allocate(&memory, bytes, /*isOfDevice=*/true);
    *address = reinterpret_cast<uint64_t>(memory);
    return result;
  }
  Result release(void *memory) {
    if (!remove(memory))
      return kInvalidValue;
    {
      std::lock_guard<std::mutex> lock(mutex);
      ranges.erase(reinterpret_cast<uint64_t>(memory));
    }
    std::free(memory);
    return kSuccess;
  }
  bool isOfDevice(uint64_t address, uint64_t bytes) {
    thread_local uint64_t first = 1, last = 0;
    if (address >= first && address + bytes <= last)
      return true;
    std::lock_guard<std::mutex> lock(mutex);
    auto next = ranges.upper_bound(address);
    if (next == ranges.begin() || address + bytes > std::prev(next)->first + std::prev(next)->second)
      return false;
    first = std::prev(next)->first;
    last = first + std::prev(next)->second;
    return true;
  }

  std::mutex mutex;
  std::set<const void *> live;
  std::map<uint64_t, uint64_t> ranges;
  std::string failing;
  int failure = 0, failingCall = 0, lost = 0, retained = 0, misuses = 0;
  std::atomic<int> calls{0}, launches{0}, graphLaunches{0};
  static thread_local std::vector<void *> current;
};

thread_local std::vector<void *> Driver::current;

Driver driver;

/// What a person should know, besides an error code.
void tell(const char *what) {
  std::fprintf(stderr, "the tests' device: %s\n", what);
  const char *path = std::getenv("SMELT_TEST_CUDA_LOG");
  if (FILE *file = path ? std::fopen(path, "a") : nullptr) {
    std::fprintf(file, "%s\n", what);
    std::fclose(file);
  }
}

template <typename T> Result make(T **made) {
  *made = new T();
  driver.add(*made);
  return kSuccess;
}

template <typename T> Result destroy(T *object) {
  if (!driver.remove(object))
    return kInvalidValue;
  delete object;
  return kSuccess;
}

/// Now, or when the graph that is recorded runs.
Result enqueue(Stream *stream, Work work) {
  if (stream->isCapturing) {
    stream->captured->work.push_back(std::move(work));
    return kSuccess;
  }
  return work();
}

struct Event {
  double milliseconds = 0;
};

int context; // there is one

} // namespace

#define ENTER(needsContext)                                                                                            \
  if (const Result entered = driver.enter(__func__, needsContext); entered != kSuccess)                                \
  return entered

extern "C" {

int cuInit(unsigned) {
  ENTER(false);
  return kSuccess;
}

int cuGetErrorString(int result, const char **text) {
  static const std::map<int, const char *> texts = {{kOutOfMemory, "out of memory"},
                                                    {kLaunchFailed, "unspecified launch failure"},
                                                    {kInvalidPtx, "a PTX JIT compilation failed"},
                                                    {100, "no CUDA-capable device is detected"},
                                                    {999, "unknown error"}};
  const auto found = texts.find(result);
  *text = found == texts.end() ? "an error" : found->second;
  return kSuccess;
}

int cuDeviceGetCount(int *count) {
  ENTER(false);
  *count = 1;
  return kSuccess;
}

int cuDeviceGet(int *device, int number) {
  ENTER(false);
  *device = number;
  return kSuccess;
}

int cuDeviceGetName(char *name, int bytes, int) { // no failure of which matters
  std::snprintf(name, static_cast<size_t>(bytes), "the tests' device");
  return kSuccess;
}

int cuDeviceGetAttribute(int *value, int attribute, int) {
  ENTER(false);
  const char *sm = std::getenv("SMELT_TEST_CUDA_SM");
  const int capability = sm ? std::atoi(sm) : 80;
  constexpr int kMajor = 75, kMinor = 76, kConcurrent = 89;
  *value = attribute == kMajor        ? capability / 10
           : attribute == kMinor      ? capability % 10
           : attribute == kConcurrent ? !std::getenv("SMELT_TEST_CUDA_INTEGRATED")
                                      : 0;
  return kSuccess;
}

int cuDevicePrimaryCtxRetain(void **made, int) {
  ENTER(false);
  driver.retain(1);
  *made = &context;
  return kSuccess;
}

int cuDevicePrimaryCtxRelease_v2(int) {
  driver.retain(-1);
  return kSuccess;
}

int cuCtxPushCurrent_v2(void *pushed) {
  ENTER(false);
  Driver::current.push_back(pushed);
  return kSuccess;
}

int cuCtxPopCurrent_v2(void **popped) {
  if (Driver::current.empty()) {
    driver.misuse();
    return kInvalidContext;
  }
  *popped = Driver::current.back();
  Driver::current.pop_back();
  return kSuccess;
}

int cuModuleLoadData(Module **module, const void *image) {
  ENTER(true);
  make(module);
  try {
    (*module)->kernels = ptx::parse(static_cast<const char *>(image));
  } catch (const std::exception &error) {
    tell(error.what());
    destroy(*module);
    return kInvalidPtx;
  }
  return kSuccess;
}

int cuModuleUnload(Module *module) { return destroy(module); }

int cuModuleGetFunction(const ptx::Kernel **function, Module *module, const char *name) {
  ENTER(true);
  const auto found = module->kernels.find(name);
  if (found == module->kernels.end())
    return kNotFound;
  *function = &found->second;
  return kSuccess;
}

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  ENTER(true);
  return driver.allocateForDevice(address, bytes);
}

int cuMemAllocManaged(uint64_t *address, size_t bytes, unsigned) {
  ENTER(true);
  return driver.allocateForDevice(address, bytes);
}

int cuMemFree_v2(uint64_t address) { return driver.release(reinterpret_cast<void *>(address)); }

int cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
  ENTER(true);
  constexpr unsigned kDeviceMap = 2;
  return driver.allocate(address, bytes, (flags & kDeviceMap) != 0);
}

int cuMemFreeHost(void *address) { return driver.release(address); }

int cuMemHostGetDevicePointer_v2(uint64_t *address, void *host, unsigned) {
  ENTER(true);
  *address = reinterpret_cast<uint64_t>(host);
  return driver.isOfDevice(*address, 1) ? kSuccess : kInvalidValue;
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, Stream *stream) {
  ENTER(true);
  if (!driver.isOfDevice(to, bytes))
    return kInvalidValue;
  return enqueue(stream, [=] {
    std::memcpy(reinterpret_cast<void *>(to), from, bytes);
    return kSuccess;
  });
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, Stream *stream) {
  ENTER(true);
  if (!driver.isOfDevice(from, bytes))
    return kInvalidValue;
  return enqueue(stream, [=] {
    std::memcpy(to, reinterpret_cast<const void *>(from), bytes);
    return kSuccess;
  });
}

int cuStreamCreate(Stream **stream, unsigned) {
  ENTER(true);
  return make(stream);
}

int cuStreamDestroy_v2(Stream *stream) { return destroy(stream); }

int cuStreamSynchronize(Stream *stream) {
  ENTER(true);
  return stream->isCapturing ? kCaptureUnsupported : kSuccess;
}

int cuStreamBeginCapture_v2(Stream *stream, int) {
  ENTER(true);
  stream->isCapturing = true;
  return make(&stream->captured);
}

int cuStreamEndCapture(Stream *stream, Graph **graph) {
  const bool wasCapturing = stream->isCapturing;
  stream->isCapturing = false;
  if (const Result entered = driver.enter(__func__, true); entered != kSuccess) {
    if (wasCapturing)
      destroy(stream->captured);
    return entered;
  }
  *graph = stream->captured;
  return wasCapturing ? kSuccess : kInvalidValue;
}

int cuGraphInstantiateWithFlags(Graph **made, Graph *graph, unsigned long long) {
  ENTER(true);
  make(made);
  **made = *graph;
  return kSuccess;
}

int cuGraphDestroy(Graph *graph) { return destroy(graph); }

int cuGraphExecDestroy(Graph *graph) { return destroy(graph); }

int cuGraphLaunch(Graph *graph, Stream *) {
  ENTER(true);
  ++driver.graphLaunches;
  for (const Work &work : graph->work)
    if (const Result result = work(); result != kSuccess)
      return result;
  return kSuccess;
}

int cuEventCreate(Event **event, unsigned) {
  ENTER(true);
  return make(event);
}

int cuEventDestroy_v2(Event *event) { return destroy(event); }

int cuEventRecord(Event *, Stream *) {
  ENTER(true);
  return kSuccess;
}

int cuEventElapsedTime(float *milliseconds, Event *, Event *) {
  ENTER(true);
  *milliseconds = 1;
  return kSuccess;
}

int cuLaunchKernel(const ptx::Kernel *kernel, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                   unsigned blockY, unsigned blockZ, unsigned, Stream *stream, void **parameters, void **) {
  ENTER(true);
  if (gridX == 0 || gridY != 1 || gridZ != 1 || blockY != 1 || blockZ != 1 || blockX != kernel->threads)
    return kInvalidValue;
  std::vector<uint64_t> values;
  for (unsigned number = 0; number < kernel->parameters; ++number)
    values.push_back(*static_cast<const uint64_t *>(parameters[number]));
  return enqueue(stream, [=] {
    ++driver.launches;
    try {
      ptx::run(*kernel, gridX, values, [](uint64_t address, uint64_t bytes) {
        if (!driver.isOfDevice(address, bytes))
          throw ptx::Error("an access lies in no memory of the device");
      });
    } catch (const std::exception &error) {
      tell(error.what());
      return kLaunchFailed;
    }
    return kSuccess;
  });
}

} // extern "C"
