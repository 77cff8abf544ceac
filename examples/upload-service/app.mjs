import fastify from 'fastify';
import { sizesOf } from './image.mjs';

const LARGEST_UPLOAD = 4096 * 4096 * 4;

/**
 * The HTTP around both services.
 *
 * @param halve called with a request whose size is right; its body is a stream that nobody has read yet
 * @param ready what /ready answers
 */
export function createApp({ halve, ready, stats }) {
  // A client that is slower than this loses its place, or a few of them could hold all memory.
  const app = fastify({ bodyLimit: LARGEST_UPLOAD, requestTimeout: 30_000 });
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

/** Listens on this machine only, and says where. */
export async function listen(app) {
  const address = await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) });
  console.log(`listening on ${address}`);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close());
}
