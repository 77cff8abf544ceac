import { readlinkSync } from 'node:fs';
import { openSysroot, type Sysroot } from './machine';
import { native } from './native';

/**
 * Who holds something in memory that threads and processes share: one JavaScript environment (a main thread or a worker)
 * of one process. Plain numbers, so that it can be written into that memory.
 */
export interface EnvironmentIdentity {
  readonly pid: number;
  /** When the process began, in the kernel's ticks since boot; 0 where the system does not tell. */
  readonly startTicks: number;
  /** Number of the process-id namespace (containers have their own); 0 where there are none. */
  readonly namespace: number;
  /** Of the environment; no other one of the process had it or gets it. */
  readonly serial: number;
}

/** What /proc/<pid>/stat tells of life; null for text of another form. */
export function parseProcessStat(text: string): { readonly startTicks: number; readonly ended: boolean } | null {
  // The name may hold blanks and parentheses: the fields count from the last parenthesis on, the state being the third.
  const fields = text
    .slice(text.lastIndexOf(')') + 1)
    .trim()
    .split(/\s+/);
  const [state, threads, start] = [fields[0], Number(fields[17]), Number(fields[19])];
  if (state === undefined || !/^[A-Za-z]$/.test(state) || !Number.isSafeInteger(start)) return null;
  // The first thread of a killed process is a zombie already while others still run their last instructions.
  return { startTicks: start, ended: /[ZXx]/.test(state) && !(threads > 1) };
}

function namespaceOf(): number {
  try {
    return Number(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? 0);
  } catch {
    return 0;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'; // EPERM: somebody else's, but there
  }
}

let own: EnvironmentIdentity | undefined;

/** Who runs, and whether somebody else still does. In doubt the answer is yes: nothing is taken from the living. */
export const environments = Object.freeze({
  /** The calling thread's own identity. Read once, then kept. */
  current(): EnvironmentIdentity {
    if (own === undefined) {
      const stat = openSysroot().readText('/proc/self/stat');
      const startTicks = (stat === null ? null : parseProcessStat(stat))?.startTicks ?? 0;
      own = Object.freeze({
        pid: process.pid,
        startTicks,
        namespace: namespaceOf(),
        serial: native().environmentSerial(),
      });
    }
    return own;
  },

  /**
   * False only when it is certain that this environment runs no JavaScript any more: its worker or process has ended.
   * A native call for this process, two system calls for another one.
   */
  isAlive(identity: EnvironmentIdentity, root: Sysroot = openSysroot()): boolean {
    const { pid, startTicks, namespace, serial } = identity;
    const me = environments.current();
    if (namespace !== 0 && me.namespace !== 0 && namespace !== me.namespace) return true; // its numbers mean nothing here
    if (pid === me.pid) {
      if (startTicks !== 0 && me.startTicks !== 0 && startTicks !== me.startTicks) return false;
      return native().environmentAlive(serial) !== false;
    }
    if (!exists(pid)) return false;
    const stat = root.readText(`/proc/${pid}/stat`);
    const life = stat === null ? null : parseProcessStat(stat);
    if (life === null) return exists(pid); // hidden, or reaped between the two questions
    return !life.ended && (startTicks === 0 || life.startTicks === startTicks);
  },
});
