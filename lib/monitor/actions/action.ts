import {
  type ByteSize,
  checkFunction,
  checkNumber,
  checkOneOf,
  checkOptions,
  checkString,
  type Duration,
  describe,
  memoryError,
  type PressureLevel,
  parseBytes,
  parseDuration,
} from '../../core';
import { readable } from '../readable';
import { checkStage, type PressureStage, rankOf, STAGES } from '../scale';
import type { SourceStatus } from '../sources';

/** Share of what is reclaimable that one step may ask for: one for all levels, or from a level on. */
export type StepRatio = number | { readonly [stage in PressureStage]?: number };

/** A provider or anything else that keeps memory for later. */
export interface TrimsMemory {
  /** Gives back all but `keepBytes`; returns the bytes given back. */
  trim(keepBytes?: number): number;
  /** Bytes it could give back. Default: `stats().cachedBytes`. */
  reclaimableBytes?(): number;
  stats?(): { readonly cachedBytes?: number };
}

/** A cache or pool that can be made smaller. */
export interface ShrinksMemory {
  /** Gives up about so many bytes; returns how many. */
  shrink(targetBytes: number): number | Promise<number>;
  reclaimableBytes(): number;
}

/** As a budget's reclaimers. */
export interface ReclaimsMemory {
  reclaim(targetBytes: number): number | Promise<number>;
  reclaimableBytes(): number;
}

interface ActionBase {
  readonly name: string;
  /** From which level on. Default medium. */
  readonly from?: PressureStage;
}

interface SteppedAction extends ActionBase {
  /** Least time between two steps. Default: the monitor's `actionIntervalMs`. */
  readonly intervalMs?: Duration;
  /** Default: the monitor's `stepRatio`. */
  readonly stepRatio?: StepRatio;
  /** Bytes in use: what a step freed is then the difference. Default: the difference of what is reclaimable. */
  readonly measure?: () => number;
  /** Never asks for the last bytes. Default 0. */
  readonly keepBytes?: ByteSize;
}

export interface TrimAction extends SteppedAction {
  readonly kind: 'trim';
  readonly target: TrimsMemory;
}

export interface ShrinkAction extends SteppedAction {
  readonly kind: 'shrink';
  readonly target: ShrinksMemory;
}

export interface ReclaimAction extends SteppedAction {
  readonly kind: 'reclaim';
  readonly target: ReclaimsMemory;
}

/** Large allocations are not welcome: `largestAllowedBytes` of the monitor falls to this. */
export interface DenyAction extends ActionBase {
  readonly kind: 'deny';
  readonly largestBytes: ByteSize;
}

/** What a callback is told. */
export interface ActionContext {
  readonly level: PressureLevel;
  /** The source that says so, and its words. */
  readonly reason: string;
  readonly sources: readonly SourceStatus[];
}

export interface CallAction extends ActionBase {
  readonly kind: 'call';
  readonly intervalMs?: Duration;
  readonly measure?: () => number;
  /** Returns the bytes that it freed, if it knows. */
  run(context: ActionContext): unknown;
}

export type PressureAction = TrimAction | ShrinkAction | ReclaimAction | DenyAction | CallAction;

export type ActionKind = PressureAction['kind'];

/** An action whose options have been read: what it asks for and how to see what came of it. */
export interface CheckedAction {
  readonly name: string;
  readonly kind: ActionKind;
  readonly from: PressureStage;
  readonly intervalMs: number | null;
  readonly stepRatio: StepRatio | null;
  readonly keepBytes: number;
  /** Null where the target cannot say: then everything is asked for. */
  readonly reclaimableBytes: (() => number) | null;
  readonly measure: (() => number) | null;
  readonly largestBytes: number;
  /** Does one step. */
  readonly step: (askedBytes: number | null, keepBytes: number, context: ActionContext) => unknown;
}

const KINDS = ['trim', 'shrink', 'reclaim', 'deny', 'call'] as const;
const KEYS = [
  'name',
  'kind',
  'from',
  'intervalMs',
  'stepRatio',
  'measure',
  'keepBytes',
  'target',
  'largestBytes',
  'run',
] as const;

type Given = {
  readonly [key in (typeof KEYS)[number]]?: unknown;
};

const USED: Readonly<Record<ActionKind, readonly (typeof KEYS)[number][]>> = {
  trim: ['name', 'kind', 'from', 'intervalMs', 'stepRatio', 'measure', 'keepBytes', 'target'],
  shrink: ['name', 'kind', 'from', 'intervalMs', 'stepRatio', 'measure', 'keepBytes', 'target'],
  reclaim: ['name', 'kind', 'from', 'intervalMs', 'stepRatio', 'measure', 'keepBytes', 'target'],
  deny: ['name', 'kind', 'from', 'largestBytes'],
  call: ['name', 'kind', 'from', 'intervalMs', 'measure', 'run'],
};

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkAction(where: string, action: PressureAction): CheckedAction {
  return readable(`${where}: the action`, () => readAction(where, action));
}

