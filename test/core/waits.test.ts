import { getEventListeners } from 'node:events';
import { Lookout, watchEnds } from '../../lib/core';
import { FakeTime } from '../support/fake-time';

function watched(ends: { deadlineMs?: number; signal?: AbortSignal }) {
  const time = new FakeTime();
  const seen: unknown[] = [];
  const leave = watchEnds(time, {
    deadlineMs: ends.deadlineMs,
    signal: ends.signal,
    timedOut: (deadlineMs) => seen.push(deadlineMs),
    aborted: (signal) => seen.push(signal.reason),
  });
  return { time, seen, leave };
}

test('a wait is told of its deadline and of its abort, with their numbers', () => {
  const stop = new AbortController();
  const { time, seen } = watched({ deadlineMs: 5, signal: stop.signal });
  time.advance(4);
  expect(seen).toEqual([]);
  time.advance(1);
  stop.abort('why');
  expect(seen).toEqual([5, 'why']);
});

test('a wait that has left hears nothing, and leaves nothing behind', () => {
  const stop = new AbortController();
  const { time, seen, leave } = watched({ deadlineMs: 5, signal: stop.signal });
  leave();
  leave();
  expect([time.pending, getEventListeners(stop.signal, 'abort').length]).toEqual([0, 0]);
  time.advance(10);
  stop.abort();
  expect(seen).toEqual([]);
});

test('a wait without an end starts nothing', () => {
  const { time, leave } = watched({});
  expect(time.pending).toBe(0);
  expect(leave).not.toThrow();
});

test('a wait that could not be watched for leaves nothing behind', () => {
  const signal = new AbortController().signal;
  jest.spyOn(signal, 'addEventListener').mockImplementation(() => {
    throw new RangeError('no stack left');
  });
  const time = new FakeTime();
  const ends = { deadlineMs: 5, signal, timedOut: () => {}, aborted: () => {} };
  expect(() => watchEnds(time, ends)).toThrow('no stack left');
  expect(time.pending).toBe(0);
});

test('a lookout looks after 1, 2, 4, 8 and then each 16 ms, one look at a time', () => {
  const time = new FakeTime();
  const at: number[] = [];
  const lookout = new Lookout(time, () => {
    at.push(time.now);
    lookout.later();
    lookout.later();
  });
  lookout.later();
  expect(time.pending).toBe(1);
  time.advance(63);
  expect(at).toEqual([1, 3, 7, 15, 31, 47, 63]);
  expect(time.pending).toBe(1);
});

test('a lookout that has found something looks soon again, and one that was stopped no more', () => {
  const time = new FakeTime();
  const at: number[] = [];
  const lookout = new Lookout(time, () => {
    at.push(time.now);
    if (at.length === 3) lookout.found();
    lookout.later();
  });
  lookout.later();
  time.advance(8);
  expect(at).toEqual([1, 3, 7, 8]);
  lookout.stop();
  expect(time.pending).toBe(0);
  lookout.later();
  time.advance(1);
  expect(at).toEqual([1, 3, 7, 8, 9]);
});

test('a timer that cannot be stopped holds nobody up', () => {
  const time = new FakeTime();
  jest.spyOn(time, 'stop').mockImplementation(() => {
    throw new Error('stop');
  });
  const controller = new AbortController();
  const ends = { deadlineMs: 5, signal: controller.signal, timedOut: () => {}, aborted: () => {} };
  const leave = watchEnds(time, ends);
  expect(leave).not.toThrow();
  expect(getEventListeners(controller.signal, 'abort').length).toBe(0);
  const lookout = new Lookout(time, () => {});
  lookout.later();
  expect(() => lookout.stop()).not.toThrow();
});
