import type { RunAnswer, Transport } from '../../backends/transport/index.ts';
import type { Scheduler, SchedulerFacts } from '../../backends/scheduler/index.ts';
import type { TargetSettings, WaySettings } from '../../config/index.ts';
import { isNewEnough } from '../../backends/code/index.ts';
import { asError, type Clock, HeddleError } from '../../model/index.ts';
import { installOn, schedulerOf, transportOf } from './target-backend.ts';

/** One thing that was found out about a target. */
export interface TargetFinding {
  readonly what: 'connection' | 'system' | 'tools' | 'files' | 'clock' | 'scheduler' | 'containers' | 'node';
  readonly state: 'well' | 'note' | 'wrong';
  readonly text: string;
}

/** Lines `key value`; everything that needs no more than a POSIX shell says what else there is. */
function probeText(root: string): string {
  const at = root.replace(/^~(?=\/|$)/, '"$HOME"');
  return `echo "host $(uname -n)"
echo "system $(uname -srm)"
echo "cpus $(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)"
echo "libc $(getconf GNU_LIBC_VERSION 2>/dev/null || echo unknown)"
echo "time $(date +%s)"
echo "node $(node --version 2>/dev/null)"
for own in ${at}/node/*/node; do [ -x "$own" ] && echo "installed $("$own" --version)"; done
for tool in tar setsid bash rsync sha256sum shasum; do command -v "$tool" >/dev/null 2>&1 && echo "tool $tool"; done
for tool in podman docker apptainer singularity ch-run bwrap; do command -v "$tool" >/dev/null 2>&1 && echo "container $tool"; done
if mkdir -p ${at} 2>/dev/null && [ -w ${at} ]; then echo "root $(cd ${at} && pwd)"; df -Pk ${at} | awk 'NR == 2 { print "free " $4 }'; fi
`;
}

/** Clocks that differ by more than this make records hard to read. */
const SKEW_MS = 5000;
const LITTLE_ROOM_BYTES = 1024 ** 3;
const TIMEOUT_MS = 30_000;

/** Connects to a target, measures, and says what it has and what it lacks. Never throws: what goes wrong is a finding. */
export async function inspectTarget(
  settings: TargetSettings,
  { clock, install }: { readonly clock: Clock; readonly install: boolean },
): Promise<readonly TargetFinding[]> {
  if (install) {
    const failed = await installNode(settings);
    if (failed.length > 0) return failed;
  }
  const found = await Promise.all(settings.hosts.map(({ way }) => inspectHost({ settings, way, clock })));
  return found.flat();
}

/** Puts Node on each machine that has none that fits; what went wrong. */
async function installNode(settings: TargetSettings): Promise<readonly TargetFinding[]> {
  const findings: TargetFinding[] = [];
  for (const { way } of settings.hosts) {
    try {
      await installOn(way, settings);
    } catch (error) {
      const { message } = asError(error);
      const hint = HeddleError.is(error) && error.hint !== undefined ? `; ${error.hint}` : '';
      findings.push({ what: 'node', state: 'wrong', text: `${message}${hint}` });
    }
  }
  return findings;
}

interface Inspection {
  readonly settings: TargetSettings;
  readonly way: WaySettings;
  readonly clock: Clock;
}

async function inspectHost({ settings, way, clock }: Inspection): Promise<readonly TargetFinding[]> {
  await using transport = transportOf(way, settings);
  const scheduler = schedulerOf(settings);
  const began = clock.now().mono;
  const first = await transport.run(probeText(settings.root), { timeoutMs: TIMEOUT_MS });
  if (first.kind !== 'ended') return [unreached(first, transport)];
  const between = clock.now();
  await transport.run(':', { timeoutMs: TIMEOUT_MS });
  const roundTripMs = clock.now().mono - between.mono;
  const facts = readFacts(first.stdout);
  const findings: TargetFinding[] = [
    {
      what: 'connection',
      state: 'well',
      text: `${transport.name} answers as ${facts.one('host')}: ${Math.round(between.mono - began)} ms to connect, ${Math.round(roundTripMs)} ms a round trip`,
    },
    { what: 'system', state: 'well', text: `${facts.one('system')}, ${facts.one('cpus')} cpus, ${facts.one('libc')}` },
    ...fileFindings(settings, facts),
    ...toolFindings(settings, facts),
    clockFinding(facts, between.wall),
  ];
  if (scheduler !== undefined) findings.push(...(await schedulerFindings(scheduler, transport)));
  return findings;
}

/** The directory of sockets is of this process alone, which ends: a login by it would help nobody. */
const OWN_SOCKET = / -fNM -S \S+/;

