import type { Field } from '../../render/layout';
import { type Rich, type Span, span } from '../../render/text';
import { size, type View } from '../../render/view';
import type { Sample } from '../data';

/** What came of really mapping a region: asked, got, and why they differ. */
export function sampleFields(sample: Sample, view: View): Field[] {
  const { fallbacks } = sample;
  const verdict = fallbacks.length === 0 ? span('as asked', 'good') : span('not as asked', 'warn');
  const rows: Field[] = [
    { label: 'Mapped', value: [`${size(view, sample.byteLength)} as a trial: `, verdict] },
    { label: '  asked', value: askedText(sample.asked) },
    { label: '  got', value: gotText(sample.got, view) },
  ];
  for (const { wanted, reason, fix } of fallbacks) {
    rows.push({ label: '  why', value: `no ${wanted}: ${reason}` });
    if (fix !== '' && !view.quiet) rows.push({ label: '  fix', value: span(fix, 'accent') });
  }
  return rows;
}

function askedText({ pages, carrier, numa, populate, lock }: Sample['asked']): string {
  return [
    `pages '${pages ?? 'default'}'`,
    ...(numa === null ? [] : [`numa ${numa}`]),
    ...(populate ? ['populated'] : []),
    ...(lock ? ['locked'] : []),
    ...(carrier === 'shared' ? ['shared carrier'] : []),
  ].join(', ');
}

/** Transparent huge pages come and go over base pages. */
const PAGES: Readonly<Record<string, string>> = { base: 'base pages', thp: 'transparent huge pages over base pages' };

function gotText(got: Sample['got'], view: View): Rich {
  const parts: (string | Span)[] = [
    `${PAGES[got.pages] ?? `${got.pages} huge pages`} of ${size(view, got.pageBytes)}`,
    ...(got.numa === null ? [] : [`, numa ${got.numa}${got.numaVerified ? ' (verified)' : ''}`]),
    got.populated ? ', populated' : ', not populated',
    ...(got.locked ? [', locked'] : []),
    `, ${got.carrier} carrier`,
  ];
  return parts;
}
