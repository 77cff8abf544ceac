// Decides what a bus error below a view becomes: zeros where the object ended, and a count that the region's next
// call turns into an error. Runs in a signal handler: no lock, no allocation.
#include "table.h"

namespace nebula::region {

namespace {

std::atomic<uint32_t> g_epoch{0};

// Storage can be missing in the middle of an object (a full tmpfs). Each such page repaired alone is a mapping more,
// so past this many the rest of the range goes at once.
constexpr uint32_t kMaxLoneRepairs = 64;

bool RepairIn(Range* range, uintptr_t address) {
  const uint64_t bytes = range->bytes.load(std::memory_order_acquire);
  const uintptr_t base = range->base.load(std::memory_order_acquire);
  if (bytes == 0 || address < base || address - base >= bytes) return false;
  const uint64_t page = range->page_bytes.load(std::memory_order_relaxed);
  const uint64_t start = AlignDown(address - base, page);
  const auto file = static_cast<File>(range->file.load(std::memory_order_relaxed));
  bool past_end = false;
  if (file != platform::kNoFile) {
    const uint64_t file_bytes = platform::FileBytesInSignal(file);
    const uint64_t here = range->file_offset.load(std::memory_order_relaxed) + start;
    past_end = file_bytes != UINT64_MAX && here >= file_bytes;
  }
  // A region that was collected has closed its file, and its views are still over it: the count bounds those too.
  const bool too_many = range->lone_repairs.load(std::memory_order_relaxed) >= kMaxLoneRepairs;
  uint64_t length = page;
  if (past_end || too_many) {
    length = bytes - start;
  } else {
    range->lone_repairs.fetch_add(1, std::memory_order_relaxed);
  }
  if (!platform::RepairPages(reinterpret_cast<void*>(base + start), length)) return false;
  range->faults.fetch_add(1, std::memory_order_relaxed);
  g_epoch.fetch_add(1, std::memory_order_release);
  return true;
}

bool OnFault(void* address) {
  const Slab<Range>& ranges = GetTable().ranges;
  const uint32_t used = ranges.used();
  for (uint32_t i = 0; i < used; ++i) {
    if (RepairIn(ranges.At(i), reinterpret_cast<uintptr_t>(address))) return true;
  }
  return false;
}

}  // namespace

// Asked at every new region: somebody may have replaced the handler since.
void GuardFaults() { platform::InstallFaultGuard(&OnFault); }

uint32_t* FaultEpoch() { return reinterpret_cast<uint32_t*>(&g_epoch); }

}  // namespace nebula::region
