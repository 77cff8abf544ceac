import { bytesOr, duration, flag, integer, ratio } from '../field';

const SOURCES = 'the sources were made with it';
const ADAPTOR = 'the allocator was made with it, and its blocks are in use';

function enter(level: string, fallback: number) {
  return ratio(fallback, { help: `Share of a limit in use from which pressure is ${level}`, restart: SOURCES });
}

function leave(level: string, fallback: number) {
  return ratio(fallback, {
    help: `Share of a limit in use below which pressure is no longer ${level}`,
    restart: SOURCES,
  });
}

function largest(level: string, fallback: number | 'none') {
  return bytesOr('none', fallback, {
    help: `Largest block that is granted while pressure is ${level}`,
    restart: ADAPTOR,
  });
}

/** Read by MemoryMonitor, its sources, and MonitoredAllocator. */
export const MONITOR = {
  intervalMs: duration(1000, {
    min: 10,
    max: 2 ** 31 - 1,
    help: 'How often sources are read that do not tell by themselves',
  }),
  dwellMs: duration(5000, { help: 'How long readings must be lower before the level goes down' }),
  retryMs: duration(10_000, { help: 'After which time a source that failed is tried again' }),
  actionIntervalMs: duration(1000, { help: 'Least time between two steps of an action' }),
  actionDeadlineMs: duration(30_000, { help: 'How long an action may take before it is reported' }),
  stepRatio: ratio(0.05, { help: 'Share of what is reclaimable that one step asks for' }),
  dryRun: flag(false, { help: 'Note what would be done, and do nothing' }),
  journalEntries: integer(256, {
    min: 1,
    max: 100_000,
    unit: 'entries',
    help: 'Entries that the journal of actions keeps',
    restart: 'the journal was made with it',
  }),
  limitBytes: bytesOr('machine', 'machine', {
    min: 1,
    help: 'What resident memory is measured against; machine: every limit of the container and the machine',
    restart: SOURCES,
  }),
  lowEnterRatio: enter('low', 0.7),
  lowLeaveRatio: leave('low', 0.65),
  mediumEnterRatio: enter('medium', 0.8),
  mediumLeaveRatio: leave('medium', 0.75),
  highEnterRatio: enter('high', 0.9),
  highLeaveRatio: leave('high', 0.85),
  criticalEnterRatio: enter('critical', 0.95),
  criticalLeaveRatio: leave('critical', 0.92),
  lowMaxBlockBytes: largest('low', 'none'),
  mediumMaxBlockBytes: largest('medium', 'none'),
  highMaxBlockBytes: largest('high', 65_536),
  criticalMaxBlockBytes: largest('critical', 4096),
} as const;
