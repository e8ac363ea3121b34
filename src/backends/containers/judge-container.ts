import type { ErrorCode, Outcome, SerializedError } from '../../model/index.ts';
import type { ContainerRecord } from './record.ts';

const MIB = 1024 * 1024;

/** How each runtime says that it was itself what failed, and the codes it then ends with. */
const OWN_WORDS = {
  podman: { codes: [125, 126, 127], line: /^(?:Error|error): |^time=.* level=(?:error|fatal)/ },
  docker: {
    codes: [125, 126, 127],
    line: /^docker: |^unknown (?:shorthand )?flag|^Error response from daemon|^Cannot connect to the Docker daemon/,
  },
  apptainer: { codes: [1, 255], line: /^(?:FATAL|ERROR) ?:/ },
  singularity: { codes: [1, 255], line: /^(?:FATAL|ERROR) ?:|^Abort/ },
  charliecloud: { codes: [1, 64], line: /^ch-run\[\d+\]: error: |^(?:unshare|ch-run): / },
  bubblewrap: { codes: [1], line: /^bwrap: / },
} as const;

/** The init that was put before the command, when there is no such command. */
const INIT = /^ERROR \(catatonit:\d+\): failed to exec|^\[FATAL tini \(\d+\)\]/;

/** Trouble on the way to a registry, which may be over a moment later. */
const PASSING =
  /toomanyrequests|too many requests|rate limit|timeout|timed out|connection (?:refused|reset)|no route to host|network is unreachable|temporary failure|server misbehaving|no such host|lookup .* on|EOF|TLS handshake|50[0234]\b/i;

/** What is usually behind a runtime's words, and what mends it. */
const MENDS: readonly (readonly [words: RegExp, mend: string])[] = [
  [
    /setrlimit|RLIMIT_/i,
    "this user may not raise limits: put default_ulimits = [\"nofile=1024:4096\", \"nproc=1024:4096\"] below [containers] in containers.conf, or say so for the task: options: ['--ulimit', 'nofile=1024:4096', '--ulimit', 'nproc=1024:4096']",
  ],
  [/hybrid mode/i, 'crun takes no hybrid cgroups: set runtime = "runc" below [engine] in containers.conf'],
  [
    /Cannot connect to the Docker daemon|docker daemon is not running|connection refused.*docker\.sock/i,
    'start dockerd, or let DOCKER_HOST say where it is',
  ],
  [/permission denied.*docker/i, 'let this user use docker (group docker), or choose podman'],
  [
    /unknown flag|unknown shorthand|unrecognized option|Unknown option/i,
    "look at the task's container options: this runtime does not have that one",
  ],
  [
    /"?\/bin\/sh"?:? .*no such file|can't execute.*\/bin\/sh|exec.*\/bin\/sh/i,
    'the image has no /bin/sh: give the command as a list of words, which takes no shell',
  ],
  [
    /failed to exec pid1|FATAL tini|executable file not found|no such file or directory: OCI|can't execv?p?|execvp/i,
    'the image has no such program',
  ],
  [
    /unauthorized|denied|authentication required/i,
    'log in to the registry there (podman login, docker login), or mend the name',
  ],
  [
    /manifest unknown|not found|not known|no such image|name unknown|short-name/i,
    "mend the image's name, or pull it there by hand",
  ],
  [/subuid|subgid|newuidmap/i, 'rootless containers need lines for this user in /etc/subuid and /etc/subgid'],
];

/**
 * What a container's end means, where its exit code alone does not say: that the runtime has failed and not the command, or that
 * the kernel killed for memory. Undefined: the code or signal stands for itself.
 *
 * @param said the end of what was said on stderr
 */
export function judgeContainer(record: ContainerRecord, said: string): Outcome | undefined {
  if (record.oom && record.state === 'ended') {
    const limit =
      record.memoryBytes === undefined ? '' : ` of the ${Math.round(record.memoryBytes / MIB)} MiB it was granted`;
    return {
      kind: 'memory',
      note: `out of memory: its container was at the bound${limit}, and was killed by the kernel`,
    };
  }
  const lines = said.trimEnd().split('\n');
  if (record.failed !== '') {
    const [own = '', ...before] = lines.slice(-4).reverse();
    const why = own.replace(/^heddle: /, '');
    const reason = before.find((line) => line.trim() !== '');
    const isPassing = record.failed === 'image' && PASSING.test(said);
    const message = record.failed === 'image' && reason !== undefined ? `${why}: ${reason}` : why;
    return errorOf(isPassing ? 'IMAGE_UNAVAILABLE' : 'CONTAINER_FAILED', message, said);
  }
  if (record.runtime === undefined || record.state !== 'ended') return undefined;
  const init = record.said === 'exited' ? undefined : lines.findLast((each) => INIT.test(each));
  if (init !== undefined && [1, 126, 127].includes(record.code)) return ownFailure(record, init, said);
  if (record.said !== '') return undefined;
  const { codes, line } = OWN_WORDS[record.runtime];
  const word = lines.findLast((each) => line.test(each));
  if (word === undefined || !codes.some((code) => code === record.code)) return undefined;
  return ownFailure(record, word, said);
}

function ownFailure({ runtime, image }: ContainerRecord, word: string, said: string): Outcome {
  return errorOf('CONTAINER_FAILED', `${runtime} could not run ${image}: ${word}`, said);
}

function errorOf(code: ErrorCode, message: string, said: string): Outcome {
  const tail = said.split('\n').slice(-8).join('\n');
  const mend = MENDS.find(([words]) => words.test(tail))?.[1];
  const error: SerializedError = { name: 'HeddleError', code, message, ...(mend === undefined ? {} : { hint: mend }) };
  return { kind: 'error', error };
}
