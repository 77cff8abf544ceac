import type { Limits } from '../platform';

/** Who set the limit, in words: `/sys/fs/cgroup/app/memory.max`, `RLIMIT_AS, soft`, `the memory of the machine`. */
export function limitOwner({ setBy, detail }: Pick<Limits, 'setBy' | 'detail'>): string {
  if (setBy === null) return detail;
  return setBy === 'machine' ? 'the memory of the machine' : setBy === 'rlimit' ? detail : setBy;
}

/** The command that sets the size of a huge-page pool, in pages. */
export function poolCommand(pageBytes: number, pages: number): string {
  return `echo ${pages} | sudo tee /sys/kernel/mm/hugepages/hugepages-${pageBytes / 1024}kB/nr_hugepages`;
}
