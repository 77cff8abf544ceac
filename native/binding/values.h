// Between JavaScript values and ours. Nothing here throws: a call that cannot be done returns a failure object
// {failed, call, errno, detail}, and lib/platform/native turns it into a MemoryError.
#pragma once

#include <napi.h>

#include "../region/region.h"

namespace nebula::binding {

// Every argument is checked again here as far as memory safety needs it. After the first one that does not fit,
// ok() is false and the values are zeros.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  uint64_t Size(size_t index);  // an integer from 0 to 2^53 - 1
  uint32_t Word(size_t index);  // an integer from 0 to 2^32 - 1
  int32_t Integer(size_t index);
  bool Flag(size_t index);
  const char* Text(size_t index, char* out, size_t capacity);  // no NUL inside, fits
  // A typed array's bytes; the pointer holds until the call returns.
  uint8_t* Bytes(size_t index, uint64_t* length);

  bool ok() const { return ok_; }

 private:
  napi_value At(size_t index);

  const Napi::CallbackInfo& info_;
  bool ok_ = true;
};

Napi::Value Failure(napi_env env, const Status& status);
Napi::Value BadArgument(napi_env env);
Napi::Value NumberOf(napi_env env, uint64_t value);
Napi::Value BooleanOf(napi_env env, bool value);
Napi::Value Undefined(napi_env env);
// undefined, or the failure.
Napi::Value Done(napi_env env, const Status& status);
void SetNumber(napi_env env, napi_value object, const char* name, double value);
void SetBoolean(napi_env env, napi_value object, const char* name, bool value);
void SetText(napi_env env, napi_value object, const char* name, const char* value);

template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
napi_value Call(napi_env env, napi_callback_info info) {
  return Function(Napi::CallbackInfo(env, info));
}

// By Node-API itself: in a worker that is being terminated every call is refused, and the wrapper's way to tell, an
// exception that cannot be thrown, would end the process.
template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
void Export(napi_env env, napi_value exports, const char* name) {
  napi_value function = nullptr;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, &Call<Function>, nullptr, &function) == napi_ok) {
    napi_set_named_property(env, exports, name, function);
  }
}

}  // namespace nebula::binding
