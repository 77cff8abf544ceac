import { SharedBudget, type SharedBudgetHandle } from '../../../lib/budgets';
import { HEAD, SHARED_BUDGET_VERSION } from '../../../lib/budgets/shared/layout';
import { Region } from '../../../lib/platform';
import { codeOf, Team } from './support';

const teams: Team[] = [];
function team(count: number, options: ConstructorParameters<typeof Team>[1]): Team {
  const made = new Team(count, options);
  teams.push(made);
  return made;
}
afterEach(() => {
  for (const made of teams.splice(0)) made.end();
});

describe('odd arguments', () => {
  it.each([
    [{ limitBytes: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ limitBytes: -5 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ limitBytes: '64mb' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{}, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [undefined, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ limitBytes: 10, members: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ limitBytes: 10, members: 1024 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ limitBytes: 10, members: '3' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ limitBytes: 10, quantumBytes: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ limitByte: 10 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [null, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('create refuses %p', (options, code) => {
    expect(codeOf(() => SharedBudget.create('x', options as never))).toBe(code);
  });

  it.each([5, '', null, 'a\0b', 'x'.repeat(300)])('create refuses the name %p', (name) => {
    expect(codeOf(() => SharedBudget.create(name as never, { limitBytes: 1 }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it.each([
    { limitBytes: 0 },
    { limitBytes: 'x' },
    { members: 0 },
    { quantumBytes: -1, limitBytes: 5 },
    { limit: 5 },
    null,
  ])('open refuses %p at once, and leaves nothing behind', (options) => {
    const name = `nebula-test-odd-${process.pid}`;
    const codes = ['ERR_MEMORY_INVALID_ARGUMENT', 'ERR_MEMORY_OUT_OF_RANGE'];
    expect(codes).toContain(codeOf(() => SharedBudget.open(name, options as never)));
    expect(codeOf(() => Region.unlink(name))).toBe('ERR_MEMORY_SYSCALL');
  });

  it.each([5, '', 'a/b', '..', null])('open refuses the name %p', (name) => {
    expect(codeOf(() => SharedBudget.open(name as never, { limitBytes: 1 }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it.each([0, -1, 0.5, Number.NaN, '1', null, 2 ** 53, undefined, {}, 5n])(
    'refuses to reserve or release %p',
    async (bytes) => {
      const a = team(1, { limitBytes: 100 }).at(0);
      a.reserve(50);
      const codes = ['ERR_MEMORY_INVALID_ARGUMENT', 'ERR_MEMORY_OUT_OF_RANGE'];
      for (const call of [a.reserve, a.tryReserve, a.release]) {
        expect(codes).toContain(codeOf(() => call.call(a, bytes as number)));
      }
      expect(a.stats()).toMatchObject({ ownBytes: 50, reservations: 1, releases: 0, refusals: 0 });
    },
  );

  it('refuses to take back more than this member has, whatever others have', () => {
    const { all } = team(2, { limitBytes: 100 });
    const [a, b] = all as [SharedBudget, SharedBudget];
    a.reserve(50);
    b.reserve(10);
    expect(codeOf(() => b.release(11))).toBe('ERR_MEMORY_INVALID_STATE');
    expect(a.usedBytes).toBe(60);
  });

  it.each([{ deadlineMs: -1 }, { deadlineMs: 'soon' }, { signal: {} }, { priority: 101 }, { dedlineMs: 5 }])(
    'acquire refuses %p',
    async (options) => {
      const a = team(1, { limitBytes: 100 }).at(0);
      a.reserve(100);
      await expect(a.acquire(10, options as never)).rejects.toMatchObject({ category: 'validation' });
      expect(a.stats().waiting).toBe(0);
    },
  );

  it.each([null, undefined, 7, 'x', [], {}, { type: 'nebula-memory.shared-budget', version: 9, name: 'x' }])(
    'attach refuses %p',
    (handle) => {
      expect(['ERR_MEMORY_INVALID_ARGUMENT', 'ERR_MEMORY_UNSUPPORTED']).toContain(
        codeOf(() => SharedBudget.attach(handle as never)),
      );
    },
  );
});

describe('a region that holds garbage', () => {
  function broken(change: (words: Int32Array) => void): string {
    const a = team(1, { limitBytes: 100, members: 4 }).at(0);
    const region = Region.attach(a.handle.region);
    const words = new Int32Array(region.buffer, 0, region.byteLength >> 2);
    const kept = words.slice();
    change(words);
    const code = codeOf(() => SharedBudget.attach(a.handle).close());
    words.set(kept);
    region.free();
    return code;
  }
  const at = HEAD.config + 1;

  it.each<[string, (words: Int32Array) => void, string]>([
    ['zeros', (words) => words.fill(0), 'ERR_MEMORY_CORRUPTION'],
    ['ones', (words) => words.fill(-1), 'ERR_MEMORY_CORRUPTION'],
    ['no limit', (words) => words.fill(0, HEAD.config, HEAD.config + 1), 'ERR_MEMORY_CORRUPTION'],
    ['a negative limit', (words) => words.fill(-5, HEAD.config, HEAD.config + 1), 'ERR_MEMORY_CORRUPTION'],
    ['no places', (words) => words.fill((words[at] as number) & ~1023, at, at + 1), 'ERR_MEMORY_CORRUPTION'],
    [
      'more places than there are',
      (words) => words.fill((words[at] as number) | 1023, at, at + 1),
      'ERR_MEMORY_CORRUPTION',
    ],
    ['units of 2^63', (words) => words.fill((words[at] as number) | (63 << 10), at, at + 1), 'ERR_MEMORY_CORRUPTION'],
    ['another version', (words) => words.fill((words[at] as number) + (1 << 16), at, at + 1), 'ERR_MEMORY_UNSUPPORTED'],
    ['less than nothing granted', (words) => words.fill(-1, HEAD.granted, HEAD.granted + 1), 'ERR_MEMORY_CORRUPTION'],
    ['a free place that holds something', (words) => words.fill(7, 64 + 4 * 32 + 32), 'ERR_MEMORY_CORRUPTION'],
  ])('%s', (_, change, code) => {
    expect(broken(change)).toBe(code);
  });

  it('a region that is too short', () => {
    const tiny = Region.shared(64);
    const handle: SharedBudgetHandle = {
      type: 'nebula-memory.shared-budget',
      version: SHARED_BUDGET_VERSION,
      name: 'x',
      region: tiny.handle,
    };
    expect(codeOf(() => SharedBudget.attach(handle))).toBe('ERR_MEMORY_CORRUPTION');
    tiny.free();
  });

  it('noise ends in errors or refusals, never in anything else', () => {
    const made = new Team(2, { limitBytes: 100, members: 8, quantumBytes: 3 });
    const a = made.at(0);
    const region = Region.attach(a.handle.region);
    const words = new Int32Array(region.buffer, 0, region.byteLength >> 2);
    let seed = 4711;
    for (let round = 0; round < 300; round += 1) {
      for (let word = round % 2 === 0 ? 0 : HEAD.granted; word < words.length; word += 1) {
        seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
        words[word] = round % 5 === 0 ? -1 : seed >> ((round % 7) * 4);
      }
      if (round % 2 === 1) words[HEAD.config] = 100;
      for (const call of [
        () => a.tryReserve(8),
        () => a.reserve(50),
        () => a.release(3),
        () => a.recover(),
        () => a.resize(1 + (seed & 0xff)),
        () => void a.acquire(5, { deadlineMs: 1 }).catch(() => {}),
        () => a.stats(),
        () => a.usedBytes,
        () => SharedBudget.attach(a.handle).close(),
        () => made.timers.advance(20),
      ]) {
        try {
          call();
        } catch (error) {
          expect([(error as Error).stack, (error as Error).name]).toEqual([
            expect.anything(),
            expect.stringMatching(/^Memory/),
          ]);
        }
      }
    }
    region.free();
  });
});
