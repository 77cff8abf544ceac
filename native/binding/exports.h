// The groups of functions that the addon exports, a file each.
#pragma once

#include "carrier.h"

namespace nebula::binding {

void ExportLife(napi_env env, napi_value exports);
void ExportPages(napi_env env, napi_value exports);
void ExportPlacement(napi_env env, napi_value exports);
void ExportProcess(napi_env env, napi_value exports);

// Runs `work(holder)` for the holder in argument 0 and returns undefined or the failure.
template <typename Work>
Napi::Value OnHolder(const Napi::CallbackInfo& info, Work work) {
  Status status;
  Holder* holder = Unwrap(info, 0, &status);
  if (holder == nullptr) return Failure(info.Env(), status);
  return work(holder);
}

}  // namespace nebula::binding
