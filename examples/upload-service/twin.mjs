// The same service as it is usually written: what comes in is collected, worked on and sent. Nothing counts the bytes.
import { createApp, listen } from './app.mjs';
import { halve } from './image.mjs';

const counters = { served: 0 };

async function work(sizes, request, reply) {
  const chunks = [];
  for await (const chunk of request.body) chunks.push(chunk);
  const input = Buffer.concat(chunks);
  const scratch = Buffer.allocUnsafe(sizes.scratch);
  const output = Buffer.allocUnsafe(sizes.output);
  halve(sizes, input, scratch, output);
  counters.served += 1;
  reply.type('application/octet-stream');
  return output;
}

await listen(createApp({ halve: work, ready: () => ({ ok: true }), stats: () => counters }));
