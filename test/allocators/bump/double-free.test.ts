import { BumpAllocator } from '../../../lib/allocators/bump';

const code = (expected: string) => expect.objectContaining({ code: expected });
const DOUBLE = code('ERR_MEMORY_DOUBLE_FREE');

describe.each(['new', 'production', 'performance', 'conservative', 'debug'] as const)('BumpAllocator, %s', (preset) => {
  let bump: BumpAllocator;
  beforeEach(() => {
    bump = preset === 'new' ? new BumpAllocator('2MiB') : BumpAllocator[preset]('2MiB');
  });
  afterEach(() => bump.dispose());

  test('a second free is the error of whoever frees twice, and of nobody else', () => {
    const first = bump.allocate(64);
    const second = bump.allocate(64);
    bump.deallocate(first, 64);
    expect(() => bump.deallocate(first, 64)).toThrow(DOUBLE);
    expect(bump.stats().liveAllocations).toBe(1);
    bump.deallocate(second, 64);
    expect(() => bump.deallocate(second, 64)).toThrow(DOUBLE);
    expect(bump.stats().liveAllocations).toBe(0);
  });

  test('also below a checkpoint, and for the smallest blocks side by side', () => {
    const offsets = Array.from({ length: 1000 }, () => bump.allocate(1, 1));
    const checkpoint = bump.checkpoint();
    const above = bump.allocate(8);
    for (const offset of [...offsets, above]) bump.deallocate(offset, offset === above ? 8 : 1);
    for (const offset of offsets) expect(() => bump.deallocate(offset, 1)).toThrow(DOUBLE);
    expect(() => bump.deallocate(above, 8)).toThrow(DOUBLE);
    bump.restore(checkpoint);
    for (const offset of offsets) expect(() => bump.deallocate(offset, 1)).toThrow(DOUBLE);
    const again = bump.allocate(8);
    expect(again).toBe(above);
    bump.deallocate(again, 8);
    expect(() => bump.deallocate(again, 8)).toThrow(DOUBLE);
  });

  test('after reset and restore every block can be freed once again', () => {
    const blocks = (): number[] => Array.from({ length: 300 }, () => bump.allocate(6000));
    const free = (offsets: number[]): void => {
      for (const offset of [...offsets].reverse()) bump.deallocate(offset, 6000); // what is old must not show below either
      for (const offset of offsets) expect(() => bump.deallocate(offset, 6000)).toThrow(DOUBLE);
    };
    for (let round = 0; round < 3; round += 1) {
      free(blocks());
      bump.reset();
    }
    const kept = bump.allocate(100);
    bump.deallocate(kept, 100);
    const checkpoint = bump.checkpoint();
    for (let round = 0; round < 3; round += 1) {
      free(blocks());
      bump.restore(checkpoint);
      expect(() => bump.deallocate(kept, 100)).toThrow(DOUBLE);
    }
  });
});

test('BumpAllocator: frees by random against a model, over checkpoints', () => {
  const bump = new BumpAllocator('4MiB', { leastBytes: 24 });
  let seed = 12345;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed % below;
  };
  let live: { offset: number; bytes: number; freed: boolean }[] = [];
  const marks: { checkpoint: ReturnType<BumpAllocator['checkpoint']>; count: number }[] = [];
  for (let step = 0; step < 20_000; step += 1) {
    const what = random(100);
    if (what < 50) {
      const bytes = 1 + random(random(10) === 0 ? 30_000 : 200);
      const offset = bump.tryAllocate(bytes, 1 << random(6));
      if (offset !== -1) live.push({ offset, bytes, freed: false });
    } else if (what < 94) {
      const block = live[random(live.length + 1)];
      if (block === undefined) continue;
      if (block.freed) expect(() => bump.deallocate(block.offset, block.bytes)).toThrow(DOUBLE);
      else bump.deallocate(block.offset, block.bytes);
      block.freed = true;
    } else if (what < 97) {
      marks.push({ checkpoint: bump.checkpoint(), count: live.length });
    } else if (what < 99 && marks.length > 0) {
      const mark = marks[random(marks.length)] as (typeof marks)[number];
      bump.restore(mark.checkpoint);
      marks.length = marks.indexOf(mark) + 1;
      live = live.slice(0, mark.count);
    } else if (random(20) === 0) {
      bump.reset();
      marks.length = 0;
      live = [];
    }
  }
  bump.dispose();
});
