// One set of rules for every provider of regions.
import { isMemoryError, type RegionProvider } from '../../lib/core';
import { Region } from '../../lib/platform';
import { expectRefusal, thrownCode } from './support';

export interface ProviderTraits {
  /** A size that it serves cheaply, in bytes. Default: two of its pages. */
  readonly byteLength?: number;
  /** Whether a region begins as zeros. Default true. */
  readonly zeroed?: boolean;
}

export interface ProviderSubject {
  readonly provider: RegionProvider<Region> & Partial<Disposable>;
  cleanUp?(): void;
}

/** Registers the suite for one provider. `make` is called once a test. */
export function providerConformance(name: string, make: () => ProviderSubject, traits: ProviderTraits = {}): void {
  describe(`conformance of ${name}`, () => {
    let subject: ProviderSubject;
    let provider: ProviderSubject['provider'];
    let size: number;
    beforeEach(() => {
      subject = make();
      provider = subject.provider;
      size = traits.byteLength ?? provider.pageBytes * 2;
    });
    afterEach(() => {
      provider.trim();
      provider[Symbol.dispose]?.();
      subject.cleanUp?.();
    });

    it('has a name and pages', () => {
      expect(provider.name.length).toBeGreaterThan(0);
      expect(Math.log2(provider.pageBytes) % 1).toBe(0);
      expect(provider.pageBytes).toBeGreaterThanOrEqual(4096);
    });

    it('gives regions of at least the size asked for', () => {
      const region = provider.acquire(size - 1);
      expect(region).toBeInstanceOf(Region);
      expect(region.byteLength).toBeGreaterThanOrEqual(size - 1);
      expect(region.bytes.length).toBe(region.byteLength);
      if (traits.zeroed !== false) expect(region.bytes.every((byte) => byte === 0)).toBe(true);
      region.bytes.fill(7);
      provider.release(region);
    });

    it('gives different memory to each, also after some came back', () => {
      const held = new Map<Region, number>();
      for (let turn = 1; turn <= 12; turn += 1) {
        const region = provider.acquire(size);
        if (traits.zeroed !== false) expect(region.bytes.every((byte) => byte === 0)).toBe(true);
        region.bytes.fill(turn);
        held.set(region, turn);
        if (turn % 3 === 0) {
          const [oldest] = held.keys();
          if (oldest) {
            held.delete(oldest);
            provider.release(oldest);
          }
        }
        for (const [other, stamp] of held) expect([other.bytes[0], other.bytes.at(-1)]).toEqual([stamp, stamp]);
      }
      for (const region of held.keys()) provider.release(region);
    });

    it('shows nothing of the next holder to a view of the one before', () => {
      const first = provider.acquire(size);
      const view = first.bytes;
      view.fill(1);
      provider.release(first);
      const next = provider.acquire(size);
      next.bytes.fill(2);
      expect(view.length > 0 && view.includes(2)).toBe(false); // length 0: emptied, and includes() would throw
      provider.release(next);
    });

    it.each([0, -1, 1.5, Number.NaN, '4096', null, undefined, 2 ** 53])('refuses the size %p', (bad) => {
      const code = thrownCode(() => provider.acquire(bad as number));
      expect(['ERR_MEMORY_OUT_OF_RANGE', 'ERR_MEMORY_INVALID_ARGUMENT']).toContain(code);
    });

    it('refuses what can never be had, and serves on', () => {
      try {
        provider.acquire(2 ** 50);
        throw new Error('a pebibyte was had');
      } catch (error) {
        expect(isMemoryError(error) && error.category).toBe('exhausted');
      }
      provider.release(provider.acquire(size));
    });

    it('takes back only its own, and only once', () => {
      const foreign = Region.map(size);
      expectRefusal('ERR_MEMORY_FOREIGN_FREE', () => provider.release(foreign), 'foreign');
      expect(foreign.state).toBe('live');
      foreign.free();
      const region = provider.acquire(size);
      provider.release(region);
      expectRefusal('ERR_MEMORY_DOUBLE_FREE', () => provider.release(region), 'twice');
      for (const garbage of [null, undefined, {}, 5]) {
        const code = thrownCode(() => provider.release(garbage as unknown as Region));
        expect(['ERR_MEMORY_FOREIGN_FREE', 'ERR_MEMORY_INVALID_ARGUMENT']).toContain(code);
      }
    });

    it('trims to what is asked, and says how much that was', () => {
      const regions = Array.from({ length: 4 }, () => provider.acquire(size));
      for (const region of regions) provider.release(region);
      const given = provider.trim();
      expect(given).toBeGreaterThanOrEqual(0);
      expect(provider.trim()).toBe(0);
      for (const bad of [-1, 1.5, Number.NaN, '1']) {
        const code = thrownCode(() => provider.trim(bad as number));
        expect(['ERR_MEMORY_OUT_OF_RANGE', 'ERR_MEMORY_INVALID_ARGUMENT']).toContain(code);
      }
      provider.release(provider.acquire(size));
    });
  });
}
