import { BumpAllocator, SystemAllocator } from '../../lib/allocators';
import { FailureInjectingAllocator, FallbackAllocator, RetryingAllocator, TrackedAllocator } from '../../lib/tracking';
import { ListAllocator } from './support/list-allocator';
import { refusal } from './support/refusals';

describe('RetryingAllocator', () => {
  test('asks for room, and tries again as long as the hook says so', () => {
    const inner = new ListAllocator(256);
    const kept = [0, 1, 2, 3].map(() => inner.allocate(64));
    const seen: unknown[] = [];
    const retrying = new RetryingAllocator(inner, {
      onFailure: (request, attempt) => {
        seen.push([request, attempt]);
        retrying.deallocate(kept.pop() ?? -1, 64);
        return true;
      },
    });
    expect(retrying.allocate(128)).toBe(128);
    expect(seen).toEqual([
      [{ byteLength: 128, alignment: undefined }, 1],
      [{ byteLength: 128, alignment: undefined }, 2],
    ]);
    expect(retrying.tryAllocate(64, 64)).toBe(64);
    expect([retrying.hookCalls, retrying.retries, retrying.recovered, retrying.stats().failures]).toEqual([3, 3, 2, 0]);
  });

  test('gives up when the hook does, with one failure', () => {
    const retrying = new RetryingAllocator(new ListAllocator(64), { onFailure: () => false });
    retrying.allocate(64);
    expect(retrying.tryAllocate(8)).toBe(-1);
    refusal('ERR_MEMORY_ARENA_EXHAUSTED', () => retrying.allocate(8));
    expect(retrying.stats().failures).toBe(2);
  });

  test('never hangs', () => {
    let calls = 0;
    const onFailure = () => {
      calls++;
      return true;
    };
    const retrying = new RetryingAllocator(new ListAllocator(64), { onFailure, maxAttempts: 5 });
    retrying.allocate(64);
    expect(retrying.tryAllocate(8)).toBe(-1);
    expect(calls).toBe(5);
  });

  test('does not ask for what can never fit', () => {
    const onFailure = jest.fn(() => true);
    const retrying = new RetryingAllocator(new ListAllocator(64), { onFailure });
    expect(retrying.tryAllocate(65)).toBe(-1);
    refusal('ERR_MEMORY_TOO_LARGE', () => retrying.allocate(65));
    expect(onFailure).not.toHaveBeenCalled();
  });

  test('a hook may free, reset and look, but not allocate or dispose', () => {
    const inner = new ListAllocator(64);
    const codes: string[] = [];
    const retrying: RetryingAllocator = new RetryingAllocator(inner, {
      onFailure: () => {
        for (const call of [() => retrying.allocate(8), () => retrying.tryAllocate(8), () => retrying.dispose()]) {
          codes.push(refusal('ERR_MEMORY_INVALID_STATE', call).code);
        }
        retrying.stats();
        retrying.reset();
        return true;
      },
    });
    retrying.allocate(64);
    expect(retrying.allocate(64)).toBe(0);
    expect(codes.length).toBe(3);
    retrying.reset();
    retrying.allocate(8);
  });

  test.each([
    ['throws', () => fail(), /boom/],
    ['is async', async () => true, /must return a boolean/],
  ])('a hook that %s leaves the books', (_, onFailure, message) => {
    const tracked = new TrackedAllocator(new ListAllocator(64), { level: 'paranoid' });
    const retrying = new RetryingAllocator(tracked, { onFailure: onFailure as unknown as () => boolean });
    const offset = retrying.allocate(64);
    const { failures, usedBytes } = retrying.stats();
    expect(() => retrying.allocate(8)).toThrow(message);
    expect(() => retrying.tryAllocate(8)).toThrow(message);
    expect(retrying.stats()).toMatchObject({ failures, usedBytes, liveAllocations: 1 });
    retrying.deallocate(offset, 64);
    retrying.allocate(8);
  });

  function fail(): never {
    throw new Error('boom');
  }

  test('refuses what is no hook', () => {
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new RetryingAllocator(new ListAllocator(), {} as never));
    const options = { onFailure: () => true, maxAttempts: 0 };
    refusal('ERR_MEMORY_OUT_OF_RANGE', () => new RetryingAllocator(new ListAllocator(), options));
  });
});

