import { memory, Region } from '../../../lib/platform';
import { untilCollected } from '../../support/collected';
import { codeOf, PAGE, smapsAt, thrown, withHolder } from './support';

const makers: [string, () => Region][] = [
  ['anonymous', () => Region.map(2 * PAGE)],
  ['guarded', () => Region.map(2 * PAGE, { guard: true })],
  ['with a shared carrier', () => Region.map(2 * PAGE, { carrier: 'shared' })],
  ['a private copy of a file', () => Region.mapFile(__filename)],
  ['shared', () => Region.shared(2 * PAGE)],
  ['secret', () => Region.secret(2 * PAGE)],
];

describe.each(makers)('%s memory', (_, make) => {
  it("keeps its bytes through 'none' and 'read', also when views were made", () => {
    using region = make();
    const view = region.bytes;
    view[0] = 77;
    region.protect('none');
    expect([region.access, region.state]).toEqual(['none', 'live']);
    // Emptied where it is of one thread; a shared one reads zeros.
    expect(view.length === 0 || view[0] === 0).toBe(true);
    const copy = new Uint8Array(1);
    expect(codeOf(() => region.read(0, copy))).toBe('ERR_MEMORY_INVALID_STATE');
    region.protect('read');
    region.read(0, copy);
    expect(copy[0]).toBe(77);
    for (const refused of [
      () => region.bytes,
      () => region.buffer,
      () => region.window(0, 1),
      () => region.write(0, copy),
      () => region.zero(),
      () => region.populate(),
      () => region.remap(PAGE),
    ]) {
      expect(['ERR_MEMORY_INVALID_STATE', 'ERR_MEMORY_UNSUPPORTED']).toContain(codeOf(refused));
    }
    region.protect('readwrite');
    expect([region.bytes[0], region.access]).toEqual([77, 'readwrite']);
    region.bytes[1] = 78;
  });

  it('does so in place where no view was made', () => {
    const { region, describe: look } = withHolder(make);
    region.write(0, Uint8Array.of(5));
    const { address } = look();
    region.protect('read');
    expect(look().address).toBe(address);
    expect(smapsAt(address, 1).flags.match(/\b(rd|wr)\b/g)).toEqual(['rd']);
    region.protect('none');
    expect(smapsAt(address, 1).flags.match(/\b(rd|wr)\b/g)).toBeNull();
    region.protect('readwrite');
    expect(region.bytes[0]).toBe(5);
    region.free();
  });
});

it('is an error for other words, and while others hold or pin the region', () => {
  using region = Region.map(PAGE, { carrier: 'shared' });
  expect(thrown(() => region.protect('exec' as never)).message).toContain("'none', 'read', 'readwrite'");
  const pin = region.pin();
  expect(codeOf(() => region.protect('read'))).toBe('ERR_MEMORY_IN_USE');
  pin.release();
  const attached = Region.attach(region.handle);
  expect(thrown(() => region.protect('read'))).toMatchObject({
    code: 'ERR_MEMORY_IN_USE',
    hint: expect.stringContaining('attachments'),
  });
  attached.free();
  expect(region.access).toBe('readwrite');
  region.protect('read');
  region.protect('read');
  region.protect('readwrite');
});

it('leaves no region, no mapping and no range behind but those that old views keep', async () => {
  await untilCollected();
  memory.drainQuarantine({ all: true });
  const before = memory.totals();
  for (let round = 0; round < 50; round += 1) {
    const region = Region.map(PAGE);
    region.bytes[0] = 1;
    region.protect('read');
    region.protect('readwrite');
    region.bytes[0] = 2;
    region.free();
  }
  const after = memory.totals();
  const ranges = (totals: typeof before) => totals.retiredRanges + totals.quarantinedRanges;
  expect([after.regions, after.mappedBytes]).toEqual([before.regions, before.mappedBytes]);
  // Two views were taken away in each round; the collector has not seen all of them yet.
  expect(ranges(after) - ranges(before)).toBeLessThanOrEqual(100);
});
