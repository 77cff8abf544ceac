// The table of regions and the two ways to be inside one. Internal to region/.
#pragma once

#include "range.h"

namespace nebula::region {

struct Region {
  uint32_t generation;  // odd while alive, so that a zeroed entry is not
  uint32_t next_free;
  Kind kind;
  Access access;
  bool locked, guarded, huge, claimed, shared_file, copy_on_write, secret_memory, sync;
  bool no_dump, no_fork, wipe_on_fork;  // asked of the whole region
  uint64_t lock_start, lock_end;        // what was locked lies between these, while `locked`
  uint64_t bytes;                       // the user's length
  uint64_t mapped_bytes;                // whole pages from base on
  uint64_t page_bytes;
  uint64_t huge_bytes;
  File file;
  uint64_t file_offset;
  uint32_t holders, pins, uses;
  Range* range;
  uint8_t canary[16];
};

// Null when the id is stale. pre: the table's lock is held.
Region* Lookup(Id id);

// A call in progress: release, remap and protect are refused while it lasts.
class Use {
 public:
  explicit Use(Id id);
  ~Use();
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  const Status& status() const { return status_; }
  Region* operator->() const { return region_; }
  Region* region() const { return region_; }

  uint8_t* base() const { return reinterpret_cast<uint8_t*>(region_->range->base.load(std::memory_order_relaxed)); }

  // kRange unless [offset, offset + length) lies inside; then the whole pages around it.
  Status Pages(uint64_t offset, uint64_t length, void** address, uint64_t* bytes) const;

 private:
  Region* region_ = nullptr;
  Status status_;
};

// The region for oneself. post when ok: no Use and no other Claim exists until the scope ends.
class Claim {
 public:
  // `alone`: kInUse too while other holders exist.
  Claim(Id id, bool alone);
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  const Status& status() const { return status_; }
  Region* region() const { return region_; }

 private:
  Region* region_ = nullptr;
  Status status_;
};

// pages.cc: charges the budget for an attribute set on `bytes` of the region.
Status ChargeSplit(const Use& use, uint64_t bytes);

// create.cc: the pages of a new region. post when ok: region->range is placed.
Status MakePages(const Spec& spec, Region* region);
// Where the pages of `region` lie relative to a fresh reservation of this many bytes.
uint64_t GuardBytes(const Region* region);
// After a failure: the file is as long as before, unless somebody else resized it meanwhile.
void UndoGrowth(File file, uint64_t grown_to, uint64_t before);
platform::Backing BackingOf(const Region* region);

// canary.cc
void ArmCanary(Region* region);
bool CanaryIntact(const Region* region);

// fault.cc
void GuardFaults();

}  // namespace nebula::region
