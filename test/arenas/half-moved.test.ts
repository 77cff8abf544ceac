import { Arena, ArenaVec, TypedArena } from '../../lib/arenas';
import { Region } from '../../lib/platform';
import { codeOf, TestProvider } from './support';

// A reset with `onReset: 'detach'` that a pinned chunk stops half-way: chunks before it have moved, and their blocks stay.

class Kept extends TestProvider {
  readonly regions: Region[] = [];
  readonly carrier: 'local' | 'shared';
  constructor(carrier: 'local' | 'shared') {
    super();
    this.carrier = carrier;
  }
  override acquire(byteLength: number): Region {
    const region = Region.map(byteLength, { carrier: this.carrier });
    this.out += 1;
    this.regions.push(region);
    return region;
  }
}

describe.each(['local', 'shared'] as const)('%s memory', (carrier) => {
  test('a list reads and writes where its elements are', () => {
    const provider = new Kept(carrier);
    const arena = new Arena({ provider, chunkBytes: 4096, growthFactor: 1, maxChunkBytes: 4096, onReset: 'detach' });
    const list = new ArenaVec(arena, 'u32', { capacity: 8 });
    list.extend([1, 2, 3]);
    arena.allocate(4096);
    arena.view(4096, 1);
    const pin = (provider.regions[1] as Region).pin();
    expect(codeOf(() => arena.reset())).toBe('ERR_MEMORY_IN_USE');
    expect([list.valid, list.get(1), list.length]).toEqual([true, 2, 3]);
    list.set(0, 7);
    list.push(4);
    expect([...list]).toEqual([7, 2, 3, 4]);
    expect([...new Uint32Array((provider.regions[0] as Region).buffer as ArrayBuffer, 0, 4)]).toEqual([7, 2, 3, 4]);
    pin.release();
    arena.reset();
    expect(list.valid).toBe(false);
    arena.dispose();
  });

  test('a record and one inside of it do', () => {
    const provider = new Kept(carrier);
    const arena = new TypedArena(
      { id: 'u32', inner: { record: { x: 'f64' } }, name: { string: 12 } },
      { provider, chunkBytes: 4096, growthFactor: 1, maxChunkBytes: 4096, onReset: 'detach' },
    );
    const first = arena.alloc({ id: 5, inner: { x: 1.5 }, name: 'old' });
    const { inner } = first;
    while (provider.regions.length < 2) arena.alloc({ id: 6 });
    const pin = (provider.regions[1] as Region).pin();
    expect(codeOf(() => arena.reset())).toBe('ERR_MEMORY_IN_USE');
    expect([first.valid, first.id, inner.x, first.inner.x, first.name]).toEqual([true, 5, 1.5, 1.5, 'old']);
    first.id = 9;
    inner.x = 2.5;
    expect([arena.at(first.offset).id, arena.at(first.offset).inner.x]).toEqual([9, 2.5]);
    pin.release();
    arena.reset();
    expect([first.valid, codeOf(() => first.id)]).toEqual([false, 'ERR_MEMORY_STALE_HANDLE']);
    arena.dispose();
    expect(provider.out).toBe(0);
  });

  test('hooks run once, however often the reset is refused', () => {
    const provider = new Kept(carrier);
    const told: number[] = [];
    const own: number[] = [];
    const arena = new TypedArena(
      { id: 'u32', rest: { array: 'u8', length: 1000 } },
      {
        provider,
        ...{ chunkBytes: 4096, growthFactor: 1, maxChunkBytes: 4096, onReset: 'detach' as const },
        onDispose: ({ id }) => void told.push(id),
      },
    );
    for (let id = 1; id <= 6; id += 1)
      arena.alloc({ id }, id === 2 ? ({ id: mine }) => void own.push(mine) : undefined);
    const pin = (provider.regions[1] as Region).pin();
    for (let i = 0; i < 3; i += 1) expect(codeOf(() => arena.reset())).toBe('ERR_MEMORY_IN_USE');
    expect([told, own]).toEqual([[6, 5, 4, 3, 2, 1], [2]]);
    arena.alloc({ id: 7 }, ({ id }) => void own.push(id)); // made after: told of at the next
    expect(codeOf(() => arena.reset())).toBe('ERR_MEMORY_IN_USE');
    expect([told, own]).toEqual([
      [6, 5, 4, 3, 2, 1, 7],
      [2, 7],
    ]);
    pin.release();
    arena.reset();
    expect([told.length, own.length]).toEqual([7, 2]);
    arena.alloc({ id: 8 });
    arena.reset();
    expect(told.at(-1)).toBe(8);
    arena.dispose();
    expect([told.length, own.length]).toEqual([8, 2]);
  });
});
