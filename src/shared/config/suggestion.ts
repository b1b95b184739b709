/**
 * The word that a mistyped one was probably meant to be, compared without case; undefined where
 * none is near. Near is one slip in three characters, three at most: past that a suggestion misleads.
 */
export function suggest(typed: string, words: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let least = Math.min(3, Math.floor(typed.length / 3)) + 1
  for (const word of words) {
    const slips = editDistance(typed.toLowerCase(), word.toLowerCase())
    if (slips < least) {
      least = slips
      nearest = word
    }
  }
  return nearest
}

/** Levenshtein: how many characters to insert, drop or change. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (const [i, char] of [...a].entries()) {
    const row = [i + 1]
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (char === b[j - 1] ? 0 : 1)
      row.push(Math.min(change, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    previous = row
  }
  return previous[b.length] ?? 0
}
