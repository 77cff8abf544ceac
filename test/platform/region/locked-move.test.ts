// A locked region moves from under its views: what counts against the limit for locked memory moves with it.
import { readFileSync } from 'node:fs';
import { Region } from '../../../lib/platform';
import { PAGE } from './support';

const lockedKib = () => Number(/VmLck:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
const onLinux = process.platform === 'linux' ? it : it.skip;

onLinux.each([
  ['private memory', () => Region.map(3 * PAGE)],
  ['a file copy', () => Region.mapFile(__filename)],
  ['shared memory', () => Region.shared(3 * PAGE)],
])('protect() of locked %s leaves nothing locked behind', (_, make) => {
  const before = lockedKib();
  for (let i = 0; i < 10; i++) {
    const region = make();
    region.bytes[5] = 5;
    region.lock();
    const held = lockedKib();
    region.protect('read');
    expect(lockedKib()).toBe(held);
    const copy = new Uint8Array(1);
    region.read(5, copy);
    expect(copy[0]).toBe(5);
    region.free();
    expect(lockedKib()).toBe(before);
  }
});
