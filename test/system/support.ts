import type { PressureLevel } from '../../lib/core';
import type { MonitorLike } from '../../lib/system';
import { MemorySystem, type SystemOptions } from '../../lib/system';

export { codeOf, thrown } from '../platform/region/support';
export { FakeTime } from '../support/fake-time';

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** A system small enough to be made in each test. */
export function small(options: SystemOptions = {}): MemorySystem {
  return new MemorySystem({
    stack: { bytes: '64KiB' },
    pool: { bytes: '1MiB', maxBytes: '1MiB', upToBytes: '128KiB' },
    arena: { bytes: '4MiB', chunkBytes: '1MiB', arenas: 2, upToBytes: '1MiB', retainBytes: '1MiB' },
    ...options,
  });
}

/** A monitor whose level is set by hand. */
export class FakeMonitor implements MonitorLike {
  level: PressureLevel = 'none';
  largestAllowedBytes = Number.POSITIVE_INFINITY;
  readonly listeners = new Set<(change: { from: PressureLevel; to: PressureLevel }) => void>();

  on(_event: 'change', listener: (change: { from: PressureLevel; to: PressureLevel }) => void): this {
    this.listeners.add(listener);
    return this;
  }

  off(_event: 'change', listener: (change: { from: PressureLevel; to: PressureLevel }) => void): this {
    this.listeners.delete(listener);
    return this;
  }

  set(to: PressureLevel): void {
    const from = this.level;
    this.level = to;
    for (const listener of this.listeners) listener({ from, to });
  }
}

/** All turns of the microtask queue that are due. */
export function turns(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
