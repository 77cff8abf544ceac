import { statSync } from 'node:fs';
import { posix } from 'node:path';
import { checkOptions, checkString, describe, memoryError } from '../../core';
import type { Sysroot } from '../../platform';
import { checkStage, type PressureStage, type PressureThresholds } from '../scale';
import { openFifo, openSocket } from './event-stream';
import { type FileEvents, fileEventsFor, quietly } from './file-events';
import { checkSysroot } from './groups';
import { checkTrigger, gaugeFor, PsiFile, parseTrigger } from './psi-file';
import { type PressureSource, reasonOf, type SourceReading, unavailable } from './source';

export interface SystemdSourceOptions {
  readonly name?: string;
  /** Where MEMORY_PRESSURE_WATCH and MEMORY_PRESSURE_WRITE stand. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What an event on a FIFO or socket means; the protocol knows one degree only. Default medium. */
  readonly level?: PressureStage;
  /** For a pressure file, as PsiSource's; medium is what the manager's trigger asks for. */
  readonly thresholds?: PressureThresholds;
  /** For tests. */
  readonly sysroot?: Sysroot;
  readonly events?: FileEvents;
}

/** Files of the kernel have no size; one of real data is no pressure file and would be read as a whole. */
const MOST_FILE_BYTES = 65_536;

const NO_WAKE = (): void => {};

/** True when the service manager says that memory pressure is not to be watched. */
export function isSwitchedOff(env: Readonly<Record<string, string | undefined>>): boolean {
  return env['MEMORY_PRESSURE_WATCH'] === '/dev/null';
}

/**
 * Systemd's protocol for services: MEMORY_PRESSURE_WATCH names a pressure file, a FIFO or a Unix socket, and
 * MEMORY_PRESSURE_WRITE holds in base64 what is to be written there first. A FIFO or socket tells by itself; a pressure file
 * is read at each tick, with the manager's trigger as the measure.
 */
export class SystemdSource implements PressureSource {
  readonly name: string;
  private readonly env: Readonly<Record<string, string | undefined>>;
  private readonly eventLevel: PressureStage;
  private readonly thresholds: PressureThresholds | undefined;
  private readonly sysroot: Sysroot;
  private readonly events: FileEvents;
  private wake = NO_WAKE;
  private file: PsiFile | null = null;
  private close: (() => void) | null = null;
  private gone: string | null = null;
  private arrived = 0;

  /** @throws ERR_MEMORY_INVALID_ARGUMENT */
  constructor(options?: SystemdSourceOptions) {
    const where = 'SystemdSource';
    const keys = ['name', 'env', 'level', 'thresholds', 'sysroot', 'events'] as const;
    const given = checkOptions(where, options, keys);
    this.name = checkString(`${where}: name`, given.name ?? 'systemd', 200);
    this.env = given.env ?? process.env;
    if (typeof this.env !== 'object' || this.env === null) {
      throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: env must be an object, got ${describe(this.env)}`);
    }
    this.eventLevel = checkStage(`${where}: level`, given.level ?? 'medium');
    this.thresholds = given.thresholds;
    gaugeFor(where, checkTrigger(where, undefined), given.thresholds); // wrong thresholds are found now
    this.sysroot = checkSysroot(where, given.sysroot);
    this.events = fileEventsFor(where, this.sysroot, given.events);
  }

  get mode(): 'poll' | 'event' {
    return this.close !== null || this.file?.hasEvents ? 'event' : 'poll';
  }

  start(wake: () => void): void {
    this.wake = wake;
  }

  stop(): void {
    this.leave();
    this.wake = NO_WAKE;
  }

  read(nowMs: number): SourceReading {
    if (this.gone !== null) {
      const reason = this.gone;
      this.leave();
      throw unavailable(reason);
    }
    // A service manager that starts anew may make another kind of file: reading a FIFO would wait for a writer.
    if (this.file !== null && ['FIFO', 'socket', 'other'].includes(quietly(() => this.kind()) ?? '')) this.leave();
    if (this.file === null && this.close === null) this.open();
    if (this.file !== null) {
      try {
        return this.file.read(nowMs);
      } catch (error) {
        this.leave();
        throw error;
      }
    }
    const value = this.arrived;
    this.arrived = 0;
    return { level: value > 0 ? this.eventLevel : 'none', value, detail: `${value} events (${this.path()})` };
  }

  private path(): string {
    const path = this.env['MEMORY_PRESSURE_WATCH'] ?? '';
    if (path === '')
      throw unavailable('MEMORY_PRESSURE_WATCH is not set', 'Set MemoryPressureWatch=on for the service.');
    if (path === '/dev/null') throw unavailable('the service manager switched memory pressure off (/dev/null)');
    if (!posix.isAbsolute(path)) throw unavailable(`MEMORY_PRESSURE_WATCH is no absolute path: '${path}'`);
    return path;
  }

  private realPath(): string {
    const path = this.path();
    return this.sysroot.root === '/' ? path : posix.join(this.sysroot.root, path);
  }

  /** @throws what the system says */
  private kind(): 'FIFO' | 'socket' | 'file' | 'other' {
    const stats = statSync(this.realPath());
    if (stats.isFIFO()) return 'FIFO';
    if (stats.isSocket()) return 'socket';
    return stats.isFile() && stats.size <= MOST_FILE_BYTES ? 'file' : 'other';
  }

  private open(): void {
    const path = this.path();
    const greeting = decode(this.env['MEMORY_PRESSURE_WRITE']);
    const handlers = {
      onEvent: () => {
        this.arrived += 1;
        this.wake();
      },
      onGone: (reason: string) => {
        this.gone = `${path}: ${reason}`;
        this.wake();
      },
    };
    try {
      const kind = this.kind();
      if (kind === 'FIFO') this.close = openFifo(this.realPath(), greeting, handlers);
      else if (kind === 'socket') this.close = openSocket(this.realPath(), greeting, handlers);
      else if (kind === 'file') this.file = this.pressureFile(path, greeting);
    } catch (error) {
      throw unavailable(`${path}: ${reasonOf(error)}`, undefined, error);
    }
    if (this.close === null && this.file === null) throw unavailable(`${path} is no file, FIFO or socket`);
  }

  private pressureFile(path: string, text: Uint8Array): PsiFile {
    const { sysroot, events } = this;
    const trigger = parseTrigger(Buffer.from(text).toString('latin1')) ?? checkTrigger('SystemdSource', undefined);
    const gauge = gaugeFor('SystemdSource', trigger, this.thresholds);
    return new PsiFile({ sysroot, path, trigger, text, gauge, events, wake: () => this.wake() });
  }

  private leave(): void {
    this.file?.close();
    this.close?.();
    this.file = null;
    this.close = null;
    this.gone = null;
    this.arrived = 0;
  }
}

/** @throws ERR_MEMORY_UNSUPPORTED for what is no base64 */
function decode(text: string | undefined): Uint8Array {
  if (text === undefined || text === '') return new Uint8Array(0);
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) throw unavailable('MEMORY_PRESSURE_WRITE is no base64');
  return Buffer.from(text, 'base64');
}
