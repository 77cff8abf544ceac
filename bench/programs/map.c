// The two system calls below Region.map + free, alone: prints the nanoseconds of one pair.
//   map BYTES PAIRS TOUCH
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e9 + at.tv_nsec;
}

static int pairs(size_t bytes, long count, int touch) {
  for (long i = 0; i < count; i++) {
    volatile char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return 1;
    if (touch) at[0] = 1;
    if (munmap((void *)at, bytes) != 0) return 1;
  }
  return 0;
}

int main(int words, char **word) {
  if (words != 4) return 2;
  const size_t bytes = strtoull(word[1], NULL, 10);
  const long count = atol(word[2]);
  const int touch = atoi(word[3]);
  if (pairs(bytes, count / 10 + 1, touch)) return 1;
  const double start = now();
  if (pairs(bytes, count, touch)) return 1;
  printf("%.2f\n", (now() - start) / count);
  return 0;
}
