// Allocators that several threads are attached to: two attachments in this thread and one in each worker, some of which are
// terminated in the middle of a call. Blocks never overlap, and what the dead held comes back.
import { blockDriver, expectFilled, fill } from './blocks.mjs';

const MOST = 30;

const solo = (type, open, more) => ({
  name: `${type} in one thread`,
  drives: [type],
  make: (world) =>
    blockDriver(world, {
      what: type,
      open: () => open(world.lib[type]),
      sizeOf: () => 1 + (world.next() % (more?.largest ?? 5000)),
      most: 60,
      ...(typeof more?.options === 'function' ? more.options(world) : more?.options),
    }),
});

/** Blocks above those that stay, which go at once. */
const above = (world, begin, end) => (allocator, live) => {
  const { usedBytes } = allocator;
  const mark = begin(allocator);
  for (let i = world.next() % 4; i > 0; i--) {
    const offset = allocator.tryAllocate(300);
    if (offset !== -1) fill(allocator.view(offset, 300), i);
  }
  end(allocator, mark);
  if (allocator.usedBytes > usedBytes)
    throw new Error(`shared: ${allocator.usedBytes} bytes after a mark, ${usedBytes} at it`);
  const below = live.at(-1);
  if (below !== undefined)
    expectFilled(allocator.view(below.offset, below.bytes), below.serial, 'shared, below a mark');
};

/**
 * @param most the largest block
 * @param lifo each attachment frees its newest block first
 * @param gives blocks may be handed to whoever frees them
 * @param bare bytes of a new block are zeros
 * @param empty throws unless nothing is handed out any more
 */
function crewDriver(world, { type, create, most, lifo = false, gives = false, bare = false, empty, more = () => {} }) {
  const Class = world.lib[type];
  let sides = [];
  let handed = new Map();
  let serial = 0;
  world.crew.on('freed', ({ type: whose, offset, mark }) => {
    if (whose === type && handed.get(offset)?.mark === mark) handed.delete(offset);
  });

  const check = ({ allocator }, { offset, bytes, mark }) => expectFilled(allocator.view(offset, bytes), mark, type);
  function take(side) {
    const bytes = 1 + (world.next() % most);
    const offset = side.allocator.tryAllocate(bytes);
    if (offset === -1) return;
    const view = side.allocator.view(offset, bytes);
    const block = { offset, bytes, mark: serial++ };
    side.blocks.push(block);
    if (bare && view.some((byte) => byte !== 0)) throw new Error(`${type}: a new block is not zeros`);
    handed.delete(offset); // whoever got it has freed it: the word of that is on its way
    fill(view, block.mark);
  }
  function give(side, at) {
    const block = side.blocks[at];
    check(side, block);
    side.allocator.deallocate(block.offset, block.bytes);
    side.blocks.splice(side.blocks.indexOf(block), 1);
  }
  const side = (allocator) => sides.push({ allocator: world.met(allocator), blocks: [] });

  return {
    step() {
      world.attempt(() => {
        if (sides.length === 0) side(create(Class));
        else if (sides.length === 1) side(Class.attach(sides[0].allocator.handle));
      });
      if (sides.length === 0) return;
      world.attempt(() => {
        const one = world.pick(sides);
        const { allocator, blocks } = one;
        const choice = world.next() % 20;
        if (choice < 8) {
          if (blocks.length < MOST) take(one);
        } else if (choice < 14) {
          if (blocks.length > 0) give(one, lifo ? blocks.length - 1 : world.next() % blocks.length);
        } else if (choice < 17) {
          const { handle } = allocator;
          world.crew.tell(world, {
            kind: 'blocks',
            type,
            handle,
            seed: world.next(),
            count: world.next() % 40,
            most,
            lifo,
          });
        } else if (choice === 17) allocator.recover?.();
        else if (gives && blocks.length > 0 && world.crew.size > 0) {
          const at = world.next() % blocks.length;
          const block = blocks[at];
          allocator.disown?.(block.offset);
          blocks.splice(at, 1);
          handed.set(block.offset, block);
          world.crew.tell(world, { kind: 'handed', type, handle: allocator.handle, ...block });
        } else more(one, { sides, check, nextMark: () => serial++ });
      });
    },
    check() {
      for (const one of sides) for (const block of one.blocks) check(one, block);
      sides[0]?.allocator.stats();
    },
    rest() {
      if (sides.length === 0) return;
      this.check();
      const [{ allocator }] = sides;
      allocator.recover?.();
      for (const one of sides) while (one.blocks.length > 0) give(one, one.blocks.length - 1);
      for (const { offset, bytes } of handed.values()) {
        try {
          allocator.deallocate(offset, bytes);
        } catch (error) {
          if (!['ERR_MEMORY_DOUBLE_FREE', 'ERR_MEMORY_FOREIGN_FREE'].includes(error.code)) throw error; // it was freed
        }
      }
      for (const one of sides.slice(1)) one.allocator[Symbol.dispose]();
      empty(allocator);
      allocator[Symbol.dispose]();
      sides = [];
      handed = new Map();
    },
  };
}

