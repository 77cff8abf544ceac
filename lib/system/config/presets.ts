import { nearest } from '../../core';
import type { ConfigInput } from './table';

const MIB = 2 ** 20;

const PRODUCTION = {
  allocator: { capacityBytes: 256 * MIB },
  pool: { blocks: 1024, growBlocks: 1024, maxBytes: 256 * MIB },
  arena: { growthFactor: 1.5, maxChunkBytes: 256 * MIB, alignment: 16 },
  budget: { policy: 'fairShare', deadlineMs: 5000 },
} as const satisfies ConfigInput;

/** Sets of values with a name. What a set leaves open is as without one. */
export const CONFIG_PRESETS = Object.freeze({
  /** A service on a machine or container of its own, with room. */
  production: PRODUCTION,
  /** Every mistake is found: guards, fills, exact frees, every allocation with its place. Slow. */
  debug: {
    provider: { maxCachedBytes: 0 },
    allocator: { exactFrees: true, guard: true, allocFill: 0xaa, freeFill: 0xdd },
    pool: { blocks: 16, growBlocks: 16 },
    arena: { chunkBytes: 4096, zero: true, onReset: 'detach', onRelease: 'detach' },
    stats: { level: 'paranoid' },
  },
  /** Speed before size: larger chunks and pages, more kept, nothing counted. */
  performance: {
    provider: { pages: 'thp', carrier: 'shared', maxCachedBytes: 1024 * MIB, decayMs: 60_000 },
    allocator: { capacityBytes: 512 * MIB },
    pool: { blocks: 4096, growBlocks: 4096, maxBytes: 512 * MIB },
    arena: { chunkBytes: MIB, maxChunkBytes: 256 * MIB, alignment: 64, bufferBytes: 256 * 1024, buffers: 64 },
    stats: { counters: false },
    system: { stackBytes: 16 * MIB, poolBytes: 256 * MIB, poolMaxBytes: 4096 * MIB, arenaRetainBytes: 512 * MIB },
  },
  /** Little memory, or many services beside each other. */
  low_memory: {
    provider: { maxCachedBytes: 4 * MIB, decayMs: 1000 },
    allocator: { capacityBytes: 8 * MIB },
    pool: { blocks: 16, growBlocks: 16, maxBytes: 4 * MIB },
    arena: { chunkBytes: 4096, growthFactor: 1.5, maxChunkBytes: MIB, bufferBytes: 16_384, buffers: 4 },
    budget: { headroomRatio: 0.2 },
    monitor: { stepRatio: 0.2, highMaxBlockBytes: 16_384, criticalMaxBlockBytes: 1024 },
    system: {
      ...{ stackBytes: 256 * 1024, poolUpToBytes: MIB, poolBytes: 4 * MIB, poolMaxBytes: 16 * MIB },
      ...{ arenaUpToBytes: 8 * MIB, arenaBytes: 16 * MIB, arenas: 2, arenaChunkBytes: MIB, arenaRetainBytes: 4 * MIB },
    },
  },
  /** One machine with less than 4 GiB. */
  single_node_small: {
    provider: { maxCachedBytes: 64 * MIB },
    allocator: { capacityBytes: 32 * MIB },
    pool: { blocks: 128, growBlocks: 128, maxBytes: 16 * MIB },
    budget: { headroomRatio: 0.15 },
    system: {
      ...{ poolUpToBytes: 4 * MIB, poolBytes: 16 * MIB, poolMaxBytes: 128 * MIB, arenaUpToBytes: 32 * MIB },
      ...{ arenaBytes: 64 * MIB, arenaChunkBytes: 4 * MIB, arenaRetainBytes: 32 * MIB },
    },
  },
  /** One of many equal instances behind a balancer: refuses early, so that another one serves, and samples who holds what. */
  fleet: {
    ...PRODUCTION,
    budget: { policy: 'fairShare', deadlineMs: 1000, headroomRatio: 0.15 },
    stats: { level: 'simple', sampleInterval: 1024 },
    monitor: { highEnterRatio: 0.88, highLeaveRatio: 0.82 },
  },
  /** A small fixed device: a fixed limit, all of it present from the start, nothing kept beside it. */
  embedded: {
    provider: { maxCachedBytes: 0, populate: true },
    allocator: { capacityBytes: 4 * MIB },
    pool: { blocks: 64, growBlocks: 1, maxBytes: MIB },
    arena: {
      chunkBytes: 4096,
      growthFactor: 1,
      maxChunkBytes: 65_536,
      limitBytes: 4 * MIB,
      bufferBytes: 4096,
      buffers: 4,
    },
    budget: { limitBytes: 32 * MIB },
    stats: { counters: false },
    monitor: { limitBytes: 128 * MIB, journalEntries: 32 },
    system: {
      ...{ stackBytes: 64 * 1024, poolUpToBytes: 256 * 1024, poolBytes: 2 * MIB, poolMaxBytes: 8 * MIB },
      ...{ arenaUpToBytes: MIB, arenaBytes: 4 * MIB, arenas: 1, arenaChunkBytes: 256 * 1024, arenaRetainBytes: 0 },
      regionMaxBytes: 16 * MIB,
    },
  },
} as const satisfies Record<string, ConfigInput>);

export type ConfigPreset = keyof typeof CONFIG_PRESETS;

export const PRESET_NAMES = Object.freeze(Object.keys(CONFIG_PRESETS) as ConfigPreset[]);

export function isPreset(name: unknown): name is ConfigPreset {
  return typeof name === 'string' && Object.hasOwn(CONFIG_PRESETS, name);
}

/** Why a word is no preset. */
export function unknownPreset(name: string): string {
  const guess = nearest(name, PRESET_NAMES);
  const hint = guess === undefined ? '' : ` Did you mean '${guess}'?`;
  return `unknown preset '${name.slice(0, 60)}'.${hint} Presets are ${PRESET_NAMES.join(', ')}.`;
}
