import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs';
import { checkFunction, checkString, memoryError } from '../../core';

const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } = constants;

const LINE_BREAK = 10;

/** Where text goes. */
export interface TextSink {
  /**
   * Takes all of the text. Where it throws, the same text is offered again as the begin of a later one, unless drop() says
   * otherwise.
   *
   * @returns what a user's sink returns, which may be a promise
   */
  write(text: string): unknown;
  /** What was refused last is not offered again. */
  drop(): void;
  /** @throws ERR_MEMORY_SYSCALL when the file cannot be closed */
  close(): void;
}

function failed(call: string, path: string, cause: unknown): Error {
  const { errno, message } = cause as NodeJS.ErrnoException;
  return memoryError('ERR_MEMORY_SYSCALL', `RecordingAllocator: ${path} cannot be written: ${message}`, {
    syscall: call,
    errno: errno === undefined ? undefined : Math.abs(errno),
    cause,
  });
}

function toFile(path: string): TextSink {
  let file: number;
  try {
    file = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND); // appends behind what is left after a truncation
  } catch (cause) {
    throw failed('open', path, cause);
  }
  let length = 0;
  /** Bytes of a text that failed which a pipe has taken: they are not to be had back. */
  let taken = 0;
  /** They end in the middle of a row of which the rest was dropped. */
  let torn = false;
  let tail = 0;
  return {
    write(text) {
      const bytes = Buffer.from(text);
      let done = taken;
      try {
        if (torn) writeSync(file, '\n');
        torn = false;
        while (done < bytes.length) done += writeSync(file, bytes, done);
      } catch (cause) {
        taken = cut(file, length) ? 0 : done; // the text is offered again: half of it may not stay
        tail = taken === 0 ? LINE_BREAK : (bytes[taken - 1] as number);
        throw failed('write', path, cause);
      }
      taken = 0;
      length += bytes.length;
    },
    drop() {
      torn ||= taken > 0 && tail !== LINE_BREAK;
      taken = 0;
    },
    close() {
      try {
        closeSync(file);
      } catch (cause) {
        throw failed('close', path, cause);
      }
    },
  };
}

/** False for a pipe: what it took is gone. */
function cut(file: number, length: number): boolean {
  try {
    ftruncateSync(file, length);
    return true;
  } catch {
    return false;
  }
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT for neither or both, ERR_MEMORY_SYSCALL when the file cannot be made */
export function openSink(sink: ((text: string) => void) | undefined, path: string | undefined): TextSink {
  if ((sink === undefined) === (path === undefined)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', 'RecordingAllocator: give either sink or path');
  }
  if (path !== undefined) return toFile(checkString('RecordingAllocator: path', path));
  const write = checkFunction('RecordingAllocator: sink', sink as (text: string) => void);
  return { write, drop: () => {}, close: () => {} };
}