describe('FailureInjectingAllocator', () => {
  const outcomes = (options: object, requests = 10): string => {
    const failing = new FailureInjectingAllocator(new ListAllocator(), options);
    const marks = Array.from({ length: requests }, () => (failing.tryAllocate(8) === -1 ? 'x' : '.'));
    expect(failing.injected).toBe(marks.filter((mark) => mark === 'x').length);
    return marks.join('');
  };

  test.each([
    [{}, '..........'],
    [{ every: 3 }, '..x..x..x.'],
    [{ every: 1 }, 'xxxxxxxxxx'],
    [{ after: 4 }, '....xxxxxx'],
    [{ after: 0 }, 'xxxxxxxxxx'],
    [{ predicate: (_: unknown, index: number) => index === 2 }, '.x........'],
    [{ every: 5, predicate: (_: unknown, index: number) => index === 2 }, '.x..x....x'],
    [{ probability: 1 }, 'xxxxxxxxxx'],
    [{ probability: 0 }, '..........'],
  ])('fails by %j', (options, expected) => {
    expect(outcomes(options)).toBe(expected);
  });

  test('draws the same failures from the same seed', () => {
    const first = outcomes({ probability: 0.3, seed: 5 }, 1000);
    expect(outcomes({ probability: 0.3, seed: 5 }, 1000)).toBe(first);
    expect(outcomes({ probability: 0.3, seed: 6 }, 1000)).not.toBe(first);
    const share = first.replaceAll('.', '').length / 1000;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.4);
  });

  test('throws the code that was asked for, and leaves the inner allocator alone', () => {
    const failing = new FailureInjectingAllocator(new ListAllocator(), { every: 1, code: 'ERR_MEMORY_OUT_OF_MEMORY' });
    expect(refusal('ERR_MEMORY_OUT_OF_MEMORY', () => failing.allocate(8)).message).toContain('on purpose');
    expect([failing.inner.stats().failures, failing.stats().failures]).toEqual([0, 1]);
    refusal('ERR_MEMORY_OUT_OF_RANGE', () => failing.allocate(0));
    expect(failing.requests).toBe(1);
    const code = 'ERR_MEMORY_FREED' as const;
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new FailureInjectingAllocator(new ListAllocator(), { code }));
  });

  test('a predicate that throws or allocates leaves the books', () => {
    const failing: FailureInjectingAllocator = new FailureInjectingAllocator(new ListAllocator(), {
      predicate: ({ byteLength }) => {
        if (byteLength === 1) throw new Error('boom');
        if (byteLength === 2) failing.allocate(3);
        return false;
      },
    });
    expect(() => failing.allocate(1)).toThrow('boom');
    refusal('ERR_MEMORY_INVALID_STATE', () => failing.tryAllocate(2));
    expect([failing.requests, failing.stats().allocations]).toEqual([0, 0]);
    failing.allocate(3);
  });
});

