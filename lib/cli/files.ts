import { fstatSync, readFileSync, readSync, type Stats, statSync } from 'node:fs';
import { UsageError } from './errors';

const STDIN = 0;
const STDIN_NAMES = ['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0'];
const CHUNK_BYTES = 65_536;
const RETRY_MS = 5;

/**
 * The text of a file that the user named; `-` is standard input.
 *
 * @throws UsageError when there is none, or when it is a folder or a socket
 */
export function readUserFile(path: string, command: string): string {
  // A socket as standard input cannot be opened by its name, only read.
  if (STDIN_NAMES.includes(path)) return readStdin(command);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new UsageError(`there is no file '${path}'.`, command);
  if (stats.isDirectory()) throw new UsageError(`'${path}' is a folder.`, command);
  if (stats.isSocket()) throw new UsageError(`'${path}' is a socket.`, command);
  return readFileSync(path, 'utf8');
}

/** How a file that the user named is called in messages. */
export function nameOfFile(path: string): string {
  return STDIN_NAMES.includes(path) ? 'stdin' : path;
}

function readStdin(command: string): string {
  let stats: Stats;
  try {
    stats = fstatSync(STDIN);
  } catch {
    throw new UsageError('standard input is closed.', command);
  }
  if (stats.isDirectory()) throw new UsageError('standard input is a folder.', command);
  const parts: Buffer[] = [];
  for (;;) {
    const part = Buffer.allocUnsafe(CHUNK_BYTES);
    const count = readSome(part);
    if (count === 0) return Buffer.concat(parts).toString('utf8');
    parts.push(part.subarray(0, count));
  }
}

/** Waits where the other side made it non-blocking. */
function readSome(into: Buffer): number {
  for (;;) {
    try {
      return readSync(STDIN, into);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0; // Windows, at the end of a pipe
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
