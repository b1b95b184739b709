/**
 * The word that a mistyped one probably means, ignoring case; undefined if none is close. Close
 * means one mistake per three characters, at most three; beyond that suggestions mislead.
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

/** Levenshtein distance: the number of characters to insert, remove or change. */
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
