import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asJobId, type AttemptOrder, type OutputSpec, quoteWord } from '../model/index.ts';
import { type BackendCase, bare, shell } from './backend-case.ts';
import type { BackendFixture, BackendRig, Settled } from './backend-rig.ts';

const MEBIBYTE = 1024 * 1024;

/** What commands say, leave behind, are called, take and end by. Their text is for any POSIX shell, busybox's too. */
export const commandCases: readonly BackendCase[] = [
  bare('keeps what a command says, byte for byte, each stream by itself', ['commands'], keepsOutput),
  bare('carries bytes of every kind, and megabytes of them, in and out', ['commands'], carriesBytes),
  bare('cuts off what is said above the bound, and marks it', ['commands'], cutsOutput),
  bare('tells every exit code', ['commands'], tellsExitCodes),
  bare('tells signals, from inside and from outside', ['commands'], tellsSignals),
  bare('takes hostile names of jobs for names', ['commands'], takesHostileNames),
  bare('hands on hostile parameters as they are', ['commands'], handsOnParameters),
  bare('has paths with blanks, quotes and other scripts', ['commands'], hasUnicodePaths),
  bare('leaves nobody alive of what it cancelled', ['commands'], leavesNobody),
  bare('leaves nobody alive of what has ended by itself', ['commands'], endsLeftovers),
  bare('tells who took more memory than was granted', ['commands', 'memory'], tellsMemory),
  bare('does many, each once', ['commands'], doesMany),
];

const file = (path: string): OutputSpec => ({ name: 'out', path, type: 'file' });

/** What lies in an attempt's directory here. */
const left = (order: AttemptOrder, path: string): Buffer => readFileSync(join(order.directory, path));

function endsWell(end: Settled | undefined): void {
  assert.ok(end?.kind === 'ended' && end.outcome.kind === 'ok', JSON.stringify(end));
}

/** In a word: `ok`, `exit 3`, `signal SIGTERM`. */
function wordOf(end: Settled): string {
  if (end.kind === 'gone') return 'gone';
  const { outcome } = end;
  if (outcome.kind === 'exit') return `exit ${outcome.code}`;
  return outcome.kind === 'signal' ? `signal ${outcome.signal}` : outcome.kind;
}

async function keepsOutput(rig: BackendRig): Promise<void> {
  const text = String.raw`printf 'out\000\377\303(\r\n'; printf 'err\000\376' >&2; printf end`;
  const orders = [rig.order(shell(text)), rig.order(shell(`${text}; exit 3`)), rig.order(shell('true'))];

  const ends = await rig.run(orders);

  assert.deepEqual(ends.map(wordOf), ['ok', 'exit 3', 'ok']);
  for (const order of orders.slice(0, 2)) {
    assert.deepEqual(left(order, 'stdout').toString('latin1'), 'out\0\xff\xc3(\r\nend');
    assert.deepEqual(left(order, 'stderr').toString('latin1'), 'err\0\xfe');
  }
}

