// A condition of one's own, looked at every half second: chance decides.
import { Condition, Engine, LocalJob } from 'heddle';

let seed = 123_456_789;
/** Numbers between 0 and 1 that come the same every time (Park and Miller, 1988). */
const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;

class RandomCondition extends Condition {
  override readonly everyMs = 500;
  readonly probability: number;
  looks = 0;

  constructor(probability = 0.5) {
    super();
    this.probability = probability;
  }

  satisfy(): boolean {
    this.looks += 1;
    return random() <= this.probability;
  }
}

await using engine = await Engine.open();
const condition = new RandomCondition(0.2);
const job = new LocalJob(() => console.log('hi'), [], { condition });
engine.submit(job);
await engine.wait();
console.log(condition.looks > 1, job.attempts);
