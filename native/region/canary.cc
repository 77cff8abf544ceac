// A pattern behind the bytes of a secret region. Views cannot reach it; native code that writes past an end can.
#include <cstring>

#include "table.h"

namespace nebula::region {

namespace {

uint8_t* PlaceOf(const Region* region) {
  return reinterpret_cast<uint8_t*>(region->range->base.load()) + region->bytes;
}

}  // namespace

void ArmCanary(Region* region) {
  if (!platform::RandomBytes(region->canary, sizeof region->canary).ok()) {
    std::memset(region->canary, 0xc5, sizeof region->canary);
  }
  std::memcpy(PlaceOf(region), region->canary, sizeof region->canary);
}

bool CanaryIntact(const Region* region) {
  return std::memcmp(PlaceOf(region), region->canary, sizeof region->canary) == 0;
}

}  // namespace nebula::region
