import type { MemorySystem } from '../../lib/system';
import { small } from './support';

// What metrics and health() count goes on where a tenant ends or the sink fails.

function counting() {
  const told = new Map<string, number>();
  const sink = {
    fails: false,
    told: (name: string) => told.get(`nebula_memory_${name}`) ?? 0,
    counter(name: string, delta: number, { reason = '', tenant = '' }: Readonly<Record<string, string>>) {
      if (sink.fails) throw new RangeError('the sink is full');
      const key = [name, reason, tenant].filter((part) => part !== '').join(' ');
      told.set(key, (told.get(key) ?? 0) + delta);
    },
    gauge() {},
  };
  return sink;
}

function times(count: number, work: () => unknown): void {
  for (let i = 0; i < count; i += 1) work();
}

function failing(system: MemorySystem, count: number): void {
  times(count, () => expect(system.tryAllocate(2 ** 20)).toBe(-1));
}

test('refusals of a tenant that was closed stay counted, once', () => {
  const sink = counting();
  using system = small({ metrics: sink, budget: { limitBytes: '1MiB', quantumBytes: 1 } });
  const tenant = system.tenant('t', { limitBytes: '256KiB' });
  times(60, () => tenant.tryAllocate(512 * 1024));
  times(40, () => system.tryAllocate(2 ** 21));
  system.publish();
  tenant.budget.reserve(1);
  expect(() => tenant.close()).toThrow(); // ends in the middle
  tenant.budget.release(1);
  tenant.close();
  system.publish();
  expect([sink.told('refusals_total budget'), system.stats().refusals]).toEqual([100, 100]);
  times(5, () => system.tryAllocate(2 ** 21));
  system.publish();
  expect(sink.told('refusals_total budget')).toBe(105);
});

test('health() sees new failures after a tenant with more of them was closed', () => {
  using system = small({ stack: false, arena: false, system: { maxBytes: 4096 } });
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  const { space } = tenant as unknown as { space: { failures: number } };
  space.failures = 60;
  expect(system.health().reasons.map(({ source }) => source)).toEqual(['requests']);
  tenant.close();
  failing(system, 5);
  expect(system.health().reasons).toMatchObject([
    { source: 'requests', message: '5 found no room since the last look' },
  ]);
});

test('what a sink throws for is told with the next', () => {
  const sink = counting();
  using system = small({ metrics: sink });
  system.free(system.allocate(64), 64);
  sink.fails = true;
  expect(system.publish()).toBe(false);
  sink.fails = false;
  system.free(system.allocate(64), 64);
  expect([system.publish(), sink.told('requests_total')]).toEqual([true, 2]);
});

test('tenants that were closed leave nothing behind, and one of the same name counts anew', () => {
  const sink = counting();
  using system = small({ metrics: sink });
  system.start();
  const { wiring } = system as unknown as { wiring: { publisher: { told: Map<string, unknown> } } };
  for (let i = 0; i < 20; i += 1) {
    const tenant = system.tenant(i % 2 === 0 ? 'same' : `t${i}`, { limitBytes: '1MiB' });
    times(3, () => tenant.free(tenant.allocate(64), 64));
    system.publish();
    tenant.close();
  }
  system.publish();
  expect([sink.told('requests_total same'), [...wiring.publisher.told.keys()]]).toEqual([30, ['']]);
});
