import { type Stats, stat, statSync } from 'node:fs';

/**
 * Calls `onChange` when a file appears, changes or goes, until the returned function is called. Never before it has
 * returned; keeps nothing alive.
 */
export type FileWatch = (path: string, onChange: () => void, everyMs: number) => () => void;

const NONE = 'none';

function signature({ mtimeMs, ctimeMs, size, ino }: Stats): string {
  return [mtimeMs, ctimeMs, size, ino].join(' ');
}

function signatureNow(path: string): string {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? NONE : signature(stats);
  } catch {
    return NONE;
  }
}

/** A file that was just changed is looked at again so soon: who writes it may not be done. */
const SETTLE_MS = 100;

/**
 * Looks at the file's data again and again. Unlike notifications that also works for files that are replaced, for mounted
 * ones, and for links that are set anew, as orchestrators do; what it is compared with is read before it returns. A change
 * is told when two looks have found the same: a file that is half written may read well, and say something else.
 */
export const pollFile: FileWatch = (path, onChange, everyMs) => {
  let told = signatureNow(path);
  let last = told;
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  const look = (): void => {
    stat(path, (error, stats) => {
      if (isStopped) return;
      const now = error === null ? signature(stats) : NONE;
      const isSettled = now === last;
      last = now;
      timer = setTimeout(look, isSettled ? everyMs : Math.min(everyMs, SETTLE_MS)).unref();
      if (!isSettled || now === told) return;
      told = now;
      onChange();
    });
  };
  timer = setTimeout(look, everyMs).unref();
  return () => {
    isStopped = true;
    if (timer !== null) clearTimeout(timer);
  };
};
