import { SystemAllocator } from '../../../lib/allocators/system';
import { Region } from '../../../lib/platform';

// A block that cannot be filled is never handed out; its region goes back, at the latest at the end.

test('the first error is thrown, and a region that is refused is offered again', () => {
  let refuses = 1;
  const out = new Set<Region>();
  let pin: { release(): void } | undefined;
  const provider = {
    name: 'strict',
    pageBytes: 4096,
    acquire(byteLength: number) {
      const region = Region.map(byteLength);
      region.protect('read'); // no fill can be written
      pin = region.pin(); // and it cannot be moved
      out.add(region);
      return region;
    },
    release(region: Region) {
      if (refuses-- > 0) throw new TypeError('the second error');
      out.delete(region);
      if (region.state === 'live') region.free();
    },
    trim: () => 0,
  };
  const system = SystemAllocator.debug({ provider });
  let seen: unknown;
  try {
    system.allocate(100);
  } catch (error) {
    seen = error;
  }
  expect(seen).not.toBeInstanceOf(TypeError);
  expect(seen).toMatchObject({ code: expect.stringMatching(/^ERR_MEMORY_/) });
  expect([out.size, system.usedBytes]).toEqual([1, 0]);
  refuses = 1;
  expect(() => system.dispose()).toThrow('the second error');
  pin?.release();
  system.dispose();
  expect([out.size, system.disposed]).toEqual([0, true]);
});