function readAction(where: string, action: PressureAction): CheckedAction {
  const kind = checkOneOf(`${where}: kind`, (action as Partial<PressureAction> | null | undefined)?.kind, KINDS);
  const given: Given = checkOptions<Given>(`${where} (${kind})`, action as Given, USED[kind]);
  const base = {
    name: checkString(`${where}: name`, given.name, 200),
    kind,
    from: checkStage(`${where}: from`, given.from ?? 'medium'),
    intervalMs:
      given.intervalMs === undefined ? null : parseDuration(given.intervalMs as Duration, `${where}: intervalMs`),
    stepRatio:
      given.stepRatio === undefined ? null : checkStepRatio(`${where}: stepRatio`, given.stepRatio as StepRatio),
    keepBytes: given.keepBytes === undefined ? 0 : parseBytes(given.keepBytes as ByteSize, `${where}: keepBytes`),
    measure: given.measure === undefined ? null : checkFunction(`${where}: measure`, given.measure as () => number),
    largestBytes: Number.POSITIVE_INFINITY,
    reclaimableBytes: null,
  };
  if (kind === 'deny') {
    const largestBytes = parseBytes(given.largestBytes as ByteSize, `${where}: largestBytes`);
    return { ...base, largestBytes, step: () => undefined };
  }
  if (kind === 'call') {
    const run = checkFunction(`${where}: run`, given.run as CallAction['run']);
    return { ...base, step: (_asked, _keep, context) => run.call(action, context) };
  }
  const target = given.target as (TrimsMemory & ShrinksMemory & ReclaimsMemory) | null | undefined;
  if (target === null || (typeof target !== 'object' && typeof target !== 'function')) {
    throw memoryError('ERR_MEMORY_INVALID_ARGUMENT', `${where}: target must be an object, got ${describe(target)}`);
  }
  checkFunction(`${where}: target.${kind}`, target[kind]);
  const reclaimableBytes = reclaimableOf(where, kind, target);
  if (reclaimableBytes === null && base.stepRatio !== 1) {
    throw memoryError(
      'ERR_MEMORY_INVALID_ARGUMENT',
      `${where}: the target of '${base.name}' has neither reclaimableBytes() nor stats().cachedBytes, so no share of it can be asked for`,
      { hint: 'Give it reclaimableBytes(), or say stepRatio: 1 to ask for everything at once.' },
    );
  }
  return {
    ...base,
    reclaimableBytes,
    step:
      kind === 'trim' ? (_asked, keep) => target.trim(keep) : (asked) => target[kind](asked ?? Number.MAX_SAFE_INTEGER),
  };
}

function reclaimableOf(where: string, kind: ActionKind, target: TrimsMemory & ShrinksMemory): (() => number) | null {
  if (kind !== 'trim' || target.reclaimableBytes !== undefined) {
    checkFunction(`${where}: target.reclaimableBytes`, target.reclaimableBytes);
    return () => target.reclaimableBytes();
  }
  return cachedBytesOf(target) === null ? null : () => cachedBytesOf(target) ?? 0;
}

function cachedBytesOf(target: TrimsMemory): number | null {
  const bytes: unknown = typeof target.stats === 'function' ? target.stats()?.cachedBytes : null;
  return typeof bytes === 'number' ? bytes : null;
}

/** @throws ERR_MEMORY_INVALID_ARGUMENT, ERR_MEMORY_OUT_OF_RANGE */
export function checkStepRatio(name: string, ratio: StepRatio): StepRatio {
  if (typeof ratio !== 'object') return checkNumber(name, ratio, 0, 1);
  const given = checkOptions<Exclude<StepRatio, number>>(name, ratio, STAGES);
  for (const stage of STAGES) if (given[stage] !== undefined) checkNumber(`${name}.${stage}`, given[stage], 0, 1);
  return Object.freeze({ ...given });
}

/** The ratio at a level: that of the nearest level at or below it that has one. */
export function ratioAt(ratio: StepRatio, level: PressureLevel, otherwise: number): number {
  if (typeof ratio === 'number') return ratio;
  let found = otherwise;
  for (const stage of STAGES) if (rankOf(stage) <= rankOf(level)) found = ratio[stage] ?? found;
  return found;
}
