import { readdirSync, readlinkSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEADER, LAYOUT_VERSION } from '../../../lib/allocators';
import { memory, Region, type RegionHandle } from '../../../lib/platform';
import type { SharedPoolHandle } from '../../../lib/pools/shared';
import { HEAD, LINE_VERSION } from '../../../lib/pools/shared/line-layout';
import { scratchFolder } from '../../platform/region/support';
import { type AnyPool, code, KINDS, type Kind, take } from './support';

/** A region of the handle as words, for as long as it takes. */
function poke(handle: SharedPoolHandle['blocks']['book'], word: number, value: number): () => void {
  using region = Region.attach(handle);
  const words = new Int32Array(region.buffer, 0, 64);
  const kept = words[word] as number;
  words[word] = value;
  return () => {
    using again = Region.attach(handle);
    new Int32Array(again.buffer, 0, 64)[word] = kept;
  };
}

describe.each(Object.keys(KINDS))('attaching to a %s', (name) => {
  const kind = KINDS[name] as Kind;
  let pool: AnyPool;
  let handle: SharedPoolHandle;
  const refuses = (value: unknown, expected: string): void => {
    const { regions } = memory.totals();
    expect(() => kind.attach(value as never)).toThrow(code(`ERR_MEMORY_${expected}`));
    // What was opened on the way was let go of, and no place was left taken.
    expect(pool.stats().owners).toBe(1);
    // Fewer are those that others dropped in this process, and that the collector finds now.
    expect(memory.totals().regions).toBeLessThanOrEqual(regions);
  };
  beforeEach(() => {
    pool = kind.create({ slots: 100, slotBytes: 64, owners: 2 });
    handle = structuredClone(pool.handle);
    kind.attach(handle).close();
  });
  afterEach(() => pool.close());

  test.each([null, undefined, 7, 'x', [], {}, { type: 'nebula-memory.shared-pool' }])('refuses %j', (value) => {
    refuses(value, 'INVALID_ARGUMENT');
  });

  test('refuses handles of which something is wrong', () => {
    const throwing = Object.defineProperty({ ...handle }, 'id', {
      get() {
        throw new Error('no');
      },
    });
    refuses(throwing, 'INVALID_ARGUMENT');
    refuses({ ...handle, type: 'nebula-memory.shared-budget' }, 'INVALID_ARGUMENT');
    refuses({ ...handle, kind: 'x' }, 'INVALID_ARGUMENT');
    refuses({ ...handle, kind: handle.kind === 'lock-free' ? 'thread-safe' : 'lock-free' }, 'INVALID_ARGUMENT');
    refuses({ ...handle, name: 7 }, 'INVALID_ARGUMENT');
    refuses({ ...handle, id: 'x' }, 'INVALID_ARGUMENT');
    refuses({ ...handle, id: 0 }, 'OUT_OF_RANGE');
    refuses({ ...handle, zeroOnRelease: undefined }, 'INVALID_ARGUMENT');
    refuses({ ...handle, zeroOnAcquire: 1 }, 'INVALID_ARGUMENT');
    refuses({ ...handle, blocks: undefined }, 'INVALID_ARGUMENT');
    refuses({ ...handle, blocks: { ...handle.blocks, kind: 'bump' } }, 'INVALID_ARGUMENT');
    refuses({ ...handle, blocks: { ...handle.blocks, book: 7 } }, 'INVALID_ARGUMENT');
    refuses({ ...handle, version: 2 }, 'UNSUPPORTED');
    refuses({ ...handle, version: undefined }, 'UNSUPPORTED');
  });

  test('refuses options that are none', () => {
    expect(() => kind.attach(handle, { wrap: 1 } as never)).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
    expect(() => kind.attach(handle, { slots: 1 } as never)).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
  });

  test.each([
    ['another layout', HEADER.version, LAYOUT_VERSION + 1, 'UNSUPPORTED'],
    ['an earlier layout', HEADER.version, 2, 'UNSUPPORTED'],
    ['another mark', HEADER.magic, 7, 'CORRUPTION'],
    ['another kind of allocator', HEADER.kind, 1, 'INVALID_ARGUMENT'],
    ['more words than there are', HEADER.ownWordsLow, -1, 'CORRUPTION'],
    ['a larger memory', HEADER.dataBytesHigh, 1, 'CORRUPTION'],
  ])('refuses bookkeeping of %s', (_, word, value, expected) => {
    const restore = poke(handle.blocks.book, word, value);
    refuses(handle, expected);
    restore();
    kind.attach(handle).close();
  });

  test('refuses memory that is too short, or of something else', () => {
    const other = Region.shared('4KiB');
    refuses({ ...handle, blocks: { ...handle.blocks, book: other.handle } }, 'CORRUPTION');
    refuses({ ...handle, blocks: { ...handle.blocks, data: other.handle } }, 'CORRUPTION');
    if (handle.line !== undefined) refuses({ ...handle, line: other.handle }, 'CORRUPTION');
    other.free();
  });

  test('refuses a pool that is gone', () => {
    pool.close();
    expect(() => kind.attach(handle)).toThrow(code('ERR_MEMORY_STALE_HANDLE'));
    pool = kind.create({ slots: 1, slotBytes: 8 });
  });

  test('refuses one attachment too many, until one has left', () => {
    const second = kind.attach(handle);
    expect(() => kind.attach(handle)).toThrow(code('ERR_MEMORY_POOL_EXHAUSTED'));
    second.close();
    kind.attach(handle).close();
  });
});

