// Words of a worker's mailbox: what it is about to hand over, and a ring of what it has handed over (offset, size).
exports.MAILBOX = { intent: 0, intentSize: 1, head: 2, tail: 3, first: 4, slots: 256, words: 4 + 256 * 2 };
