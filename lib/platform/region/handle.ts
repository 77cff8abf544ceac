import { checkInteger, describe, isMemoryError, memoryError } from '../../core';

/**
 * What another thread needs to attach to a region: plain data for `postMessage` and `workerData`. For a region made by
 * Region.shared(), another process of the same user can use it too, sent over IPC.
 */
export interface RegionHandle {
  readonly type: 'nebula-memory.region';
  readonly slot: number;
  readonly generation: number;
  /** Of the process that made it. */
  readonly token: number;
  readonly byteLength: number;
  readonly name: string | null;
  /** Where another process finds the memory; null for regions that only threads can share. */
  readonly remote: { readonly pid: number; readonly file: number; readonly identity: number } | null;
}

const LARGEST = Number.MAX_SAFE_INTEGER;

/** Copies and checks a handle from anywhere. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkHandle(where: string, value: unknown): RegionHandle {
  try {
    return readHandle(where, value);
  } catch (error) {
    if (isMemoryError(error)) throw error;
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: the handle cannot be read`, { cause: error });
  }
}

function readHandle(where: string, value: unknown): RegionHandle {
  if (typeof value !== 'object' || value === null || (value as Partial<RegionHandle>).type !== 'nebula-memory.region') {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: a region's handle is needed, got ${describe(value)}`, {
      hint: 'Send region.handle to the worker; a Region object itself cannot be posted.',
    });
  }
  const { slot, generation, token, byteLength, name, remote } = value as RegionHandle;
  const integer = (key: string, number: unknown, min = 0): number =>
    checkInteger(`${where}: handle.${key}`, number, min, LARGEST);
  return {
    type: 'nebula-memory.region',
    slot: integer('slot', slot),
    generation: integer('generation', generation),
    token: integer('token', token),
    byteLength: integer('byteLength', byteLength, 1),
    name: typeof name === 'string' ? name : null,
    remote:
      typeof remote === 'object' && remote !== null
        ? {
            pid: integer('remote.pid', remote.pid, 1),
            file: integer('remote.file', remote.file),
            identity: integer('remote.identity', remote.identity),
          }
        : null,
  };
}
