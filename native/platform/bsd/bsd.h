// Shared inside platform/bsd/ only: words of madvise() and minherit() that some of macOS, FreeBSD, OpenBSD and NetBSD
// have and others lack. A word that is missing is kNoWord and answers kUnsupported.
#pragma once

#include <sys/mman.h>
#ifdef __APPLE__
#include <mach/vm_inherit.h>
#endif

#include "../posix/posix.h"

namespace nebula::platform::bsd_os {

inline constexpr int kNoWord = -1;

#ifdef MADV_CORE
inline constexpr int kCore = MADV_CORE;
inline constexpr int kNoCore = MADV_NOCORE;
#else
inline constexpr int kCore = kNoWord;
inline constexpr int kNoCore = kNoWord;
#endif

#if defined(INHERIT_NONE)
inline constexpr int kInheritCopy = INHERIT_COPY;
inline constexpr int kInheritNone = INHERIT_NONE;
#elif defined(MAP_INHERIT_NONE)
inline constexpr int kInheritCopy = MAP_INHERIT_COPY;
inline constexpr int kInheritNone = MAP_INHERIT_NONE;
#else
inline constexpr int kInheritCopy = VM_INHERIT_COPY;
inline constexpr int kInheritNone = VM_INHERIT_NONE;
#endif

#if defined(INHERIT_ZERO)
inline constexpr int kInheritZero = INHERIT_ZERO;
#elif defined(MAP_INHERIT_ZERO)
inline constexpr int kInheritZero = MAP_INHERIT_ZERO;
#else
inline constexpr int kInheritZero = kNoWord;
#endif

}  // namespace nebula::platform::bsd_os
