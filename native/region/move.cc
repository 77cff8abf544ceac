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

Status LockAgain(const Region* region, uint8_t* at) {
  if (!region->locked) return Ok();
  return platform::LockPages(at + region->lock_start, region->lock_end - region->lock_start, false);
}

// What was asked of the old pages must hold for pages mapped anew: secrets stay out of dumps, forks and swap. Moved
// pages bring it with them.
Status Dress(const Region* region, uint8_t* at, uint64_t bytes) {
  const platform::Advice wanted[] = {platform::Advice::kNoDump, platform::Advice::kNoFork,
                                     platform::Advice::kWipeOnFork};
  const bool asked[] = {region->no_dump, region->no_fork, region->wipe_on_fork};
  for (int i = 0; i < 3; ++i) {
    if (!asked[i]) continue;
    const Status advised = platform::Advise(at, bytes, wanted[i]);
    if (!advised.ok()) return advised;
  }
  return LockAgain(region, at);
}

// Fresh pages of the region's own kind, then the old bytes copied: what is left when the kernel cannot move pages.
Status CopyPages(Region* region, uint64_t keep, uint64_t bytes, Target* target) {
  Status mapped;
  if (region->guarded) {
    mapped = platform::CommitInto(target->base, bytes);  // the reservation's ends are the guard pages
  } else {
    Abandon(*target);
    void* fresh = nullptr;
    mapped = platform::MapAnonymous(platform::AnonymousRequest{bytes, 0, region->huge_bytes, -1}, &fresh);
    if (!mapped.ok()) return mapped;
    *target = Target{fresh, bytes, static_cast<uint8_t*>(fresh)};
    if (region->huge_bytes != 0) mapped = platform::Populate(fresh, bytes, region->page_bytes);
  }
  if (mapped.ok()) mapped = Dress(region, target->base, bytes);
  if (mapped.ok()) {
    std::memcpy(target->base, reinterpret_cast<void*>(region->range->base.load()), keep);
  } else {
    Abandon(*target);
  }
  return mapped;
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
    Status mapped = MapObjectAt(region, bytes, target->base);
    if (mapped.ok()) mapped = Dress(region, target->base, bytes);
    if (!mapped.ok()) Abandon(*target);
    return mapped;
  }
  if (region->huge_bytes != 0) return CopyPages(region, keep, bytes, target);  // no kernel moves those and leaves zeros
  if (bytes > keep) {
    // Before anything moves: what cannot be had then costs no byte.
    uint8_t* tail = target->base + keep;
    Status had;
    if (object) {
      Region shifted = *region;
      shifted.file_offset += keep;
      had = MapObjectAt(&shifted, bytes - keep, tail);
    } else {
      had = platform::CommitInto(tail, bytes - keep);
    }
    if (had.ok()) had = Dress(region, tail, bytes - keep);  // no locked region comes here
    if (!had.ok()) {
      Abandon(*target);
      return had;
    }
  }
  void* from = reinterpret_cast<void*>(region->range->base.load());
  // Unlocked while it moves: the kernel goes on counting what is moved locked against the limit at the old place too.
  if (region->locked) platform::UnlockPages(from, keep);
  const Status moved = platform::MoveKeepingZeros(from, keep, target->base);
  if (moved.ok()) {
    const Status locked = LockAgain(region, target->base);
    if (locked.ok() || platform::MoveKeepingZeros(target->base, keep, from).ok()) {
      if (!locked.ok()) LockAgain(region, static_cast<uint8_t*>(from));
      if (!locked.ok()) Abandon(*target);
      return locked;
    }
    region->locked = false;  // neither here nor there
    return Ok();
  }
  LockAgain(region, static_cast<uint8_t*>(from));
  if (moved.code == Code::kUnsupported && !object) return CopyPages(region, keep, bytes, target);
  Abandon(*target);
  return moved;
}

// Puts the region into its new range and retires the old one.
Status Settle(Region* region, Range* fresh, const Target& target, uint64_t bytes, const Caller& caller) {
  Range* old = region->range;
  Table& table = GetTable();
  bool seen = false;
  {
    platform::MutexGuard guard(table.lock);
    seen = old->stores != 0;
    PlaceRange(fresh, target.outer, target.outer_bytes, target.base, bytes, region->page_bytes, BackingOf(region));
    fresh->file_offset.store(region->file_offset, std::memory_order_relaxed);
    fresh->file.store(region->file, std::memory_order_release);
    fresh->faults.store(old->faults.load(std::memory_order_relaxed), std::memory_order_relaxed);
    table.mapped_bytes += bytes - region->mapped_bytes;
    region->range = fresh;
    region->mapped_bytes = bytes;
  }
  Retire(old, caller, seen);
  return Ok();
}

Status Relocate(Region* region, uint64_t bytes, const Caller& caller) {
  Range* fresh = nullptr;
  {
    platform::MutexGuard guard(GetTable().lock);
    // The pieces move as they are. More there can be the ends of the reservation that huge pages leave over, once, and
    // a new tail.
    const Range* old = region->range;
    const bool ends = region->huge_bytes != 0 && old->outer_bytes == region->mapped_bytes + 2 * GuardBytes(region);
    const uint64_t more = (ends ? 2 : 0) + (bytes > region->mapped_bytes ? 1 : 0);
    const Status charged = NewRange(old->mappings + more, &fresh);
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

// Finalizers count stores down on other threads; a claim keeps new ones away.
bool Seen(const Range* range) {
  platform::MutexGuard guard(GetTable().lock);
  return range->stores != 0 || range->detached || range->doubtful;
}

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
  if (!done.ok()) {
    // Of a region that lies in several mappings a part can be protected already.
    platform::Protect(reinterpret_cast<void*>(region->range->base.load()), region->mapped_bytes, region->access);
    return done;
  }
  platform::MutexGuard guard(GetTable().lock);
  region->access = access;
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
  uint64_t grown_to = 0;
  platform::FileInfo info{};
  if (object) {
    const Status seen = platform::StatFile(region->file, &info);
    if (!seen.ok()) return seen;
    const uint64_t end = region->file_offset + (region->kind == Kind::kShared ? mapped : bytes);
    if (end > info.bytes) {
      if (region->copy_on_write) return Fail(Code::kRange, "file", info.bytes);
      const Status grown = platform::ResizeFile(region->file, end);
      if (!grown.ok()) return grown;
      grown_to = end;
    }
  }
  const bool seen = Seen(region->range);
  if (mapped != region->mapped_bytes || seen) {
    Status resized = Fail(Code::kUnsupported);
    void* address = nullptr;
    if (!seen && !region->guarded && !object && region->huge_bytes == 0) {
      const auto old = reinterpret_cast<void*>(region->range->base.load());
      resized = platform::Resize(old, region->mapped_bytes, mapped, &address);
      if (!resized.ok() && resized.code != Code::kUnsupported) return resized;
    }
    if (resized.ok()) {
      platform::MutexGuard guard(GetTable().lock);
      PlaceRange(region->range, address, mapped, address, mapped, region->page_bytes, BackingOf(region));
      GetTable().mapped_bytes += mapped - region->mapped_bytes;
      region->mapped_bytes = mapped;
    } else {
      const Status moved = Relocate(region, mapped, caller);
      if (!moved.ok()) {
        if (grown_to != 0) UndoGrowth(region->file, grown_to, info.bytes);
        return moved;
      }
    }
  }
  platform::MutexGuard guard(GetTable().lock);
  region->bytes = bytes;
  return Ok();
}

}  // namespace nebula::region
