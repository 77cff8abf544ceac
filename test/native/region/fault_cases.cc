// What happens below a region: files that shrink, canaries that are overwritten, objects of other processes.
#include <cstring>

#include "support.h"

namespace nebula::test {

using namespace region;

namespace {

// A file of the test's own, gone with the scope.
class Scratch {
 public:
  Scratch(const char* name, uint64_t bytes, uint8_t value) {
    std::snprintf(path_, sizeof path_, "%s", ScratchPath(name));
    status_ = platform::OpenFile(platform::OpenRequest{path_, true, true, false}, &file_);
    if (!status_.ok()) return;
    status_ = platform::ResizeFile(file_, 0);
    if (status_.ok()) status_ = platform::ResizeFile(file_, bytes);
    void* at = nullptr;
    const uint64_t whole = (bytes + Page() - 1) / Page() * Page();
    if (status_.ok()) status_ = MapAll(file_, whole, platform::Sharing::kShared, Access::kReadWrite, &at);
    if (!status_.ok()) return;
    Fill(at, bytes, value);
    status_ = platform::UnmapObject(at, whole);
  }
  ~Scratch() {
    platform::CloseFile(file_);
    RemoveFile(path_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const Status& status() const { return status_; }
  Spec spec(bool shared) const {
    Spec spec;
    spec.kind = Kind::kFile;
    spec.path = path_;
    spec.shared_file = shared;
    spec.writable_file = shared;
    return spec;
  }
  Status Resize(uint64_t bytes) const { return platform::ResizeFile(file_, bytes); }

 private:
  char path_[1024];
  platform::File file_ = platform::kNoFile;
  Status status_;
};

void ATruncatedFileReadsZeros() {
  if (IsLacking("fault-guard")) return NoteHere("fault-guard");
  for (const bool shared : {true, false}) {
    Scratch file("region-truncated", 6 * Page(), 0x48);
    CHECK_OK(file.status());
    Id id;
    Store store;
    CHECK_OK(Create(file.spec(shared), &id));
    CHECK_OK(MakeStore(id, 0, 6 * Page(), &store));
    CHECK(AllAre(store.at, 6 * Page(), 0x48));
    const uint64_t epoch = Books().faults;
    CHECK_OK(file.Resize(2 * Page()));
    CHECK(AllAre(store.at, 2 * Page(), 0x48));
    CHECK(Books().faults == epoch);
    CHECK(AllAre(store.at + 2 * Page(), 4 * Page(), 0));
    CHECK(Books().faults == epoch + 1);  // the rest went at once
    Info info{};
    CHECK_OK(Describe(id, &info));
    CHECK(info.faults == 1 && info.file_bytes == 2 * Page());
    uint8_t byte = 1;
    CHECK_OK(WriteBytes(id, 5 * Page(), &byte, 1));
    // The view outlives the region, and another part of it may fault then.
    CHECK_OK(file.Resize(0));
    if (shared) CHECK(AllAre(store.at, 2 * Page(), 0));
    Collected(id, kBusy);
    CHECK(store.at[3 * Page()] == 0);
    EndStore(store);
  }
}

void AFileThatShrinksAfterItsRegion() {
  if (IsLacking("fault-guard")) return NoteHere("fault-guard");
  Scratch file("region-orphan", 200 * Page(), 0x11);
  CHECK_OK(file.status());
  Id id;
  Store store;
  CHECK_OK(Create(file.spec(true), &id));
  CHECK_OK(MakeStore(id, 0, 200 * Page(), &store));
  Collected(id, kBusy);
  CHECK(AllAre(store.at, 200 * Page(), 0x11));
  CHECK_OK(file.Resize(Page()));
  CHECK(AllAre(store.at, Page(), 0x11) && AllAre(store.at + Page(), 199 * Page(), 0));
  EndStore(store);
}

void FilesAreCheckedBeforeMapping() {
  Scratch file("region-file", 3 * Page() + 5, 0x21);
  CHECK_OK(file.status());
  Id id;
  Spec spec = file.spec(true);
  CHECK_OK(Create(spec, &id));
  Info info{};
  CHECK_OK(Describe(id, &info));
  CHECK(info.bytes == 3 * Page() + 5 && info.shared_object);
  CHECK_OK(Flush(id, 0, info.bytes, true));
  CHECK_OK(Free(id));
  spec.bytes = 4 * Page();
  CHECK_CODE(Create(spec, &id), kRange);
  spec.offset = 4 * Grain();
  spec.bytes = 0;
  CHECK_CODE(Create(spec, &id), kRange);
  spec.offset = 0xfffffffffffff000;
  spec.bytes = 0x2000;
  CHECK_CODE(Create(spec, &id), kInvalid);
  spec.offset = 0;
  spec.bytes = 5 * Page();
  spec.extend = true;
  CHECK_OK(Create(spec, &id));
  CHECK_OK(Remap(id, 7 * Page(), kBusy));
  CHECK_OK(Describe(id, &info));
  CHECK(info.file_bytes == 7 * Page());
  CHECK_OK(Free(id));
  CHECK_OK(Create(file.spec(false), &id));
  CHECK_CODE(Remap(id, 8 * Page(), kBusy), kRange);
  CHECK_CODE(Flush(id, 0, 1, true), kState);
  CHECK_OK(Free(id));
}

void ACanaryTells() {
  for (const bool overwritten : {false, true}) {
    for (const Access access : {Access::kReadWrite, Access::kRead, Access::kNone}) {
      Id id;
      Store store;
      const uint64_t bytes = 100;
      CHECK_OK(MakeRegion(Kind::kSecret, bytes, &id));
      CHECK_OK(MakeStore(id, 0, bytes, &store));
      Fill(store.at, bytes, 0x77);
      if (overwritten) store.at[bytes] ^= 1;
      CHECK_OK(ProtectRegion(id, access, kBusy));
      bool corrupted = !overwritten;
      CHECK_OK(Release(id, false, false, kBusy, &corrupted));
      CHECK(corrupted == overwritten);
      CHECK(AllAre(store.at, bytes, 0));
      EndStore(store);
    }
  }
}

// Giving the pages of a secret back must not look like an overwrite.
void ACanarySurvivesOperations() {
  Id id;
  CHECK_OK(MakeRegion(Kind::kSecret, 2 * Page() - 16, &id));
  uint64_t given = 0;
  const Status decommitted = Decommit(id, 0, 2 * Page() - 16, &given);
  CHECK(decommitted.ok() || decommitted.code == Code::kState || decommitted.code == Code::kUnsupported ||
        decommitted.code == Code::kSystem);
  CHECK_OK(Zero(id, 0, 2 * Page() - 16));
  bool corrupted = true;
  CHECK_OK(Release(id, false, false, kBusy, &corrupted));
  CHECK(!corrupted);
}

void SharedObjectsMeet() {
  Id id;
  Id other;
  CHECK_OK(MakeRegion(Kind::kShared, 3 * Page(), &id));
  Info info{};
  CHECK_OK(Describe(id, &info));
  Spec spec;
  spec.kind = Kind::kShared;
  spec.remote_process = platform::ProcessId();
  spec.remote_file = static_cast<uint64_t>(info.file);
  spec.remote_identity = info.file_identity + 1;
  spec.bytes = 3 * Page();
  CHECK_CODE(Create(spec, &other), kStale);
  spec.remote_identity = info.file_identity;
  CHECK_OK(Create(spec, &other));
  uint8_t byte = 0x99;
  CHECK_OK(WriteBytes(id, 2 * Page(), &byte, 1));
  byte = 0;
  CHECK_OK(ReadBytes(other, 2 * Page(), &byte, 1));
  CHECK(byte == 0x99);
  CHECK_OK(Free(id));
  CHECK_OK(ReadBytes(other, 2 * Page(), &byte, 1));
  CHECK(byte == 0x99);
  spec.bytes = 4 * Page();
  CHECK(!Create(spec, &id).ok());
  CHECK_OK(Free(other));
}

}  // namespace

const NamedCase kFaultCases[] = {
    {"a truncated file reads zeros", ATruncatedFileReadsZeros},
    {"a file that shrinks after its region", AFileThatShrinksAfterItsRegion},
    {"files are checked before mapping", FilesAreCheckedBeforeMapping},
    {"a canary tells", ACanaryTells},
    {"a canary survives operations", ACanarySurvivesOperations},
    {"shared objects meet", SharedObjectsMeet},
    {nullptr, nullptr},
};

}  // namespace nebula::test
