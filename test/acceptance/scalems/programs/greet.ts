import { type App, app, executable, functionCall, getScope } from 'heddle';

/** Says where it ran: in the script's own process or another. */
export function whereAmI(): { readonly pid: number } {
  return { pid: process.pid };
}

export const main: App = app(async (args) => {
  const manager = getScope();
  const hello = manager.addItem(executable(['echo', 'hello', ...args]));
  const { pid } = await manager.addItem(functionCall(whereAmI, [])).result();
  const { stdout } = await hello.result();
  console.log(`${(await stdout.text()).trimEnd()} (${pid === process.pid ? 'here' : 'elsewhere'})`);
  console.log(JSON.stringify(process.argv.slice(2)));
});
