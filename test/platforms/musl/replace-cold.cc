// std::string::_M_replace_cold of libstdc++ 13, which the one of GCC 12 lacks. Test host only.
#include <cstddef>
#include <cstring>

extern "C" void _ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE15_M_replace_coldEPcmPKcmm(
    void*, char* place, size_t old_length, const char* from, const size_t new_length, const size_t behind) {
  if (new_length != 0 && new_length <= old_length) std::memmove(place, from, new_length);
  if (behind != 0 && old_length != new_length) std::memmove(place + new_length, place + old_length, behind);
  if (new_length <= old_length) return;
  if (from + new_length <= place + old_length) {
    std::memmove(place, from, new_length);
  } else if (from >= place + old_length) {
    std::memcpy(place, from + (new_length - old_length), new_length);
  } else {
    const size_t left = static_cast<size_t>((place + old_length) - from);
    std::memmove(place, from, left);
    std::memcpy(place + left, place + new_length, new_length - left);
  }
}
