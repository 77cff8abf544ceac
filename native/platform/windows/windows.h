// Shared inside platform/windows/ only: the OS header in its smallest form, how our File carries two kinds of handle,
// and functions that are looked up at run time because the oldest supported Windows lacks them.
#pragma once

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0602
#endif
#ifndef PSAPI_VERSION
#define PSAPI_VERSION 2
#endif
#include <windows.h>

#include <psapi.h>

#include "../platform.h"

namespace nebula::platform::windows_os {

inline Status LastFailure(const char* call) { return SystemFailure(call, static_cast<int>(GetLastError())); }

// Handles are multiples of four and the kernel ignores the two low bits, so bit 0 of a File says "section" (memory
// object) where it is clear for a file. The mark travels with the number when a handle is given to another process.
inline bool IsSection(File file) { return file != kNoFile && (file & 1) != 0; }
inline HANDLE HandleOf(File file) { return reinterpret_cast<HANDLE>(file & ~intptr_t{3}); }
inline File FileFromHandle(HANDLE handle) { return reinterpret_cast<intptr_t>(handle); }
inline File FileFromSection(HANDLE handle) { return reinterpret_cast<intptr_t>(handle) | 1; }

// Part of the address space that is alike throughout, cut to the range that was asked about.
struct Piece {
  uintptr_t begin;
  uintptr_t end;
  uintptr_t allocation;  // where the reservation or view around it begins
  DWORD allocation_protect;
  DWORD state;  // MEM_COMMIT, MEM_RESERVE, MEM_FREE
  DWORD protect;
  DWORD type;  // MEM_PRIVATE, MEM_MAPPED, MEM_IMAGE
};
bool PieceAt(uintptr_t at, uintptr_t limit, Piece* out);

// The whole reservation or view around `at`.
bool AllocationAround(uintptr_t at, uintptr_t* begin, uintptr_t* end);

inline bool IsWritable(const Piece& piece) {
  return piece.state == MEM_COMMIT && (piece.protect & PAGE_GUARD) == 0 &&
         (piece.protect & (PAGE_READWRITE | PAGE_WRITECOPY)) != 0;
}

// True when some page of the range is held by LockPages(); quick while nothing ever was.
bool AnyLocked(uintptr_t begin, uintptr_t end);

// Makes a placeholder of exactly [begin, end), cut out of the larger one around it. False: not a placeholder.
bool CutPlaceholder(uintptr_t begin, uintptr_t end);
// Undoes that: `begin` and `end` are those of the larger one.
void JoinPlaceholders(uintptr_t begin, uintptr_t end);

// Turns the privilege on that large pages need. Not ok: the account does not hold it.
Status EnableLargePages();

// Takes a range out of the list of those that error reports leave out. Cheap when there are none.
void ForgetNoDump(void* address);

// A function that is looked up when it is first used. Constant-initialized; racing look-ups find the same.
template <typename Function>
class Late {
 public:
  constexpr Late(const wchar_t* library, const char* name) : library_(library), name_(name) {}

  // Null: not on this Windows.
  Function* Get() {
    uintptr_t found = found_.load(std::memory_order_relaxed);
    if (found == kUnknown) {
      const HMODULE module = GetModuleHandleW(library_);
      const FARPROC address = module == nullptr ? nullptr : GetProcAddress(module, name_);
      found = address == nullptr ? kMissing : reinterpret_cast<uintptr_t>(address);
      found_.store(found, std::memory_order_relaxed);
    }
    return found == kMissing ? nullptr : reinterpret_cast<Function*>(found);
  }

 private:
  static constexpr uintptr_t kUnknown = 0;
  static constexpr uintptr_t kMissing = 1;
  const wchar_t* library_;
  const char* name_;
  std::atomic<uintptr_t> found_{kUnknown};
};

// Windows 10 1803: placeholders, which let a view replace a part of a reservation without a gap.
using VirtualAlloc2Function = void* WINAPI(HANDLE, void*, SIZE_T, ULONG, ULONG, void*, ULONG);
using MapViewOfFile3Function = void* WINAPI(HANDLE, HANDLE, void*, ULONG64, SIZE_T, ULONG, ULONG, void*, ULONG);
extern Late<VirtualAlloc2Function> late_virtual_alloc2;
extern Late<MapViewOfFile3Function> late_map_view_of_file3;
inline constexpr DWORD kReservePlaceholder = 0x40000;  // MEM_RESERVE_PLACEHOLDER
inline constexpr DWORD kReplacePlaceholder = 0x4000;   // MEM_REPLACE_PLACEHOLDER
inline constexpr DWORD kPreservePlaceholder = 0x2;     // MEM_PRESERVE_PLACEHOLDER

}  // namespace nebula::platform::windows_os
