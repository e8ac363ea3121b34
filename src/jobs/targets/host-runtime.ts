import { quoteWord } from '../../model/index.ts';

/** Heddle on one of several machines. */
export interface HostRuntime {
  /** Node, and heddle's program. */
  readonly exec: readonly string[];
  /** Where the project lies there. */
  readonly project: string;
}

/**
 * The program that makes a call on whichever of these machines it is run: where Node, heddle and the project lie may differ
 * between them. It finds its own by what is there.
 */
export function runtimeOnAny(runtimes: readonly HostRuntime[]): HostRuntime {
  const [first, ...others] = runtimes as [HostRuntime, ...HostRuntime[]];
  const isSame = ({ exec, project }: HostRuntime): boolean =>
    project === first.project && exec.join('\0') === first.exec.join('\0');
  if (others.every(isSame)) return first;
  // A Node of a site's own (/usr/bin/node) may be there on a machine where it is not the one that was chosen.
  const ownFirst = runtimes.toSorted((a, b) => Number(isOurs(b)) - Number(isOurs(a)));
  const lines = ownFirst.map(({ exec, project }) => {
    const isThere = [...exec, project].map((path) => `[ -e ${quoteWord(path)} ]`).join(' && ');
    return `${isThere} && exec ${exec.map(quoteWord).join(' ')} "$@" ${quoteWord(project)}`;
  });
  const text = `${lines.join('\n')}\necho 'heddle and the code of its calls are not on this machine' >&2\nexit 1`;
  return { exec: ['/bin/sh', '-c', text, 'heddle'], project: first.project };
}

/** Whether its Node was brought: it lies beside heddle. */
function isOurs({ exec: [node = '', program = ''] }: HostRuntime): boolean {
  const at = node.indexOf('/node/v');
  return at > 0 && program.startsWith(`${node.slice(0, at)}/`);
}
