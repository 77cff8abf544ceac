import { Region } from '../../../lib/platform';
import { codeOf, PAGE, smapsAt, withHolder } from './support';

const makers: [string, () => Region][] = [
  ['anonymous', () => Region.map(4 * PAGE, { fork: 'exclude' })],
  ['shared', () => Region.shared(4 * PAGE)],
];

describe.each(makers)('%s memory', (_, make) => {
  it('gives whole pages inside the range back, and they read zeros', () => {
    const { region, describe: look } = withHolder(make);
    const { bytes } = region;
    bytes.fill(1);
    expect(region.decommit({ offset: 10, length: 2 * PAGE })).toBe(PAGE);
    // Before anything is read there: shared memory answers a read with a page.
    expect(smapsAt(look().address, 4 * PAGE).kB('Rss')).toBe(12);
    expect([bytes[PAGE - 1], bytes[PAGE], bytes[2 * PAGE - 1], bytes[2 * PAGE]]).toEqual([1, 0, 0, 1]);
    expect(region.decommit({ offset: 1, length: PAGE - 1 })).toBe(0);
    expect(region.decommit()).toBe(4 * PAGE);
    expect(region.residency().residentBytes).toBe(0);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    bytes[5] = 5;
    expect(region.bytes[5]).toBe(5);
    region.free();
  });

  it('zero clears exactly the range, and keeps the pages', () => {
    using region = make();
    region.bytes.fill(1);
    region.zero({ offset: 10, length: 2 * PAGE });
    expect([9, 10, 2 * PAGE + 9, 2 * PAGE + 10].map((at) => region.bytes[at])).toEqual([1, 0, 0, 1]);
    region.zero({ offset: 4 * PAGE, length: 0 });
    expect(region.residency().residentBytes).toBe(4 * PAGE);
    region.zero();
    expect(region.bytes.some((byte) => byte !== 0)).toBe(false);
    region.zero({ offset: '4KiB', length: '4KiB' });
  });

  test.each([{ offset: 4 * PAGE, length: 1 }, { length: 4 * PAGE + 1 }, { offset: 4 * PAGE + 1 }, { offset: -1 }])(
    '%j is out of range',
    (range) => {
      using region = make();
      for (const call of ['decommit', 'zero', 'populate', 'lock', 'unlock', 'residency', 'nodes'] as const) {
        expect([call, codeOf(() => region[call](range))]).toEqual([call, 'ERR_MEMORY_OUT_OF_RANGE']);
      }
    },
  );

  it('is refused while locked', () => {
    using region = make();
    region.lock();
    expect(codeOf(() => region.decommit())).toBe('ERR_MEMORY_INVALID_STATE');
    region.unlock();
    expect(region.decommit()).toBe(4 * PAGE);
  });
});

it('the last page counts whole although the bytes end inside it', () => {
  using region = Region.map(PAGE + 1, { populate: true });
  expect(region.decommit()).toBe(2 * PAGE);
});

it('advice is accepted in the words of madvise, and no others', () => {
  using region = Region.map(4 * PAGE);
  region.bytes.fill(1);
  for (const word of [
    'normal',
    'random',
    'sequential',
    'willneed',
    'cold',
    'nohugepage',
    'dontdump',
    'dodump',
    'dontfork',
    'dofork',
  ] as const) {
    region.advise(word);
  }
  expect(region.bytes[0]).toBe(1);
  region.advise('dontneed', { offset: PAGE, length: PAGE });
  expect([region.bytes[PAGE - 1], region.bytes[PAGE], region.bytes[2 * PAGE]]).toEqual([1, 0, 1]);
  region.advise('populate_write', { offset: PAGE, length: PAGE });
  expect(region.residency().residentBytes).toBe(4 * PAGE);
  for (const word of ['DONTNEED', 'remove', 'guard', '', 4, undefined, null]) {
    expect(codeOf(() => region.advise(word as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  }
});
