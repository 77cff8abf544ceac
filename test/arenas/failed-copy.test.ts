import type { BufferLease } from '../../lib/arenas';
import { LeaseStream } from '../../lib/arenas/streaming/lease-stream';
import { toWebStream } from '../../lib/arenas/streaming/streams';

test('a web stream of copies that cannot copy stops its source and gives the lease back', async () => {
  const seen: string[] = [];
  const lease = {
    untouched: false,
    valid: true,
    get bytes(): never {
      throw new RangeError('no memory for a copy');
    },
    [Symbol.dispose]: () => void seen.push('given back'),
  } as unknown as BufferLease;
  async function* leases(): AsyncGenerator<BufferLease, void> {
    try {
      yield lease;
      yield lease;
    } finally {
      seen.push('source closed');
    }
  }
  const reader = toWebStream(new LeaseStream(leases(), { stopped: false }), true).getReader();
  await expect(reader.read()).rejects.toThrow('no memory for a copy');
  expect(seen).toEqual(['given back', 'source closed']);
  await expect(reader.read()).rejects.toThrow(RangeError);
});
