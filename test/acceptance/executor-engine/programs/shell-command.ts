// A command without a shell in between; it is recorded in the job's directory.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Engine, SubprocessJob } from 'heddle';

await using engine = await Engine.open();
const job = new SubprocessJob(`node -e 'console.log(1 + 2)'`);
engine.submit(job);
await job.wait();
console.log((await job.stdout()).trim());
console.log(await job.result());
console.log(readFileSync(join(job.directory, 'command.sh'), 'utf8').includes('console.log(1 + 2)'));
