import { closeSync, constants, openSync, watch, writeSync } from 'node:fs';
import { checkFunction, memoryError } from '../../core';
import type { Sysroot } from '../../platform';
import { readable } from '../readable';

/** What tells that a file of the kernel has changed. Tests put their own in its place. */
export interface FileEvents {
  /**
   * Calls back when the file changes or goes, until the returned function is called. Files of control groups do so: the
   * kernel notifies watchers of `memory.events`, and current kernels those of `memory.pressure`, when a trigger fires.
   *
   * @throws what the system says, where the file cannot be watched
   */
  watch(path: string, onEvent: () => void): () => void;
  /** Sets a pressure trigger: writes it and keeps the file open until the returned function is called. @throws */
  trigger(path: string, text: string | Uint8Array): () => void;
}

export const systemFileEvents: FileEvents = Object.freeze({
  watch(path: string, onEvent: () => void): () => void {
    const watcher = watch(path, { persistent: false }, onEvent);
    watcher.on('error', onEvent);
    return () => watcher.close();
  },
  trigger(path: string, text: string | Uint8Array): () => void {
    const file = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      writeSync(file, typeof text === 'string' ? Buffer.from(text) : text);
    } catch (error) {
      closeSync(file);
      throw error;
    }
    return () => closeSync(file);
  },
});

const NO_EVENTS: FileEvents = Object.freeze({
  watch: () => {
    throw memoryError('ERR_MEMORY_UNSUPPORTED', 'the files of a copied machine do not change by themselves');
  },
  trigger: () => {
    throw memoryError('ERR_MEMORY_UNSUPPORTED', 'a copied machine takes no triggers');
  },
});

/**
 * The given ones, or those of this machine; none for a copied one, which is read and never written to.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT
 */
export function fileEventsFor(where: string, sysroot: Sysroot, given: FileEvents | undefined): FileEvents {
  if (given === undefined) return sysroot.root === '/' ? systemFileEvents : NO_EVENTS;
  readable(`${where}: events`, () => {
    checkFunction(`${where}: events.watch`, (given as Partial<FileEvents> | null)?.watch);
    checkFunction(`${where}: events.trigger`, (given as Partial<FileEvents> | null)?.trigger);
  });
  return given;
}

/** The reasons to do without are kept by the one who asks. */
export function quietly<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}
