// Calls on the pages of a region: advice, population, locks, zeros, residency and copies.
#include <cstring>

#include "table.h"

namespace nebula::region {

// An attribute on part of a mapping can split it into three; the budget hears of it before it happens. Charged again
// for every such call, which is too much rather than too little: the OS is asked for the true count when it matters.
Status ChargeSplit(const Use& use, uint64_t bytes) {
  if (bytes >= use->mapped_bytes) return Ok();
  platform::MutexGuard guard(GetTable().lock);
  const Status charged = GetTable().budget.Take(2);
  if (charged.ok()) use->range->mappings += 2;
  return charged;
}

namespace {

// Runs `work(address, bytes)` on the whole pages around the range while nobody can take the region away.
template <typename Work>
Status OnPages(Id id, uint64_t offset, uint64_t length, Work work) {
  const Use use(id);
  if (!use.status().ok()) return use.status();
  void* address = nullptr;
  uint64_t bytes = 0;
  const Status inside = use.Pages(offset, length, &address, &bytes);
  if (!inside.ok()) return inside;
  if (bytes == 0) return Ok();
  return work(use, address, bytes);
}

void SetLocked(const Use& use, const void* address, uint64_t bytes) {
  platform::MutexGuard guard(GetTable().lock);
  Region* region = use.region();
  const auto start = static_cast<uint64_t>(static_cast<const uint8_t*>(address) - use.base());
  const uint64_t end = start + bytes;
  region->lock_start = region->locked && region->lock_start < start ? region->lock_start : start;
  region->lock_end = region->locked && region->lock_end > end ? region->lock_end : end;
  region->locked = true;
}

// Advice that must follow the region to other addresses.
void NoteAdvice(const Use& use, const void* address, uint64_t bytes, platform::Advice advice) {
  if (address != use.base() || bytes < use->bytes) return;
  platform::MutexGuard guard(GetTable().lock);
  Region* region = use.region();
  if (advice == platform::Advice::kNoDump || advice == platform::Advice::kDump) {
    region->no_dump = advice == platform::Advice::kNoDump;
  } else if (advice == platform::Advice::kNoFork || advice == platform::Advice::kFork) {
    region->no_fork = advice == platform::Advice::kNoFork;
  } else if (advice == platform::Advice::kWipeOnFork || advice == platform::Advice::kKeepOnFork) {
    region->wipe_on_fork = advice == platform::Advice::kWipeOnFork;
  }
}

// Other calls in progress may set it meanwhile.
bool IsLocked(const Use& use) {
  platform::MutexGuard guard(GetTable().lock);
  return use.region()->locked;
}

Status NeedAccess(const Use& use, Access access) {
  const bool enough = use->access == Access::kReadWrite || (access == Access::kRead && use->access == Access::kRead);
  return enough ? Ok() : Fail(Code::kState, "access");
}

Status NeedBytes(const Use& use, uint64_t offset, uint64_t length, Access access) {
  if (!use.status().ok()) return use.status();
  if (!RangeInside(offset, length, use->bytes)) return Fail(Code::kRange, "range", use->bytes);
  return NeedAccess(use, access);
}

}  // namespace

Status Advise(Id id, uint64_t offset, uint64_t length, platform::Advice advice) {
  return OnPages(id, offset, length, [advice](const Use& use, void* address, uint64_t bytes) {
    const Status charged = ChargeSplit(use, bytes);
    if (!charged.ok()) return charged;
    const Status advised = platform::Advise(address, bytes, advice);
    if (advised.ok()) NoteAdvice(use, address, bytes, advice);
    return advised;
  });
}

Status Populate(Id id, uint64_t offset, uint64_t length) {
  return OnPages(id, offset, length, [](const Use& use, void* address, uint64_t bytes) {
    const Status allowed = NeedAccess(use, Access::kReadWrite);
    if (!allowed.ok()) return allowed;
    const uint32_t before = use->range->faults.load(std::memory_order_relaxed);
    const Status done = platform::Populate(address, bytes, use->page_bytes);
    if (!done.ok()) return done;
    const uint32_t faults = use->range->faults.load(std::memory_order_relaxed) - before;
    return faults == 0 ? Ok() : Fail(Code::kNoMemory, "populate", faults);
  });
}

Status Lock(Id id, uint64_t offset, uint64_t length, bool on_fault) {
  return OnPages(id, offset, length, [on_fault](const Use& use, void* address, uint64_t bytes) {
    const Status charged = ChargeSplit(use, bytes);
    if (!charged.ok()) return charged;
    const Status locked = platform::LockPages(address, bytes, on_fault);
    if (locked.ok()) {
      SetLocked(use, address, bytes);
    } else if (!IsLocked(use)) {
      platform::UnlockPages(address, bytes);  // a refused lock can leave a part of it locked
    }
    return locked;
  });
}

Status Unlock(Id id, uint64_t offset, uint64_t length) {
  return OnPages(id, offset, length, [](const Use& use, void* address, uint64_t bytes) {
    const Status charged = ChargeSplit(use, bytes);
    if (!charged.ok()) return charged;
    const Status unlocked = platform::UnlockPages(address, bytes);
    if (unlocked.ok() && bytes >= use->mapped_bytes) {
      platform::MutexGuard guard(GetTable().lock);
      use.region()->locked = false;
    }
    return unlocked;
  });
}

Status Decommit(Id id, uint64_t offset, uint64_t length, uint64_t* given) {
  *given = 0;
  const Use use(id);
  if (!use.status().ok()) return use.status();
  if (!RangeInside(offset, length, use->bytes)) return Fail(Code::kRange, "range", use->bytes);
  if (IsLocked(use)) return Fail(Code::kState, "locked");
  if (use->huge_bytes != 0) return Fail(Code::kUnsupported, "hugetlb");
  uint64_t start = 0;
  if (!AlignUp(offset, use->page_bytes, &start)) return Fail(Code::kInvalid, "range");
  // The last page of the region is whole although the user's bytes end inside it.
  const bool to_the_end = offset + length == use->bytes && use->kind != Kind::kSecret;  // there lies the canary
  const uint64_t end = to_the_end ? use->mapped_bytes : AlignDown(offset + length, use->page_bytes);
  if (start >= end) return Ok();
  void* address = use.base() + start;
  const bool shared_memory = use->kind == Kind::kShared;
  const Status done = shared_memory ? platform::Advise(address, end - start, platform::Advice::kRemove)
                                    : platform::Decommit(address, end - start, BackingOf(use.region()));
  if (done.ok()) *given = end - start;
  return done;
}

Status Zero(Id id, uint64_t offset, uint64_t length) {
  const Use use(id);
  const Status allowed = NeedBytes(use, offset, length, Access::kReadWrite);
  if (!allowed.ok()) return allowed;
  std::memset(use.base() + offset, 0, length);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return Ok();
}

Status Flush(Id id, uint64_t offset, uint64_t length, bool wait) {
  return OnPages(id, offset, length, [wait](const Use& use, void* address, uint64_t bytes) {
    const bool private_pages = use->copy_on_write || use->kind == Kind::kSecret;
    if (use->file == platform::kNoFile || private_pages) return Fail(Code::kState, "kind");
    return platform::FlushObject(use->file, address, bytes, wait);
  });
}

Status Residency(Id id, uint64_t offset, uint64_t length, uint8_t* out, uint64_t capacity, uint64_t* pages) {
  const uint64_t page_bytes = platform::GetCapabilities().page_bytes;
  *pages = 0;
  return OnPages(id, offset, length, [=](const Use&, void* address, uint64_t bytes) {
    if (bytes / page_bytes > capacity) return Fail(Code::kInvalid, "capacity", bytes / page_bytes);
    const Status read = platform::Residency(address, bytes, out);
    if (read.ok()) *pages = bytes / page_bytes;
    return read;
  });
}

Status ReadBytes(Id id, uint64_t offset, void* out, uint64_t length) {
  const Use use(id);
  const Status allowed = NeedBytes(use, offset, length, Access::kRead);
  if (!allowed.ok()) return allowed;
  std::memmove(out, use.base() + offset, length);
  return Ok();
}

Status WriteBytes(Id id, uint64_t offset, const void* from, uint64_t length) {
  const Use use(id);
  const Status allowed = NeedBytes(use, offset, length, Access::kReadWrite);
  if (!allowed.ok()) return allowed;
  std::memmove(use.base() + offset, from, length);
  return Ok();
}

Status NameRegion(Id id, const char* name) {
  const Use use(id);
  if (!use.status().ok()) return use.status();
  return platform::NameRange(use.base(), use->mapped_bytes, name);
}

Status Wait(Id id, uint64_t offset, uint32_t expected, uint64_t timeout_ns, platform::WaitOutcome* out) {
  const Use use(id);
  const Status allowed = NeedBytes(use, offset, sizeof(uint32_t), Access::kReadWrite);
  if (!allowed.ok()) return allowed;
  if (offset % sizeof(uint32_t) != 0) return Fail(Code::kInvalid, "alignment");
  return platform::WaitOnAddress(use.base() + offset, expected, timeout_ns, out);
}

Status Notify(Id id, uint64_t offset, uint32_t count, uint32_t* woken) {
  const Use use(id);
  const Status allowed = NeedBytes(use, offset, sizeof(uint32_t), Access::kReadWrite);
  if (!allowed.ok()) return allowed;
  if (offset % sizeof(uint32_t) != 0) return Fail(Code::kInvalid, "alignment");
  *woken = 0;
  if (count == 0) return Ok();  // Linux would wake one
  return platform::WakeAddress(use.base() + offset, count, woken);
}

}  // namespace nebula::region
