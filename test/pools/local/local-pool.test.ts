import { once } from 'node:events';
import { join } from 'node:path';
import { threadId, Worker } from 'node:worker_threads';
import { LocalPool, localPool } from '../../../lib/pools';
import { checkBooks, codeOf, things } from '../object/support';

describe('localPool', () => {
  test('makes one pool a key, with what it was made with', () => {
    const { hooks } = things();
    const pool = localPool('parsers', hooks, { maxSize: 3 });
    expect(pool).toBeInstanceOf(LocalPool);
    expect([pool.name, pool.threadId, pool.maxSize]).toEqual(['parsers', threadId, 3]);
    expect(localPool('parsers')).toBe(pool);
    expect(localPool('parsers', hooks)).toBe(pool);
    expect(localPool('others', things().hooks)).not.toBe(pool);
    expect(codeOf(() => localPool('parsers', things().hooks))).toBe('ERR_MEMORY_INVALID_STATE');
    expect(codeOf(() => localPool('parsers', hooks, { maxSize: 3 }))).toBe('ERR_MEMORY_INVALID_STATE');
    pool.release(pool.acquire());
    checkBooks(pool);
    pool.close();
    expect(codeOf(() => localPool('parsers'))).toBe('ERR_MEMORY_INVALID_STATE');
    const next = localPool('parsers', things().hooks, { name: 'anew' });
    expect([next === pool, next.name, next.closed]).toEqual([false, 'anew', false]);
  });

  test('refuses what is no key and no hooks, and leaves no pool behind', () => {
    for (const bad of [undefined, '', 7, Symbol('x')]) {
      expect(codeOf(() => localPool(bad as string, () => ({})))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    expect(codeOf(() => localPool('never'))).toBe('ERR_MEMORY_INVALID_STATE');
    expect(codeOf(() => localPool('never', {} as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    for (const bad of [5, null, 'text', []]) {
      expect(codeOf(() => localPool('never', () => ({}), bad as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
    expect(codeOf(() => localPool('never', () => ({}), { maxSize: 0 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    expect(codeOf(() => localPool('never'))).toBe('ERR_MEMORY_INVALID_STATE');
  });

  test('a key whose create asks for it while its pool is made gets no second one', () => {
    const codes: string[] = [];
    const hooks = {
      create: () => {
        codes.push(codeOf(() => localPool('nested', hooks)));
        return {};
      },
    };
    const pool = localPool('nested', hooks, { initialSize: 1 });
    expect(codes).toEqual(['ERR_MEMORY_INVALID_STATE']);
    expect(localPool('nested')).toBe(pool);
    pool.acquire();
    pool.acquire();
    expect(codes).toEqual(['ERR_MEMORY_INVALID_STATE', 'none']);
  });

  test('each worker has its own', async () => {
    const pool = localPool('buffers', () => ({ text: 'main' }), { initialSize: 2 });
    const worker = new Worker(join(__dirname, 'worker.cjs'));
    const exited = once(worker, 'exit'); // it may come in the same turn as the answer
    const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
    const [answer] = (await Promise.race([once(worker, 'message'), failed])) as [Record<string, unknown>];
    await exited;
    expect(answer).toEqual({ before: 'ERR_MEMORY_INVALID_STATE', ownThread: true, size: 1, text: 'worker' });
    expect(pool.size).toBe(2);
  });
});
