// The pages of a new region, kind by kind. Each maker reserves its place in the books first, maps, and takes the
// place back when mapping fails.
#include <cstring>

#include "table.h"

namespace nebula::region {

uint64_t GuardBytes(const Region* region) { return region->guarded ? platform::GetCapabilities().page_bytes : 0; }

platform::Backing BackingOf(const Region* region) {
  if (region->file != platform::kNoFile) return platform::Backing::kObject;
  return region->huge_bytes != 0 ? platform::Backing::kHuge : platform::Backing::kAnonymous;
}

void UndoGrowth(File file, uint64_t grown_to, uint64_t before) {
  platform::FileInfo info{};
  if (platform::StatFile(file, &info).ok() && info.bytes == grown_to) platform::ResizeFile(file, before);
}

namespace {

struct Placed {
  void* outer = nullptr;
  uint64_t outer_bytes = 0;
  void* base = nullptr;
};

// Maps `bytes` of the object or of fresh pages, between guard pages where the region wants them.
Status MapPages(const Spec& spec, const Region* region, uint64_t bytes, Placed* out) {
  const uint64_t guard = GuardBytes(region);
  void* at = nullptr;
  if (guard != 0) {
    out->outer_bytes = bytes + 2 * guard;
    const Status reserved = platform::Reserve(out->outer_bytes, &out->outer);
    if (!reserved.ok()) return reserved;
    at = static_cast<uint8_t*>(out->outer) + guard;
  }
  Status mapped;
  if (region->file != platform::kNoFile) {
    platform::Sharing sharing = platform::Sharing::kShared;
    if (region->copy_on_write) sharing = platform::Sharing::kCopyOnWrite;
    if (region->sync) sharing = platform::Sharing::kSharedSync;
    mapped = platform::MapObject(platform::ObjectRequest{region->file, region->file_offset, bytes, sharing,
                                                         Access::kReadWrite, region->huge_bytes, at},
                                 &out->base);
  } else if (at != nullptr) {
    mapped = platform::CommitInto(at, bytes);
    out->base = at;
  } else {
    mapped = platform::MapAnonymous(platform::AnonymousRequest{bytes, spec.align, region->huge_bytes, spec.node},
                                    &out->base);
  }
  if (!mapped.ok()) {
    if (out->outer != nullptr) platform::Unmap(out->outer, out->outer_bytes);
    return mapped;
  }
  if (out->outer == nullptr) {
    out->outer = out->base;
    out->outer_bytes = bytes;
  }
  return Ok();
}

// What a failure has to take back of the file that it was to map.
struct Touched {
  bool created = false;
  uint64_t grown_from = 0;
  uint64_t grown_to = 0;  // 0 = not grown
};

Status OpenFileFor(const Spec& spec, Region* region, Touched* touched) {
  const platform::OpenRequest request{spec.path, spec.writable_file, spec.create, spec.exclusive};
  const Status opened = platform::OpenFile(request, &region->file, &touched->created);
  if (!opened.ok()) return opened;
  platform::FileInfo info{};
  const Status seen = platform::StatFile(region->file, &info);
  if (!seen.ok()) return seen;
  if (info.directory) return Fail(Code::kInvalid, "directory");
  if (!info.regular) return Fail(Code::kInvalid, "not a regular file");
  uint64_t end = 0;
  if (spec.bytes == 0) {
    if (info.bytes <= spec.offset) return Fail(Code::kRange, info.bytes == 0 ? "empty file" : "file", info.bytes);
    region->bytes = info.bytes - spec.offset;
  } else if (!CheckedAdd(spec.offset, spec.bytes, &end)) {
    return Fail(Code::kInvalid, "file");
  } else {
    if (end > info.bytes) {
      if (!spec.extend) return Fail(Code::kRange, "file", info.bytes);
      const Status grown = platform::ResizeFile(region->file, end);
      if (!grown.ok()) return grown;
      touched->grown_from = info.bytes;
      touched->grown_to = end;
    }
    region->bytes = spec.bytes;
  }
  region->file_offset = spec.offset;
  region->copy_on_write = !spec.shared_file;
  region->shared_file = spec.shared_file;
  region->sync = spec.sync;
  return Ok();
}

Status OpenSharedFor(const Spec& spec, Region* region) {
  if (spec.remote_process != 0) {
    const Status opened = platform::OpenRemoteObject(spec.remote_process, spec.remote_file, &region->file);
    if (!opened.ok()) return opened;
  } else if (spec.name != nullptr) {
    const Status opened = platform::OpenNamedObject(spec.name, !spec.open_existing, spec.bytes, &region->file);
    if (!opened.ok()) return opened;
  } else {
    // The object is as long as the mapping, so that the last page has storage to its end.
    uint64_t whole = 0;
    if (!AlignUp(spec.bytes, region->page_bytes, &whole)) return Fail(Code::kInvalid, "memfd_create");
    const Status made = platform::CreateMemoryObject("nebula-memory", whole, spec.huge_bytes, &region->file);
    if (!made.ok()) return made;
    region->huge_bytes = spec.huge_bytes;
    region->bytes = spec.bytes;
    return Ok();
  }
  platform::FileInfo info{};
  const Status seen = platform::StatFile(region->file, &info);
  if (!seen.ok()) return seen;
  if (spec.remote_process != 0 && info.identity != spec.remote_identity) return Fail(Code::kStale, "handle");
  if (spec.remote_process != 0 && !info.regular) return Fail(Code::kInvalid, "not a regular file");
  if (info.bytes == 0) return Fail(Code::kRange, "empty file", 0);
  region->bytes = spec.bytes != 0 ? spec.bytes : info.bytes;
  if (region->bytes > info.bytes) return Fail(Code::kRange, "file", info.bytes);
  return Ok();
}

Status OpenSecretFor(const Spec& spec, Region* region, uint64_t mapped) {
  region->bytes = spec.bytes;
  const Status made = platform::CreateSecretObject(mapped, &region->file);
  region->secret_memory = made.ok();
  return Ok();  // without it the pages are private ones, and TypeScript reports which protections they got
}

// Kernels refuse to populate secret memory by advice, so it is touched; a page that is not to be had then shows as a
// repaired fault.
Status ArmSecret(Region* region) {
  const uint32_t before = region->range->faults.load(std::memory_order_relaxed);
  auto* at = reinterpret_cast<volatile uint8_t*>(region->range->base.load());
  for (uint64_t offset = 0; offset < region->mapped_bytes; offset += region->page_bytes) at[offset] = 0;
  if (region->range->faults.load(std::memory_order_relaxed) != before) {
    return Fail(Code::kNoMemory, "memfd_secret", region->mapped_bytes);
  }
  ArmCanary(region);
  return Ok();
}

}  // namespace

Status MakePages(const Spec& spec, Region* region) {
  Table& table = GetTable();
  region->page_bytes = spec.huge_bytes != 0 ? spec.huge_bytes : platform::GetCapabilities().page_bytes;
  uint64_t wanted = spec.bytes;
  if (spec.kind == Kind::kSecret && !CheckedAdd(spec.bytes, sizeof region->canary, &wanted)) {
    return Fail(Code::kInvalid, "mmap");
  }
  Status opened;
  region->bytes = spec.bytes;
  if (spec.kind == Kind::kAnonymous) region->huge_bytes = spec.huge_bytes;
  Touched touched;
  if (spec.kind == Kind::kFile) opened = OpenFileFor(spec, region, &touched);
  if (spec.kind == Kind::kShared) opened = OpenSharedFor(spec, region);
  if (spec.kind == Kind::kFile || spec.kind == Kind::kShared) wanted = region->bytes;
  uint64_t mapped = 0;
  if (opened.ok() && (wanted == 0 || !AlignUp(wanted, region->page_bytes, &mapped))) {
    opened = Fail(Code::kInvalid, "mmap");
  }
  if (opened.ok() && spec.kind == Kind::kSecret) opened = OpenSecretFor(spec, region, mapped);
  Range* range = nullptr;
  if (opened.ok()) {
    platform::MutexGuard guard(table.lock);
    opened = NewRange(region->guarded ? 3 : 1, &range);
  }
  Placed placed;
  if (opened.ok()) {
    opened = MapPages(spec, region, mapped, &placed);
    if (!opened.ok() && region->secret_memory) {
      // Over the lock limit, most likely: the next best is private memory.
      platform::CloseFile(region->file);
      region->file = platform::kNoFile;
      region->secret_memory = false;
      placed = Placed{};
      opened = MapPages(spec, region, mapped, &placed);
    }
  }
  if (!opened.ok()) {
    if (range != nullptr) {
      platform::MutexGuard guard(table.lock);
      DropRange(range);
    }
    // A name that was made here and leads to nothing usable would stay taken for ever.
    const bool named = spec.name != nullptr && !spec.open_existing && region->file != platform::kNoFile;
    if (touched.grown_to != 0 && !touched.created) UndoGrowth(region->file, touched.grown_to, touched.grown_from);
    platform::CloseFile(region->file);
    if (touched.created) platform::RemoveFile(spec.path);
    region->file = platform::kNoFile;
    if (named) platform::UnlinkNamedObject(spec.name);
    return opened;
  }
  region->mapped_bytes = mapped;
  region->range = range;
  {
    platform::MutexGuard guard(table.lock);
    PlaceRange(range, placed.outer, placed.outer_bytes, placed.base, mapped, region->page_bytes, BackingOf(region));
    range->file_offset.store(region->file_offset, std::memory_order_relaxed);
    range->file.store(region->file, std::memory_order_release);
  }
  if (region->kind != Kind::kSecret) return Ok();
  const Status armed = ArmSecret(region);
  if (!armed.ok()) {
    Retire(range, Caller{}, false);
    platform::CloseFile(region->file);
    region->file = platform::kNoFile;
  }
  return armed;
}

Status UnlinkName(const char* name) { return platform::UnlinkNamedObject(name); }

}  // namespace nebula::region
