// Calls that take a region away from its addresses: protection and resizing. Where no view was ever made this happens
// in place; otherwise the pages move, and every view that is left reads zeros at the old place.
#include <cstring>

#include "table.h"

namespace nebula::region {

namespace {

struct Target {
  void* outer = nullptr;
  uint64_t outer_bytes = 0;
  uint8_t* base = nullptr;
};

void Abandon(const Target& target) { platform::Unmap(target.outer, target.outer_bytes); }

// Fresh pages of the region's own kind over a reservation or anywhere, then the old bytes copied: what is left when
// the kernel cannot move pages.
Status CopyPages(Region* region, uint64_t keep, uint64_t bytes, Target* target) {
  Abandon(*target);
  void* fresh = nullptr;
  const Status mapped = platform::MapAnonymous(platform::AnonymousRequest{bytes, 0, region->huge_bytes, -1}, &fresh);
  if (!mapped.ok()) return mapped;
  if (region->huge_bytes != 0) {
    const Status present = platform::Populate(fresh, bytes, region->page_bytes);
    if (!present.ok()) {
      platform::Unmap(fresh, bytes);
      return present;
    }
  }
  std::memcpy(fresh, reinterpret_cast<void*>(region->range->base.load()), keep);
  *target = Target{fresh, bytes, static_cast<uint8_t*>(fresh)};
  return Ok();
}

Status MapObjectAt(const Region* region, uint64_t bytes, void* at) {
  platform::Sharing sharing = platform::Sharing::kShared;
  if (region->copy_on_write) sharing = platform::Sharing::kCopyOnWrite;
  if (region->sync) sharing = platform::Sharing::kSharedSync;
  void* got = nullptr;
  return platform::MapObject(platform::ObjectRequest{region->file, region->file_offset, bytes, sharing,
                                                     Access::kReadWrite, region->huge_bytes, at},
                             &got);
}

// The region's pages, `bytes` long, at a new place. pre: claimed; on failure nothing changed for the region.
Status MovePagesAway(Region* region, uint64_t bytes, Target* target) {
  const uint64_t guard = GuardBytes(region);
  const uint64_t keep = bytes < region->mapped_bytes ? bytes : region->mapped_bytes;
  // Address space is reserved with room for the alignment that huge pages want.
  const uint64_t slack = region->huge_bytes != 0 ? region->huge_bytes : 0;
  target->outer_bytes = bytes + 2 * guard + slack;
  const Status reserved = platform::Reserve(target->outer_bytes, &target->outer);
  if (!reserved.ok()) return reserved;
  target->base = static_cast<uint8_t*>(target->outer) + guard;
  if (slack != 0) {
    const auto raw = reinterpret_cast<uintptr_t>(target->base);
    uint64_t aligned = 0;
    AlignUp(raw, region->huge_bytes, &aligned);
    target->base += aligned - raw;
  }
  const bool object = region->file != platform::kNoFile;
  if (object && !region->copy_on_write) {
    // Shared pages are found again through their object.
    const Status mapped = MapObjectAt(region, bytes, target->base);
    if (!mapped.ok()) Abandon(*target);
    return mapped;
  }
  void* from = reinterpret_cast<void*>(region->range->base.load());
  Status moved = platform::MoveKeepingZeros(from, keep, target->base);
  if (moved.code == Code::kUnsupported) {
    return object ? (Abandon(*target), moved) : CopyPages(region, keep, bytes, target);
  }
  if (moved.ok() && bytes > keep) {
    uint8_t* tail = target->base + keep;
    if (object) {
      Region shifted = *region;
      shifted.file_offset += keep;
      moved = MapObjectAt(&shifted, bytes - keep, tail);
    } else {
      moved = platform::CommitInto(tail, bytes - keep);
    }
    // The bytes must not be lost to a tail that could not be had.
    if (!moved.ok() && platform::MoveKeepingZeros(target->base, keep, from).ok()) {
      Abandon(*target);
      return moved;
    }
  }
  if (!moved.ok()) Abandon(*target);
  return moved;
}

// Puts the region into its new range and retires the old one.
Status Settle(Region* region, Range* fresh, const Target& target, uint64_t bytes, const Caller& caller) {
  Range* old = region->range;
  Table& table = GetTable();
  {
    platform::MutexGuard guard(table.lock);
    PlaceRange(fresh, target.outer, target.outer_bytes, target.base, bytes, region->page_bytes, BackingOf(region));
    fresh->file_offset.store(region->file_offset, std::memory_order_relaxed);
    fresh->file.store(region->file, std::memory_order_release);
    fresh->faults.store(old->faults.load(std::memory_order_relaxed), std::memory_order_relaxed);
    table.mapped_bytes += bytes - region->mapped_bytes;
    region->range = fresh;
    region->mapped_bytes = bytes;
  }
  Retire(old, caller, old->stores != 0);
  return Ok();
}

Status Relocate(Region* region, uint64_t bytes, const Caller& caller) {
  Range* fresh = nullptr;
  {
    platform::MutexGuard guard(GetTable().lock);
    const Status charged = NewRange(region->range->mappings + (region->guarded ? 0 : 1), &fresh);
    if (!charged.ok()) return charged;
  }
  Target target;
  const Status moved = MovePagesAway(region, bytes, &target);
  if (!moved.ok()) {
    platform::MutexGuard guard(GetTable().lock);
    DropRange(fresh);
    return moved;
  }
  return Settle(region, fresh, target, bytes, caller);
}

bool Seen(const Range* range) { return range->stores != 0 || range->detached || range->doubtful; }

}  // namespace

Status ProtectRegion(Id id, Access access, const Caller& caller) {
  const Claim claim(id, access != Access::kReadWrite);
  if (!claim.status().ok()) return claim.status();
  Region* region = claim.region();
  if (region->access == access) return Ok();
  // A view may only ever see pages that it can read and write.
  if (access != Access::kReadWrite && Seen(region->range)) {
    const Status moved = Relocate(region, region->mapped_bytes, caller);
    if (!moved.ok()) return moved;
  }
  const Status done =
      platform::Protect(reinterpret_cast<void*>(region->range->base.load()), region->mapped_bytes, access);
  if (done.ok()) {
    platform::MutexGuard guard(GetTable().lock);
    region->access = access;
  }
  return done;
}

Status Remap(Id id, uint64_t bytes, const Caller& caller) {
  const Claim claim(id, true);
  if (!claim.status().ok()) return claim.status();
  Region* region = claim.region();
  if (region->kind == Kind::kSecret) return Fail(Code::kUnsupported, "secret");
  if (region->access != Access::kReadWrite) return Fail(Code::kState, "access");
  if (region->locked) return Fail(Code::kState, "locked");
  uint64_t mapped = 0;
  if (bytes == 0 || !AlignUp(bytes, region->page_bytes, &mapped)) return Fail(Code::kInvalid, "mremap");
  const bool object = region->file != platform::kNoFile;
  if (object) {
    platform::FileInfo info{};
    const Status seen = platform::StatFile(region->file, &info);
    if (!seen.ok()) return seen;
    const uint64_t end = region->file_offset + (region->kind == Kind::kShared ? mapped : bytes);
    if (end > info.bytes) {
      if (region->copy_on_write) return Fail(Code::kRange, "file", info.bytes);
      const Status grown = platform::ResizeFile(region->file, end);
      if (!grown.ok()) return grown;
    }
  }
  if (mapped != region->mapped_bytes || Seen(region->range)) {
    const bool in_place = !Seen(region->range) && !region->guarded && !object && region->huge_bytes == 0;
    if (in_place) {
      void* address = nullptr;
      const auto old = reinterpret_cast<void*>(region->range->base.load());
      const Status resized = platform::Resize(old, region->mapped_bytes, mapped, &address);
      if (!resized.ok()) return resized;
      platform::MutexGuard guard(GetTable().lock);
      PlaceRange(region->range, address, mapped, address, mapped, region->page_bytes, BackingOf(region));
      GetTable().mapped_bytes += mapped - region->mapped_bytes;
      region->mapped_bytes = mapped;
    } else {
      const Status moved = Relocate(region, mapped, caller);
      if (!moved.ok()) return moved;
    }
  }
  platform::MutexGuard guard(GetTable().lock);
  region->bytes = bytes;
  return Ok();
}

}  // namespace nebula::region
