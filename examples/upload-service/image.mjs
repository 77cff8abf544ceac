// What the service does with an upload: an RGBA image comes in, one of half its width and height goes out.

const LARGEST_SIDE = 4096;
const PIXEL_BYTES = 4;

/** The sizes that a request needs, in bytes, from `?width=…&height=…`; null for anything else. */
export function sizesOf({ width, height }) {
  const [w, h] = [width, height].map((text) => (/^\d{1,4}$/.test(text ?? '') ? Number(text) : 0));
  const isRight = [w, h].every((side) => side >= 2 && side <= LARGEST_SIDE && side % 2 === 0);
  if (!isRight) return null;
  const input = w * h * PIXEL_BYTES;
  return { width: w, height: h, input, scratch: input / 2, output: input / 4 };
}

/** Averages pairs of columns into `scratch`, then pairs of rows into `output`. */
export function halve({ width, height }, input, scratch, output) {
  const row = (width / 2) * PIXEL_BYTES;
  for (let to = 0, from = 0; to < scratch.length; from += PIXEL_BYTES) {
    for (let end = to + PIXEL_BYTES; to < end; to += 1, from += 1) {
      scratch[to] = (input[from] + input[from + PIXEL_BYTES] + 1) >> 1;
    }
  }
  for (let y = 0; y < height / 2; y += 1) {
    const from = 2 * y * row;
    for (let x = 0; x < row; x += 1) output[y * row + x] = (scratch[from + x] + scratch[from + row + x] + 1) >> 1;
  }
}

/** An image to try it with. */
export function sampleImage(width, height) {
  const image = Buffer.alloc(width * height * PIXEL_BYTES);
  for (let at = 0; at < image.length; at += 1) image[at] = (at * 7 + (at >> 9)) & 255;
  return image;
}
