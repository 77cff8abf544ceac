import { MemoryBudget } from '../../lib/budgets';
import { isMemoryError } from '../../lib/core';
import { checkTree, codeOf } from './support';

const MIB = 2 ** 20;

function tree() {
  const root = new MemoryBudget('service', { limitBytes: '64MiB' });
  const images = root.child('images', { limitBytes: '32MiB' });
  const thumbs = images.child('thumbs', { limitBytes: '16MiB' });
  return { root, images, thumbs };
}

describe('MemoryBudget', () => {
  it('counts what is reserved on every level above', () => {
    const { root, images, thumbs } = tree();
    thumbs.reserve(3 * MIB);
    images.reserve(5);
    expect([thumbs.usedBytes, images.usedBytes, root.usedBytes]).toEqual([3 * MIB, 3 * MIB + 5, 3 * MIB + 5]);
    checkTree(root);
    thumbs.release(3 * MIB);
    images.release(5);
    expect([root.usedBytes, root.state, new MemoryBudget('x', { limitBytes: 1 }).state]).toEqual([
      0,
      'active',
      'created',
    ]);
    checkTree(root);
  });

  it('never passes a limit, of its own or of any above', () => {
    const { root, images, thumbs } = tree();
    expect(thumbs.tryReserve(16 * MIB)).toBe(true);
    expect(thumbs.tryReserve(1)).toBe(false);
    expect(images.tryReserve(16 * MIB)).toBe(true);
    expect(images.tryReserve(1)).toBe(false);
    const other = root.child('other', { limitBytes: '32MiB' });
    expect(other.tryReserve(32 * MIB)).toBe(true);
    expect(root.tryReserve(1)).toBe(false);
    expect([thumbs.state, root.usedBytes]).toEqual(['exhausted', 64 * MIB]);
    checkTree(root);
  });

  it('uses the free capacity that siblings hold', () => {
    const root = new MemoryBudget('root', { limitBytes: 1000, quantumBytes: 1 });
    const [a, b] = [root.child('a', { quantumBytes: 400 }), root.child('b', { quantumBytes: 400 })];
    a.reserve(1);
    b.reserve(1);
    expect([a.held, b.held]).toEqual([400, 400]);
    a.reserve(998);
    expect([a.usedBytes, b.held]).toEqual([999, 1]);
    expect(codeOf(() => b.reserve(1))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    checkTree(root);
  });

  it('names the budget, limit, use, request and the top consumers', () => {
    const { root, thumbs } = tree();
    thumbs.reserve(10 * MIB);
    const rest = root.child('rest');
    rest.reserve(54 * MIB);
    try {
      thumbs.reserve(1);
      throw new Error('nothing was thrown');
    } catch (error) {
      if (!isMemoryError(error, 'ERR_MEMORY_BUDGET_EXCEEDED')) throw error;
      expect(error).toMatchObject({ requestedBytes: 1, limitBytes: 64 * MIB, availableBytes: 0, source: 'service' });
      expect(error.message).toBe(
        "budget 'service/images/thumbs': 1 bytes refused by 'service': 67108864 of 67108864 bytes are in use; most is " +
          'held by service/rest 54 MiB, service/images/thumbs 10 MiB',
      );
    }
    expect(root.topConsumers(1)).toEqual([{ name: 'service/rest', usedBytes: 54 * MIB }]);
  });

  it('says so when a request can never fit', () => {
    const { thumbs } = tree();
    expect(codeOf(() => thumbs.reserve(17 * MIB))).toBe('ERR_MEMORY_TOO_LARGE');
    expect(thumbs.tryReserve(17 * MIB)).toBe(false);
  });

  it('keeps guarantees, and gives the rest', () => {
    const root = new MemoryBudget('root', { limitBytes: 100, quantumBytes: 1 });
    const sure = root.child('sure', { guaranteedBytes: 40 });
    const greedy = root.child('greedy');
    greedy.reserve(60);
    expect(greedy.tryReserve(1)).toBe(false);
    sure.reserve(40);
    expect(codeOf(() => root.child('late', { guaranteedBytes: 1 }))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    checkTree(root);
  });

  it('refuses children above what the parent has left', () => {
    const root = new MemoryBudget('root', { limitBytes: 100 });
    expect(codeOf(() => root.child('big', { limitBytes: 101 }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    root.reserve(30);
    expect(codeOf(() => root.child('big', { limitBytes: 71 }))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    root.child('fits', { limitBytes: 70 });
    expect(codeOf(() => root.child('fits'))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  });

  it('makes children while others wait, and counts what grandchildren use against a child limit', async () => {
    const root = new MemoryBudget('root', { limitBytes: 100 });
    root.child('a').child('b').reserve(60);
    expect(codeOf(() => root.child('big', { limitBytes: 41 }))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    const waiting = root.acquire(50).catch((error) => error.code);
    expect(root.child('late').tryReserve(1)).toBe(false);
    expect(codeOf(() => root.child('sure', { guaranteedBytes: 1 }))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    root.child('other').close();
    root.resize(70); // more than it will ever be: told at once is the one who waits for 80
    expect(root.stats().waiting).toBe(1);
    root.resize(110);
    expect(await waiting).toMatchObject({ bytes: 50 });
    checkTree(root);
  });

  it.each([
    [{ limitBytes: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ limitBytes: -5 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ limitBytes: '64mb' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{}, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ limitBytes: 10, guaranteedBytes: 11 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ limitBytes: 10, priority: 101 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ limitBytes: 10, policy: 'fair' }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ limitByte: 10 }, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('refuses %p', (options, code) => {
    expect(codeOf(() => new MemoryBudget('x', options as { limitBytes: number }))).toBe(code);
  });

  it.each([0, -1, 0.5, Number.NaN, '1', null, 2 ** 53])('refuses to reserve or release %p', (bytes) => {
    const budget = new MemoryBudget('x', { limitBytes: 100 });
    const codes = ['ERR_MEMORY_INVALID_ARGUMENT', 'ERR_MEMORY_OUT_OF_RANGE'];
    expect(codes).toContain(codeOf(() => budget.reserve(bytes as number)));
    expect(codes).toContain(codeOf(() => budget.tryReserve(bytes as number)));
    expect(codes).toContain(codeOf(() => budget.release(bytes as number)));
    expect(budget.stats()).toMatchObject({ usedBytes: 0, reservations: 0, releases: 0, refusals: 0 });
  });

  it('refuses to take back more than was reserved here', () => {
    const { root, thumbs } = tree();
    thumbs.reserve(10);
    expect(codeOf(() => thumbs.release(11))).toBe('ERR_MEMORY_INVALID_STATE');
    expect(codeOf(() => root.release(1))).toBe('ERR_MEMORY_INVALID_STATE');
    expect(root.usedBytes).toBe(10);
  });

  it('gives its capacity back when it closes, and names the holders when it cannot', () => {
    const { root, images, thumbs } = tree();
    thumbs.reserve(4 * MIB);
    expect(codeOf(() => thumbs.close())).toBe('ERR_MEMORY_IN_USE');
    expect(() => images.close()).toThrow(/thumbs 4 MiB\); open children: thumbs/);
    thumbs.release(4 * MIB);
    thumbs.close();
    thumbs.close();
    images.close();
    expect([thumbs.state, root.free, root.children.size]).toEqual(['released', 64 * MIB, 0]);
    for (const call of [() => thumbs.reserve(1), () => thumbs.tryReserve(1), () => thumbs.child('x')]) {
      expect(codeOf(call)).toBe('ERR_MEMORY_CLOSED');
    }
    checkTree(root);
  });

  it('can be resized, but not below what is in use', () => {
    const { root, images, thumbs } = tree();
    thumbs.reserve(8 * MIB);
    expect(codeOf(() => images.resize(8 * MIB - 1))).toBe('ERR_MEMORY_BUDGET_EXCEEDED');
    images.resize(8 * MIB);
    root.resize('8MiB');
    expect(thumbs.tryReserve(1)).toBe(false);
    root.resize('1GiB');
    images.resize('1GiB');
    expect(thumbs.tryReserve(1)).toBe(true);
    checkTree(root);
  });

  it('shares fairly among those who are active, and only those', () => {
    const root = new MemoryBudget('root', { limitBytes: 120, policy: 'fairShare', quantumBytes: 1 });
    const [a, b] = [root.child('a', { quantumBytes: 1 }), root.child('b', { quantumBytes: 1 })];
    root.child('idle');
    expect(a.tryReserve(120)).toBe(true);
    a.release(80);
    expect(b.tryReserve(60)).toBe(true);
    expect(a.tryReserve(20)).toBe(true);
    expect(a.tryReserve(1)).toBe(false);
    b.release(60);
    expect(a.tryReserve(60)).toBe(true);
    checkTree(root);
  });

  it('lets only important children into the last fifth with the priority policy', () => {
    const root = new MemoryBudget('root', { limitBytes: 100, policy: 'priority', quantumBytes: 1 });
    const low = root.child('low', { priority: 10, quantumBytes: 1 });
    const high = root.child('high', { priority: 90, quantumBytes: 1 });
    expect([low.tryReserve(81), low.tryReserve(80), low.tryReserve(1), high.tryReserve(20)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
    checkTree(root);
  });
});
