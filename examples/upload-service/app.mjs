import fastify from 'fastify';
import { sizesOf } from './image.mjs';

const LARGEST_UPLOAD = 4096 * 4096 * 4;
/** Time for a client to send its request, and to take the answer. A slower one loses its place, or a few hold all memory. */
export const CLIENT_MS = Number(process.env.CLIENT_MS ?? 30_000);

/**
 * The HTTP around both services.
 *
 * @param halve called with a request whose size is right; its body is a stream that nobody has read yet
 * @param ready what /ready answers
 */
export function createApp({ halve, ready, stats }) {
  // Of a longer time for headers, which is the default, Node.js would make that for the request.
  const http = { headersTimeout: CLIENT_MS, connectionsCheckingInterval: Math.ceil(CLIENT_MS / 10) };
  const app = fastify({ bodyLimit: LARGEST_UPLOAD, requestTimeout: CLIENT_MS, http });
  // The parsers of fastify collect whole bodies, of which no budget knows: what is no image is refused unread.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  app.post('/halve', async (request, reply) => {
    const sizes = sizesOf(request.query);
    const length = Number(request.headers['content-length']);
    if (sizes === null || length !== sizes.input) {
      reply.code(400).header('connection', 'close');
      return { error: 'width and height must be even, 2 to 4096, and the body width * height * 4 bytes of RGBA' };
    }
    return await halve(sizes, request, reply);
  });
  // Alive is who can answer: a service that is short of memory must not be restarted for it.
  app.get('/live', () => ({ status: 'ok' }));
  app.get('/ready', (_request, reply) => {
    const { ok, ...rest } = ready();
    if (!ok) reply.code(503).header('retry-after', '1');
    return { status: ok ? 'ok' : 'busy', ...rest };
  });
  app.get('/stats', () => stats());
  return app;
}

/** Listens on this machine only, and says where. When it is told to end, what is under way has so long to finish. */
export async function listen(app, drainMs = 10_000) {
  const address = await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) });
  console.log(`listening on ${address}`);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      // A connection on which nobody ever said anything would hold it up, too.
      setTimeout(() => app.server.closeAllConnections(), drainMs).unref();
      void app.close();
    });
  }
}
