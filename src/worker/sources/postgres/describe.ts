import type { Connection, Submittable } from 'pg'
import { z } from 'zod'

const rowDescription = z.object({ fields: z.array(z.object({ name: z.string() })) })

/**
 * Asks PostgreSQL for the columns of a statement, which is parsed but not run. The extended
 * protocol takes one statement only, so text that passes cannot end the statement that it is
 * embedded in later.
 */
export class Description implements Submittable {
  readonly #text: string
  readonly #answer = Promise.withResolvers<readonly string[]>()
  #columns: readonly string[] = []

  constructor(text: string) {
    this.#text = text
  }

  /** The names of its columns, in order; none if it returns no rows. Rejects with pg's errors. */
  get columns(): Promise<readonly string[]> {
    return this.#answer.promise
  }

  submit(connection: Connection): void {
    connection.parse({ name: '', text: this.#text, types: [] }, true)
    connection.describe({ type: 'S', name: '' }, true)
    connection.sync()
  }

  handleRowDescription(message: unknown): void {
    this.#columns = rowDescription.parse(message).fields.map(({ name }) => name)
  }

  handleError(error: unknown): void {
    this.#answer.reject(error)
  }

  handleReadyForQuery(): void {
    this.#answer.resolve(this.#columns)
  }
}
