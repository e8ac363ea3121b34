export function main(): void {
  throw new Error('nobody marked it');
}
