// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Lanes.h"
#include <algorithm>
#include <cstring>
#include <memory>

namespace ptx {

namespace {

enum class Stop { Barrier, End };

/// 32 threads, which run the same instruction where they are at the same place.
class Warp {
public:
  Warp(const Kernel &kernel, unsigned first, unsigned threads, const CheckAddress &check)
      : kernel_(kernel), first_(first), check_(check), registers_(kernel.registerBytes + kRegisterBytes),
        local_(size_t(kernel.localBytes) * kWarp) {
    all_ = threads >= kWarp ? ~0u : (1u << threads) - 1;
    for (const Kernel::Constant &constant : kernel.constants)
      for (unsigned lane = 0; lane < kWarp; ++lane)
        lanes(all_).setBits(constant.at, lane, constant.value);
  }

  void begin(unsigned block, uint8_t *shared, const std::vector<uint64_t> &parameters);
  /// Until all live lanes are at a barrier, or at the end.
  Stop run();

private:
  template <typename T> T *at(uint32_t place) { return reinterpret_cast<T *>(registers_.data() + place); }
  Lanes lanes(uint32_t mask) { return {registers_.data(), kernel_.widths.data(), mask}; }
  uint32_t guarded(const Instruction &instruction, uint32_t mask);
  void step(const Instruction &instruction, uint32_t mask);
  void loadParameter(const Instruction &instruction, uint32_t mask);
  void load(const Instruction &instruction, uint32_t mask);
  void store(const Instruction &instruction, uint32_t mask);
  void copyAsync(const Instruction &instruction, uint32_t mask);
  void waitForCopies(unsigned mostPending);
  void shuffle(const Instruction &instruction, uint32_t mask);
  uint32_t arrivedAt(const Instruction &instruction, uint32_t place, uint32_t mask);
  uint8_t *checked(uint64_t address, unsigned bytes);
  void jump(uint32_t mask, uint32_t place) {
    for (unsigned lane = 0; lane < kWarp; ++lane)
      if (mask >> lane & 1)
        places_[lane] = place;
  }

  /// That an instruction asked for, and nobody has waited for.
  struct Copy {
    uint8_t *to;
    const uint8_t *from;
    unsigned bytes, read;
    unsigned group; // how many were committed before
  };

  const Kernel &kernel_;
  unsigned first_;
  const CheckAddress &check_;
  std::vector<uint8_t> registers_;
  std::vector<uint8_t> local_;
  std::vector<Copy> copies_;
  unsigned groups_ = 0; // of copies, committed
  uint8_t *shared_ = nullptr;
  const std::vector<uint64_t> *parameters_ = nullptr;
  uint32_t all_, live_ = 0, waiting_ = 0; // masks
  uint32_t shuffling_ = 0;                // at a shuffle whose other lanes have not arrived
  uint32_t places_[kWarp];                // of each lane's next instruction
};

} // namespace

void Warp::begin(unsigned block, uint8_t *shared, const std::vector<uint64_t> &parameters) {
  live_ = all_;
  waiting_ = 0;
  shuffling_ = 0;
  copies_.clear();
  groups_ = 0;
  shared_ = shared;
  parameters_ = &parameters;
  std::fill(places_, places_ + kWarp, 0);
  for (const Kernel::Given &given : kernel_.given)
    for (unsigned lane = 0; lane < kWarp; ++lane)
      switch (given.what) {
      case Kernel::Special::ThreadX:
        at<uint32_t>(given.at)[lane] = first_ + lane;
        break;
      case Kernel::Special::BlockX:
        at<uint32_t>(given.at)[lane] = block;
        break;
      case Kernel::Special::Lane:
        at<uint32_t>(given.at)[lane] = lane;
        break;
      case Kernel::Special::Local:
        at<uint64_t>(given.at)[lane] = reinterpret_cast<uint64_t>(local_.data() + size_t(lane) * kernel_.localBytes);
        break;
      case Kernel::Special::Shared:
        at<uint64_t>(given.at)[lane] = reinterpret_cast<uint64_t>(shared_ + given.offset);
        break;
      }
}

/// The lanes of a mask for which an instruction's guard holds.
uint32_t Warp::guarded(const Instruction &instruction, uint32_t mask) {
  if (instruction.guard == kNone)
    return mask;
  const auto *holds = at<uint8_t>(instruction.guard);
  uint32_t taken = 0;
  for (unsigned lane = 0; lane < kWarp; ++lane)
    taken |= uint32_t((holds[lane] & 1) != instruction.isNegated) << lane;
  return taken & mask;
}

/// Lanes at the first place of all go on until others are reached, or they part.
Stop Warp::run() {
  waiting_ = 0;
  while (uint32_t ready = live_ & ~waiting_ & ~shuffling_) {
    uint32_t place = UINT32_MAX, others = UINT32_MAX, mask = 0;
    for (unsigned lane = 0; lane < kWarp; ++lane)
      if (ready >> lane & 1)
        place = std::min(place, places_[lane]);
    for (unsigned lane = 0; lane < kWarp; ++lane) {
      if (!(ready >> lane & 1))
        continue;
      if (places_[lane] == place)
        mask |= 1u << lane;
      else
        others = std::min(others, places_[lane]);
    }
    for (bool isTogether = true; isTogether;) {
      const Instruction &instruction = kernel_.code[place];
      const uint32_t taken = guarded(instruction, mask);
      ++place;
      if (instruction.op == Op::Branch) {
        if (taken == mask)
          place = instruction.target;
        else if (taken != 0) {
          jump(mask & ~taken, place);
          jump(taken, instruction.target);
          break;
        }
      } else if (instruction.op == Op::Return) {
        live_ &= ~taken;
        mask &= ~taken;
        if (!mask)
          break;
      } else if (instruction.op == Op::Shuffle) {
        const uint32_t arrived = arrivedAt(instruction, place - 1, taken);
        shuffling_ = arrived ? shuffling_ & ~arrived : shuffling_ | taken;
        jump(mask & ~taken, place);
        if (arrived) {
          shuffle(instruction, arrived);
          jump(arrived, place);
        } else {
          jump(taken, place - 1);
        }
        break;
      } else if (instruction.op == Op::Barrier) {
        waiting_ |= taken;
        jump(mask, place);
        break;
      } else if (taken) {
        step(instruction, taken);
      }
      isTogether = place < others;
      if (!isTogether)
        jump(mask, place);
    }
  }
  if (shuffling_)
    throw Error("some lanes shuffle with others that never come in " + kernel_.name);
  return live_ ? Stop::Barrier : Stop::End;
}

/// All lanes that a shuffle is for, as soon as the last of them is there; until then none. Those that ended do not
/// count.
uint32_t Warp::arrivedAt(const Instruction &instruction, uint32_t place, uint32_t mask) {
  uint32_t here = mask, wanted = 0;
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if (shuffling_ >> lane & 1 && places_[lane] == place)
      here |= 1u << lane;
    if (mask >> lane & 1) {
      const auto members = static_cast<uint32_t>(lanes(mask).bits(instruction.sources[3], lane));
      if (!(members >> lane & 1) || (wanted && wanted != (members & live_)))
        throw Error("lanes do not agree on who shuffles in " + kernel_.name);
      wanted = members & live_;
    }
  }
  return (here & wanted) == wanted ? wanted : 0;
}

