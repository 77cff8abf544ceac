import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Sysroot } from '../platform';
import { UsageError } from './errors';

/** Opens this machine, or the copy that --sysroot names. @throws UsageError when there is no machine in it */
export function openMachine(folder: string | null, command: string): Sysroot {
  const { openSysroot } = require('../platform') as typeof import('../platform');
  if (folder === null || resolve(folder) === '/') return openSysroot();
  const root = resolve(folder);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--sysroot: '${folder}' is no folder.`, command);
  }
  const sysroot = openSysroot(root);
  if (!sysroot.exists('/proc') && !sysroot.exists('/sys')) {
    throw new UsageError(`--sysroot: '${folder}' holds neither proc nor sys.`, command);
  }
  return sysroot;
}
