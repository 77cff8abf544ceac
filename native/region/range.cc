#include "range.h"

namespace nebula::region {

Table& GetTable() {
  static Table table;  // zeroed memory: no constructor runs
  return table;
}

Status NewRange(uint64_t mappings, Range** out) {
  Table& table = GetTable();
  Status charged = table.budget.Take(mappings);
  if (charged.code == Code::kMapLimit && DrainWaiting()) charged = table.budget.Take(mappings);
  if (!charged.ok()) return charged;
  uint32_t index = 0;
  Range* range = table.ranges.Take(&index);
  if (range == nullptr && DrainWaiting()) range = table.ranges.Take(&index);
  if (range == nullptr) {
    table.budget.Give(mappings);
    return Fail(Code::kMapLimit, "table", uint64_t{Slab<Range>::kChunks} * Slab<Range>::kChunkEntries);
  }
  range->index = index;
  range->stores = 0;
  range->mappings = static_cast<uint32_t>(mappings);
  range->outer = 0;
  range->outer_bytes = 0;
  range->exposed = range->retired = range->detached = range->doubtful = range->settled = range->idle = false;
  range->env = 0;
  range->since_ms = 0;
  range->bytes.store(0, std::memory_order_relaxed);
  range->file.store(platform::kNoFile, std::memory_order_relaxed);
  range->file_offset.store(0, std::memory_order_relaxed);
  range->faults.store(0, std::memory_order_relaxed);
  range->lone_repairs.store(0, std::memory_order_relaxed);
  *out = range;
  return Ok();
}

void DropRange(Range* range) {
  Table& table = GetTable();
  range->bytes.store(0, std::memory_order_release);
  table.budget.Give(range->mappings);
  table.ranges.Give(range->index);
}

void PlaceRange(Range* range, void* outer, uint64_t outer_bytes, void* base, uint64_t bytes, uint64_t page_bytes,
                platform::Backing backing) {
  range->outer = reinterpret_cast<uintptr_t>(outer);
  range->outer_bytes = outer_bytes;
  range->backing = backing;
  range->page_bytes.store(page_bytes, std::memory_order_relaxed);
  range->base.store(reinterpret_cast<uintptr_t>(base), std::memory_order_relaxed);
  range->bytes.store(bytes, std::memory_order_release);
}

namespace {

// Takes no lock: nobody else refers to the range any more.
void UnmapWhole(Range* range) {
  void* outer = reinterpret_cast<void*>(range->outer);
  // Cleared first: a fault handler must not repair what somebody else may map here next.
  range->bytes.store(0, std::memory_order_release);
  if (range->backing == platform::Backing::kObject && range->outer == range->base.load()) {
    platform::UnmapObject(outer, range->outer_bytes);
  } else {
    platform::Unmap(outer, range->outer_bytes);
  }
}

// Guard pages can go at once: no view reaches them.
void TrimToBase(Range* range) {
  const uintptr_t base = range->base.load();
  const uint64_t bytes = range->bytes.load();
  if (range->outer_bytes == bytes) return;
  const uint64_t head = base - range->outer;
  const uint64_t tail = range->outer_bytes - bytes - head;
  if (head != 0) platform::Unmap(reinterpret_cast<void*>(range->outer), head);
  if (tail != 0) platform::Unmap(reinterpret_cast<void*>(base + bytes), tail);
  range->outer = base;
  range->outer_bytes = bytes;
  GetTable().budget.Give(range->mappings - 1);
  range->mappings = 1;
}

}  // namespace

uint64_t ListRanges(double* pairs, uint64_t capacity) {
  Table& table = GetTable();
  platform::MutexGuard guard(table.lock);
  uint64_t count = 0;
  for (uint32_t i = 0; i < table.ranges.used(); ++i) {
    const Range* range = table.ranges.At(i);
    const uint64_t bytes = range->bytes.load(std::memory_order_relaxed);
    if (bytes == 0) continue;
    if (count < capacity) {
      pairs[2 * count] = static_cast<double>(range->base.load(std::memory_order_relaxed));
      pairs[2 * count + 1] = static_cast<double>(bytes);
    }
    count += 1;
  }
  return count;
}

void NoteDetached(Range* range, const Caller& caller) {
  // Jobs of two environments: neither one's idleness ends the wait.
  const bool others = range->detached && range->env != caller.env;
  range->detached = true;
  range->env = others ? 0 : caller.env;
  range->idle = others ? false : caller.idle;
  range->since_ms = platform::MonotonicMs();
}

void FinishRange(Range* range) {
  Table& table = GetTable();
  const uint64_t bytes = range->bytes.load();
  table.retired_ranges -= 1;
  table.retired_bytes -= bytes;
  if (range->doubtful) {
    table.abandoned_ranges += 1;
    table.abandoned_bytes += bytes;
    return;
  }
  if (range->detached) {
    Quarantine(range);
    return;
  }
  UnmapWhole(range);
  DropRange(range);
}

void Retire(Range* range, const Caller& caller, bool detached) {
  Table& table = GetTable();
  void* base = reinterpret_cast<void*>(range->base.load());
  const uint64_t bytes = range->bytes.load();
  bool unseen = false;
  {
    platform::MutexGuard guard(table.lock);
    if (detached) NoteDetached(range, caller);
    unseen = range->stores == 0 && !range->detached && !range->doubtful;
  }
  if (unseen) {
    UnmapWhole(range);  // long for touched gigabytes, so without the lock
    platform::MutexGuard guard(table.lock);
    DropRange(range);
    return;
  }
  // Views exist. The range cannot be finished by a finalizer meanwhile, because it is not marked as retired yet.
  platform::Tombstone(base, bytes, range->backing);
  platform::MutexGuard guard(table.lock);
  range->file.store(platform::kNoFile, std::memory_order_relaxed);
  // Elsewhere the same mapping stays, with zeros in it or as it was.
  if (platform::GetCapabilities().atomic_tombstone) {
    range->backing = platform::Backing::kAnonymous;
    range->page_bytes.store(platform::GetCapabilities().page_bytes, std::memory_order_relaxed);
    TrimToBase(range);
  }
  range->retired = true;
  table.retired_ranges += 1;
  table.retired_bytes += bytes;
  if (range->stores == 0) FinishRange(range);
}

}  // namespace nebula::region
