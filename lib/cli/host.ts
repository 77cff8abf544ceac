import { arch, cpus, hostname, release } from 'node:os';
import type { Sysroot } from '../platform';
import { type Unknown, within } from './unknown';
import { packageVersion } from './version';

/** The machine and the runtime that a report is about. */
export interface Host {
  /** The folder that was read as `/`: `/` is this machine, another one is a copy. */
  readonly sysroot: string;
  readonly platform: string | null;
  readonly arch: string | null;
  readonly hostname: string | null;
  readonly kernel: string | null;
  readonly cpuModel: string | null;
  /** Null for a copied machine, where no process runs. */
  readonly runtime: {
    readonly node: string;
    readonly v8: string;
    readonly nodeApi: string | null;
    readonly libc: string;
  } | null;
  readonly version: string;
}

export function isCopy(host: Host): boolean {
  return host.sysroot !== '/';
}

export const NOT_IN_COPY = 'a copied machine has no running process';

export function readHost(sysroot: Sysroot): Host {
  return sysroot.root === '/' ? readThis(sysroot) : readCopy(sysroot);
}

export function hostUnknowns(host: Host): Unknown[] {
  return isCopy(host) ? within('host', [{ field: 'runtime', reason: NOT_IN_COPY, fix: null }]) : [];
}

function readThis(sysroot: Sysroot): Host {
  const { versions } = process;
  return {
    sysroot: '/',
    platform: process.platform,
    arch: arch(),
    hostname: hostname(),
    kernel: release(),
    cpuModel: cpus()[0]?.model.trim() || null,
    runtime: { node: versions.node, v8: versions.v8, nodeApi: versions['napi'] ?? null, libc: nameLibc(sysroot) },
    version: packageVersion(),
  };
}

function readCopy(sysroot: Sysroot): Host {
  const line = (path: string): string | null => sysroot.readText(path)?.split('\n', 1)[0]?.trim() || null;
  const cpuinfo = sysroot.readText('/proc/cpuinfo') ?? '';
  return {
    sysroot: sysroot.root,
    platform: 'linux',
    arch: line('/proc/sys/kernel/arch'),
    hostname: line('/proc/sys/kernel/hostname'),
    kernel: line('/proc/sys/kernel/osrelease') ?? /^Linux version (\S+)/.exec(line('/proc/version') ?? '')?.[1] ?? null,
    cpuModel: /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1]?.trim() ?? null,
    runtime: null,
    version: packageVersion(),
  };
}

function nameLibc(sysroot: Sysroot): string {
  if (process.platform !== 'linux') return 'system';
  return /\/ld-musl-/.test(sysroot.readText('/proc/self/maps') ?? '') ? 'musl' : 'glibc';
}
