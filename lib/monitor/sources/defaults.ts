import { CgroupEventsSource } from './cgroup-events';
import { HeapSource } from './heap';
import { PsiSource } from './psi';
import type { PressureSource } from './source';
import { isSwitchedOff, SystemdSource } from './systemd';
import { UtilizationSource } from './utilization';

/**
 * What a monitor listens to when nothing else is said: the service manager's protocol where it is set, otherwise pressure
 * stall information (unless the manager switched it off), events of the control group, the use of the tightest limit, and
 * V8's heap. What is not there on this machine shows as unavailable and is tried again now and then.
 */
export function defaultSources(): PressureSource[] {
  const { env } = process;
  const watched = env['MEMORY_PRESSURE_WATCH'] ?? '';
  const sources: PressureSource[] = [];
  if (watched === '') sources.push(new PsiSource());
  else if (!isSwitchedOff(env)) sources.push(new SystemdSource());
  sources.push(new CgroupEventsSource(), new UtilizationSource(), new HeapSource());
  return sources;
}
