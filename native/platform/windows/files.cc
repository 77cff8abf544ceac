// Files. Paths are UTF-8 and become UTF-16; a path longer than 259 characters has to carry the \\?\ prefix already.
// Files are opened so that others may read, write and delete them meanwhile, as on other systems.
#include "windows.h"

namespace nebula::platform {

using windows_os::HandleOf;
using windows_os::IsSection;
using windows_os::LastFailure;

namespace {

constexpr int kLongestPath = 32768;  // of any Windows path; stack, because this layer owns no heap

// SECTION_BASIC_INFORMATION of ntdll.
struct SectionInformation {
  void* base;
  ULONG attributes;
  LARGE_INTEGER bytes;
};
using QuerySectionFunction = LONG NTAPI(HANDLE, int, void*, SIZE_T, SIZE_T*);
constinit windows_os::Late<QuerySectionFunction> late_query_section{L"ntdll.dll", "NtQuerySection"};

Status StatSection(File file, FileInfo* out) {
  auto* query = late_query_section.Get();
  if (query == nullptr) return Fail(Code::kUnsupported, "NtQuerySection");
  SectionInformation found = {};
  if (query(HandleOf(file), 0, &found, sizeof found, nullptr) < 0) {
    return SystemFailure("NtQuerySection", ERROR_INVALID_HANDLE);
  }
  // A section has no number of its own that a process could read.
  *out = FileInfo{static_cast<uint64_t>(found.bytes.QuadPart), 0, true, false};
  return Ok();
}

Status SetEnd(HANDLE handle, uint64_t bytes) {
  FILE_END_OF_FILE_INFO end = {};
  end.EndOfFile.QuadPart = static_cast<LONGLONG>(bytes);
  if (!SetFileInformationByHandle(handle, FileEndOfFileInfo, &end, sizeof end)) {
    return LastFailure("SetFileInformationByHandle");
  }
  return Ok();
}

Status Widen(const char* path, WCHAR (&out)[kLongestPath]) {
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, out, kLongestPath) != 0) return Ok();
  return LastFailure("MultiByteToWideChar");
}

}  // namespace

Status OpenFile(const OpenRequest& request, File* out, bool* created) {
  WCHAR path[kLongestPath];
  const Status wide = Widen(request.path, path);
  if (!wide.ok()) return wide;
  DWORD how = OPEN_EXISTING;
  if (request.create) how = request.exclusive ? CREATE_NEW : OPEN_ALWAYS;
  const DWORD access = request.write ? GENERIC_READ | GENERIC_WRITE : GENERIC_READ;
  const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  // "Backup semantics" lets a directory be opened, so that StatFile() can say what it is.
  const DWORD flags = FILE_ATTRIBUTE_NORMAL | FILE_FLAG_BACKUP_SEMANTICS;
  const HANDLE handle = CreateFileW(path, access, share, nullptr, how, flags, nullptr);
  if (handle == INVALID_HANDLE_VALUE) return LastFailure("CreateFile");
  if (created != nullptr) *created = request.create && (request.exclusive || GetLastError() != ERROR_ALREADY_EXISTS);
  *out = windows_os::FileFromHandle(handle);
  return Ok();
}

Status RemoveFile(const char* path) {
  WCHAR name[kLongestPath];
  const Status wide = Widen(path, name);
  if (!wide.ok()) return wide;
  if (!DeleteFileW(name)) return LastFailure("DeleteFile");
  return Ok();
}

void CloseFile(File file) {
  if (file != kNoFile) CloseHandle(HandleOf(file));
}

Status StatFile(File file, FileInfo* out) {
  if (IsSection(file)) return StatSection(file, out);
  BY_HANDLE_FILE_INFORMATION found = {};
  if (!GetFileInformationByHandle(HandleOf(file), &found)) return LastFailure("GetFileInformationByHandle");
  out->bytes = (static_cast<uint64_t>(found.nFileSizeHigh) << 32) | found.nFileSizeLow;
  out->identity = (static_cast<uint64_t>(found.nFileIndexHigh) << 32) | found.nFileIndexLow;
  out->directory = (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
  out->regular = !out->directory && GetFileType(HandleOf(file)) == FILE_TYPE_DISK;
  return Ok();
}

// Refused with ERROR_USER_MAPPED_FILE while views lie beyond the new end: the reason why Windows needs no fault guard.
Status ResizeFile(File file, uint64_t bytes) {
  if (IsSection(file)) return Fail(Code::kUnsupported, "SetFileInformationByHandle");
  return SetEnd(HandleOf(file), bytes);
}

// Moving the end of a file that is neither sparse nor compressed reserves its storage. FileAllocationInfo is not used:
// it cuts off what lies beyond, and a reservation beyond the end is dropped when the file is closed.
Status AllocateFile(File file, uint64_t bytes) {
  FileInfo info = {};
  const Status known = StatFile(file, &info);
  if (!known.ok()) return known;
  if (IsSection(file)) return bytes <= info.bytes ? Ok() : Fail(Code::kUnsupported, "CreateFileMapping");
  BY_HANDLE_FILE_INFORMATION found = {};
  if (!GetFileInformationByHandle(HandleOf(file), &found)) return LastFailure("GetFileInformationByHandle");
  constexpr DWORD kLazy = FILE_ATTRIBUTE_SPARSE_FILE | FILE_ATTRIBUTE_COMPRESSED;
  if ((found.dwFileAttributes & kLazy) != 0) return Fail(Code::kUnsupported, "SetFileInformationByHandle");
  return bytes <= info.bytes ? Ok() : SetEnd(HandleOf(file), bytes);
}

}  // namespace nebula::platform
