import { disposeAll } from '../../core';
import { parseEventLog, replayLog } from '../../tracking';
import type { Arguments } from '../args';
import { UnsupportedError } from '../errors';
import { readUserFile } from '../files';
import { readHost } from '../host';
import { toReport } from '../json';
import { type Surroundings, viewOf } from '../output';
import { openMachine } from '../sysroot';
import type { Unknown } from '../unknown';
import { chooseAllocator, openAllocator } from './allocators';
import { type Replay, renderReplay } from './render';

const EXIT_DIFFERENT = 3;
const NOT_RECORDED = 'the log has no line of counters: it is not of a RecordingAllocator, or the run was cut off';

/** `nebula-memory replay FILE`. @returns the exit code: with --check 3 when a counter differs from the recorded one */
export function replay(args: Arguments, around: Surroundings): number {
  const [file = ''] = args.files;
  const log = parseEventLog(readUserFile(file, 'replay'), file);
  if (args.check && log.recorded === null) throw new UnsupportedError(`--check: ${NOT_RECORDED}.`);
  const chosen = chooseAllocator(args, log);
  const allocator = openAllocator(chosen);
  try {
    const played: Replay = { file, log, chosen, result: replayLog(log, allocator) };
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
  if (nanosecondsPerOperation === null) {
    degraded.push({ field: 'nanosecondsPerOperation', reason: 'the log is empty', fix: '' });
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
    nanosecondsPerOperation,
    ...(firstRefusal === null ? {} : { firstRefusal }),
  };
  return toReport(readHost(openMachine(null, 'replay')), degraded, parts, new Date());
}
