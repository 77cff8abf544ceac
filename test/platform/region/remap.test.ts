import { Region } from '../../../lib/platform';
import { codeOf, MIB, PAGE, smapsAt, thrown, withHolder } from './support';

const makers: [string, () => Region][] = [
  ['anonymous', () => Region.map(2 * PAGE)],
  ['guarded', () => Region.map(2 * PAGE, { guard: true })],
  ['transparent huge', () => Region.map('2MiB', { pages: 'thp' })],
  ['shared carrier', () => Region.map(2 * PAGE, { carrier: 'shared' })],
  ['shared', () => Region.shared(2 * PAGE)],
];

describe.each(makers)('%s memory', (_, make) => {
  test.each([false, true])('grows and shrinks and keeps its bytes (views made: %p)', (viewed) => {
    using region = make();
    const first = region.byteLength;
    region.write(first - 1, Uint8Array.of(42));
    const view = viewed ? region.bytes : undefined;
    region.remap(first + 3 * PAGE + 1);
    expect(region.byteLength).toBe(first + 3 * PAGE + 1);
    if (view !== undefined) expect(view.length === 0 || view[first - 1] === 0).toBe(true);
    expect([region.bytes[first - 1], region.bytes[first], region.bytes[first + 3 * PAGE]]).toEqual([42, 0, 0]);
    region.bytes.fill(9);
    region.remap(PAGE);
    expect([region.byteLength, region.bytes.length, region.bytes[PAGE - 1]]).toEqual([PAGE, PAGE, 9]);
    expect(codeOf(() => region.window(PAGE, 1))).toBe('ERR_MEMORY_OUT_OF_RANGE');
    region.remap(2 * PAGE);
    expect(region.bytes[PAGE - 1]).toBe(9);
  });
});

it('shows zeros where it grows again after it shrank', () => {
  for (const viewed of [false, true]) {
    using region = Region.map(4 * PAGE);
    region.write(0, new Uint8Array(4 * PAGE).fill(1));
    if (viewed) void region.bytes;
    region.remap(PAGE + 10);
    region.remap(4 * PAGE);
    expect([region.bytes[PAGE + 9], region.bytes[2 * PAGE], region.bytes[4 * PAGE - 1]]).toEqual([1, 0, 0]);
  }
});

it('gives pages back at once when it shrinks', () => {
  const { region, describe: look } = withHolder(() => Region.map('8MiB', { populate: true, fork: 'exclude' }));
  region.remap('1MiB');
  const { address, mappedBytes } = look();
  expect([mappedBytes, smapsAt(address, mappedBytes).kB('Rss')]).toEqual([MIB, 1024]);
  region.free();
});

test.each([0, -1, 1.5, Number.NaN, '1', '2kb', 2 ** 53])('%p is refused or exact', (size) => {
  using region = Region.map(PAGE);
  if (size === '1') region.remap(size);
  else expect(['ERR_MEMORY_OUT_OF_RANGE', 'ERR_MEMORY_INVALID_ARGUMENT']).toContain(codeOf(() => region.remap(size)));
  expect(region.byteLength).toBe(size === '1' ? 1 : PAGE);
});

it('beyond the machine is an error that changes nothing', () => {
  for (const viewed of [false, true]) {
    using region = Region.map(PAGE);
    region.write(0, Uint8Array.of(3));
    if (viewed) void region.bytes;
    expect(thrown(() => region.remap(2 ** 50))).toMatchObject({
      code: 'ERR_MEMORY_OUT_OF_MEMORY',
      requestedBytes: 2 ** 50,
    });
    expect([region.byteLength, region.bytes[0]]).toEqual([PAGE, 3]);
  }
});

it('is refused while locked, pinned or attached elsewhere', () => {
  using region = Region.map(PAGE, { carrier: 'shared', lock: true });
  expect(thrown(() => region.remap(2 * PAGE))).toMatchObject({
    code: 'ERR_MEMORY_INVALID_STATE',
    hint: expect.stringContaining('unlock'),
  });
  region.unlock();
  const pin = region.pin();
  expect(codeOf(() => region.remap(2 * PAGE))).toBe('ERR_MEMORY_IN_USE');
  pin.release();
  const attached = Region.attach(region.handle);
  expect(codeOf(() => region.remap(2 * PAGE))).toBe('ERR_MEMORY_IN_USE');
  attached.free();
  region.remap(2 * PAGE);
  expect(region.byteLength).toBe(2 * PAGE);
});

it('of a private copy cannot pass the end of its file', () => {
  using region = Region.mapFile(__filename);
  const size = region.byteLength;
  expect(thrown(() => region.remap(size + PAGE))).toMatchObject({ code: 'ERR_MEMORY_OUT_OF_RANGE', limitBytes: size });
  region.remap(10);
  expect(Buffer.from(region.bytes).toString()).toBe('import { R');
});
