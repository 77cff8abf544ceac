// The process-wide table of regions: who holds which pages, who can still see them, and when they may go.
// Files in this folder may depend on core/ and platform/ and nothing else in native/.
//
// Three ideas:
//  * A *region* is what JavaScript holds: pages of one kind, known by slot and generation, with counted holders (one
//    for each Region object, over all threads).
//  * A *range* is a piece of address space that a region lies in. Every backing store of an ArrayBuffer counts on
//    its range. When a region leaves a range (free, remap, protect) the range is retired: it reads as zeros, and its
//    addresses go back to the OS only when the last backing store is gone and, if a store was detached from under
//    its users, a quarantine has passed.
//  * A *use* is a call in progress. Uses of many threads coexist; free, remap and protect need the region for
//    themselves and report kInUse otherwise. Nothing here waits.
//
// Thread rules: every function may be called from any thread of the process. StoreFinalized() may be called from V8's
// own threads. No function calls Node-API, and none holds the table's lock during a system call that can take long.
#pragma once

#include "../platform/platform.h"

namespace nebula::region {

using platform::Access;
using platform::File;

enum class Kind : uint8_t { kAnonymous, kFile, kShared, kSecret };

struct Id {
  uint32_t slot = 0;
  uint32_t generation = 0;
};

struct Range;  // opaque; its memory is never given back, so that a signal handler may read it

// Who calls, as far as the quarantine must know. An env is one Node environment (main thread or worker).
struct Caller {
  uint64_t env = 0;   // serial of the environment, never reused
  bool idle = false;  // its event loop has no request in flight: no other thread works on its buffers
};

// What a new region is made of.
struct Spec {
  Kind kind = Kind::kAnonymous;
  uint64_t bytes = 0;       // what the user asked for; kFile: 0 = to the end of the file
  uint64_t align = 0;       // anonymous only; 0 = page
  uint64_t huge_bytes = 0;  // 0 = base pages
  bool guard = false;       // inaccessible pages on both sides
  int node = -1;            // placement at map time, where the platform can do it only then
  // kFile
  const char* path = nullptr;
  uint64_t offset = 0;
  bool shared_file = false;    // changes reach the file; false = private copy-on-write
  bool writable_file = false;  // with shared_file
  bool create = false;
  bool exclusive = false;
  bool sync = false;    // MAP_SYNC
  bool extend = false;  // grow the file when it is shorter than offset + bytes
  // kShared
  const char* name = nullptr;  // null = without a name
  bool open_existing = false;
  uint64_t remote_process = 0, remote_file = 0, remote_identity = 0;  // process != 0: another process's object
};

// What a region is at this moment; a copy, so nothing in it dangles.
struct Info {
  Kind kind;
  Access access;
  bool locked, guarded, exposed, secret_memory, shared_object;
  uint64_t bytes, mapped_bytes, page_bytes, huge_bytes;
  uint64_t holders, pins, stores, faults;
  uint64_t address;  // for /proc/self/smaps and numa_maps; never used to reach memory
  uint64_t file_bytes, file_identity;
  int64_t file;  // descriptor, -1 = none
};

// ---- life ------------------------------------------------------------------------------------------------------

// post: one holder, no store, access read-write, contents zero (or the object's).
Status Create(const Spec& spec, Id* out);
Status UnlinkName(const char* name);
// One holder more. kStale: gone, or never was.
Status Attach(Id id);
Status Describe(Id id, Info* out);

// Claims the region for a release: kInUse while pinned or used. post when ok: no other call enters until Release().
// *last tells whether the pages go with this holder.
Status ClaimRelease(Id id, bool* last);
// Lets go of one holder. `claimed`: ClaimRelease() was called. `detached`: stores of this holder were detached from
// under possible users. The last holder's pages are back at the OS when this returns; *corrupted tells of a canary
// that was overwritten.
// `settled`: every buffer was emptied by this holder itself, so that none can have escaped.
Status Release(Id id, bool claimed, bool detached, const Caller& caller, bool* corrupted, bool settled = false);
// The garbage collector took the holder: as Release(), but views that still exist keep their bytes.
void Collected(Id id, const Caller& caller);

Status Pin(Id id);
Status Unpin(Id id);

// ---- backing stores --------------------------------------------------------------------------------------------

// Counts a store over [offset, offset + length). *address is what it points to.
Status StoreCreated(Id id, uint64_t offset, uint64_t length, void** address, Range** range);
// `doubtful`: the environment is being torn down and cannot say whether the store moved to another one.
// `user`: the store can have been emptied by its user under a job of this environment; null where that cannot be.
void StoreFinalized(Range* range, bool doubtful, const Caller* user);

// ---- operations on pages ---------------------------------------------------------------------------------------
// All take a byte range inside the region; those that work on whole pages round outwards unless said otherwise.

Status Advise(Id id, uint64_t offset, uint64_t length, platform::Advice advice);
Status Populate(Id id, uint64_t offset, uint64_t length);
Status Lock(Id id, uint64_t offset, uint64_t length, bool on_fault);
Status Unlock(Id id, uint64_t offset, uint64_t length);
// Rounds inwards: a page that is only partly inside keeps its bytes. *bytes = what was given back.
Status Decommit(Id id, uint64_t offset, uint64_t length, uint64_t* bytes);
Status Zero(Id id, uint64_t offset, uint64_t length);
Status Flush(Id id, uint64_t offset, uint64_t length, bool wait);
// `out` holds one byte a base page of the rounded range.
Status Residency(Id id, uint64_t offset, uint64_t length, uint8_t* out, uint64_t capacity, uint64_t* pages);
Status ReadBytes(Id id, uint64_t offset, void* out, uint64_t length);
Status WriteBytes(Id id, uint64_t offset, const void* from, uint64_t length);
Status NameRegion(Id id, const char* name);

// Both move the region to other addresses when views exist, and leave zeros where it was. kInUse while another
// holder exists.
Status ProtectRegion(Id id, Access access, const Caller& caller);
Status Remap(Id id, uint64_t bytes, const Caller& caller);

// ---- placement -------------------------------------------------------------------------------------------------

Status SetPolicy(Id id, uint64_t offset, uint64_t length, platform::Policy policy, const platform::NodeMask& nodes,
                 bool move);
// Node of each page in the rounded range, in steps of the region's page size; negative errno where there is none.
Status QueryNodes(Id id, uint64_t offset, uint64_t length, int* out, uint64_t capacity, uint64_t* pages);
// Moves every page in the range to `node`; *moved counts the pages that lie there afterwards, also on failure: those
// up to the batch that met it.
Status Migrate(Id id, uint64_t offset, uint64_t length, int node, uint64_t* moved);

// ---- waiting ---------------------------------------------------------------------------------------------------

Status Wait(Id id, uint64_t offset, uint32_t expected, uint64_t timeout_ns, platform::WaitOutcome* out);
Status Notify(Id id, uint64_t offset, uint32_t count, uint32_t* woken);

// ---- the process -----------------------------------------------------------------------------------------------

// One counter in the whole process, raised by every repaired fault; JavaScript compares it without a native call.
uint32_t* FaultEpoch();

struct Totals {
  uint64_t regions, ranges, mapped_bytes, retired_ranges, retired_bytes, quarantined_ranges, quarantined_bytes;
  uint64_t abandoned_ranges, abandoned_bytes, mappings, mapping_limit, faults;
};
void ReadTotals(Totals* out);

// Address and bytes of every range, tombstones included, as pairs; returns how many there are, of which at most
// `capacity` were written. For reading /proc/self/smaps.
uint64_t ListRanges(double* pairs, uint64_t capacity);

struct QuarantineTimes {
  // Nothing was in flight when the view was detached. As long as the other, because an HTTP/2 session can keep bare
  // pointers without any request of the loop. When mappings run short one second is enough.
  uint64_t idle_ms = 600000;
  // Something was in flight, and the event loop was never seen idle since.
  uint64_t busy_ms = 600000;
};
void ConfigureQuarantine(const QuarantineTimes& times);
void ConfigureMappingLimit(uint64_t mappings);  // 0 = half of the system's
// Gives back what has waited long enough; `all`: whatever has no store left. Returns the bytes given back.
uint64_t DrainQuarantine(const Caller& caller, bool all);
void EnvironmentStarted(uint64_t env);
void EnvironmentEnded(uint64_t env);
// A number that no other process has: part of every handle.
uint64_t ProcessToken();

}  // namespace nebula::region
