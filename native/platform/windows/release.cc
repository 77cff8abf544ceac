// Giving pages back while their addresses stay valid. Decommitting and committing again would be the quick way, and
// would leave a moment in which a stale view of another thread meets an access violation, which ends the process. So
// committed pages stay committed: each is overwritten with zeros and then discarded. Discarded contents are undefined
// by documentation, in fact either what was there or zeros; after the overwriting both are zeros. The price: every
// page is touched once (a piece at a time, so that a large untouched region never becomes resident as a whole), and
// the commit charge stays until Unmap().
#include <cstring>

#include "windows.h"

namespace nebula::platform {

namespace {

using windows_os::LastFailure;
using windows_os::Piece;
using windows_os::PieceAt;

constexpr uintptr_t kStepBytes = uintptr_t{1} << 20;

using DiscardFunction = DWORD WINAPI(void*, SIZE_T);
constinit windows_os::Late<DiscardFunction> late_discard{L"kernel32.dll", "DiscardVirtualMemory"};  // Windows 8.1

// post: nothing that a reader could see; the pages are out of the working set where the system lets them.
void DiscardZeros(void* address, uintptr_t bytes) {
  auto* discard = late_discard.Get();
  if (discard != nullptr && discard(address, bytes) == ERROR_SUCCESS) return;
  // Unlocking what is not locked takes it out of the working set, with an error that says nothing.
  VirtualUnlock(address, bytes);
  if (discard != nullptr && discard(address, bytes) == ERROR_SUCCESS) return;
  VirtualAlloc(address, bytes, MEM_RESET, PAGE_READWRITE);  // no need to write them to the page file
  VirtualUnlock(address, bytes);
}

// Page by page: a range in which some pages are locked and some are not is unlocked as neither.
void UnlockEach(uintptr_t begin, uintptr_t end) {
  if (!windows_os::AnyLocked(begin, end)) return;
  const uint64_t page_bytes = GetCapabilities().page_bytes;
  for (uintptr_t at = begin; at < end; at += page_bytes) VirtualUnlock(reinterpret_cast<void*>(at), page_bytes);
}

enum class After : uint8_t { kReadWrite, kAsBefore };

Status EmptyPiece(const Piece& piece, After after, bool discard) {
  DWORD before = 0;
  auto* start = reinterpret_cast<void*>(piece.begin);
  const bool opened = !windows_os::IsWritable(piece);
  if (opened && !VirtualProtect(start, piece.end - piece.begin, PAGE_READWRITE, &before)) {
    return LastFailure("VirtualProtect");
  }
  for (uintptr_t at = piece.begin; at < piece.end; at += kStepBytes) {
    const uintptr_t bytes = piece.end - at < kStepBytes ? piece.end - at : kStepBytes;
    std::memset(reinterpret_cast<void*>(at), 0, bytes);
    if (discard) DiscardZeros(reinterpret_cast<void*>(at), bytes);
  }
  if (opened && after == After::kAsBefore) VirtualProtect(start, piece.end - piece.begin, before, &before);
  return Ok();
}

// True when the whole range is private memory.
bool IsPrivate(uintptr_t begin, uintptr_t end) {
  for (uintptr_t at = begin; at < end;) {
    Piece piece;
    if (!PieceAt(at, end, &piece) || piece.state == MEM_FREE || piece.type != MEM_PRIVATE) return false;
    at = piece.end;
  }
  return true;
}

Status EmptyPrivate(uintptr_t begin, uintptr_t end, After after, bool discard) {
  for (uintptr_t at = begin; at < end;) {
    Piece piece;
    if (!PieceAt(at, end, &piece)) return LastFailure("VirtualQuery");
    at = piece.end;
    if (piece.state == MEM_COMMIT) {
      const Status emptied = EmptyPiece(piece, after, discard);
      if (!emptied.ok()) return emptied;
    } else if (after == After::kReadWrite) {
      const Status committed = CommitInto(reinterpret_cast<void*>(piece.begin), piece.end - piece.begin);
      if (!committed.ok()) return committed;
    }
  }
  return Ok();
}

}  // namespace

// Views of objects cannot become private memory without a gap: kUnsupported, and the caller keeps the view mapped
// until nobody can reach it. Large pages are zeroed and stay with the process until Unmap(): Windows neither pages
// nor discards them.
Status Tombstone(void* address, uint64_t bytes, Backing source) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  if (source == Backing::kObject || !IsPrivate(begin, begin + bytes)) {
    return Fail(Code::kUnsupported, "MapViewOfFile3");
  }
  if (source == Backing::kAnonymous) UnlockEach(begin, begin + bytes);
  return EmptyPrivate(begin, begin + bytes, After::kReadWrite, source == Backing::kAnonymous);
}

Status Decommit(void* address, uint64_t bytes, Backing source) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  const uintptr_t end = begin + bytes;
  if (source == Backing::kHuge) return Fail(Code::kUnsupported, "DiscardVirtualMemory");
  if (windows_os::AnyLocked(begin, end)) return SystemFailure("DiscardVirtualMemory", ERROR_LOCKED);
  if (IsPrivate(begin, end)) return EmptyPrivate(begin, end, After::kAsBefore, true);
  Piece piece;
  if (!PieceAt(begin, end, &piece)) return LastFailure("VirtualQuery");
  // Pages of a private view that were written to hold what the object does not: nothing short of mapping anew
  // brings the object back.
  if (piece.allocation_protect == PAGE_WRITECOPY) return Fail(Code::kUnsupported, "VirtualUnlock");
  VirtualUnlock(address, bytes);  // out of the working set; the answer for what was not locked is always "failed"
  return Ok();
}

}  // namespace nebula::platform
