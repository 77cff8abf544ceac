// The smallest platform: memory of the C library and nothing else, for systems that nobody has ported to yet. What
// needs an operating system is kUnsupported; freed regions read as zeros because they are overwritten, and their
// memory goes back when they are unmapped.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../platform.h"

namespace nebula::platform {

namespace {

constexpr uint64_t kPageBytes = 4096;  // of our own making: there is no page here

Status Missing() { return Fail(Code::kUnsupported, "fallback"); }

// Where the C library's block begins, kept in the bytes before the aligned address.
void** BlockOf(void* address) { return static_cast<void**>(address) - 1; }

// post: zeros; null when there is no memory.
void* AllocateZeros(uint64_t bytes, uint64_t align) {
  uint64_t padded = 0;
  if (!CheckedAdd(bytes, align + sizeof(void*), &padded) || padded > SIZE_MAX) return nullptr;
  void* block = calloc(1, static_cast<size_t>(padded));
  if (block == nullptr) return nullptr;
  const uintptr_t mask = static_cast<uintptr_t>(align) - 1;
  const uintptr_t first = reinterpret_cast<uintptr_t>(block) + sizeof(void*);
  void* aligned = reinterpret_cast<void*>((first + mask) & ~mask);
  *BlockOf(aligned) = block;
  return aligned;
}

}  // namespace

int PortableErrno(int error) { return error; }

const Capabilities& GetCapabilities() {
  static constexpr Capabilities kFacts = {kPageBytes, kPageBytes, 0, 0, false, false, false, false, "fallback"};
  return kFacts;
}

uint64_t MappingLimit() { return 0; }
uint64_t CountMappings() { return 0; }

// The calendar clock is the only one that C has; it may be set back, which is answered by standing still.
uint64_t MonotonicMs() {
  static std::atomic<uint64_t> latest{0};
  timespec now{};
  timespec_get(&now, TIME_UTC);
  const uint64_t ms = static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
  uint64_t seen = latest.load(std::memory_order_relaxed);
  while (seen < ms && !latest.compare_exchange_weak(seen, ms, std::memory_order_relaxed)) {
  }
  return seen < ms ? ms : seen;
}

Status RandomBytes(void*, size_t) { return Missing(); }
void* HostSymbol(const char*) { return nullptr; }

uint64_t ProcessId() { return 0; }

// Spinning: C has no way to sleep on a word. Critical sections above are short.
void Mutex::Lock() {
  uint32_t expected = 0;
  while (!state_.compare_exchange_weak(expected, 1, std::memory_order_acquire)) expected = 0;
}
void Mutex::Unlock() { state_.store(0, std::memory_order_release); }

// ---- pages -----------------------------------------------------------------------------------------------------

Status MapAnonymous(const AnonymousRequest& request, void** out) {
  if (request.huge_bytes != 0) return Missing();
  void* got = AllocateZeros(request.bytes, request.align > kPageBytes ? request.align : kPageBytes);
  if (got == nullptr) return Fail(Code::kNoMemory, "calloc", request.bytes);
  *out = got;
  return Ok();
}

Status Reserve(uint64_t, void**) { return Missing(); }
Status CommitInto(void*, uint64_t) { return Missing(); }

// pre: the whole of what MapAnonymous() gave.
Status Unmap(void* address, uint64_t) {
  free(*BlockOf(address));
  return Ok();
}

Status Tombstone(void* address, uint64_t bytes, Backing source) {
  if (source != Backing::kAnonymous) return Missing();
  memset(address, 0, static_cast<size_t>(bytes));
  return Ok();
}

Status MoveKeepingZeros(void*, uint64_t, void*) { return Missing(); }

Status Resize(void* address, uint64_t old_bytes, uint64_t new_bytes, void** out) {
  void* moved = AllocateZeros(new_bytes, kPageBytes);
  if (moved == nullptr) return Fail(Code::kNoMemory, "calloc", new_bytes);
  memcpy(moved, address, static_cast<size_t>(old_bytes < new_bytes ? old_bytes : new_bytes));
  Unmap(address, old_bytes);
  *out = moved;
  return Ok();
}

Status Protect(void*, uint64_t, Access access) { return access == Access::kReadWrite ? Ok() : Missing(); }
Status Advise(void*, uint64_t, Advice advice) { return advice == Advice::kNormal ? Ok() : Missing(); }
Status Populate(void*, uint64_t, uint64_t) { return Missing(); }
Status LockPages(void*, uint64_t, bool) { return Missing(); }
Status UnlockPages(void*, uint64_t) { return Missing(); }
Status Decommit(void*, uint64_t, Backing) { return Missing(); }
Status Residency(void*, uint64_t, uint8_t*) { return Missing(); }
Status NameRange(void*, uint64_t, const char*) { return Missing(); }

// ---- everything that needs an operating system -----------------------------------------------------------------

Status OpenFile(const OpenRequest&, File*, bool*) { return Missing(); }
Status RemoveFile(const char*) { return Missing(); }
void CloseFile(File) {}
Status StatFile(File, FileInfo*) { return Missing(); }
Status ResizeFile(File, uint64_t) { return Missing(); }
Status AllocateFile(File, uint64_t) { return Missing(); }
Status CreateMemoryObject(const char*, uint64_t, uint64_t, File*) { return Missing(); }
Status CreateSecretObject(uint64_t, File*) { return Missing(); }
Status OpenNamedObject(const char*, bool, uint64_t, File*) { return Missing(); }
Status UnlinkNamedObject(const char*) { return Missing(); }
Status OpenRemoteObject(uint64_t, uint64_t, File*) { return Missing(); }
Status MapObject(const ObjectRequest&, void**) { return Missing(); }
Status UnmapObject(void*, uint64_t) { return Missing(); }
Status FlushObject(File, void*, uint64_t, bool) { return Missing(); }

Status SetPolicy(void*, uint64_t, Policy, const NodeMask&, bool) { return Missing(); }
Status QueryPages(void* const*, uint64_t, int*) { return Missing(); }
Status MovePages(void* const*, const int*, uint64_t, int*) { return Missing(); }
Status CurrentProcessor(uint32_t*, uint32_t*) { return Missing(); }
Status RunOnProcessors(const uint32_t*, uint64_t) { return Missing(); }

Status WaitOnAddress(void*, uint32_t, uint64_t, WaitOutcome*) { return Missing(); }
Status WakeAddress(void*, uint32_t, uint32_t*) { return Missing(); }

Status InstallFaultGuard(FaultHandler) { return Missing(); }
bool RepairPages(void*, uint64_t) { return false; }
uint64_t FileBytesInSignal(File) { return UINT64_MAX; }

Status TryFeature(Feature) { return Missing(); }

}  // namespace nebula::platform
