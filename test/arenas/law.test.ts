// An arena that ends under a task that still looks at it: length 0 or zeros, and never somebody else's bytes.
import { setTimeout as sleep } from 'node:timers/promises';
import { CachedProvider } from '../../lib/allocators';
import { Arena, currentArena, StreamingArena, withArena, withArenaSync } from '../../lib/arenas';
import { Region } from '../../lib/platform';
import { isEmptied } from '../support/emptied';
import { asyncCodeOf, codeOf } from './support';

/** Takes much memory and writes into it, so that freed pages would get new owners. */
function churn(): void {
  for (let i = 0; i < 20; i += 1) {
    using region = Region.map(65_536);
    region.bytes.fill(0xee);
  }
}

describe('withArena', () => {
  test.each(['local', 'shared'] as const)('a task that outlives it has no bytes left (%s)', async (carrier) => {
    let late: Promise<unknown> | undefined;
    let tellOfTheEnd = (): void => undefined;
    const ended = new Promise<void>((done) => {
      tellOfTheEnd = done;
    });
    const seen: Uint8Array[] = [];
    await withArena({ carrier, chunkBytes: '4KiB', maxChunkBytes: '16KiB' }, async (arena) => {
      late = (async () => {
        for (let i = 0; i < 20; i += 1) {
          const view = arena.alloc(2000);
          view.fill(0xaa);
          seen.push(view, view.subarray(10), Buffer.from(view.buffer, view.byteOffset, 100) as unknown as Uint8Array);
        }
        await ended;
        churn();
        const codes = [
          codeOf(() => arena.allocate(8)),
          codeOf(() => arena.reset()),
          codeOf(() => currentArena()?.alloc(8)),
        ];
        return { codes, clean: seen.every(isEmptied) };
      })();
      await sleep(1);
      expect(seen.every((view) => view[0] === 0xaa)).toBe(true);
    });
    tellOfTheEnd();
    const result = (await late) as { codes: string[]; clean: boolean };
    expect(result.clean).toBe(true);
    expect(result.codes).toEqual(new Array(3).fill('ERR_MEMORY_CLOSED'));
  });

  test('each of many concurrent tasks finds its own arena across awaits, nested ones too', async () => {
    const task = async (id: number) =>
      withArena({ name: `arena-${id}` }, async (arena) => {
        const view = arena.alloc(64).fill(id);
        await sleep(id % 7);
        expect(currentArena()).toBe(arena);
        await withArena(async (inner) => {
          await sleep(1);
          expect(currentArena()).toBe(inner);
        });
        expect(currentArena()).toBe(arena);
        return view.every((byte) => byte === id);
      });
    const results = await Promise.all(Array.from({ length: 40 }, (_, id) => task(id)));
    expect(results.every(Boolean)).toBe(true);
    expect(currentArena()).toBeUndefined();
  });

  test('closes on errors, gives back values, and leaves a given arena open', async () => {
    let kept: Arena | undefined;
    const failing = withArena((arena) => {
      kept = arena;
      throw new RangeError('mine');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(kept?.disposed).toBe(true);
    using mine = new Arena();
    expect(await withArena(mine, () => currentArena() === mine)).toBe(true);
    expect(mine.disposed).toBe(false);
    expect(withArenaSync({ chunkBytes: '4KiB' }, (arena) => arena.alloc(10).length)).toBe(10);
    expect(await asyncCodeOf(withArena({}, 1 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(await asyncCodeOf(withArena({ chunkBytes: -1 }, () => 0))).toBe('ERR_MEMORY_OUT_OF_RANGE');
  });
});

describe('reset under a task', () => {
  test.each(['local', 'shared'] as const)(
    "with onReset 'detach' it sees nothing of the next generation (%s)",
    async (carrier) => {
      using arena = new Arena('4KiB', { onReset: 'detach', carrier, maxChunkBytes: '8KiB' });
      for (let round = 0; round < 5; round += 1) {
        const views = Array.from({ length: 10 }, () => arena.alloc(1500).fill(0xaa));
        const task = (async () => {
          await sleep(2);
          return views.every(isEmptied);
        })();
        arena.reset();
        for (let i = 0; i < 10; i += 1) arena.alloc(1500).fill(0xbb);
        expect(await task).toBe(true);
        arena.reset();
      }
    },
  );

  test("with onReset 'reuse' views show the new bytes and references know it", () => {
    using arena = new Arena('4KiB');
    const ref = arena.allocateRef(16);
    const view = ref.view();
    arena.reset();
    arena.alloc(16).fill(5);
    expect([view[0], ref.valid]).toEqual([5, false]);
  });
});

test('over a cache of mappings the next arena gets the pages and the former task nothing', async () => {
  const provider = new CachedProvider();
  try {
    const late: Promise<boolean>[] = [];
    for (let round = 0; round < 10; round += 1) {
      await withArena({ provider, chunkBytes: '4KiB', zero: true }, async (arena) => {
        const views = Array.from({ length: 5 }, () => arena.alloc(3000));
        expect(views.every((view) => view.every((byte) => byte === 0))).toBe(true);
        for (const view of views) view.fill(0xaa);
        late.push(sleep(20).then(() => views.every(isEmptied)));
      });
    }
    expect((await Promise.all(late)).every(Boolean)).toBe(true);
  } finally {
    provider[Symbol.dispose]();
  }
});

describe('a provider that forgets to empty the views', () => {
  const canEmpty = typeof (ArrayBuffer.prototype as { transfer?: unknown }).transfer === 'function';
  (canEmpty ? test : test.skip)('is made up for', () => {
    const kept: Region[] = [];
    const provider = {
      name: 'careless',
      pageBytes: 4096,
      acquire: (bytes: number) => kept.pop() ?? Region.map(bytes),
      release: (region: Region) => void kept.push(region),
      trim: () => 0,
    };
    const first = new Arena({ provider });
    const view = first.alloc(100).fill(1);
    first.dispose();
    using second = new Arena({ provider });
    second.alloc(100).fill(2);
    expect(isEmptied(view)).toBe(true);
    second.dispose();
    for (const region of kept) region.free();
  });
});

test('a streaming arena that closes takes the bytes from the leases', async () => {
  const arena = new StreamingArena('4KiB', { buffers: 2 });
  const lease = await arena.acquire();
  const view = lease.buffer.fill(7);
  await arena.acquire();
  const waiting = asyncCodeOf(arena.acquire());
  arena.dispose();
  churn();
  expect([isEmptied(view), lease.valid, await waiting]).toEqual([true, false, 'ERR_MEMORY_CLOSED']);
  expect(codeOf(() => lease.buffer)).toBe('ERR_MEMORY_STALE_HANDLE');
});
