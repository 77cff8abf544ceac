/** A place in an {@link Order}. */
export class Link<E> {
  readonly entry: E;
  before: Link<E> | null = null;
  after: Link<E> | null = null;
  linked = false;

  constructor(entry: E) {
    this.entry = entry;
  }
}

/** A list from the oldest to the newest, from which any can be taken at once. */
export class Order<E> {
  oldest: Link<E> | null = null;
  newest: Link<E> | null = null;
  length = 0;

  push(link: Link<E>): void {
    link.before = this.newest;
    if (this.newest === null) this.oldest = link;
    else this.newest.after = link;
    this.newest = link;
    link.linked = true;
    this.length += 1;
  }

  /** Nothing happens to one that is not in the list. */
  remove(link: Link<E>): void {
    if (!link.linked) return;
    const { before, after } = link;
    if (before === null) this.oldest = after;
    else before.after = after;
    if (after === null) this.newest = before;
    else after.before = before;
    link.before = null;
    link.after = null;
    link.linked = false;
    this.length -= 1;
  }
}
