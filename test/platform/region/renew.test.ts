import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { Region } from '../../../lib/platform';
import { codeOf, MIB, PAGE } from './support';

const folder = mkdtempSync(join(tmpdir(), 'nebula-renew-'));
afterAll(() => rmSync(folder, { recursive: true }));

const makers: [string, () => Region][] = [
  ['anonymous', () => Region.map(4 * PAGE)],
  ['guarded', () => Region.map(4 * PAGE, { guard: true })],
  ['transparent huge', () => Region.map('2MiB', { pages: 'thp' })],
  ['shared carrier', () => Region.map(4 * PAGE, { carrier: 'shared' })],
  ['shared', () => Region.shared(4 * PAGE)],
  ['file', () => Region.mapFile(join(folder, 'f'), { mode: 'shared', create: true, length: 4 * PAGE })],
];

describe.each(makers)('%s memory', (_, make) => {
  test.each([false, true])('goes over to a new Region with its bytes (views made: %p)', (viewed) => {
    const old = make();
    const { byteLength } = old;
    old.write(byteLength - 1, Uint8Array.of(42));
    const view = viewed ? old.bytes : new Uint8Array(0);
    const fresh = old.renew();
    expect([old.state, old.byteLength, fresh.state, fresh.byteLength]).toEqual(['freed', 0, 'live', byteLength]);
    expect(view.length === 0 || view.every((byte) => byte === 0)).toBe(true);
    expect(fresh.bytes.at(-1)).toBe(42);
    fresh.bytes.fill(7);
    expect(view.length === 0 || view.every((byte) => byte === 0)).toBe(true);
    if (view.length > 0) view.fill(9); // goes nowhere
    expect(fresh.bytes.every((byte) => byte === 7)).toBe(true);
    expect(codeOf(() => old.bytes)).toBe('ERR_MEMORY_FREED');
    expect(codeOf(() => old.free())).toBe('ERR_MEMORY_DOUBLE_FREE');
    expect(codeOf(() => old.renew())).toBe('ERR_MEMORY_FREED');
    expect(fresh.placement).toEqual(old.placement);
    fresh.free();
  });

  it('keeps its views when asked to', () => {
    const old = make();
    const view = old.bytes;
    const fresh = old.renew({ views: 'keep' });
    expect(codeOf(() => old.bytes)).toBe('ERR_MEMORY_FREED');
    expect(fresh.bytes).toBe(view);
    fresh.bytes[0] = 5;
    expect(view[0]).toBe(5);
    fresh.free();
    expect(view.length === 0 || view[0] === 0).toBe(true);
  });
});

const transfers = typeof (ArrayBuffer.prototype as { transfer?: unknown }).transfer === 'function';
(transfers ? it : it.skip)('a transferred buffer reads zeros', () => {
  const old = Region.map(4 * PAGE);
  old.bytes.fill(1);
  const escaped = new Uint8Array((old.buffer as ArrayBuffer & { transfer(): ArrayBuffer }).transfer());
  const fresh = old.renew();
  fresh.bytes.fill(2);
  expect(escaped.every((byte) => byte === 0)).toBe(true);
  fresh.free();
});

it('a shared buffer in another message port reads zeros', () => {
  const old = Region.map(4 * PAGE, { carrier: 'shared' });
  old.bytes.fill(1);
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(old.buffer);
  const fresh = old.renew();
  fresh.bytes.fill(2);
  const received = receiveMessageOnPort(port2) as { message: SharedArrayBuffer };
  const view = new Uint8Array(received.message);
  if (old.placement.got.carrier === 'shared') expect(view.every((byte) => byte === 0)).toBe(true);
  port1.close();
  fresh.free();
});

describe('is refused, and changes nothing,', () => {
  it('while pinned', () => {
    using region = Region.map(PAGE);
    const view = region.bytes;
    const pin = region.pin();
    expect(codeOf(() => region.renew())).toBe('ERR_MEMORY_IN_USE');
    expect(codeOf(() => region.renew({ views: 'keep' }))).toBe('ERR_MEMORY_IN_USE');
    expect([region.state, view.length]).toEqual(['live', PAGE]);
    pin.release();
  });

  test.each(['empty', 'keep'] as const)('when a handle went out (views: %s)', (views) => {
    using region = Region.shared(PAGE);
    const { handle } = region;
    expect(codeOf(() => region.renew({ views }))).toBe('ERR_MEMORY_INVALID_STATE');
    using other = Region.attach(handle);
    expect(codeOf(() => other.renew({ views }))).toBe('ERR_MEMORY_INVALID_STATE');
    other.bytes[0] = 3;
    expect(region.bytes[0]).toBe(3);
  });

  it('with a name, when locked, protected or secret', () => {
    using named = Region.shared(PAGE, { name: `nebula-renew-${process.pid}` });
    Region.unlink(`nebula-renew-${process.pid}`);
    expect(codeOf(() => named.renew())).toBe('ERR_MEMORY_INVALID_STATE');
    using locked = Region.map(PAGE);
    locked.lock();
    expect(codeOf(() => locked.renew())).toBe('ERR_MEMORY_INVALID_STATE');
    using hidden = Region.map(PAGE);
    hidden.protect('none');
    expect(codeOf(() => hidden.renew())).toBe('ERR_MEMORY_INVALID_STATE');
    using secret = Region.secret(PAGE);
    expect(codeOf(() => secret.renew())).toBe('ERR_MEMORY_UNSUPPORTED');
    expect([named.state, locked.state, hidden.state, secret.state]).toEqual(['live', 'live', 'live', 'live']);
  });

  test.each([null, 5, { view: 'keep' }, { views: 'kept' }])('with options %p', (options) => {
    using region = Region.map(PAGE);
    expect(codeOf(() => region.renew(options as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    expect(region.state).toBe('live');
  });
});

it('many times over the same pages', () => {
  let region = Region.map(MIB);
  region.bytes.fill(1);
  for (let i = 0; i < 100; i++) {
    region = region.renew();
    expect([region.bytes[0], region.bytes.at(-1)]).toEqual([1, 1]);
  }
  region.free();
});
