import { posix } from 'node:path';
import type { Sysroot } from './sysroot';

/** The control groups of this process in one hierarchy. */
export interface CgroupChain {
  readonly version: 1 | 2;
  /** Folders of this process's group and its visible parents, the own one first, the mounted top last. */
  readonly folders: readonly string[];
  /** The path the kernel gives for this process, such as `/kubepods/pod1/app`. */
  readonly path: string;
  /** False when the own group's folder is not visible here: then `folders` starts at the mounted top. */
  readonly exact: boolean;
}

interface Membership {
  readonly controllers: readonly string[];
  readonly path: string;
}

interface Mount {
  readonly root: string;
  readonly point: string;
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
}

/**
 * Finds the hierarchies that can limit this process by a controller: version 1 first where it has the controller, then
 * version 2. Understands hybrid systems, containers that show their own group as the top, and namespaced paths (`/../..`).
 */
export function findCgroups(sysroot: Sysroot, controller: 'memory' | 'cpuset'): CgroupChain[] {
  const mounts = readMounts(sysroot);
  const memberships = readMemberships(sysroot);
  if (memberships.length === 0 && controller === 'cpuset') memberships.push(...fromCpuset(sysroot, mounts));
  const chains: CgroupChain[] = [];
  const first = memberships.find((one) => one.controllers.includes(controller));
  if (first !== undefined) {
    const mount = mounts.find((one) => one.version === 1 && one.controllers.includes(controller));
    const chain = resolve(sysroot, first.path, 1, mount ?? guessFirst(sysroot, controller));
    if (chain !== null) chains.push(chain);
  }
  const second = memberships.find((one) => one.controllers.length === 0);
  if (second !== undefined || memberships.length === 0) {
    const mount = mounts.find((one) => one.version === 2) ?? guessSecond(sysroot);
    const chain = resolve(sysroot, second?.path ?? '/', 2, mount);
    if (chain !== null) chains.push(chain);
  }
  return chains;
}

/** Lines `4:memory:/path`; version 2 is `0::/path`. */
function readMemberships(sysroot: Sysroot): Membership[] {
  const found: Membership[] = [];
  for (const line of (sysroot.readText('/proc/self/cgroup') ?? '').split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    const [, id = '', names = '', path = '/'] = match;
    if (names === '' && id !== '0') continue;
    found.push({ controllers: names === '' ? [] : names.split(','), path: path.replace(/ \(deleted\)$/, '') });
  }
  return found;
}

/** /proc/self/cpuset tells the path alone, in whichever hierarchy has the controller. */
function fromCpuset(sysroot: Sysroot, mounts: readonly Mount[]): Membership[] {
  const path = sysroot.readText('/proc/self/cpuset')?.trim() ?? '';
  if (!path.startsWith('/')) return [];
  const isFirst = mounts.some((one) => one.version === 1 && one.controllers.includes('cpuset'));
  return [{ controllers: isFirst ? ['cpuset'] : [], path }];
}

/** Lines `31 23 0:28 <root> <point> <options> … - <type> <source> <super options>`. */
function readMounts(sysroot: Sysroot): Mount[] {
  const mountinfo = sysroot.readText('/proc/self/mountinfo');
  if (mountinfo === null) return readPlainMounts(sysroot);
  const found: Mount[] = [];
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ', 2);
    const [type, , options = ''] = right.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') continue;
    const [, , , root = '/', point = ''] = left.split(' ');
    const version = type === 'cgroup2' ? 2 : 1;
    found.push({
      root: unescapeOctal(root),
      point: unescapeOctal(point),
      version,
      controllers: options.trim().split(','),
    });
  }
  return found;
}

/** Lines `<source> <point> <type> <options> 0 0`, which do not tell the mount's own top. */
function readPlainMounts(sysroot: Sysroot): Mount[] {
  const found: Mount[] = [];
  for (const line of (sysroot.readText('/proc/mounts') ?? '').split('\n')) {
    const [, point = '', type = '', options = ''] = line.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') continue;
    const version = type === 'cgroup2' ? 2 : 1;
    found.push({ root: '/', point: unescapeOctal(point), version, controllers: options.split(',') });
  }
  return found;
}

/** Blanks and backslashes stand as octal numbers in mountinfo. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function guessFirst(sysroot: Sysroot, controller: string): Mount | undefined {
  const point = `/sys/fs/cgroup/${controller}`;
  return sysroot.exists(point) ? { root: '/', point, version: 1, controllers: [controller] } : undefined;
}

function guessSecond(sysroot: Sysroot): Mount | undefined {
  const points = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
  const point = points.find((one) => sysroot.exists(`${one}/cgroup.controllers`));
  return point === undefined ? undefined : { root: '/', point, version: 2, controllers: [] };
}

function resolve(sysroot: Sysroot, path: string, version: 1 | 2, mount: Mount | undefined): CgroupChain | null {
  if (mount === undefined) return null;
  const inside = pathInside(mount.root, path);
  const own = inside === null ? null : join(mount.point, inside);
  const exact = own !== null && sysroot.exists(own);
  const folders: string[] = [];
  for (let folder = exact && own !== null ? own : mount.point; ; folder = posix.dirname(folder)) {
    folders.push(folder);
    if (folder === mount.point || folder === '/') break;
  }
  return { version, folders, path, exact };
}

/** Where a group's path lies below a mount whose own top is `root`; null when it lies outside of it. */
function pathInside(root: string, path: string): string | null {
  // `..` means that the group, or the mount's top, lies above this process's namespace.
  if (`${path}/`.startsWith('/../') || `${root}/`.startsWith('/../')) return null;
  if (root === '/') return path;
  if (path === root) return '/';
  return path.startsWith(`${root}/`) ? path.slice(root.length) : null;
}

function join(point: string, inside: string): string {
  return inside === '/' ? point : posix.join(point, inside);
}
