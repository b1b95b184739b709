import { mismatchOf, readSoql } from './soql-query.ts'

/** A flag of `run` and `submit` for sources of one kind. */
export interface SourceFlag {
  /** Placeholder of its value in help, such as `<list>`. */
  readonly value: string
  readonly summary: string
  /** What `read` expects, for the error message. */
  readonly expected: string
  /**
   * What is wrong with the text, more precisely than what `read` expects; null if nothing is.
   *
   * @param object of the request, if a flag names it
   */
  problem?(text: string, object?: string): string | null
  /** The source as callers write it; undefined if the text is not valid. */
  read(text: string): { readonly type: string } | undefined
}

/**
 * The kinds of source that have a flag of their own; `--source` takes every kind. They are apart
 * from the schemas so that `--help` does not load zod, which takes as long as the rest of it.
 */
export const SOURCE_FLAGS = {
  ids: {
    value: '<list>',
    summary: 'record ids, separated by commas',
    expected: 'record ids separated by commas',
    read: (text) => {
      const ids = text.split(/[\s,]+/).filter((id) => id !== '')
      return ids.length === 0 ? undefined : { type: 'ids', ids }
    },
  },
  url: {
    value: '<url>',
    summary: 'list to download, plain or compressed with gzip or zstd',
    expected: 'a URL with https or http, without user and password',
    read: (text) => {
      const url = URL.parse(text)
      const isPlain = url !== null && `${url.username}${url.password}` === ''
      return isPlain && /^https?:$/.test(url.protocol) ? { type: 'http', url: text } : undefined
    },
  },
  soql: {
    value: '<query>',
    summary: 'query of the records, SELECT Id FROM the object',
    expected: 'a query',
    problem: (query, object) =>
      readSoql(query).problem ?? (object === undefined ? null : mismatchOf(query, object)),
    read: (query) => ({ type: 'soql', query }),
  },
} satisfies Readonly<Record<string, SourceFlag>>
