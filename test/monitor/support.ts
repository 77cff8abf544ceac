import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PressureLevel } from '../../lib/core';
import { ManualSource, MemoryMonitor, type MonitorOptions } from '../../lib/monitor';

import { FakeTime } from '../support/fake-time';

export { codeOf } from '../platform/region/support';
export { FakeTime };

export interface Watched {
  readonly time: FakeTime;
  readonly source: ManualSource;
  readonly monitor: MemoryMonitor;
  /** Everything emitted, as `event: what`. */
  readonly log: string[];
  /** Sets the level and lets the monitor see it. */
  say(level: PressureLevel): void;
}

/** A monitor that is started, under fake time, with one source that says what it is told. */
export function watched(options: MonitorOptions = {}): Watched {
  const time = new FakeTime();
  const source = new ManualSource();
  const monitor = new MemoryMonitor({ sources: [source], clock: time, timers: time, ...options });
  const log: string[] = [];
  monitor.on('change', ({ from, to }) => log.push(`change: ${from} to ${to}`));
  monitor.on('state', ({ from, to }) => log.push(`state: ${from} to ${to}`));
  monitor.on('source', ({ name, state }) => log.push(`source: ${name} ${state}`));
  monitor.on('action', ({ action, outcome }) => log.push(`action: ${action} ${outcome}`));
  monitor.on('failure', ({ where }) => log.push(`failure: ${where}`));
  monitor.start();
  const say = (level: PressureLevel): void => {
    source.set(level);
    time.advance(50);
  };
  return { time, source, monitor, log, say };
}

/** Changes files of a synthetic machine; null removes one. */
export function rewrite(root: string, files: Readonly<Record<string, string | null>>): void {
  for (const [path, text] of Object.entries(files)) {
    const full = join(root, path);
    if (text === null) {
      rmSync(full, { recursive: true, force: true });
      continue;
    }
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
  }
}

/** Watching and triggers that a test fires by hand. */
export class FakeFileEvents {
  readonly watching = new Map<string, () => void>();
  readonly triggers = new Map<string, string>();
  /** What the next call throws. */
  failure: Error | null = null;
  made = 0;

  watch = (path: string, onEvent: () => void): (() => void) => {
    if (this.failure !== null) throw this.failure;
    this.watching.set(path, onEvent);
    return () => this.watching.delete(path);
  };

  trigger = (path: string, text: string | Uint8Array): (() => void) => {
    if (this.failure !== null) throw this.failure;
    this.made += 1;
    this.triggers.set(path, Buffer.from(text as string).toString('latin1'));
    return () => this.triggers.delete(path);
  };
}

/** Holds bytes that can be had back. */
export class Store {
  asked: number[] = [];
  bytes: number;

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  reclaimableBytes(): number {
    return this.bytes;
  }

  reclaim(targetBytes: number): number {
    this.asked.push(targetBytes);
    const freed = Math.min(this.bytes, targetBytes);
    this.bytes -= freed;
    return freed;
  }

  shrink(targetBytes: number): number {
    return this.reclaim(targetBytes);
  }

  trim(keepBytes: number = 0): number {
    return this.reclaim(this.bytes - keepBytes);
  }
}
