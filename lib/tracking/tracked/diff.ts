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
  /**
   * The report that left this place out (`leaks({ top })`): its numbers there are the most that it can have held, and the
   * change is the least that there was. `neither` where both name it or left nothing out.
   */
  readonly omittedIn: 'before' | 'after' | 'neither';
}

/** Two leak reports compared by place. */
export interface LeakDiff {
  /** What grew the most first, what shrank last; places of which nothing is sure are not among them. */
  readonly changes: readonly LeakChange[];
  /** Places that hold more than before, less than before, and as much. */
  readonly grown: number;
  readonly shrunk: number;
  readonly same: number;
  /** Places that only one report names, and of which the other, which left places out, may have held as much. */
  readonly unknown: number;
  /** Change of the counted totals, from all blocks and not from samples. */
  readonly addedAllocations: number;
  readonly addedBytes: number;
}

interface Held {
  allocations: number;
  bytes: number;
}

interface Pair {
  readonly frames: readonly string[];
  before: Held | null;
  after: Held | null;
}

/**
 * Compares two reports by place. A place has grown when it holds more bytes, or as many in more blocks. Where a report left
 * places out (`leaks({ top })`), one that it does not name has grown or shrunk only if it did so for sure, and is counted as
 * unknown otherwise.
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
      const pair = pairs.get(key) ?? { frames: site.frames, before: null, after: null };
      const held = (pair[side] ??= { allocations: 0, bytes: 0 });
      held.allocations += site.allocations * report.sampleInterval;
      held.bytes += site.bytes * report.sampleInterval;
      pairs.set(key, pair);
    }
  }
  const [mostBefore, mostAfter] = [mostOmitted(before), mostOmitted(after)];
  const changes: LeakChange[] = [];
  for (const pair of pairs.values()) {
    const change = changeOf(pair, mostBefore, mostAfter);
    if (change !== null) changes.push(change);
  }
  changes.sort((a, b) => b.addedBytes - a.addedBytes || b.addedAllocations - a.addedAllocations);
  const count = (state: LeakChange['state']) => changes.filter((change) => change.state === state).length;
  return {
    changes,
    grown: count('grown'),
    shrunk: count('shrunk'),
    same: count('same'),
    unknown: pairs.size - changes.length,
    addedAllocations: after.liveAllocations - before.liveAllocations,
    addedBytes: after.liveBytes - before.liveBytes,
  };
}

/**
 * The most that one place can hold which a report left out, or null where it left out none: no more than the least that it
 * names, since it names those that hold the most, and no more than all of them together.
 */
function mostOmitted(report: LeakReport): Held | null {
  if (report.omittedSites === 0) return null;
  let least = Number.POSITIVE_INFINITY;
  let [allocations, bytes] = [report.recordedAllocations, report.recordedBytes];
  for (const site of report.sites) {
    least = Math.min(least, site.bytes);
    allocations -= site.allocations;
    bytes -= site.bytes;
  }
  return {
    allocations: Math.max(0, allocations) * report.sampleInterval,
    bytes: Math.max(0, Math.min(least, bytes)) * report.sampleInterval,
  };
}

/** Null where nothing is sure. */
function changeOf(pair: Pair, mostBefore: Held | null, mostAfter: Held | null): LeakChange | null {
  const isNew = pair.before === null && mostBefore !== null;
  const isLost = pair.after === null && mostAfter !== null;
  const before = pair.before ?? mostBefore ?? { allocations: 0, bytes: 0 };
  const after = pair.after ?? mostAfter ?? { allocations: 0, bytes: 0 };
  const addedBytes = after.bytes - before.bytes;
  const addedAllocations = after.allocations - before.allocations;
  if ((isNew && addedBytes <= 0) || (isLost && addedBytes >= 0)) return null;
  const direction = addedBytes || addedAllocations;
  const state = direction > 0 ? 'grown' : direction < 0 ? 'shrunk' : 'same';
  const omittedIn = isNew ? 'before' : isLost ? 'after' : 'neither';
  return { frames: pair.frames, state, before, after, addedAllocations, addedBytes, omittedIn };
}
