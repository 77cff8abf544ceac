// Makes ArrayBuffers and SharedArrayBuffers over a region's bytes.
#pragma once

#include "holder.h"

namespace nebula::binding {

enum class SharedCarrier : uint8_t { kNone, kNodeApi, kEngine };
// How this Node can make external SharedArrayBuffers, found once.
SharedCarrier FindSharedCarrier(napi_env env);

void ExportCarriers(napi_env env, napi_value exports);

}  // namespace nebula::binding
