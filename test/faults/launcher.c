// launcher [options] -- command args...   Runs a command in a world that lacks something.
//   --deny RULE         NAME[,argI=V][,argI&MASK=V]...:ERRNO         from the start, decided by the filter alone
//                       ...:armed                                    only between the command's own arm and disarm
//                       ...:after=N                                  from the N+1st such call of the process on
//   --rlimit NAME=N     as, memlock, nofile, nproc (soft and hard)
//   --tmpfs DIR:BYTES:MODE  rw or ro, holding a file `data` of 8192 bytes; in a mount namespace of its own
//   --drop-caps         no capability, also not for root
//   --uid N             as this user
// The command talks to it by kill(pid, 0) with numbers that are no process: see `Answer`. Exit status and signal are
// the command's; 77 means that this machine cannot make such a world, and stderr says why.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define NUMBER(x64, arm64) x64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define NUMBER(x64, arm64) arm64
#else
#error "x86-64 and arm64 only"
#endif

#include "syscalls.h"

enum { kMaxRules = 64, kMaxTests = 4, kUnavailable = 77 };
enum When { kAlways, kArmed, kAfter };

struct Test {
  unsigned arg;
  uint32_t mask, value;
};

struct Rule {
  int number, error;
  enum When when;
  unsigned after, seen;
  struct Test tests[kMaxTests];
  unsigned count;
};

static struct Rule rules[kMaxRules];
static unsigned rule_count;

static void Die(const char* what) {
  fprintf(stderr, "launcher: %s: %s\n", what, strerror(errno));
  exit(kUnavailable);
}

static void Wrong(const char* what) {
  fprintf(stderr, "launcher: not understood: %s\n", what);
  exit(2);
}

static int Lookup(const struct Pair* table, size_t count, const char* name) {
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(table[i].name, name) == 0) return table[i].value;
  }
  Wrong(name);
  return -1;
}

static void ParseTest(struct Rule* rule, char* text) {
  if (rule->count == kMaxTests || strncmp(text, "arg", 3) != 0) Wrong(text);
  struct Test* test = &rule->tests[rule->count++];
  char* at = NULL;
  test->arg = (unsigned)strtoul(text + 3, &at, 10);
  test->mask = 0xffffffff;
  if (*at == '&') test->mask = (uint32_t)strtoul(at + 1, &at, 0);
  if (*at != '=' || test->arg > 5) Wrong(text);
  test->value = (uint32_t)strtoul(at + 1, &at, 0);
  if (*at != '\0') Wrong(text);
}

static void ParseRule(char* text) {
  if (rule_count == kMaxRules) Wrong("too many rules");
  struct Rule* rule = &rules[rule_count];
  char* error = strchr(text, ':');
  if (error == NULL) Wrong(text);
  *error++ = '\0';
  char* when = strchr(error, ':');
  if (when != NULL) *when++ = '\0';
  char* save = NULL;
  rule->number = Lookup(kSyscalls, sizeof kSyscalls / sizeof *kSyscalls, strtok_r(text, ",", &save));
  for (char* test; (test = strtok_r(NULL, ",", &save)) != NULL;) ParseTest(rule, test);
  rule->error = Lookup(kErrors, sizeof kErrors / sizeof *kErrors, error);
  if (when != NULL && strcmp(when, "armed") == 0) {
    rule->when = kArmed;
  } else if (when != NULL && strncmp(when, "after=", 6) == 0) {
    rule->when = kAfter;
    rule->after = (unsigned)strtoul(when + 6, NULL, 10);
  } else if (when != NULL) {
    Wrong(when);
  }
  if (rule->number >= 0) rule_count += 1;  // a call that this architecture never had cannot fail
}

// ---- the filter --------------------------------------------------------------------------------------------------

static struct sock_filter code[2048];
static unsigned short length;

static void Emit(uint16_t op, uint32_t k, uint8_t yes, uint8_t no) {
  code[length++] = (struct sock_filter){op, yes, no, k};
}

static void EmitRule(int number, const struct Test* tests, unsigned count, uint32_t action) {
  const unsigned body = 3 * count + 1;
  Emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
  Emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, (uint8_t)body);
  for (unsigned i = 0; i < count; ++i) {
    // The low half: every value tested here fits into it.
    Emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * tests[i].arg), 0, 0);
    Emit(BPF_ALU | BPF_AND | BPF_K, tests[i].mask, 0, 0);
    Emit(BPF_JMP | BPF_JEQ | BPF_K, tests[i].value, 0, (uint8_t)(3 * (count - 1 - i) + 1));
  }
  Emit(BPF_RET | BPF_K, action, 0, 0);
}

