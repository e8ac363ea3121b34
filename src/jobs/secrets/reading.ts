import { type Graph, isSecretData, type Redactor, Secret, silentLogger } from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import { Vault } from './vault.ts';

/**
 * Takes out of a run's output what of its commands' secrets can be read here: for those who look while it goes on, before
 * the engine has cleaned it. Commands of secrets are not asked: somebody who looks is not to be asked for a passphrase.
 */
export async function redactorForReading(graphs: readonly Graph[], project: string): Promise<Redactor> {
  const vault = new Vault({ clock: systemClock, logger: silentLogger, project });
  const environments = graphs.flatMap(({ definitions }) => definitions.map(({ environment }) => environment ?? {}));
  const secrets = environments
    .flatMap((environment) => Object.values(environment))
    .filter((value) => isSecretData(value) && value.$secret[0] !== 'command')
    .map((value) => new Secret((value as Extract<typeof value, object>).$secret));
  if (secrets.length > 0) await vault.open(secrets);
  return vault.redactor;
}
