/**
 * A way through 0…length-1 that is no ascending one, from arithmetic alone: nothing is stored,
 * whatever the length. Equal seeds give equal ways.
 */
export function permutation(length: number, seed: number): (index: number) => number {
  if (length < 2) return (index) => index
  const step = coprimeStep(length)
  const first = 1 + (seed % (length - 1))
  return (index) => (first + index * step) % length
}

/** Near the golden section, where neighbours land far apart. */
function coprimeStep(length: number): number {
  let step = Math.max(1, Math.floor(length * 0.618))
  while (gcd(step, length) !== 1) step--
  return step
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
