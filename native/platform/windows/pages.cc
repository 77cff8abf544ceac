// Address space: reservations, private memory and their end. Windows frees whole reservations and views only, never a
// part of one, so Unmap() accepts a range that covers whole ones and refuses to cut any. Private memory is committed
// when mapped: Windows charges it then, and has no overcommit.
#include <cstring>

#include "windows.h"

namespace nebula::platform {

namespace windows_os {

constinit Late<VirtualAlloc2Function> late_virtual_alloc2{L"kernelbase.dll", "VirtualAlloc2"};

bool PieceAt(uintptr_t at, uintptr_t limit, Piece* out) {
  MEMORY_BASIC_INFORMATION found = {};
  if (VirtualQuery(reinterpret_cast<void*>(at), &found, sizeof found) == 0) return false;
  const uintptr_t end = reinterpret_cast<uintptr_t>(found.BaseAddress) + found.RegionSize;
  *out = Piece{at,
               end < limit ? end : limit,
               reinterpret_cast<uintptr_t>(found.AllocationBase),
               found.AllocationProtect,
               found.State,
               found.Protect,
               found.Type};
  return true;
}

bool AllocationAround(uintptr_t at, uintptr_t* begin, uintptr_t* end) {
  Piece piece;
  if (!PieceAt(at, UINTPTR_MAX, &piece) || piece.state == MEM_FREE) return false;
  *begin = piece.allocation;
  *end = piece.end;
  while (PieceAt(*end, UINTPTR_MAX, &piece) && piece.state != MEM_FREE && piece.allocation == *begin) {
    *end = piece.end;
  }
  return true;
}

bool CutPlaceholder(uintptr_t begin, uintptr_t end) {
  uintptr_t around_begin = 0;
  uintptr_t around_end = 0;
  if (!AllocationAround(begin, &around_begin, &around_end) || around_end < end) return false;
  if (around_begin == begin && around_end == end) return true;  // cutting it once more would be an error
  return VirtualFree(reinterpret_cast<void*>(begin), end - begin, MEM_RELEASE | kPreservePlaceholder) != 0;
}

void JoinPlaceholders(uintptr_t begin, uintptr_t end) {
  constexpr DWORD kCoalescePlaceholders = 0x1;
  VirtualFree(reinterpret_cast<void*>(begin), end - begin, MEM_RELEASE | kCoalescePlaceholders);
}

namespace {

// A placeholder cannot be committed. It is turned into an ordinary reservation as a whole, so that the range stays
// one allocation: VirtualProtect() and VirtualLock() do not reach over the border of two.
bool PlaceholderToReservation(uintptr_t at) {
  auto* allocate = late_virtual_alloc2.Get();
  uintptr_t begin = 0;
  uintptr_t end = 0;
  if (allocate == nullptr || !AllocationAround(at, &begin, &end)) return false;
  return allocate(GetCurrentProcess(), reinterpret_cast<void*>(begin), end - begin, MEM_RESERVE | kReplacePlaceholder,
                  PAGE_NOACCESS, nullptr, 0) != nullptr;
}

void* AllocateAt(void* at, const AnonymousRequest& request, DWORD extra) {
  const DWORD type = MEM_RESERVE | MEM_COMMIT | extra;
  if (request.node < 0) return VirtualAlloc(at, request.bytes, type, PAGE_READWRITE);
  return VirtualAllocExNuma(GetCurrentProcess(), at, request.bytes, type, PAGE_READWRITE,
                            static_cast<DWORD>(request.node));
}

// 1 GiB pages are asked for by an attribute (Windows 10 1803).
void* AllocateGiant(const AnonymousRequest& request) {
  struct Parameter {
    uint64_t kind;
    uint64_t value;
  };
  constexpr uint64_t kNumaNode = 2;
  constexpr uint64_t kAttributes = 5;
  constexpr uint64_t kNonPagedHuge = 0x10;
  Parameter parameters[2] = {{kAttributes, kNonPagedHuge}, {kNumaNode, static_cast<uint64_t>(request.node)}};
  auto* allocate = late_virtual_alloc2.Get();
  if (allocate == nullptr) {
    SetLastError(ERROR_NOT_SUPPORTED);
    return nullptr;
  }
  return allocate(GetCurrentProcess(), nullptr, request.bytes, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES,
                  PAGE_READWRITE, parameters, request.node < 0 ? 1 : 2);
}

// No call of old Windows aligns. A free place is found with a padded reservation, let go, and taken at the aligned
// address; another thread may take it first, hence the tries.
void* AllocateAligned(const AnonymousRequest& request, DWORD extra) {
  uint64_t padded = 0;
  if (!CheckedAdd(request.bytes, request.align, &padded)) {
    SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return nullptr;
  }
  for (int tries = 0; tries < 32; ++tries) {
    void* probe = VirtualAlloc(nullptr, padded, MEM_RESERVE, PAGE_NOACCESS);
    if (probe == nullptr) return nullptr;
    const uintptr_t mask = static_cast<uintptr_t>(request.align) - 1;
    void* aligned = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(probe) + mask) & ~mask);
    VirtualFree(probe, 0, MEM_RELEASE);
    void* got = AllocateAt(aligned, request, extra);
    if (got != nullptr || GetLastError() != ERROR_INVALID_ADDRESS) return got;
  }
  return nullptr;
}

}  // namespace

}  // namespace windows_os

