import { readdirSync } from 'node:fs';
import { memory, Region } from '../../../lib/platform';
import { native } from '../../../lib/platform/native';
import { untilCollected } from '../../support/collected';
import { codeOf, inWorker, PAGE, runChild, thrown } from './support';

const unique = (word: string): string => `nebula-test-${word}-${process.pid}-${Date.now()}`;

afterEach(() => jest.restoreAllMocks());

describe('Region.shared', () => {
  it('is zeros, whole pages of an object', () => {
    using region = Region.shared(5000);
    expect([region.kind, region.byteLength, region.name]).toEqual(['shared', 5000, null]);
    expect(region.bytes.every((byte) => byte === 0)).toBe(true);
    region.bytes.fill(1);
    expect(region.placement.asked.carrier).toBe('shared');
    expect(Object.prototype.toString.call(region.buffer)).toBe(
      native().sharedCarrier() === 0 ? '[object ArrayBuffer]' : '[object SharedArrayBuffer]',
    );
  });

  it('is one memory in a worker, without copying', async () => {
    using region = Region.shared(PAGE);
    region.bytes[0] = 11;
    const seen = await inWorker(
      `const region = Region.attach(data); const first = region.bytes[0]; region.bytes[1] = 22;
       post([first, region.kind, region.byteLength]); region.free();`,
      region.handle,
    );
    expect(seen).toEqual([[11, 'shared', PAGE][0], 'shared', PAGE]);
    expect(region.bytes[1]).toBe(22);
  });

  it('is one memory in another process, by handle', () => {
    using region = Region.shared(PAGE);
    region.bytes[0] = 33;
    const { status, output } = runChild(
      `const region = Region.attach(${JSON.stringify(region.handle)}); const first = region.bytes[0]; region.bytes[1] = 44;
       console.log(JSON.stringify([first, region.kind])); region.free();`,
    );
    expect([status, output]).toEqual([0, [33, 'shared']]);
    expect(region.bytes[1]).toBe(44);
  });

  it('refuses pages that a named one cannot lie on, and sizes beyond the machine', async () => {
    await untilCollected();
    expect(codeOf(() => Region.shared(PAGE, { name: unique('huge'), pages: '2MiB' }))).toBe(
      'ERR_MEMORY_INVALID_ARGUMENT',
    );
    expect(codeOf(() => Region.shared(PAGE, { pages: 'thp' as never }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(codeOf(() => Region.shared(PAGE, { guard: true } as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    const { regions } = memory.totals();
    const error = thrown(() => Region.shared(2 ** 52));
    expect(['ERR_MEMORY_OUT_OF_MEMORY', 'ERR_MEMORY_TOO_LARGE']).toContain(error.code);
    expect(memory.totals().regions).toBe(regions);
  });
});

describe('named memory', () => {
  it('is found by its name, stays when everybody has gone, and goes by unlink', () => {
    const name = unique('life');
    const made = Region.shared(PAGE, { name });
    try {
      made.bytes[0] = 55;
      const opened = Region.open(name);
      expect([opened.name, opened.kind, opened.byteLength, opened.bytes[0]]).toEqual([name, 'shared', PAGE, 55]);
      opened.free();
      made.free();
      const { output } = runChild(
        `const region = Region.open(${JSON.stringify(name)}); const first = region.bytes[0]; region.bytes[0] = 66;
         console.log(JSON.stringify([first, region.name]));`,
      );
      expect(output).toEqual([55, name]);
      using again = Region.open(name);
      expect(again.bytes[0]).toBe(66);
      Region.unlink(name);
      expect(thrown(() => Region.open(name))).toMatchObject({ code: 'ERR_MEMORY_SYSCALL', errno: 2, source: name });
      again.bytes[1] = 1;
      expect(again.bytes[0]).toBe(66);
    } finally {
      codeOf(() => Region.unlink(name));
    }
    expect(thrown(() => Region.unlink(name))).toMatchObject({ code: 'ERR_MEMORY_SYSCALL', errno: 2, source: name });
  });

  it('that is taken is not made again, and not disturbed', () => {
    const name = unique('taken');
    using region = Region.shared(PAGE, { name });
    try {
      region.bytes[0] = 1;
      expect(thrown(() => Region.shared(10 * PAGE, { name }))).toMatchObject({
        code: 'ERR_MEMORY_SYSCALL',
        errno: 17,
        source: name,
      });
      using opened = Region.open(name);
      expect([opened.byteLength, opened.bytes[0]]).toEqual([PAGE, 1]);
    } finally {
      Region.unlink(name);
    }
  });

  it('leaves no object behind where it could not be made', () => {
    const name = unique('large');
    expect(codeOf(() => Region.shared(2 ** 52, { name }))).not.toBe('none');
    jest.spyOn(native(), 'lock').mockReturnValue({ failed: 1, call: 'mlock', errno: 12, detail: 0 });
    expect(codeOf(() => Region.shared(PAGE, { name, lock: true, strict: true }))).toBe('ERR_MEMORY_LOCK_LIMIT');
    jest.spyOn(native(), 'populate').mockReturnValue({ failed: 1, call: 'madvise', errno: 12, detail: 0 });
    expect(codeOf(() => Region.shared(PAGE, { name, populate: true }))).toBe('ERR_MEMORY_OUT_OF_MEMORY');
    expect(readdirSync('/dev/shm').filter((entry) => entry.includes(name))).toEqual([]);
  });

  test.each(['', '.', '..', 'a/b', '../x', 'a b', 'ü', 'x'.repeat(201), 'a\0b', 7, null, undefined])(
    '%p is no name',
    (name) => {
      expect(codeOf(() => Region.open(name as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      expect(codeOf(() => Region.unlink(name as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
      if (name !== undefined)
        expect(codeOf(() => Region.shared(PAGE, { name: name as never }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    },
  );
});
