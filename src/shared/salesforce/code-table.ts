/**
 * Normalizes a code or text: capitals without separators. Salesforce writes the same code as
 * `EXCEEDED_QUOTA`, `EXCEEDEDQUOTA` or `ExceededQuota`, depending on the API, and in prose as
 * separate words.
 */
export function codeKey(text: string): string {
  return text.toUpperCase().replace(/[^A-Z0-9]+/g, '')
}

/** The meaning of Salesforce's codes, found in any spelling. */
export class CodeTable<T> {
  readonly #values: ReadonlyMap<string, T>
  readonly #names: ReadonlyMap<string, string>

  /** @param codes in the spelling used everywhere else */
  constructor(codes: Readonly<Record<string, T>>) {
    this.#values = new Map(Object.entries(codes))
    this.#names = new Map([...this.#values.keys()].map((code) => [codeKey(code), code]))
  }

  get names(): readonly string[] {
    return [...this.#values.keys()]
  }

  /** The code in the table's spelling; undefined if the table lacks it. */
  nameOf(code: string): string | undefined {
    // Codes come by the million, nearly always in this spelling.
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

/** A table for a plain set of codes. */
export function codeSet(...codes: readonly string[]): CodeTable<true> {
  return new CodeTable(Object.fromEntries(codes.map((code) => [code, true] as const)))
}
