export function helper(): number {
  return 7;
}

const rate = 2;

export default function (x: number): number {
  return x / rate;
}
