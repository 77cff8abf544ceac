#include "values.h"

#include <cstring>

namespace nebula::binding {

napi_value Arguments::At(size_t index) { return info_[index]; }

uint64_t Arguments::Size(size_t index) {
  double value = 0;
  const bool number = napi_get_value_double(info_.Env(), At(index), &value) == napi_ok;
  const bool fits = number && value >= 0 && value <= static_cast<double>(kMaxSafeInteger);
  if (!fits || static_cast<double>(static_cast<uint64_t>(value)) != value) {
    ok_ = false;
    return 0;
  }
  return static_cast<uint64_t>(value);
}

uint32_t Arguments::Word(size_t index) {
  const uint64_t value = Size(index);
  if (value > UINT32_MAX) ok_ = false;
  return ok_ ? static_cast<uint32_t>(value) : 0;
}

int32_t Arguments::Integer(size_t index) {
  double value = 0;
  const bool number = napi_get_value_double(info_.Env(), At(index), &value) == napi_ok;
  if (!number || !(value >= INT32_MIN && value <= INT32_MAX)) {
    ok_ = false;
    return 0;
  }
  return static_cast<int32_t>(value);
}

bool Arguments::Flag(size_t index) {
  bool value = false;
  if (napi_get_value_bool(info_.Env(), At(index), &value) != napi_ok) ok_ = false;
  return value;
}

const char* Arguments::Text(size_t index, char* out, size_t capacity) {
  size_t length = 0;
  out[0] = '\0';
  // A string that fills the buffer to its end may have been cut.
  const bool text = napi_get_value_string_utf8(info_.Env(), At(index), out, capacity, &length) == napi_ok;
  if (!text || length + 1 >= capacity || std::memchr(out, '\0', length) != nullptr) {
    ok_ = false;
    out[0] = '\0';
  }
  return out;
}

uint8_t* Arguments::Bytes(size_t index, uint64_t* length) {
  *length = 0;
  const napi_env env = info_.Env();
  bool typed = false;
  if (napi_is_typedarray(env, At(index), &typed) != napi_ok || !typed) {
    ok_ = false;
    return nullptr;
  }
  napi_typedarray_type type = napi_uint8_array;
  size_t elements = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, At(index), &type, &elements, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    ok_ = false;
    return nullptr;
  }
  *length = elements;
  return static_cast<uint8_t*>(data);
}

Napi::Value NumberOf(napi_env env, uint64_t value) {
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(value), &result);
  return Napi::Value(env, result);
}

Napi::Value BooleanOf(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return Napi::Value(env, result);
}

Napi::Value Undefined(napi_env env) {
  napi_value result = nullptr;
  napi_get_undefined(env, &result);
  return Napi::Value(env, result);
}

void SetNumber(napi_env env, napi_value object, const char* name, double value) {
  napi_value number = nullptr;
  if (napi_create_double(env, value, &number) == napi_ok) napi_set_named_property(env, object, name, number);
}

void SetBoolean(napi_env env, napi_value object, const char* name, bool value) {
  napi_set_named_property(env, object, name, BooleanOf(env, value));
}

void SetText(napi_env env, napi_value object, const char* name, const char* value) {
  napi_value text = nullptr;
  if (napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &text) == napi_ok) {
    napi_set_named_property(env, object, name, text);
  }
}

Napi::Value Failure(napi_env env, const Status& status) {
  napi_value object = nullptr;
  if (napi_create_object(env, &object) != napi_ok) return Undefined(env);
  SetNumber(env, object, "failed", static_cast<double>(status.code));
  SetText(env, object, "call", status.call == nullptr ? "" : status.call);
  // Where the system counts its errors otherwise, its own number is the detail.
  const int number = status.code == Code::kSystem ? platform::PortableErrno(status.error) : status.error;
  const uint64_t own = number == status.error ? 0 : static_cast<uint32_t>(status.error);
  SetNumber(env, object, "errno", number);
  SetNumber(env, object, "detail", static_cast<double>(own != 0 ? own : status.detail));
  return Napi::Value(env, object);
}

Napi::Value BadArgument(napi_env env) { return Failure(env, Fail(Code::kInvalid, "argument")); }

Napi::Value Done(napi_env env, const Status& status) { return status.ok() ? Undefined(env) : Failure(env, status); }

}  // namespace nebula::binding
