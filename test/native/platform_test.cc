// Runs every primitive of native/platform/platform.h against what the header promises, on whatever platform it is
// linked with. Prints "ok NAME" or "not ok NAME" and ends with 1 when a case failed. An argument picks the cases
// whose name contains it. Build and run: test/native/run-platform.sh linux|windows|fallback.
#include <cstring>

#include "check.h"

namespace nebula::test {

namespace {

bool g_failed = false;
const char* g_note = nullptr;

// What each platform lacks for good; anything else that answers kUnsupported is a failure.
struct Lack {
  const char* platform;
  const char* things;  // separated and surrounded by blanks
};
constexpr Lack kLacks[] = {
    {"linux", " "},
    {"windows",
     " move tombstone-object decommit-copy name secret unlink policy move-pages fault-guard lock-on-fault huge at "},
    {"posix",
     " move resize name huge secret remote policy query-pages move-pages affinity processor wait lock-on-fault "
     "populate-errors "},
    {"fallback",
     " random reserve protect decommit residency lock populate move name files objects named secret policy query-pages "
     "move-pages affinity processor wait fault-guard huge "},
};

}  // namespace

bool IsLacking(const char* thing) {
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, " %s ", thing);
  for (const Lack& lack : kLacks) {
    const bool here = std::strcmp(lack.platform, platform::GetCapabilities().name) == 0;
    if (here && std::strstr(lack.things, wanted) != nullptr) return true;
  }
  return false;
}

void FailHere(const char* file, int line, const char* what, const Status* status) {
  g_failed = true;
  std::printf("# %s:%d: %s\n", file, line, what);
  if (status == nullptr) return;
  std::printf("#   code %d, error %d, call %s\n", static_cast<int>(status->code), status->error,
              status->call == nullptr ? "-" : status->call);
}

void NoteHere(const char* note) { g_note = note; }

bool Works(const Status& status, const char* thing, const char* file, int line) {
  if (status.ok()) return true;
  if (status.code == Code::kUnsupported && IsLacking(thing)) {
    NoteHere(thing);
  } else {
    FailHere(file, line, thing, &status);
  }
  return false;
}

bool SeenIs(void* address, Seen wanted) {
  const Seen seen = AccessAt(address);
  return seen == Seen::kUnknown || seen == wanted;
}

bool AllAre(const void* address, uint64_t bytes, uint8_t value) {
  const auto* at = static_cast<const volatile uint8_t*>(address);
  for (uint64_t i = 0; i < bytes; ++i) {
    if (at[i] != value) return false;
  }
  return true;
}

void Fill(void* address, uint64_t bytes, uint8_t value) { std::memset(address, value, bytes); }

}  // namespace nebula::test

int main(int argc, char** argv) {
  using namespace nebula::test;
  int run = 0;
  int failed = 0;
  int noted = 0;
  for (const NamedCase* list : {kMachineCases, kMemoryCases, kPresenceCases, kObjectCases, kFileCases}) {
    for (; list->name != nullptr; ++list) {
      if (argc > 1 && std::strstr(list->name, argv[1]) == nullptr) continue;
      g_failed = false;
      g_note = nullptr;
      list->run();
      ++run;
      failed += g_failed;
      noted += !g_failed && g_note != nullptr;
      std::printf("%s %s", g_failed ? "not ok" : "ok", list->name);
      if (g_note != nullptr) std::printf(" # not here: %s", g_note);
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  std::printf("# platform %s: %d run, %d failed, %d passed with something not here\n",
              nebula::platform::GetCapabilities().name, run, failed, noted);
  return failed == 0 && run > 0 ? 0 : 1;
}
