import { describe, expect, test } from 'vitest';
import type { ShellEnd } from './shell-process.ts';
import { diagnose, findDetour } from './ssh-diagnosis.ts';

const BY_HAND = { login: 'ssh -fNM -S /s/login h', accept: 'ssh -o StrictHostKeyChecking=ask h' };

function ended(stderr: string, more: Partial<ShellEnd> = {}): ShellEnd {
  return { code: undefined, begun: false, eaten: false, unsent: true, stderr, noise: '', carrier: 255, ...more };
}

const CHANGED = `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Add correct host key in /scratch/a b/.ssh/known_hosts to get rid of this message.
Offending ED25519 key in /scratch/a b/.ssh/known_hosts:1
  remove with:
  ssh-keygen -f "/scratch/a b/.ssh/known_hosts" -R "[127.0.9.2]:22022"
Host key for [127.0.9.2]:22022 has changed and you have requested strict checking.
Host key verification failed.
`;

describe('what ssh says', () => {
  test.each([
    [
      'a changed key',
      CHANGED,
      /has changed/,
      "ssh-keygen -f '/scratch/a b/.ssh/known_hosts' -R '[127.0.9.2]:22022' && ssh -o StrictHostKeyChecking=ask h",
    ],
    [
      'an unknown key',
      'No ED25519 host key is known for h and you have requested strict checking.\r\nHost key verification failed.\r\n',
      /ED25519 host key of h is not known/,
      BY_HAND.accept,
    ],
    [
      'a refused key',
      'Welcome\na@h: Permission denied (publickey).\r\n',
      /no key of ours was accepted \(publickey\)/,
      BY_HAND.login,
    ],
    [
      'a wanted password',
      'a@h: Permission denied (publickey,password,keyboard-interactive).',
      /password or a second factor/,
      BY_HAND.login,
    ],
    [
      'an agent that does not sign',
      'sign_and_send_pubkey: signing failed for ED25519 "x" from agent: agent refused operation\na@h: Permission denied (publickey).',
      /agent did not sign/,
      `ssh-add && ${BY_HAND.login}`,
    ],
    [
      'too many keys',
      'Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures\r\nDisconnected from 1.2.3.4 port 22',
      /too many keys/,
      BY_HAND.login,
    ],
    [
      'an expired password',
      'WARNING: Your password has expired.\nPassword change required but no TTY available.',
      /expired/,
      BY_HAND.login,
    ],
  ])('%s wants its user', (_, stderr, why, mend) => {
    expect(diagnose(ended(stderr), BY_HAND)).toEqual({
      kind: 'login',
      need: { why: expect.stringMatching(why), mend },
    });
  });

  test.each([
    ['ssh: connect to host h port 22: Connection refused\r\n', 'ssh: connect to host h port 22: Connection refused'],
    [
      'ssh: Could not resolve hostname h: Name or service not known\r\n',
      'ssh: Could not resolve hostname h: Name or service not known',
    ],
    [
      'A banner\nTimeout, server h not responding.\r\nmux_client_request_session: read from master failed: Broken pipe\r\n',
      'mux_client_request_session: read from master failed: Broken pipe',
    ],
    [
      'A banner that says: Connection closed\nssh: connect to host h port 22: No route to host\r\n',
      'ssh: connect to host h port 22: No route to host',
    ],
    ['', 'the connection was lost'],
  ])('is unreachable: %j', (stderr, why) => {
    expect(diagnose(ended(stderr), BY_HAND)).toEqual({ kind: 'unreachable', why });
  });

  test('what a script says is no word of ssh', () => {
    const end = ended('x: Permission denied (publickey).\n', { begun: true });

    expect(diagnose(end, BY_HAND).kind).toBe('unreachable');
  });

  test('a session that a master may have begun is not begun again', () => {
    const gone = 'heddle-no-master\nConnection closed by UNKNOWN port 65535';
    const broke = `mux_client_request_session: read from master failed: Broken pipe\n${gone}`;
    const refused = `mux_client_request_session: session request failed: Session open refused by peer\n${gone}`;

    expect(findDetour(ended(gone, { unsent: false }))).toBe('no-master');
    expect(findDetour(ended(refused, { unsent: false }))).toBe('refused');
    expect(findDetour(ended(broke, { unsent: false }))).toBeUndefined();
    expect(findDetour(ended(broke, { unsent: true }))).toBe('no-master');
  });
});
