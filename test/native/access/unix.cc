// Asks the kernel to copy one byte out and in: it answers with an error where an access of ours would be a signal.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../check.h"

namespace nebula::test {

Seen AccessAt(void* address) {
  // Valgrind judges what is passed to the kernel before the kernel does.
  const char* under = std::getenv("NEBULA_TEST_UNDER");
  if (under != nullptr && std::strcmp(under, "valgrind") == 0) return Seen::kUnknown;
  int ends[2];
  if (pipe(ends) != 0) return Seen::kUnknown;
  Seen seen = Seen::kNothing;
  if (write(ends[1], address, 1) == 1) seen = read(ends[0], address, 1) == 1 ? Seen::kReadWrite : Seen::kRead;
  close(ends[0]);
  close(ends[1]);
  return seen;
}

const char* ScratchPath(const char* name) {
  static char path[512];
  std::snprintf(path, sizeof path, "/tmp/nebula-platform-%ld-%s", static_cast<long>(getpid()), name);
  return path;
}

void RemoveFile(const char* path) { unlink(path); }

}  // namespace nebula::test
