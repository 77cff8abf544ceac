import { type Capabilities, memory, Region } from '../../lib/platform';
import { FEATURES, native } from '../../lib/platform/native';
import { untilCollected } from '../support/collected';

function fresh(refuse: (name: string) => { errno: number; failed: number } | null): Capabilities {
  let found: Capabilities | undefined;
  jest.isolateModules(() => {
    const { capabilities } = require('../../lib/platform/capabilities') as { capabilities(): Capabilities };
    const spy = jest.spyOn(native(), 'tryFeature').mockImplementation((feature) => {
      const refusal = refuse(FEATURES[feature] ?? '');
      return refusal === null ? true : { ...refusal, call: refusal.failed === 1 ? 'mmap' : 'x', detail: 0 };
    });
    found = capabilities();
    spy.mockRestore();
  });
  return found as Capabilities;
}

it('has an answer for every feature, tried once', () => {
  const found = memory.capabilities();
  expect(Object.keys(found)).toEqual([...FEATURES, 'sharedCarrier']);
  expect(memory.capabilities()).toBe(found);
  for (const [name, capability] of Object.entries(found)) {
    expect(capability).toMatchObject({ name, available: expect.any(Boolean), fix: expect.any(String) });
    expect(capability.reason).not.toBe('');
    expect(capability.available).toBe(capability.code === null);
    if (capability.available) expect([capability.fix, capability.errno]).toEqual(['', 0]);
    expect(Object.isFrozen(capability)).toBe(true);
  }
});

it('says what it found, and regions agree', () => {
  const { memfd, lock, sharedCarrier, memfdSecret } = memory.capabilities();
  expect(memfd.available).toBe(true);
  using region = Region.map(4096, { carrier: 'shared', lock: true });
  expect(region.placement.got.carrier).toBe(sharedCarrier.available ? 'shared' : 'local');
  expect(region.placement.got.locked).toBe(lock.available);
  using secret = Region.secret(4096);
  expect(secret.protection?.secretMemory).toBe(memfdSecret.available);
});

it('tells unsupported, denied and exhausted apart, each with its fix', () => {
  const found = fresh((name) => {
    if (name === 'hugePages2MiB' || name === 'hugePages1GiB') return { failed: 1, errno: 12 };
    if (name === 'memfd') return { failed: 1, errno: 1 };
    if (name === 'guardPages') return { failed: 9, errno: 0 };
    return null;
  });
  expect(found.hugePages2MiB).toEqual({
    name: 'hugePages2MiB',
    available: false,
    reason: 'no page of this size is free in the pool',
    fix: 'echo 64 | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages',
    errno: 12,
    code: 'ERR_MEMORY_HUGE_PAGES_UNAVAILABLE',
  });
  expect(found.hugePages1GiB.fix).toContain('hugepages-1048576kB');
  expect(found.memfd).toMatchObject({ available: false, code: 'ERR_MEMORY_PERMISSION', errno: 1 });
  expect(found.guardPages).toMatchObject({
    available: false,
    code: 'ERR_MEMORY_UNSUPPORTED',
    fix: 'Linux 6.13 or newer.',
  });
  expect(found.futex.available).toBe(true);
});

it('leaves nothing mapped', async () => {
  await untilCollected();
  const before = memory.totals();
  fresh(() => null);
  for (const feature of FEATURES.keys()) native().tryFeature(feature);
  expect(memory.totals()).toEqual(before);
});
