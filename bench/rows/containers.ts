import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command, workflow } from '../../src/index.ts';
import { runThrough, scratch } from '../engine.ts';
import { count, type Figures, ms, type Row, times } from '../row.ts';

const COMMANDS = 60;
const AT_A_TIME = 2;
const BUDGET = 1.1;

const COMPONENT = fileURLToPath(new URL('../../test/real/components/podman.sh', import.meta.url));

/** Podman with a storage of its own, for as long as `body` takes; without podman there are no figures. */
async function withPodman(body: (image: string, directory: string) => Promise<Figures>): Promise<Figures> {
  await using home = await scratch();
  const env = { ...process.env, HEDDLE_COMPONENTS: home.path };
  const { status, stdout, stderr } = spawnSync('bash', [COMPONENT, 'up'], { env, encoding: 'utf8' });
  if (status === 69) return { isMissing: 1 };
  if (status !== 0) throw new Error(stderr);
  const lines = new Map(stdout.split('\n').map((line) => line.split('=') as [string, string]));
  for (const name of ['CONTAINERS_CONF', 'CONTAINERS_STORAGE_CONF']) process.env[name] = lines.get(name) ?? '';
  try {
    await using directory = await scratch('memory');
    return await body(lines.get('HEDDLE_TEST_IMAGE') ?? '', directory.path);
  } finally {
    execFileSync('bash', [COMPONENT, 'down'], { env });
  }
}

async function heddle(image: string, directory: string): Promise<Figures> {
  const nothing = command('true', { run: () => ['/bin/true'], container: { image, runtime: 'podman' } });
  const graph = workflow('contained', () => {
    for (let i = 0; i < COMMANDS; i += 1) nothing();
  }).build({});
  const { ms: wallMs } = await runThrough(graph, { store: directory, slots: AT_A_TIME });
  return { wallMs };
}

/** The same by hand: each in a directory of its own, which is what the container sees, with the same limits. */
async function podman(image: string, directory: string): Promise<Figures> {
  const rules: string[] = [];
  for (let i = 0; i < COMMANDS; i += 1) {
    const own = join(directory, `job-${i}`);
    await mkdir(own);
    const options = `--rm --init --network none --log-driver none --cpus 1 --user 0:0 --workdir ${own} -v ${own}:${own}`;
    rules.push(`job-${i}:\n\t@cd ${own} && podman run --name job-${i} ${options} ${image} /bin/true\n`);
  }
  const all = Array.from({ length: COMMANDS }, (_, i) => `job-${i}`).join(' ');
  await writeFile(join(directory, 'Makefile'), `all: ${all}\n${rules.join('')}.PHONY: all ${all}\n`);
  const begin = performance.now();
  const [code] = (await once(spawn('make', ['-s', `-j${AT_A_TIME}`], { cwd: directory, stdio: 'ignore' }), 'exit')) as [
    number | null,
  ];
  if (code !== 0) throw new Error(`make ended with ${code}`);
  return { wallMs: performance.now() - begin };
}

export const containers: Row = {
  name: 'containers',
  repetitions: 5,
  probes: {
    heddle: { run: () => withPodman(heddle) },
    podman: { run: () => withPodman(podman) },
  },
  conclude(median) {
    const [ours, rival] = [median('heddle', 'wallMs'), median('podman', 'wallMs')];
    const isMissing = median('heddle', 'isMissing') === 1;
    return [
      {
        what: `${count(COMMANDS)} durable commands (true) in podman, ${AT_A_TIME} at a time: wall`,
        ours: isMissing ? 'no podman here' : ms(ours),
        rival: isMissing ? '-' : `${ms(rival)} podman run, by make -j${AT_A_TIME}`,
        ratio: isMissing ? '-' : times(ours / rival),
        budget: `<= ${BUDGET} x`,
        isMet: isMissing || ours <= BUDGET * rival,
        method:
          'from run() to the end of the run, store and work directories in memory (tmpfs); make runs podman with the same limits, mounts and user, in directories made before',
      },
    ];
  },
};
