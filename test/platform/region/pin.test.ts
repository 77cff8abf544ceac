import { promisify } from 'node:util';
import { deflate, inflateSync } from 'node:zlib';
import { Region } from '../../../lib/platform';
import { codeOf, PAGE, pause, thrown } from './support';

describe('pin', () => {
  it('keeps a region until the last pin is released', () => {
    const region = Region.map(PAGE);
    const one = region.pin();
    const two = region.pin();
    expect(thrown(() => region.free())).toMatchObject({
      code: 'ERR_MEMORY_IN_USE',
      retryable: true,
      hint: expect.stringContaining('freeWhenIdle'),
    });
    one.release();
    one.release();
    expect(codeOf(() => region.free())).toBe('ERR_MEMORY_IN_USE');
    region.bytes[0] = 1;
    two[Symbol.dispose]();
    region.free();
  });

  it('works with using, and keeps the views of a region that could not be freed', () => {
    const region = Region.map(PAGE);
    const { bytes } = region;
    {
      using pin = region.pin();
      expect(codeOf(() => region.free())).toBe('ERR_MEMORY_IN_USE');
      expect(pin).toBeDefined();
    }
    bytes[0] = 1;
    expect([bytes.length, region.state]).toEqual([PAGE, 'live']);
    region.free();
    expect(codeOf(() => region.pin())).toBe('ERR_MEMORY_FREED');
  });

  it('of one holder keeps the pages for all', () => {
    const region = Region.map(PAGE, { carrier: 'shared' });
    const attached = Region.attach(region.handle);
    const pin = attached.pin();
    region.free();
    expect(codeOf(() => attached.free())).toBe('ERR_MEMORY_IN_USE');
    pin.release();
    attached.free();
  });

  it('keeps its own holder, with its views, also where others hold the region', () => {
    const region = Region.shared(PAGE);
    const attached = Region.attach(region.handle);
    const { bytes } = region;
    bytes[0] = 7;
    const pin = region.pin();
    expect(thrown(() => region.free())).toMatchObject({ code: 'ERR_MEMORY_IN_USE', retryable: true });
    expect([bytes[0], region.state]).toEqual([7, 'live']);
    pin.release();
    region.free();
    attached.free();
    expect([region.state, attached.state]).toEqual(['freed', 'freed']);
  });
});

describe('use', () => {
  it('pins for the time of the call, and passes its result on', () => {
    using region = Region.map(PAGE);
    const result = region.use((bytes) => {
      expect(codeOf(() => region.free())).toBe('ERR_MEMORY_IN_USE');
      return bytes.length;
    });
    expect(result).toBe(PAGE);
  });

  it('unpins when the work throws', () => {
    const region = Region.map(PAGE);
    expect(() => region.use(() => { throw new RangeError('no'); })).toThrow(RangeError); // biome-ignore format: one line
    region.free();
  });

  it('pins until a promise settles, well or badly', async () => {
    const region = Region.map('1MiB');
    region.bytes.fill(7);
    const packed = region.use((bytes) => promisify(deflate)(bytes));
    expect(codeOf(() => region.free())).toBe('ERR_MEMORY_IN_USE');
    expect(inflateSync(await packed).every((byte) => byte === 7)).toBe(true);
    await expect(region.use(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    region.free();
    await expect(async () => region.use(() => 1)).rejects.toMatchObject({ code: 'ERR_MEMORY_FREED' });
  });

  it('needs a function', () => {
    using region = Region.map(PAGE);
    for (const work of [undefined, null, 7, 'work', {}]) {
      expect(codeOf(() => region.use(work as never))).toBe('ERR_MEMORY_INVALID_ARGUMENT');
    }
  });
});

describe('freeWhenIdle', () => {
  it('frees at once what nobody uses', async () => {
    const region = Region.map(PAGE);
    await region.freeWhenIdle();
    expect(region.state).toBe('freed');
    await expect(region.freeWhenIdle()).rejects.toMatchObject({ code: 'ERR_MEMORY_DOUBLE_FREE' });
  });

  it('waits for the last pin', async () => {
    const region = Region.map(PAGE);
    const pin = region.pin();
    const freed = region.freeWhenIdle();
    await pause(30);
    expect(region.state).toBe('live');
    pin.release();
    const alive = setInterval(() => undefined, 1000); // the wait itself keeps no process alive
    await freed;
    clearInterval(alive);
    expect(region.state).toBe('freed');
  });

  it('gives up after its time, or when told to, and leaves the region as it was', async () => {
    const region = Region.map(PAGE);
    const pin = region.pin();
    const alive = setInterval(() => undefined, 1000);
    await expect(region.freeWhenIdle({ timeoutMs: 20 })).rejects.toMatchObject({
      code: 'ERR_MEMORY_TIMEOUT',
      cause: { code: 'ERR_MEMORY_IN_USE' },
    });
    const controller = new AbortController();
    const waiting = region.freeWhenIdle({ signal: controller.signal });
    controller.abort(new Error('shutting down'));
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_MEMORY_ABORTED', cause: { message: 'shutting down' } });
    clearInterval(alive);
    await expect(region.freeWhenIdle({ timeout: 1 } as never)).rejects.toMatchObject({
      code: 'ERR_MEMORY_INVALID_ARGUMENT',
    });
    await expect(region.freeWhenIdle({ timeoutMs: -1 })).rejects.toMatchObject({ code: 'ERR_MEMORY_OUT_OF_RANGE' });
    region.bytes[0] = 1;
    pin.release();
    region.free();
  });
});