/// shfl.sync d, a, b, c, members   As the ISA of PTX has it: c is the bound of a segment and, from bit 8 on, its mask;
/// a lane whose source is beyond the segment's end gets its own value.
void Warp::shuffle(const Instruction &instruction, uint32_t mask) {
  uint32_t values[kWarp], results[kWarp];
  for (unsigned lane = 0; lane < kWarp; ++lane)
    values[lane] = static_cast<uint32_t>(lanes(mask).bits(instruction.sources[0], lane));
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    if (!(mask >> lane & 1))
      continue;
    const auto by = static_cast<unsigned>(lanes(mask).bits(instruction.sources[1], lane)) & 31;
    const auto bound = static_cast<unsigned>(lanes(mask).bits(instruction.sources[2], lane));
    const unsigned segment = bound >> 8 & 31, end = (lane & segment) | (bound & 31 & ~segment);
    unsigned from = lane;
    bool isInside = true;
    switch (instruction.shuffle) {
    case Shuffle::Up:
      isInside = static_cast<int>(lane) - static_cast<int>(by) >= static_cast<int>(end);
      from = lane - by;
      break;
    case Shuffle::Down:
      from = lane + by;
      isInside = from <= end;
      break;
    case Shuffle::Butterfly:
      from = lane ^ by;
      isInside = from <= end;
      break;
    case Shuffle::Index:
      from = (lane & segment) | (by & ~segment);
      isInside = from <= end;
      break;
    }
    if (!isInside)
      from = lane;
    if (!(mask >> from & 1))
      throw Error("lane " + std::to_string(lane) + " reads one that does not shuffle in " + kernel_.name);
    results[lane] = values[from];
  }
  for (unsigned lane = 0; lane < kWarp; ++lane)
    if (mask >> lane & 1)
      lanes(mask).setBits(instruction.to[0], lane, results[lane]);
}

uint8_t *Warp::checked(uint64_t address, unsigned bytes) {
  if (address % bytes)
    throw Error("address is not aligned in " + kernel_.name);
  auto *place = reinterpret_cast<uint8_t *>(address);
  const auto isIn = [&](const uint8_t *begin, size_t size) { return place >= begin && place + bytes <= begin + size; };
  if (!isIn(shared_, kernel_.sharedBytes) && !isIn(local_.data(), local_.size()))
    check_(address, bytes);
  return place;
}