function unreached(answer: Exclude<RunAnswer, { readonly kind: 'ended' }>, transport: Transport): TargetFinding {
  const text =
    answer.kind === 'login'
      ? `${transport.name} needs login: ${answer.need.why}; in a terminal: ${answer.need.mend.replace(OWN_SOCKET, '')}`
      : `${transport.name} can't be reached: ${answer.why}`;
  return { what: 'connection', state: 'wrong', text };
}

interface Facts {
  one(key: string): string;
  all(key: string): readonly string[];
}

function readFacts(stdout: Uint8Array): Facts {
  const pairs = new TextDecoder()
    .decode(stdout)
    .split('\n')
    .map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1).trim()] as const);
  const all = (key: string): readonly string[] =>
    pairs.flatMap(([name, value]) => (name === key && value !== '' ? value : []));
  return { all, one: (key) => all(key)[0] ?? '' };
}

function fileFindings({ root, sharesFiles }: TargetSettings, facts: Facts): readonly TargetFinding[] {
  if (sharesFiles) return [{ what: 'files', state: 'well', text: 'shared with this machine: nothing is copied' }];
  const found = facts.one('root');
  if (found === '')
    return [{ what: 'files', state: 'wrong', text: `${root} can't be made or written there: name another with root:` }];
  const freeBytes = Number(facts.one('free')) * 1024;
  const text = `${found}, ${(freeBytes / 1024 ** 3).toFixed(1)} GiB free`;
  return [{ what: 'files', state: freeBytes < LITTLE_ROOM_BYTES ? 'wrong' : 'well', text }];
}

function toolFindings(settings: TargetSettings, facts: Facts): readonly TargetFinding[] {
  const { sharesFiles, container } = settings;
  const tools = facts.all('tool');
  const lacking = [
    ...(sharesFiles || tools.includes('tar') ? [] : ['tar']),
    ...(sharesFiles || tools.includes('sha256sum') || tools.includes('shasum') ? [] : ['sha256sum or shasum']),
    ...(tools.includes('bash') || tools.includes('setsid') ? [] : ['bash or setsid']),
  ];
  const node = facts.one('node');
  const runtimes = facts.all('container');
  const wantsContainer = container !== undefined && container.image !== '';
  return [
    lacking.length === 0
      ? { what: 'tools', state: 'well', text: tools.join(', ') }
      : { what: 'tools', state: 'wrong', text: `lacks ${lacking.join(', ')}` },
    nodeFinding(settings, { node, installed: facts.one('installed') }),
    {
      what: 'containers',
      state: runtimes.length > 0 ? 'well' : wantsContainer ? 'wrong' : 'note',
      text: runtimes.length > 0 ? runtimes.join(', ') : 'no podman, docker, apptainer, singularity, ch-run or bwrap',
    },
  ];
}

function nodeFinding(
  { name, sharesFiles }: TargetSettings,
  { node, installed }: { readonly node: string; readonly installed: string },
): TargetFinding {
  if (sharesFiles) return { what: 'node', state: 'well', text: `${process.version}, the one that runs here` };
  if (isNewEnough(node)) return { what: 'node', state: 'well', text: node };
  if (installed !== '') return { what: 'node', state: 'well', text: `${installed}, put there by us` };
  const found = node === '' ? 'none' : `${node}, too old for functions`;
  return {
    what: 'node',
    state: 'note',
    text: `${found}: heddle doctor --install ${name} puts one there; commands need none`,
  };
}

function clockFinding(facts: Facts, wallMs: number): TargetFinding {
  const skewMs = Number(facts.one('time')) * 1000 - wallMs;
  const isFar = Math.abs(skewMs) > SKEW_MS;
  const text = isFar
    ? `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine's: times in records differ by that`
    : 'agrees with this machine';
  return { what: 'clock', state: isFar ? 'note' : 'well', text };
}

async function schedulerFindings(scheduler: Scheduler, transport: Transport): Promise<readonly TargetFinding[]> {
  const answer = await transport.run(scheduler.describe(), { timeoutMs: TIMEOUT_MS });
  if (answer.kind !== 'ended') return [unreached(answer, transport)];
  const stdout = new TextDecoder().decode(answer.stdout);
  const facts: SchedulerFacts = scheduler.readDescribe({ code: answer.code, stdout, stderr: answer.stderr });
  return [
    ...facts.problems.map((text): TargetFinding => ({ what: 'scheduler', state: 'wrong', text })),
    ...(facts.problems.length > 0 && facts.version === ''
      ? []
      : [
          {
            what: 'scheduler',
            state: 'well',
            text: [facts.version, ...facts.notes].join('; '),
          } satisfies TargetFinding,
        ]),
  ];
}
