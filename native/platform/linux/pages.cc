// What Linux adds to pages: hugetlb, transparent huge pages, population that returns errors, moves that leave zeros.
#include <sys/prctl.h>

#include "syscalls.h"

namespace nebula::platform {

namespace {

// Not in older headers. The order follows enum Advice.
constexpr int kAdviceNumbers[kAdviceCount] = {
    0,    // kNormal
    1,    // kRandom
    2,    // kSequential
    3,    // kWillNeed
    4,    // kDontNeed
    8,    // kFree
    20,   // kCold
    21,   // kPageOut
    14,   // kHuge
    15,   // kNoHuge
    25,   // kCollapse
    17,   // kDump
    16,   // kNoDump
    11,   // kFork
    10,   // kNoFork
    18,   // kWipeOnFork
    19,   // kKeepOnFork
    12,   // kMerge
    13,   // kNoMerge
    22,   // kPopulateRead
    23,   // kPopulateWrite
    9,    // kRemove
    102,  // kGuard
    103,  // kNoGuard
};

}  // namespace

namespace posix {

bool EmptyInPlace(void* address, uint64_t bytes) { return madvise(address, bytes, MADV_DONTNEED) == 0; }

}  // namespace posix

Status Decommit(void* address, uint64_t bytes, Backing) {
  if (madvise(address, bytes, MADV_DONTNEED) != 0) return SystemFailure("madvise", errno);
  return Ok();
}

Status MapAnonymous(const AnonymousRequest& request, void** out) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  uint64_t own = GetCapabilities().page_bytes;
  if (request.huge_bytes != 0) {
    flags |= linux_os::kMapHugetlb | linux_os::HugeFlag(request.huge_bytes);
    own = request.huge_bytes;
    // The kernel aligns hugetlb by itself, and cutting ends off such a mapping would break its reservation.
    return posix::MapRange(nullptr, request.bytes, PROT_READ | PROT_WRITE, flags, -1, 0, out);
  }
  return posix::MapAligned(request.bytes, request.align, own, flags, out);
}

Status MoveKeepingZeros(void* from, uint64_t bytes, void* to) {
  const long moved = syscall(SYS_mremap, from, bytes, bytes,
                             linux_os::kRemapMayMove | linux_os::kRemapFixed | linux_os::kRemapDontUnmap, to);
  if (moved != -1) return Ok();
  // EFAULT: several mappings (an attribute on a part splits them), which few kernels move at once.
  if (errno == EINVAL || errno == EFAULT) return Fail(Code::kUnsupported, "mremap");
  return SystemFailure("mremap", errno);
}

Status Resize(void* address, uint64_t old_bytes, uint64_t new_bytes, void** out) {
  const long moved = syscall(SYS_mremap, address, old_bytes, new_bytes, linux_os::kRemapMayMove);
  if (moved == -1 && errno == EFAULT) return Fail(Code::kUnsupported, "mremap");  // several mappings
  // For whole pages EINVAL means a length beyond the address space, for which mmap says ENOMEM.
  if (moved == -1) return SystemFailure("mremap", errno == EINVAL ? ENOMEM : errno);
  *out = reinterpret_cast<void*>(moved);
  return Ok();
}

Status Advise(void* address, uint64_t bytes, Advice advice) {
  int tries = advice == Advice::kCollapse ? 8 : 1;  // EAGAIN asks for another try, says the manual
  for (;;) {
    if (madvise(address, bytes, kAdviceNumbers[static_cast<int>(advice)]) == 0) return Ok();
    if (errno != EAGAIN || --tries == 0) return SystemFailure("madvise", errno);
  }
}

Status Populate(void* address, uint64_t bytes, uint64_t page_bytes) {
  const Status asked = Advise(address, bytes, Advice::kPopulateWrite);
  if (asked.ok() || asked.error != EINVAL) return asked;
  // The number also means "not writable": then there is nothing to touch.
  if (TryFeature(Feature::kPopulateWrite).ok()) return asked;
  // Before Linux 5.14: touch each page, so that a write of another thread is not lost. A fault then ends in the fault
  // guard, not in an error code.
  auto* at = static_cast<uint8_t*>(address);
  for (uint64_t offset = 0; offset < bytes; offset += page_bytes) {
    uint8_t seen = __atomic_load_n(at + offset, __ATOMIC_RELAXED);
    __atomic_compare_exchange_n(at + offset, &seen, seen, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  }
  return Ok();
}

Status LockPages(void* address, uint64_t bytes, bool on_fault) {
  if (syscall(SYS_mlock2, address, bytes, on_fault ? 1 : 0) != 0) {
    return SystemFailure(on_fault ? "mlock2" : "mlock", errno);
  }
  return Ok();
}

Status NameRange(void* address, uint64_t bytes, const char* name) {
  constexpr int kSetVma = 0x53564d41;
  if (prctl(kSetVma, 0, address, bytes, name) != 0) return Fail(Code::kUnsupported, "prctl");
  return Ok();
}

}  // namespace nebula::platform
