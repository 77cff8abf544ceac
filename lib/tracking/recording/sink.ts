import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs';
import { checkFunction, checkString, memoryError } from '../../core';

const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } = constants;

/** Where text goes. */
export interface TextSink {
  /** Takes all of the text, or throws and has taken nothing. @returns what a user's sink returns, which may be a promise */
  write(text: string): unknown;
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
  return {
    write(text) {
      const bytes = Buffer.from(text);
      try {
        for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      } catch (cause) {
        cut(file, length); // the text is offered again: half of it may not stay
        throw failed('write', path, cause);
      }
      length += bytes.length;
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

function cut(file: number, length: number): void {
  try {
    ftruncateSync(file, length);
  } catch {} // a pipe: what it took is gone
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT for neither or both, ERR_MEMORY_SYSCALL when the file cannot be made */
export function openSink(sink: ((text: string) => void) | undefined, path: string | undefined): TextSink {
  if ((sink === undefined) === (path === undefined)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', 'RecordingAllocator: give either sink or path');
  }
  if (path !== undefined) return toFile(checkString('RecordingAllocator: path', path));
  return { write: checkFunction('RecordingAllocator: sink', sink as (text: string) => void), close: () => {} };
}
