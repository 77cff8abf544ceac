// Any Allocator against a model: each block holds a pattern of its own until it is given back.

export function fill(view, serial) {
  for (let i = 0; i < view.length; i++) view[i] = (serial * 31 + i) & 0xff;
}

export function expectFilled(view, serial, what) {
  for (let i = 0; i < view.length; i++) {
    const due = (serial * 31 + i) & 0xff;
    if (view[i] !== due) throw new Error(`${what}: byte ${i} of block ${serial} is ${view[i]}, written was ${due}`);
  }
}

/**
 * @param open makes the allocator; @param sizeOf a random size
 * @param refuses requests may fail without a reason of their own
 * @param order `any`: blocks are freed in any order; `lifo`: the newest first; `none`: by reset only
 */
export function blockDriver(
  world,
  { what, open, sizeOf, order = 'any', most = 200, alignments = [1, 8, 64], refuses = false },
) {
  let allocator = null;
  let live = [];
  let serial = 0;

  const check = (block) => expectFilled(allocator.view(block.offset, block.bytes), block.serial, what);
  function free(at) {
    const block = live[at];
    check(block);
    allocator.deallocate(block.offset, block.bytes);
    live.splice(at, 1);
  }
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
    fill(allocator.view(offset, bytes), block.serial);
    live.push(block);
    return true;
  }
  function reset() {
    allocator.reset();
    live = [];
  }

  return {
    step() {
      allocator ??= world.attempt(open) ?? null;
      if (allocator === null) return;
      world.attempt(() => {
        if (live.length < most && world.chance(60)) {
          if (!take() && order === 'none') reset();
        } else if (live.length > 0 && order !== 'none') {
          free(order === 'lifo' ? live.length - 1 : world.next() % live.length);
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
      if (stats.liveAllocations !== live.length) {
        throw new Error(`${what}: ${stats.liveAllocations} blocks in the books, ${live.length} held`);
      }
      if (stats.usedBytes < bytes) throw new Error(`${what}: ${stats.usedBytes} bytes in the books, ${bytes} held`);
      allocator.validate?.();
    },
    rest() {
      if (allocator === null) return;
      this.check();
      allocator[Symbol.dispose]();
      allocator = null;
      live = [];
    },
  };
}
