// Shared inside platform/ by the Unix implementations only; the layers above see platform.h and nothing else.
#pragma once

#include <sys/mman.h>

#include "../platform.h"

namespace nebula::platform::posix {

#ifdef MAP_ANONYMOUS
inline constexpr int kAnonymous = MAP_ANONYMOUS;
#else
inline constexpr int kAnonymous = MAP_ANON;
#endif
#ifdef MAP_NORESERVE
inline constexpr int kNoReserve = MAP_NORESERVE;
#else
inline constexpr int kNoReserve = 0;
#endif

// mincore() takes unsigned char on Linux and char on the BSDs; the compiler picks whichever is declared.
template <typename Cell>
Cell MincoreCellOf(int (*)(void*, size_t, Cell*));
template <typename Cell>
Cell MincoreCellOf(int (*)(const void*, size_t, Cell*));
template <typename Cell>
Cell MincoreCellOf(int (*)(void*, size_t, Cell*) noexcept);
using MincoreCell = decltype(MincoreCellOf(&mincore));

int ProtectionOf(Access access);
Status MapRange(void* at, uint64_t bytes, int protection, int flags, int fd, uint64_t offset, void** out);
// Makes private anonymous pages read as zeros without a new mapping; false where the system has no such call.
bool EmptyInPlace(void* address, uint64_t bytes);
// Read-write, aligned; `page_bytes` is the alignment that the kernel gives by itself for these flags.
Status MapAligned(uint64_t bytes, uint64_t align, uint64_t page_bytes, int flags, void** out);

}  // namespace nebula::platform::posix
