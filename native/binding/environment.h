// What the addon keeps for each Node environment (the main thread and every worker that loads it).
#pragma once

#include "values.h"

namespace nebula::binding {

class Environment {
 public:
  static Environment* Of(napi_env env);
  // Creates the environment's data; the cleanup hook frees it.
  static bool Start(napi_env env);

  // True when no request of this event loop is in flight: nobody works on its buffers behind JavaScript's back.
  bool Idle() const;
  // True while the environment of that serial number runs in this process: its cleanup has not begun.
  static bool Alive(uint64_t serial);
  // In teardown a finalizer runs although the store may live on in another environment.
  static bool TearingDown(napi_env env);

  region::Caller caller() const { return region::Caller{serial_, Idle()}; }
  uint64_t serial() const { return serial_; }
  bool can_transfer() const { return can_transfer_; }

 private:
  static void Cleanup(void* data);

  // The list of the running ones, under a lock of its own.
  void Enter();
  void Leave();

  Environment* before_ = nullptr;
  Environment* after_ = nullptr;
  uint64_t serial_ = 0;
  const void* loop_ = nullptr;
  bool can_transfer_ = false;  // ArrayBuffer.prototype.transfer exists
};

}  // namespace nebula::binding
