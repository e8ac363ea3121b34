import { type BackendContext, HeddleError } from '../../model/index.ts';
import type { Depot } from '../depot/index.ts';
import type { Transport } from '../transport/index.ts';
import { DepotSite } from './depot-site.ts';
import type { RemoteSettings } from './settings.ts';
import { SharedSite } from './shared-site.ts';
import type { Site } from './site.ts';

/** The work directories of a target: on our own disk where its files are ours, else in its depot. */
export function openSite(of: {
  readonly name: string;
  readonly context: BackendContext;
  readonly transport: Transport;
  readonly depot: Depot | undefined;
  readonly settings: RemoteSettings;
}): Site {
  const { name, context, transport, depot, settings } = of;
  if (transport.sharesFiles) return new SharedSite({ name, context, project: settings.project ?? context.project });
  if (depot === undefined)
    throw new HeddleError('INPUT_INVALID', `target '${name}' shares no files with this machine, and has no depot`);
  return new DepotSite({ name, context, transport, depot, settings });
}
