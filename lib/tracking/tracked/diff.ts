import { checkLeakReport, type LeakReport } from './report';

/** How a place changed between two reports. */
export interface LeakChange {
  readonly frames: readonly string[];
  readonly state: 'grown' | 'shrunk' | 'same';
  /** Blocks and bytes, estimated from the samples where not every block was recorded. */
  readonly before: { readonly allocations: number; readonly bytes: number };
  readonly after: { readonly allocations: number; readonly bytes: number };
  readonly addedAllocations: number;
  readonly addedBytes: number;
}

/** Two leak reports compared by place. */
export interface LeakDiff {
  /** What grew the most first, what shrank last. */
  readonly changes: readonly LeakChange[];
  /** Places that hold more than before, less than before, and as much. */
  readonly grown: number;
  readonly shrunk: number;
  readonly same: number;
  /** Change of the counted totals, from all blocks and not from samples. */
  readonly addedAllocations: number;
  readonly addedBytes: number;
}

interface Pair {
  readonly frames: readonly string[];
  before: { allocations: number; bytes: number };
  after: { allocations: number; bytes: number };
}

/**
 * Compares two reports by place. A place has grown when it holds more bytes, or as many in more blocks.
 *
 * @throws ERR_MEMORY_INVALID_ARGUMENT for what is no report
 */
export function diffLeaks(before: LeakReport, after: LeakReport): LeakDiff {
  checkLeakReport(before, 'diffLeaks: before');
  checkLeakReport(after, 'diffLeaks: after');
  const pairs = new Map<string, Pair>();
  for (const side of ['before', 'after'] as const) {
    const report = side === 'before' ? before : after;
    for (const site of report.sites) {
      const key = site.frames.join('\n');
      const pair = pairs.get(key) ?? { frames: site.frames, before: none(), after: none() };
      pair[side].allocations += site.allocations * report.sampleInterval;
      pair[side].bytes += site.bytes * report.sampleInterval;
      pairs.set(key, pair);
    }
  }
  const changes = [...pairs.values()].map(changeOf);
  changes.sort((a, b) => b.addedBytes - a.addedBytes || b.addedAllocations - a.addedAllocations);
  const count = (state: LeakChange['state']) => changes.filter((change) => change.state === state).length;
  return {
    changes,
    grown: count('grown'),
    shrunk: count('shrunk'),
    same: count('same'),
    addedAllocations: after.liveAllocations - before.liveAllocations,
    addedBytes: after.liveBytes - before.liveBytes,
  };
}

function none(): { allocations: number; bytes: number } {
  return { allocations: 0, bytes: 0 };
}

function changeOf({ frames, before, after }: Pair): LeakChange {
  const addedBytes = after.bytes - before.bytes;
  const addedAllocations = after.allocations - before.allocations;
  const direction = addedBytes || addedAllocations;
  const state = direction > 0 ? 'grown' : direction < 0 ? 'shrunk' : 'same';
  return { frames, state, before, after, addedAllocations, addedBytes };
}