const crew = (type, options) => ({
  name: `${type} with workers`,
  drives: [type, ...(options.also ?? [])],
  make: (world) => crewDriver(world, { type, ...options, more: options.more?.(world) }),
});

function left(type, what) {
  throw new Error(`${type}: ${what} is left when all is freed and recovered`);
}

export const sharedDrivers = [
  solo('SharedBumpAllocator', (Class) => Class.create('256KiB'), {
    options: (world) => ({
      order: 'none',
      counts: false, // a restore takes bytes back and does not know how many blocks they were
      extra: above(
        world,
        (bump) => bump.checkpoint(),
        (bump, mark) => bump.restore(mark),
      ),
    }),
  }),
  solo('SharedStackAllocator', (Class) => Class.create('256KiB'), {
    options: (world) => ({
      order: 'lifo',
      extra: above(
        world,
        (stack) => stack.mark(),
        (stack, mark) => stack.release(mark),
      ),
    }),
  }),
  solo('SharedBlockAllocator', (Class) => Class.create({ blockBytes: 512, blocks: 128 }), {
    largest: 512,
    options: { alignments: [1, 8] },
  }),
  solo('SharedHeapAllocator', (Class) => Class.create('8MiB'), { largest: 50_000, options: { refuses: true } }),
  solo('SharedSystemAllocator', (Class) => Class.create('64MiB'), { largest: 100_000 }),

  crew('SharedBumpAllocator', {
    create: (Class) => Class.create('1MiB'),
    most: 500,
    empty(bump) {
      bump.reset();
      if (bump.usedBytes !== 0) left('SharedBumpAllocator', `${bump.usedBytes} bytes`);
    },
  }),
  crew('SharedStackAllocator', {
    create: (Class) => Class.create('1MiB'),
    most: 2000,
    lifo: true,
    empty(stack) {
      stack.recover();
      if (stack.usedBytes !== 0) left('SharedStackAllocator', `${stack.usedBytes} bytes`);
    },
  }),
  crew('SharedBlockAllocator', {
    also: ['SharedPoolBox'],
    create: (Class) => Class.create({ blockBytes: 256, blocks: 150 }),
    most: 256,
    more:
      (world) =>
      (one, { nextMark, sides }) => {
        const box = world.met(one.allocator.acquire(1 + (world.next() % 256)));
        const mark = nextMark();
        fill(box.bytes, mark);
        const other = sides.find((each) => each !== one);
        if (world.chance(30)) box.release();
        else if (other !== undefined && other.blocks.length < MOST && world.chance(50)) {
          box.transfer(other.allocator.owner);
          if (box.held) throw new Error('SharedPoolBox: it is held after it was transferred');
          other.blocks.push({ offset: box.offset, bytes: box.byteLength, mark });
        } else {
          // Of whoever adopts it; where nobody comes to, of this side until it ends.
          const { handle } = one.allocator;
          world.crew.tell(world, { kind: 'lease', handle, lease: box.lease, mark, keep: world.chance(50) });
        }
      },
    empty(blocks) {
      // Leases that nobody came to adopt are still those of their giver, and the other side has left already.
      for (let at = 0; at < blocks.blocks; at++) {
        const offset = at * blocks.blockBytes;
        const owner = blocks.ownerOf(offset);
        if (owner !== 0 && owner !== blocks.owner) left('SharedBlockAllocator', `block ${at} of ${owner}`);
      }
    },
  }),
  crew('SharedHeapAllocator', {
    create: (Class) => Class.create('4MiB'),
    most: 40_000,
    gives: true,
    more: (world) => (one) => void (world.chance(30) && one.allocator.trim()),
    empty(heap) {
      heap.recover();
      const { liveBlocks, usedBytes } = heap.audit();
      if (liveBlocks + usedBytes !== 0) left('SharedHeapAllocator', `${liveBlocks} blocks of ${usedBytes} bytes`);
    },
  }),
  crew('SharedSystemAllocator', {
    create: (Class) => Class.create('64MiB'),
    most: 60_000,
    gives: true,
    bare: true,
    empty(system) {
      system.recover();
      // Every page can be had again, so none is held.
      const offset = system.tryAllocate(system.capacityBytes);
      if (offset === -1) left('SharedSystemAllocator', 'a page');
      system.deallocate(offset, system.capacityBytes);
    },
  }),
  crew('ThreadSafeArena', {
    create: (Class) => Class.create('4MiB', { segmentBytes: '4KiB' }),
    most: 1000,
    gives: true,
    empty(arena) {
      arena.reset();
      if (arena.usedBytes !== 0) left('ThreadSafeArena', `${arena.usedBytes} bytes`);
      const kept = arena.view(arena.allocate(100), 100);
      kept.fill(1);
      arena.close();
      if (kept.some((byte) => byte !== 0)) throw new Error('ThreadSafeArena: a view does not read zeros after close()');
    },
  }),
  { name: 'arenas that go from thread to thread', drives: ['CrossThreadArena', 'PendingHandOver'], make: crossDriver },
  { name: "workers' own memory", drives: [], needs: ['localArena', 'MemorySystem'], make: ownDriver },
];

