import { during, error } from '../expect.mjs';

// What the tables of single system calls are written with: the call fails only while the call under test runs.

export const noMemory = (syscall, errno = 'ENOMEM') => error('OUT_OF_MEMORY', syscall, errno);
export const system = (syscall, errno) => error('SYSCALL', syscall, errno);
export const HUGE = 'HUGE_PAGES_UNAVAILABLE';
export const NODES = ['map numa bind', 'map numa preferred', 'map numa interleave'];

export const group = (fault, rules, rows, extra) => ({
  fault,
  launch: during(...rules),
  arm: {},
  rows: rows.map(([call, expect, own]) => [call, expect, { ...extra, ...own }]),
});
