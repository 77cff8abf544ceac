// Makes ArrayBuffers and SharedArrayBuffers over a region's bytes.
#pragma once

#include "holder.h"

namespace nebula::binding {

enum class SharedCarrier : uint8_t { kNone, kNodeApi, kEngine };
// How this Node can make external SharedArrayBuffers, found once.
SharedCarrier FindSharedCarrier(napi_env env);

// Bytes spanned by the local buffers that are alive: V8 counts them as external memory.
uint64_t LocalBufferBytes();

void ExportCarriers(napi_env env, napi_value exports);

}  // namespace nebula::binding