using windows_os::LastFailure;
using windows_os::Piece;
using windows_os::PieceAt;

Status MapAnonymous(const AnonymousRequest& request, void** out) {
  constexpr uint64_t kGiant = uint64_t{1} << 30;
  const Capabilities& machine = GetCapabilities();
  DWORD extra = 0;
  uint64_t natural = machine.granularity_bytes;
  if (request.huge_bytes != 0) {
    if (request.huge_bytes != machine.default_huge_bytes && request.huge_bytes != kGiant) {
      return Fail(Code::kUnsupported, "VirtualAlloc", request.huge_bytes);
    }
    const Status enabled = windows_os::EnableLargePages();
    if (!enabled.ok()) return enabled;
    extra = MEM_LARGE_PAGES;
    natural = request.huge_bytes;
  }
  void* got = nullptr;
  if (request.huge_bytes == kGiant && kGiant != machine.default_huge_bytes) {
    got = request.align > kGiant ? nullptr : windows_os::AllocateGiant(request);
  } else if (request.align > natural) {
    got = windows_os::AllocateAligned(request, extra);
  } else {
    got = windows_os::AllocateAt(nullptr, request, extra);
  }
  if (got == nullptr) return LastFailure(request.node < 0 ? "VirtualAlloc" : "VirtualAllocExNuma");
  *out = got;
  return Ok();
}

Status Reserve(uint64_t bytes, void** out) {
  // A placeholder where Windows has them, because only these can be replaced by a view of an object.
  if (auto* allocate = windows_os::late_virtual_alloc2.Get()) {
    void* got = allocate(GetCurrentProcess(), nullptr, bytes, MEM_RESERVE | windows_os::kReservePlaceholder,
                         PAGE_NOACCESS, nullptr, 0);
    if (got != nullptr) {
      *out = got;
      return Ok();
    }
  }
  void* got = VirtualAlloc(nullptr, bytes, MEM_RESERVE, PAGE_NOACCESS);
  if (got == nullptr) return LastFailure("VirtualAlloc");
  *out = got;
  return Ok();
}

Status CommitInto(void* address, uint64_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  bool used = false;  // committing what is committed keeps its bytes
  for (uintptr_t at = begin; at < begin + bytes;) {
    Piece piece;
    if (!PieceAt(at, begin + bytes, &piece)) return LastFailure("VirtualQuery");
    used |= piece.state == MEM_COMMIT;
    at = piece.end;
  }
  if (VirtualAlloc(address, bytes, MEM_COMMIT, PAGE_READWRITE) == nullptr) {
    const Status refused = LastFailure("VirtualAlloc");
    if (!windows_os::PlaceholderToReservation(begin)) return refused;
    if (VirtualAlloc(address, bytes, MEM_COMMIT, PAGE_READWRITE) == nullptr) return LastFailure("VirtualAlloc");
  }
  return used ? Tombstone(address, bytes, Backing::kAnonymous) : Ok();
}

