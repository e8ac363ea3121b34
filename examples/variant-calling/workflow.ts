/**
 * From reads to variants with the usual tools: index, scatter, align, sort, merge, call, summarise. README.md says more.
 */
import { existsSync } from 'node:fs';
import { command, file, input, sh, text, workflow, type Workflow } from 'heddle';

/** What can be varied with `-p name=value`. A path that does not start with `/` begins at the project's directory. */
interface Parameters {
  /** FASTA, plain or gzipped. */
  readonly reference?: string;
  /** First and second mates: FASTQ, plain or gzipped. */
  readonly reads1?: string;
  readonly reads2?: string;
  readonly sample?: string;
  /** Parts the reads are aligned in, side by side. */
  readonly chunks?: number;
  readonly ploidy?: number;
}

/** A file given to the workflow, or made in it. */
type File = ReturnType<typeof input>;

/** Debian's packages with the tools, and with reads of phage lambda to try them on. */
const PACKAGES = 'bwa samtools bcftools bowtie2-examples';
const EXAMPLES = '/usr/share/doc/bowtie2/examples';

/**
 * Runs first, so that a machine without the tools says what to install before anything else is done. What it writes
 * is an input of the jobs that begin: they wait for it, and other versions of the tools are other inputs.
 */
const findTools = command('find-tools', {
  run: () => sh`for tool in bwa samtools bcftools; do
  command -v $tool > /dev/null && continue
  echo $tool is not installed. On Debian and Ubuntu: apt-get install ${PACKAGES} >&2
  exit 1
done
{
  echo "bwa $(bwa 2>&1 | sed -n 's/^Version: //p')"
  samtools --version | sed -n 1p
  bcftools --version | sed -n 1p
} > versions.txt`,
  outputs: { versions: file('versions.txt', { publish: 'variant-calling/versions.txt' }) },
});

/** `gzip -cdf` unpacks what is packed and passes on what is not. */
const index = command('index', {
  run: (p: { readonly reference: File; readonly versions: File }) => sh`gzip -cdf ${p.reference} > reference.fa &&
bwa index reference.fa &&
samtools faidx reference.fa`,
  inputs: ({ versions }) => ({ 'versions.txt': versions }),
  outputs: {
    genome: file('reference.fa'),
    amb: file('reference.fa.amb'),
    ann: file('reference.fa.ann'),
    bwt: file('reference.fa.bwt'),
    pac: file('reference.fa.pac'),
    sa: file('reference.fa.sa'),
    fai: file('reference.fa.fai'),
  },
});

type Index = ReturnType<typeof index>;

interface Hand {
  readonly reads1: File;
  readonly reads2: File;
  readonly versions: File;
  readonly chunk: number;
  readonly chunks: number;
}

/** Deals one hand of the reads: of `chunks` hands the one numbered `chunk`, from 0. Mates stay together. */
const deal = command('deal', {
  run: (p: Hand) => sh`deal() { awk -v chunk=${p.chunk} -v chunks=${p.chunks} 'int((NR - 1) / 4) % chunks == chunk'; }
gzip -cdf ${p.reads1} > all && deal < all > mates1.fq &&
gzip -cdf ${p.reads2} > all && deal < all > mates2.fq &&
rm all`,
  inputs: ({ versions }) => ({ 'versions.txt': versions }),
  outputs: { mates1: file('mates1.fq'), mates2: file('mates2.fq') },
});

const align = command('align', {
  run: (p: { readonly index: Index; readonly mates1: File; readonly mates2: File; readonly sample: string }) =>
    sh`bwa mem -t 1 -R ${`@RG\\tID:${p.sample}\\tSM:${p.sample}`} inputs/reference.fa ${p.mates1} ${p.mates2} > aligned.sam`,
  // bwa finds its index by the genome's name, so the files get the names they had when it was made.
  inputs: ({ index: { genome, amb, ann, bwt, pac, sa } }) => ({
    'reference.fa': genome,
    'reference.fa.amb': amb,
    'reference.fa.ann': ann,
    'reference.fa.bwt': bwt,
    'reference.fa.pac': pac,
    'reference.fa.sa': sa,
  }),
  outputs: { alignments: file('aligned.sam') },
});

