import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Sandbox } from '../cli/harness.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', '..', 'examples', 'variant-calling');
const READS = '/usr/share/doc/bowtie2/examples/reads/reads_1.fq.gz';
const WORKFLOW = 'examples/variant-calling/workflow.ts';

const missing = ['bwa', 'samtools', 'bcftools'].filter((tool) => spawnSync(tool).error !== undefined);
if (!existsSync(READS)) missing.push('bowtie2-examples');
const needs = `needs ${missing.join(', ')}: apt-get install bwa samtools bcftools bowtie2-examples`;

/** A project of somebody's with the example in it, as if it had been copied there. */
function projectWithExample(): Sandbox {
  const sandbox = new Sandbox();
  sandbox.write('package.json', '{ "name": "somebody", "type": "module" }\n');
  mkdirSync(join(sandbox.folder, 'examples'));
  cpSync(EXAMPLE, join(sandbox.folder, 'examples', 'variant-calling'), { recursive: true });
  return sandbox;
}

function published(sandbox: Sandbox, name: string): Buffer {
  return readFileSync(join(sandbox.folder, 'results', 'variant-calling', name));
}

describe('examples/variant-calling', () => {
  test('has its tools and reads where it must not be skipped', () => {
    if (missing.length > 0) console.warn(`examples/variant-calling is not tested: ${needs}`);
    expect(process.env['CI'] !== undefined && missing.length > 0 ? needs : '').toBe('');
  });

  test.skipIf(missing.length > 0)(
    'finds the same variants, byte for byte, in another store with another number of slots',
    async () => {
      await using one = projectWithExample();
      await using other = projectWithExample();

      const first = await one.run(['run', WORKFLOW, '--jobs', '1']);
      const second = await other.run(['run', WORKFLOW, '--jobs', '3', '--store', join(other.folder, 'elsewhere')]);

      expect([first.code, second.code], first.stderr + second.stderr).toEqual([0, 0]);
      expect(first.stdout).toBe(second.stdout);
      expect(first.stdout).toMatch(/^reads primary: 20000$/m);
      const names = ['variants.vcf', 'aligned.bam', 'aligned.bam.bai', 'summary.txt', 'versions.txt'];
      expect(names.filter((name) => !published(one, name).equals(published(other, name)))).toEqual([]);
      const variants = published(one, 'variants.vcf')
        .toString()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'));
      // Lambda's simulated reads carry some ninety differences; what a version of the tools makes of them may vary.
      expect(variants.length).toBeGreaterThan(60);
      expect(variants.length).toBeLessThan(120);
      for (const line of variants)
        expect(line).toMatch(/^gi\|9626243\|ref\|NC_001416\.1\|\t\d+\t\.\t[ACGT]+\t[ACGT,]+\t/);
    },
  );

  test.skipIf(missing.length > 0)(
    'names the packages when a tool is missing, before anything is computed',
    async () => {
      await using sandbox = projectWithExample();
      const bin = join(sandbox.folder, 'tools');
      mkdirSync(bin);
      // Everything a shell needs, and all tools but bcftools.
      for (const name of [
        'sh',
        'bash',
        'dash',
        'sed',
        'awk',
        'gzip',
        'rm',
        'setsid',
        'cat',
        'mv',
        'mkdir',
        'ln',
        'bwa',
        'samtools',
      ]) {
        const at = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find(existsSync);
        if (at !== undefined) symlinkSync(at, join(bin, name));
      }

      const ended = await sandbox.run(['run', WORKFLOW], { env: { PATH: bin } });

      expect(ended.code).toBe(1);
      expect(ended.stderr).toContain(
        'bcftools is not installed. On Debian and Ubuntu: apt-get install bwa samtools bcftools',
      );
      const [{ counts } = { counts: undefined }] = await sandbox.json<readonly { readonly counts: unknown }[]>([
        'runs',
      ]);
      expect(counts).toMatchObject({ done: 0, failed: 1, cancelled: 16 });
    },
  );

  test.skipIf(missing.length > 0)('refuses reads that are not there, before anything is computed', async () => {
    await using sandbox = projectWithExample();

    const ended = await sandbox.run(['run', WORKFLOW, '-p', 'reads1=data/none.fq']);

    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toContain('data/none.fq');
  });
});