describe('the line of a ThreadSafePool', () => {
  const kind = KINDS['ThreadSafePool'] as Kind;
  let pool: AnyPool;
  let handle: SharedPoolHandle;
  beforeEach(() => {
    pool = kind.create({ slots: 4, slotBytes: 64, owners: 2 });
    handle = pool.handle;
  });
  afterEach(() => pool.close());

  test.each([
    ['another layout', HEAD.version, LINE_VERSION + 1, 'UNSUPPORTED'],
    ['another mark', HEAD.magic, 0, 'CORRUPTION'],
    ['no places', HEAD.owners, 0, 'CORRUPTION'],
    ['more places than there are', HEAD.owners, 1000, 'CORRUPTION'],
    ['another pool', HEAD.idLow, 1, 'CORRUPTION'],
  ])('of %s is refused', (_, word, value, expected) => {
    const restore = poke(handle.line as never, word, value);
    expect(() => kind.attach(handle)).toThrow(code(`ERR_MEMORY_${expected}`));
    restore();
    expect(pool.stats().owners).toBe(1);
    kind.attach(handle).close();
  });

  test('that is left out is refused', () => {
    const { line, ...rest } = handle;
    expect(line).toBeDefined();
    expect(() => kind.attach(rest as SharedPoolHandle)).toThrow(code('ERR_MEMORY_INVALID_ARGUMENT'));
    expect(pool.stats().owners).toBe(1);
  });
});

(process.platform === 'linux' ? describe : describe.skip)('memory that is cut off under its mapping', () => {
  const folder = scratchFolder();
  /** The same bytes in a file, mapped: unlike the memory of a pool, it can be cut off. */
  function inFile(handle: RegionHandle): { path: string; copy: Region } {
    using region = Region.attach(handle);
    const path = join(folder, `region-${handle.slot}`);
    writeFileSync(path, region.bytes);
    return { path, copy: Region.mapFile(path, { mode: 'shared', carrier: 'shared' }) };
  }

  test.each(Object.keys(KINDS))('a %s refuses it, whatever part it is', (name) => {
    const kind = KINDS[name] as Kind;
    const pool = kind.create({ slots: 5000, slotBytes: 8 });
    const { handle } = pool;
    const { blocks, line } = handle;
    const kept = structuredClone(take(pool).lease);
    const swaps: [string, RegionHandle, (other: RegionHandle) => SharedPoolHandle][] = [
      ['book', blocks.book, (book) => ({ ...handle, blocks: { ...blocks, book } })],
      ['data', blocks.data, (data) => ({ ...handle, blocks: { ...blocks, data } })],
    ];
    if (line !== undefined) swaps.push(['line', line, (other) => ({ ...handle, line: other })]);
    for (const [, part, swapped] of swaps) {
      const { path, copy } = inFile(part);
      const other = swapped(copy.handle);
      kind.attach(other).close();
      truncateSync(path, copy.byteLength - 4096);
      expect(() => kind.attach(other)).toThrow(code('ERR_MEMORY_FAULTED'));
      truncateSync(path, 0);
      expect(() => kind.attach(other)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_MEMORY_(CORRUPTION|FAULTED)$/) }),
      );
      copy.free();
    }
    pool.adopt(kept).release();
    expect(pool.stats()).toMatchObject({ owners: 1, borrowed: 0 });
    pool.close();
  });

  test('the memory of a pool itself cannot be cut off', () => {
    /** The shared memory that is open, by its descriptor and number: a descriptor alone may be used again. */
    const opened = (): Map<string, string> => {
      const found = new Map<string, string>();
      for (const fd of readdirSync('/proc/self/fd')) {
        try {
          const path = `/proc/self/fd/${fd}`;
          if (readlinkSync(path).includes('memfd:nebula-memory')) found.set(`${fd} ${statSync(path).ino}`, path);
        } catch {
          // of the look itself
        }
      }
      return found;
    };
    const before = opened();
    using pool = KINDS['ThreadSafePool']?.create({ slots: 100, slotBytes: 8192 });
    expect(pool?.size).toBe(100);
    const own = [...opened()].filter(([key]) => !before.has(key));
    expect(own.length).toBeGreaterThan(0);
    for (const [, path] of own) expect(() => truncateSync(path, 4096)).toThrow('EPERM');
  });
});
