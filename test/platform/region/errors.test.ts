import { MemoryError, MemoryExhaustedError, MemoryStateError, MemoryValidationError } from '../../../lib/core';
import { memory, Region } from '../../../lib/platform';
import { native } from '../../../lib/platform/native';
import { untilCollected } from '../../support/collected';
import { codeOf, PAGE, runChild, thrown } from './support';

type Call = (region: Region) => unknown;

// Every call of a region, with arguments that are good while it lives.
const CALLS: Record<string, Call> = {
  buffer: (region) => region.buffer,
  bytes: (region) => region.bytes,
  window: (region) => region.window(0, 1),
  read: (region) => region.read(0, new Uint8Array(1)),
  write: (region) => region.write(0, new Uint8Array(1)),
  handle: (region) => region.handle,
  pin: (region) => region.pin().release(),
  use: (region) => region.use(() => 1),
  advise: (region) => region.advise('normal'),
  populate: (region) => region.populate(),
  lock: (region) => region.lock(),
  unlock: (region) => region.unlock(),
  decommit: (region) => region.decommit(),
  zero: (region) => region.zero(),
  residency: (region) => region.residency(),
  pageStats: (region) => region.pageStats(),
  nodes: (region) => region.nodes(),
  bind: (region) => region.bind('local'),
  migrate: (region) => region.migrate(0),
  wait: (region) => region.wait(0, 1),
  notify: (region) => region.notify(0),
  flush: (region) => region.flush(),
  remap: (region) => region.remap(PAGE),
  protect: (region) => region.protect('readwrite'),
  faults: (region) => region.faults,
};

describe.each(Object.entries(CALLS))('%s', (name, call) => {
  it('works on a live region', () => {
    using region = Region.shared(PAGE);
    call(region);
    expect(region.state).toBe('live');
  });

  it('is ERR_MEMORY_FREED afterwards, and names itself', () => {
    const region = Region.shared(PAGE);
    region.free();
    const error = thrown(() => call(region));
    expect(error).toMatchObject({ code: 'ERR_MEMORY_FREED', category: 'state', retryable: false });
    expect(error.message).toMatch(
      name === 'buffer' || name === 'bytes' ? /^Region\.b/ : new RegExp(`^Region\\.${name}`),
    );
  });

  it('is ERR_MEMORY_INVALID_ARGUMENT on what is no region', () => {
    for (const forged of [Object.create(Region.prototype) as Region, new Proxy(Region.map(PAGE), {})]) {
      expect(codeOf(() => call(forged))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
  });
});

it('no method of Region is left out above', () => {
  const prototype = Object.getOwnPropertyNames(Region.prototype);
  const always = ['constructor', 'kind', 'state', 'name', 'byteLength', 'access', 'placement', 'protection'];
  const elsewhere = ['free', 'freeWhenIdle', 'renew', 'flushAsync'];
  expect(prototype.filter((name) => !(name in CALLS) && !always.includes(name) && !elsewhere.includes(name))).toEqual(
    [],
  );
});

it('a forged this is an error for every method and getter', () => {
  const forged = Object.create(Region.prototype) as Region;
  const prototype = Object.getOwnPropertyDescriptors(Region.prototype) as Record<string, PropertyDescriptor>;
  for (const [name, { get, value }] of Object.entries(prototype)) {
    if (name === 'constructor') continue;
    const run = (get ?? value) as (...args: unknown[]) => unknown;
    for (const self of [forged, {}, undefined, null, 7, 'text']) {
      let error: unknown;
      try {
        const result = run.call(self);
        if (result instanceof Promise) {
          result.catch(() => undefined);
          continue;
        }
      } catch (caught) {
        error = caught;
      }
      expect([name, (error as MemoryError).code]).toEqual([name, 'ERR_MEMORY_INVALID_ARGUMENT']);
    }
  }
});

it('the async ones reject and never throw', async () => {
  const forged = Object.create(Region.prototype) as Region;
  await expect(forged.flushAsync()).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_ARGUMENT' });
  await expect(forged.freeWhenIdle()).rejects.toMatchObject({ code: 'ERR_MEMORY_INVALID_ARGUMENT' });
});

it('new Region() makes nothing', () => {
  expect(codeOf(() => new Region(Symbol('make'), {}))).toBe('ERR_MEMORY_INVALID_STATE');
  expect(codeOf(() => Reflect.construct(Region, []))).toBe('ERR_MEMORY_INVALID_STATE');
});

it('errors are of one class with a sub-class a meaning', () => {
  expect(thrown(() => Region.map(0))).toBeInstanceOf(MemoryValidationError);
  expect(thrown(() => Region.map(2 ** 50))).toBeInstanceOf(MemoryExhaustedError);
  const region = Region.map(PAGE);
  region.free();
  const error = thrown(() => region.bytes);
  expect(error).toBeInstanceOf(MemoryStateError);
  expect(error).toBeInstanceOf(MemoryError);
  expect(error.stack).toContain(__filename);
});

it('a failed call leaves every other region as it was', async () => {
  await untilCollected();
  using other = Region.map(PAGE);
  other.bytes.fill(9);
  const before = native().totals();
  for (const size of [0, -1, 2 ** 50, 2 ** 53, Number.NaN]) codeOf(() => Region.map(size));
  for (const path of ['/nowhere', '/', '/dev/null']) codeOf(() => Region.mapFile(path));
  codeOf(() => Region.open('nebula-nowhere'));
  const { regions, mappedBytes } = memory.totals();
  expect([regions, mappedBytes]).toEqual([before.regions, before.mappedBytes]);
  expect(other.bytes.every((byte) => byte === 9)).toBe(true);
});

describe('limits of the process', () => {
  it('the map limit is an error before the kernel refuses', () => {
    const source = `const { mappings } = memory.totals(); const kept = [];
      let code = 'none';
      const limit = memory.totals().mappingLimit;
      try { for (let i = 0; i < 200000; i++) kept.push(Region.map(4096, { guard: true })); } catch (error) { code = [error.code, error.message.includes(String(limit)), /max_map_count/.test(error.hint)]; }
      const count = kept.length; const lines = fs.readFileSync('/proc/self/maps', 'latin1').split('\\n').length - 1; for (const region of kept) region.free();
      const after = Region.map(4096); after.bytes[0] = 1;
      console.log(JSON.stringify([code, count > limit / 4, lines < limit * 1.01, mappings]));`;
    expect(runChild(source)).toMatchObject({
      status: 0,
      signal: null,
      output: [['ERR_MEMORY_MAP_LIMIT', true, true], true, true, 0],
    });
  });

  it('no address space is an error', () => {
    const source = `const region = Region.map('1MiB'); console.log(JSON.stringify(codeOf(() => Region.map('64GiB', { populate: true }))));`;
    const { output, signal } = runChild(source);
    expect([output, signal]).toEqual(['ERR_MEMORY_OUT_OF_MEMORY', null]);
  });

  it('no descriptor left is a retryable error', () => {
    const source = `const kept = []; let seen; try { for (;;) kept.push(Region.shared(4096)); } catch (error) { seen = [error.code, error.errno, error.retryable]; }
      for (const region of kept) region.free();
      Region.shared(4096).free();
      console.log(JSON.stringify([seen, memory.totals().regions]));`;
    const { output, stderr } = runChild(source, { launcher: ['sh', '-c', 'ulimit -n 60; exec "$@"', 'sh'] });
    expect([output, stderr]).toEqual([[['ERR_MEMORY_SYSCALL', 24, true], 0], '']);
  });
});
