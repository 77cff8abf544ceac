import type { BlockEvent, MemoryPlugin, SystemEvent } from '../../lib/system';
import { MemorySystem } from '../../lib/system';
import { codeOf, FakeMonitor, small, turns } from './support';

function recorder(name: string, heard: string[]): MemoryPlugin {
  const hook =
    (what: string) =>
    (event?: object): void =>
      void heard.push(`${name} ${what}${event === undefined ? '' : ` ${JSON.stringify(event)}`}`);
  return {
    name,
    onInit: () => hook('init')(),
    onAllocation: ({ byteLength, tier, tenant }) => hook('allocation')({ byteLength, tier, tenant }),
    onDeallocation: ({ byteLength }) => hook('deallocation')({ byteLength }),
    onPressure: hook('pressure'),
    onShutdown: () => hook('shutdown')(),
  };
}

test('hooks run in the order of the plugins, through a whole life', async () => {
  const heard: string[] = [];
  const monitor = new FakeMonitor();
  const system = MemorySystem.builder()
    .withPlugin(recorder('a', heard))
    .withPlugin(recorder('b', heard))
    .withMonitor(monitor)
    .build();
  system.free(system.allocate(100), 100);
  const tenant = system.tenant('t', { limitBytes: '1MiB' });
  tenant.request(50).free();
  monitor.set('low');
  tenant.close();
  await system.shutdown();
  const each = (text: string) => [`a ${text}`, `b ${text}`];
  expect(heard).toEqual([
    ...each('init'),
    ...each('allocation {"byteLength":100,"tier":"stack","tenant":null}'),
    ...each('deallocation {"byteLength":100}'),
    ...each('allocation {"byteLength":50,"tier":"pool","tenant":"t"}'),
    ...each('deallocation {"byteLength":50}'),
    ...each('pressure {"from":"none","to":"low"}'),
    ...each('shutdown'),
  ]);
});

test('one that throws stops nobody, and is counted, reported and told in health', async () => {
  const heard: string[] = [];
  const errors: string[] = [];
  const reported: SystemEvent[] = [];
  const broken: MemoryPlugin = {
    name: 'broken',
    onInit: () => Promise.reject(new RangeError('at init')),
    onAllocation: () => {
      throw new RangeError('at allocation');
    },
    onDeallocation: () => {
      throw 'no error at all';
    },
  };
  using system = small({
    plugins: [broken, recorder('good', heard)],
    logger: { info() {}, warn() {}, error: (fields) => void errors.push(JSON.stringify(fields)) },
  });
  system.observe((event) => reported.push(event), ['pluginError']);
  const handle = system.allocate(64);
  system.free(handle, 64);
  await turns();
  expect(heard.length).toBe(3);
  expect(system.stats()).toMatchObject({
    liveBlocks: 0,
    plugins: [
      { name: 'broken', failures: 3, lastError: 'at init' },
      { name: 'good', failures: 0, lastError: null },
    ],
  });
  expect(errors.length).toBe(3);
  expect(reported.map((event) => (event.kind === 'pluginError' ? event.hook : ''))).toEqual([
    'onAllocation',
    'onDeallocation',
    'onInit',
  ]);
  expect(system.health()).toMatchObject({ status: 'degraded', reasons: [{ source: 'plugin broken' }] });
});

test.each([
  ['request', (system: MemorySystem) => system.request(10)],
  ['allocate', (system: MemorySystem) => system.allocate(10)],
  ['tryAllocate', (system: MemorySystem) => system.tryAllocate(10)],
  ['tenant', (system: MemorySystem) => system.tenant('new', { limitBytes: 5000 })],
  ['closing a tenant', (system: MemorySystem) => system.getTenant('old')?.close()],
  ['use', (system: MemorySystem) => system.use({ name: 'other' })],
  ['observe', (system: MemorySystem) => system.observe(() => {})],
  ['trim', (system: MemorySystem) => system.trim()],
  ['start', (system: MemorySystem) => system.start()],
  ['drain', (system: MemorySystem) => system.drain()],
  ['shutdown', (system: MemorySystem) => system.shutdown()],
  ['dispose', (system: MemorySystem) => system.dispose()],
])('%s inside of a hook is refused, and nothing changes', (_, work) => {
  const codes: string[] = [];
  const plugin: MemoryPlugin = {
    name: 'busy',
    onPressure: () => void codes.push(codeOf(() => work(system))),
    onAllocation: () => void codes.push(codeOf(() => work(system))),
  };
  const monitor = new FakeMonitor();
  using system: MemorySystem = small({ plugins: [plugin], monitor });
  system.tenant('old', { limitBytes: '1MiB' });
  const handle = system.allocate(10);
  monitor.set('low');
  system.observe(() => void codes.push(codeOf(() => work(system))), ['pressure']);
  monitor.set('none');
  expect(codes).toEqual(Array(4).fill('ERR_MEMORY_INVALID_STATE'));
  expect(system.state).toBe('running');
  expect(system.tenants().map(({ name }) => name)).toEqual(['old']);
  expect(system.stats().liveBlocks).toBe(1);
  system.free(handle, 10);
});

