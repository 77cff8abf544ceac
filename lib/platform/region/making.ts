import { alignUp, type BudgetLike, type ByteSize } from '../../core';
import { CODES, isFailure, KINDS, machineFacts, native, unwrap } from '../native';
import { makeAnonymous } from './anonymous';
import { Charge } from './charge';
import type { Origin } from './core';
import { finishCommon } from './finish';
import { checkHandle } from './handle';
import { type Made, makeFile, makeShared, openNamed } from './objects';
import {
  type MapRequest,
  parseFileOptions,
  parseMapOptions,
  parseSecretOptions,
  parseSharedOptions,
  type SharedRequest,
} from './options';
import { PlacementLog } from './placement';
import { makeSecret } from './secret';

// Checked options in, the origin of a region out: one function for each way to make one.

/** Makes a region with its bytes charged first; a region that is not made charges nothing. */
function charged(where: string, budget: BudgetLike, bytes: number, make: () => Origin): Origin {
  const charge = Charge.take(where, budget, alignUp(bytes, machineFacts().pageBytes));
  try {
    return { ...make(), charge };
  } catch (error) {
    charge.release();
    throw error;
  }
}

export function originOfMap(size: ByteSize, options: unknown): Origin {
  const request = parseMapOptions(size, options as never);
  const { budget } = request;
  return budget === undefined ? map(request) : charged('Region.map', budget, request.bytes, () => map(request));
}

function map(request: MapRequest): Origin {
  const made = makeAnonymous(request);
  finishCommon('Region.map', made, request, request.bytes);
  const { bytes, carrier, name } = request;
  return { made, kind: 'anonymous', byteLength: bytes, carrier, name, wishes: request };
}

export function originOfFile(path: unknown, options: unknown): Origin {
  const what = 'Region.mapFile';
  const request = parseFileOptions(path, options as never);
  const made = makeFile(request);
  const { byteLength } = unwrap(native().describe(made.holder), () => ({ what }));
  // Its length may be the file's: it is known only now.
  const charge = chargeFile(what, request.budget, made, byteLength);
  try {
    finishCommon(what, made, request, byteLength);
  } catch (error) {
    charge?.release();
    throw error;
  }
  const { carrier, name } = request;
  return {
    made,
    kind: 'file',
    byteLength,
    carrier,
    name,
    wishes: { ...request, pages: null },
    path: request.path,
    charge,
  };
}

function chargeFile(what: string, budget: BudgetLike | undefined, made: Made, bytes: number): Charge | undefined {
  if (budget === undefined) return undefined;
  try {
    return Charge.take(what, budget, alignUp(bytes, machineFacts().pageBytes));
  } catch (error) {
    native().release(made.holder, false, false, false);
    throw error;
  }
}

export function originOfShared(size: ByteSize, options: unknown): Origin {
  const request = parseSharedOptions('Region.shared', size, options as never);
  const { budget } = request;
  return budget === undefined ? share(request) : charged('Region.shared', budget, request.bytes, () => share(request));
}

function share(request: SharedRequest): Origin {
  const made = makeShared(request);
  try {
    finishCommon('Region.shared', made, request, request.bytes);
  } catch (error) {
    if (request.name !== undefined) native().unlinkNamed(request.name); // made a moment ago, and nobody has it
    throw error;
  }
  const { bytes, carrier, name } = request;
  return { made, kind: 'shared', byteLength: bytes, carrier, name, wishes: request };
}

export function originOfSecret(size: ByteSize, options: unknown): Origin {
  const { bytes, strict } = parseSecretOptions(size, options as never);
  const { holder, log, protection } = makeSecret(bytes, strict);
  const wishes = { pages: null, carrier: 'local', numa: null, populate: true, lock: true } as const;
  return {
    made: { holder, log },
    kind: 'secret',
    byteLength: bytes,
    carrier: 'local',
    name: undefined,
    wishes,
    protection,
  };
}

export function originOfName(name: unknown): Origin {
  const { holder, log, name: checked } = openNamed(name);
  return attached({ holder, log }, 'Region.open', checked);
}

export function originOfHandle(handle: unknown): Origin {
  const what = 'Region.attach';
  const { slot, generation, token, byteLength, name, remote } = checkHandle(what, handle);
  let holder = native().attach(slot, generation, token);
  const foreign = isFailure(holder) && holder.failed === CODES.stale && holder.call === 'process';
  if (foreign && remote !== null) holder = native().mapRemote(remote.pid, remote.file, remote.identity, byteLength);
  const taken = unwrap(holder, () => ({ what, source: name ?? undefined }));
  return attached({ holder: taken, log: new PlacementLog(machineFacts().pageBytes) }, what, name ?? undefined);
}

function attached(made: Made, what: string, name: string | undefined): Origin {
  const described = unwrap(native().describe(made.holder), () => ({ what }));
  const { log } = made;
  log.carrier = native().sharedCarrier() === 0 ? 'local' : 'shared';
  if (described.hugeBytes !== 0) log.pages = described.hugeBytes >= 2 ** 30 ? '1GiB' : '2MiB';
  log.pageBytes = described.pageBytes;
  const wishes = { pages: null, carrier: 'shared', numa: null, populate: false, lock: false } as const;
  const kind = KINDS[described.kind] ?? 'shared';
  return { made, kind, byteLength: described.byteLength, carrier: 'shared', name, wishes, attached: true };
}
