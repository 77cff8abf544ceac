// Regions by slot and generation, their holders, pins and uses.
#include "table.h"

#include <cstring>

namespace nebula::region {

namespace {

Slab<Region>& Regions() {
  static Slab<Region> regions;  // free_head_ is set by its initializer at load: constant initialization
  return regions;
}

Status Missing() { return Fail(Code::kStale, "table"); }

void Forget(Region* region, uint32_t slot) {
  Table& table = GetTable();
  table.regions -= 1;
  table.mapped_bytes -= region->mapped_bytes;
  region->generation += 1;
  region->range = nullptr;
  Regions().Give(slot);
}

// Ends the region: its pages go as the caller says. pre: claimed, last holder, lock not held.
void End(Region* region, uint32_t slot, const Caller& caller, bool detached) {
  Range* range = region->range;
  const File file = region->file;
  {
    platform::MutexGuard guard(GetTable().lock);
    Forget(region, slot);
  }
  Retire(range, caller, detached);
  platform::CloseFile(file);
}

}  // namespace

Region* Lookup(Id id) {
  if ((id.generation & 1) == 0 || id.slot >= Regions().used()) return nullptr;
  Region* region = Regions().At(id.slot);
  return region->generation == id.generation ? region : nullptr;
}

Use::Use(Id id) {
  platform::MutexGuard guard(GetTable().lock);
  Region* found = Lookup(id);
  if (found == nullptr) {
    status_ = Missing();
  } else if (found->claimed) {
    status_ = Fail(Code::kInUse, "claim");
  } else {
    found->uses += 1;
    region_ = found;
  }
}

Use::~Use() {
  if (region_ == nullptr) return;
  platform::MutexGuard guard(GetTable().lock);
  region_->uses -= 1;
}

Status Use::Pages(uint64_t offset, uint64_t length, void** address, uint64_t* bytes) const {
  if (!RangeInside(offset, length, region_->bytes)) return Fail(Code::kRange, "range", region_->bytes);
  const uint64_t start = AlignDown(offset, region_->page_bytes);
  uint64_t end = start;  // no bytes are no page, also in the middle of one
  if (length != 0) AlignUp(offset + length, region_->page_bytes, &end);
  *address = base() + start;
  *bytes = end - start;
  return Ok();
}

Claim::Claim(Id id, bool alone) {
  platform::MutexGuard guard(GetTable().lock);
  Region* found = Lookup(id);
  if (found == nullptr) {
    status_ = Missing();
  } else if (found->claimed || found->uses != 0 || found->pins != 0) {
    status_ = Fail(Code::kInUse, "claim", found->uses + found->pins);
  } else if (alone && found->holders > 1) {
    status_ = Fail(Code::kInUse, "holders", found->holders - 1);
  } else {
    found->claimed = true;
    region_ = found;
  }
}

Claim::~Claim() {
  if (region_ == nullptr) return;
  platform::MutexGuard guard(GetTable().lock);
  region_->claimed = false;
}

Status Create(const Spec& spec, Id* out) {
  Table& table = GetTable();
  // Private base pages cannot vanish below a view; everything else can.
  if (spec.kind != Kind::kAnonymous || spec.huge_bytes != 0) GuardFaults();
  Region* region = nullptr;
  uint32_t slot = 0;
  {
    platform::MutexGuard guard(table.lock);
    region = Regions().Take(&slot);
    if (region == nullptr) return Fail(Code::kNoMemory, "table");
    const uint32_t generation = region->generation;  // even: nobody can look it up while it is made
    std::memset(static_cast<void*>(region), 0, sizeof *region);
    region->generation = generation;
  }
  region->kind = spec.kind;
  region->access = Access::kReadWrite;
  region->guarded = spec.guard;
  region->file = platform::kNoFile;
  region->holders = 1;
  const Status made = MakePages(spec, region);
  platform::MutexGuard guard(table.lock);
  if (!made.ok()) {
    Regions().Give(slot);
    return made;
  }
  region->generation += 1;
  table.regions += 1;
  table.mapped_bytes += region->mapped_bytes;
  *out = Id{slot, region->generation};
  return Ok();
}

Status Attach(Id id) {
  platform::MutexGuard guard(GetTable().lock);
  Region* region = Lookup(id);
  if (region == nullptr) return Missing();
  if (region->claimed) return Fail(Code::kInUse, "claim");
  region->holders += 1;
  return Ok();
}

Status Pin(Id id) {
  platform::MutexGuard guard(GetTable().lock);
  Region* region = Lookup(id);
  if (region == nullptr) return Missing();
  if (region->claimed) return Fail(Code::kInUse, "claim");
  region->pins += 1;
  return Ok();
}

Status Unpin(Id id) {
  platform::MutexGuard guard(GetTable().lock);
  Region* region = Lookup(id);
  if (region == nullptr) return Missing();
  if (region->pins == 0) return Fail(Code::kState, "pin");
  region->pins -= 1;
  return Ok();
}

Status ClaimRelease(Id id, bool* last) {
  platform::MutexGuard guard(GetTable().lock);
  Region* region = Lookup(id);
  if (region == nullptr) return Missing();
  *last = region->holders == 1;
  // Only the last holder ends anything, so only it can meet a pin or a call in progress.
  if (!*last) return Ok();
  if (region->claimed || region->pins != 0 || region->uses != 0) {
    return Fail(Code::kInUse, "claim", region->pins + region->uses);
  }
  region->claimed = true;
  return Ok();
}

Status Release(Id id, bool claimed, bool detached, const Caller& caller, bool* corrupted, bool settled) {
  *corrupted = false;
  Region* region = nullptr;
  {
    platform::MutexGuard guard(GetTable().lock);
    region = Lookup(id);
    if (region == nullptr) return Missing();
    if (!claimed && region->holders == 1) {
      if (region->claimed || region->pins != 0 || region->uses != 0) {
        // The other holders went meanwhile: the views are gone already, and whoever frees next does not know of them.
        if (detached) NoteDetached(region->range, caller);
        return Fail(Code::kInUse, "claim", region->pins + region->uses);
      }
      region->claimed = true;
    }
    if (region->holders > 1) {
      // The others keep the pages; remember that somebody's views were taken away here.
      region->holders -= 1;
      if (claimed) region->claimed = false;
      if (detached) NoteDetached(region->range, caller);
      return Ok();
    }
    region->range->settled = settled;
  }
  if (region->kind == Kind::kSecret) {
    void* base = reinterpret_cast<void*>(region->range->base.load());
    const bool opened =
        region->access == Access::kReadWrite || platform::Protect(base, region->mapped_bytes, Access::kReadWrite).ok();
    if (opened) {
      *corrupted = !CanaryIntact(region);
      std::memset(base, 0, region->mapped_bytes);
      std::atomic_signal_fence(std::memory_order_seq_cst);  // the stores stay, although nobody reads them
    }
  }
  End(region, id.slot, caller, detached);
  return Ok();
}

void Collected(Id id, const Caller& caller) {
  Region* region = nullptr;
  {
    platform::MutexGuard guard(GetTable().lock);
    region = Lookup(id);
    if (region == nullptr) return;
    // A call in progress holds its Region object, so this does not happen; if it did, keeping the pages is harmless.
    if (region->uses != 0 && region->holders == 1) return;
    region->holders -= 1;
    if (region->holders != 0) return;
    if (region->range->stores != 0) {
      // Views live on without their region. The last store ends it.
      Range* range = region->range;
      const File file = region->file;
      range->file.store(platform::kNoFile, std::memory_order_relaxed);
      Forget(region, id.slot);
      range->retired = true;
      GetTable().retired_ranges += 1;
      GetTable().retired_bytes += range->bytes.load();
      platform::CloseFile(file);
      return;
    }
    region->claimed = true;
  }
  End(region, id.slot, caller, false);
}

Status StoreCreated(Id id, uint64_t offset, uint64_t length, void** address, Range** out) {
  platform::MutexGuard guard(GetTable().lock);
  Region* region = Lookup(id);
  if (region == nullptr) return Missing();
  if (region->claimed) return Fail(Code::kInUse, "claim");
  if (region->access != Access::kReadWrite) return Fail(Code::kState, "access");
  if (!RangeInside(offset, length, region->bytes)) return Fail(Code::kRange, "range", region->bytes);
  Range* range = region->range;
  range->stores += 1;
  range->exposed = true;
  *address = reinterpret_cast<uint8_t*>(range->base.load()) + offset;
  *out = range;
  return Ok();
}

void StoreFinalized(Range* range, bool doubtful, const Caller* user) {
  platform::MutexGuard guard(GetTable().lock);
  range->stores -= 1;
  if (doubtful && !range->settled) range->doubtful = true;
  if (user != nullptr) NoteDetached(range, *user);
  if (range->retired && range->stores == 0) FinishRange(range);
}

Status Describe(Id id, Info* out) {
  platform::MutexGuard guard(GetTable().lock);
  const Region* region = Lookup(id);
  if (region == nullptr) return Missing();
  const Range* range = region->range;
  *out = Info{};
  out->kind = region->kind;
  out->access = region->access;
  out->locked = region->locked;
  out->guarded = region->guarded;
  out->exposed = range->exposed;
  out->secret_memory = region->secret_memory;
  out->shared_object = region->kind == Kind::kShared || region->shared_file;
  out->bytes = region->bytes;
  out->mapped_bytes = region->mapped_bytes;
  out->page_bytes = region->page_bytes;
  out->huge_bytes = region->huge_bytes;
  out->holders = region->holders;
  out->pins = region->pins;
  out->stores = range->stores;
  out->faults = range->faults.load(std::memory_order_relaxed);
  out->address = range->base.load();
  out->file = region->file;
  platform::FileInfo file{};
  if (region->file != platform::kNoFile && platform::StatFile(region->file, &file).ok()) {
    out->file_bytes = file.bytes;
    out->file_identity = file.identity;
  }
  return Ok();
}

void ReadTotals(Totals* out) {
  Table& table = GetTable();
  platform::MutexGuard guard(table.lock);
  *out = Totals{};
  out->regions = table.regions;
  out->ranges = table.ranges.used();
  out->mapped_bytes = table.mapped_bytes;
  out->retired_ranges = table.retired_ranges;
  out->retired_bytes = table.retired_bytes;
  out->abandoned_ranges = table.abandoned_ranges;
  out->abandoned_bytes = table.abandoned_bytes;
  out->mappings = table.budget.live();
  out->mapping_limit = table.budget.limit();
  out->faults = *FaultEpoch();
  ReadQuarantine(out);
}

void ConfigureMappingLimit(uint64_t mappings) {
  platform::MutexGuard guard(GetTable().lock);
  GetTable().budget.SetLimit(mappings);
}

uint64_t ProcessToken() {
  static std::atomic<uint64_t> token{0};
  uint64_t present = token.load(std::memory_order_acquire);
  if (present != 0) return present;
  uint64_t fresh = 0;
  if (!platform::RandomBytes(&fresh, sizeof fresh).ok()) fresh = platform::ProcessId() ^ platform::MonotonicMs();
  fresh = (fresh & kMaxSafeInteger) | 1;
  return token.compare_exchange_strong(present, fresh) ? fresh : present;
}

}  // namespace nebula::region