test('small requests inside of a hook are refused also where nobody wants to know of blocks', () => {
  const codes: string[] = [];
  const monitor = new FakeMonitor();
  using system: MemorySystem = small({
    monitor,
    plugins: [{ name: 'p', onPressure: () => void codes.push(codeOf(() => system.allocate(10))) }],
    logger: { info: () => void codes.push(codeOf(() => system.tryAllocate(10))), warn() {}, error() {} },
  });
  system.free(system.allocate(10), 10);
  monitor.set('low');
  expect(codes).toEqual(Array(3).fill('ERR_MEMORY_INVALID_STATE'));
  system.free(system.allocate(10), 10);
  expect(system.stats().liveBlocks).toBe(0);
});

test('a hook may free: what follows is told after it', () => {
  const order: string[] = [];
  const spare: number[] = [];
  const plugin: MemoryPlugin = {
    name: 'frees',
    onPressure: () => {
      order.push('pressure begins');
      for (const handle of spare.splice(0)) system.free(handle, 100);
      order.push('pressure ends');
    },
    onDeallocation: ({ byteLength }) => void order.push(`freed ${byteLength}`),
  };
  const monitor = new FakeMonitor();
  using system: MemorySystem = small({ plugins: [plugin], monitor });
  spare.push(system.allocate(100), system.allocate(100));
  monitor.set('high');
  expect(order).toEqual(['pressure begins', 'pressure ends', 'freed 100', 'freed 100']);
  expect(system.stats().liveBlocks).toBe(0);
});

test('what a logger frees is told as well, after it', () => {
  const order: string[] = [];
  const spare: number[] = [];
  using system: MemorySystem = small({
    plugins: [{ name: 'p', onDeallocation: ({ byteLength }) => void order.push(`freed ${byteLength}`) }],
    logger: {
      info: () => {
        for (const handle of spare.splice(0)) system.free(handle, 100);
        order.push('logged');
      },
      warn() {},
      error() {},
    },
  });
  for (let i = 0; i < 3; i += 1) spare.push(system.allocate(100));
  order.length = 0;
  system.reclaimer.reclaim(1);
  expect(order).toEqual(['logged', 'freed 100', 'freed 100', 'freed 100']);
  expect(system.stats().liveBlocks).toBe(0);
});

test('plugins come before the start, and once', () => {
  using system = small({ plugins: [{ name: 'a' }] });
  expect(codeOf(() => system.use({ name: 'a' }))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  system.use({ name: 'b' }).start();
  expect(codeOf(() => system.use({ name: 'c' }))).toBe('ERR_MEMORY_INVALID_STATE');
  expect(system.stats().plugins.map(({ name }) => name)).toEqual(['a', 'b']);
});

test('observers hear of the kinds that they asked for, until they are told no more; one that throws is counted', () => {
  using system = small();
  const all: string[] = [];
  const blocks: BlockEvent[] = [];
  const stopAll = system.observe((event) => void all.push(event.kind));
  system.observe((event) => void (event.kind === 'allocation' && blocks.push(event.block)), ['allocation']);
  system.observe(() => {
    throw new RangeError('an observer');
  });
  const handle = system.allocate(5000);
  system.free(handle, 5000);
  system.trim();
  expect(codeOf(() => system.request(3 * 2 ** 50))).toMatch(/^ERR_MEMORY/);
  stopAll();
  system.free(system.allocate(10), 10);
  expect(all).toEqual(['state', 'allocation', 'deallocation', 'trim', 'trim', 'refusal']);
  expect(blocks.map(({ byteLength, tier }) => [byteLength, tier])).toEqual([
    [5000, 'pool'],
    [10, 'stack'],
  ]);
  expect(system.stats().observerFailures).toBe(8);
  expect(codeOf(() => system.observe(5 as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
  expect(codeOf(() => system.observe(() => {}, ['allocations' as never]))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
});

test('without anybody who wants to know of blocks the fast paths are taken', () => {
  using system = small({ plugins: [{ name: 'quiet', onPressure() {} }] });
  system.start();
  const { engine } = system as unknown as { engine: { plain: boolean } };
  expect(engine.plain).toBe(true);
  const stop = system.observe(() => {}, ['deallocation']);
  expect(engine.plain).toBe(false);
  stop();
  expect(engine.plain).toBe(true);
});
