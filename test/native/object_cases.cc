// Memory objects, anonymous, named and secret, and what is mapped of them.
#include "check.h"

namespace nebula::test {

using namespace platform;

namespace {

void MemoryObjectIsShared() {
  const uint64_t bytes = 2 * Grain();
  File file = kNoFile;
  NEED(CreateMemoryObject("nebula-test", bytes, 0, &file), "objects");
  FileInfo info = {};
  CHECK_OK(StatFile(file, &info));
  CHECK(info.bytes == bytes && !info.directory);
  void* one = nullptr;
  void* two = nullptr;
  CHECK_OK(MapAll(file, bytes, Sharing::kShared, Access::kReadWrite, &one));
  CHECK(AllAre(one, bytes, 0));
  Fill(one, bytes, 0x71);
  File remote = kNoFile;
  const Status opened = OpenRemoteObject(ProcessId(), static_cast<uint64_t>(file), &remote);
  if (opened.ok()) CloseFile(file);
  const File second = opened.ok() ? remote : file;
  CHECK_OK(MapAll(second, bytes, Sharing::kShared, Access::kReadWrite, &two));
  CHECK(AllAre(two, bytes, 0x71));
  CHECK_OK(Decommit(two, bytes, Backing::kObject));
  CHECK(AllAre(two, bytes, 0x71));
  const Status buried = Tombstone(one, bytes, Backing::kObject);
  if (buried.ok()) {
    CHECK(AllAre(one, bytes, 0));
    Fill(one, bytes, 0x72);
  }
  CHECK(AllAre(two, bytes, 0x71));
  CHECK_OK(UnmapObject(one, bytes));
  CHECK_OK(UnmapObject(two, bytes));
  CHECK_OK(MapAll(second, Page(), Sharing::kCopyOnWrite, Access::kReadWrite, &one));
  CHECK(AllAre(one, Page(), 0x71));
  CHECK_OK(UnmapObject(one, Page()));
  CloseFile(second);
  NEED(opened, "remote");
  NEED(buried, "tombstone-object");
}

void ObjectGoesIntoReservation() {
  const uint64_t grain = Grain();
  File file = kNoFile;
  void* range = nullptr;
  NEED(CreateMemoryObject("nebula-at", grain, 0, &file), "objects");
  CHECK_OK(Reserve(4 * grain, &range));
  void* at = At(range, grain);
  void* got = nullptr;
  // One that cannot be: longer than the object. The reservation is as before, or the next would not fit.
  void* none = nullptr;
  if (!GetCapabilities().atomic_tombstone) {
    CHECK(!MapObject(ObjectRequest{file, grain, grain, Sharing::kShared, Access::kReadWrite, 0, at}, &none).ok());
  }
  const Status mapped = MapObject(ObjectRequest{file, 0, grain, Sharing::kShared, Access::kReadWrite, 0, at}, &got);
  if (mapped.ok()) {
    CHECK(got == at && SeenIs(range, Seen::kNothing) && SeenIs(At(range, 2 * grain), Seen::kNothing));
    Fill(got, grain, 1);
  }
  CHECK_OK(Unmap(range, 4 * grain));
  CHECK(SeenIs(at, Seen::kNothing));
  CloseFile(file);
  NEED(mapped, "at");
}

void SecretObjectWorks() {
  File file = kNoFile;
  const Status made = CreateSecretObject(Page(), &file);
  if (made.code == Code::kSystem) return NoteHere("refused by the system");
  NEED(made, "secret");
  void* view = nullptr;
  CHECK_OK(MapAll(file, Page(), Sharing::kShared, Access::kReadWrite, &view));
  Fill(view, Page(), 5);
  CHECK(AllAre(view, Page(), 5));
  CHECK_OK(UnmapObject(view, Page()));
  CloseFile(file);
}

void NamedObjectsMeet() {
  const uint64_t bytes = Grain();
  char name[64];
  std::snprintf(name, sizeof name, "t.%llu-a_B", static_cast<unsigned long long>(ProcessId()));
  File one = kNoFile;
  File two = kNoFile;
  NEED(OpenNamedObject(name, true, bytes, &one), "named");
  CHECK(OpenNamedObject(name, true, bytes, &two).code == Code::kSystem);
  CHECK_OK(OpenNamedObject(name, false, 0, &two));
  FileInfo info = {};
  CHECK_OK(StatFile(two, &info));
  CHECK(info.bytes == bytes);
  void* a = nullptr;
  void* b = nullptr;
  CHECK_OK(MapAll(one, bytes, Sharing::kShared, Access::kReadWrite, &a));
  CHECK_OK(MapAll(two, bytes, Sharing::kShared, Access::kReadWrite, &b));
  CHECK(AllAre(a, bytes, 0));
  Fill(a, bytes, 0x42);
  CHECK(AllAre(b, bytes, 0x42));
  const Status unlinked = UnlinkNamedObject(name);
  CHECK_OK(UnmapObject(a, bytes));
  CHECK(AllAre(b, bytes, 0x42));
  CHECK_OK(UnmapObject(b, bytes));
  CloseFile(one);
  CloseFile(two);
  CHECK(OpenNamedObject(name, false, 0, &one).code == Code::kSystem);  // gone either way
  NEED(unlinked, "unlink");
  CHECK(UnlinkNamedObject(name).code == Code::kSystem);
}

}  // namespace

const NamedCase kObjectCases[] = {
    {"a memory object is shared", MemoryObjectIsShared},
    {"an object goes into a reservation", ObjectGoesIntoReservation},
    {"a secret object works", SecretObjectWorks},
    {"named objects meet", NamedObjectsMeet},
    {nullptr, nullptr},
};

}  // namespace nebula::test