Status Unmap(void* address, uint64_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  const uintptr_t end = begin + bytes;
  // First look, then act: a range that would cut a reservation is refused while everything still stands.
  for (uintptr_t at = begin; at < end;) {
    Piece piece;
    if (!PieceAt(at, end, &piece)) return LastFailure("VirtualQuery");
    if (piece.state == MEM_FREE) {
      at = piece.end;
      continue;
    }
    uintptr_t whole_begin = 0;
    uintptr_t whole_end = 0;
    if (!windows_os::AllocationAround(at, &whole_begin, &whole_end)) return LastFailure("VirtualQuery");
    if (whole_begin < begin || whole_end > end) return Fail(Code::kUnsupported, "VirtualFree", whole_end - whole_begin);
    at = whole_end;
  }
  windows_os::ForgetNoDump(address);
  for (uintptr_t at = begin; at < end;) {
    Piece piece;
    if (!PieceAt(at, end, &piece)) return LastFailure("VirtualQuery");
    at = piece.end;
    if (piece.state == MEM_FREE) continue;
    auto* base = reinterpret_cast<void*>(piece.allocation);
    if (piece.type == MEM_MAPPED) {
      if (!UnmapViewOfFile(base)) return LastFailure("UnmapViewOfFile");
    } else if (!VirtualFree(base, 0, MEM_RELEASE)) {
      return LastFailure("VirtualFree");
    }
  }
  return Ok();
}

// A view is recognized by what lies there.
Status UnmapObject(void* address, uint64_t bytes) { return Unmap(address, bytes); }

// Windows cannot move pages from one address to another.
Status MoveKeepingZeros(void*, uint64_t, void*) { return Fail(Code::kUnsupported, "mremap"); }

// By copying, and only where the whole range can be written to: no call moves or grows memory.
Status Resize(void* address, uint64_t old_bytes, uint64_t new_bytes, void** out) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  Piece piece;
  if (!PieceAt(begin, begin + old_bytes, &piece)) return LastFailure("VirtualQuery");
  const bool plain = piece.end == begin + old_bytes && piece.type == MEM_PRIVATE && windows_os::IsWritable(piece);
  if (!plain) return Fail(Code::kUnsupported, "VirtualAlloc");
  void* moved = nullptr;
  const Status mapped = MapAnonymous(AnonymousRequest{new_bytes, 0, 0, -1}, &moved);
  if (!mapped.ok()) return mapped;
  std::memcpy(moved, address, old_bytes < new_bytes ? old_bytes : new_bytes);
  const Status freed = Unmap(address, old_bytes);
  if (!freed.ok()) {
    VirtualFree(moved, 0, MEM_RELEASE);
    return freed;
  }
  *out = moved;
  return Ok();
}

Status Protect(void* address, uint64_t bytes, Access access) {
  DWORD wanted = PAGE_READWRITE;
  if (access == Access::kNone) wanted = PAGE_NOACCESS;
  if (access == Access::kRead) wanted = PAGE_READONLY;
  if (access == Access::kReadWrite) {
    // Asking a private view of a file for plain write access would be asking for the file.
    Piece piece;
    const auto begin = reinterpret_cast<uintptr_t>(address);
    if (PieceAt(begin, begin + bytes, &piece) && piece.allocation_protect == PAGE_WRITECOPY) wanted = PAGE_WRITECOPY;
  }
  DWORD before = 0;
  if (!VirtualProtect(address, bytes, wanted, &before)) return LastFailure("VirtualProtect");
  return Ok();
}

}  // namespace nebula::platform
