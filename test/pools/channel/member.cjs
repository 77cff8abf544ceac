// A sender or receiver of a channel, in a worker or a process of its own, until it is done, told to stop or killed. Needs
// dist/.
const { resolve } = require('node:path');
const { isMainThread, parentPort, workerData } = require('node:worker_threads');

const setup = isMainThread ? JSON.parse(process.env.MEMBER_SETUP) : workerData;
const { Channel, Region } = require(setup.library ?? resolve(__dirname, '../../../dist'));

const STOP = 0;
const MARKED = 1;
const BAD = 2;
const desk = Region.attach(setup.desk);
const control = new Int32Array(desk.buffer, 0, 16);
const marks = new Int32Array(desk.buffer, 64);
const channel = Channel.attach(setup.handle);
const { role, id, way, messages, messageBytes, perSender } = setup;

/** Sender, number, then bytes that follow from both, and their sum. */
function write(bytes, number) {
  const length = 12 + ((number * 7 + id) % (messageBytes - 12));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(0, id, true);
  view.setUint32(4, number, true);
  let sum = id + number;
  for (let at = 12; at < length; at += 1) {
    bytes[at] = number + at;
    sum = (sum + bytes[at]) | 0;
  }
  view.setInt32(8, sum, true);
  return length;
}

/** Marks what came; what is not whole is counted. */
function take(message) {
  const { bytes } = message;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [sender, number] = [view.getUint32(0, true), view.getUint32(4, true)];
  let sum = sender + number;
  for (let at = 12; at < bytes.length; at += 1) sum = (sum + bytes[at]) | 0;
  const whole = sum === view.getInt32(8, true) && bytes.length === 12 + ((number * 7 + sender) % (messageBytes - 12));
  if (!whole || number >= perSender) Atomics.add(control, BAD, 1);
  else Atomics.add(marks, sender * perSender + number, 1);
  Atomics.add(control, MARKED, 1);
  if (!message.isReleased) message.release();
}

const stopped = () => Atomics.load(control, STOP) !== 0;

async function send() {
  const sender = channel.sender().ref();
  const own = new Uint8Array(messageBytes);
  if (way === 'hold') {
    globalThis.kept = sender.tryReserve();
    tell('begun');
    setInterval(() => {}, 1000);
    return new Promise(() => {});
  }
  tell('begun');
  for (let number = 0; number < messages && !stopped(); ) {
    if (way === 'many') {
      const batch = [];
      for (let i = 0; i < 20 && number + i < messages; i += 1) {
        const bytes = new Uint8Array(messageBytes);
        batch.push(bytes.subarray(0, write(bytes, number + i)));
      }
      number += await sender.sendMany(batch);
      continue;
    }
    if (way === 'reserve') {
      const place = await sender.reserve();
      place.commit(write(place.bytes, number));
    } else if (way === 'sync') sender.sendSync((bytes) => write(bytes, number));
    else await sender.send(own.subarray(0, write(own, number)));
    number += 1;
  }
}

async function receive() {
  const receiver = channel.receiver({ copy: way === 'copy' }).ref();
  tell('begun');
  try {
    if (way === 'hold') {
      globalThis.kept = await receiver.receive();
      setInterval(() => {}, 1000);
      return new Promise(() => {});
    }
    for (;;) {
      if (way === 'sync') take(receiver.receiveSync());
      else if (way === 'many') for (const message of await receiver.receiveMany(16)) take(message);
      else take(await receiver.receive());
    }
  } catch (error) {
    if (error.code !== 'ERR_MEMORY_CLOSED') throw error;
  }
}

function tell(text) {
  if (isMainThread) process.send(text);
  else parentPort.postMessage(text);
}

(role === 'send' ? send() : receive()).then(
  () => {
    channel.close();
    desk.free();
    if (isMainThread) process.disconnect();
  },
  (error) => {
    // The receivers may all be gone before the senders are told to stop.
    if (error.code === 'ERR_MEMORY_CLOSED') process.exit(0);
    console.error(error);
    process.exit(1);
  },
);
