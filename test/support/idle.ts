import { native } from '../../lib/platform/native';

/**
 * Waits until no request of the event loop is in flight: for tests that look at once whether views have length 0, which
 * Node.js 20 makes them only then (a test runner has requests now and then).
 */
export async function untilIdle(): Promise<void> {
  while (!native().idle()) await new Promise((resolve) => setTimeout(resolve, 1));
}
