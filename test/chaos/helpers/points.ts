/** Which of all points of a story are worth a death each. */

const NUMBER = /#\d+(?=:)/

/**
 * A point is known by what it is and by what came before it: a checkpoint that is saved after the
 * upload is another place than one that is saved after the close. Of each kind the first and the
 * last are tried. What an earlier story has tried is left out.
 */
export class Points {
  readonly #tried = new Set<string>()

  choose(reached: readonly string[], only: RegExp): readonly string[] {
    const kindOf = (at: number) => reached[at]?.replace(NUMBER, '') ?? 'the beginning'
    const kinds = Map.groupBy(reached.keys(), (at) => `${kindOf(at - 1)}, ${kindOf(at)}`)
    const chosen = new Set<number | undefined>()
    for (const [kind, places] of kinds) {
      const isWanted = only.test(kindOf(places[0] ?? -1))
      if (!isWanted || this.#tried.has(kind)) continue
      this.#tried.add(kind)
      chosen.add(places[0]).add(places.at(-1))
    }
    return reached.filter((_, at) => chosen.has(at))
  }
}
