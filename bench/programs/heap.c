// The same trace as claims/heap*.mjs, on the allocator that the program is linked with: prints nanoseconds of a pair.
//   heap TRACE LIVE PAIRS     TRACE: LIVE + 2^20 sizes and 2^20 slots as 32-bit integers
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define STEPS (1u << 20)

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e9 + at.tv_nsec;
}

int main(int words, char **word) {
  if (words != 4) return 2;
  const size_t live = strtoull(word[2], NULL, 10);
  const long pairs = atol(word[3]);
  const size_t count = live + 2 * (size_t)STEPS;
  int32_t *trace = calloc(count, sizeof *trace);
  void *volatile *blocks = calloc(live, sizeof *blocks);
  FILE *file = fopen(word[1], "rb");
  if (!trace || !blocks || !file || fread(trace, sizeof *trace, count, file) != count) return 1;
  fclose(file);
  const int32_t *sizes = trace + live;
  const int32_t *slots = sizes + STEPS;
  for (size_t i = 0; i < live; i++) {
    if (!(blocks[i] = malloc(trace[i]))) return 1;
  }
  double start = 0;
  for (long i = -pairs / 4; i < pairs; i++) { // the first part warms up
    if (i == 0) start = now();
    const size_t at = (size_t)(i + pairs) & (STEPS - 1);
    free(blocks[slots[at]]);
    blocks[slots[at]] = malloc(sizes[at]);
  }
  printf("%.2f\n", (now() - start) / pairs);
  return 0;
}