static const struct Test kCommand = {0, 0xf0000000, 0x70000000};

static int Install(void) {
  Emit(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
  Emit(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
  Emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  EmitRule(NUMBER(62, 129), &kCommand, 1, SECCOMP_RET_USER_NOTIF);
  for (unsigned i = 0; i < rule_count; ++i) {
    const struct Rule* rule = &rules[i];
    const uint32_t fixed = SECCOMP_RET_ERRNO | (uint32_t)rule->error;
    EmitRule(rule->number, rule->tests, rule->count, rule->when == kAlways ? fixed : SECCOMP_RET_USER_NOTIF);
  }
  Emit(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  struct sock_fprog program = {length, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Die("no_new_privs");
  const long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (fd < 0) Die("seccomp with a listener (Linux 5.5, not inside another such filter)");
  return (int)fd;
}

// ---- the supervisor ----------------------------------------------------------------------------------------------

static struct {
  int on;
  uint32_t thread, skip, count, hits;
} arm;

static uint64_t AddressSpace(pid_t child) {
  char path[64];
  unsigned long long pages = 0;
  snprintf(path, sizeof path, "/proc/%d/statm", (int)child);
  FILE* file = fopen(path, "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%llu", &pages) != 1) pages = 0;
  fclose(file);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int Limit(pid_t child, int resource, uint64_t soft) {
  struct rlimit limit;
  if (prlimit(child, resource, NULL, &limit) != 0) return -errno;
  limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
  return prlimit(child, resource, &limit, NULL) != 0 ? -errno : 0;
}

// 0x71SSCCxx: arm for the calling thread; the first SS such calls pass, then CC fail (0: all of them).
// 0x72......: disarm, and lift the limits again.   0x73......: fails with 1000 + the number of calls made to fail.
// 0x74nnnnnn: address space as it is plus n KiB.   0x75nnnnnn: n descriptors at most.
static int Answer(pid_t child, uint32_t thread, uint32_t command) {
  const uint32_t number = command & 0xffffff;
  switch (command >> 24) {
    case 0x71:
      arm.on = 1;
      arm.thread = thread;
      arm.skip = number >> 16;
      arm.count = number >> 8 & 0xff;
      arm.hits = 0;
      return 0;
    case 0x72:
      arm.on = 0;
      Limit(child, RLIMIT_NOFILE, RLIM_INFINITY);
      return Limit(child, RLIMIT_AS, RLIM_INFINITY);
    case 0x73:
      return -(int)(1000 + arm.hits);
    case 0x74:
      return Limit(child, RLIMIT_AS, AddressSpace(child) + (uint64_t)number * 1024);
    case 0x75:
      return Limit(child, RLIMIT_NOFILE, number);
    default:
      return -EINVAL;
  }
}

static int Matches(const struct Rule* rule, const struct seccomp_data* data) {
  if (rule->number != data->nr) return 0;
  for (unsigned i = 0; i < rule->count; ++i) {
    const struct Test* test = &rule->tests[i];
    if (((uint32_t)data->args[test->arg] & test->mask) != test->value) return 0;
  }
  return 1;
}

// The error of a call, or 0 to let it pass.
static int Decide(const struct seccomp_notif* call) {
  for (unsigned i = 0; i < rule_count; ++i) {
    struct Rule* rule = &rules[i];
    if (rule->when == kAlways || !Matches(rule, &call->data)) continue;
    if (rule->when == kAfter) {
      if (rule->seen++ < rule->after) return 0;
    } else {
      if (!arm.on || arm.thread != call->pid) return 0;
      if (arm.skip > 0) {
        arm.skip -= 1;
        return 0;
      }
      if (arm.count != 0 && arm.hits >= arm.count) return 0;
    }
    arm.hits += 1;
    return rule->error;
  }
  return 0;
}

static void Supervise(int listener, pid_t child) {
  struct pollfd watched = {listener, POLLIN, 0};
  for (;;) {
    if (poll(&watched, 1, -1) < 0 && errno != EINTR) return;
    if ((watched.revents & POLLIN) == 0) {
      if ((watched.revents & (POLLHUP | POLLERR)) != 0) return;  // nobody lives under the filter any more
      continue;
    }
    struct seccomp_notif call = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
    struct seccomp_notif_resp answer = {.id = call.id};
    if (call.data.nr == NUMBER(62, 129)) {
      answer.error = Answer(child, call.pid, (uint32_t)call.data.args[0]);
    } else {
      answer.error = -Decide(&call);
      if (answer.error == 0) answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

// One descriptor over a socket: to < 0 receives.
static int PassDescriptor(int socket, int fd) {
  char byte = 0;
  struct iovec data = {&byte, 1};
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  if (fd < 0) {
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0 || CMSG_FIRSTHDR(&message) == NULL) return -1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
  }
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return sendmsg(socket, &message, 0) < 0 ? -1 : fd;
}

// ---- the rest of the world ---------------------------------------------------------------------------------------

static void WriteText(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) Die(path);
  close(fd);
}

static void OwnMounts(void) {
  static int done;
  if (done) return;
  done = 1;
  char map[64];
  const uid_t uid = getuid();
  const gid_t gid = getgid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) Die("a mount namespace (root or user namespaces)");
    WriteText("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", uid);
    WriteText("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %u 1", gid);
    WriteText("/proc/self/gid_map", map);
  }
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) Die("mount private");
}

static void MountTmpfs(char* text) {
  char* bytes = strchr(text, ':');
  if (bytes == NULL) Wrong(text);
  *bytes++ = '\0';
  char* mode = strchr(bytes, ':');
  if (mode == NULL) Wrong(bytes);
  *mode++ = '\0';
  OwnMounts();
  char option[64];
  char path[512];
  snprintf(option, sizeof option, "size=%s,mode=1777", bytes);
  if (mount("tmpfs", text, "tmpfs", 0, option) != 0) Die("mount tmpfs");
  snprintf(path, sizeof path, "%s/data", text);
  char content[8192];
  memset(content, 'x', sizeof content);
  const int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0 || write(fd, content, sizeof content) != (ssize_t)sizeof content) Die(path);
  close(fd);
  if (strcmp(mode, "ro") == 0 && mount("tmpfs", text, NULL, MS_REMOUNT | MS_RDONLY, option) != 0) Die("remount");
}

static void SetLimit(char* text) {
  char* value = strchr(text, '=');
  if (value == NULL) Wrong(text);
  *value++ = '\0';
  const int resource = Lookup(kLimits, sizeof kLimits / sizeof *kLimits, text);
  const rlim_t number = strtoull(value, NULL, 0);
  const struct rlimit limit = {number, number};
  if (setrlimit(resource, &limit) != 0) Die("setrlimit");
}

int main(int count, char** arguments) {
  int drop = 0;
  long user = -1;
  char* limits[8];
  int limit_count = 0;
  int i = 1;
  for (; i < count && strcmp(arguments[i], "--") != 0; ++i) {
    const char* option = arguments[i];
    if (strcmp(option, "--drop-caps") == 0) {
      drop = 1;
      continue;
    }
    if (++i >= count) Wrong(option);
    if (strcmp(option, "--deny") == 0) {
      ParseRule(arguments[i]);
    } else if (strcmp(option, "--tmpfs") == 0) {
      MountTmpfs(arguments[i]);
    } else if (strcmp(option, "--rlimit") == 0 && limit_count < 8) {
      limits[limit_count++] = arguments[i];
    } else if (strcmp(option, "--uid") == 0) {
      user = strtol(arguments[i], NULL, 10);
    } else {
      Wrong(option);
    }
  }
  if (i + 1 >= count) Wrong("no command");
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) Die("socketpair");
  const pid_t child = fork();
  if (child < 0) Die("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int k = 0; k < limit_count; ++k) SetLimit(limits[k]);
    for (int capability = 0; drop && capability < 64; ++capability) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (user >= 0 && (setgid((gid_t)user) != 0 || setuid((uid_t)user) != 0)) Die("setuid");
    const int listener = Install();
    if (PassDescriptor(sockets[1], listener) < 0) Die("sendmsg");
    close(listener);
    execvp(arguments[i + 1], arguments + i + 1);
    Die("exec");
  }
  close(sockets[1]);
  const int listener = PassDescriptor(sockets[0], -1);
  if (listener >= 0) Supervise(listener, child);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  return WEXITSTATUS(status);
}
