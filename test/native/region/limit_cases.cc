// The map limit: refused early, given back to the last one, and found again in the quarantine.
#include <vector>

#include "support.h"

namespace nebula::test {

using namespace region;

namespace {

// Room for about this many mappings beyond what the process has.
void AllowMore(uint64_t mappings) { ConfigureMappingLimit(platform::CountMappings() + mappings); }

class DefaultLimit {
 public:
  ~DefaultLimit() { ConfigureMappingLimit(0); }
};

bool Known() { return platform::CountMappings() != 0; }

void TheLimitRefusesAndRecovers() {
  if (!Known()) return NoteHere("a count of mappings");
  const DefaultLimit restore;
  AllowMore(60);
  for (int round = 0; round < 3; ++round) {
    std::vector<Id> made;
    Id id;
    Status status;
    // Guard pages keep neighbors from merging, so that the OS counts three each.
    while (made.size() < 100 && (status = MakeAnonymous(Page(), &id, true)).ok()) made.push_back(id);
    for (const Id each : made) CHECK_OK(Free(each));
    CHECK(status.code == Code::kMapLimit && status.detail == Books().mapping_limit);
    CHECK(made.size() >= 2 && made.size() <= 60);  // a sanitizer maps on its own account as well
  }
}

void ARefusalCostsNothing() {
  if (!Known()) return NoteHere("a count of mappings");
  const DefaultLimit restore;
  Id id;
  Store store;
  CHECK_OK(MakeAnonymous(4 * Page(), &id));
  CHECK_OK(MakeStore(id, 0, 4 * Page(), &store));
  Fill(store.at, 4 * Page(), 0x3c);
  ConfigureMappingLimit(1);
  const Totals before = Books();
  Id more;
  CHECK_CODE(MakeAnonymous(Page(), &more), kMapLimit);
  CHECK_CODE(ProtectRegion(id, Access::kRead, kBusy), kMapLimit);
  CHECK_CODE(Remap(id, 9 * Page(), kBusy), kMapLimit);
  CHECK_CODE(Advise(id, 0, Page(), platform::Advice::kNoDump), kMapLimit);
  CHECK_CODE(Lock(id, 0, Page(), false), kMapLimit);
  const Totals after = Books();
  CHECK(after.mappings == before.mappings && after.regions == before.regions &&
        after.mapped_bytes == before.mapped_bytes);
  CHECK(AllAre(store.at, 4 * Page(), 0x3c));
  ConfigureMappingLimit(0);
  CHECK_OK(ProtectRegion(id, Access::kRead, kBusy));
  EndStore(store);
  CHECK_OK(Free(id));
}

// At the limit what waits in quarantine and may go is given back before anything is refused.
void TheQuarantineMakesRoom() {
  if (!Known()) return NoteHere("a count of mappings");
  const DefaultLimit restore;
  ConfigureQuarantine(QuarantineTimes{0, 3600000});
  AllowMore(40);
  Status status;
  for (int i = 0; i < 200 && status.ok(); ++i) {
    Id id;
    Store store;
    status = MakeAnonymous(Page(), &id, true);
    if (!status.ok()) break;
    CHECK_OK(MakeStore(id, 0, Page(), &store));
    store.at[0] = 1;
    // Closed, so that neighboring tombstones do not merge into one mapping.
    CHECK_OK(Free(id, true, kIdle));
    EndStore(store);
  }
  ConfigureQuarantine(QuarantineTimes{});
  CHECK_OK(status);
}

}  // namespace

const NamedCase kLimitCases[] = {
    {"the limit refuses and recovers", TheLimitRefusesAndRecovers},
    {"a refusal costs nothing", ARefusalCostsNothing},
    {"the quarantine makes room", TheQuarantineMakesRoom},
    {nullptr, nullptr},
};

}  // namespace nebula::test