void Warp::load(const Instruction &instruction, uint32_t mask) {
  const unsigned bytes = bytesOf(instruction.type), all = bytes * static_cast<unsigned>(instruction.to.size());
  const auto *addresses = at<uint64_t>(instruction.sources[0]);
  const bool isSigned = instruction.type == Type::S8 || instruction.type == Type::S16 || instruction.type == Type::S32;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(__builtin_ctz(rest));
    const uint8_t *place = checked(addresses[lane] + static_cast<uint64_t>(instruction.offset), all);
    for (size_t part = 0; part < instruction.to.size(); ++part) {
      uint64_t value = 0;
      std::memcpy(&value, place + part * bytes, bytes);
      if (isSigned)
        value = static_cast<uint64_t>(static_cast<int64_t>(value << (64 - 8 * bytes)) >> (64 - 8 * bytes));
      lanes(mask).setBits(instruction.to[part], lane, value);
    }
  }
}

void Warp::store(const Instruction &instruction, uint32_t mask) {
  const size_t parts = instruction.sources.size() - 1;
  const unsigned bytes = bytesOf(instruction.type), all = bytes * static_cast<unsigned>(parts);
  const auto *addresses = at<uint64_t>(instruction.sources[0]);
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(__builtin_ctz(rest));
    uint8_t *place = checked(addresses[lane] + static_cast<uint64_t>(instruction.offset), all);
    for (size_t part = 0; part < parts; ++part) {
      const uint64_t value = lanes(mask).bits(instruction.sources[part + 1], lane);
      std::memcpy(place + part * bytes, &value, bytes);
    }
  }
}

/// cp.async [to], [from], bytes{, bytes that are read; the others are zeros}. Nothing arrives before it is waited for:
/// a device may take as long.
void Warp::copyAsync(const Instruction &instruction, uint32_t mask) {
  const auto *to = at<uint64_t>(instruction.sources[0]), *from = at<uint64_t>(instruction.sources[1]);
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(__builtin_ctz(rest));
    const auto bytes = static_cast<unsigned>(lanes(mask).bits(instruction.sources[2], lane));
    unsigned read = bytes;
    if (instruction.sources.size() > 3)
      read = static_cast<unsigned>(lanes(mask).bits(instruction.sources[3], lane));
    uint8_t *place = checked(to[lane] + static_cast<uint64_t>(instruction.offset), bytes);
    copies_.push_back({place, read ? checked(from[lane] + instruction.target, bytes) : nullptr, bytes, read, groups_});
  }
}

/// For all groups but the last so many.
void Warp::waitForCopies(unsigned mostPending) {
  auto isDone = [&](const Copy &copy) { return copy.group + mostPending < groups_; };
  for (const Copy &copy : copies_) {
    if (!isDone(copy))
      continue;
    std::memset(copy.to, 0, copy.bytes);
    if (copy.read)
      std::memcpy(copy.to, copy.from, copy.read);
  }
  copies_.erase(std::remove_if(copies_.begin(), copies_.end(), isDone), copies_.end());
}

void Warp::loadParameter(const Instruction &instruction, uint32_t mask) {
  const uint64_t value = parameters_->at(static_cast<size_t>(instruction.offset));
  for (unsigned lane = 0; lane < kWarp; ++lane)
    lanes(mask).setBits(instruction.to[0], lane, value);
}

void Warp::step(const Instruction &instruction, uint32_t mask) {
  switch (instruction.op) {
  case Op::LdParam:
    return loadParameter(instruction, mask);
  case Op::Ld:
    return load(instruction, mask);
  case Op::St:
    return store(instruction, mask);
  case Op::AsyncCopy:
    return copyAsync(instruction, mask);
  case Op::AsyncCommit: // of all lanes: those of a warp commit and wait together
    ++groups_;
    return;
  case Op::AsyncWait:
    return waitForCopies(static_cast<unsigned>(instruction.offset));
  case Op::LdMatrix:
    return loadMatrices(instruction, lanes(mask),
                        [&](uint64_t address, unsigned bytes) { return checked(address, bytes); });
  case Op::Mma:
    return multiplyMatrices(instruction, lanes(mask));
  default:
    return compute(instruction, lanes(mask));
  }
}

void run(const Kernel &kernel, unsigned blocks, const std::vector<uint64_t> &parameters, const CheckAddress &check) {
  std::vector<std::unique_ptr<Warp>> warps;
  for (unsigned first = 0; first < kernel.threads; first += kWarp)
    warps.push_back(std::make_unique<Warp>(kernel, first, kernel.threads - first, check));
  std::vector<uint64_t> shared(kernel.sharedBytes / sizeof(uint64_t) + 2);
  auto *sharedBytes = reinterpret_cast<uint8_t *>(shared.data());
  sharedBytes += reinterpret_cast<uint64_t>(sharedBytes) % 16; // to a multiple of it
  for (unsigned block = 0; block < blocks; ++block) {
    std::memset(sharedBytes, 0xff, kernel.sharedBytes); // what nobody wrote is NaN
    for (auto &warp : warps)
      warp->begin(block, sharedBytes, parameters);
    for (bool isOver = false; !isOver;) {
      size_t ended = 0;
      for (auto &warp : warps)
        ended += warp->run() == Stop::End;
      isOver = ended == warps.size();
      if (ended && !isOver)
        throw Error("some warps are at a barrier that others never reach in " + kernel.name);
    }
  }
}

} // namespace ptx
