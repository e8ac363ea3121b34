import type { AttemptOrder, Backend, ContainerSpec, NoContainer, ResolvedWork } from '../../model/index.ts';

/** What an order's command runs in; undefined: nothing, by choice or because nobody says. */
export function containerFor({ container }: Pick<AttemptOrder, 'container'>): ContainerSpec | undefined {
  return container === undefined || container.image === '' ? undefined : container;
}

/** The same backend for commands whose task does not say what they run in: then it is this. */
export function withDefaultContainer(backend: Backend, container: ContainerSpec | NoContainer): Backend {
  const filled = <Asked extends { readonly container?: ContainerSpec | NoContainer; readonly work: ResolvedWork }>(
    asked: Asked,
  ): Asked => (asked.container === undefined && asked.work.kind === 'command' ? { ...asked, container } : asked);
  return {
    name: backend.name,
    capabilities: backend.capabilities,
    open: (context) => backend.open(context),
    launch: (orders) => backend.launch(orders.map(filled)),
    cancel: (attempt, graceMs) => backend.cancel(attempt, graceMs),
    recover: (queries) => backend.recover(queries.map(filled)),
    release: (attempts) => backend.release(attempts),
    ...(backend.pull === undefined ? {} : { pull: backend.pull.bind(backend) }),
    ...(backend.recall === undefined ? {} : { recall: backend.recall.bind(backend) }),
    ...(backend.resize === undefined ? {} : { resize: backend.resize.bind(backend) }),
    ...(backend.processes === undefined ? {} : { processes: backend.processes.bind(backend) }),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}
