/**
 * True for a view that shows nobody's bytes any more. Its length is 0, or, on Node 20 while a request of the event loop is
 * in flight (a test runner has some now and then), it reads zeros until there is none.
 */
export function isEmptied(view: Uint8Array): boolean {
  return view.length === 0 || view.every((byte) => byte === 0);
}
