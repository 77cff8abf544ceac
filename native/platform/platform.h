// THE contract between the portable layers and an operating system. One implementation per folder:
// linux/ + posix/ together, windows/, fallback/ (used where nothing else fits); chosen by file lists at build time.
// Files in this folder may depend on core/ and nothing else in native/.
//
// For every primitive:
//  * pre: result parameters are not null; addresses are multiples of the page size of the mapping, lengths are
//    not 0 and address + length does not wrap. Callers check, primitives do not check again.
//  * post: a Status that is ok() means the whole effect happened; any other means nothing observable did, unless
//    the primitive says otherwise. kSystem carries errno (GetLastError() on Windows) and the failing call's name.
//    kUnsupported means that this platform has no such thing at all, so that trying again is pointless.
//  * no primitive allocates from the C++ heap, throws, logs, or takes a lock of its own, except where said.
//  * thread-safe: any thread may call any primitive; exclusion over one range is the caller's affair.
#pragma once

#include <atomic>

#include "../core/core.h"

namespace nebula::platform {

// ---- what this machine is -------------------------------------------------------------------------------------

// Facts that do not change while the process lives. 0 or false: not here.
struct Capabilities {
  uint64_t page_bytes;              // the base page
  uint64_t granularity_bytes;       // file offsets and addresses are multiples of this (64 KiB on Windows)
  uint64_t default_huge_bytes;      // hugetlb / large page default size
  uint64_t transparent_huge_bytes;  // size of a transparent huge page (PMD)
  bool atomic_tombstone;            // Tombstone() replaces pages with no moment at which they are unmapped
  bool numa;                        // placement calls exist (they may still be refused)
  bool shared_futex;                // WaitOnAddress works between processes
  bool fault_guard;                 // a fault on a mapped file can be turned into a zero page
  const char* name;                 // "linux", "posix", "windows", "fallback"
};
const Capabilities& GetCapabilities();

// Largest number of mappings that the OS allows this process; 0 = no limit known.
uint64_t MappingLimit();
// Mappings that the process holds now. Slow (reads the OS's table); post: 0 when it cannot be known.
uint64_t CountMappings();
// Monotonic milliseconds since some fixed moment.
uint64_t MonotonicMs();
// Fills `bytes` with unpredictable bytes.
Status RandomBytes(void* out, size_t bytes);
uint64_t ProcessId();
// The number of a kSystem status in the numbers of errno.
int PortableErrno(int error);
// A symbol that the host program or its libraries export, or null: how newer Node functions are found at load.
void* HostSymbol(const char* name);

// ---- mutual exclusion ------------------------------------------------------------------------------------------

// A small lock without initializer or destructor, valid as zeroed memory. Not recursive. Fair enough, not fair.
class Mutex {
 public:
  void Lock();
  void Unlock();

