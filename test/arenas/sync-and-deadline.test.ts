import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Arena, withArenaSync } from '../../lib/arenas';
import { codeOf } from './support';

describe('withArenaSync', () => {
  test('refuses work that returns a promise, and closes the arena', async () => {
    let mine: Arena | undefined;
    const later = async (arena: Arena) => {
      mine = arena;
      await undefined;
      throw new Error('nobody waits for this');
    };
    // @ts-expect-error: the type refuses it as well
    expect(codeOf(() => withArenaSync({}, later))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(mine?.disposed).toBe(true);
    // biome-ignore lint/suspicious/noThenProperty: it is one on purpose
    const thenable = { then: (): void => undefined } as unknown as number;
    expect(codeOf(() => withArenaSync(undefined, () => thenable))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    await new Promise((done) => setImmediate(done)); // the refused promise's own failure ends nothing
  });

  test('returns what else the work returns', () => {
    const text: string = withArenaSync({}, (arena) => arena.allocateString('abc').toString());
    expect([text, withArenaSync({}, () => null), withArenaSync({}, () => undefined)]).toEqual(['abc', null, undefined]);
    expect(() =>
      withArenaSync({}, () => {
        throw new RangeError('mine');
      }),
    ).toThrow(RangeError);
    expect(codeOf(() => withArenaSync({}, 5 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });
});

test.each([
  ['with a deadline keeps the process alive until then', '{ timeoutMs: 50 }', 'ERR_MEMORY_TIMEOUT', 0],
  ['without one does not', '{}', '', 13],
])('acquire() %s', (_name, options, stdout, status) => {
  const script = `
    const { StreamingArena } = require(${JSON.stringify(join(__dirname, '..', '..', 'dist'))});
    const ring = new StreamingArena(4096, { buffers: 1 });
    ring.tryAcquire();
    (async () => ring.acquire(${options}))().catch((error) => process.stdout.write(error.code));
    process.on('exit', () => { if (ring.stats().waiting > 0) process.exitCode = 13; });
  `;
  const result = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 170_000 });
  expect([result.stderr, result.stdout, result.status]).toEqual(['', stdout, status]);
});
