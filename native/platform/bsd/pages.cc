// Pages on macOS and the BSDs: no huge page sizes to choose, no moving, and advice in the words that they know.
#include <errno.h>

#include "bsd.h"

namespace nebula::platform {

namespace {

enum class Call : uint8_t { kMadvise, kMinherit };
struct Word {
  Call call;
  int number;
};

// The answer to `advice`; kNoWord when these systems have nothing of that meaning.
Word WordOf(Advice advice) {
  switch (advice) {
    case Advice::kNormal:
      return {Call::kMadvise, MADV_NORMAL};
    case Advice::kRandom:
      return {Call::kMadvise, MADV_RANDOM};
    case Advice::kSequential:
      return {Call::kMadvise, MADV_SEQUENTIAL};
    case Advice::kWillNeed:
      return {Call::kMadvise, MADV_WILLNEED};
    case Advice::kFree:
      return {Call::kMadvise, MADV_FREE};
    case Advice::kDump:
      return {Call::kMadvise, bsd_os::kCore};
    case Advice::kNoDump:
      return {Call::kMadvise, bsd_os::kNoCore};
    case Advice::kFork:
    case Advice::kKeepOnFork:
      return {Call::kMinherit, bsd_os::kInheritCopy};
    case Advice::kNoFork:
      return {Call::kMinherit, bsd_os::kInheritNone};
    case Advice::kWipeOnFork:
      return {Call::kMinherit, bsd_os::kInheritZero};
    default:
      break;
  }
  return {Call::kMadvise, bsd_os::kNoWord};
}

}  // namespace

namespace posix {

bool EmptyInPlace(void*, uint64_t) { return false; }

}  // namespace posix

// MADV_DONTNEED keeps private contents on these systems; a fresh mapping does not.
Status Decommit(void* address, uint64_t bytes, Backing source) {
  if (source != Backing::kObject) return CommitInto(address, bytes);
  if (madvise(address, bytes, MADV_DONTNEED) != 0) return SystemFailure("madvise", errno);
  return Ok();
}

Status MapAnonymous(const AnonymousRequest& request, void** out) {
  if (request.huge_bytes != 0) return Fail(Code::kUnsupported, "mmap", request.huge_bytes);
  return posix::MapAligned(request.bytes, request.align, GetCapabilities().page_bytes, MAP_PRIVATE | posix::kAnonymous,
                           out);
}

Status MoveKeepingZeros(void*, uint64_t, void*) { return Fail(Code::kUnsupported, "mremap"); }
Status Resize(void*, uint64_t, uint64_t, void**) { return Fail(Code::kUnsupported, "mremap"); }

Status Advise(void* address, uint64_t bytes, Advice advice) {
  // MADV_DONTNEED keeps the contents here, where ours drops them.
  if (advice == Advice::kPopulateWrite) return Populate(address, bytes, GetCapabilities().page_bytes);
  const Word word = WordOf(advice);
  if (word.number == bsd_os::kNoWord) return Fail(Code::kUnsupported, "madvise");
  if (word.call == Call::kMinherit) {
    return minherit(address, bytes, word.number) == 0 ? Ok() : SystemFailure("minherit", errno);
  }
  return madvise(address, bytes, word.number) == 0 ? Ok() : SystemFailure("madvise", errno);
}

// A write that changes nothing even when another thread writes the same byte now. A fault is a signal: no call
// returns it as an error here.
Status Populate(void* address, uint64_t bytes, uint64_t page_bytes) {
  auto* at = static_cast<uint8_t*>(address);
  for (uint64_t offset = 0; offset < bytes; offset += page_bytes) {
    uint8_t byte = __atomic_load_n(at + offset, __ATOMIC_RELAXED);
    __atomic_compare_exchange_n(at + offset, &byte, byte, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  }
  return Ok();
}

Status LockPages(void* address, uint64_t bytes, bool on_fault) {
  if (on_fault) return Fail(Code::kUnsupported, "mlock2");
  return mlock(address, bytes) == 0 ? Ok() : SystemFailure("mlock", errno);
}

Status NameRange(void*, uint64_t, const char*) { return Fail(Code::kUnsupported, "prctl"); }

}  // namespace nebula::platform
