import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { BufferPool, PooledBuffer } from '../../../lib';
import { poolAt } from './support';

function takeHere(pool: BufferPool, size: number): PooledBuffer {
  return pool.acquire(size);
}

function takeThere(pool: BufferPool, size: number): PooledBuffer | undefined {
  return pool.tryAcquire(size);
}

test('paranoid: every loan with its place, its size and how long it is out', () => {
  const { pool, time } = poolAt({ leakLevel: 'paranoid' });
  const a = takeHere(pool, 100);
  time.advance(500);
  const b = takeThere(pool, '2MiB' as never);
  time.advance(40);
  const leaks = pool.leaks();
  expect(leaks).toMatchObject([
    { byteLength: 100, heldMs: 540, collected: false },
    { byteLength: 2 * 1024 * 1024, heldMs: 40, collected: false },
  ]);
  expect(leaks[0]?.site.split('\n')[0]).toContain('leaks.test.ts:8:');
  expect(leaks[1]?.site).toMatch(/^.*leaks\.test\.ts:12:/);
  a.release();
  b?.release();
  expect(pool.leaks()).toEqual([]);
  pool.close();
});

test('off records nothing, simple and advanced a sample with one and ten frames', () => {
  for (const [leakLevel, least, most] of [
    ['off', 0, 0],
    ['simple', 2, 10],
    ['advanced', 20, 60],
  ] as const) {
    const { pool } = poolAt({ leakLevel });
    const leases = Array.from({ length: 5000 }, () => takeHere(pool, 100));
    const leaks = pool.leaks();
    expect(leaks.length).toBeGreaterThanOrEqual(least);
    expect(leaks.length).toBeLessThanOrEqual(most);
    if (leakLevel === 'simple') expect(leaks[0]?.site).not.toContain('\n');
    if (leakLevel === 'advanced') expect(leaks[0]?.site).toContain('\n');
    for (const lease of leases) lease.release();
    expect(pool.leaks()).toEqual([]);
    pool.close();
  }
});

test('a lease that was collected without having been released is told apart', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { pool } = poolAt({ leakLevel: 'paranoid' });
  const kept = takeHere(pool, 10);
  (() => void takeHere(pool, 20))();
  // How often the collector must run before it is told, nobody says.
  for (let i = 0; i < 5000 && pool.stats().collected === 0; i++) {
    collect();
    await turn();
  }
  expect(pool.stats()).toMatchObject({ collected: 1, borrowed: 2 });
  expect(pool.leaks()).toMatchObject([
    { byteLength: 10, collected: false },
    { byteLength: 20, collected: true },
  ]);
  kept.release();
  pool.close();
});
