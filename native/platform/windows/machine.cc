// Facts about the machine and the process, time and unpredictable bytes.
#include "windows.h"

namespace nebula::platform {

namespace {

using RandomFunction = BOOLEAN WINAPI(void*, ULONG);  // RtlGenRandom, under the name that it is exported by

Capabilities ReadCapabilities() {
  SYSTEM_INFO system = {};
  GetSystemInfo(&system);
  ULONG highest_node = 0;
  Capabilities found = {};
  found.page_bytes = system.dwPageSize;
  found.granularity_bytes = system.dwAllocationGranularity;
  found.default_huge_bytes = GetLargePageMinimum();
  found.transparent_huge_bytes = 0;
  found.atomic_tombstone = false;
  found.numa = GetNumaHighestNodeNumber(&highest_node) != 0;  // at map time only
  found.shared_futex = false;
  found.fault_guard = false;
  found.name = "windows";
  return found;
}

}  // namespace

void* HostSymbol(const char* name) { return reinterpret_cast<void*>(GetProcAddress(GetModuleHandleW(nullptr), name)); }

const Capabilities& GetCapabilities() {
  static constinit Capabilities cached = {};
  static constinit Mutex mutex;
  static constinit std::atomic<bool> ready{false};
  if (ready.load(std::memory_order_acquire)) return cached;
  MutexGuard guard(mutex);
  if (!ready.load(std::memory_order_relaxed)) {
    cached = ReadCapabilities();
    ready.store(true, std::memory_order_release);
  }
  return cached;
}

uint64_t MappingLimit() { return 0; }

uint64_t CountMappings() {
  uint64_t count = 0;
  windows_os::Piece piece;
  for (uintptr_t at = 0; windows_os::PieceAt(at, UINTPTR_MAX, &piece) && piece.end > at; at = piece.end) {
    count += piece.state != MEM_FREE;
  }
  return count;
}

uint64_t MonotonicMs() {
  LARGE_INTEGER ticks = {};
  LARGE_INTEGER per_second = {};
  QueryPerformanceCounter(&ticks);
  QueryPerformanceFrequency(&per_second);
  const auto now = static_cast<uint64_t>(ticks.QuadPart);
  const auto rate = static_cast<uint64_t>(per_second.QuadPart);
  return now / rate * 1000 + now % rate * 1000 / rate;
}

Status RandomBytes(void* out, size_t bytes) {
  static constinit windows_os::Late<RandomFunction> late_random{L"advapi32.dll", "SystemFunction036"};
  auto* random = late_random.Get();
  if (random == nullptr) return Fail(Code::kUnsupported, "RtlGenRandom");
  auto* at = static_cast<uint8_t*>(out);
  while (bytes > 0) {
    constexpr size_t kStep = size_t{1} << 20;
    const ULONG now = static_cast<ULONG>(bytes < kStep ? bytes : kStep);
    if (!random(at, now)) return windows_os::LastFailure("RtlGenRandom");
    at += now;
    bytes -= now;
  }
  return Ok();
}

uint64_t ProcessId() { return GetCurrentProcessId(); }

// A file cannot shrink below a view on Windows, and where reading a page fails all the same (a network drive went
// away) the view cannot be replaced where it stands.
Status InstallFaultGuard(FaultHandler) { return Fail(Code::kUnsupported, "AddVectoredExceptionHandler"); }
bool RepairPages(void*, uint64_t) { return false; }
uint64_t FileBytesInSignal(File) { return UINT64_MAX; }

}  // namespace nebula::platform
