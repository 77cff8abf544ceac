import fc from 'fast-check';
import { PRESSURE_LEVELS, type PressureLevel } from '../../lib/core';
import { PressureGauge, type PressureThresholds } from '../../lib/monitor';
import { LevelDwell, rankOf } from '../../lib/monitor/scale';
import { codeOf } from './support';

describe('a gauge', () => {
  const thresholds = { low: [0.2, 0.1], medium: [0.4, 0.3], high: [0.6, 0.5], critical: [0.8, 0.7] } as const;

  it.each<[string, readonly (readonly [number, PressureLevel])[]]>([
    [
      'goes up at the threshold, not before',
      [
        [0.19, 'none'],
        [0.2, 'low'],
        [0.39, 'low'],
        [0.4, 'medium'],
        [0.6, 'high'],
        [0.8, 'critical'],
      ],
    ],
    [
      'goes over several levels at once, both ways',
      [
        [0.9, 'critical'],
        [0, 'none'],
        [0.65, 'high'],
        [0.15, 'low'],
        [0.05, 'none'],
      ],
    ],
    [
      'keeps a level down to where it is left',
      [
        [0.8, 'critical'],
        [0.7, 'critical'],
        [0.69, 'high'],
        [0.5, 'high'],
        [0.49, 'medium'],
        [0.3, 'medium'],
        [0.29, 'low'],
        [0.1, 'low'],
        [0.09, 'none'],
      ],
    ],
    [
      'does not take back a level in the band between the two',
      [
        [0.6, 'high'],
        [0.55, 'high'],
        [0.49, 'medium'],
        [0.55, 'medium'],
        [0.59, 'medium'],
        [0.6, 'high'],
      ],
    ],
    [
      'gives one level for a value that trembles around a threshold',
      [
        [0.4, 'medium'],
        [0.39, 'medium'],
        [0.41, 'medium'],
        [0.38, 'medium'],
        [0.4, 'medium'],
      ],
    ],
  ])('%s', (_, steps) => {
    const gauge = new PressureGauge('test', thresholds);
    expect(steps.map(([value]) => [value, gauge.update(value)])).toEqual(steps);
  });

  it('knows numbers, pairs, levels that it never says, and defaults', () => {
    const gauge = new PressureGauge('test', { low: null, medium: 10, high: [20, 15] }, { critical: [30, 29] });
    expect([0, 9, 10, 9.5, 9, 8.9].map((value) => gauge.update(value))).toEqual([
      'none',
      'none',
      'medium',
      'medium',
      'medium',
      'none',
    ]);
    expect(gauge.update(30)).toBe('critical');
    expect(gauge.lowest).toBe(9);
    gauge.reset();
    expect(gauge.level).toBe('none');
  });

  it.each<[PressureThresholds, string]>([
    [{ low: 0.5, medium: 0.4 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ low: [0.5, 0.5] }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ low: [0.2, 0.15], medium: [0.4, 0.1] }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ low: 0 }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ low: Number.NaN }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ low: Number.POSITIVE_INFINITY }, 'ERR_MEMORY_OUT_OF_RANGE'],
    [{ low: '0.5' as never }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ low: [0.5] as never }, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [{ none: 1 } as never, 'ERR_MEMORY_INVALID_ARGUMENT'],
    [[] as never, 'ERR_MEMORY_INVALID_ARGUMENT'],
  ])('refuses %j', (bad, code) => {
    expect(codeOf(() => new PressureGauge('test', bad))).toBe(code);
  });
});

describe('the dwell time', () => {
  it('lets the level rise at once, and fall to the highest of what was read since', () => {
    const dwell = new LevelDwell(100);
    const steps: [number, PressureLevel, PressureLevel][] = [
      [0, 'critical', 'critical'],
      [10, 'low', 'critical'],
      [60, 'medium', 'critical'],
      [109, 'none', 'critical'],
      [110, 'none', 'medium'],
      [209, 'none', 'medium'],
      [210, 'none', 'none'],
      [211, 'high', 'high'],
      [215, 'none', 'high'],
      [300, 'high', 'high'],
      [310, 'none', 'high'],
      [409, 'none', 'high'],
      [410, 'none', 'none'],
    ];
    expect(steps.map(([at, raw]) => [at, raw, dwell.update(raw, at)])).toEqual(steps);
  });

  const readings = fc.array(
    fc.record({ level: fc.constantFrom(...PRESSURE_LEVELS), afterMs: fc.integer({ min: 0, max: 400 }) }),
    { minLength: 1, maxLength: 200 },
  );

  it('never lets the level fall sooner than that after any change, nor tell less than was read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), readings, (dwellMs, list) => {
        const dwell = new LevelDwell(dwellMs);
        let [now, changedMs, before] = [0, Number.NEGATIVE_INFINITY, dwell.level];
        for (const { level: raw, afterMs } of list) {
          now += afterMs;
          const after = dwell.update(raw, now);
          expect(rankOf(after)).toBeGreaterThanOrEqual(rankOf(raw));
          if (rankOf(after) < rankOf(before)) expect(now - changedMs).toBeGreaterThanOrEqual(dwellMs);
          if (after !== before) changedMs = now;
          before = after;
        }
        // When readings stay as they are, the level comes down to them in the end.
        const last = list.at(-1)?.level ?? 'none';
        for (let i = 0; i < 6; i += 1) dwell.update(last, (now += dwellMs));
        expect(dwell.level).toBe(last);
      }),
    );
  });

  it('never falls on a clock that goes back', () => {
    const dwell = new LevelDwell(10);
    dwell.update('high', 100);
    dwell.update('none', 100);
    expect(dwell.update('none', 50)).toBe('high');
  });
});
