import {
  ADVICE,
  type Advice,
  explain,
  FEATURES,
  failureError,
  isFailure,
  machineFacts,
  type NativeHolder,
  native,
} from '../native';
import { strictError } from './anonymous';
import { checkAvailable } from './available';
import { type Fallback, PlacementLog } from './placement';

/** What guards a secret region's bytes, as it was really obtained. */
export interface Protection {
  /** The kernel itself does not map the pages (memfd_secret): neither debuggers nor /dev/mem nor other drivers see them. */
  readonly secretMemory: boolean;
  /** Never written to swap. */
  readonly locked: boolean;
  readonly excludedFromDump: boolean;
  /** What a forked child finds: zeros, nothing, or the bytes. */
  readonly fork: 'wiped' | 'excluded' | 'inherited';
  /** Inaccessible pages on both sides. */
  readonly guardPages: boolean;
  /** A pattern behind the bytes, checked by free(). */
  readonly canary: boolean;
  readonly zeroedOnFree: boolean;
  readonly fallbacks: readonly Fallback[];
}

function advise(holder: NativeHolder, bytes: number, advice: Advice, wanted: string, log: PlacementLog): boolean {
  const result = native().advise(holder, 0, bytes, ADVICE.indexOf(advice));
  if (!isFailure(result)) return true;
  const { code, reason, hint } = explain(result);
  log.miss(wanted, code, reason, hint ?? '', result.errno);
  return false;
}

/** @throws MemoryError; with strict also where any protection could not be had */
export function makeSecret(
  bytes: number,
  strict: boolean,
): { holder: NativeHolder; log: PlacementLog; protection: Protection } {
  checkAvailable('Region.secret', bytes);
  const holder = native().mapSecret(bytes);
  if (isFailure(holder)) throw failureError(holder, { what: 'Region.secret', requestedBytes: bytes });
  const log = new PlacementLog(machineFacts().pageBytes);
  log.populated = true;
  const described = native().describe(holder);
  const secretMemory = !isFailure(described) && described.secretMemory;
  let locked = secretMemory;
  let excludedFromDump = secretMemory; // the kernel leaves such pages out of dumps by itself
  let fork: Protection['fork'] = 'inherited';
  if (secretMemory) {
    if (advise(holder, bytes, 'dontfork', 'exclusion from forks', log)) fork = 'excluded';
  } else {
    const trial = native().tryFeature(FEATURES.indexOf('memfdSecret'));
    const why = isFailure(trial) ? explain(trial) : null;
    log.miss(
      'memfd_secret',
      why?.code ?? 'ERR_MEMORY_LOCK_LIMIT',
      why?.reason ?? 'the locked-memory limit was reached',
      why?.hint ?? 'Raise the locked-memory limit: ulimit -l.',
      isFailure(trial) ? trial.errno : 0,
    );
    const lock = native().lock(holder, 0, bytes, false);
    locked = !isFailure(lock);
    if (isFailure(lock)) {
      const { code, reason, hint } = explain(lock);
      log.miss('lock', code, reason, hint ?? '', lock.errno);
    }
    excludedFromDump = advise(holder, bytes, 'dontdump', 'exclusion from core dumps', log);
    if (advise(holder, bytes, 'wipeonfork', 'wipe on fork', log)) fork = 'wiped';
    else if (advise(holder, bytes, 'dontfork', 'exclusion from forks', log)) fork = 'excluded';
  }
  log.locked = locked;
  const refusal = strict ? strictError('Region.secret', log, bytes) : null;
  if (refusal !== null) {
    native().release(holder, false, false, false);
    throw refusal;
  }
  const protection = Object.freeze({
    secretMemory,
    locked,
    excludedFromDump,
    fork,
    guardPages: true,
    canary: true,
    zeroedOnFree: true,
    fallbacks: Object.freeze([...log.fallbacks]),
  });
  return { holder, log, protection };
}
