// Asks for the protection in the page table; writing through the kernel would lift a protection by itself.
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <cstdio>

#include "../check.h"

namespace nebula::test {

Seen AccessAt(void* address) {
  MEMORY_BASIC_INFORMATION found = {};
  if (VirtualQuery(address, &found, sizeof found) == 0 || found.State != MEM_COMMIT) return Seen::kNothing;
  if ((found.Protect & (PAGE_READWRITE | PAGE_WRITECOPY)) != 0) return Seen::kReadWrite;
  return (found.Protect & PAGE_READONLY) != 0 ? Seen::kRead : Seen::kNothing;
}

const char* ScratchPath(const char* name) {
  static char path[1024];
  WCHAR folder[MAX_PATH + 1] = {};
  GetTempPathW(MAX_PATH, folder);
  char narrow[512] = {};
  WideCharToMultiByte(CP_UTF8, 0, folder, -1, narrow, sizeof narrow, nullptr, nullptr);
  std::snprintf(path, sizeof path, "%snebula-platform-%lu-%s", narrow, GetCurrentProcessId(), name);
  return path;
}

void RemoveFile(const char* path) {
  WCHAR wide[1024];
  if (MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, 1024) != 0) DeleteFileW(wide);
}

}  // namespace nebula::test
