// Address ranges, the stores that point into them, and the quarantine. Internal to region/.
#pragma once

#include "mapping_budget.h"
#include "region.h"
#include "slab.h"

namespace nebula::region {

struct Range {
  // Read by the fault handler without a lock; bytes == 0 means that nothing lies here.
  std::atomic<uintptr_t> base;
  std::atomic<uint64_t> bytes;
  std::atomic<uint64_t> page_bytes;
  std::atomic<intptr_t> file;
  std::atomic<uint64_t> file_offset;
  std::atomic<uint32_t> faults;
  std::atomic<uint32_t> lone_repairs;

  // Under the table's lock.
  uint32_t index;
  uint32_t next_free;
  uint32_t stores;
  uint32_t mappings;  // charged to the budget
  uintptr_t outer;    // base without the guard page before it
  uint64_t outer_bytes;
  platform::Backing backing;
  bool exposed;   // a store was ever made
  bool retired;   // no region lies here any more
  bool detached;  // stores were detached from under possible users: quarantine
  bool settled;   // none of its stores can have escaped, whatever a teardown says
  bool doubtful;  // a store may have escaped: the addresses are never given back
  bool idle;      // the caller's loop was idle at the last detach
  uint64_t env;
  uint64_t since_ms;
  Range* next_waiting;  // in quarantine
};

struct Table {
  platform::Mutex lock;
  Slab<Range> ranges;
  MappingBudget budget;
  uint64_t retired_ranges, retired_bytes, abandoned_ranges, abandoned_bytes;
  uint64_t regions, mapped_bytes;
};
Table& GetTable();

// ---- all of these: pre: the lock is held ----

// A range for a mapping that exists or is about to; charges the budget.
Status NewRange(uint64_t mappings, Range** out);
// For a range whose mapping could not be made: gives the entry and its charge back.
void DropRange(Range* range);
void PlaceRange(Range* range, void* outer, uint64_t outer_bytes, void* base, uint64_t bytes, uint64_t page_bytes,
                platform::Backing backing);

// ---- takes the lock itself ----

// The region has left: unmaps at once where no store is left, else lays the tombstone. post: pages are back at the OS
// (platforms without tombstones for shared views: when the last store is gone).
void Retire(Range* range, const Caller& caller, bool detached);

// Stores were taken away under possible users. pre: the lock is held.
void NoteDetached(Range* range, const Caller& caller);

// A store over a retired range is gone, or time has passed. pre: lock is held.
void FinishRange(Range* range);

// ---- quarantine (quarantine.cc). pre: the lock is held ----

void Quarantine(Range* range);
bool DrainWaiting();  // true when anything was given back
void ReadQuarantine(Totals* out);

}  // namespace nebula::region
