// The native half of a Region object: an opaque External that counts as one holder. What the External carries is no
// pointer but a key of slot and generation, so nothing in it is ever followed: a pointer out of somebody else's
// External is no key, and a key whose holder was released no longer matches. A slot is free again the moment its
// holder is released, whether or not the collector has seen the External.
#pragma once

#include "environment.h"

namespace nebula::binding {

struct Holder {
  std::atomic<uint32_t> generation;  // part of the key; goes up when the holder is let go of
  uint32_t slot;
  region::Id id;
  uint32_t pins;        // pins through this holder: given back when it is collected
  napi_ref collection;  // asks the collector to tell; deleted when the holder is released first
  Holder* next_free;
};

// A new External around a holder that the table has counted already; on failure the holder is let go.
Napi::Value Wrap(napi_env env, region::Id id);
// Null unless the value is one of ours; a failure is then in *status. Released holders give kFreed.
Holder* Unwrap(const Napi::CallbackInfo& info, size_t index, Status* status);
// After region::Release() of its region: every External around the holder is stale from now on.
void LetGo(napi_env env, Holder* holder);

}  // namespace nebula::binding
