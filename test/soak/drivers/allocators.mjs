import { blockDriver, expectFilled, fill } from './blocks.mjs';

const small = (world) => () => 1 + (world.next() % 1000);
/** Mostly small, now and then some hundred KiB. */
const mixed = (world) => () => (world.chance(3) ? 1 + (world.next() % 300_000) : 1 + (world.next() % 1000));

/** Some blocks that are written to and not kept; what stays below them must stay as it is. */
function scratch(world, allocator, live) {
  for (let i = world.next() % 4; i > 0; i--) {
    const bytes = 1 + (world.next() % 3000);
    const offset = allocator.tryAllocate(bytes);
    if (offset !== -1) fill(allocator.view(offset, bytes), i);
  }
  const below = live.at(-1);
  if (below !== undefined) expectFilled(allocator.view(below.offset, below.bytes), below.serial, 'below a scope');
}

export const allocatorDrivers = [
  {
    name: 'bump',
    drives: ['BumpAllocator', 'BumpCheckpoint', 'BumpScope'],
    make: (world) =>
      blockDriver(world, {
        what: 'bump',
        open: () => new world.lib.BumpAllocator(256 * 1024),
        sizeOf: small(world),
        order: 'none',
        extra(bump, live) {
          // Blocks that come and go above those that stay.
          if (world.chance(50)) {
            const checkpoint = world.met(bump.checkpoint());
            scratch(world, bump, live);
            bump.restore(checkpoint);
          } else {
            const scope = world.met(bump.scope());
            scratch(world, bump, live);
            scope[Symbol.dispose]();
          }
        },
      }),
  },
  {
    name: 'stack',
    drives: ['StackAllocator', 'StackFrame', 'StackMarker'],
    make: (world) =>
      blockDriver(world, {
        what: 'stack',
        open: () => new world.lib.StackAllocator(256 * 1024),
        sizeOf: small(world),
        order: 'lifo',
        extra(stack, live) {
          if (world.chance(50)) {
            const marker = world.met(stack.mark());
            scratch(world, stack, live);
            stack.release(marker);
          } else {
            const frame = world.met(stack.frame());
            scratch(world, stack, live);
            frame.release();
          }
        },
      }),
  },
  {
    name: 'block',
    drives: ['BlockAllocator', 'PoolBox'],
    make: (world) =>
      blockDriver(world, {
        what: 'block',
        open: () => new world.lib.BlockAllocator({ blockBytes: 512, blocks: 64, maxBlocks: world.pick([64, 256]) }),
        sizeOf: () => 1 + (world.next() % 512),
        alignments: [1, 8],
        extra(blocks) {
          if (world.chance(30)) blocks.trim();
          const box = world.met(blocks.tryLease());
          if (box === undefined || box === null) return;
          fill(box.bytes, 1);
          if (world.chance(50)) box.release();
          else blocks.deallocate(box.intoOffset(), 512);
        },
      }),
  },
  {
    name: 'heap',
    drives: ['HeapAllocator'],
    make: (world) =>
      blockDriver(world, {
        what: 'heap',
        open: () => new world.lib.HeapAllocator(8 * 2 ** 20),
        sizeOf: mixed(world),
        extra(heap, live) {
          if (world.chance(20)) heap.trim(world.pick([0, 2 ** 20]));
          const block = live.at(-1);
          if (block === undefined) return;
          const bytes = mixed(world)();
          const offset = heap.reallocate(block.offset, block.bytes, bytes);
          const kept = Math.min(block.bytes, bytes);
          // Larger blocks are written in strides, which do not meet those of the other size.
          if (kept <= 4096 && block.bytes <= 4096) expectFilled(heap.view(offset, kept), block.serial, 'heap, moved');
          Object.assign(block, { offset, bytes });
          fill(heap.view(offset, bytes), block.serial);
        },
      }),
  },
  {
    name: 'system',
    drives: ['SystemAllocator'],
    make: (world) =>
      blockDriver(world, {
        what: 'system',
        open: () => new world.lib.SystemAllocator(),
        sizeOf: mixed(world),
        most: 50,
      }),
  },
  {
    name: 'scratch stack',
    drives: ['ScratchStack'],
    make: (world) =>
      blockDriver(world, {
        what: 'scratch stack',
        open: () => new world.lib.ScratchStack('128KiB'),
        sizeOf: small(world),
        extra: (stack) => stack.trim(world.pick([0, 65_536])),
      }),
  },
];
