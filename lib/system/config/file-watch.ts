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

/**
 * Looks at the file's data again and again. Unlike notifications that also works for files that are replaced, for mounted
 * ones, and for links that are set anew, as orchestrators do; what it is compared with is read before it returns.
 */
export const pollFile: FileWatch = (path, onChange, everyMs) => {
  let last = signatureNow(path);
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  const look = (): void => {
    stat(path, (error, stats) => {
      if (isStopped) return;
      timer = setTimeout(look, everyMs).unref();
      const now = error === null ? signature(stats) : NONE;
      if (now === last) return;
      last = now;
      onChange();
    });
  };
  timer = setTimeout(look, everyMs).unref();
  return () => {
    isStopped = true;
    if (timer !== null) clearTimeout(timer);
  };
};
