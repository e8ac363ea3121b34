import { enableCompileCache } from 'node:module';
import { execCall, registerResolver } from '../calls/index.ts';
import { laneClock } from './lane-clock.ts';

/** One call as one program, `node exec.entry.js exec CALL RESULT`: for where there is this much of heddle and no more. */
enableCompileCache();
registerResolver({ inLane: true });
const [, , , callFile = '', resultFile = ''] = process.argv;
process.exit(await execCall(callFile, resultFile, laneClock));