describe('FallbackAllocator', () => {
  test('takes from the second what the first has no room for, and frees to the right one', () => {
    const [first, second] = [new ListAllocator(128), new ListAllocator(256)];
    const both = new FallbackAllocator(first, second);
    const blocks = [both.allocate(64), both.allocate(64), both.allocate(64), both.tryAllocate(128)];
    expect(blocks).toEqual([0, 64, 2 ** 48, 2 ** 48 + 64]);
    expect([first.usedBytes, second.usedBytes, both.usedBytes]).toEqual([128, 192, 320]);
    both.view(blocks[2] ?? -1, 64).fill(9);
    expect(second.raw[0]).toBe(9);
    expect([both.owns(2 ** 48), both.owns(2 ** 48 + 200), both.owns(0)]).toEqual([true, false, true]);
    both.deallocate(blocks[2] ?? -1, 64);
    both.deallocate(blocks[0] ?? -1, 64);
    expect([first.usedBytes, second.usedBytes, both.fallbackAllocations]).toEqual([64, 128, 2]);
    expect(both.stats()).toMatchObject({ allocations: 4, deallocations: 2, failures: 0, peakUsedBytes: 320 });
    expect(both.capacityBytes).toBe(384);
  });

  test('fails once when both are full, with the error of the second', () => {
    const both = new FallbackAllocator(new ListAllocator(64), new ListAllocator(64));
    both.allocate(64);
    both.allocate(64);
    refusal('ERR_MEMORY_ARENA_EXHAUSTED', () => both.allocate(8));
    expect(both.tryAllocate(8)).toBe(-1);
    expect(both.stats().failures).toBe(2);
  });

  test('nests on both sides, also below other adaptors', () => {
    const list = () => new ListAllocator(64);
    const inLeft = new FallbackAllocator(list(), new FallbackAllocator(list(), list()));
    const left = new TrackedAllocator(inLeft, { level: 'paranoid' });
    const all = new FallbackAllocator(left, new FallbackAllocator(list(), list()));
    const blocks = [0, 1, 2, 3, 4].map(() => all.allocate(64));
    expect(new Set(blocks).size).toBe(5);
    expect([left.usedBytes, all.usedBytes]).toEqual([192, 320]);
    blocks.forEach((offset, id) => {
      all.view(offset, 64).fill(id);
    });
    blocks.forEach((offset, id) => {
      expect(all.view(offset, 64).every((byte) => byte === id)).toBe(true);
      all.deallocate(offset, 64);
    });
    expect(all.usedBytes).toBe(0);
  });

  test('leaves room of the first above the base unused, as of one whose capacity says nothing of its offsets', () => {
    /** Somebody's own, whose offsets rise to four times what it calls its capacity. */
    class Rising extends TrackedAllocator {
      override get capacityBytes(): number {
        return 4096;
      }
    }
    const first = new Rising(new ListAllocator(16_384));
    const both = new FallbackAllocator(first, new ListAllocator(64), { secondaryBase: 4096 });
    const kept = both.allocate(4096);
    expect(both.allocate(64)).toBe(4096);
    expect([kept, first.usedBytes, both.owns(4096), both.fallbackAllocations]).toEqual([0, 4096, true, 1]);
    expect(first.stats()).toMatchObject({ allocations: 2, deallocations: 1 }); // taken, and given back
    both.reset();
    expect(both.allocate(4064)).toBe(0);
    expect(both.allocate(64)).toBe(4096); // and not 4064, with bytes of the first on both sides of the base
    expect(first.usedBytes).toBe(4064);
  });

  test('goes to the second only when the first is full, though offsets of the first rise', () => {
    const system = new SystemAllocator({ maxBytes: '1MiB' });
    using both = new FallbackAllocator(new TrackedAllocator(system), new ListAllocator());
    for (let turn = 0; turn < 200; turn++) both.deallocate(both.allocate(4096), 4096);
    expect([both.fallbackAllocations, both.secondaryBase]).toEqual([0, 2 ** 48]);
  });

  test.each([
    ['a capacity', () => new BumpAllocator('64KiB'), 65_536],
    ['no capacity', () => new SystemAllocator(), 2 ** 48],
    ['offsets that only rise', () => new SystemAllocator({ maxBytes: '1MiB' }), 2 ** 48],
    ['such ones below adaptors', () => new TrackedAllocator(new SystemAllocator({ maxBytes: '1MiB' })), 2 ** 48],
    ['another fallback', () => new FallbackAllocator(new ListAllocator(), new ListAllocator()), 2 ** 49],
  ] as const)('refuses a base within a primary with %s: offsets would be handed out twice', (_, primary, least) => {
    for (const secondaryBase of [4096, least - 4096]) {
      const first = primary();
      refusal('ERR_MEMORY_OUT_OF_RANGE', () => new FallbackAllocator(first, new ListAllocator(), { secondaryBase }));
      first.dispose();
    }
    using both = new FallbackAllocator(primary(), new ListAllocator(), { secondaryBase: least });
    expect(both.secondaryBase).toBe(least);
  });

  test('resets and disposes both', () => {
    const [first, second] = [new ListAllocator(64), new ListAllocator(64)];
    const both = new FallbackAllocator(first, second);
    both.allocate(64);
    both.allocate(64);
    both.reset();
    expect([first.usedBytes, second.usedBytes, both.stats().resets]).toEqual([0, 0, 1]);
    both.dispose();
    for (const one of [both, first, second]) refusal('ERR_MEMORY_CLOSED', () => one.allocate(8));
  });

  test.each([
    [{ secondaryBase: 4097 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ secondaryBase: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ secondaryBase: 2 ** 53 }, 'ERR_MEMORY_OUT_OF_RANGE'],
  ] as const)('refuses the options %j', (options, code) => {
    refusal(code, () => new FallbackAllocator(new ListAllocator(), new ListAllocator(), options));
  });

  test('refuses the same allocator twice', () => {
    const one = new ListAllocator();
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new FallbackAllocator(one, one));
    refusal('ERR_MEMORY_INVALID_ARGUMENT', () => new FallbackAllocator(one, null as never));
  });
});
