import { Region } from '../../../lib/platform';
import { native } from '../../../lib/platform/native';
import { untilCollected } from '../../support/collected';
import { codeOf, PAGE, smapsAt, thrown, withHolder } from './support';

afterEach(() => jest.restoreAllMocks());

describe('sizes', () => {
  test.each([
    [0, 'ERR_MEMORY_OUT_OF_RANGE'],
    [-1, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['-4KiB', 'ERR_MEMORY_OUT_OF_RANGE'],
    ['0', 'ERR_MEMORY_OUT_OF_RANGE'],
    [2 ** 53, 'ERR_MEMORY_OUT_OF_RANGE'],
    [Number.POSITIVE_INFINITY, 'ERR_MEMORY_OUT_OF_RANGE'],
    ['16PiB', 'ERR_MEMORY_OUT_OF_RANGE'],
    [Number.NaN, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [1.5, 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['4kb', 'ERR_MEMORY_INVALID_ARGUMENT'],
    ['', 'ERR_MEMORY_INVALID_ARGUMENT'],
    [undefined, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [null, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [4096n, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{}, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('%p are refused with %s', (size, code) => {
    expect(codeOf(() => Region.map(size as never))).toBe(code);
    expect(codeOf(() => Region.shared(size as never))).toBe(code);
    expect(codeOf(() => Region.secret(size as never))).toBe(code);
  });

  test.each([2 ** 53 - 1, 2 ** 53 - 4096, '7PiB', 2 ** 47])('%p bytes are more than any machine has', (size) => {
    const error = thrown(() => Region.map(size));
    expect(error.code).toBe('ERR_MEMORY_OUT_OF_MEMORY');
    expect(error.requestedBytes).toBeGreaterThan(2 ** 46);
    expect(error.hint).toContain('memory.limits()');
  });
});

describe('options', () => {
  test.each([
    [{ page: '2MiB' }, 'unknown option "page". Did you mean \'pages\'?'],
    [{ pupulate: true }, "Did you mean 'populate'?"],
    [{ lenght: 1 }, 'unknown option "lenght"'],
    [{ pages: '2MB' }, "'huge', '2MiB', '1GiB', got \"2MB\". Did you mean '2MiB'?"],
    [{ carrier: 'local ' }, "carrier must be one of 'local', 'shared'"],
    [{ fork: 'wiped' }, "Did you mean 'wipe'?"],
    [{ populate: 1 }, 'populate must be true or false, got 1'],
    [{ lock: 'yes' }, 'lock must be true or false'],
    [{ strict: null }, 'strict must be true or false'],
    [{ guard: 0 }, 'guard must be true or false'],
    [{ dump: 'no' }, 'dump must be true or false'],
    [{ name: '' }, 'name must not be empty'],
    [{ name: 'a\0b' }, 'must not hold a NUL'],
    [null, 'options must be a plain object, got null'],
    [[], 'got an array'],
    ['2MiB', 'options must be a plain object'],
    [{ numa: 0 }, "numa must be 'local' or an object"],
    [{ numa: {} }, 'exactly one of bind, preferred'],
    [{ numa: { bind: [0], preferred: 0 } }, 'got bind and preferred'],
    [{ numa: { bind: [] } }, 'must name at least one node'],
    [{ numa: { bnid: [0] } }, "Did you mean 'bind'?"],
    [{ numa: { preferred: [0, 1] } }, 'must be one node, got 2'],
    [{ numa: { weighted: [1, 2] } }, 'must map nodes to weights'],
    [{ numa: { weighted: {} } }, 'at least one node'],
  ])('%j are refused', (options, words) => {
    const error = thrown(() => Region.map(PAGE, options as never));
    expect([error.code, error.message]).toEqual(['ERR_MEMORY_INVALID_ARGUMENT', expect.stringContaining(words)]);
    expect(error.message).toMatch(/^Region\.map/);
  });

  test.each([[{ weighted: { 0: 0 } }], [{ weighted: { 0: 256 } }], [{ bind: 1024 }], [{ bind: -1 }]])(
    'numa %j is out of range',
    (spec) => {
      expect(codeOf(() => Region.map(PAGE, { numa: spec as never }))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    },
  );

  it('refuses before it maps anything', () => {
    const spy = jest.spyOn(native(), 'mapAnonymous');
    expect(codeOf(() => Region.map(PAGE, { populate: 'x' as never }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(spy).not.toHaveBeenCalled();
  });

  it('reads each option once', () => {
    let reads = 0;
    const options = Object.defineProperty({}, 'populate', { enumerable: true, get: () => (reads += 1) === 1 });
    using region = Region.map(PAGE, options);
    expect([reads, region.placement.asked.populate]).toEqual([1, true]);
  });
});

describe('what options do', () => {
  it('populate makes every page present', () => {
    using region = Region.map('1MiB', { populate: true });
    expect(region.residency().residentBytes).toBe(1024 * 1024);
    expect(region.placement.got.populated).toBe(true);
    using lazy = Region.map('1MiB');
    expect([lazy.residency().residentBytes, lazy.placement.got.populated]).toEqual([0, false]);
  });

  it('lock is seen by the kernel', () => {
    const { region, describe: look } = withHolder(() => Region.map('1MiB', { lock: true }));
    const { address, locked } = look();
    expect([locked, region.placement.got.locked]).toEqual([true, true]);
    expect(smapsAt(address, 1 << 20).kB('Locked')).toBe(1024);
    region.unlock();
    expect(smapsAt(address, 1 << 20).kB('Locked')).toBe(0);
    region.free();
  });

  test.each([
    [{ dump: false }, ' dd '],
    [{ fork: 'exclude' as const }, ' dc '],
    [{ fork: 'wipe' as const }, ' wf '],
    [{ pages: 'base' as const }, ' nh '],
  ])('%j sets its flag on the mapping', (options, flag) => {
    const { region, describe: look } = withHolder(() => Region.map('1MiB', options));
    expect(` ${smapsAt(look().address, 1 << 20).flags} `).toContain(flag);
    region.free();
  });

  it('guard puts pages without access on both sides', () => {
    const { region, describe: look } = withHolder(() => Region.map(2 * PAGE, { guard: true }));
    const { address, guarded } = look();
    expect(guarded).toBe(true);
    const permissions = (at: number) => smapsAt(at, 1).flags.match(/\b(rd|wr)\b/g);
    expect([permissions(address - 1), permissions(address), permissions(address + 2 * PAGE)]).toEqual([
      null,
      ['rd', 'wr'],
      null,
    ]);
    region.bytes.fill(1);
    region.free();
  });

  it('carrier shared is a SharedArrayBuffer where Node.js can make one, and says so where it cannot', () => {
    using region = Region.map(PAGE, { carrier: 'shared' });
    expect(region.placement.asked.carrier).toBe('shared');
    if (native().sharedCarrier() === 0) {
      expect(region.placement.fallbacks).toEqual([
        expect.objectContaining({ wanted: 'carrier shared', code: 'ERR_MEMORY_UNSUPPORTED' }),
      ]);
      expect(region.buffer).toBeInstanceOf(ArrayBuffer);
      expect(codeOf(() => Region.map(PAGE, { carrier: 'shared', strict: true }))).toBe('ERR_MEMORY_UNSUPPORTED');
    } else {
      expect(region.placement).toMatchObject({ got: { carrier: 'shared' }, fallbacks: [] });
      expect(Object.prototype.toString.call(region.buffer)).toBe('[object SharedArrayBuffer]');
    }
  });

  it('carrier shared falls back with a reason on a Node.js without external SharedArrayBuffers', () => {
    jest.spyOn(native(), 'sharedCarrier').mockReturnValue(0);
    using region = Region.map(PAGE, { carrier: 'shared' });
    expect(region.placement).toMatchObject({
      asked: { carrier: 'shared' },
      got: { carrier: 'local' },
      fallbacks: [
        { wanted: 'carrier shared', code: 'ERR_MEMORY_UNSUPPORTED', fix: expect.stringContaining('Node.js') },
      ],
    });
    expect(region.buffer).toBeInstanceOf(ArrayBuffer);
    expect(region.handle.byteLength).toBe(PAGE);
    expect(codeOf(() => Region.map(PAGE, { carrier: 'shared', strict: true }))).toBe('ERR_MEMORY_UNSUPPORTED');
  });

  it('strict leaves nothing mapped when it throws', async () => {
    await untilCollected();
    const before = native().totals().regions;
    jest.spyOn(native(), 'lock').mockReturnValue({ failed: 1, call: 'mlock', errno: 12, detail: 0 });
    const error = thrown(() => Region.map(PAGE, { lock: true, strict: true }));
    expect([error.code, error.errno]).toEqual(['ERR_MEMORY_LOCK_LIMIT', 12]);
    expect(native().totals().regions).toBe(before);
    using soft = Region.map(PAGE, { lock: true });
    expect(soft.placement).toMatchObject({ got: { locked: false }, fallbacks: [{ wanted: 'lock', errno: 12 }] });
    expect(soft.placement.fallbacks[0]?.fix).toContain('ulimit -l');
  });
});
