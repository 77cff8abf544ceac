import { closeSync, existsSync, openSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { foreignHostText } from './foreign-host';

/** Reads /proc and /sys of this machine, or a copy of another machine's in a folder. No method throws. */
export interface Sysroot {
  /** The folder that stands for `/`. */
  readonly root: string;
  /** The text of a file, cut at its first NUL; null when it is missing, unreadable or answers with an error. */
  readText(path: string): string | null;
  /** The names in a folder, sorted; empty when it is missing or unreadable. */
  list(path: string): string[];
  exists(path: string): boolean;
}

/**
 * Opens a machine for reading.
 *
 * @param root the folder that stands for `/`; default is this machine. A copied tree is never left: neither `..` nor a
 *   symbolic link leads out of it.
 */
export function openSysroot(root: string = '/'): Sysroot {
  const isHost = root === '/';
  if (isHost && process.platform === 'win32') return foreignHost; // C:\\proc would be anybody's
  let realRoot: string | null | undefined;

  function locate(path: string): string | null {
    const full = join(root, posix.normalize(`/${path}`));
    if (isHost) return full;
    // An absolute link in a copied tree would show this machine instead of that one.
    realRoot ??= quietly(() => realpathSync(root));
    const real = quietly(() => realpathSync(full));
    if (realRoot === null || realRoot === undefined || real === null) return null;
    return real === realRoot || real.startsWith(realRoot + sep) ? real : null;
  }

  return Object.freeze({
    root,
    readText(path: string): string | null {
      const full = locate(path);
      return full === null ? null : quietly(() => readAll(full));
    },
    list(path: string): string[] {
      const full = locate(path);
      return full === null ? [] : (quietly(() => readdirSync(full).sort()) ?? []);
    },
    exists(path: string): boolean {
      const full = locate(path);
      return full !== null && existsSync(full);
    },
  });
}

const foreignHost: Sysroot = Object.freeze({
  root: '/',
  readText: (path: string) => foreignHostText(posix.normalize(`/${path}`)),
  list: () => [],
  exists: () => false,
});

function readAll(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const text = readFileSync(fd, 'utf8');
    const end = text.indexOf('\0'); // some tools copy sysfs files padded to a page
    return end < 0 ? text : text.slice(0, end);
  } finally {
    closeSync(fd);
  }
}

function quietly<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
