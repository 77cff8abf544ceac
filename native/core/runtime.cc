// The few C++ runtime symbols that compiled headers refer to when no C++ library is linked. With them one Linux
// binary serves every C library: it needs no libstdc++, and no symbol version of glibc.
//
// Compiled only into freestanding builds (Linux and the MinGW cross build); hosted builds use their own library.
// No exceptions exist here, so what would throw ends the process: code above uses new (std::nothrow) and checks
// sizes before it reaches a standard container, and nothing below is reached in a correct program.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <new>

namespace {

void* AllocateOrAbort(size_t bytes) {
  void* memory = malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) abort();
  return memory;
}

// Over-aligned objects: the pointer that malloc gave lies in the word below the object.
void* AllocateAligned(size_t bytes, size_t alignment) noexcept {
  if (bytes > SIZE_MAX - alignment - sizeof(void*)) return nullptr;
  void* memory = malloc(bytes + alignment + sizeof(void*));
  if (memory == nullptr) return nullptr;
  const uintptr_t first = reinterpret_cast<uintptr_t>(memory) + sizeof(void*);
  const uintptr_t aligned = (first + alignment - 1) & ~(uintptr_t{alignment} - 1);
  reinterpret_cast<void**>(aligned)[-1] = memory;
  return reinterpret_cast<void*>(aligned);
}

void* AllocateAlignedOrAbort(size_t bytes, size_t alignment) {
  void* memory = AllocateAligned(bytes, alignment);
  if (memory == nullptr) abort();
  return memory;
}

void FreeAligned(void* memory) noexcept {
  if (memory != nullptr) free(static_cast<void**>(memory)[-1]);
}

}  // namespace

void* operator new(size_t bytes) { return AllocateOrAbort(bytes); }
void* operator new[](size_t bytes) { return AllocateOrAbort(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return malloc(bytes == 0 ? 1 : bytes); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return malloc(bytes == 0 ? 1 : bytes); }
void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete[](void* memory, size_t) noexcept { free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { free(memory); }

void* operator new(size_t bytes, std::align_val_t alignment) {
  return AllocateAlignedOrAbort(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return AllocateAlignedOrAbort(bytes, static_cast<size_t>(alignment));
}
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return AllocateAligned(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return AllocateAligned(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory, std::align_val_t) noexcept { FreeAligned(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { FreeAligned(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { FreeAligned(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { FreeAligned(memory); }

namespace std {

const nothrow_t nothrow{};

[[noreturn]] void __throw_bad_alloc() { abort(); }
[[noreturn]] void __throw_bad_array_new_length() { abort(); }
[[noreturn]] void __throw_bad_function_call() { abort(); }
[[noreturn]] void __throw_length_error(const char*) { abort(); }
[[noreturn]] void __throw_logic_error(const char*) { abort(); }
[[noreturn]] void __throw_out_of_range(const char*) { abort(); }
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...) { abort(); }
[[noreturn]] void __throw_invalid_argument(const char*) { abort(); }
[[noreturn]] void __throw_system_error(int) { abort(); }
[[noreturn]] void __glibcxx_assert_fail(const char*, int, const char*, const char*) noexcept { abort(); }

}  // namespace std

extern "C" [[noreturn]] void __cxa_pure_virtual() { abort(); }
