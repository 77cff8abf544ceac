import { disposeAll } from '../../core';
import { parseEventLog, replayLog } from '../../tracking';
import type { Arguments } from '../args';
import { UnsupportedError } from '../errors';
import { nameOfFile, readUserFile } from '../files';
import { readHost } from '../host';
import { toReport } from '../json';
import { type Surroundings, viewOf } from '../output';
import { openMachine } from '../sysroot';
import type { Unknown } from '../unknown';
import { chooseAllocator, whyIncomparable } from './allocators';
import { openAllocator } from './rebuild';
import { isTimed, LEAST_TIMED, type Replay, renderReplay } from './render';

const EXIT_DIFFERENT = 3;
const NOT_RECORDED = 'the log has no line of counters: it is not of a RecordingAllocator, or the run was cut off';
const RECORD_ALL = 'Put the RecordingAllocator around it before its first allocation.';

/** `nebula-memory replay FILE`. @returns the exit code: with --check 3 when a counter differs from the recorded one */
export function replay(args: Arguments, around: Surroundings): number {
  const [path = ''] = args.files;
  const file = nameOfFile(path);
  const log = parseEventLog(readUserFile(path, 'replay'), file);
  if (args.check && log.recorded === null) throw new UnsupportedError(`--check: ${NOT_RECORDED}.`);
  const chosen = chooseAllocator(args, log);
  const incomparable = whyIncomparable(log);
  if (args.check && incomparable !== null) throw new UnsupportedError(`--check: ${incomparable}.`, RECORD_ALL);
  const allocator = openAllocator(chosen);
  try {
    const played: Replay = { file, log, chosen, incomparable, result: replayLog(log, allocator) };
    around.stdout.write(args.json ? replayJson(played) : renderReplay(played, viewOf(args, around)));
    return args.check && played.result.differences.length > 0 ? EXIT_DIFFERENT : 0;
  } finally {
    disposeAll([allocator]);
  }
}

function replayJson({ file, log, chosen, result }: Replay): string {
  const { kind, capacityBytes, block } = chosen;
  const { recorded, nanosecondsPerOperation, firstRefusal, ...rest } = result;
  const { leaks, ...summary } = log.summary;
  const degraded: Unknown[] = [];
  if (recorded === null) degraded.push({ field: 'recorded', reason: NOT_RECORDED, fix: '' });
  const isTelling = isTimed(result);
  if (!isTelling) {
    const reason = `too few operations to time: ${result.operations} of ${LEAST_TIMED}`;
    degraded.push({ field: 'nanosecondsPerOperation', reason, fix: '' });
  }
  const parts = {
    file,
    allocator: {
      kind,
      ...(capacityBytes === null ? {} : { capacityBytes }),
      ...(block === null ? {} : { blockBytes: block.bytes }),
    },
    log: summary,
    leaks,
    recorded,
    ...rest,
    nanosecondsPerOperation: isTelling ? nanosecondsPerOperation : null,
    ...(firstRefusal === null ? {} : { firstRefusal }),
  };
  return toReport(readHost(openMachine(null, 'replay')), degraded, parts, new Date());
}
