// Files, what is mapped of them, and the guard against files that shrink.
#include "check.h"

namespace nebula::test {

using namespace platform;

namespace {

// A file of the test's own, gone with the scope.
class ScratchFile {
 public:
  explicit ScratchFile(const char* name) {
    std::snprintf(path_, sizeof path_, "%s", ScratchPath(name));
    status_ = OpenFile(OpenRequest{path_, true, true, true}, &file_);
  }
  ~ScratchFile() {
    if (!status_.ok()) return;
    CloseFile(file_);
    RemoveFile(path_);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  const Status& status() const { return status_; }
  const char* path() const { return path_; }
  File file() const { return file_; }

 private:
  char path_[1024];
  File file_ = kNoFile;
  Status status_;
};

void FilesOpenAndTell() {
  ScratchFile one("\xc3\xa4-\xe6\xb5\x8b-one");
  ScratchFile two("two");
  NEED(one.status(), "files");
  CHECK_OK(two.status());
  File again = kNoFile;
  CHECK(OpenFile(OpenRequest{one.path(), true, true, true}, &again).code == Code::kSystem);
  CHECK(OpenFile(OpenRequest{ScratchPath("missing"), false, false, false}, &again).code == Code::kSystem);
  CHECK_OK(OpenFile(OpenRequest{one.path(), false, false, false}, &again));
  CHECK_OK(ResizeFile(one.file(), 12345));
  FileInfo first = {};
  FileInfo same = {};
  FileInfo other = {};
  CHECK_OK(StatFile(one.file(), &first));
  CHECK_OK(StatFile(again, &same));
  CHECK_OK(StatFile(two.file(), &other));
  CHECK(first.bytes == 12345 && same.bytes == 12345 && other.bytes == 0);
  CHECK(first.identity == same.identity && first.identity != other.identity);
  CHECK(first.regular && !first.directory);
  CHECK(!ResizeFile(again, 1).ok());  // opened for reading
  CloseFile(again);
  CloseFile(kNoFile);
  const Status allocated = AllocateFile(two.file(), 5 * Page());
  CHECK(allocated.ok() || allocated.code == Code::kUnsupported || allocated.code == Code::kSystem);
  CHECK_OK(StatFile(two.file(), &other));
  CHECK(other.bytes == (allocated.ok() ? 5 * Page() : 0));
}

void MakingIsTold() {
  char path[1024];
  std::snprintf(path, sizeof path, "%s", ScratchPath("making"));
  File file = kNoFile;
  bool created = false;
  NEED(OpenFile(OpenRequest{path, true, true, false}, &file, &created), "files");
  CHECK(created);
  CloseFile(file);
  CHECK_OK(OpenFile(OpenRequest{path, true, true, false}, &file, &created));
  CHECK(!created);
  CloseFile(file);
  CHECK(OpenFile(OpenRequest{path, true, true, true}, &file, &created).code == Code::kSystem);
  CHECK_OK(OpenFile(OpenRequest{path, true, false, false}, &file, &created));
  CHECK(!created);
  CloseFile(file);
  CHECK_OK(platform::RemoveFile(path));
  CHECK(platform::RemoveFile(path).code == Code::kSystem);
  CHECK_OK(OpenFile(OpenRequest{path, true, true, true}, &file, &created));
  CHECK(created);
  CloseFile(file);
  CHECK_OK(platform::RemoveFile(path));
}

void DirectoryIsTold() {
  char folder[1024];
  std::snprintf(folder, sizeof folder, "%s", ScratchPath("x"));
  size_t end = 0;
  for (size_t i = 0; folder[i] != '\0'; ++i) {
    if (folder[i] == '/' || folder[i] == '\\') end = i;
  }
  folder[end] = '\0';
  File file = kNoFile;
  NEED(OpenFile(OpenRequest{folder, false, false, false}, &file), "files");
  FileInfo info = {};
  const Status known = StatFile(file, &info);
  CloseFile(file);
  CHECK_OK(known);
  CHECK(info.directory && !info.regular);
}

void SharedViewIsTheFile() {
  const uint64_t grain = Grain();
  ScratchFile file("shared");
  NEED(file.status(), "files");
  CHECK_OK(ResizeFile(file.file(), 2 * grain));
  void* one = nullptr;
  void* two = nullptr;
  CHECK_OK(MapAll(file.file(), 2 * grain, Sharing::kShared, Access::kReadWrite, &one));
  CHECK(AllAre(one, 2 * grain, 0));
  Fill(one, 2 * grain, 0x51);
  CHECK_OK(FlushObject(file.file(), one, 2 * grain, false));
  CHECK_OK(FlushObject(file.file(), one, 2 * grain, true));
  const ObjectRequest second = {file.file(), grain, Page(), Sharing::kShared, Access::kReadWrite, 0, nullptr};
  CHECK_OK(MapObject(second, &two));
  CHECK(AllAre(two, Page(), 0x51));
  Fill(two, Page(), 0x52);
  CHECK(AllAre(one, grain, 0x51) && AllAre(At(one, grain), Page(), 0x52));
  CHECK_OK(UnmapObject(two, Page()));
  CHECK_OK(UnmapObject(one, 2 * grain));
  CHECK(SeenIs(one, Seen::kNothing));
}

void PrivateViewSparesTheFile() {
  const uint64_t bytes = 3 * Page();
  ScratchFile file("private");
  NEED(file.status(), "files");
  CHECK_OK(ResizeFile(file.file(), bytes));
  File reader = kNoFile;
  CHECK_OK(OpenFile(OpenRequest{file.path(), false, false, false}, &reader));
  void* shared = nullptr;
  void* copy = nullptr;
  CHECK_OK(MapAll(file.file(), bytes, Sharing::kShared, Access::kReadWrite, &shared));
  Fill(shared, bytes, 0x61);
  CHECK_OK(MapAll(reader, bytes, Sharing::kCopyOnWrite, Access::kReadWrite, &copy));
  CloseFile(reader);  // a view outlives its file
  CHECK(AllAre(copy, bytes, 0x61));
  Fill(copy, Page(), 0x62);
  CHECK_OK(Protect(copy, bytes, Access::kRead));
  CHECK(SeenIs(copy, Seen::kRead));
  CHECK_OK(Protect(copy, bytes, Access::kReadWrite));
  Fill(copy, 2 * Page(), 0x63);
  CHECK(AllAre(shared, bytes, 0x61) && AllAre(At(copy, 2 * Page()), Page(), 0x61));
  const Status dropped = Decommit(copy, bytes, Backing::kObject);
  if (dropped.ok()) CHECK(AllAre(copy, bytes, 0x61));
  CHECK_OK(UnmapObject(copy, bytes));
  CHECK_OK(UnmapObject(shared, bytes));
  NEED(dropped, "decommit-copy");
}

void ReadOnlyAccess() {
  ScratchFile file("read");
  NEED(file.status(), "files");
  CHECK_OK(ResizeFile(file.file(), Page()));
  File reader = kNoFile;
  CHECK_OK(OpenFile(OpenRequest{file.path(), false, false, false}, &reader));
  void* view = nullptr;
  CHECK_OK(MapAll(reader, Page(), Sharing::kShared, Access::kRead, &view));
  CHECK(SeenIs(view, Seen::kRead) && AllAre(view, Page(), 0));
  CHECK_OK(UnmapObject(view, Page()));
  CHECK(!MapAll(reader, Page(), Sharing::kShared, Access::kReadWrite, &view).ok());
  CHECK_OK(MapAll(reader, Page(), Sharing::kCopyOnWrite, Access::kNone, &view));
  CHECK(SeenIs(view, Seen::kNothing));
  CHECK_OK(UnmapObject(view, Page()));
  CloseFile(reader);
}

// The last page of a file may be a part of one; mapping it must not make the file grow.
void LastPageIsRead() {
  ScratchFile file("tail");
  NEED(file.status(), "files");
  CHECK_OK(ResizeFile(file.file(), Page() + 10));
  void* view = nullptr;
  for (const Sharing sharing : {Sharing::kShared, Sharing::kCopyOnWrite}) {
    CHECK_OK(MapAll(file.file(), 2 * Page(), sharing, Access::kReadWrite, &view));
    CHECK(AllAre(view, 2 * Page(), 0));
    Fill(At(view, Page()), 10, 1);
    CHECK_OK(UnmapObject(view, 2 * Page()));
    FileInfo info = {};
    CHECK_OK(StatFile(file.file(), &info));
    CHECK(info.bytes == Page() + 10);
    CHECK_OK(ResizeFile(file.file(), Page()));
    CHECK_OK(ResizeFile(file.file(), Page() + 10));
  }
  const Status sync = MapAll(file.file(), Page(), Sharing::kSharedSync, Access::kReadWrite, &view);
  CHECK(!sync.ok() || UnmapObject(view, Page()).ok());
}

void* g_faulted = nullptr;

void FaultIsRepaired() {
  const Status guarded = InstallFaultGuard([](void* address) {
    g_faulted = reinterpret_cast<void*>(AlignDown(reinterpret_cast<uintptr_t>(address), Page()));
    return RepairPages(g_faulted, Page());
  });
  NEED(guarded, "fault-guard");
  CHECK_OK(InstallFaultGuard([](void*) { return false; }));  // the second call changes nothing
  ScratchFile file("fault");
  CHECK_OK(file.status());
  CHECK_OK(ResizeFile(file.file(), 2 * Page()));
  CHECK(FileBytesInSignal(file.file()) == 2 * Page() && FileBytesInSignal(kNoFile) == UINT64_MAX);
  void* view = nullptr;
  CHECK_OK(MapAll(file.file(), 2 * Page(), Sharing::kShared, Access::kReadWrite, &view));
  Fill(view, 2 * Page(), 4);
  CHECK_OK(ResizeFile(file.file(), Page()));
  CHECK(AllAre(At(view, Page()), Page(), 0));
  CHECK(g_faulted == At(view, Page()));
  CHECK(AllAre(view, Page(), 4));
  CHECK_OK(Unmap(view, 2 * Page()));
}

}  // namespace

const NamedCase kFileCases[] = {
    {"files open and tell", FilesOpenAndTell},
    {"a file is made and removed", MakingIsTold},
    {"a directory is told", DirectoryIsTold},
    {"a shared view is the file", SharedViewIsTheFile},
    {"a private view spares the file", PrivateViewSparesTheFile},
    {"read-only access", ReadOnlyAccess},
    {"the last page of a file is read", LastPageIsRead},
    {"a fault is repaired", FaultIsRepaired},
    {nullptr, nullptr},
};

}  // namespace nebula::test
