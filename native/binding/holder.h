// The native half of a Region object: an opaque JavaScript object that carries a type tag and counts as one holder.
#pragma once

#include "environment.h"

namespace nebula::binding {

struct Holder {
  region::Id id;
  bool open = true;
  uint32_t pins = 0;  // pins through this holder: given back when it is collected
};

// A new object around a holder that the table has counted already; on failure the holder is let go.
Napi::Value Wrap(napi_env env, region::Id id);
// Null unless the value carries our tag; a failure is then in *status. Freed holders give kFreed.
Holder* Unwrap(const Napi::CallbackInfo& info, size_t index, Status* status);

}  // namespace nebula::binding