/** An arena goes to a worker, which writes and gives it back, keeps it, or dies with it. */
function crossDriver(world) {
  const { CrossThreadArena } = world.lib;
  let held = [];
  let under = [];
  let serial = 0;
  world.crew.on('cross', ({ handle, blocks }) => {
    const arena = world.attempt(() => CrossThreadArena.attach(handle));
    if (arena === undefined) return;
    held.push({ arena, blocks });
    look(held.at(-1));
  });
  function look({ arena, blocks }) {
    for (const { offset, bytes, serial: mark } of blocks)
      expectFilled(arena.view(offset, bytes), mark, 'crossed arena');
  }
  function write({ arena, blocks }) {
    const bytes = 1 + (world.next() % 20_000);
    const offset = arena.tryAllocate(bytes);
    if (offset === -1) return;
    blocks.push({ offset, bytes, serial });
    fill(arena.view(offset, bytes), serial++);
  }
  return {
    step() {
      world.attempt(() => {
        const choice = world.next() % 10;
        if (held.length < 4 && choice < 3) {
          held.push({ arena: world.met(new CrossThreadArena('8KiB', { limitBytes: '512KiB' })), blocks: [] });
        } else if (held.length > 0 && choice < 8) write(world.pick(held));
        else if (held.length > 0 && world.crew.size > 0 && under.length < 20) {
          const at = world.next() % held.length;
          const item = held[at];
          look(item);
          const pending = world.met(item.arena.handOver());
          held.splice(at, 1);
          under.push(pending);
          world.crew.tell(world, {
            kind: 'cross',
            handle: pending.handle,
            blocks: item.blocks,
            back: world.chance(60),
          });
        }
      });
      under = under.filter(({ taken }) => !taken);
    },
    check() {
      held.forEach(look);
    },
    rest() {
      this.check();
      for (const { arena } of held) {
        // Given away and taken back, or not: a former owner that is not gone yet keeps it from being given away.
        const pending = world.chance(50) ? world.attempt(() => arena.handOver()) : undefined;
        if (pending === undefined) arena[Symbol.dispose]();
        else pending.revoke();
      }
      for (const pending of under) pending.revoke();
      held = [];
      under = [];
    },
  };
}

/** What a worker makes for itself and leaves behind goes with it. */
function ownDriver(world) {
  return {
    step() {
      if (world.chance(3)) world.crew.tell(world, { kind: 'own', seed: world.next() });
    },
    check() {},
    rest() {},
  };
}
