// Memory of every kind that charges a budget: what the budget counts is what is held, and nothing once all has gone, also
// what nobody freed and the collector found, and whatever failed on the way.
import { expectFilled, fill } from './blocks.mjs';

const KIB = 1024;
const MOST = 24;

export const budgetedDrivers = [
  {
    name: 'memory with a budget',
    drives: ['MemoryBudget'],
    needs: ['Region', 'Arena', 'HeapAllocator', 'PageProvider', 'CachedProvider', 'StreamingArena', 'ThreadSafeArena'],
    make(world) {
      const { lib } = world;
      let root = null;
      let leaves = [];
      let holders = [];
      let dropped = 0;
      let serial = 0;

      function open() {
        root = world.met(
          new lib.MemoryBudget('memory', { limitBytes: '16MiB', quantumBytes: 1 + (world.next() % 100_000) }),
        );
        leaves = [root, root.child('left', { limitBytes: '8MiB' }), root.child('right', { guaranteedBytes: '1MiB' })];
      }

      const blocks = (allocator, release = () => allocator[Symbol.dispose]()) => {
        const held = [];
        return {
          use() {
            const bytes = 1 + (world.next() % 20_000);
            const offset = allocator.tryAllocate(bytes);
            if (offset === -1) {
              allocator.reset();
              held.length = 0;
              return;
            }
            held.push({ offset, bytes, mark: serial });
            fill(allocator.view(offset, bytes), serial++);
          },
          look() {
            for (const { offset, bytes, mark } of held)
              expectFilled(allocator.view(offset, bytes), mark, 'with a budget');
          },
          close: release,
        };
      };
      const region = (made) => {
        let mark = -1;
        const head = () => made.bytes.subarray(0, 3000);
        return {
          region: made,
          use() {
            if (world.chance(30) && made.kind !== 'secret') made.remap(4096 * (1 + (world.next() % 64)));
            mark = serial++;
            fill(head(), mark);
          },
          look: () => mark === -1 || expectFilled(head(), mark, 'region with a budget'),
          close: () => made.free(),
        };
      };
      const allocatorOver = (provider, make) => {
        const allocator = make(provider);
        return blocks(allocator, () => {
          allocator[Symbol.dispose]();
          provider.trim();
          provider.dispose?.();
        });
      };
      const bytes = () => 4 * KIB * (1 + (world.next() % 100));
      const makers = [
        (budget) =>
          region(
            lib.Region.map(bytes(), { budget, carrier: world.pick(['local', 'shared']), guard: world.chance(20) }),
          ),
        (budget) => region(lib.Region.shared(bytes(), { budget })),
        (budget) => blocks(new lib.Arena('16KiB', { budget, maxChunkBytes: '256KiB', limitBytes: '1MiB' })),
        (budget) => blocks(new lib.CrossThreadArena('16KiB', { budget, limitBytes: '512KiB' })),
        (budget) => blocks(lib.ThreadSafeArena.create('512KiB', { budget })),
        (budget) =>
          allocatorOver(
            new lib.PageProvider({ budget }),
            (provider) => new lib.HeapAllocator({ provider, byteLength: 256 * KIB }),
          ),
        (budget) =>
          allocatorOver(
            new lib.CachedProvider(new lib.PageProvider(), { budget }),
            (provider) => new lib.Arena('16KiB', { provider, limitBytes: '512KiB' }),
          ),
        (budget) =>
          allocatorOver(new lib.PageProvider({ budget }), (provider) => new lib.SystemAllocator({ provider })),
        (budget) => blocks(new lib.BudgetedAllocator(new lib.HeapAllocator('256KiB'), { budget })),
        (budget) => {
          const ring = new lib.StreamingArena('16KiB', { budget, buffers: 4 });
          return { use: () => void ring.tryAcquire(), look: () => {}, close: () => ring.dispose() };
        },
      ];

      function make() {
        const budget = world.pick(leaves);
        const before = root.usedBytes;
        const holder = world.attempt(() => world.pick(makers)(budget), ['BUDGET_EXCEEDED', 'OUT_OF_MEMORY']);
        if (holder !== undefined) holders.push(holder);
        else if (root.usedBytes > before)
          throw new Error(`budget: ${root.usedBytes - before} bytes are charged for what failed`);
      }
      function close(holder) {
        holder.look();
        world.attempt(() => holder.close());
        if (holder.region === undefined || holder.region.state === 'freed') holders.splice(holders.indexOf(holder), 1);
      }

      return {
        step() {
          if (root === null) open();
          const choice = world.next() % 10;
          if (choice < 4 && holders.length < MOST) make();
          else if (holders.length > 0) {
            const holder = world.pick(holders);
            if (choice < 7) world.attempt(() => holder.use(), ['BUDGET_EXCEEDED']);
            else if (holder.region !== undefined && dropped < 5 && world.chance(10)) {
              dropped += 1; // left to the collector
              holders.splice(holders.indexOf(holder), 1);
            } else close(holder);
          }
          if (root.usedBytes > root.limitBytes)
            throw new Error(`budget: ${root.usedBytes} bytes of ${root.limitBytes}`);
        },
        check() {
          for (const holder of holders) holder.look();
          if (root === null) return;
          const least = holders.reduce((sum, { region: one }) => sum + (one?.byteLength ?? 0), 0);
          if (root.usedBytes < least) throw new Error(`budget: ${root.usedBytes} bytes are charged, ${least} held`);
        },
        async rest() {
          if (root === null) return;
          this.check();
          for (const holder of [...holders]) {
            holder.look();
            holder.close();
          }
          holders = [];
          for (let i = 0; i < 100 && root.usedBytes > 0; i++) {
            globalThis.gc();
            await new Promise((resolve) => setTimeout(resolve, i < 20 ? 0 : 10));
          }
          if (root.usedBytes !== 0) throw new Error(`budget: ${root.usedBytes} bytes are charged when all has gone`);
          for (const leaf of leaves.reverse()) leaf.close();
          root = null;
          dropped = 0;
        },
      };
    },
  },
];
