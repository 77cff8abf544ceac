// Any Allocator against a model: each block holds a pattern of its own until it is given back.
import pattern from '../pattern.cjs';

export const { expectFilled, fill } = pattern;

/**
 * @param open makes the allocator; gets a function that frees one of the driver's blocks, false when there is none
 * @param sizeOf a random size
 * @param refuses requests may fail without a reason of their own
 * @param order `any`: blocks are freed in any order; `lifo`: the newest first; `none`: by reset only
 * @param look further checks of an allocator: gets it and the live blocks
 * @param extra a further random operation; may give blocks back to look after with `forget(block)`
 * @param closed after the allocator was disposed
 */
export function blockDriver(
  world,
  {
    what,
    open,
    sizeOf,
    order = 'any',
    most = 200,
    alignments = [1, 8, 64],
    refuses = false,
    counts = true,
    look = () => {},
    extra = null,
    closed = () => {},
  },
) {
  let allocator = null;
  let live = [];
  let serial = 0;

  const check = (block) => expectFilled(allocator.view(block.offset, block.bytes), block.serial, what);
  function free(at) {
    const block = live[at];
    check(block);
    allocator.deallocate(block.offset, block.bytes);
    live.splice(live.indexOf(block), 1);
  }
  const freeOne = () => {
    if (live.length === 0) return false;
    free(order === 'lifo' ? live.length - 1 : world.next() % live.length);
    return true;
  };
  function take() {
    const bytes = sizeOf();
    const alignment = world.pick(alignments);
    const offset = allocator.tryAllocate(bytes, alignment);
    if (offset === -1) {
      // With a fault under it a refusal is right, and so it is where the driver makes requests fail.
      if (live.length === 0 && !world.isArmed() && !refuses) {
        throw new Error(`${what}: no room for ${bytes} bytes in an empty allocator`);
      }
      return false;
    }
    if (offset % alignment !== 0) throw new Error(`${what}: offset ${offset} is not aligned to ${alignment}`);
    const block = { offset, bytes, serial: serial++ };
    live.push(block);
    try {
      fill(allocator.view(offset, bytes), block.serial);
    } catch (error) {
      world.unarmed(() => fill(allocator.view(offset, bytes), block.serial)); // it is held, view or not
      throw error;
    }
    return true;
  }
  function reset() {
    allocator.reset();
    live = [];
  }

  return {
    step() {
      allocator ??= world.met(world.attempt(() => open(freeOne)) ?? null);
      if (allocator === null) return;
      world.attempt(() => {
        if (extra !== null && world.chance(10)) {
          extra(allocator, live);
        } else if (live.length < most && world.chance(60)) {
          if (!take() && order === 'none') reset();
        } else if (live.length > 0 && order !== 'none') {
          freeOne();
        } else if (world.chance(20)) {
          reset();
        }
      });
      if (world.chance(1)) this.check();
    },
    check() {
      if (allocator === null) return;
      for (const block of live) check(block);
      const stats = allocator.stats();
      const bytes = live.reduce((sum, block) => sum + block.bytes, 0);
      if (counts && stats.liveAllocations !== live.length) {
        throw new Error(`${what}: ${stats.liveAllocations} blocks in the books, ${live.length} held`);
      }
      if (stats.usedBytes < bytes) throw new Error(`${what}: ${stats.usedBytes} bytes in the books, ${bytes} held`);
      allocator.validate?.();
      look(allocator, live);
    },
    async rest() {
      if (allocator === null) return;
      this.check();
      const gone = allocator;
      if (order === 'any' && world.chance(50)) {
        while (freeOne()) {}
        if (counts && gone.stats().liveAllocations !== 0)
          throw new Error(`${what}: blocks are left when all are freed`);
      }
      gone[Symbol.dispose]();
      await closed(gone);
      allocator = null;
      live = [];
    },
  };
}
