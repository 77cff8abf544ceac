// Presence of pages: prefetching, populating, trimming, locking, and who is resident. Advice is translated only where
// Windows has the same meaning. OfferVirtualMemory() is not used for kCold: it lets Windows throw the contents away,
// where cold pages only leave the working set.
#include "windows.h"

namespace nebula::platform {

namespace {

using windows_os::LastFailure;
using windows_os::Piece;
using windows_os::PieceAt;

struct MemoryRange {
  void* address;
  SIZE_T bytes;
};
using PrefetchFunction = BOOL WINAPI(HANDLE, ULONG_PTR, MemoryRange*, ULONG);
using ExcludeFunction = HRESULT WINAPI(const void*, DWORD);
using IncludeFunction = HRESULT WINAPI(const void*);
constinit windows_os::Late<PrefetchFunction> late_prefetch{L"kernel32.dll", "PrefetchVirtualMemory"};
constinit windows_os::Late<ExcludeFunction> late_exclude{L"kernel32.dll", "WerRegisterExcludedMemoryBlock"};
constinit windows_os::Late<IncludeFunction> late_include{L"kernel32.dll", "WerUnregisterExcludedMemoryBlock"};

// Ranges left out of error reports. Windows keeps them in a short list of its own, so a freed one must be taken out.
std::atomic<uint32_t> g_excluded{0};

// Asking page by page takes milliseconds a gigabyte, and most processes never lock anything.
std::atomic<bool> g_ever_locked{false};

Status Prefetch(void* address, uint64_t bytes) {
  auto* prefetch = late_prefetch.Get();
  if (prefetch == nullptr) return Fail(Code::kUnsupported, "PrefetchVirtualMemory");
  MemoryRange range = {address, bytes};
  if (!prefetch(GetCurrentProcess(), 1, &range, 0)) return LastFailure("PrefetchVirtualMemory");
  return Ok();
}

// "May be thrown away from now on, unless written to": the pages stay until memory is short.
Status Reset(void* address, uint64_t bytes) {
  if (VirtualAlloc(address, bytes, MEM_RESET, PAGE_READWRITE) == nullptr) return LastFailure("VirtualAlloc");
  return Ok();
}

// Out of the working set, contents kept. The answer is ignored: for pages that are not locked it is "failed".
Status Trim(void* address, uint64_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  if (windows_os::AnyLocked(begin, begin + bytes)) return SystemFailure("VirtualUnlock", ERROR_LOCKED);
  Piece piece;
  if (!PieceAt(begin, begin + bytes, &piece)) return LastFailure("VirtualQuery");
  if (piece.state != MEM_COMMIT) return SystemFailure("VirtualUnlock", ERROR_INVALID_ADDRESS);
  VirtualUnlock(address, bytes);
  return Ok();
}

// Reads through the kernel, which answers with an error where reading directly would raise an in-page error.
Status ReadPages(void* address, uint64_t bytes, uint64_t page_bytes) {
  for (uint64_t offset = 0; offset < bytes; offset += page_bytes) {
    uint8_t byte = 0;
    SIZE_T got = 0;
    if (!ReadProcessMemory(GetCurrentProcess(), static_cast<uint8_t*>(address) + offset, &byte, 1, &got)) {
      return LastFailure("ReadProcessMemory");
    }
  }
  return Ok();
}

Status ExcludeFromReports(void* address, uint64_t bytes) {
  auto* exclude = late_exclude.Get();
  if (exclude == nullptr || bytes > MAXDWORD) return Fail(Code::kUnsupported, "WerRegisterExcludedMemoryBlock");
  const HRESULT result = exclude(address, static_cast<DWORD>(bytes));
  if (result == E_NOTIMPL) return Fail(Code::kUnsupported, "WerRegisterExcludedMemoryBlock");
  if (FAILED(result)) return SystemFailure("WerRegisterExcludedMemoryBlock", static_cast<int>(result & 0xffff));
  g_excluded.fetch_add(1, std::memory_order_relaxed);
  return Ok();
}

constexpr size_t kBatch = 256;
using PageInformation = PSAPI_WORKING_SET_EX_INFORMATION;

bool QueryBatch(uintptr_t at, size_t count, uint64_t page_bytes, PageInformation* pages) {
  for (size_t i = 0; i < count; ++i) {
    pages[i] = PageInformation{};
    pages[i].VirtualAddress = reinterpret_cast<void*>(at + i * page_bytes);
  }
  const auto size = static_cast<DWORD>(count * sizeof(PageInformation));
  return K32QueryWorkingSetEx(GetCurrentProcess(), pages, size) != 0;
}

}  // namespace

namespace windows_os {

bool AnyLocked(uintptr_t begin, uintptr_t end) {
  if (!g_ever_locked.load(std::memory_order_acquire)) return false;
  const uint64_t page_bytes = GetCapabilities().page_bytes;
  PageInformation pages[kBatch];
  for (uintptr_t at = begin; at < end;) {
    const uint64_t left = (end - at + page_bytes - 1) / page_bytes;
    const size_t count = left < kBatch ? static_cast<size_t>(left) : kBatch;
    if (!QueryBatch(at, count, page_bytes, pages)) return false;
    for (size_t i = 0; i < count; ++i) {
      if (pages[i].VirtualAttributes.Valid != 0 && pages[i].VirtualAttributes.Locked != 0) return true;
    }
    at += count * page_bytes;
  }
  return false;
}

void ForgetNoDump(void* address) {
  if (g_excluded.load(std::memory_order_relaxed) == 0) return;
  auto* include = late_include.Get();
  if (include != nullptr && SUCCEEDED(include(address))) g_excluded.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace windows_os

Status Advise(void* address, uint64_t bytes, Advice advice) {
  switch (advice) {
    case Advice::kNormal:
      return Ok();  // nothing here ever leaves the normal state
    case Advice::kWillNeed:
      return Prefetch(address, bytes);
    case Advice::kDontNeed:
      return Decommit(address, bytes, Backing::kAnonymous);
    case Advice::kFree:
      return Reset(address, bytes);
    case Advice::kCold:
    case Advice::kPageOut:
      return Trim(address, bytes);
    case Advice::kNoDump:
      return ExcludeFromReports(address, bytes);
    case Advice::kDump:
      windows_os::ForgetNoDump(address);
      return Ok();
    case Advice::kPopulateRead:
      return ReadPages(address, bytes, GetCapabilities().page_bytes);
    case Advice::kPopulateWrite:
      return Populate(address, bytes, GetCapabilities().page_bytes);
    default:
      break;
  }
  return Fail(Code::kUnsupported, "madvise");
}

Status Populate(void* address, uint64_t bytes, uint64_t page_bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  for (uintptr_t at = begin; at < begin + bytes;) {
    Piece piece;
    if (!PieceAt(at, begin + bytes, &piece)) return LastFailure("VirtualQuery");
    if (!windows_os::IsWritable(piece)) return SystemFailure("VirtualQuery", ERROR_NOACCESS);
    at = piece.end;
  }
  for (uint64_t offset = 0; offset < bytes; offset += page_bytes) {
    auto* at = static_cast<uint8_t*>(address) + offset;
    const Status read = ReadPages(at, 1, 1);
    if (!read.ok()) return read;
    // A write that changes nothing even when another thread writes the byte now. An "or" with 0 may be optimized
    // into a read.
    const std::atomic_ref<uint8_t> shared(*at);
    uint8_t byte = shared.load(std::memory_order_relaxed);
    shared.compare_exchange_strong(byte, byte, std::memory_order_relaxed);
  }
  return Ok();
}

// The number of lockable pages is the minimum of the working set less some overhead, 50 pages when a process starts.
// It is raised as needed and never lowered: other code of the process may have counted on it meanwhile.
Status LockPages(void* address, uint64_t bytes, bool on_fault) {
  if (on_fault) return Fail(Code::kUnsupported, "VirtualLock");
  g_ever_locked.store(true, std::memory_order_release);
  for (int tries = 0; tries < 4; ++tries) {
    if (VirtualLock(address, bytes)) return Ok();
    const Status refused = LastFailure("VirtualLock");
    const bool quota = refused.error == ERROR_WORKING_SET_QUOTA || refused.error == ERROR_NO_SYSTEM_RESOURCES;
    SIZE_T least = 0;
    SIZE_T most = 0;
    if (!quota || tries == 3 || !GetProcessWorkingSetSize(GetCurrentProcess(), &least, &most)) return refused;
    constexpr SIZE_T kSlack = SIZE_T{1} << 20;
    least += bytes + kSlack;
    if (most < least + kSlack) most = least + kSlack;
    if (!SetProcessWorkingSetSize(GetCurrentProcess(), least, most)) return LastFailure("SetProcessWorkingSetSize");
  }
  return Fail(Code::kUnsupported, "VirtualLock");
}

Status UnlockPages(void* address, uint64_t bytes) {
  if (VirtualUnlock(address, bytes)) return Ok();
  const Status failed = LastFailure("VirtualUnlock");
  return failed.error == ERROR_NOT_LOCKED ? Ok() : failed;  // as on other systems
}

Status Residency(void* address, uint64_t bytes, uint8_t* out) {
  const uint64_t page_bytes = GetCapabilities().page_bytes;
  PageInformation pages[kBatch];
  auto at = reinterpret_cast<uintptr_t>(address);
  for (uint64_t left = (bytes + page_bytes - 1) / page_bytes; left > 0;) {
    const size_t count = left < kBatch ? static_cast<size_t>(left) : kBatch;
    if (!QueryBatch(at, count, page_bytes, pages)) return LastFailure("QueryWorkingSetEx");
    for (size_t i = 0; i < count; ++i) *out++ = static_cast<uint8_t>(pages[i].VirtualAttributes.Valid);
    at += count * page_bytes;
    left -= count;
  }
  return Ok();
}

Status NameRange(void*, uint64_t, const char*) { return Fail(Code::kUnsupported, "prctl"); }

}  // namespace nebula::platform