async function carriesBytes(rig: BackendRig, { directory, random }: BackendFixture): Promise<void> {
  const bytes = Buffer.from(Uint8Array.from({ length: 3 * MEBIBYTE }, () => random.next() * 256));
  const at = join(directory, 'given');
  writeFileSync(at, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const work = shell('cat inputs/given; cat inputs/given inputs/given >copy', [file('copy')]);
  const order = rig.order(
    { ...work, inputs: [{ name: 'given', at, sha256, size: bytes.length }] },
    { limits: { graceMs: 500, outputBytes: 4 * MEBIBYTE } },
  );

  const [end] = await rig.run([order]);

  endsWell(end);
  assert.ok(left(order, 'stdout').equals(bytes), 'what it said is not what it was given');
  assert.ok(left(order, 'copy').equals(Buffer.concat([bytes, bytes])), 'its output is not what it was given');
}

async function cutsOutput(rig: BackendRig): Promise<void> {
  const bound = 64 * 1024;
  const text = 'i=0; while [ $i -lt 40000 ]; do echo "line $i"; i=$((i+1)); done; echo short >&2; exit 4';
  const order = rig.order(shell(text), { limits: { graceMs: 500, outputBytes: bound } });

  const [end] = await rig.run([order]);

  assert.equal(end && wordOf(end), 'exit 4');
  const said = left(order, 'stdout').toString();
  const whole = Array.from({ length: 40_000 }, (_, i) => `line ${i}\n`).join('');
  assert.equal(said.slice(0, bound), whole.slice(0, bound), 'what was said first is kept');
  assert.ok(said.length > bound && said.length < bound + 1024, `of ${bound} bytes and a mark there are ${said.length}`);
  assert.ok(!whole.startsWith(said), 'the cut is marked');
  assert.equal(left(order, 'stderr').toString(), 'short\n');
}

/** Among them what shells, wrappers and batch systems mean something by. */
const EXIT_CODES = [0, 1, 2, 75, 99, 100, 121, 122, 123, 126, 127, 128, 129, 137, 143, 255];

async function tellsExitCodes(rig: BackendRig): Promise<void> {
  const orders = [
    ...EXIT_CODES.map((code) => rig.order(shell(`exit ${code}`))),
    rig.order(shell(': >tool; ./tool')),
    rig.order(shell('./nowhere')),
  ];

  const ends = await rig.run(orders);

  const codes = [...EXIT_CODES, 126, 127];
  assert.deepEqual(
    ends.map(wordOf),
    codes.map((code) => (code === 0 ? 'ok' : `exit ${code}`)),
  );
}

async function tellsSignals(rig: BackendRig): Promise<void> {
  const signals = ['TERM', 'KILL', 'ABRT', 'USR1'];
  const orders = signals.flatMap((name) => [
    rig.order(shell(`ulimit -c 0; kill -${name} $$; sleep 60`)),
    rig.order(shell(`ulimit -c 0; sh -c 'kill -${name} $PPID'; sleep 60`)),
  ]);

  const ends = await rig.run(orders);

  const expected = signals.flatMap((name) => [`signal SIG${name}`, `signal SIG${name}`]);
  assert.deepEqual(ends.map(wordOf), expected);
}

const HOSTILE_NAMES = [
  `it's a "job"`,
  'two\nlines, and\ttabs\r',
  '$(touch escaped) `touch escaped` ${HOME}',
  '; exit 9; #',
  '-n --help',
  'a/b/../../c',
  'задача 工作 🧵 ü',
  '%j %A *?[a] ~ \\ ! &|<>(){}',
  'x'.repeat(300),
];

async function takesHostileNames(rig: BackendRig): Promise<void> {
  const text = 'printf %s "$HEDDLE_JOB_ID" >name; if [ -e escaped ]; then exit 8; fi';
  const orders = HOSTILE_NAMES.map((name) => rig.order(shell(text, [file('name')]), { job: asJobId(name) }));

  const ends = await rig.run(orders);

  for (const end of ends) endsWell(end);
  assert.deepEqual(
    orders.map((order) => left(order, 'name').toString()),
    HOSTILE_NAMES,
  );
}

const ASCII = String.fromCharCode(...Array.from({ length: 127 }, (_, i) => i + 1));
const HOSTILE_WORDS = [
  ...['', ' ', '-', '--', '-n', '-e', '*', '?', '~', '~root', '$HOME', '${HOME}', '$(exit 1)', '`exit 1`', '!!', '#'],
  ...['\\', '\\\\', '\\n', "'", '"', `'"'"'`, 'a\nb', '\n', '\r\n', '\t', '%s%n%d', '{a,b}', '<(x)', '\u001b[31m'],
  ...[
    'ünïcödé',
    '日本語',
    '🧵\u200d',
    'e\u0301',
    '\u202eabc',
    '\ufeffbom',
    '\u2028',
    '\uffff',
    ASCII,
    'x'.repeat(5000),
  ],
];

async function handsOnParameters(rig: BackendRig): Promise<void> {
  const program = `printf '%s\\0' "$ODD" "$@" >words`;
  const argv = ['sh', '-c', program, 'sh', ...HOSTILE_WORDS];
  const text = argv.map(quoteWord).join(' ');
  const environment = { ODD: ASCII };
  const orders = [
    rig.order({ ...shell(text, [file('words')]), argv, environment }),
    rig.order({
      ...shell(`set -- ${HOSTILE_WORDS.map(quoteWord).join(' ')}\n${program}`, [file('words')]),
      environment,
    }),
  ];

  const ends = await rig.run(orders);

  for (const [i, order] of orders.entries()) {
    endsWell(ends[i]);
    assert.deepEqual(left(order, 'words').toString().split('\0'), [ASCII, ...HOSTILE_WORDS, '']);
  }
}

async function hasUnicodePaths(rig: BackendRig, { directory }: BackendFixture): Promise<void> {
  const names = ['日本 語.txt', `it's "$HOME" & co; *`, 'naïve/ё ж', '-rf', 'e\u0301 e\u0301', '#{}[]!%~'];
  const inputs = names.map((name, i) => {
    const at = join(directory, `eingabe ü ${i}`);
    writeFileSync(at, `${name}\n`);
    return { name, at };
  });
  const [first = ''] = names;
  const outputs = names.map((name, i): OutputSpec => ({ name: `out ${i}`, path: `ergebnis ñ/${name}`, type: 'text' }));
  const work = shell(
    `mkdir -p 'ergebnis ñ/naïve'; cp -RL inputs/. 'ergebnis ñ/'; cat inputs/${quoteWord(first)}`,
    outputs,
  );
  const order = rig.order({ ...work, inputs });

  const [end] = await rig.run([order]);

  endsWell(end);
  for (const { path } of outputs) assert.equal(left(order, path).toString(), `${path.slice('ergebnis ñ/'.length)}\n`);
  assert.equal(left(order, 'stdout').toString(), `${first}\n`);
}

/** A process that writes a line every moment it lives, and ignores what is polite. */
function beating(path: string): string {
  return `sh -c ${quoteWord(`trap '' TERM HUP INT; while :; do echo >>${quoteWord(path)}; sleep 0.1; done`)}`;
}

/** Resolves when no line has come for a while; rejects when some do. */
async function noBeats(rig: BackendRig, paths: readonly string[]): Promise<void> {
  const sizes = (): readonly number[] => paths.map((path) => statSync(path).size);
  const before = sizes();
  await rig.pause(500);
  assert.deepEqual(sizes(), before, 'somebody lives after the end was told');
}

/** One ignores TERM, and one has made itself a session of its own as well. */
async function leavesNobody(rig: BackendRig, { directory }: BackendFixture): Promise<void> {
  const [near, far] = [join(directory, 'beats near'), join(directory, "beats of who's far")];
  const order = rig.order(
    shell(`away=$(command -v setsid || :); ${beating(near)} & $away ${beating(far)} & trap '' TERM; wait; sleep 60`),
    { limits: { graceMs: 300, outputBytes: MEBIBYTE, runMs: 60_000 } },
  );
  await rig.launch([order]);
  for (const path of [near, far]) await rig.until(() => existsSync(path) || undefined, `${path}: none came`);

  rig.backend.cancel(order.attempt, 300);
  const end = await rig.end(order);

  assert.ok(end.kind === 'ended' && end.outcome.kind !== 'ok', JSON.stringify(end));
  await noBeats(rig, [near, far]);
}

async function endsLeftovers(rig: BackendRig, { directory }: BackendFixture): Promise<void> {
  const path = join(directory, 'beats');
  const order = rig.order(shell(`${beating(path)} & while [ ! -e ${quoteWord(path)} ]; do sleep 0.05; done; exit 7`));

  const [end] = await rig.run([order]);

  assert.equal(end && wordOf(end), 'exit 7');
  await noBeats(rig, [path]);
}

async function tellsMemory(rig: BackendRig): Promise<void> {
  const memoryBytes = 64 * MEBIBYTE;
  // 16 bytes, doubled to 256 MiB; who is not ended for it ends well.
  const text = 'x=0123456789abcdef; i=0; while [ $i -lt 24 ]; do x=$x$x; i=$((i+1)); done; sleep 3';
  const plain = rig.order(shell(text));
  const order = { ...plain, grant: { ...plain.grant, memoryBytes }, request: { cpus: 1, memoryBytes } };

  const [end] = await rig.run([order]);

  assert.equal(end && wordOf(end), 'memory');
}

async function doesMany(rig: BackendRig, { directory }: BackendFixture): Promise<void> {
  const ledger = join(directory, 'ledger');
  writeFileSync(ledger, '', { mode: 0o666 });
  const orders = Array.from({ length: rig.many }, (_, n) =>
    rig.order(shell(`echo ${n} >>${quoteWord(ledger)}; exit ${n % 3}`)),
  );

  const ends = await rig.play(orders);

  assert.deepEqual(
    ends.map(wordOf),
    orders.map((_, n) => (n % 3 === 0 ? 'ok' : `exit ${n % 3}`)),
  );
  const ran = readFileSync(ledger, 'utf8').trim().split('\n').map(Number);
  assert.deepEqual(
    ran.toSorted((a, b) => a - b),
    [...orders.keys()],
    'each body ran once',
  );
}