/** `--no-PG` keeps the tool's own command line out of the file, so that the same reads give the same bytes. */
const sort = command('sort', {
  run: (p: { readonly alignments: File }) => sh`samtools sort --no-PG -o sorted.bam ${p.alignments}`,
  outputs: { alignments: file('sorted.bam') },
});

const merge = command('merge', {
  run: (p: { readonly parts: readonly File[] }) => sh`samtools merge --no-PG -c -p merged.bam ${p.parts} &&
samtools index merged.bam`,
  outputs: {
    alignments: file('merged.bam', { publish: 'variant-calling/aligned.bam' }),
    index: file('merged.bam.bai', { publish: 'variant-calling/aligned.bam.bai' }),
  },
});

/** Two steps and no pipe: a shell without `pipefail` would not tell that the first one failed. */
const call = command('call', {
  run: (p: { readonly index: Index; readonly alignments: File; readonly ploidy: number }) =>
    sh`bcftools mpileup --no-version -Ou -f inputs/reference.fa -o pileup.bcf ${p.alignments} &&
bcftools call --no-version -mv --ploidy ${p.ploidy} -Ov -o variants.vcf pileup.bcf &&
rm pileup.bcf`,
  inputs: ({ index: { genome, fai } }) => ({ 'reference.fa': genome, 'reference.fa.fai': fai }),
  outputs: { variants: file('variants.vcf', { publish: 'variant-calling/variants.vcf' }) },
});

const summarise = command('summarise', {
  run: (p: { readonly alignments: File; readonly variants: File }) =>
    sh`samtools flagstat ${p.alignments} > flagstat.txt &&
bcftools stats ${p.variants} > stats.txt &&
{
  sed -n 's/^\\([0-9]*\\) + [0-9]* \\(primary\\|primary mapped\\|properly paired\\)\\( (.*\\)\\{0,1\\}$/reads \\2: \\1/p' flagstat.txt
  awk -F '\\t' '$1 == "SN" && $4 > 0 && $3 !~ /samples/ {
    sub("number of ", "", $3); sub("records", "variants", $3); print $3, $4
  }' stats.txt
} > summary.txt`,
  outputs: { summary: text('summary.txt', { publish: 'variant-calling/summary.txt' }) },
});

const pipeline: Workflow<Parameters> = workflow('variant-calling', (p) => {
  const { sample = 'lambda', chunks = 4, ploidy = 1 } = p;
  const [reference, reads1, reads2] = [
    p.reference ?? example('reference/lambda_virus.fa.gz'),
    p.reads1 ?? example('reads/reads_1.fq.gz'),
    p.reads2 ?? example('reads/reads_2.fq.gz'),
  ].map(input) as [File, File, File];

  const { versions } = findTools();
  const genome = index({ reference, versions });
  const parts = Array.from({ length: chunks }, (_, chunk) => {
    const { mates1, mates2 } = deal({ reads1, reads2, versions, chunk, chunks });
    return sort({ alignments: align({ index: genome, mates1, mates2, sample }).alignments }).alignments;
  });
  const { alignments } = merge({ parts });
  const { variants } = call({ index: genome, alignments, ploidy });
  return { summary: summarise({ alignments, variants }).summary };
});

/** One of the files that come with the tools. */
function example(name: string): string {
  const path = `${EXAMPLES}/${name}`;
  if (existsSync(path)) return path;
  throw new Error(
    `${path} is not there. Install the example's reads and tools, on Debian and Ubuntu: apt-get install ${PACKAGES}; ` +
      `or name files of your own: -p reference=... -p reads1=... -p reads2=...`,
  );
}

export default pipeline;
