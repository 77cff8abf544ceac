// Raw system calls and the numbers that the C library's headers of the oldest supported system lack.
#pragma once

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../posix/posix.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

namespace nebula::platform::linux_os {

inline constexpr int kMapHugetlb = 0x40000;
inline constexpr int kMapHugeShift = 26;
inline constexpr int kMapSync = 0x80000;
inline constexpr int kMapSharedValidate = 0x03;
inline constexpr unsigned kMfdCloexec = 0x1;
inline constexpr unsigned kMfdAllowSealing = 0x2;
inline constexpr unsigned kMfdHugetlb = 0x4;
inline constexpr int kRemapMayMove = 1;
inline constexpr int kRemapFixed = 2;
inline constexpr int kRemapDontUnmap = 4;

inline constexpr int kPolicyMove = 1 << 1;  // MPOL_MF_MOVE

inline int LogTwo(uint64_t value) { return 63 - __builtin_clzll(value); }
inline int HugeFlag(uint64_t huge_bytes) { return LogTwo(huge_bytes) << kMapHugeShift; }

// Reads a small text file; returns the number of bytes, or 0 when it cannot be read.
size_t ReadSmallFile(const char* path, char* out, size_t capacity);
// The first decimal number in a file, or `otherwise`.
uint64_t ReadNumber(const char* path, uint64_t otherwise);

}  // namespace nebula::platform::linux_os
