import { SharedBumpAllocator } from '../../../lib/allocators/shared';

const code = (expected: string) => expect.objectContaining({ code: expected });
const DOUBLE = code('ERR_MEMORY_DOUBLE_FREE');

describe('SharedBumpAllocator: frees', () => {
  let first: SharedBumpAllocator;
  let second: SharedBumpAllocator;
  beforeEach(() => {
    first = SharedBumpAllocator.create('1MiB');
    second = SharedBumpAllocator.attach(first.handle);
  });
  afterEach(() => {
    second.dispose();
    first.dispose();
  });

  test('a block is freed once, by whomever', () => {
    const one = first.allocate(64);
    const two = second.allocate(8);
    second.deallocate(one, 64);
    for (const attachment of [first, second]) expect(() => attachment.deallocate(one, 64)).toThrow(DOUBLE);
    expect(() => first.deallocate(two + 4, 1)).toThrow(code('ERR_MEMORY_FOREIGN_FREE'));
    first.deallocate(two, 8);
    expect(first.stats()).toMatchObject({ deallocations: 2, liveAllocations: 0 });
  });

  test('reset and restore let every block of later be freed once again', () => {
    const fill = (): number[] => {
      const offsets: number[] = [];
      for (let offset = first.tryAllocate(1000); offset !== -1; offset = first.tryAllocate(1000)) offsets.push(offset);
      return offsets;
    };
    const free = (offsets: readonly number[]): void => {
      for (const offset of offsets) second.deallocate(offset, 1000);
      for (const offset of offsets) expect(() => first.deallocate(offset, 1000)).toThrow(DOUBLE);
    };
    for (let round = 0; round < 2; round += 1) {
      free(fill());
      first.reset();
    }
    const kept = [first.allocate(1000), first.allocate(1000)];
    free(kept);
    for (let round = 0; round < 2; round += 1) {
      const checkpoint = first.checkpoint();
      free(fill());
      first.restore(checkpoint);
      for (const offset of kept) expect(() => second.deallocate(offset, 1000)).toThrow(DOUBLE);
    }
  });
});
