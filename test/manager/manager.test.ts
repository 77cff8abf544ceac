import { setTimeout as delay } from 'node:timers/promises';
import { BlockAllocator, BumpAllocator, HeapAllocator, SystemAllocator } from '../../lib/allocators';
import { Arena } from '../../lib/arenas';
import type { Allocator } from '../../lib/core';
import { AllocatorManager } from '../../lib/manager';
import { Region } from '../../lib/platform';
import { FallbackAllocator, TrackedAllocator } from '../../lib/tracking';
import { codeOf, thrown } from '../platform/region/support';

let manager: AllocatorManager;
beforeEach(() => {
  manager = new AllocatorManager('test');
});
afterEach(() => manager.dispose());

const heap = (name: string, bytes = '1MiB') =>
  manager.register(name, new HeapAllocator(bytes, { name }), { owned: true });

describe('the registry', () => {
  test('finds allocators by name, and names the nearest one', () => {
    const images = heap('images');
    expect(manager.get('images')).toBe(images);
    expect(manager.has('images')).toBe(true);
    expect(manager.names()).toEqual(['images']);
    const error = thrown(() => manager.get('imagse'));
    expect(error).toMatchObject({ code: 'ERR_MEMORY_INVALID_ARGUMENT' });
    expect(error.message).toContain("Did you mean 'images'?");
  });

  test('takes a name once, and an allocator once, also inside of an adaptor', () => {
    const images = heap('images');
    using other = new HeapAllocator('1MiB');
    expect(codeOf(() => manager.register('images', other))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => manager.register('again', images))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(thrown(() => manager.register('around', new TrackedAllocator(images))).message).toContain("'images'");
  });

  test.each([
    ['a name that is none', () => manager.register(7 as never, new BumpAllocator(64))],
    ['no allocator', () => manager.register('x', {} as never)],
    ['null', () => manager.register('x', null as never)],
    ['an unknown option', () => manager.register('x', new BumpAllocator(64), { own: true } as never)],
    ['owned that is no boolean', () => manager.register('x', new BumpAllocator(64), { owned: 1 } as never)],
    ['a region that is none', () => manager.register('x', new BumpAllocator(64), { region: {} } as never)],
    ['setDefault of a stranger', () => manager.setDefault(new BumpAllocator(64))],
    ['unregister of a stranger', () => manager.unregister('nobody')],
    ['a scope of a stranger', () => manager.withAllocator('nobody', () => 1)],
    ['a scope without a function', () => manager.withAllocator(heap('h'), 5 as never)],
    ['force that is no boolean', () => manager.unregister(heap('h'), { force: 'yes' } as never)],
    ['an empty name of the manager', () => new AllocatorManager('')],
    ['a region to ask that is none', () => manager.ownerAt({} as never, 0)],
  ])('refuses %s', (_, work) => {
    expect(codeOf(work)).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  test('refuses to unregister what has blocks, and says how many and whose', () => {
    const tracked = manager.register(
      'tracked',
      new TrackedAllocator(new HeapAllocator('1MiB'), { level: 'paranoid' }),
      {
        owned: true,
      },
    );
    const handle = manager.allocate(100);
    const error = thrown(() => manager.unregister('tracked'));
    expect(error.code).toBe('ERR_MEMORY_IN_USE');
    expect(error.message).toMatch(/1 block of/);
    expect(error.message).toContain('manager.test');
    expect(manager.get('tracked')).toBe(tracked);
    manager.deallocate(handle, 100);
    manager.unregister('tracked');
    expect(tracked.disposed).toBe(true);
  });

  test('force unregisters all the same: handles are stale, and what is not owned stays alive', () => {
    using mine = manager.register('mine', new HeapAllocator('1MiB'));
    const handle = manager.allocate(100);
    manager.unregister(mine, { force: true });
    for (const work of [() => manager.deallocate(handle, 100), () => manager.view(handle, 100)]) {
      expect(codeOf(work)).toBe('ERR_MEMORY_STALE_HANDLE');
    }
    expect(manager.locate(handle)).toBeNull();
    expect(mine.stats().liveAllocations).toBe(1);
  });

  test('a handle of before does not reach an allocator that came after', () => {
    for (let round = 0; round < 40; round += 1) {
      const allocator = heap('again', '64MiB');
      const handle = manager.allocate(100);
      manager.unregister(allocator, { force: true });
      const next = heap('again', '64MiB');
      const other = manager.handleOf(next, next.allocate(100));
      expect(other).not.toBe(handle);
      expect(codeOf(() => manager.deallocate(handle, 100))).toBe('ERR_MEMORY_STALE_HANDLE');
      expect(next.stats().liveAllocations).toBe(1);
      manager.unregister(next, { force: true });
    }
  });
});

describe('handles', () => {
  test('a free reaches the owner, whoever is active', () => {
    const a = heap('a');
    const b = heap('b');
    const one = manager.withAllocator('a', () => manager.allocate(64));
    const two = manager.withAllocator('b', () => manager.allocate(64));
    expect(manager.locate(one)).toMatchObject({ name: 'a', allocator: a, offset: 0 });
    expect(manager.locate(two)).toMatchObject({ name: 'b', allocator: b, offset: 0 });
    manager.withAllocator('b', () => manager.deallocate(one, 64));
    expect([a.stats().liveAllocations, b.stats().liveAllocations]).toEqual([0, 1]);
    expect(manager.locate(one)).toBeNull();
    manager.view(two, 64).fill(7);
    expect(b.view(0, 64)[63]).toBe(7);
  });

  test.each([
    ['a number nobody handed out', 2 ** 40, 'ERR_MEMORY_FOREIGN_FREE'],
    ['0', 0, 'ERR_MEMORY_FOREIGN_FREE'],
    ['a negative one', -5, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['a fraction', 2 ** 20 + 0.5, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['NaN', Number.NaN, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['a numeric string', String(2 ** 20), 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['undefined', undefined, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('%s is no handle', (_, handle, code) => {
    heap('a');
    manager.allocate(10);
    expect(codeOf(() => manager.deallocate(handle as number, 10))).toBe(code);
    expect(codeOf(() => manager.view(handle as number, 10))).toBe(code);
    expect(manager.stats().total.liveAllocations).toBe(1);
  });

  test('small allocators have small handles; large ones, arenas and fallbacks keep their offsets apart', () => {
    const makers: [string, Allocator][] = [
      ['small', new HeapAllocator('2MiB')],
      ['arena', new Arena('64KiB')],
      ['system', new SystemAllocator()],
      ['fallback', new FallbackAllocator(new BlockAllocator({ blockBytes: 64, blocks: 1 }), new SystemAllocator())],
    ];
    const seen = new Map<number, string>();
    for (const [name, allocator] of makers) {
      manager.register(name, allocator, { owned: true });
      manager.withAllocator(name, () => {
        for (let i = 0; i < 5; i += 1) seen.set(manager.allocate(64), name);
      });
    }
    expect(seen.size).toBe(20);
    expect([...seen].filter(([, name]) => name === 'small').every(([handle]) => handle < 2 ** 31)).toBe(true);
    for (const [handle, name] of seen) {
      expect(manager.locate(handle)?.name).toBe(name);
      manager.view(handle, 64).fill(1);
      manager.deallocate(handle, 64);
    }
    expect(manager.stats().total.liveAllocations).toBe(0);
  });

  test('offsets past 4 GiB keep their owner', () => {
    const offsets = [5, 2 ** 32 + 5, 2 ** 32 * 7, 2 ** 48 + 1];
    const live = new Set<number>();
    const far = {
      capacityBytes: null,
      usedBytes: 0,
      allocate: () => offsets[live.size] as number,
      tryAllocate: () => {
        const offset = offsets[live.size] as number;
        live.add(offset);
        return offset;
      },
      deallocate: (offset: number) => {
        if (!live.delete(offset)) throw new RangeError(`offset ${offset}`);
      },
      view: () => new Uint8Array(1),
      reset: () => {},
      owns: (offset: number) => live.has(offset),
      stats: () => ({ name: 'far', liveAllocations: live.size }) as never,
      [Symbol.dispose]: () => {},
    };
    manager.register('far', far);
    const handles = offsets.map(() => manager.tryAllocate(1));
    expect(new Set(handles).size).toBe(4);
    expect(handles.map((handle) => manager.locate(handle)?.offset)).toEqual(offsets);
    for (const handle of handles) manager.deallocate(handle, 1);
    expect(live.size).toBe(0);
  });

  test.each([Number.NaN, -7, 1.5 + 2 ** 40, 2 ** 60, undefined])('an allocator that hands out %p is told', (offset) => {
    const broken = new HeapAllocator('64KiB');
    const freed: unknown[] = [];
    Object.assign(broken, { allocate: () => offset, deallocate: (at: unknown) => freed.push(at) });
    manager.register('broken', broken, { owned: true });
    expect(codeOf(() => manager.allocate(8))).toBe('ERR_MEMORY_INVALID_STATE');
    expect(freed).toEqual([offset]);
  });

  test('handleOf gives a block that was got directly its handle', () => {
    const a = heap('a');
    const offset = a.allocate(32);
    manager.deallocate(manager.handleOf('a', offset), 32);
    expect(codeOf(() => manager.handleOf('a', offset))).toBe('ERR_MEMORY_FOREIGN_FREE');
    expect(codeOf(() => manager.handleOf('a', '0' as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  test('who owns a place in a region', () => {
    using region = Region.map('1MiB');
    using other = Region.map('64KiB');
    const bump = manager.register('bump', new BumpAllocator({ region }), { region, owned: true });
    const offset = bump.allocate(100);
    expect(manager.ownerAt(region, offset + 50)).toMatchObject({ name: 'bump', offset: offset + 50 });
    expect(manager.ownerAt(region, 5000)).toBeNull();
    expect(manager.ownerAt(other, offset)).toBeNull();
  });
});

describe('the active allocator', () => {
  test('is the first one, or the default, or that of the scope', () => {
    expect(codeOf(() => manager.currentAllocator())).toBe('ERR_MEMORY_INVALID_STATE');
    const a = heap('a');
    const b = heap('b');
    expect(manager.currentAllocator()).toBe(a);
    manager.setDefault('b');
    expect([manager.currentAllocator(), manager.defaultAllocator]).toEqual([b, b]);
    manager.withAllocator(a, () => {
      expect(manager.currentAllocator()).toBe(a);
      manager.withAllocator(b, () => expect(manager.currentAllocator()).toBe(b));
      expect(manager.currentAllocator()).toBe(a);
    });
    expect(() =>
      manager.withAllocator(a, () => {
        throw new RangeError('inside');
      }),
    ).toThrow(RangeError);
    expect(manager.currentAllocator()).toBe(b);
  });

  test('belongs to the async context: tasks at the same time do not see each other', async () => {
    const a = heap('a');
    const b = heap('b');
    const task = (own: Allocator, pauseMs: number) =>
      manager.withAllocator(own, async () => {
        for (let i = 0; i < 5; i += 1) {
          expect(manager.currentAllocator()).toBe(own);
          await delay(pauseMs);
          manager.allocate(16);
        }
      });
    const both = Promise.all([task(a, 1), task(b, 2)]);
    expect(manager.currentAllocator()).toBe(a);
    await both;
    expect([a.stats().liveAllocations, b.stats().liveAllocations]).toEqual([5, 5]);
  });

  test('one that was unregistered meanwhile is told, and not replaced', () => {
    const a = heap('a');
    heap('b');
    manager.withAllocator('b', () => {
      manager.unregister('b');
      expect(codeOf(() => manager.allocate(1))).toBe('ERR_MEMORY_CLOSED');
      expect(codeOf(() => manager.currentAllocator())).toBe('ERR_MEMORY_CLOSED');
    });
    expect(manager.currentAllocator()).toBe(a);
    manager.unregister('a');
    expect(manager.defaultAllocator).toBeNull();
    expect(codeOf(() => manager.allocate(1))).toBe('ERR_MEMORY_INVALID_STATE');
  });

  test('there is one manager of the thread', () => {
    const one = AllocatorManager.global;
    expect(AllocatorManager.global).toBe(one);
    one.dispose();
    expect(AllocatorManager.global).not.toBe(one);
    AllocatorManager.global.dispose();
  });
});

describe('statistics and the end', () => {
  test('sums are over all, counters over those that left, too', () => {
    heap('a');
    heap('b');
    const handles = ['a', 'b', 'b'].map((name) => manager.withAllocator(name, () => manager.allocate(64)));
    manager.deallocate(handles[2] as number, 64);
    const { total, allocators } = manager.stats();
    expect(total).toMatchObject({ allocations: 3, deallocations: 1, liveAllocations: 2, capacityBytes: 2 * 2 ** 20 });
    expect(total.usedBytes).toBe(manager.usedBytes);
    expect(total.usedBytes).toBe(allocators.reduce((sum, { usedBytes }) => sum + usedBytes, 0));
    expect(allocators.map(({ registeredAs }) => registeredAs)).toEqual(['a', 'b']);
    manager.unregister('b', { force: true });
    expect(manager.stats().total).toMatchObject({ allocations: 3, deallocations: 1, liveAllocations: 1 });
    manager.register('endless', new SystemAllocator(), { owned: true });
    expect(manager.capacityBytes).toBeNull();
  });

  test('one whose stats throw spoils nothing', () => {
    const broken = manager.register('broken', new HeapAllocator('64KiB'), { owned: true });
    Object.defineProperty(broken, 'stats', {
      value: () => {
        throw new RangeError('no');
      },
    });
    heap('a');
    expect(manager.stats()).toMatchObject({ unreadable: ['broken'], total: { liveAllocations: 0 } });
    manager.unregister('broken');
  });

  test('disposal disposes what is owned, twice is harmless, and afterwards nothing goes', () => {
    const mine = new HeapAllocator('64KiB');
    const owned = heap('owned');
    manager.register('mine', mine);
    const handle = manager.allocate(10);
    manager.dispose();
    manager[Symbol.dispose]();
    expect([owned.disposed, mine.disposed]).toEqual([true, false]);
    expect(codeOf(() => manager.allocate(1))).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => manager.register('x', mine))).toBe('ERR_MEMORY_CLOSED');
    expect(codeOf(() => manager.deallocate(handle, 10))).toBe('ERR_MEMORY_STALE_HANDLE');
    mine.dispose();
  });

  test('an owned allocator with pinned memory stays until it is let go of', () => {
    using region = Region.map('64KiB');
    const pinned = manager.register('pinned', new SystemAllocator({ provider: provider(region) }), { owned: true });
    pinned.allocate(100);
    const pin = region.pin();
    expect(codeOf(() => manager.unregister('pinned', { force: true }))).toBe('ERR_MEMORY_IN_USE');
    expect(manager.has('pinned')).toBe(true);
    pin.release();
    manager.unregister('pinned', { force: true });
    expect(manager.has('pinned')).toBe(false);
  });
});

function provider(region: Region) {
  return {
    name: 'one',
    pageBytes: 4096,
    acquire: () => region,
    release: (given: Region) => given.free(),
    trim: () => 0,
  };
}
