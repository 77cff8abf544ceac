import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CachedProvider,
  FileProvider,
  HugePageProvider,
  NumaProvider,
  PageProvider,
  SharedProvider,
} from '../../lib/allocators/providers';
import type { RegionProvider } from '../../lib/core';
import type { Region } from '../../lib/platform';
import { providerConformance } from './provider-suite';

const { lockPool, unlockPool } = require('../support/pool-lock.cjs') as Record<'lockPool' | 'unlockPool', () => void>;

const folder = mkdtempSync(join(tmpdir(), 'nebula-providers-'));
afterAll(() => {
  const left = readdirSync(folder);
  rmSync(folder, { recursive: true });
  expect(left).toEqual([]);
});

const MIB = 2 ** 20;
const idle = (): (() => void) => () => {};
const still = { clock: { nowMs: () => 0 }, timer: idle };

const providers: [string, () => RegionProvider<Region>, number?][] = [
  ['PageProvider', () => new PageProvider()],
  ['PageProvider.debug', () => PageProvider.debug()],
  ['PageProvider.performance', () => PageProvider.performance()],
  ['PageProvider with a shared carrier', () => new PageProvider({ carrier: 'shared' })],
  ['PageProvider, populated and locked', () => new PageProvider({ populate: true, lock: true })],
  ['HugePageProvider(thp)', () => new HugePageProvider('thp'), 2 * MIB],
  ['NumaProvider', () => new NumaProvider()],
  ['NumaProvider.node(0)', () => new NumaProvider({ nodes: [0] }).node(0)],
  ['NumaProvider over caches', () => new NumaProvider({ provider: () => new CachedProvider(undefined, still) })],
  ['FileProvider', () => new FileProvider(folder)],
  ['SharedProvider', () => new SharedProvider()],
  ['SharedProvider with names', () => new SharedProvider({ prefix: 'nebula-conformance' })],
  ['CachedProvider', () => new CachedProvider(undefined, still)],
  ['CachedProvider on the real clock', () => CachedProvider.production()],
  ['CachedProvider.debug', () => CachedProvider.debug()],
  ['CachedProvider of a shared carrier', () => new CachedProvider(new PageProvider({ carrier: 'shared' }), still)],
  ['CachedProvider of transparent huge pages', () => new CachedProvider(new HugePageProvider('thp'), still), 2 * MIB],
  ['CachedProvider of shared memory', () => new CachedProvider(new SharedProvider(), still)],
  ['CachedProvider of named shared memory', () => new CachedProvider(new SharedProvider({ prefix: 'nb-c' }), still)],
  ['CachedProvider of files', () => new CachedProvider(new FileProvider(folder), still)],
  ['CachedProvider of nodes', () => new CachedProvider(new NumaProvider(), still)],
  ['CachedProvider of a cache', () => new CachedProvider(new CachedProvider(undefined, still), still)],
  [
    'CachedProvider of a provider without renew',
    () => {
      const { name, pageBytes, ...rest } = plain(new PageProvider());
      return new CachedProvider({ name, pageBytes, ...rest }, still);
    },
  ],
];

function plain(of: PageProvider): RegionProvider<Region> {
  return {
    name: 'plain',
    pageBytes: of.pageBytes,
    acquire: (bytes) => of.acquire(bytes),
    release: (region) => of.release(region),
    trim: (keep) => of.trim(keep),
  };
}

for (const [name, make, byteLength] of providers) {
  providerConformance(name, () => ({ provider: make() }), byteLength === undefined ? {} : { byteLength });
}

// Other files count the pool's pages: they wait while these are taken, and this one waits for them.
describe('with the pool of huge pages to itself', () => {
  let isMine = false;
  beforeAll(() => {
    lockPool();
    isMine = true;
  });
  afterAll(() => {
    if (isMine) unlockPool();
  });
  providerConformance('HugePageProvider(2MiB) with what the pool has', () => ({
    provider: new HugePageProvider('2MiB'),
  }));
});
