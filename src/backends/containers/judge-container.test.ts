import { expect, test } from 'vitest';
import { judgeContainer } from './judge-container.ts';
import { type ContainerRecord, parseContainer } from './record.ts';

const ended: ContainerRecord = {
  attempt: 'a-1',
  runtime: 'podman',
  name: 'heddle-a-1',
  image: 'tools:1',
  id: '',
  digest: '',
  network: 'none',
  state: 'ended',
  said: '',
  failed: '',
  code: 126,
  oom: false,
};

function told(record: Partial<ContainerRecord>, said: string): Record<string, unknown> | undefined {
  const outcome = judgeContainer({ ...ended, ...record }, said);
  return outcome?.kind === 'error' ? { ...outcome.error } : outcome;
}

test('a limit this user may not raise is told with its mend', () => {
  const said =
    'Error: runc: runc create failed: error setting rlimits: setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied\n';

  expect(told({}, said)).toMatchObject({
    code: 'CONTAINER_FAILED',
    message: expect.stringContaining('podman could not run tools:1: Error: runc') as string,
    hint: expect.stringContaining('default_ulimits = ') as string,
  });
});

test.each([
  ['toomanyrequests: You have reached your pull rate limit', 'IMAGE_UNAVAILABLE'],
  ['Get "https://quay.io/v2/": dial tcp: lookup quay.io: Temporary failure in name resolution', 'IMAGE_UNAVAILABLE'],
  ['reading manifest 3 in quay.io/tools: manifest unknown', 'CONTAINER_FAILED'],
  ['unauthorized: access to the requested resource is not authorized', 'CONTAINER_FAILED'],
])('a pull that failed with `%s` is %s', (word, code) => {
  const said = `Error: ${word}\nheddle: image tools:1 could not be pulled\n`;

  expect(told({ failed: 'image', code: 125 }, said)).toMatchObject({
    code,
    message: `image tools:1 could not be pulled: Error: ${word}`,
  });
});

test.each([
  ['the command’s own 126', { said: 'exited' as const }, 'Error: of its own\n'],
  ['what began and was killed', { said: 'began' as const, code: 137 }, 'Error: of its own\n'],
  ['nothing the runtime says', {}, 'sh: prog: not found\n'],
  ['another code than its own', { code: 3 }, 'Error: no\n'],
  ['what never came to its end', { state: 'starting' as const, oom: true }, 'Error: no\n'],
])('%s is not the runtime’s failure', (_, record, said) => {
  expect(told(record, said)).toBeUndefined();
});

test('memory is told with its bound', () => {
  expect(told({ oom: true, said: 'began', code: 137, memoryBytes: 64 * 1024 * 1024 }, '')).toEqual({
    kind: 'memory',
    note: 'out of memory: its container was at the bound of the 64 MiB it was granted, and was killed by the kernel',
  });
});

test('a record that is not whole is none', () => {
  expect(parseContainer('{"attempt":"a-1","name":')).toBeUndefined();
  expect(parseContainer('null')).toBeUndefined();
});
