// Windows, MinGW cross builds only (node-gyp brings its own hook for Visual C++): the addon imports its Node-API
// functions from "node.exe"; a host of another name (Electron, a renamed node) is the process itself, whatever its
// file is called. The two types are declared here by hand so that no OS header is needed outside native/platform/.
#include <string.h>

extern "C" {

struct DelayLoadInfo {
  unsigned long size;
  const void* descriptor;
  void** slot;
  const char* dll;  // the rest of the structure is not used
};

using DelayLoadHook = void* (*)(unsigned event, DelayLoadInfo* info);

__declspec(dllimport) void* GetModuleHandleA(const char* name);

static void* UseHostProcess(unsigned event, DelayLoadInfo* info) {
  constexpr unsigned kBeforeLoadLibrary = 1;
  if (event != kBeforeLoadLibrary || _stricmp(info->dll, "node.exe") != 0) return nullptr;
  return GetModuleHandleA(nullptr);
}

DelayLoadHook __pfnDliNotifyHook2 = UseHostProcess;

}  // extern "C"
