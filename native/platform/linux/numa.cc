// Placement by direct system calls: no libnuma, whose absence or version would then decide what we can do.
#include "syscalls.h"

namespace nebula::platform {

namespace {

// The kernel wants "highest bit + 1", and treats the number as one more than it is.
constexpr unsigned long kMaskBits = kMaxNodes + 1;

bool IsEmpty(const NodeMask& nodes) {
  for (const uint64_t word : nodes.words) {
    if (word != 0) return false;
  }
  return true;
}

}  // namespace

Status SetPolicy(void* address, uint64_t bytes, Policy policy, const NodeMask& nodes, bool move) {
  const bool empty = IsEmpty(nodes);
  const long result = syscall(SYS_mbind, address, bytes, static_cast<int>(policy), empty ? nullptr : nodes.words,
                              empty ? 0UL : kMaskBits, move ? linux_os::kPolicyMove : 0);
  if (result != 0) return SystemFailure("mbind", errno);
  return Ok();
}

Status QueryPages(void* const* pages, uint64_t count, int* out) {
  if (syscall(SYS_move_pages, 0, count, pages, nullptr, out, 0) < 0) return SystemFailure("move_pages", errno);
  return Ok();
}

Status MovePages(void* const* pages, const int* targets, uint64_t count, int* out) {
  if (syscall(SYS_move_pages, 0, count, pages, targets, out, linux_os::kPolicyMove) < 0) {
    return SystemFailure("move_pages", errno);
  }
  return Ok();
}

Status CurrentProcessor(uint32_t* cpu, uint32_t* node) {
  unsigned found_cpu = 0;
  unsigned found_node = 0;
  if (syscall(SYS_getcpu, &found_cpu, &found_node, nullptr) != 0) return SystemFailure("getcpu", errno);
  *cpu = found_cpu;
  *node = found_node;
  return Ok();
}

Status RunOnProcessors(const uint32_t* cpus, uint64_t count) {
  constexpr uint32_t kMaxProcessors = 8192;
  unsigned long mask[kMaxProcessors / (8 * sizeof(unsigned long))] = {};
  constexpr uint32_t kWordBits = 8 * sizeof(unsigned long);
  for (uint64_t i = 0; i < count; ++i) {
    if (cpus[i] >= kMaxProcessors) return Fail(Code::kInvalid, "sched_setaffinity", cpus[i]);
    mask[cpus[i] / kWordBits] |= 1UL << (cpus[i] % kWordBits);
  }
  if (syscall(SYS_sched_setaffinity, 0, sizeof mask, mask) != 0) return SystemFailure("sched_setaffinity", errno);
  return Ok();
}

}  // namespace nebula::platform
