import { describe, memoryError } from '../core';
import type { Serializer } from './extensions/interfaces';
import type { SystemStats } from './report';

const FORMAT = 'nebula-memory/system';
const VERSION = 1;

/** What MemorySystem.snapshot() writes. */
export interface SystemSnapshot {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly stats: SystemStats;
}

export function snapshotOf(stats: SystemStats): SystemSnapshot {
  return Object.freeze({ format: FORMAT, version: VERSION, stats });
}

/**
 * Reads a snapshot back.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT for what is none or cannot be read, ERR_MEMORY_UNSUPPORTED for another version
 */
export function readSnapshot(data: string | Uint8Array, serializer: Serializer): SystemSnapshot {
  const where = 'MemorySystem.readSnapshot';
  let value: Partial<SystemSnapshot> | null;
  try {
    value = serializer.deserialize(data) as Partial<SystemSnapshot> | null;
  } catch (error) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: '${serializer.name}' cannot read it`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || value.format !== FORMAT) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: it is no snapshot of a memory system, but ${describe(value)}`,
    );
  }
  const version: unknown = value.version;
  if (version !== VERSION) {
    throw memoryError(
      'ERR_MEMORY_UNSUPPORTED',
      `${where}: version ${describe(version)} is not known here, only ${VERSION}`,
    );
  }
  return value as SystemSnapshot;
}
