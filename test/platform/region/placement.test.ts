import { Region } from '../../../lib/platform';
import { withPool } from '../../support/huge-pool';
import { codeOf, PAGE } from './support';

const PLAIN = { pages: null, carrier: 'local', numa: null, populate: false, lock: false };

it('of plain memory has nothing to explain', () => {
  using region = Region.map(PAGE);
  expect(region.placement).toEqual({
    asked: PLAIN,
    got: {
      pages: 'base',
      pageBytes: PAGE,
      carrier: 'local',
      numa: null,
      numaVerified: false,
      populated: false,
      locked: false,
    },
    fallbacks: [],
  });
});

test.each<[string, () => Region, object]>([
  [
    'a map with wishes',
    () => Region.map(PAGE, { pages: 'base', populate: true, lock: true }),
    { pages: 'base', populate: true, lock: true },
  ],
  ['shared memory', () => Region.shared(PAGE), { carrier: 'shared' }],
  ['a file', () => Region.mapFile(__filename), {}],
  ['a secret', () => Region.secret(PAGE), { populate: true, lock: true }],
])('of %s tells what was asked', (_, make, asked) => {
  using region = make();
  expect(region.placement.asked).toEqual({ ...PLAIN, ...asked });
});

it('is the same frozen object at each look, also after free()', () => {
  withPool(() => {
    const region = Region.map('1MiB', { pages: '2MiB' });
    const { placement } = region;
    expect(region.placement).toBe(placement);
    for (const part of [placement, placement.asked, placement.got, placement.fallbacks, ...placement.fallbacks]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    region.free();
    expect(region.placement).toBe(placement);
  });
});

it('names what is missing, by code, reason and fix', () => {
  using region = Region.map(PAGE, { pages: 'thp' });
  expect(region.placement.fallbacks).toEqual([
    {
      wanted: 'transparent huge pages',
      code: 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
      errno: 0,
      reason: '4096 bytes do not fill one of 2 MiB',
      fix: '',
    },
  ]);
  expect(codeOf(() => Region.map(PAGE, { pages: 'thp', strict: true }))).toBe('ERR_MEMORY_HUGE_PAGES_UNAVAILABLE');
});
