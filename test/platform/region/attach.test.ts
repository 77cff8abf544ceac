import { memory, Region, type RegionHandle } from '../../../lib/platform';
import { untilCollected } from '../../support/collected';
import { codeOf, inWorker, PAGE, runChild, startWorker, thrown } from './support';

const shared = (): Region => Region.map(PAGE, { carrier: 'shared' });

it('counts holders: the memory goes with the last', async () => {
  await untilCollected();
  const { regions } = memory.totals();
  const made = shared();
  const one = Region.attach(made.handle);
  const two = Region.attach(one.handle);
  expect(memory.totals().regions).toBe(regions + 1);
  made.bytes[0] = 1;
  made.free();
  expect([one.bytes[0], two.bytes[0], made.state]).toEqual([1, 1, 'freed']);
  two.free();
  one.bytes[0] = 2;
  expect(memory.totals().regions).toBe(regions + 1);
  one.free();
  expect(memory.totals().regions).toBe(regions);
});

it('is plain frozen data that survives JSON and structured clones', () => {
  using region = shared();
  const { handle } = region;
  expect(handle).toMatchObject({ type: 'nebula-memory.region', byteLength: PAGE, name: null, remote: null });
  expect(Object.isFrozen(handle)).toBe(true);
  using copy = Region.attach(JSON.parse(JSON.stringify(handle)) as RegionHandle);
  using clone = Region.attach(structuredClone(handle));
  copy.bytes[0] = 4;
  expect([region.bytes[0], clone.bytes[0]]).toEqual([4, 4]);
});

it('names the process and the descriptor of memory that other processes can attach to', () => {
  using region = Region.shared(PAGE);
  expect(region.handle.remote).toEqual({ pid: process.pid, file: expect.any(Number), identity: expect.any(Number) });
});

it('belongs to one thread with carrier local', () => {
  for (const region of [Region.map(PAGE), Region.secret(PAGE), Region.mapFile(__filename)]) {
    expect(thrown(() => region.handle)).toMatchObject({
      code: 'ERR_MEMORY_INVALID_STATE',
      hint: expect.stringContaining("carrier: 'shared'"),
    });
    region.free();
  }
});

it('takes files with a shared carrier to other threads', async () => {
  using region = Region.mapFile(__filename, { carrier: 'shared' });
  const first = await inWorker(
    'const region = Region.attach(data); post([region.kind, region.bytes[0]]); region.free();',
    region.handle,
  );
  expect(first).toEqual(['file', 'i'.charCodeAt(0)]);
});

it('is stale once its region is gone, also when another one took its place', () => {
  const region = shared();
  const { handle } = region;
  region.free();
  expect(codeOf(() => Region.attach(handle))).toBe('ERR_MEMORY_STALE_HANDLE');
  const others = Array.from({ length: 20 }, shared);
  expect(codeOf(() => Region.attach(handle))).toBe('ERR_MEMORY_STALE_HANDLE');
  for (const other of others) other.free();
});

it('of another process is stale, and says so', () => {
  using region = shared();
  const { status, output } = runChild(
    `let seen; try { Region.attach(${JSON.stringify(region.handle)}); } catch (error) { seen = [error.code, error.hint]; }
     console.log(JSON.stringify(seen));`,
  );
  expect([status, output]).toEqual([0, ['ERR_MEMORY_STALE_HANDLE', expect.stringContaining('Region.shared()')]]);
});

it('whose descriptor was taken by something else is stale in another process', () => {
  using region = Region.shared(PAGE);
  const handle = { ...region.handle, remote: { ...region.handle.remote, identity: 12345 } };
  const { output } = runChild(`console.log(JSON.stringify(codeOf(() => Region.attach(${JSON.stringify(handle)}))));`);
  expect(output).toBe('ERR_MEMORY_STALE_HANDLE');
});

test.each([
  [undefined],
  [null],
  [7],
  ['handle'],
  [{}],
  [{ type: 'nebula-memory.region' }],
  [[]],
  [{ type: 'nebula-memory.region', slot: -1, generation: 1, token: 1, byteLength: 1 }],
  [{ type: 'nebula-memory.region', slot: 1.5, generation: 1, token: 1, byteLength: 1 }],
])('%j is no handle', (handle) => {
  expect(['ERR_MEMORY_INVALID_ARGUMENT', 'ERR_MEMORY_OUT_OF_RANGE']).toContain(
    codeOf(() => Region.attach(handle as never)),
  );
});

it('with numbers beyond any slot is refused and harms nobody', () => {
  using region = shared();
  const { handle } = region;
  for (const wrong of [
    { slot: 2 ** 31 },
    { slot: 2 ** 40 },
    { generation: handle.generation + 2 },
    { generation: 0 },
    { generation: 2 ** 50 },
  ]) {
    expect(['ERR_MEMORY_STALE_HANDLE', 'ERR_MEMORY_INVALID_ARGUMENT']).toContain(
      codeOf(() => Region.attach({ ...handle, ...wrong })),
    );
  }
  expect(codeOf(() => Region.attach({ ...handle, token: handle.token === 1 ? 2 : 1 }))).toBe('ERR_MEMORY_STALE_HANDLE');
  region.bytes[0] = 1;
});

it('keeps a pinned attachment, not the one that was freed', async () => {
  const region = shared();
  const { next, end, worker } = startWorker(
    `const region = Region.attach(data); const pin = region.pin(); post('pinned');
     wt.parentPort.once('message', () => { pin.release(); region.free(); post('freed'); });`,
    region.handle,
  );
  expect(await next()).toBe('pinned');
  region.free(); // another holder is left: this lets go at once
  worker.postMessage('go');
  expect(await next()).toBe('freed');
  await end();
});

it('a worker that ends lets go of its share', async () => {
  await untilCollected();
  const { regions } = memory.totals();
  const region = shared();
  await inWorker(
    'const region = Region.attach(data); region.bytes[0] = 5; globalThis.kept = region; post(1); wt.parentPort.close();',
    region.handle,
  );
  expect(region.bytes[0]).toBe(5);
  region.free();
  expect(memory.totals().regions).toBe(regions);
});
