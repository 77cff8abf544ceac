import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { native } from '../../lib/platform/native';

/**
 * Waits until the collector has found what earlier tests of this process dropped: for tests that compare what the whole
 * process holds before and after, and would else see others' regions leave in between.
 */
export async function untilCollected(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let last = '';
  for (let same = 0; same < 2; ) {
    collect();
    await nextTurn();
    const now = JSON.stringify(native().totals());
    same = now === last ? same + 1 : 0;
    last = now;
  }
}
