// The entry point: one table of functions for each environment that loads the addon.
#include "exports.h"

namespace nebula::binding {

Napi::Object Start(Napi::Env env, Napi::Object exports) {
  if (!Environment::Start(env)) {
    napi_throw_error(env, "ERR_MEMORY_OUT_OF_MEMORY", "nebula-memory could not allocate its environment");
    return exports;
  }
  ExportLife(env, exports);
  ExportCarriers(env, exports);
  ExportPages(env, exports);
  ExportPlacement(env, exports);
  ExportProcess(env, exports);
  return exports;
}

}  // namespace nebula::binding

namespace {
Napi::Object StartAddon(Napi::Env env, Napi::Object exports) { return nebula::binding::Start(env, exports); }
}  // namespace

NODE_API_MODULE(nebula_memory, StartAddon)
