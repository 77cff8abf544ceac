import type { Sysroot } from './sysroot';

/** A resource limit of the process; null is unlimited. */
export interface Rlimit {
  readonly soft: number | null;
  readonly hard: number | null;
}

const NAMES = {
  as: 'Max address space',
  data: 'Max data size',
  stack: 'Max stack size',
  memlock: 'Max locked memory',
  nofile: 'Max open files',
  nproc: 'Max processes',
} as const;

/** `as`, `data`, `stack` and `memlock` in bytes, `nofile` and `nproc` in numbers; null where the kernel does not say. */
export type Rlimits = { readonly [Name in keyof typeof NAMES]: Rlimit | null };

/** Reads the text of /proc/self/limits. */
export function parseRlimits(text: string): Rlimits {
  const find = (title: string): Rlimit | null => {
    const line = text.split('\n').find((one) => one.startsWith(title));
    const [soft, hard] = line?.slice(title.length).trim().split(/\s+/) ?? [];
    return soft === undefined || hard === undefined || soft === '' ? null : { soft: amount(soft), hard: amount(hard) };
  };
  return {
    as: find(NAMES.as),
    data: find(NAMES.data),
    stack: find(NAMES.stack),
    memlock: find(NAMES.memlock),
    nofile: find(NAMES.nofile),
    nproc: find(NAMES.nproc),
  };
}

function amount(word: string): number | null {
  return /^\d+$/.test(word) ? Number(word) : null;
}

/** The resource limits of this process, or null when they cannot be read. */
export function readRlimits(sysroot: Sysroot): Rlimits | null {
  const text = sysroot.readText('/proc/self/limits');
  return text === null ? null : parseRlimits(text);
}
