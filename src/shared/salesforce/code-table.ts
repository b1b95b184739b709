/**
 * A code or a text in capitals, without what stands between its words. Salesforce writes the same
 * code as `EXCEEDED_QUOTA`, `EXCEEDEDQUOTA` or `ExceededQuota`, depending on which of its APIs the
 * code comes through, and in prose as words.
 */
export function codeKey(text: string): string {
  return text.toUpperCase().replace(/[^A-Z0-9]+/g, '')
}

/** What Salesforce's codes mean, found however they are spelt. */
export class CodeTable<T> {
  readonly #values: ReadonlyMap<string, T>
  readonly #names: ReadonlyMap<string, string>

  /** @param codes in the spelling that everything else uses */
  constructor(codes: Readonly<Record<string, T>>) {
    this.#values = new Map(Object.entries(codes))
    this.#names = new Map([...this.#values.keys()].map((code) => [codeKey(code), code]))
  }

  get names(): readonly string[] {
    return [...this.#values.keys()]
  }

  /** The code as the table spells it; undefined where it has no such code. */
  nameOf(code: string): string | undefined {
    // Codes come by the million, nearly always spelt as here.
    return this.#values.has(code) ? code : this.#names.get(codeKey(code))
  }

  get(code: string): T | undefined {
    const name = this.nameOf(code)
    return name === undefined ? undefined : this.#values.get(name)
  }

  has(code: string | null): boolean {
    return code !== null && this.nameOf(code) !== undefined
  }
}

/** The same for codes that only belong together. */
export function codeSet(...codes: readonly string[]): CodeTable<true> {
  return new CodeTable(Object.fromEntries(codes.map((code) => [code, true] as const)))
}
