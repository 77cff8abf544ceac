import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** One NUMA node of a synthetic machine. Lists are written as the kernel writes them. */
export interface NodeSpec {
  readonly id: number;
  readonly cpus: string;
  readonly memoryKiB: number;
  readonly freeKiB?: number;
  /** Null: no distance file. */
  readonly distance: string | null;
  /** Page size in KiB to total, free and surplus pages. */
  readonly huge?: Readonly<Record<number, readonly [number, number, number]>>;
  /** Access class to initiators, read and write latency (ns), read and write bandwidth (MiB/s). */
  readonly access?: Readonly<Record<number, readonly [readonly number[], number, number, number, number]>>;
  /** Level to size, line size, indexing, write policy. */
  readonly sideCaches?: Readonly<Record<number, readonly [number, number, number, number]>>;
}

/** A synthetic machine: every part is optional, and what is left out has no file. */
export interface MachineSpec {
  /** Files of /sys/devices/system/cpu, such as `online`. */
  readonly cpu?: Readonly<Record<string, string>>;
  /** Files of /sys/devices/system/node, such as `possible`. */
  readonly node?: Readonly<Record<string, string>>;
  readonly nodes?: readonly NodeSpec[];
  /** Keys of /proc/meminfo in kB; HugePages_* are plain numbers. */
  readonly meminfo?: Readonly<Record<string, number>>;
  /** Any other file by its path, with its text. A path that ends in `/` makes an empty folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** Write CPU masks in place of CPU lists, as kernels before 2.6.26 did. */
  readonly masksOnly?: boolean;
  /** Pad each file with NUL bytes, as some copying tools do. */
  readonly padNul?: boolean;
}

/** Makes the machine in a new temporary folder and returns its path. */
export function buildMachine(spec: MachineSpec): string {
  const root = mkdtempSync(join(tmpdir(), 'nebula-sysroot-'));
  for (const [path, text] of Object.entries(listFiles(spec))) {
    const full = join(root, path);
    if (path.endsWith('/')) {
      mkdirSync(full, { recursive: true });
      continue;
    }
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, spec.padNul === true ? text + '\0'.repeat(64) : text);
  }
  return root;
}

/** Builds machines on demand, each once, and removes all of them. */
export class MachinePark {
  readonly #roots = new Map<MachineSpec, string>();

  root(spec: MachineSpec): string {
    const known = this.#roots.get(spec) ?? buildMachine(spec);
    this.#roots.set(spec, known);
    return known;
  }

  remove(): void {
    for (const root of this.#roots.values()) rmSync(root, { recursive: true, force: true });
    this.#roots.clear();
  }
}

function listFiles(spec: MachineSpec): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [name, text] of Object.entries(spec.cpu ?? {})) files[`/sys/devices/system/cpu/${name}`] = `${text}\n`;
  for (const [name, text] of Object.entries(spec.node ?? {})) files[`/sys/devices/system/node/${name}`] = `${text}\n`;
  for (const node of spec.nodes ?? []) Object.assign(files, nodeFiles(node, spec.masksOnly === true));
  if (spec.meminfo !== undefined) {
    files['/proc/meminfo'] = Object.entries(spec.meminfo)
      .map(
        ([key, value]) =>
          `${`${key}:`.padEnd(16)}${String(value).padStart(8)}${key.startsWith('HugePages_') ? '' : ' kB'}\n`,
      )
      .join('');
  }
  return { ...files, ...spec.files };
}

function nodeFiles(node: NodeSpec, masksOnly: boolean): Record<string, string> {
  const base = `/sys/devices/system/node/node${node.id}`;
  const files: Record<string, string> = {};
  if (masksOnly) files[`${base}/cpumap`] = `${node.cpus}\n`;
  else files[`${base}/cpulist`] = `${node.cpus}\n`;
  const free = node.freeKiB ?? node.memoryKiB / 2;
  files[`${base}/meminfo`] =
    `\nNode ${node.id} MemTotal:       ${node.memoryKiB} kB\nNode ${node.id} MemFree:        ${free} kB\n` +
    `Node ${node.id} HugePages_Total:     0\n`;
  if (node.distance !== null) files[`${base}/distance`] = `${node.distance}\n`;
  for (const [size, [total, unused, surplus]] of Object.entries(node.huge ?? {})) {
    const folder = `${base}/hugepages/hugepages-${size}kB`;
    files[`${folder}/nr_hugepages`] = `${total}\n`;
    files[`${folder}/free_hugepages`] = `${unused}\n`;
    files[`${folder}/surplus_hugepages`] = `${surplus}\n`;
  }
  for (const [number, [initiators, readNs, writeNs, readRate, writeRate]] of Object.entries(node.access ?? {})) {
    const folder = `${base}/access${number}/initiators`;
    for (const id of initiators) files[`${folder}/node${id}/`] = '';
    files[`${folder}/read_latency`] = `${readNs}\n`;
    files[`${folder}/write_latency`] = `${writeNs}\n`;
    files[`${folder}/read_bandwidth`] = `${readRate}\n`;
    files[`${folder}/write_bandwidth`] = `${writeRate}\n`;
  }
  for (const [level, [size, line, indexing, policy]] of Object.entries(node.sideCaches ?? {})) {
    const folder = `${base}/memory_side_cache/index${level}`;
    files[`${folder}/size`] = `${size}\n`;
    files[`${folder}/line_size`] = `${line}\n`;
    files[`${folder}/indexing`] = `${indexing}\n`;
    files[`${folder}/write_policy`] = `${policy}\n`;
  }
  return files;
}
