import type { HugePages, Limits, ProcessMemory, Topology } from '../../../platform';
import { PROGRAM, SECTIONS } from '../../commands';
import { type Host, isCopy } from '../../host';
import { bar, type Field, fields, stack } from '../../render/layout';
import { type Rich, type Span, span, wrap } from '../../render/text';
import { count, glyphs, percent, size, type View } from '../../render/view';
import { limitOwner } from '../../wording';
import type { ProbeData } from '../data';
import { listCapabilities } from './capabilities';
import { known, pressureTone, ranges } from './common';
import { breakdown } from './process';
import { sampleFields } from './sample';

/** Everything in a few words, on one screen. */
export function renderSummary(data: ProbeData, view: View): string {
  const { topology, limits, hugePages, pressure } = data;
  const rows: Field[] = [
    ...(limits === undefined ? [] : memoryFields(limits, view)),
    ...(topology === undefined ? [] : [{ label: 'NUMA', value: numaText(topology) }]),
    ...(hugePages === undefined ? [] : pageFields(hugePages, topology?.pageBytes ?? null, view)),
    ...(pressure === undefined ? [] : [{ label: 'Pressure', value: pressureText(pressure) }]),
    ...(data.process ? [{ label: 'Process', value: processText(data.process, view) }] : []),
    ...(data.capabilities ? [{ label: 'Features', value: featureText(data.capabilities) }] : []),
    ...(data.sample ? sampleFields(data.sample, view) : []),
    ...(view.quiet ? [] : unknownFields(data)),
  ];
  return stack([wrap(view, title(data.host, topology, view), view.width), fields(view, rows, 'accent'), footer(view)]);
}

function title(host: Host, topology: Topology | undefined, view: View): Rich {
  const name = host.platform === 'linux' ? 'Linux' : known(host.platform);
  const facts = [
    [name, host.kernel, host.arch].filter(Boolean).join(' '),
    ...(host.runtime === null ? [] : [`Node.js ${host.runtime.node}`]),
    ...(topology?.cpus.online.length ? [count(topology.cpus.online.length, 'CPU')] : []),
    ...(isCopy(host) ? [`copy in ${host.sysroot}`] : []),
  ];
  const dot = ` ${glyphs(view).dot} `;
  return [span(`${PROGRAM} ${host.version}`, 'strong'), dot, facts.join(dot)];
}

function memoryFields(limits: Limits, view: View): Field[] {
  const { totalBytes, availableBytes } = limits.machine;
  const rows: Field[] = [];
  if (totalBytes === null || availableBytes === null) {
    rows.push({ label: 'Memory', value: `${size(view, totalBytes)}, available ${size(view, availableBytes)}` });
  } else {
    const text = ` ${size(view, totalBytes - availableBytes)} of ${size(view, totalBytes)} taken, ${size(view, availableBytes)} available`;
    rows.push({ label: 'Memory', value: [...barSpans(view, 1 - availableBytes / totalBytes), text] });
  }
  const owner = limits.setBy === 'machine' ? 'the machine, nothing is tighter' : limitOwner(limits);
  const throttle = limits.throttle === null ? '' : `; slowed above ${size(view, limits.throttle.bytes)}`;
  const value = [
    span(size(view, limits.effectiveBytes), 'strong'),
    ` set by ${owner}; ${size(view, limits.availableBytes)} still free${throttle}`,
  ];
  return [...rows, { label: 'Limit', value }];
}

/** The drawing of the bar without its colors: they are given as tones. */
function barSpans(view: View, ratio: number): Span[] {
  const cells = view.width < 60 ? 8 : 16;
  const drawn = bar({ ...view, color: false }, ratio, cells);
  const used = drawn.lastIndexOf(glyphs(view).full) + 1;
  const tone = ratio >= 0.95 ? 'bad' : ratio >= 0.85 ? 'warn' : 'good';
  return [span(drawn.slice(0, used), tone), span(drawn.slice(used), 'dim')];
}

function numaText({ nodes, allowedNodes, onlineNodes, numa }: Topology): string {
  const allowed = allowedNodes.length === onlineNodes.length ? '' : `; this process may use ${ranges(allowedNodes)}`;
  const which = `${count(nodes.length, 'node')} (${ranges(nodes.map((node) => node.id))})`;
  const reason = nodes.length > 1 ? '' : `: ${numa.reason.replace(/^one node: /, '')}`;
  return `${which}${reason}${allowed}`;
}

function pageFields({ pools, thp }: HugePages, pageBytes: number | null, view: View): Field[] {
  const switches = thp.available ? `${known(thp.enabled)}, pages of ${size(view, thp.pmdBytes)}` : 'not available';
  const texts = pools.map(
    (pool) =>
      `${size(view, pool.pageBytes)}: ${pool.total === 0 ? 'empty' : `${known(pool.free)} of ${known(pool.total)} free`}`,
  );
  return [
    { label: 'Pages', value: `base ${size(view, pageBytes)}; transparent huge pages ${switches}` },
    { label: 'Pools', value: texts.length === 0 ? 'no hugetlb pages in this kernel' : texts.join('; ') },
  ];
}

function pressureText({ system, cgroup }: NonNullable<ProbeData['pressure']>): Rich {
  const one = (name: string, reading: typeof system): (string | Span)[] => {
    if (reading === null) return [];
    const { some, full } = reading;
    return [
      `${name}: some `,
      span(percent(some.avg10Ratio), pressureTone(some.avg10Ratio)),
      ...(full === null ? [] : [', full ', span(percent(full.avg10Ratio), pressureTone(full.avg10Ratio))]),
    ];
  };
  const machine = one('machine', system);
  const group = one('own group', cgroup);
  if (machine.length + group.length === 0) return 'unknown';
  const gap = machine.length > 0 && group.length > 0 ? ['; '] : [];
  return [...machine, ...gap, ...group, ' of the last 10 s'];
}

function processText(memory: ProcessMemory, view: View): string {
  const parts = breakdown(memory).filter(([, bytes]) => bytes !== null && bytes > 0);
  const sum = parts.map(([name, bytes]) => `${name} ${size(view, bytes)}`).join(' + ');
  return `RSS ${size(view, memory.rssBytes)} = ${sum}`;
}

function featureText(capabilities: NonNullable<ProbeData['capabilities']>): Rich {
  const all = listCapabilities(capabilities);
  const missing = all.filter((one) => !one.available);
  const works = span(`${all.length - missing.length} of ${all.length} work`, missing.length === 0 ? 'good' : undefined);
  return missing.length === 0 ? works : [works, `; missing: ${missing.map((one) => one.name).join(', ')}`];
}

function unknownFields({ degraded }: ProbeData): Field[] {
  if (degraded.length === 0) return [];
  const names = degraded.map((one) => one.field);
  const shown = names.slice(0, 6).join(', ') + (names.length > 6 ? ` and ${names.length - 6} more` : '');
  return [{ label: 'Unknown', value: shown }];
}

function footer(view: View): string[] {
  if (view.quiet) return [];
  return wrap(
    view,
    span(
      `More: ${PROGRAM} probe SECTION (${SECTIONS.map(({ name }) => name).join(', ')}); checks: ${PROGRAM} doctor`,
      'dim',
    ),
    view.width,
  );
}
