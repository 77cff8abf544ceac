import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openSysroot, readHugePages, readLimits, readPressure, readTopology } from '../../../lib/platform/machine';
import { readLstopo } from './lstopo';

/** Trees of real machines, kept outside of the repository; the environment may name another folder. */
const FOLDER = process.env['NEBULA_SYSROOTS'] ?? resolve(__dirname, '../../../../shared/data/sysroots');
const archives = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.tar.bz2')) : [];
const hasLstopo = spawnSync('lstopo-no-graphics', ['--version']).status === 0;

/** Where hwloc rightly differs from what the kernel's files say, with the ids that it lists, and why. */
const OTHER_IDS: Readonly<Record<string, { hwloc: number[]; reason: string }>> = {
  '8em64t-2s2ca2c-buggynuma': {
    hwloc: [0],
    reason: 'the firmware gives all nodes the same CPUs; hwloc drops the repeats',
  },
  fakeheterocpunuma: { hwloc: [0, 1, 2, 3], reason: 'hwloc drops nodes whose CPUs overlap those of others' },
};

/** Node counts as published with the trees, so that an empty reading cannot agree with an empty reading. */
const NODE_COUNTS: Readonly<Record<string, number>> = {
  '128ia64-17n4s2c': 17,
  '256ia64-64n2s2c': 64,
  '48amd64-4pa2n6c-sparse': 8,
  fakeheterocpunuma: 6,
  fakeheteromemtiers: 7,
  memorysidecaches: 4,
  '8em64t-2s2ca2c-buggynuma': 8,
  '2ps3-2t': 1,
  '64amd64-4s2n4ca2co': 8,
};

const title = `captured machines (${archives.length === 0 ? `skipped: no archives in ${FOLDER}` : archives.length})`;
const suite = archives.length === 0 ? describe.skip : describe;

suite(title, () => {
  const parent = mkdtempSync(join(tmpdir(), 'nebula-captured-'));
  afterAll(() => rmSync(parent, { recursive: true, force: true }));

  function unpack(archive: string): string {
    const folder = mkdtempSync(join(parent, 'tree-'));
    execFileSync('tar', ['xjf', join(FOLDER, archive), '-C', folder]);
    return join(folder, readdirSync(folder)[0] ?? '.');
  }

  it.each(archives.length === 0 ? ['none'] : archives)('%s', (archive) => {
    const name = archive.replace('.tar.bz2', '');
    const root = unpack(archive);
    const sysroot = openSysroot(root);
    const topology = readTopology(sysroot);
    for (const read of [readLimits, readHugePages, readPressure]) expect(() => read(sysroot)).not.toThrow();
    const ids = topology.nodes.map(({ id }) => id);
    expect(ids).toHaveLength(NODE_COUNTS[name] ?? ids.length);
    expect(ids.length).toBeGreaterThan(0);
    if (!hasLstopo) {
      console.warn(`${name}: not compared, because lstopo-no-graphics (package hwloc-nox) is not installed`);
      return;
    }
    const other = readLstopo(root);
    expect(other.nodes.map(({ id }) => id)).toEqual(OTHER_IDS[name]?.hwloc ?? ids);
    for (const { id, memoryBytes, cpus } of other.nodes) {
      const node = topology.nodes.find((one) => one.id === id);
      expect({ id, memoryBytes: node?.memoryBytes ?? 0 }).toEqual({ id, memoryBytes });
      // hwloc gives a node without CPUs the CPUs near to it.
      if (name in OTHER_IDS || node === undefined || node.cpus.length === 0) continue;
      expect({ id, cpus: node.cpus }).toEqual({ id, cpus });
    }
    if (other.distances === null) return;
    const ours = other.distances.ids.map((from) => {
      const row = topology.nodes.find((node) => node.id === from)?.distances ?? [];
      return other.distances?.ids.map((to) => row[ids.indexOf(to)]);
    });
    expect(ours).toEqual(other.distances.rows);
  });
});
