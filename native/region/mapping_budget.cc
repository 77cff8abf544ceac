#include "mapping_budget.h"

#include "../platform/platform.h"

namespace nebula::region {

void MappingBudget::Start() {
  if (started_) return;
  started_ = true;
  foreign_ = platform::CountMappings();
  if (limit_ == 0) limit_ = platform::MappingLimit() / 2;
}

uint64_t MappingBudget::limit() {
  Start();
  return limit_;
}

void MappingBudget::SetLimit(uint64_t mappings) {
  Start();
  limit_ = mappings != 0 ? mappings : platform::MappingLimit() / 2;
  counted_ = 0;
}

Status MappingBudget::Take(uint64_t mappings) {
  Start();
  const bool surely_fits = limit_ == 0 || foreign_ + live_ + mappings <= limit_;
  if (!surely_fits) {
    // Ask the OS, but only when as many changes as would fit have happened since it was last asked.
    if (counted_ == 0 || counted_ + changes_ + mappings > limit_) {
      counted_ = platform::CountMappings();
      changes_ = 0;
    }
    if (counted_ + mappings > limit_) return Fail(Code::kMapLimit, "mmap", limit_);
  }
  live_ += mappings;
  changes_ += mappings;
  return Ok();
}

void MappingBudget::Give(uint64_t mappings) {
  live_ -= mappings;
  changes_ += mappings;
}

}  // namespace nebula::region
