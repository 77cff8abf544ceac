// External SharedArrayBuffers on Node 20 and early 22, which have no Node-API function for them: through four exported
// symbols of V8 whose names and binary interface are the same in every version that this is used for. No V8 header is
// involved, so the binary does not depend on V8's version; callers decide by Node's module version.
#pragma once

#include <node_api.h>

#include <cstddef>

namespace nebula::binding {

using StoreDeleter = void (*)(void* data, size_t length, void* hint);

// True when the running host exports all of it.
bool EngineCarrierAvailable();
// pre: available, data != null. post: `deleter` runs exactly once, on any thread. Null on failure (deleter not run).
napi_value EngineSharedBuffer(void* data, size_t length, StoreDeleter deleter, void* hint);

}  // namespace nebula::binding
