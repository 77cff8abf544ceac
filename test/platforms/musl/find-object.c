/* Debian's libgcc_eh calls _dl_find_object of glibc 2.35; here it is for musl, over dl_iterate_phdr. Test host only. */
#define _GNU_SOURCE
#include <link.h>
#include <stddef.h>

struct found {
  unsigned long long flags;
  void *begin, *end;
  void *link_map;
  void *frames;
  unsigned long long reserved[7];
};

struct question {
  unsigned long pc;
  struct found *out;
  int answered;
};

static int look(struct dl_phdr_info *info, size_t size, void *data) {
  struct question *question = data;
  unsigned long begin = -1ul, end = 0;
  void *frames = NULL;
  int inside = 0;
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    const unsigned long at = info->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_LOAD) {
      if (at < begin) begin = at;
      if (at + header->p_memsz > end) end = at + header->p_memsz;
      if (question->pc >= at && question->pc < at + header->p_memsz) inside = 1;
    }
    if (header->p_type == PT_GNU_EH_FRAME) frames = (void *)at;
  }
  if (!inside || frames == NULL) return 0;
  *question->out = (struct found){0, (void *)begin, (void *)end, NULL, frames, {0}};
  question->answered = 1;
  return 1;
}

int _dl_find_object(void *pc, struct found *out) {
  struct question question = {(unsigned long)pc, out, 0};
  dl_iterate_phdr(look, &question);
  return question.answered ? 0 : -1;
}
