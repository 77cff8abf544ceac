const { parentPort, threadId } = require('node:worker_threads');
const { localArena } = require('../../../dist/arenas/index.js');

const arena = localArena({ chunkBytes: 4096 });
arena.alloc(100).fill(1);
parentPort.postMessage({ same: localArena() === arena, used: arena.usedBytes, thread: arena.threadId === threadId });
