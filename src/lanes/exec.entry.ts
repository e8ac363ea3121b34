import { enableCompileCache } from 'node:module';
import { execCall, registerResolver } from '../calls/index.ts';
import { laneClock } from './lane-clock.ts';

/** One call as one program, `node exec.entry.js exec CALL RESULT [PROJECT]`: for where there is this much of heddle and no more. */
enableCompileCache();
registerResolver({ inLane: true });
const [, , , callFile = '', resultFile = '', project] = process.argv;
process.exit(await execCall({ callFile, resultFile, project }, laneClock));
