import { readFileSync } from 'node:fs';
import { memory, numa } from '../../lib/platform';
import { runChild } from './region/support';

const allowed = (): string =>
  /Cpus_allowed_list:\s+(\S+)/.exec(readFileSync('/proc/thread-self/status', 'latin1'))?.[1] ?? '';
const [first] = memory.topology().nodes;

it('current() is a CPU of a node of this machine', () => {
  const { cpu, node } = numa.current();
  const found = memory.topology().nodes.find(({ id }) => id === node);
  expect(found?.cpus).toContain(cpu);
});

it("distance() is ten to itself, null or the firmware's number to others", () => {
  const id = first?.id ?? 0;
  expect([10, null]).toContain(numa.distance(id, id));
  for (const args of [
    [999, id],
    [id, 999],
  ] as const) {
    expect(() => numa.distance(args[0], args[1])).toThrow(
      expect.objectContaining({ code: 'ERR_MEMORY_NUMA_UNAVAILABLE' }),
    );
  }
  expect(() => numa.distance(-1, id)).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_OUT_OF_RANGE' }));
  expect(() => numa.distance('0' as never, id)).toThrow(
    expect.objectContaining({ code: 'ERR_MEMORY_INVALID_ARGUMENT' }),
  );
});

it('runOn() pins the calling thread, and null lets it go', () => {
  const source = `const allowed = () => /Cpus_allowed_list:\\s+(\\S+)/.exec(fs.readFileSync('/proc/thread-self/status', 'latin1'))[1];
    const before = allowed();
    const node = memory.topology().nodes.find(({ hasCpu }) => hasCpu);
    numa.runOn(node.id);
    const pinned = allowed();
    const { cpu } = numa.current();
    numa.runOn(null);
    console.log(JSON.stringify({ before, pinned, inside: node.cpus.includes(cpu), after: allowed(), cpus: node.cpus.length }));`;
  const { status, output } = runChild(source);
  expect(status).toBe(0);
  expect(output).toMatchObject({ inside: true });
  const { before, after, pinned, cpus } = output as { before: string; after: string; pinned: string; cpus: number };
  expect(after).toBe(before);
  const count = pinned.split(',').reduce((sum, part) => {
    const [low = 0, high = low] = part.split('-').map(Number);
    return sum + high - low + 1;
  }, 0);
  expect(count).toBeLessThanOrEqual(cpus);
});

it('runOn() refuses what is no node, and changes nothing', () => {
  const before = allowed();
  expect(() => numa.runOn(999)).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_NUMA_UNAVAILABLE' }));
  expect(() => numa.runOn(1.5)).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_INVALID_ARGUMENT' }));
  expect(() => numa.runOn(undefined as never)).toThrow(
    expect.objectContaining({ code: 'ERR_MEMORY_INVALID_ARGUMENT' }),
  );
  expect(allowed()).toBe(before);
});
