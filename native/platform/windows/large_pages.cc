// The privilege "Lock pages in memory", which large pages need. An administrator grants it to the account; a process
// that has it still has to turn it on.
#include "windows.h"

namespace nebula::platform::windows_os {

Status EnableLargePages() {
  HANDLE token = nullptr;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token)) {
    return LastFailure("OpenProcessToken");
  }
  TOKEN_PRIVILEGES wanted = {};
  wanted.PrivilegeCount = 1;
  wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
  if (!LookupPrivilegeValueW(nullptr, L"SeLockMemoryPrivilege", &wanted.Privileges[0].Luid)) {
    const Status failed = LastFailure("LookupPrivilegeValue");
    CloseHandle(token);
    return failed;
  }
  SetLastError(ERROR_SUCCESS);
  const bool adjusted = AdjustTokenPrivileges(token, FALSE, &wanted, 0, nullptr, nullptr) != 0;
  const DWORD error = GetLastError();  // set on success too: "not all assigned" is how a missing privilege looks
  CloseHandle(token);
  if (!adjusted) return SystemFailure("AdjustTokenPrivileges", static_cast<int>(error));
  if (error == ERROR_NOT_ALL_ASSIGNED) return SystemFailure("AdjustTokenPrivileges", ERROR_PRIVILEGE_NOT_HELD);
  return Ok();
}

}  // namespace nebula::platform::windows_os