 private:
  std::atomic<uint32_t> state_{0};
};

class MutexGuard {
 public:
  explicit MutexGuard(Mutex& mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexGuard() { mutex_.Unlock(); }
  MutexGuard(const MutexGuard&) = delete;
  MutexGuard& operator=(const MutexGuard&) = delete;

 private:
  Mutex& mutex_;
};

// ---- address space and pages -----------------------------------------------------------------------------------

enum class Access : uint8_t { kNone, kRead, kReadWrite };

// A private anonymous mapping: reads as zeros, costs pages when touched.
struct AnonymousRequest {
  uint64_t bytes;       // multiple of the page size used
  uint64_t align;       // power of two >= page size; 0 = the page size
  uint64_t huge_bytes;  // 0 = base pages, else the hugetlb / large page size
  int node;             // preferred NUMA node where placement can only be given at map time (Windows); -1 = none
};
Status MapAnonymous(const AnonymousRequest& request, void** out);

// Reserves addresses that fault when touched and cost nothing.
Status Reserve(uint64_t bytes, void** out);

// Puts fresh zero pages, private and read-write, over part of a Reserve()d range.
Status CommitInto(void* address, uint64_t bytes);

Status Unmap(void* address, uint64_t bytes);

// Lays a private zero mapping over the range: every later read gives zeros, every write is harmless, the pages go
// back to the OS at once (large pages of Windows: with Unmap()). `source` says what lies there. Where atomic_tombstone
// is false a racing access may still see old bytes, never a fault, and kUnsupported for kObject means that the view
// stays as it is until Unmap().
enum class Backing : uint8_t { kAnonymous, kHuge, kObject };
Status Tombstone(void* address, uint64_t bytes, Backing source);

// Moves the pages of [from, from + bytes) to `to`, a Reserve()d range at least as large. `from` stays mapped and
// readable throughout; the caller lays a tombstone over it. kUnsupported: not by this kernel for this backing (the
// caller copies or maps anew).
Status MoveKeepingZeros(void* from, uint64_t bytes, void* to);

// Resizes in place or by moving; *out is the new address. Only for ranges that no view was ever made over.
// kUnsupported: not by this platform, or not of pages with attributes on parts (the caller moves them otherwise).
Status Resize(void* address, uint64_t old_bytes, uint64_t new_bytes, void** out);

Status Protect(void* address, uint64_t bytes, Access access);

// Advice in our own numbers, so that no OS header is needed above.
enum class Advice : uint8_t {
  kNormal,
  kRandom,
  kSequential,
  kWillNeed,
  kDontNeed,
  kFree,
  kCold,
  kPageOut,
  kHuge,
  kNoHuge,
  kCollapse,
  kDump,
  kNoDump,
  kFork,
  kNoFork,
  kWipeOnFork,
  kKeepOnFork,
  kMerge,
  kNoMerge,
  kPopulateRead,
  kPopulateWrite,
  kRemove,
  kGuard,
  kNoGuard,
};
inline constexpr int kAdviceCount = static_cast<int>(Advice::kNoGuard) + 1;
Status Advise(void* address, uint64_t bytes, Advice advice);

// Makes every page present and writable now. Errors are returned, never raised as signals, where the kernel can.
Status Populate(void* address, uint64_t bytes, uint64_t page_bytes);

Status LockPages(void* address, uint64_t bytes, bool on_fault);
Status UnlockPages(void* address, uint64_t bytes);

// Gives the pages back; anonymous ones read as zeros afterwards, object-backed ones read the object again.
Status Decommit(void* address, uint64_t bytes, Backing source);

// One byte a base page: bit 0 = resident. pre: `out` holds bytes / page_bytes entries.
Status Residency(void* address, uint64_t bytes, uint8_t* out);

// A name for tools such as /proc/self/smaps. Best effort: refusal is kUnsupported.
Status NameRange(void* address, uint64_t bytes, const char* name);

// ---- files and shared objects ----------------------------------------------------------------------------------

using File = intptr_t;  // a descriptor or HANDLE
inline constexpr File kNoFile = -1;

struct OpenRequest {
  const char* path;  // UTF-8
  bool write;        // false: read only
  bool create;       // make it when missing
  bool exclusive;    // with create: fail when present
};
// *created, where asked for: nothing of that name was there before.
Status OpenFile(const OpenRequest& request, File* out, bool* created = nullptr);
Status RemoveFile(const char* path);
void CloseFile(File file);

struct FileInfo {
  uint64_t bytes;
  uint64_t identity;  // inode or file index: tells a recycled descriptor from the file meant
  bool regular;
  bool directory;
};
Status StatFile(File file, FileInfo* out);
Status ResizeFile(File file, uint64_t bytes);
// Reserves storage, so that later writes cannot run out of it. kUnsupported where the file system cannot.
Status AllocateFile(File file, uint64_t bytes);

// Anonymous memory with a descriptor: memfd on Linux. `label` is shown by tools.
Status CreateMemoryObject(const char* label, uint64_t bytes, uint64_t huge_bytes, File* out);
// Memory that the kernel itself does not map (memfd_secret).
Status CreateSecretObject(uint64_t bytes, File* out);
// Named shared memory. pre: name is [A-Za-z0-9._-]{1,200}. With create the object must not exist yet.
Status OpenNamedObject(const char* name, bool create, uint64_t bytes, File* out);
Status UnlinkNamedObject(const char* name);
// Opens a memory object that another process of the same user holds under `descriptor`.
Status OpenRemoteObject(uint64_t process_id, uint64_t descriptor, File* out);

enum class Sharing : uint8_t { kCopyOnWrite, kShared, kSharedSync /* MAP_SYNC, DAX only */ };
struct ObjectRequest {
  File file;
  uint64_t offset;  // multiple of granularity_bytes
  uint64_t bytes;   // multiple of the page size
  Sharing sharing;
  Access access;
  uint64_t huge_bytes;  // 0 = base pages
  void* at;             // null = anywhere, else inside a Reserve()d range that it replaces
};
Status MapObject(const ObjectRequest& request, void** out);
// Windows unmaps views by another call than private memory; elsewhere the same as Unmap.
Status UnmapObject(void* address, uint64_t bytes);
Status FlushObject(File file, void* address, uint64_t bytes, bool wait);

// ---- placement (NUMA) ------------------------------------------------------------------------------------------

enum class Policy : uint8_t {
  kDefault = 0,
  kPreferred = 1,
  kBind = 2,
  kInterleave = 3,
  kLocal = 4,
  kPreferredMany = 5,
  kWeightedInterleave = 6,
};
inline constexpr int kMaxNodes = 1024;
struct NodeMask {
  uint64_t words[kMaxNodes / 64] = {};
  void Set(int node) { words[node / 64] |= uint64_t{1} << (node % 64); }
};
Status SetPolicy(void* address, uint64_t bytes, Policy policy, const NodeMask& nodes, bool move);
// For each of `count` page addresses: the node it lies on, or a negative errno (-2 = not present).
Status QueryPages(void* const* pages, uint64_t count, int* out);
Status MovePages(void* const* pages, const int* targets, uint64_t count, int* out);
Status CurrentProcessor(uint32_t* cpu, uint32_t* node);
// Restricts the calling thread to these processors. pre: cpus sorted, below 8192.
Status RunOnProcessors(const uint32_t* cpus, uint64_t count);

// ---- waiting on memory -----------------------------------------------------------------------------------------

enum class WaitOutcome : uint8_t { kWoken, kNotEqual, kTimedOut };
Status WaitOnAddress(void* address, uint32_t expected, uint64_t timeout_ns, WaitOutcome* out);
Status WakeAddress(void* address, uint32_t count, uint32_t* woken);

// ---- faults ----------------------------------------------------------------------------------------------------

// Called on a bus error with the faulting address; true = repaired, go on. Runs in a signal handler: only
// RepairPages() and lock-free code may be called.
using FaultHandler = bool (*)(void* address);
// Idempotent; installs or re-installs the handler before whatever handler is present, which stays in the chain.
Status InstallFaultGuard(FaultHandler handler);
// Signal-safe: puts private zero pages over the range.
bool RepairPages(void* address, uint64_t bytes);
// Signal-safe: the object's size now, or UINT64_MAX when unknown.
uint64_t FileBytesInSignal(File file);

// ---- what works here, found by trying --------------------------------------------------------------------------

enum class Feature : uint8_t {
  kMemfd,
  kMemfdSecret,
  kPopulateWrite,
  kCollapse,
  kGuardPages,
  kMoveKeepingZeros,
  kHuge2MiB,
  kHuge1GiB,
  kTransparentHuge,
  kLock,
  kNumaPolicy,
  kNumaQuery,
  kPreferredMany,
  kWeightedInterleave,
  kNoDump,
  kWipeOnFork,
  kCold,
  kPageOut,
  kFutex,
  kFaultGuard,
  kNamedObjects,
  kRangeNames,
  kPressureTrigger,
  kMergeable,
};
inline constexpr int kFeatureCount = static_cast<int>(Feature::kMergeable) + 1;
// Tries the feature on a page of its own and undoes it. ok() = available.
Status TryFeature(Feature feature);

}  // namespace nebula::platform
