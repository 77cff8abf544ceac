// Loads the addon as Node.js would, on a C library for which no Node.js exists: every symbol is resolved at once, the two
// entry points are found, and the one that needs no environment answers. Prints one line of JSON.
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  void* addon = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (addon == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  int (*version)(void) = (int (*)(void))dlsym(addon, "node_api_module_get_api_version_v1");
  void* init = dlsym(addon, "napi_register_module_v1");
  printf("{\"init\":%s,\"napi\":%d}\n", init != NULL ? "true" : "false", version != NULL ? version() : -1);
  return 0;
}
