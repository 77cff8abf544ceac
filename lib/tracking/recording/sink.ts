import { closeSync, openSync, writeSync } from 'node:fs';
import { checkFunction, checkString, memoryError } from '../../core';

/** Where text goes. */
export interface TextSink {
  write(text: string): void;
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
    file = openSync(path, 'w');
  } catch (cause) {
    throw failed('open', path, cause);
  }
  return {
    write(text) {
      const bytes = Buffer.from(text);
      try {
        for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      } catch (cause) {
        throw failed('write', path, cause);
      }
    },
    close: () => closeSync(file),
  };
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT for neither or both, ERR_MEMORY_SYSCALL when the file cannot be made */
export function openSink(sink: ((text: string) => void) | undefined, path: string | undefined): TextSink {
  if ((sink === undefined) === (path === undefined)) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', 'RecordingAllocator: give either sink or path');
  }
  if (path !== undefined) return toFile(checkString('RecordingAllocator: path', path));
  return { write: checkFunction('RecordingAllocator: sink', sink as (text: string) => void), close: () => {} };
}
