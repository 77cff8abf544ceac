import { checkFunction } from './check';
import { type Clock, systemClock } from './clock';
import { systemTimers, type Timers } from './timers';

/** Checks that something has the methods of timers, and returns it. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkTimers(where: string, timers: Timers = systemTimers): Timers {
  checkFunction(`${where}: timers.start`, (timers as Partial<Timers> | null)?.start);
  checkFunction(`${where}: timers.stop`, (timers as Partial<Timers> | null)?.stop);
  return timers;
}

/** Checks that something has the method of a clock, and returns it. @throws ERR_MEMORY_INVALID_ARGUMENT */
export function checkClock(where: string, clock: Clock = systemClock): Clock {
  checkFunction(`${where}: clock.nowMs`, (clock as Partial<Clock> | null)?.nowMs);
  return clock;
}
