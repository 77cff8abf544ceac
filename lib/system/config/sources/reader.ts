import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Largest file that is read. */
export const MOST_FILE_BYTES = 2 ** 20;

/** Why a file was not read. */
export class Unreadable extends Error {
  readonly kind: 'too-large' | 'malformed' | 'unreadable';
  readonly byteLength: number | undefined;

  constructor(kind: Unreadable['kind'], message: string, byteLength?: number) {
    super(message);
    this.name = 'Unreadable';
    this.kind = kind;
    this.byteLength = byteLength;
  }
}

/**
 * The text of a file, or null where there is none. Only ordinary files are read: neither a pipe nor a device can make the
 * service wait, and a file that grows meanwhile is refused at the limit.
 *
 * @throws Unreadable; what the system says otherwise
 */
export function readConfigFile(path: string): string | null {
  let file: number;
  try {
    // A pipe without a writer would hold up open() for ever.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) {
      throw new Unreadable('unreadable', stats.isDirectory() ? 'it is a folder' : 'it is no ordinary file');
    }
    const bytes = Buffer.alloc(MOST_FILE_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null);
    }
    if (length > MOST_FILE_BYTES) {
      const size = Math.max(stats.size, length);
      throw new Unreadable('too-large', `it has ${size} bytes, at most ${MOST_FILE_BYTES} are read`, size);
    }
    return decode(bytes.subarray(0, length));
  } finally {
    closeSync(file);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    // A byte order mark is left out.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Unreadable('malformed', 'it is no UTF-8 text');
  }
}
