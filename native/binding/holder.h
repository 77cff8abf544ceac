// The native half of a Region object: an opaque External that counts as one holder. Holders lie in chunks of our own,
// so that a pointer out of somebody else's External is told apart before it is followed; that and the tag inside do
// what a type tag would, at a fifth of its cost.
#pragma once

#include "environment.h"

namespace nebula::binding {

struct Holder {
  uint64_t tag;  // kHolderTag while in use
  region::Id id;
  bool open;
  uint32_t pins;  // pins through this holder: given back when it is collected
  Holder* next_free;
};

// A new External around a holder that the table has counted already; on failure the holder is let go.
Napi::Value Wrap(napi_env env, region::Id id);
// Null unless the value is one of ours; a failure is then in *status. Freed holders give kFreed.
Holder* Unwrap(const Napi::CallbackInfo& info, size_t index, Status* status);

}  // namespace nebula::binding
