// Clients that upload slowly, as phones do: that is when memory is held.
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const SLICES = 32;

/** One upload. Resolves with the status, the body and what the service says about coming again. */
function upload(url, agent, image, uploadMs) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': image.length };
    const post = request(url, { method: 'POST', agent, headers });
    let isAnswered = false;
    post.once('response', (response) => {
      isAnswered = true;
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.once('error', reject);
      response.once('end', () => {
        // Who was refused does not send the rest.
        if (!post.writableEnded) post.destroy();
        const { statusCode, headers } = response;
        resolve({
          status: statusCode,
          body: Buffer.concat(parts),
          retryMs: Number(headers['retry-after'] ?? 1) * 1000,
        });
      });
    });
    // Of a request that was given up after its answer.
    post.on('error', (error) => (isAnswered ? undefined : reject(error)));
    void write(post, image, uploadMs, () => isAnswered);
  });
}

async function write(post, image, uploadMs, isAnswered) {
  const step = Math.ceil(image.length / SLICES);
  for (let at = 0; at < image.length; at += step) {
    if (isAnswered() || post.destroyed) return;
    post.write(image.subarray(at, at + step));
    await sleep(uploadMs / SLICES);
  }
  post.end();
}

/** Runs clients until the time is up or the service is gone. Latency is from the first try to the image, retries included. */
export async function drive(url, { clients, seconds, image, expected, uploadMs, isGone }) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const told = { served: 0, refused: 0, failed: 0, wrong: 0, latencies: [] };
  const endMs = performance.now() + seconds * 1000;
  const isOver = () => isGone() || performance.now() >= endMs;
  const one = async (index) => {
    await sleep((uploadMs * index) / clients);
    let startMs = performance.now();
    while (!isOver()) {
      try {
        const { status, body, retryMs } = await upload(url, agent, image, uploadMs);
        if (status === 200) {
          if (body.equals(expected)) told.served += 1;
          else told.wrong += 1;
          told.latencies.push(performance.now() - startMs);
          startMs = performance.now();
        } else if (status === 503) {
          told.refused += 1;
          await sleep(retryMs * (0.5 + Math.random()));
        } else told.failed += 1;
      } catch {
        told.failed += 1;
        await sleep(100);
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => one(index)));
  agent.destroy();
  return told;
}
