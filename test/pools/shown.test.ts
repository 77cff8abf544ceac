import { inspect } from 'node:util';
import {
  AsyncPool,
  BufferPool,
  Channel,
  HierarchicalPool,
  LockFreePool,
  ObjectPool,
  PriorityPool,
  ThreadSafePool,
} from '../../lib/pools';

// What a person sees who prints a pool: what it is and how full, in one line; and its stats as JSON.

test.each([
  ['ObjectPool', () => new ObjectPool(() => ({}), { name: 'p', maxSize: 3 }), "ObjectPool 'p': 1 of 3 lent, 0 idle"],
  ['PriorityPool', () => new PriorityPool(() => ({}), { name: 'p' }), "PriorityPool 'p': 1 lent, 0 idle"],
  [
    'HierarchicalPool',
    () => new HierarchicalPool(() => ({}), { name: 'p', maxSize: 4 }),
    "HierarchicalPool 'p': 1 of 4 lent, 0 idle",
  ],
  [
    'LockFreePool',
    () => LockFreePool.create({ slots: 2, slotBytes: 64, name: 'p' }),
    "LockFreePool 'p': 1 of 2 lent, 1 idle",
  ],
  [
    'ThreadSafePool',
    () => ThreadSafePool.create({ slots: 2, slotBytes: 64, name: 'p' }),
    "ThreadSafePool 'p': 1 of 2 lent, 1 idle",
  ],
] as const)('%s', (type, make, line) => {
  const pool = make();
  const one = pool.acquire();
  expect(inspect(pool)).toBe(line);
  expect(JSON.parse(JSON.stringify(pool))).toMatchObject({ type, name: 'p', borrowed: 1 });
  void one;
  pool.close();
  expect(inspect(pool)).toContain(`${type} 'p': closed`);
});

test('AsyncPool', async () => {
  const pool = new AsyncPool({ name: 'p', max: 2, create: () => ({}) });
  const one = await pool.acquire();
  const two = await pool.acquire();
  const three = pool.acquire();
  expect(inspect(pool)).toBe("AsyncPool 'p': 2 of 2 lent, 0 idle, 1 waiting");
  expect(JSON.parse(JSON.stringify(pool))).toMatchObject({ type: 'AsyncPool', waiting: 1 });
  await pool.release(one);
  await pool.release(two);
  await pool.release(await three);
  await pool.close();
  expect(inspect(pool)).toBe("AsyncPool 'p': closed");
});

test('BufferPool and Channel', () => {
  const pool = new BufferPool({ name: 'p' });
  const lease = pool.acquire(100);
  expect(inspect(pool)).toMatch(/^BufferPool 'p': 1 lent, .* held$/);
  expect(JSON.parse(JSON.stringify(pool))).toMatchObject({ type: 'BufferPool' });
  pool.close();
  expect(inspect(pool)).toMatch(/^BufferPool 'p': closed, 1 lent/);
  lease.release();
  const channel = Channel.create({ name: 'c', capacity: 4 });
  channel.sender().trySend(Uint8Array.of(1));
  expect(inspect(channel)).toBe("Channel 'c': 1 of 4 messages");
  expect(JSON.parse(JSON.stringify(channel))).toMatchObject({ type: 'Channel', length: 1 });
  channel.close();
  expect(inspect(channel)).toBe("Channel 'c': closed");
});
