// Writes the archive format that Linux unpacks as its first file system ("newc"), so that neither cpio nor root is needed.

const S_DIR = 0o040755;
const S_FILE = 0o100000;
const S_LINK = 0o120777;
const S_CHAR = 0o020600;

const pad = (length) => Buffer.alloc((4 - (length % 4)) % 4);

export class Cpio {
  #pieces = [];
  #inode = 1;
  #folders = new Set();

  #entry(name, mode, data, [major, minor] = [0, 0]) {
    const fields = [this.#inode++, mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length + 1, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
    this.#pieces.push(Buffer.from(head, 'latin1'), pad(head.length), data, pad(data.length));
  }

  #parents(path) {
    const parts = path.split('/').slice(0, -1);
    for (let i = 1; i <= parts.length; i++) this.folder(parts.slice(0, i).join('/'));
  }

  folder(path) {
    const name = path.replace(/^\//, '');
    if (name === '' || this.#folders.has(name)) return;
    this.#folders.add(name);
    this.#parents(name);
    this.#entry(name, S_DIR, Buffer.alloc(0));
  }

  file(path, data, { executable = false } = {}) {
    const name = path.replace(/^\//, '');
    this.#parents(name);
    this.#entry(name, S_FILE | (executable ? 0o755 : 0o644), Buffer.from(data));
  }

  link(path, target) {
    const name = path.replace(/^\//, '');
    this.#parents(name);
    this.#entry(name, S_LINK, Buffer.from(target));
  }

  device(path, major, minor) {
    const name = path.replace(/^\//, '');
    this.#parents(name);
    this.#entry(name, S_CHAR, Buffer.alloc(0), [major, minor]);
  }

  finish() {
    this.#entry('TRAILER!!!', 0, Buffer.alloc(0));
    return Buffer.concat(this.#pieces);
  }
}
