import { bytes, bytesOr, duration, durationOr, integer } from '../field';

const TIERS = 'the tiers were made with it, and their blocks are in use';
const KIB = 1024;
const MIB = 1024 * KIB;

function least(level: string, fallback: number) {
  return integer(fallback, {
    max: 100,
    unit: 'of 100',
    help: `Least priority of requests that are served while pressure is ${level}`,
    restart: 'the system was made with it',
  });
}

/** Read by MemorySystem: where requests go, by their size. */
export const SYSTEM = {
  stackUpToBytes: bytesOr('off', KIB, {
    min: 1,
    max: 32 * KIB,
    help: 'Largest request that the stack of the thread serves; off leaves the tier out',
    restart: TIERS,
  }),
  stackBytes: bytes(MIB, { min: 64 * KIB, max: 256 * MIB, help: 'Memory of that stack', restart: TIERS }),
  poolUpToBytes: bytesOr('off', 10 * MIB, {
    min: 1,
    help: 'Largest request that the heaps of the pools serve; off leaves the tier out',
    restart: TIERS,
  }),
  poolBytes: bytes(64 * MIB, { min: 64 * KIB, max: 2 ** 40, help: 'Memory of each of these heaps', restart: TIERS }),
  poolMaxBytes: bytes(1024 * MIB, { min: 64 * KIB, help: 'Memory of all of these heaps', restart: TIERS }),
  arenaUpToBytes: bytesOr('off', 100 * MIB, {
    min: 1,
    help: 'Largest request that the arenas serve; off leaves the tier out',
    restart: TIERS,
  }),
  arenaBytes: bytes(256 * MIB, { min: 64 * KIB, help: 'Most memory of one of these arenas', restart: TIERS }),
  arenas: integer(4, { min: 1, max: 64, unit: 'arenas', help: 'Most of these arenas', restart: TIERS }),
  arenaChunkBytes: bytes(16 * MIB, {
    min: 4 * KIB,
    max: 1024 * MIB,
    help: 'First chunk of each of these arenas',
    restart: TIERS,
  }),
  arenaRetainBytes: bytes(128 * MIB, {
    help: 'Memory that empty arenas together keep for the next request',
    restart: TIERS,
  }),
  regionMaxBytes: bytesOr('none', 'none', {
    min: 1,
    help: 'Most bytes of blocks that are regions of their own',
    restart: TIERS,
  }),
  mediumPriority: least('medium', 25),
  highPriority: least('high', 50),
  criticalPriority: least('critical', 75),
  metricsIntervalMs: durationOr('never', 10_000, {
    min: 1,
    help: 'How often metrics are published by themselves',
    restart: 'the system was made with it',
  }),
  shutdownDeadlineMs: duration(10_000, { help: 'How long shutdown() waits for what is held' }),
} as const;
