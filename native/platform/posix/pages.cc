// Address space and pages: what every Unix shares. What only Linux has lies in linux/, the others' in bsd/.
#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "posix.h"

namespace nebula::platform {

namespace posix {

int ProtectionOf(Access access) {
  switch (access) {
    case Access::kNone:
      return PROT_NONE;
    case Access::kRead:
      return PROT_READ;
    case Access::kReadWrite:
      break;
  }
  return PROT_READ | PROT_WRITE;
}

Status MapRange(void* at, uint64_t bytes, int protection, int flags, int fd, uint64_t offset, void** out) {
  void* address = mmap(at, bytes, protection, flags, fd, static_cast<off_t>(offset));
  if (address == MAP_FAILED) return SystemFailure("mmap", errno);
  *out = address;
  return Ok();
}

Status MapAligned(uint64_t bytes, uint64_t align, uint64_t page_bytes, int flags, void** out) {
  const int protection = PROT_READ | PROT_WRITE;
  if (align <= page_bytes) return MapRange(nullptr, bytes, protection, flags, -1, 0, out);
  // Ask for align more than needed and cut both ends off: no API gives aligned addresses everywhere.
  uint64_t padded = 0;
  if (!CheckedAdd(bytes, align, &padded)) return Fail(Code::kInvalid, "mmap");
  void* raw = nullptr;
  const Status mapped = MapRange(nullptr, padded, protection, flags, -1, 0, &raw);
  if (!mapped.ok()) return mapped;
  const auto start = reinterpret_cast<uintptr_t>(raw);
  const uintptr_t aligned = (start + align - 1) & ~(static_cast<uintptr_t>(align) - 1);
  const uint64_t head = aligned - start;
  const uint64_t tail = padded - head - bytes;
  if (head != 0) munmap(raw, head);
  if (tail != 0) munmap(reinterpret_cast<void*>(aligned + bytes), tail);
  *out = reinterpret_cast<void*>(aligned);
  return Ok();
}

}  // namespace posix

Status Reserve(uint64_t bytes, void** out) {
  return posix::MapRange(nullptr, bytes, PROT_NONE, MAP_PRIVATE | posix::kAnonymous | posix::kNoReserve, -1, 0, out);
}

Status CommitInto(void* address, uint64_t bytes) {
  void* got = nullptr;
  return posix::MapRange(address, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | posix::kAnonymous | MAP_FIXED, -1, 0,
                         &got);
}

Status Unmap(void* address, uint64_t bytes) {
  if (munmap(address, bytes) != 0) return SystemFailure("munmap", errno);
  return Ok();
}

Status UnmapObject(void* address, uint64_t bytes) { return Unmap(address, bytes); }

Status Tombstone(void* address, uint64_t bytes, Backing source) {
  void* got = nullptr;
  const Status laid = posix::MapRange(address, bytes, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | posix::kAnonymous | posix::kNoReserve | MAP_FIXED, -1, 0, &got);
  if (laid.ok() || source != Backing::kAnonymous) return laid;
  // No room for a mapping: private anonymous pages can be emptied where they are, with the same effect for readers.
  if (mprotect(address, bytes, PROT_READ | PROT_WRITE) != 0) return laid;
  return posix::EmptyInPlace(address, bytes) ? Ok() : laid;
}

Status Protect(void* address, uint64_t bytes, Access access) {
  if (mprotect(address, bytes, posix::ProtectionOf(access)) != 0) return SystemFailure("mprotect", errno);
  return Ok();
}

Status UnlockPages(void* address, uint64_t bytes) {
  if (munlock(address, bytes) != 0) return SystemFailure("munlock", errno);
  return Ok();
}

Status Residency(void* address, uint64_t bytes, uint8_t* out) {
  if (mincore(address, bytes, reinterpret_cast<posix::MincoreCell*>(out)) != 0) {
    return SystemFailure("mincore", errno);
  }
  return Ok();
}

uint64_t MonotonicMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

void* HostSymbol(const char* name) { return dlsym(RTLD_DEFAULT, name); }

uint64_t ProcessId() { return static_cast<uint64_t>(getpid()); }

bool RepairPages(void* address, uint64_t bytes) {
  const int saved = errno;
  void* got = mmap(address, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | posix::kAnonymous | posix::kNoReserve | MAP_FIXED, -1, 0);
  errno = saved;
  return got != MAP_FAILED;
}

}  // namespace nebula::platform
