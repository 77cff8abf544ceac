import { blockDriver, expectFilled, fill } from './blocks.mjs';

const arenaOptions = (world) => ({
  maxChunkBytes: '256KiB',
  limitBytes: '2MiB',
  onReset: world.pick(['reuse', 'detach']),
});
const sizes = (world) => () => (world.chance(3) ? 1 + (world.next() % 100_000) : 1 + (world.next() % 1000));

/** Blocks above those that stay: given back by a mark, or by scopes within scopes. */
function nest(world, arena, live, depth = 0) {
  const below = live.at(-1);
  const scope = world.chance(50) ? world.met(arena.scope()) : null;
  const mark = arena.mark();
  const used = arena.usedBytes;
  try {
    for (let i = world.next() % 5; i > 0; i--) {
      const view = arena.tryAlloc(1 + (world.next() % 20_000));
      if (view !== undefined) fill(view, i);
    }
    if (depth < 3 && world.chance(50)) nest(world, arena, live, depth + 1);
  } finally {
    if (scope === null) arena.rewind(mark);
    else scope.close();
  }
  if (arena.usedBytes > used) throw new Error(`arena: ${arena.usedBytes} bytes in use after a scope, ${used} before`);
  if (below !== undefined) expectFilled(arena.view(below.offset, below.bytes), below.serial, 'arena, below a scope');
}

const driven = (name, drives, open, more = {}) => ({
  name,
  drives,
  make: (world) =>
    blockDriver(world, {
      what: name,
      open: () => open(world),
      sizeOf: sizes(world),
      order: 'none',
      extra: (arena, live) => (world.chance(30) ? arena.trim(world.pick([0, 65_536])) : nest(world, arena, live)),
      ...(typeof more === 'function' ? more(world) : more),
    }),
});

export const arenaDrivers = [
  driven('arena', ['Arena', 'ArenaScope'], (world) => new world.lib.Arena('16KiB', arenaOptions(world))),
  driven(
    'arena with frees',
    ['Arena', 'ArenaRef'],
    (world) => new world.lib.Arena('16KiB', { ...arenaOptions(world), zero: true }),
    (world) => ({
      order: 'any',
      most: 60,
      extra(arena, live) {
        const block = live.at(-1);
        if (block === undefined) return;
        const ref = world.met(arena.ref(block.offset, block.bytes));
        if (!ref.valid) throw new Error('arena: a reference to a live block is not valid');
        expectFilled(ref.view(), block.serial, 'arena, by reference');
        arena.deallocate(block.offset, block.bytes);
        live.pop();
        if (ref.valid) throw new Error('arena: a reference to a freed block is valid');
      },
      refuses: true, // what was freed below a live block comes back later
    }),
  ),
  driven('local arena', ['LocalArena'], (world) => world.lib.localArena(arenaOptions(world))),
  driven(
    'thread-safe arena',
    ['ThreadSafeArena'],
    (world) => world.lib.ThreadSafeArena.create('512KiB', { segmentBytes: world.pick(['4KiB', '64KiB']) }),
    { extra: null, refuses: true },
  ),
  {
    name: 'tasks with an arena',
    drives: ['Arena'],
    needs: ['withArena', 'withArenaSync', 'currentArena'],
    make: (world) => taskDriver(world),
  },
];

/** Several tasks at a time, each with an arena of its own that it finds across its awaits. */
function taskDriver(world) {
  const { currentArena, withArena, withArenaSync } = world.lib;
  const tasks = new Set();
  let serial = 0;

  async function work(arena) {
    world.met(arena);
    const blocks = [];
    for (let i = 1 + (world.next() % 4); i > 0; i--) {
      if (currentArena() !== arena) throw new Error('withArena: a task sees the arena of another one');
      const bytes = 1 + (world.next() % 20_000);
      const view = arena.tryAlloc(bytes);
      if (view !== undefined) {
        fill(view, serial);
        blocks.push({ view, mark: serial++ });
      }
      await null;
      for (const { view: one, mark } of blocks) expectFilled(one, mark, 'withArena');
    }
    return blocks[0]?.view;
  }
  function begin() {
    const task = withArena({ chunkBytes: '16KiB', limitBytes: '256KiB' }, work).then(
      (view) => {
        // Of length 0, or zeros where the engine could not empty it at that moment.
        if (view?.length > 0 && view.some((byte) => byte !== 0))
          throw new Error('withArena: a view shows bytes when it has ended');
      },
      (error) => {
        if (!world.lib.isMemoryError(error)) world.unexpected(error);
      },
    );
    tasks.add(task);
    task.finally(() => tasks.delete(task));
  }
  return {
    step() {
      if (tasks.size < 10) begin();
      world.attempt(() => withArenaSync(undefined, (arena) => fill(arena.alloc(1 + (world.next() % 9000)), 1)));
    },
    check() {},
    async rest() {
      await Promise.all(tasks);
    },
  };
}
