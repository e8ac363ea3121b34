import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needed } from '../../needed.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { rootfs, TargetBox, targets } from './lab.ts';

const EXAMPLE = join(import.meta.dirname, '../../../examples/variant-calling');
const WORKFLOW = 'examples/variant-calling/workflow.ts';
const EXAMPLES = '/usr/share/doc/bowtie2/examples';

/** What the example's commands call. */
const PROGRAMS = ['bwa', 'samtools', 'bcftools', 'bash', 'sh', 'awk', 'sed', 'gzip', 'rm', 'cat', 'mkdir', 'ln', 'mv'];

const isThere = needed(
  ['bwa', 'samtools', 'bcftools'].every((tool) => spawnSync(tool).error === undefined) && existsSync(EXAMPLES),
  'examples/variant-calling needs bwa, samtools, bcftools and bowtie2-examples',
);

/** An image with the tools: this machine's own programs and what they are linked with, and nothing else. */
function makeImage(into: string): void {
  for (const folder of ['bin', 'usr', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root', 'var/tmp', 'home'])
    mkdirSync(join(into, folder), { recursive: true });
  symlinkSync('../bin', join(into, 'usr', 'bin'));
  writeFileSync(join(into, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(into, 'etc', 'group'), 'root:x:0:\n');
  for (const program of PROGRAMS) {
    const path = execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' }).trim();
    cpSync(realpathSync(path), join(into, 'bin', program));
    for (const library of librariesOf(path)) {
      const to = join(into, library);
      if (existsSync(to)) continue;
      mkdirSync(dirname(to), { recursive: true });
      cpSync(realpathSync(library), to);
    }
  }
}

/** Paths that the loader says it takes, the loader itself too. */
function librariesOf(program: string): readonly string[] {
  const said = spawnSync('ldd', [program], { encoding: 'utf8' }).stdout;
  const found = [...said.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
  // Loaded when a thread ends: nothing is linked with it.
  const late = found.filter((path) => /\/libc\.so/.test(path)).map((path) => join(dirname(path), 'libgcc_s.so.1'));
  return [...found, ...late.filter((path) => existsSync(path))];
}

const image = ownFolder('tools');

type Results = Readonly<Record<string, Buffer>>;

async function callOn(...flags: readonly string[]): Promise<Results> {
  const container = (runtime: string): Readonly<Record<string, unknown>> => ({ container: { runtime, image } });
  await using box = new TargetBox(
    {},
    {
      bubblewrap: container('bubblewrap'),
      charliecloud: container('charliecloud'),
      contained: { ...targets['slurm'], ...container('bubblewrap') },
    },
  );
  mkdirSync(join(box.folder, 'examples'));
  cpSync(EXAMPLE, join(box.folder, 'examples', 'variant-calling'), { recursive: true });
  // Some of the reads: enough to find variants.
  for (const mate of [1, 2]) {
    const all = gunzipSync(readFileSync(join(EXAMPLES, 'reads', `reads_${mate}.fq.gz`))).toString();
    box.write(
      `reads_${mate}.fq`,
      `${all
        .split('\n')
        .slice(0, 4 * 3000)
        .join('\n')}\n`,
    );
  }
  // Beside the reads: a sandbox over a directory has no place for files of other folders.
  cpSync(join(EXAMPLES, 'reference', 'lambda_virus.fa.gz'), join(box.folder, 'lambda.fa.gz'));
  const own = ['-p', 'reference=lambda.fa.gz', '-p', 'reads1=reads_1.fq', '-p', 'reads2=reads_2.fq', '-p', 'chunks=2'];
  const ended = await box.heddle('run', WORKFLOW, ...own, ...flags);
  if (ended.code !== 0) throw new Error(`ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
  const names = ['variants.vcf', 'aligned.bam', 'aligned.bam.bai', 'summary.txt', 'versions.txt'];
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(box.folder, 'results', 'variant-calling', name))]),
  );
}

describe.skipIf(!isThere)('examples/variant-calling', () => {
  let here: Results;
  beforeAll(async () => {
    chmodSync(image, 0o755);
    makeImage(image);
    here = await callOn();
  });
  afterAll(() => giveBack(image));

  test('finds variants', () => {
    expect(here['variants.vcf']?.toString().match(/^gi\|/gm)?.length).toBeGreaterThan(20);
  });

  const places = ['slurm', 'grid', 'host'].filter((name) => name in targets);
  test.concurrent.each(places)('has the same results on %s', async (target) => {
    expect(await callOn('--backend', target)).toEqual(here);
  });

  // On this machine, and in jobs of Slurm.
  const images = rootfs === '' ? [] : ['bubblewrap', 'charliecloud', ...('slurm' in targets ? ['contained'] : [])];
  test.concurrent.each(images)('has the same results in an image: %s', async (target) => {
    expect(await callOn('--backend', target)).toEqual(here);
  });
});
