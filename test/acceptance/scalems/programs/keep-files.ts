import { writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { FileStore } from 'heddle';

/** Adds files until it is killed, and tells of each one that is safe. */
const directory = process.argv[2] as string;
const store = await FileStore.open(directory);
writeSync(1, `open ${process.pid}\n`);
for (let i = 0; process.argv[3] === 'add'; i += 1) {
  const source = join(directory, 'source');
  writeFileSync(source, `content ${i}\n`.repeat(1 + (i % 7) * 3000));
  const { sha256 } = await store.addFile(source);
  store.putObject(`object ${i}`, i);
  writeSync(1, `${sha256} ${i}\n`);
}
// Held until it is killed.
setInterval(() => undefined, 60_000);
