import { BufferPool, type BufferPoolOptions, type PooledBuffer } from '../../../lib';
import { isEmptied } from '../../support/emptied';
import { codeOf } from './support';

const SIZE = 1000;

type Kept = (lease: PooledBuffer) => Uint8Array;

/** What code may keep of a lease, other than the lease. */
const VIEWS: readonly [string, Kept][] = [
  ['the view', (lease) => lease.bytes],
  ['a part of it', (lease) => lease.bytes.subarray(5, 50)],
  ['the Buffer', (lease) => lease.buffer],
  ['a part of the Buffer', (lease) => lease.buffer.subarray(1)],
  [
    'another kind of view',
    (lease) => {
      const { buffer, byteOffset } = lease.bytes;
      const words = new Uint32Array(buffer, byteOffset, 4);
      return new Uint8Array(words.buffer, words.byteOffset, 16);
    },
  ],
];

/** More: what spans the memory under the view. */
/** By transfer() where there is one: structuredClone() of newer Node.js refuses buffers of another realm, as a test's is. */
function takenAway(buffer: ArrayBuffer): ArrayBuffer {
  const newer = buffer as ArrayBuffer & { transfer?: () => ArrayBuffer };
  return newer.transfer?.() ?? structuredClone(buffer, { transfer: [buffer] });
}

const BUFFERS: readonly [string, Kept][] = [
  ['its ArrayBuffer', (lease) => new Uint8Array(lease.bytes.buffer)],
  ['a transferred ArrayBuffer', (lease) => new Uint8Array(takenAway(lease.bytes.buffer as ArrayBuffer))],
];

/** Lends, keeps something, releases, and lends to others until every buffer was lent again: what is kept shows none of it. */
function haunt(options: BufferPoolOptions, kept: Kept, moved: boolean): void {
  const pool = new BufferPool({ minBytes: 1024, maxBuffersPerClass: 16, decayMs: null, ...options });
  const lease = pool.acquire(SIZE);
  lease.bytes.fill(1);
  const ghost = kept(lease);
  lease.release();
  for (let round = 0; round < 10; round++) {
    const others: PooledBuffer[] = [];
    for (let next = pool.tryAcquire(SIZE); next !== undefined; next = pool.tryAcquire(SIZE)) {
      next.bytes.fill(2);
      others.push(next);
      expect(ghost.length > 0 && ghost.includes(2)).toBe(false);
    }
    try {
      ghost.fill(9); // and writes nothing of theirs
    } catch {
      // detached
    }
    for (const next of others) {
      expect(next.bytes.every((byte) => byte === 2)).toBe(true);
      next.release();
    }
  }
  if (moved) expect(isEmptied(ghost) || ghost.every((byte) => byte === 9)).toBe(true);
  expect(pool.stats()).toMatchObject({ borrowed: 0, mishaps: 0 });
  pool.close();
  expect(pool.heldBytes).toBe(0);
}

describe('what was kept after release reaches nothing of the next holder’s', () => {
  test.each([...VIEWS, ...BUFFERS])('safe: %s', (_, kept) => haunt({ reuse: 'safe' }, kept, true));
  test.each(VIEWS)('batch: %s', (_, kept) => haunt({ reuse: 'batch' }, kept, true));
  test.each(VIEWS)('safe, shared memory: %s', (_, kept) => haunt({ reuse: 'safe', carrier: 'shared' }, kept, false));
  test.each(VIEWS)('batch, shared memory: %s', (_, kept) => haunt({ reuse: 'batch', carrier: 'shared' }, kept, false));
});

test('safe: a view is empty as soon as its lease was released', () => {
  using pool = new BufferPool({ reuse: 'safe' });
  const lease = pool.acquire('64KiB');
  const { bytes, buffer } = lease;
  bytes.fill(1);
  lease.release();
  expect(isEmptied(bytes)).toBe(true);
  expect(isEmptied(buffer)).toBe(true);
});

test('batch: a released buffer rests until all of its slab came back, then the pages move', () => {
  using pool = new BufferPool({ minBytes: 1024, slabBytes: 4096, decayMs: null });
  const leases = Array.from({ length: 4 }, () => pool.acquire(SIZE));
  const views = leases.map((lease) => lease.bytes);
  for (const lease of leases.slice(0, 3)) lease.release();
  expect(pool.stats()).toMatchObject({ resting: 3, idle: 0, moves: 0 });
  using other = pool.acquire(SIZE); // of another slab
  expect(pool.stats()).toMatchObject({ slabs: 2, resting: 3 });
  leases[3]?.release();
  expect(pool.stats()).toMatchObject({ resting: 0, idle: 7, moves: 1 });
  for (const view of views) expect(isEmptied(view)).toBe(true);
  other.bytes.fill(1);
});

test('batch: what nobody looked at is lent again at once', () => {
  using pool = new BufferPool();
  for (let i = 0; i < 1000; i++) pool.acquire(SIZE).release();
  expect(pool.stats()).toMatchObject({ moves: 0, resting: 0, slabs: 1 });
});

test('batch: a slab that cannot move goes back to the system', () => {
  using pool = new BufferPool({ minBytes: 1024, slabBytes: 4096, decayMs: null });
  const { Region } = require('../../../lib') as typeof import('../../../lib');
  const remap = jest.spyOn(Region.prototype, 'remap').mockImplementation(() => {
    throw new Error('no');
  });
  try {
    const leases = Array.from({ length: 4 }, () => pool.acquire(SIZE));
    const views = leases.map((lease) => lease.bytes.fill(1));
    for (const lease of leases) lease.release();
    expect(pool.stats()).toMatchObject({ slabs: 0, size: 0, heldBytes: 0, moves: 0 });
    for (const view of views) expect(isEmptied(view)).toBe(true);
    pool.acquire(SIZE).release();
  } finally {
    remap.mockRestore();
  }
});

test('fast: the same memory again, guarded by the lease alone', () => {
  using pool = new BufferPool({ reuse: 'fast' });
  const lease = pool.acquire(SIZE);
  const { bytes } = lease;
  lease.release();
  using next = pool.acquire(SIZE);
  next.bytes.fill(7);
  expect(bytes[0]).toBe(7);
  expect(codeOf(() => lease.bytes)).toBe('ERR_MEMORY_STALE_HANDLE');
});

test.each(['fast', 'batch', 'safe'] as const)(
  'who transfers the ArrayBuffer away takes nobody’s bytes: %s',
  (reuse) => {
    using pool = new BufferPool({ reuse });
    const [a, b] = [pool.acquire(SIZE), pool.acquire(SIZE)];
    a.bytes.fill(1);
    b.bytes.fill(2);
    const { buffer } = a.bytes;
    takenAway(buffer as ArrayBuffer);
    expect(a.bytes).toHaveLength(SIZE);
    expect(a.bytes.every((byte) => byte === 1)).toBe(true);
    expect(b.bytes.every((byte) => byte === 2)).toBe(true);
    a.release();
    b.release();
  },
);
