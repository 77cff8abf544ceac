// Names for the launcher's rules: system calls by architecture (x86-64, arm64; -1: it has none), errors, limits.
#pragma once

struct Pair {
  const char* name;
  int value;
};

static const struct Pair kSyscalls[] = {
    {"open", NUMBER(2, -1)},
    {"openat", NUMBER(257, 56)},
    {"statx", NUMBER(332, 291)},
    {"mmap", NUMBER(9, 222)},
    {"mprotect", NUMBER(10, 226)},
    {"munmap", NUMBER(11, 215)},
    {"mremap", NUMBER(25, 216)},
    {"msync", NUMBER(26, 227)},
    {"mincore", NUMBER(27, 232)},
    {"madvise", NUMBER(28, 233)},
    {"process_madvise", NUMBER(440, 440)},
    {"mlock", NUMBER(149, 228)},
    {"mlock2", NUMBER(325, 284)},
    {"munlock", NUMBER(150, 229)},
    {"ftruncate", NUMBER(77, 46)},
    {"fallocate", NUMBER(285, 47)},
    {"unlink", NUMBER(87, -1)},
    {"unlinkat", NUMBER(263, 35)},
    {"memfd_create", NUMBER(319, 279)},
    {"memfd_secret", NUMBER(447, 447)},
    {"mbind", NUMBER(237, 235)},
    {"set_mempolicy", NUMBER(238, 237)},
    {"get_mempolicy", NUMBER(239, 236)},
    {"set_mempolicy_home_node", NUMBER(450, 450)},
    {"migrate_pages", NUMBER(256, 238)},
    {"move_pages", NUMBER(279, 239)},
    {"getcpu", NUMBER(309, 168)},
    {"sched_setaffinity", NUMBER(203, 122)},
    {"futex", NUMBER(202, 98)},
    {"prctl", NUMBER(157, 167)},
    {"getrandom", NUMBER(318, 278)},
    {"clone", NUMBER(56, 220)},
    {"clone3", NUMBER(435, 435)},
    {"close_range", NUMBER(436, 436)},
    {"openat2", NUMBER(437, 437)},
    {"pidfd_getfd", NUMBER(438, 438)},
    {"faccessat2", NUMBER(439, 439)},
    {"epoll_pwait2", NUMBER(441, 441)},
    {"userfaultfd", NUMBER(323, 282)},
    {"perf_event_open", NUMBER(298, 241)},
    {"bpf", NUMBER(321, 280)},
    {"kcmp", NUMBER(312, 272)},
    {"keyctl", NUMBER(250, 219)},
    {"add_key", NUMBER(248, 217)},
    {"request_key", NUMBER(249, 218)},
    {"mount", NUMBER(165, 40)},
    {"umount2", NUMBER(166, 39)},
    {"unshare", NUMBER(272, 97)},
    {"setns", NUMBER(308, 268)},
    {"io_uring_setup", NUMBER(425, 425)},
    {"process_vm_readv", NUMBER(310, 270)},
    {"process_vm_writev", NUMBER(311, 271)},
};

static const struct Pair kErrors[] = {
    {"EPERM", EPERM},   {"ENOENT", ENOENT}, {"EINTR", EINTR},   {"EIO", EIO},       {"EAGAIN", EAGAIN},
    {"ENOMEM", ENOMEM}, {"EACCES", EACCES}, {"EFAULT", EFAULT}, {"EBUSY", EBUSY},   {"EEXIST", EEXIST},
    {"ENODEV", ENODEV}, {"EINVAL", EINVAL}, {"ENFILE", ENFILE}, {"EMFILE", EMFILE}, {"EFBIG", EFBIG},
    {"ENOSPC", ENOSPC}, {"EROFS", EROFS},   {"ENOSYS", ENOSYS}, {"EDQUOT", EDQUOT}, {"EOPNOTSUPP", EOPNOTSUPP},
};

static const struct Pair kLimits[] = {
    {"as", RLIMIT_AS},
    {"memlock", RLIMIT_MEMLOCK},
    {"nofile", RLIMIT_NOFILE},
    {"nproc", RLIMIT_NPROC},
};
