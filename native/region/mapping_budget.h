// Keeps the process far from vm.max_map_count, past which the JavaScript engine itself aborts.
#pragma once

#include "../core/core.h"

namespace nebula::region {

// pre of all: the table's lock is held.
class MappingBudget {
 public:
  // kMapLimit with detail = the limit when `mappings` more would pass it.
  Status Take(uint64_t mappings);
  void Give(uint64_t mappings);
  void SetLimit(uint64_t mappings);
  uint64_t live() const { return live_; }
  uint64_t limit();

 private:
  void Start();

  uint64_t limit_ = 0;    // 0 = none known
  uint64_t foreign_ = 0;  // what the process held before our first region
  uint64_t live_ = 0;     // an upper bound of ours: neighbors that merged count twice
  uint64_t counted_ = 0;  // what the OS said at the last count
  uint64_t changes_ = 0;  // how many more there can be since: maps, and unmaps that split a merged mapping
  bool started_ = false;
};

}  // namespace nebula::region
