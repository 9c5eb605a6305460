// What every peer's handlers do, so that each does the same.

export const greeting = { message: "Hello, world!" };

/**
 * About `turns` times a microsecond of CPU; see `turnsOfOneMs` in bench/peers.ts. The inner function is called often and ends soon:
 * one long loop would be compiled anew in the middle of itself, which V8 at times gives up, in any peer.
 */
export function work(turns: number): { hash: number } {
  let hash = 1;
  for (let turn = 0; turn < turns; turn += 1) hash = mix(hash, turn);
  return { hash };
}

function mix(hash: number, salt: number): number {
  let mixed = hash | 0;
  for (let at = 0; at < 1000; at += 1) mixed = (Math.imul(mixed ^ (salt & 0xff), 0x01000193) + at) | 0;
  return mixed;
}
