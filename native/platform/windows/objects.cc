// Memory that has a handle: sections backed by the page file, anonymous or named, and views of them and of files. A
// named object lives as long as somebody holds a handle or a view; there is no name to unlink.
#include "windows.h"

namespace nebula::platform {

namespace windows_os {

constinit Late<MapViewOfFile3Function> late_map_view_of_file3{L"kernelbase.dll", "MapViewOfFile3"};

}  // namespace windows_os

using windows_os::HandleOf;
using windows_os::IsSection;
using windows_os::LastFailure;

namespace {

constexpr WCHAR kPrefix[] = L"Local\\nebula-";
constexpr size_t kLongestName = 200;

// post: true when the name fits.
bool FullName(const char* name, WCHAR* out) {
  size_t used = 0;
  for (; kPrefix[used] != 0; ++used) out[used] = kPrefix[used];
  size_t length = 0;
  for (; name[length] != '\0'; ++length) {
    if (length == kLongestName) return false;
    out[used++] = static_cast<WCHAR>(static_cast<unsigned char>(name[length]));
  }
  out[used] = 0;
  return length != 0;
}

constexpr size_t kFullNameCapacity = sizeof kPrefix / sizeof kPrefix[0] + kLongestName;

HANDLE CreateSection(HANDLE file, DWORD protect, uint64_t bytes, const WCHAR* name) {
  return CreateFileMappingW(file, nullptr, protect, static_cast<DWORD>(bytes >> 32), static_cast<DWORD>(bytes), name);
}

// The section over a file that a view needs, in the best access that the file was opened for.
struct ViewPlan {
  HANDLE section;
  DWORD page_protect;  // for MapViewOfFile3
  DWORD view_access;   // for MapViewOfFile
};

Status PlanView(const ObjectRequest& request, ViewPlan* plan) {
  const bool private_copy = request.sharing == Sharing::kCopyOnWrite;
  *plan = private_copy ? ViewPlan{nullptr, PAGE_WRITECOPY, FILE_MAP_COPY}
                       : ViewPlan{nullptr, PAGE_READWRITE, FILE_MAP_READ | FILE_MAP_WRITE};
  if (IsSection(request.file)) {
    plan->section = HandleOf(request.file);
    return Ok();
  }
  // Size 0 means "as long as the file": any other would let the file grow.
  plan->section = CreateSection(HandleOf(request.file), plan->page_protect, 0, nullptr);
  const bool may_only_read = request.access != Access::kReadWrite && GetLastError() == ERROR_ACCESS_DENIED;
  if (plan->section == nullptr && !private_copy && may_only_read) {
    *plan = ViewPlan{nullptr, PAGE_READONLY, FILE_MAP_READ};
    plan->section = CreateSection(HandleOf(request.file), PAGE_READONLY, 0, nullptr);
  }
  return plan->section == nullptr ? LastFailure("CreateFileMapping") : Ok();
}

// How many bytes a view may ask for: the last page of a file may be a part of one, and a view that says so in whole
// pages is refused. Whole pages beyond the end do not exist on Windows at all.
Status ViewBytes(const ObjectRequest& request, uint64_t* out) {
  FileInfo info = {};
  const Status known = StatFile(request.file, &info);
  if (!known.ok()) return known;
  const uint64_t left = request.offset < info.bytes ? info.bytes - request.offset : 0;
  uint64_t rounded = 0;
  const bool enough = left != 0 && AlignUp(left, GetCapabilities().page_bytes, &rounded) && request.bytes <= rounded;
  if (!enough) return SystemFailure("MapViewOfFile", ERROR_HANDLE_EOF);
  *out = request.bytes < left ? request.bytes : left;
  return Ok();
}

Status MapPlanned(const ObjectRequest& request, const ViewPlan& plan, uint64_t bytes, void** out) {
  if (request.at == nullptr) {
    constexpr DWORD kLargePages = 0x20000000;  // FILE_MAP_LARGE_PAGES
    const DWORD access = plan.view_access | (request.huge_bytes != 0 ? kLargePages : 0);
    *out = MapViewOfFile(plan.section, access, static_cast<DWORD>(request.offset >> 32),
                         static_cast<DWORD>(request.offset), bytes);
    return *out == nullptr ? LastFailure("MapViewOfFile") : Ok();
  }
  auto* map = windows_os::late_map_view_of_file3.Get();
  const auto at = reinterpret_cast<uintptr_t>(request.at);
  uintptr_t around_begin = 0;
  uintptr_t around_end = 0;
  const bool can_cut = map != nullptr && windows_os::AllocationAround(at, &around_begin, &around_end) &&
                       windows_os::CutPlaceholder(at, at + request.bytes);
  if (!can_cut) return Fail(Code::kUnsupported, "MapViewOfFile3");
  *out = map(plan.section, GetCurrentProcess(), request.at, request.offset, bytes, windows_os::kReplacePlaceholder,
             plan.page_protect, nullptr, 0);
  if (*out != nullptr) return Ok();
  const Status failed = LastFailure("MapViewOfFile3");
  windows_os::JoinPlaceholders(around_begin, around_end);
  return failed;
}

}  // namespace

Status CreateMemoryObject(const char*, uint64_t bytes, uint64_t huge_bytes, File* out) {
  DWORD protect = PAGE_READWRITE | SEC_COMMIT;
  if (huge_bytes != 0) {
    if (huge_bytes != GetCapabilities().default_huge_bytes) {
      return Fail(Code::kUnsupported, "CreateFileMapping", huge_bytes);
    }
    const Status enabled = windows_os::EnableLargePages();
    if (!enabled.ok()) return enabled;
    protect |= SEC_LARGE_PAGES;
  }
  const HANDLE section = CreateSection(INVALID_HANDLE_VALUE, protect, bytes, nullptr);
  if (section == nullptr) return LastFailure("CreateFileMapping");
  *out = windows_os::FileFromSection(section);
  return Ok();
}

// Nothing on Windows hides memory from the kernel; locked private memory is the nearest thing.
Status CreateSecretObject(uint64_t, File*) { return Fail(Code::kUnsupported, "memfd_secret"); }

Status OpenNamedObject(const char* name, bool create, uint64_t bytes, File* out) {
  WCHAR full[kFullNameCapacity];
  if (!FullName(name, full)) return Fail(Code::kInvalid, "CreateFileMapping");
  if (!create) {
    constexpr DWORD kReadWriteQuery = FILE_MAP_READ | FILE_MAP_WRITE | SECTION_QUERY;
    const HANDLE section = OpenFileMappingW(kReadWriteQuery, FALSE, full);
    if (section == nullptr) return LastFailure("OpenFileMapping");
    *out = windows_os::FileFromSection(section);
    return Ok();
  }
  const HANDLE section = CreateSection(INVALID_HANDLE_VALUE, PAGE_READWRITE | SEC_COMMIT, bytes, full);
  const DWORD error = GetLastError();
  if (section == nullptr) return SystemFailure("CreateFileMapping", static_cast<int>(error));
  if (error == ERROR_ALREADY_EXISTS) {
    CloseHandle(section);
    return SystemFailure("CreateFileMapping", ERROR_ALREADY_EXISTS);
  }
  *out = windows_os::FileFromSection(section);
  return Ok();
}

Status UnlinkNamedObject(const char*) { return Fail(Code::kUnsupported, "shm_unlink"); }

Status OpenRemoteObject(uint64_t process_id, uint64_t descriptor, File* out) {
  const auto remote = static_cast<File>(descriptor);
  if (process_id > MAXDWORD || !IsSection(remote)) return Fail(Code::kInvalid, "DuplicateHandle", descriptor);
  const HANDLE process = OpenProcess(PROCESS_DUP_HANDLE, FALSE, static_cast<DWORD>(process_id));
  if (process == nullptr) return LastFailure("OpenProcess");
  HANDLE copy = nullptr;
  const bool copied =
      DuplicateHandle(process, HandleOf(remote), GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS) != 0;
  const Status result = copied ? Ok() : LastFailure("DuplicateHandle");
  CloseHandle(process);
  if (copied) *out = windows_os::FileFromSection(copy);
  return result;
}

Status MapObject(const ObjectRequest& request, void** out) {
  if (request.sharing == Sharing::kSharedSync) return Fail(Code::kUnsupported, "MapViewOfFile");
  uint64_t bytes = 0;
  const Status sized = ViewBytes(request, &bytes);
  if (!sized.ok()) return sized;
  ViewPlan plan = {};
  const Status planned = PlanView(request, &plan);
  if (!planned.ok()) return planned;
  void* got = nullptr;
  Status mapped = MapPlanned(request, plan, bytes, &got);
  if (!IsSection(request.file)) CloseHandle(plan.section);  // the view keeps it
  if (!mapped.ok()) return mapped;
  if (request.access != Access::kReadWrite) mapped = Protect(got, request.bytes, request.access);
  if (!mapped.ok()) {
    UnmapViewOfFile(got);
    return mapped;
  }
  *out = got;
  return Ok();
}

// pre: with `wait`, the file itself is at hand: only its handle brings the disk's own cache to the disk.
Status FlushObject(File file, void* address, uint64_t bytes, bool wait) {
  if (!FlushViewOfFile(address, bytes)) return LastFailure("FlushViewOfFile");
  if (!wait || IsSection(file)) return Ok();
  if (file == kNoFile) return Fail(Code::kInvalid, "FlushFileBuffers");
  return FlushFileBuffers(HandleOf(file)) ? Ok() : LastFailure("FlushFileBuffers");
}

}  // namespace nebula::platform
