import { ADVICE, type Advice, explain, isFailure, native } from '../native';
import { strictError } from './anonymous';
import { checkAvailable } from './available';
import type { Made } from './objects';
import type { CommonRequest } from './options';

/**
 * What every kind has in common once its pages exist: name, dump, fork, lock, carrier. On failure the region is let go.
 *
 * @throws MemoryError with strict, for whatever could not be had
 */
export function finishCommon(what: string, made: Made, request: CommonRequest, byteLength: number): void {
  const { name, dump, fork, lock, carrier, strict } = request;
  if (name === undefined && dump && fork === 'inherit' && !lock && carrier === 'local' && !strict) return;
  finishWishes(what, made, request, byteLength);
}

function finishWishes(what: string, made: Made, request: CommonRequest, byteLength: number): void {
  const { holder, log } = made;
  const advise = (advice: Advice, wanted: string): void => {
    const result = native().advise(holder, 0, byteLength, ADVICE.indexOf(advice));
    if (!isFailure(result)) return;
    const { code, reason, hint } = explain(result);
    log.miss(wanted, code, reason, hint ?? '', result.errno);
  };
  try {
    if (request.name !== undefined) native().name(holder, request.name.slice(0, 79)); // best effort: a label for tools
    if (!request.dump) advise('dontdump', 'exclusion from core dumps');
    if (request.fork === 'exclude') advise('dontfork', 'exclusion from forks');
    if (request.fork === 'wipe') advise('wipeonfork', 'wipe on fork');
    if (request.lock) {
      checkAvailable(`${what}: lock`, byteLength);
      const locked = native().lock(holder, 0, byteLength, false);
      log.locked = !isFailure(locked);
      if (isFailure(locked)) {
        const { code, reason, hint } = explain(locked);
        log.miss('lock', code, reason, hint ?? '', locked.errno);
      }
    }
    if (request.carrier === 'shared') {
      if (native().sharedCarrier() === 0) {
        log.miss(
          'carrier shared',
          'ERR_MEMORY_UNSUPPORTED',
          'this Node.js cannot make external SharedArrayBuffers; other threads attach by handle',
          'Node.js 22.23.3, 24.16 or 26.1 and newer.',
        );
      } else {
        log.carrier = 'shared';
      }
    }
    const refusal = request.strict ? strictError(what, log, byteLength) : null;
    if (refusal !== null) throw refusal;
  } catch (error) {
    native().release(holder, false, false, false);
    throw error;
  }
}
